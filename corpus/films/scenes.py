"""Groups shots into scenes, and lists the units that people label and models predict.

Where the dialogue carries screenplay headings, a scene is what stands under one heading, and it begins at the shot boundary between
its first line and the line before. Elsewhere shots whose pictures resemble each other across a few shots are one scene (Rasheed and
Shah's shot coherence), a line is never cut, and a film of one shot is split at long silences in its dialogue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from corpus.contracts import SCENES, SHOTS, UNITS, UTTERANCES, FeelmError, UnitLevel
from corpus.films.catalogue import Film, read_film
from corpus.paths import write_json

Method = Literal["screenplay", "picture", "gap", "whole"]
Floats = npt.NDArray[np.float64]

SPAN_LIMIT_MS = 4000
SHORTEST_SCENE_MS = 4000
LONG_SILENCE_MS = 12_000
LINE_SLACK_MS = 300
"""How far a line may reach over a scene's boundary: subtitles linger."""
SHOTS_LOOKED_BACK = 3
SAME_PLACE = 0.65
SAME_PLACE_AFTER_FADE = 0.87
"""Histogram intersection above which two shots show the same place; after a fade or dissolve, which mark scenes, more is asked."""
HEADING_SHARE = 0.5
"""Least share of lines with a heading for the screenplay to decide."""


@dataclass(frozen=True)
class ScenesSummary:
    """Figures of the scenes artifact: counts, scenes by what their boundary rests on, units by level; `missing` in words."""

    film_id: str
    n_scenes: int
    methods: dict[str, int]
    median_scene_ms: int
    n_units: dict[str, int]
    addressee_share: float
    missing: str | None


@dataclass(frozen=True)
class Shot:
    """One shot: times in milliseconds, how it begins, and its colour histogram (sums to 1; None without a picture)."""

    start_ms: int
    end_ms: int
    transition: str
    histogram: Floats | None


@dataclass(frozen=True)
class Line:
    """One utterance as far as scenes need it; `part` numbers the screenplay's scenes (None where unknown)."""

    start_ms: int
    end_ms: int
    part: int | None
    heading: str | None


@dataclass(frozen=True)
class Scene:
    """One scene; `method` is what its beginning rests on."""

    start_ms: int
    end_ms: int
    heading: str | None
    method: Method


def build_scenes(film_dir: Path, shots_dir: Path, dialogue_dir: Path, out: Path) -> ScenesSummary:
    """Write scenes.parquet (SCENES), units.parquet (UNITS) and summary.json into `out`.

    Raises:
        FeelmError: an artifact that this reads is missing.
    """
    film = read_film(film_dir)
    shots = read_shots(shots_dir)
    utterances = UTTERANCES.read(dialogue_dir / "utterances.parquet")
    scenes = find_scenes(shots, _lines(film, utterances))
    table = SCENES.write(_scene_table(film.film_id, scenes), out / "scenes.parquet")
    units = UNITS.write(list_units(film.film_id, table, utterances, shots), out / "units.parquet")
    summary = _summary(film.film_id, table, units)
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
        Shot(int(row.start_ms), int(row.end_ms), str(row.transition), _histogram(shots_dir / str(row.thumbnail)))
        for row in table.itertuples(index=False)
    ]


def find_scenes(shots: Sequence[Shot], lines: Sequence[Line]) -> list[Scene]:
    """Scenes that cover the film from first to last shot without gap; at least one."""
    with_part = [line for line in lines if line.part is not None]
    if lines and len(with_part) >= HEADING_SHARE * len(lines):
        return _by_screenplay(shots, with_part)
    cuts = _by_picture(shots, lines)
    if not cuts and len(shots) == 1:
        cuts = _by_silence(lines)
    method: Method = "whole" if not cuts else "picture" if len(shots) > 1 else "gap"
    edges = [shots[0].start_ms, *cuts, shots[-1].end_ms]
    return [Scene(start, end, None, method) for start, end in pairwise(edges)]


def list_units(film_id: str, scenes: pd.DataFrame, utterances: pd.DataFrame, shots: Sequence[Shot]) -> pd.DataFrame:
    """The film's units (UNITS): utterances with scene and addressee, scenes, and spans where nobody speaks at all."""
    rows = _utterance_units(scenes, utterances) + _scene_units(scenes)
    if not len(utterances):
        rows += _span_units(film_id, scenes, shots)
    return UNITS.frame(rows)


def addressees(speakers: Sequence[str | None], scene_ids: Sequence[str]) -> list[str | None]:
    """To whom each line is spoken: the nearest earlier other speaker of the scene, else the next one, else unknown."""
    return [_addressee(index, speakers, scene_ids) for index in range(len(speakers))]


def _addressee(index: int, speakers: Sequence[str | None], scene_ids: Sequence[str]) -> str | None:
    if speakers[index] is None:
        return None
    nearby = [*range(index - 1, -1, -1), *range(index + 1, len(speakers))]
    for other in nearby:
        if scene_ids[other] == scene_ids[index] and speakers[other] not in (None, speakers[index]):
            return speakers[other]
    return None


