"""Faces of a unit: how the speaker's face looks while the line is said, and how the other one takes it.

Each crop of the scan is read by the packaged expression networks and by the face mesh. Within a unit the speaker is the face that
looks like the character, else the one whose mouth moves most for its size; eight of its crops go to the model's own network, the
statistics of its expression and shape beside them, and the mean expression of the other face, if one is seen, in columns of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from corpus.contracts import EMOTIONS, FACE_COURSE, FACES
from corpus.weights import WeightError
from ml.features.frame import (
    COURSE_FILE,
    Columns,
    FeatureSummary,
    read_units,
    relative_to_speaker,
    stack_rows,
    write_features,
    write_summary,
)
from ml.features.geometry import GEOMETRY, face_geometry
from ml.features.people import People, find_people

CROPS_PER_UNIT = 8
CROP_SIZE = 48
CROPS_FILE = "crops.safetensors"
LUMA = (0.299, 0.587, 0.114)
CLOSER = 0.1
SPEAKING_SCALE = 0.02
"""Mouth movement (standard deviation of the lip gap, share of face height) at which a face more likely speaks than not."""

STATISTICS = ("mean", "max", "std")
SEEN = ("n_faces", "size", "speaking", "score", "coverage")
FACE_FEATURES: tuple[str, ...] = (
    *(f"p_{emotion}_{statistic}" for emotion in EMOTIONS for statistic in STATISTICS),
    *(f"{measure}_{statistic}" for measure in GEOMETRY for statistic in STATISTICS),
    *(f"{measure}_rel" for measure in GEOMETRY),
    *(f"p_{emotion}_rel" for emotion in EMOTIONS),
    *SEEN,
    *(f"other_p_{emotion}" for emotion in EMOTIONS),
)


@dataclass(frozen=True)
class FaceSummary(FeatureSummary):
    """`n_faces` crops read; `n_with_other` units in which a face other than the speaker's is seen.

    `n_named_tracks` are taken for a character; `naming_agreement` is how often appearance alone named the speaker right.
    """

    n_faces: int
    n_with_other: int
    n_named_tracks: int
    naming_agreement: float | None


@dataclass(frozen=True)
class Readings:
    """What is known of every crop: the FACES table sorted by time, expression (n, 7), geometry (n, 7), crop rows as in the table."""

    faces: pd.DataFrame
    expression: np.ndarray
    geometry: np.ndarray


def expression(images: np.ndarray) -> np.ndarray:
    """Emotion probabilities of faces: uint8 (n, h, w) grey or (n, h, w, 3) RGB to float32 (n, 7) in the order of EMOTIONS.

    Raises:
        FeelmError: another shape or type, or a weight is missing.
    """
    from ml.features.expression import expression as read

    return read(images)


def build_face_features(faces_dir: Path, scenes_dir: Path, out: Path) -> FaceSummary:
    """Write features.parquet, course.parquet, crops.safetensors and summary.json for a film's units into the folder `out`.

    A film without faces, or without the networks' weights, gives units that are not present and a reason in the summary.
    """
    units = read_units(scenes_dir)
    faces = FACES.read(faces_dir / "faces.parquet").sort_values(["t_ms", "track_id"], ignore_index=True)
    crops = _read_crops(faces_dir / CROPS_FILE, faces)
    readings, missing = _read_faces(faces, crops)
    people = find_people(readings.faces, crops[: len(readings.faces)], units)
    chosen = [_choose(readings, people, unit.start_ms, unit.end_ms, unit.character_id) for unit in units.itertuples()]
    rows = [_describe(readings, choice) for choice in chosen]
    _write_course(readings, people, out)
    _write_unit_crops(readings, crops, chosen, out)
    present = np.array([bool(row) for row in rows], bool)
    write_features(units, _columns(rows, units), present, out)
    n_other = sum(choice is not None and len(choice.other) > 0 for choice in chosen)
    reason = missing or _reason(present)
    agreement = people.agreement and round(people.agreement, 3)
    figures = (len(readings.faces), n_other, len(people.character), agreement)
    summary = FaceSummary(len(units), int(present.sum()), len(FACE_FEATURES), reason, *figures)
    write_summary(summary, out)
    return summary


def _read_crops(path: Path, faces: pd.DataFrame) -> np.ndarray:
    from safetensors.numpy import load_file

    if not len(faces):
        return np.zeros((0, 64, 64, 3), np.uint8)
    return load_file(path)["crops"][faces["crop_row"].to_numpy()]


def _read_faces(faces: pd.DataFrame, crops: np.ndarray) -> tuple[Readings, str | None]:
    nothing = np.zeros((0, len(EMOTIONS)), np.float32)
    if not len(faces):
        return Readings(faces, nothing, nothing), "no face found"
    try:
        return Readings(faces, _read_twice(crops), face_geometry(crops)), None
    except WeightError as error:
        return Readings(faces.iloc[:0], nothing, nothing), str(error)


def _read_twice(crops: np.ndarray) -> np.ndarray:
    """Expression of each crop and of its mirrored closer cut, averaged: small shifts of the box sway the networks."""
    from ml.features.expression import expression as read

    margin = round(crops.shape[1] * CLOSER / 2)
    closer = np.ascontiguousarray(crops[:, margin : crops.shape[1] - margin, margin : crops.shape[2] - margin][:, :, ::-1])
    return (read(crops, flip=False) + read(closer, flip=False)) / 2


def _reason(present: np.ndarray) -> str | None:
    absent = int((~present).sum())
    return f"no face found in {absent} of {len(present)} units" if absent else None


@dataclass(frozen=True)
class Choice:
    """Rows of Readings in a unit: the speaker's (by time; none when only others are seen), the other face's, how surely the first one
    speaks (0..1), faces seen at once, share of the pictures in which the speaker is seen."""

    speaker: np.ndarray
    other: np.ndarray
    speaking: float
    n_faces: float
    coverage: float


def _choose(readings: Readings, people: People, start_ms: float, end_ms: float, character: str | None) -> Choice | None:
    """Who speaks between two times: the track named as the character, else the one with the largest mouth movement, weighed by its
    size and by how long it is seen; a track named as somebody else never."""
    if np.isnan(start_ms) or not len(readings.faces):
        return None
    inside = np.arange(*np.searchsorted(readings.faces["t_ms"].to_numpy(), [start_ms, end_ms]))
    if not len(inside):
        return None
    n_times = len(np.unique(readings.faces["t_ms"].to_numpy()[inside]))
    names = pd.Series(readings.faces["track_id"].to_numpy()[inside])
    tracks = {str(name): inside[rows] for name, rows in names.groupby(names, sort=True).indices.items()}
    weight = {name: _weight(readings, rows, n_times) for name, rows in tracks.items()}
    ordered = sorted(tracks, key=lambda name: (-weight[name], name))
    known = {name: people.character.get(name) for name in ordered} if isinstance(character, str) else {}
    candidates = [name for name in ordered if known.get(name) == character] or [name for name in ordered if known.get(name) is None]
    speaker = tracks[candidates[0]] if candidates else inside[:0]
    others = [name for name in ordered if name not in candidates[:1]]
    movement = _movement(readings.geometry[speaker, 0])
    speaking = movement / (movement + SPEAKING_SCALE)
    return Choice(speaker, tracks[others[0]] if others else inside[:0], speaking, len(inside) / n_times, len(speaker) / n_times)


def _weight(readings: Readings, rows: np.ndarray, n_times: int) -> float:
    size = float(np.sqrt(readings.faces["height"].to_numpy()[rows].mean()))
    return (_movement(readings.geometry[rows, 0]) + SPEAKING_SCALE / 4) * size * len(rows) / n_times


def _movement(mouth_open: np.ndarray) -> float:
    return float(np.std(mouth_open)) if len(mouth_open) > 2 else 0.0


def _describe(readings: Readings, choice: Choice | None) -> dict[str, float]:
    if choice is None:
        return {}
    row = {"n_faces": choice.n_faces, "speaking": choice.speaking, "coverage": choice.coverage}
    if len(choice.other):
        other = readings.expression[choice.other].mean(0)
        row |= {f"other_p_{emotion}": float(value) for emotion, value in zip(EMOTIONS, other, strict=True)}
    return row | (_describe_speaker(readings, choice.speaker) if len(choice.speaker) else {})


def _describe_speaker(readings: Readings, rows: np.ndarray) -> dict[str, float]:
    names = [f"p_{emotion}" for emotion in EMOTIONS] + list(GEOMETRY)
    values = np.concatenate([readings.expression[rows], readings.geometry[rows]], axis=1).astype(np.float64)
    row: dict[str, float] = {}
    for statistic, result in zip(STATISTICS, (values.mean(0), values.max(0), values.std(0)), strict=True):
        row |= {f"{name}_{statistic}": float(value) for name, value in zip(names, result, strict=True)}
    faces = readings.faces.iloc[rows]
    return row | {"size": float(faces["height"].mean()), "score": float(faces["score"].mean())}


def _columns(rows: list[dict[str, float]], units: pd.DataFrame) -> Columns:
    columns = stack_rows(rows, FACE_FEATURES)
    for name in (*GEOMETRY, *(f"p_{emotion}" for emotion in EMOTIONS)):
        columns[f"{name}_rel"] = relative_to_speaker(columns[f"{name}_mean"], units)
    return columns


def _write_course(readings: Readings, people: People, out: Path) -> None:
    course = readings.faces[["t_ms", "track_id"]].copy()
    for index, emotion in enumerate(EMOTIONS):
        course[f"p_{emotion}"] = readings.expression[:, index]
    course["mouth_open"] = readings.geometry[:, 0].clip(0, 1)
    course["character_id"] = [people.character.get(track) for track in course["track_id"]]
    FACE_COURSE.write(course, out / COURSE_FILE)


def _write_unit_crops(readings: Readings, crops: np.ndarray, chosen: list[Choice | None], out: Path) -> None:
    """Grey 48x48 crops of the speaker, at most eight evenly in time, padded with zeros where the mask is false."""
    import cv2
    from safetensors.numpy import save_file

    pictures = np.zeros((len(chosen), CROPS_PER_UNIT, CROP_SIZE, CROP_SIZE), np.uint8)
    mask = np.zeros((len(chosen), CROPS_PER_UNIT), bool)
    for unit, choice in enumerate(chosen):
        for place, row in enumerate(_spread(choice.speaker) if choice is not None else ()):
            grey = (crops[row] @ np.array(LUMA, np.float32)).round().astype(np.uint8)
            pictures[unit, place] = cv2.resize(grey, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA)
            mask[unit, place] = True
    save_file({"crops": pictures, "mask": mask}, out / CROPS_FILE)


def _spread(rows: np.ndarray) -> np.ndarray:
    if len(rows) <= CROPS_PER_UNIT:
        return rows
    return rows[np.linspace(0, len(rows) - 1, CROPS_PER_UNIT).round().astype(int)]
