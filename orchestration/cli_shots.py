"""`feelm shots`: the shots of any film file, without a catalogue."""

from pathlib import Path
from typing import Annotated

import typer

from corpus.films.shots.shots import Shot, ShotSetting
from orchestration.console import Json, clock, rows_table, show, warn


def shots(
    media: Annotated[Path, typer.Argument(help="A film or clip.")],
    setting: Annotated[
        ShotSetting, typer.Option(help="best: a network; fast: picture differences, blind to dissolves.")
    ] = ShotSetting.BEST,
    as_json: Json = False,
) -> None:
    """Find the shots of a film and how each begins; times are presentation times in milliseconds."""
    from corpus.films.shots.listing import list_shots

    found = list_shots(media, setting)
    title = f"{media.name}: {len(found.shots)} shots in {clock(found.duration_ms)} ({setting})"
    show(found, rows_table(title, ["shot", "from", "to", "begins with", "score"], [_row(shot) for shot in found.shots]), as_json)
    for damage in found.damage:
        warn(f"{media.name}: {damage}")


def _row(shot: Shot) -> list[str]:
    return [str(shot.index), clock(shot.start_ms), clock(shot.end_ms), shot.transition, f"{shot.score:.2f}"]