def _lines(film: Film, utterances: pd.DataFrame) -> list[Line]:
    scene_of_line = _scene_of_script_line(film.screenplay)
    rows = utterances.sort_values("index").itertuples(index=False)
    return [Line(int(row.start_ms), int(row.end_ms), scene_of_line.get(_whole(row.script_line)), _text(row.scene_heading)) for row in rows]


def _scene_of_script_line(screenplay: Path | None) -> dict[int | None, int | None]:
    """Which of the screenplay's scenes each dialogue line stands in: two scenes may carry the same heading."""
    from corpus.dialogue.screenplay import read_screenplay

    if screenplay is None:
        return {}
    try:
        elements = read_screenplay(screenplay)
    except FeelmError:
        # The dialogue stage has told why it cannot be read; no line then carries a script line.
        return {}
    return {element.line: element.scene for element in elements if element.kind == "dialogue"}


def _whole(value: object) -> int | None:
    return None if pd.isna(value) else int(value)  # type: ignore[call-overload]


def _text(value: object) -> str | None:
    return None if pd.isna(value) else str(value)


def _histogram(path: Path) -> Floats | None:
    """Hue-saturation and value histogram (12 x 6 + 12 bins, softened) of a JPEG; None when it is absent or unreadable."""
    import cv2

    picture = cv2.imread(str(path)) if path.is_file() else None
    if picture is None:
        return None
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
    colour = cv2.calcHist([hsv], [0, 1], None, [12, 6], [0, 180, 0, 256]).astype(np.float64)
    value = cv2.calcHist([hsv], [2], None, [12], [0, 256]).astype(np.float64)
    # Neighbouring bins share, or a wall that is a shade brighter in the next shot would be another place.
    hues = 0.5 * colour + 0.25 * (np.roll(colour, 1, axis=0) + np.roll(colour, -1, axis=0))
    joined = np.concatenate([_softened(hues.T).ravel(), _softened(value).ravel()])
    return joined / joined.sum()


def _softened(counts: Floats) -> Floats:
    """Counts shared with the neighbours along the first axis."""
    padded = np.concatenate([counts[:1], counts, counts[-1:]])
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]


def _resemblance(a: Shot, b: Shot) -> float:
    if a.histogram is None or b.histogram is None:
        return 0.0
    return float(np.minimum(a.histogram, b.histogram).sum())


def _by_screenplay(shots: Sequence[Shot], lines: Sequence[Line]) -> list[Scene]:
    """One scene for each run of lines under one heading; a single stray line between two of another scene starts none."""
    runs = _runs(lines)
    edges = [shots[0].start_ms]
    for before, after in pairwise(runs):
        boundary_ms = _boundary(shots, before[-1].end_ms, after[0].start_ms)
        edges.append(min(max(boundary_ms, edges[-1]), shots[-1].end_ms))
    edges.append(shots[-1].end_ms)
    return [
        Scene(start, end, run[0].heading, "screenplay" if len(runs) > 1 else "whole")
        for run, start, end in zip(runs, edges, edges[1:], strict=False)
        if start < end
    ]


def _runs(lines: Sequence[Line]) -> list[list[Line]]:
    runs: list[list[Line]] = []
    for index, line in enumerate(lines):
        if runs and runs[-1][-1].part == line.part:
            runs[-1].append(line)
        elif runs and index + 1 < len(lines) and lines[index + 1].part == runs[-1][-1].part:
            continue
        else:
            runs.append([line])
    return runs


def _boundary(shots: Sequence[Shot], after_ms: int, before_ms: int, reach_ms: int = 2000) -> int:
    """The shot boundary between two lines: a fade or dissolve before a cut, the greatest change of picture among equals."""
    between = [i for i in range(1, len(shots)) if after_ms - LINE_SLACK_MS <= shots[i].start_ms <= before_ms + LINE_SLACK_MS]
    if between:
        best = max(between, key=lambda i: (shots[i].transition != "cut", -_resemblance(shots[i - 1], shots[i])))
        return shots[best].start_ms
    middle_ms = (after_ms + before_ms) // 2
    near = [shot.start_ms for shot in shots[1:] if after_ms - reach_ms <= shot.start_ms <= before_ms + reach_ms]
    nearest = min(near, key=lambda start: abs(start - middle_ms), default=middle_ms)
    return nearest if abs(nearest - middle_ms) <= reach_ms else middle_ms


