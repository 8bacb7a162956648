"""`feelm shots`: the shots of any film file, without a catalogue."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from corpus.films.shots.shots import Shot, ShotSetting
from orchestration.console import Json, err, rows_table, show


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
    title = f"{media.name}: {len(found.shots)} shots in {_clock(found.duration_ms)} ({setting})"
    show(asdict(found), rows_table(title, ["shot", "from", "to", "begins with", "score"], [_row(shot) for shot in found.shots]), as_json)
    for damage in found.damage:
        err.print(f"{media.name}: {damage}", style="yellow", highlight=False, soft_wrap=True, markup=False)


def _row(shot: Shot) -> list[str]:
    return [str(shot.index), _clock(shot.start_ms), _clock(shot.end_ms), shot.transition, f"{shot.score:.2f}"]


def _clock(t_ms: int) -> str:
    seconds, milliseconds = divmod(t_ms, 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{milliseconds:03d}"
