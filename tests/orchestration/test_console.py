"""What the command line prints."""

from rich.console import Console

from orchestration.console import rows_table


def test_a_table_shows_a_films_words_as_they_are() -> None:
    console = Console(width=80, record=True)
    console.print(rows_table("film [cut].srt", ["cue", "text"], [["1", "[door slams] Who's there? [/b]"], ["2", "[red]"]]))
    shown = console.export_text()
    assert "film [cut].srt" in shown
    assert "[door slams] Who's there? [/b]" in shown
    assert "[red]" in shown
