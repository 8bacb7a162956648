"""`feelm screenplay`: a screenplay beside the subtitles of its film."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Table

from corpus.terms import FeelmError
from orchestration.console import Json, rows_table, show

if TYPE_CHECKING:
    from corpus.dialogue.screenplay.scripted import ScriptedDialogue, ScriptedUtterance

screenplay_app = typer.Typer(no_args_is_help=True, help="Screenplays beside subtitles.")

_SHOWN_UNSPOKEN = 20


@screenplay_app.callback()
def _group() -> None:
    """Keep `align` a command of its own: Typer runs a single command without its name."""


@screenplay_app.command("align")
def screenplay_align(
    screenplay: Annotated[Path, typer.Argument(help="Fountain, Final Draft (.fdx) or plain text.")],
    subtitles: Annotated[Path, typer.Argument(help="Subtitles in any format that feelm reads.")],
    as_json: Json = False,
) -> None:
    """Give each spoken cue its speaker, scene and script line; exit code 1 when the screenplay is of another film or language."""
    from corpus.dialogue.screenplay.scripted import align_files

    found = align_files(screenplay, subtitles)
    show(found, Group(_utterances(found), _unspoken(found), _totals(found)), as_json)
    if found.verdict == "refused":
        raise FeelmError(f"{screenplay.name} refused: {found.reason}")


def _utterances(found: "ScriptedDialogue") -> Table:
    columns = ["time", "speaker", "sure", "scene", "line", "text"]
    return rows_table("Utterances", columns, [_utterance_row(each) for each in found.utterances])


def _utterance_row(each: "ScriptedUtterance") -> list[str]:
    speaker = " + ".join(name for name in (each.speaker, each.also_speaker) if name)
    sure = "-" if each.confidence is None else f"{each.confidence:.2f}"
    return [_clock(each.start_ms), speaker or "-", sure, _told(each.scene), _told(each.script_line), each.text]


def _unspoken(found: "ScriptedDialogue") -> Table:
    shown = found.unmatched_speeches[:_SHOWN_UNSPOKEN]
    rows = [[str(each.script_line), each.speaker, _told(each.scene), each.text] for each in shown]
    left_out = len(found.unmatched_speeches) - len(rows)
    more = f" (and {left_out} more: --json)" if left_out else ""
    return rows_table(f"Speeches that no cue says{more}", ["line", "speaker", "scene", "text"], rows)


def _totals(found: "ScriptedDialogue") -> Table:
    named = sum(each.speaker is not None for each in found.utterances)
    rows = [
        ["verdict", found.verdict],
        ["words found in the screenplay", f"{found.coverage:.0%}"],
        ["spoken cues", str(len(found.utterances))],
        ["with a speaker", str(named)],
        ["cues not in the screenplay", str(len(found.unmatched_cues))],
        ["speeches not in the subtitles", str(len(found.unmatched_speeches))],
        ["cues that could not be read", str(len(found.dropped))],
    ]
    return rows_table("Screenplay and subtitles", ["what", "result"], rows)


def _told(number: int | None) -> str:
    return "-" if number is None else str(number)


def _clock(start_ms: int) -> str:
    seconds, _ = divmod(start_ms, 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
