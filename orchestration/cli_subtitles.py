"""`feelm subtitles`: do subtitles fit a film's sound, and where do they belong."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from corpus.terms import FeelmError
from orchestration.console import Json, clock, rows_table, show

if TYPE_CHECKING:
    from corpus.dialogue.sync.compare import Comparison, Written

subtitles_app = typer.Typer(no_args_is_help=True, help="Subtitles beside a film's sound.")

Media = Annotated[Path, typer.Argument(help="A film or a sound file.")]
Subtitles = Annotated[Path, typer.Argument(help="Subtitles in any format that feelm reads.")]


@subtitles_app.command("check")
def subtitles_check(media: Media, subtitles: Subtitles, as_json: Json = False) -> None:
    """Tell whether subtitles fit the film, how they are off, or that they belong to another; exit code 1 when they are refused."""
    from corpus.dialogue.sync.compare import compare

    found = compare(media, subtitles)
    show(_told(found), Group(_totals(found), *_worst(found)), as_json)
    _end(found)


@subtitles_app.command("sync")
def subtitles_sync(
    media: Media, subtitles: Subtitles, out: Annotated[Path, typer.Option(help="SubRip file to write.")], as_json: Json = False
) -> None:
    """Write the subtitles where they belong; those that fit are copied, those of another film are refused and not written."""
    from corpus.dialogue.sync.compare import compare, write_subtitles

    found = compare(media, subtitles)
    written = None if found.result.verdict == "refused" else write_subtitles(found, out)
    show(_told(found) | {"written": written}, Group(_totals(found, written), *_worst(found)), as_json)
    _end(found)


def _end(found: "Comparison") -> None:
    if found.result.verdict == "refused":
        raise FeelmError(f"{found.subtitles.name} refused: {found.result.reason}")


def _told(found: "Comparison") -> dict[str, Any]:
    told = asdict(found.result)
    n_cues = len(told.pop("cues"))
    kept = {"format": found.format, "n_cues": n_cues, "worst": found.worst, "dropped": found.dropped, "repaired": found.repaired}
    return {"media": found.media, "subtitles": found.subtitles, **told, **kept}


def _totals(found: "Comparison", written: "Written | None" = None) -> Table:
    result = found.result
    rows = [
        ["verdict", result.verdict],
        ["why", result.reason],
        ["confidence", f"{result.confidence:.2f}"],
        ["offset", f"{result.offset_ms / 1000:+.3f} s"],
        ["scale", f"{result.scale:.6f}"],
        *[["break", f"from {clock(each.from_ms)} on: {each.offset_ms / 1000:+.3f} s"] for each in result.breaks],
        ["agreement with speech", f"{result.score:.2f}"],
        ["cues that begin with speech", f"{result.onsets:.0%}"],
        ["cues", f"{len(result.cues)} ({found.format})"],
        ["could not be read / repaired", f"{len(found.dropped)} / {len(found.repaired)}"],
    ]
    if written:
        early = f", {written.set_to_beginning} of them set to the film's beginning" if written.set_to_beginning else ""
        rows.append(["written", f"{written.path}: {written.cues} cues{early}"])
    return rows_table(f"{found.subtitles.name} beside {found.media.name}", ["what", "result"], rows)


def _worst(found: "Comparison") -> list[Table]:
    rows = [[str(cue.number), clock(cue.start_ms), f"{cue.speech:.2f}", cue.text] for cue in found.worst]
    return [rows_table("Cues with the least speech under them", ["cue", "from", "speech", "text"], rows)] if rows else []
