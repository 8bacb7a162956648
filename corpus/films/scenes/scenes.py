"""Groups shots into scenes, and writes them with the units that people label and models predict.

Where the screenplay's lines were found in the dialogue, its headings are the scenes and evidence only places their boundaries
(headings). Elsewhere picture, sound and dialogue at each shot boundary (evidence) and the usual length of scenes decide
(grouping); a line is never cut, and a film of one shot is split at long silences in its dialogue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from corpus.contracts import SCENES, SHOTS, UNITS, UTTERANCES
from corpus.dialogue.screenplay.headings import parse_heading
from corpus.films.catalogue.store import read_film
from corpus.films.scenes.evidence import Floats, Line, Shot, histogram, weigh
from corpus.films.scenes.grouping import Candidates, boundary_probabilities, most_expected
from corpus.films.scenes.headings import Part, place_parts, unplaced
from corpus.films.scenes.sound_bed import band_levels, bed_changes
from corpus.films.scenes.units import list_units
from corpus.paths import write_json
from corpus.terms import FeelmError, UnitLevel

LONG_SILENCE_MS = 12_000
HEADING_SHARE = 0.5
"""Least share of lines with a heading for the screenplay to decide."""


@dataclass(frozen=True)
class ScenesSummary:
    """Figures of the scenes artifact: counts, scenes by what their boundary rests on, units by level; `missing` in words.

    `unplaced` are the screenplay's headings that have no scene in the film, where the screenplay decided.
    """

    film_id: str
    n_scenes: int
    methods: dict[str, int]
    median_scene_ms: int
    unplaced: tuple[str, ...]
    n_units: dict[str, int]
    addressee_share: float
    missing: str | None


@dataclass(frozen=True)
class Scene:
    """One scene; `method` is what its beginning rests on, `confidence` the boundary's probability 0..1 (None where there was no choice)."""

    start_ms: int
    end_ms: int
    heading: str | None
    method: str
    confidence: float | None


@dataclass(frozen=True)
class Grouping:
    """A film's scenes, and the screenplay's headings that are none of them."""

    scenes: tuple[Scene, ...]
    unplaced: tuple[str, ...] = ()


def build_scenes(film_dir: Path, shots_dir: Path, soundtrack_dir: Path, dialogue_dir: Path, out: Path) -> ScenesSummary:
    """Write scenes.parquet (SCENES), units.parquet (UNITS) and summary.json into `out`.

    Raises:
        FeelmError: an artifact that this reads is missing.
    """
    film = read_film(film_dir)
    shots = read_shots(shots_dir)
    utterances = UTTERANCES.read(dialogue_dir / "utterances.parquet")
    parts, part_of_line = read_parts(film.screenplay)
    found = find_scenes(shots, read_lines(utterances, part_of_line), parts, _bed_changes(shots, soundtrack_dir))
    table = SCENES.write(_scene_table(film.film_id, found.scenes), out / "scenes.parquet")
    units = UNITS.write(list_units(film.film_id, table, utterances, shots), out / "units.parquet")
    summary = _summary(film.film_id, table, units, found.unplaced)
    write_json(out / "summary.json", asdict(summary))
    return summary


def read_shots(shots_dir: Path) -> list[Shot]:
    """The shots artifact with a colour histogram of each thumbnail.

    Raises:
        FeelmError: there is no shot.
    """
    table = SHOTS.read(shots_dir / "shots.parquet").sort_values("index")
    if not len(table):
        raise FeelmError(f"no shot in {shots_dir}: scan the film again")
    return [
        Shot(int(row.start_ms), int(row.end_ms), str(row.transition), histogram(shots_dir / str(row.thumbnail)))
        for row in table.itertuples(index=False)
    ]


def find_scenes(shots: Sequence[Shot], lines: Sequence[Line], parts: Sequence[Part] = (), bed_changes_db: Floats | None = None) -> Grouping:
    """Scenes that cover the film from first to last shot without gap; at least one.

    Args:
        shots: in order, without gap, at least one.
        lines: in order of time; `part` is an index into `parts`, the screenplay's scenes.
        bed_changes_db: at each shot's start from the second on (sound_bed), None without sound.
    """
    if lines and sum(line.part is not None for line in lines) >= HEADING_SHARE * len(lines):
        return _by_screenplay(shots, lines, parts, bed_changes_db)
    starts: list[tuple[int, str, float | None]]
    if len(shots) == 1:
        starts = [(start_ms, "gap", None) for start_ms in _long_silences(lines) if shots[0].start_ms < start_ms < shots[0].end_ms]
    else:
        starts = _by_evidence(shots, lines, bed_changes_db)
    return Grouping(_joined([(shots[0].start_ms, "start", None), *starts], shots[-1].end_ms))


