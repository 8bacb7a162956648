"""Lists the units that people label and models predict: lines with scene and addressee, scenes, and spans where nobody speaks at all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from corpus.contracts import UNITS
from corpus.films.scenes.evidence import Shot
from corpus.terms import UnitLevel

SPAN_LIMIT_MS = 4000


def list_units(film_id: str, scenes: pd.DataFrame, utterances: pd.DataFrame, shots: Sequence[Shot]) -> pd.DataFrame:
    """The film's units (UNITS): each line, each scene, and spans of at most 4 s within shots where there is no line at all."""
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


def _text(value: object) -> str | None:
    return None if pd.isna(value) else str(value)
