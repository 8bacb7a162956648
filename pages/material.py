"""What the chain left about one film, read for showing.

Every artifact may be absent: a table is then None and the reason, where a stage gave one, stands in `missing` in that stage's words.
Nothing is computed here; the pages decide what to draw from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from corpus.contracts import (
    ANNOTATIONS,
    EXPLANATIONS,
    FACE_COURSE,
    GOLD_LABELS,
    PICTURES,
    PREDICTIONS,
    SCENES,
    SHOTS,
    UNIT_FEATURES,
    UNITS,
    UTTERANCES,
    VOICE_COURSE,
    VOTES,
    TableSchema,
)
from corpus.paths import Home
from corpus.terms import FeelmError
from pages.people import read_people
from pages.stored import read_json

MODALITY_OF_ARTIFACT = {
    "shots": "Picture",
    "faces": "Face",
    "face_features": "Face",
    "soundtrack": "Sound",
    "voice_features": "Voice",
    "dialogue": "Words",
    "text_features": "Words",
    "scene_features": "Scene",
}
"""Under which name a stage's missing modality is told."""

FEATURES = ("face_features", "voice_features", "text_features", "scene_features")

PARTIAL = re.compile(r" in \d+ of \d+ units$")


@dataclass(frozen=True)
class Material:
    """One film's tables; None where the stage left none."""

    film_id: str
    film: dict[str, Any]
    stream: dict[str, Any]
    sync: dict[str, Any]
    missing: dict[str, tuple[str, ...]]
    shots_folder: Path
    shots: pd.DataFrame | None
    pictures: pd.DataFrame | None
    scenes: pd.DataFrame | None
    units: pd.DataFrame | None
    utterances: pd.DataFrame | None
    people: pd.DataFrame | None
    face_course: pd.DataFrame | None
    voice_course: pd.DataFrame | None
    scene_features: pd.DataFrame | None
    gold: pd.DataFrame | None
    votes: pd.DataFrame | None
    annotations: pd.DataFrame | None
    predictions: pd.DataFrame | None
    explanations: pd.DataFrame | None
    face_features: Path
    present: dict[str, frozenset[str]]
    """By features artifact whose stage ran, the units that it found something for."""
    reasons: dict[str, str]
    """By artifact, why it lacks something, in its stage's words."""

    @property
    def title(self) -> str:
        """The catalogue's title, else the id."""
        return str(self.film.get("title") or self.film_id)

    @property
    def duration_ms(self) -> int:
        """The stream's length, else the last end of any shot or unit; 0 where nothing has a time."""
        if self.stream.get("duration_ms"):
            return int(self.stream["duration_ms"])
        tables = [table["end_ms"].dropna() for table in (self.shots, self.units) if table is not None]
        return int(max((ends.max() for ends in tables if len(ends)), default=0))

    @property
    def headed_scenes(self) -> list[tuple[str, dict[str, Any]]]:
        """Its scenes in order of time, each under its heading, else its number; empty where there are none."""
        rows = [] if self.scenes is None else self.scenes.sort_values("start_ms").to_dict("records")
        return [(str(row["heading"]) if pd.notna(row["heading"]) else f"Scene {number}", row) for number, row in enumerate(rows, start=1)]


def read_material(home: Home, film_id: str, predictions: Path) -> Material:
    """Read what there is about a film; why the model says what it says lies beside the `predictions`.

    Raises:
        FeelmError: nothing at all is known about the film.
    """
    if not home.artifact("film", film_id).is_dir():
        raise FeelmError(
            f"film {film_id!r} is not at {home.artifact('film', film_id)}: add it and run the chain (feelm run --film {film_id})"
        )
    shots, scenes, dialogue = (home.artifact(name, film_id) for name in ("shots", "scenes", "dialogue"))
    gold = home.artifact("gold_labels")
    return Material(
        film_id=film_id,
        film=read_json(home.artifact("film", film_id) / "film.json"),
        stream=read_json(shots / "stream.json"),
        sync=read_json(dialogue / "summary.json"),
        missing=read_missing(home, film_id),
        shots_folder=shots,
        shots=_table(SHOTS, shots / "shots.parquet"),
        pictures=_table(PICTURES, shots / "pictures.parquet"),
        scenes=_table(SCENES, scenes / "scenes.parquet"),
        units=_table(UNITS, scenes / "units.parquet"),
        utterances=_table(UTTERANCES, dialogue / "utterances.parquet"),
        people=read_people(home.artifact("face_features", film_id)),
        face_course=_table(FACE_COURSE, home.artifact("face_features", film_id) / "course.parquet"),
        voice_course=_table(VOICE_COURSE, home.artifact("voice_features", film_id) / "course.parquet"),
        scene_features=_table(UNIT_FEATURES, home.artifact("scene_features", film_id) / "features.parquet"),
        gold=_of_film(_table(GOLD_LABELS, gold / "gold.parquet"), film_id),
        votes=_of_film(_table(VOTES, gold / "votes.parquet"), film_id),
        annotations=_of_film(_table(ANNOTATIONS, home.artifact("annotations") / "annotations.parquet"), film_id),
        predictions=_of_film(_table(PREDICTIONS, predictions), film_id),
        explanations=_of_film(_table(EXPLANATIONS, predictions.parent / "explanations.parquet"), film_id)
        if predictions.is_file()
        else None,
        face_features=home.artifact("face_features", film_id),
        present={name: units for name in FEATURES if (units := _present(home.artifact(name, film_id))) is not None},
        reasons=_reasons(home, film_id),
    )


def _present(folder: Path) -> frozenset[str] | None:
    table = _table(UNIT_FEATURES, folder / "features.parquet")
    return None if table is None else frozenset(table["unit_id"][table["present"]].astype(str))


def _reasons(home: Home, film_id: str) -> dict[str, str]:
    told = {name: read_json(home.artifact(name, film_id) / "summary.json").get("missing") for name in FEATURES}
    return {name: str(reason) for name, reason in told.items() if reason}


def read_missing(home: Home, film_id: str) -> dict[str, tuple[str, ...]]:
    """By modality, the reasons that stages gave for its absence, each once, and not where an earlier one begins with it.

    Units without words are not told: in a film with dialogue they are its scenes.
    """
    told: dict[str, tuple[str, ...]] = {}
    for artifact, modality in MODALITY_OF_ARTIFACT.items():
        reason = read_json(home.artifact(artifact, film_id) / "summary.json").get("missing")
        known = any(earlier.startswith(str(reason)) for earlier in told.get(modality, ()))
        if reason and not known and not (modality == "Words" and is_partial(str(reason))):
            told[modality] = (*told.get(modality, ()), str(reason))
    return told


def is_partial(reason: str) -> bool:
    """Whether a reason speaks of some units only (`no face found in 2 of 7 units`)."""
    return PARTIAL.search(reason) is not None


def _table(schema: TableSchema, path: Path) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    table = schema.read(path)
    return table if len(table) else None


def _of_film(table: pd.DataFrame | None, film_id: str) -> pd.DataFrame | None:
    if table is None:
        return None
    rows = table[table["film_id"] == film_id]
    return rows if len(rows) else None