def _by_picture(shots: Sequence[Shot], lines: Sequence[Line]) -> list[int]:
    """Shot boundaries over which no shot of the last three resembles any of the next three, and no line runs."""
    cuts: list[int] = []
    last_ms = shots[0].start_ms
    for index in range(1, len(shots)):
        start_ms = shots[index].start_ms
        spoken_over = any(line.start_ms < start_ms - LINE_SLACK_MS and line.end_ms > start_ms + LINE_SLACK_MS for line in lines)
        if spoken_over or start_ms - last_ms < SHORTEST_SCENE_MS or shots[-1].end_ms - start_ms < SHORTEST_SCENE_MS:
            continue
        if _coherence(shots, index) < (SAME_PLACE if shots[index].transition == "cut" else SAME_PLACE_AFTER_FADE):
            cuts.append(start_ms)
            last_ms = start_ms
    return cuts


def _coherence(shots: Sequence[Shot], index: int) -> float:
    before = shots[max(0, index - SHOTS_LOOKED_BACK) : index]
    after = shots[index : index + SHOTS_LOOKED_BACK]
    return max(_resemblance(a, b) for a in before for b in after)


def _by_silence(lines: Sequence[Line]) -> list[int]:
    pairs = pairwise(lines)
    return [(before.end_ms + after.start_ms) // 2 for before, after in pairs if after.start_ms - before.end_ms >= LONG_SILENCE_MS]


def _scene_table(film_id: str, scenes: Sequence[Scene]) -> pd.DataFrame:
    return SCENES.frame(
        {"scene_id": f"{film_id}.scene{index:03d}", "film_id": film_id, "index": index, **asdict(scene)}
        for index, scene in enumerate(scenes)
    )


def _scene_at(scenes: pd.DataFrame, times_ms: npt.ArrayLike) -> list[str]:
    """Ids of the scenes that hold the given times."""
    rows = np.searchsorted(scenes["start_ms"].to_numpy(), times_ms, side="right") - 1
    return [str(scenes["scene_id"].iloc[max(0, int(row))]) for row in np.atleast_1d(rows)]


def _utterance_units(scenes: pd.DataFrame, utterances: pd.DataFrame) -> list[dict[str, object]]:
    ordered = utterances.sort_values("index")
    middles = ((ordered["start_ms"] + ordered["end_ms"]) // 2).to_numpy()
    scene_ids = _scene_at(scenes, middles)
    speakers = [_text(name) for name in ordered["character_id"]]
    addressed = addressees(speakers, scene_ids)
    return [
        {
            "unit_id": row.utterance_id,
            "film_id": row.film_id,
            "level": UnitLevel.UTTERANCE.value,
            "start_ms": row.start_ms,
            "end_ms": row.end_ms,
            "text": row.text,
            "character_id": speakers[position],
            "addressee_id": addressed[position],
            "scene_id": scene_ids[position],
            "position": position,
        }
        for position, row in enumerate(ordered.itertuples(index=False))
    ]


def _scene_units(scenes: pd.DataFrame) -> list[dict[str, object]]:
    return [
        _untold_unit(row.scene_id, row.film_id, UnitLevel.SCENE, row.start_ms, row.end_ms, row.scene_id, position)
        for position, row in enumerate(scenes.itertuples(index=False))
    ]


def _span_units(film_id: str, scenes: pd.DataFrame, shots: Sequence[Shot]) -> list[dict[str, object]]:
    """Shots, the longer ones in equal parts of at most four seconds."""
    edges = [edge for shot in shots for edge in _parts(shot)]
    scene_ids = _scene_at(scenes, [start for start, _ in edges])
    return [
        _untold_unit(f"{film_id}.span{position:04d}", film_id, UnitLevel.SPAN, start, end, scene_ids[position], position)
        for position, (start, end) in enumerate(edges)
    ]


def _parts(shot: Shot) -> list[tuple[int, int]]:
    duration_ms = shot.end_ms - shot.start_ms
    count = max(1, -(-duration_ms // SPAN_LIMIT_MS))
    edges = [shot.start_ms + duration_ms * index // count for index in range(count + 1)]
    return list(pairwise(edges))


def _untold_unit(unit_id: str, film_id: str, level: UnitLevel, start: int, end: int, scene_id: str, position: int) -> dict[str, object]:
    return {
        "unit_id": unit_id,
        "film_id": film_id,
        "level": level.value,
        "start_ms": start,
        "end_ms": end,
        "scene_id": scene_id,
        "position": position,
    }


def _summary(film_id: str, scenes: pd.DataFrame, units: pd.DataFrame) -> ScenesSummary:
    lines = units[units["level"] == UnitLevel.UTTERANCE.value]
    return ScenesSummary(
        film_id=film_id,
        n_scenes=len(scenes),
        methods=dict(sorted(Counter(scenes["method"]).items())),
        median_scene_ms=int((scenes["end_ms"] - scenes["start_ms"]).median()),
        n_units=dict(sorted(Counter(units["level"]).items())),
        addressee_share=round(float(lines["addressee_id"].notna().mean()), 4) if len(lines) else 0.0,
        missing=None if len(lines) else "no utterance: units are spans of the picture",
    )