def _by_screenplay(shots: Sequence[Shot], lines: Sequence[Line], parts: Sequence[Part], bed_changes_db: Floats | None) -> Grouping:
    starts = place_parts(shots, lines, parts, weigh(shots, lines, bed_changes_db))
    ends = [*(start.start_ms for start in starts[1:]), shots[-1].end_ms]
    scenes = [
        Scene(start.start_ms, end, parts[start.part].heading, "screenplay" if index else "start", start.confidence)
        for index, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    return Grouping(tuple(scenes), tuple(unplaced(parts, starts)))


def _by_evidence(shots: Sequence[Shot], lines: Sequence[Line], bed_changes_db: Floats | None) -> list[tuple[int, str, float | None]]:
    evidence = weigh(shots, lines, bed_changes_db)
    if not evidence.total.any():
        return []
    free = np.flatnonzero(~evidence.spoken)
    times_s = np.array([shots[int(at) + 1].start_ms / 1000 for at in free])
    candidates = Candidates(times_s, evidence.total[free], shots[0].start_ms / 1000, shots[-1].end_ms / 1000)
    probabilities = boundary_probabilities(candidates)
    chosen = most_expected(probabilities)
    return [(shots[int(free[at]) + 1].start_ms, evidence.strongest(int(free[at])), round(float(probabilities[at]), 4)) for at in chosen]


def _joined(starts: Sequence[tuple[int, str, float | None]], end_ms: int) -> tuple[Scene, ...]:
    ends = [*(start_ms for start_ms, *_ in starts[1:]), end_ms]
    return tuple(Scene(start_ms, end, None, method, confidence) for (start_ms, method, confidence), end in zip(starts, ends, strict=True))


def _long_silences(lines: Sequence[Line]) -> list[int]:
    pairs = pairwise(lines)
    return [(before.end_ms + after.start_ms) // 2 for before, after in pairs if after.start_ms - before.end_ms >= LONG_SILENCE_MS]


def _bed_changes(shots: Sequence[Shot], soundtrack_dir: Path) -> Floats | None:
    path = soundtrack_dir / "sound.flac"
    return bed_changes(band_levels(path), [shot.start_ms for shot in shots[1:]]) if path.is_file() else None


def read_lines(utterances: pd.DataFrame, part_of_line: dict[int, int]) -> list[Line]:
    """Lines in order of time; `part_of_line` gives the screenplay's scene of a line of its text (read_parts)."""
    rows = utterances.sort_values(["start_ms", "index"]).itertuples(index=False)
    return [
        Line(
            start_ms=int(row.start_ms),
            end_ms=int(row.end_ms),
            part=None if pd.isna(row.script_line) else part_of_line.get(int(row.script_line)),
            speaker=None if pd.isna(row.character_id) else str(row.character_id),
        )
        for row in rows
    ]


def read_parts(screenplay: Path | None) -> tuple[list[Part], dict[int, int]]:
    """The screenplay's scenes, and which of them each line of dialogue stands in: two scenes may carry the same heading."""
    from corpus.dialogue.screenplay.read import read_screenplay

    if screenplay is None:
        return [], {}
    try:
        elements = read_screenplay(screenplay)
    except FeelmError:
        # The dialogue stage has told why it cannot be read; no line then carries a script line.
        return [], {}
    spoken = {element.line: element.scene for element in elements if element.kind == "dialogue" and element.scene is not None}
    headings = [element.heading for element in elements if element.kind == "heading"]
    return [Part(heading, scene in set(spoken.values())) for scene, heading in enumerate(headings)], spoken


def _scene_table(film_id: str, scenes: Sequence[Scene]) -> pd.DataFrame:
    return SCENES.frame(
        {"scene_id": f"{film_id}.scene{index:03d}", "film_id": film_id, "index": index, **asdict(scene), **_told(scene.heading)}
        for index, scene in enumerate(scenes)
    )


def _told(heading: str | None) -> dict[str, str | None]:
    """Setting, place and time of day as SCENES has them."""
    if heading is None:
        return {}
    parts = parse_heading(heading)
    settings = {(True, False): "int", (False, True): "ext", (True, True): "int_ext"}
    setting = settings.get((parts.interior, parts.exterior))
    return {"setting": setting, "place": parts.place or None, "time_of_day": parts.time_of_day}


def _summary(film_id: str, scenes: pd.DataFrame, units: pd.DataFrame, left_out: tuple[str, ...]) -> ScenesSummary:
    lines = units[units["level"] == UnitLevel.UTTERANCE.value]
    return ScenesSummary(
        film_id=film_id,
        n_scenes=len(scenes),
        methods=dict(sorted(Counter(scenes["method"]).items())),
        median_scene_ms=int((scenes["end_ms"] - scenes["start_ms"]).median()),
        unplaced=left_out,
        n_units=dict(sorted(Counter(units["level"]).items())),
        addressee_share=round(float(lines["addressee_id"].notna().mean()), 4) if len(lines) else 0.0,
        missing=None if len(lines) else "no utterance: units are spans of the picture",
    )
