"""The command line as a whole: its help is a table of contents."""

from typer.testing import CliRunner

from orchestration.cli import CONTENTS, app


def test_help_shows_every_command_under_its_chapter_in_the_order_of_the_contents() -> None:
    lines = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout.splitlines()
    chapters = [line.split("─")[1].strip() for line in lines if line.startswith("╭─")]
    rows = [line.strip("│ ").split()[0] for line in lines if line.startswith("│ ")]

    assert chapters == ["Options", *CONTENTS]
    assert rows == ["--help", *(name for chapter in CONTENTS.values() for name in chapter)]
