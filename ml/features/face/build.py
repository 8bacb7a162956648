"""Faces of a unit: how the speaker's face and body look while the line is said, and how the other one takes it.

Each crop of the scan is read by the networks of `extractor`, each crop of a body by that of `pose`. Within a unit the speaker is the face
that looks like the character, else the one whose mouth moves most for its size; eight of its crops go to the model's own network, the
statistics of its expression, shape, pose and posture beside them, and the mean expression of the other face, if one is seen, in columns
of its own. The face that listens is described in the same way, in a table of its own (`listening`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.chunks import ChunkStore, Tell
from corpus.contracts import FACE_COURSE, FACES, LISTENERS
from corpus.devices import best_device
from corpus.terms import EMOTIONS
from corpus.weights import WeightError
from ml.features.blocks import FRAMES_FILE, written
from ml.features.extractor import extract_all, joined
from ml.features.face.bodies import Posture, mapped, no_posture, read_posture
from ml.features.face.expressions import LUMA
from ml.features.face.extractor import FACE_DIMENSIONS, FaceExtractor, face_chunks
from ml.features.face.geometry import GEOMETRY, HEAD
from ml.features.face.listening import Listener, choose_listener, listening_times
from ml.features.face.pose import GESTURE, POSTURE, steps
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
from ml.features.people import People, find_people, write_people

if TYPE_CHECKING:
    import pandas as pd

CROPS_PER_UNIT = 8
CROP_SIZE = 48
CROPS_FILE = "crops.safetensors"
LISTENERS_FILE = "listeners.parquet"
LISTENER_CROPS_FILE = "listener_crops.safetensors"
SPEAKING_SCALE = 0.02
"""Mouth movement (standard deviation of the lip gap, share of face height) at which a face more likely speaks than not."""

STATISTICS = ("mean", "max", "std")
MOVING = (*HEAD, "sharpness", "face_speed")
"""Measures of which mean and deviation are kept; face_speed is in face heights per second."""
SEEN = ("n_faces", "size", "speaking", "score", "coverage")
FACE_FEATURES: tuple[str, ...] = (
    *(f"p_{emotion}_{statistic}" for emotion in EMOTIONS for statistic in STATISTICS),
    *(f"{measure}_{statistic}" for measure in GEOMETRY for statistic in STATISTICS),
    *(f"{measure}_rel" for measure in GEOMETRY),
    *(f"p_{emotion}_rel" for emotion in EMOTIONS),
    *SEEN,
    *(f"other_p_{emotion}" for emotion in EMOTIONS),
    *(f"{measure}_{statistic}" for measure in MOVING for statistic in ("mean", "std")),
    *(f"{measure}_mean" for measure in POSTURE),
    *(f"{measure}_{statistic}" for measure in GESTURE for statistic in ("mean", "max")),
)


@dataclass(frozen=True)
class FaceSummary(FeatureSummary):
    """`n_faces` crops read; `n_with_other` units in which a face other than the speaker's is seen, `n_with_listener` lines to which
    somebody is seen to listen.

    `n_named_tracks` are taken for a character; `naming_agreement` is how often the turns name a speaker right that they were not told of.
    `n_bodies` crops of bodies were read; `posture_missing` says why posture is not known.
    """

    n_faces: int
    n_with_other: int
    n_with_listener: int
    n_named_tracks: int
    naming_agreement: float | None
    n_bodies: int
    posture_missing: str | None


@dataclass(frozen=True)
class Readings:
    """What is known of every crop: the FACES table sorted by time, FACE_DIMENSIONS (n, 18), speed in face heights per second (n,); and how
    the bodies are held."""

    faces: pd.DataFrame
    values: np.ndarray
    speed: np.ndarray
    posture: Posture

    @cached_property
    def expression(self) -> np.ndarray:
        """Probabilities (n, 7) in the order of EMOTIONS."""
        return self.values[:, : len(EMOTIONS)]

    @cached_property
    def geometry(self) -> np.ndarray:
        """Measures of GEOMETRY (n, 7)."""
        return self.values[:, len(EMOTIONS) : len(EMOTIONS) + len(GEOMETRY)]

    @cached_property
    def moving(self) -> np.ndarray:
        """Measures of MOVING (n, 5)."""
        return np.column_stack([self.values[:, len(EMOTIONS) + len(GEOMETRY) :], self.speed])


def build_face_features(
    faces_dir: Path, scenes_dir: Path, out: Path, *, store: ChunkStore | None = None, tell: Tell | None = None
) -> FaceSummary:
    """Write features.parquet, listeners.parquet, course.parquet, frames.parquet, posture.parquet, people.parquet, crops.safetensors,
    listener_crops.safetensors and summary.json for a film's units into the folder `out`; the rows of frames.parquet are those of
    course.parquet.

    A film without faces, or without the networks' weights, gives units that are not present and a reason in the summary. Networks compute
    on the GPU where there is one.
    """
    device = best_device()
    units = read_units(scenes_dir)
    faces, crops = _read_crops(faces_dir)
    readings, missing = _read_faces(faces_dir, faces, crops, out, store, device, tell)
    people = find_people(readings.faces, crops[: len(readings.faces)], units, device=device, store=store)
    chosen = [choose(readings, people, unit.start_ms, unit.end_ms, unit.character_id) for unit in units.itertuples()]
    rows = [describe(readings, choice) for choice in chosen]
    write_people(people, readings.faces, crops[: len(readings.faces)], out)
    _write_course(readings, people, out)
    _write_unit_crops(readings, crops, [one.speaker if one else None for one in chosen], out / CROPS_FILE)
    listeners = _listeners(readings, people, units, chosen)
    _write_listeners(readings, units, listeners, out)
    _write_unit_crops(readings, crops, [one.rows if one else None for one in listeners], out / LISTENER_CROPS_FILE)
    present = np.array([bool(row) for row in rows], bool)
    write_features(units, columns_of(rows, units), present, out)
    n_other = sum(choice is not None and len(choice.other) > 0 for choice in chosen)
    agreement = people.agreement and round(people.agreement, 3)
    n_listeners = sum(one is not None for one in listeners)
    figures = (
        len(readings.faces),
        n_other,
        n_listeners,
        len(people.character),
        agreement,
        len(readings.posture.table),
        readings.posture.missing,
    )
    summary = FaceSummary(len(units), int(present.sum()), len(FACE_FEATURES), missing or _reason(present), *figures)
    write_summary(summary, out)
    return summary


def _read_crops(faces_dir: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """The FACES table in the order of time and, row by row, its crops, which stay on disk where they lie in that order."""
    faces = FACES.read(faces_dir / "faces.parquet").sort_values(["t_ms", "crop_row"], ignore_index=True)
    if not len(faces):
        return faces, np.zeros((0, 64, 64, 3), np.uint8)
    crops, rows = mapped(faces_dir / CROPS_FILE)["crops"], faces["crop_row"].to_numpy()
    return faces, crops if (rows == np.arange(len(crops))).all() else crops[rows]


def _read_faces(
    faces_dir: Path, faces: pd.DataFrame, crops: np.ndarray, out: Path, store: ChunkStore | None, device: str, tell: Tell | None
) -> tuple[Readings, str | None]:
    """The readings, and why there are none."""
    if not len(faces):
        return _nothing(faces, "no face found")
    turn = faces["roll"].to_numpy(np.float32) if "roll" in faces else np.full(len(faces), np.nan, np.float32)
    try:
        chunks = face_chunks(faces["t_ms"].to_numpy(), crops, turn)
        blocks = extract_all(FaceExtractor(device), chunks, store, int(faces["t_ms"].max()), tell)
        values = joined(written(blocks, FACE_DIMENSIONS, out / FRAMES_FILE), len(FACE_DIMENSIONS)).values
    except WeightError as error:
        return _nothing(faces.iloc[:0], str(error))
    return Readings(faces, values, speeds(faces), read_posture(faces_dir, out, device=device, store=store)), None


def _nothing(faces: pd.DataFrame, why: str) -> tuple[Readings, str]:
    return Readings(faces, np.zeros((0, len(FACE_DIMENSIONS)), np.float32), np.zeros(0, np.float32), no_posture(why)), why


def speeds(faces: pd.DataFrame) -> np.ndarray:
    """Speed of each face since the crop before of its track, in face heights per second; NaN where there is none within a second.

    A face's box is square in the film's pixels, so its two shares tell the shape of the picture.
    """
    centre = np.stack([faces["x"] + faces["width"] / 2, faces["y"] + faces["height"] / 2], axis=1)
    sides = faces[["width", "height"]].to_numpy(np.float64)
    speeds = np.full(len(faces), np.nan, np.float32)
    for rows in faces.groupby("track_id", sort=True).indices.values():
        before, after, seconds = steps(faces["t_ms"].to_numpy(), rows)
        moved = (centre[after] - centre[before]) / np.maximum((sides[after] + sides[before]) / 2, 1e-9)
        speeds[after] = np.hypot(*moved.T) / seconds
    return speeds


def _reason(present: np.ndarray) -> str | None:
    absent = int((~present).sum())
    return f"no face found in {absent} of {len(present)} units" if absent else None


@dataclass(frozen=True)
class Choice:
    """Rows of Readings in a unit: the speaker's (by time; none when only others are seen), the other face's, those of the speaker's body;
    the speaker's track, how surely it speaks (0..1), faces seen at once, share of the pictures in which the speaker is seen."""

    speaker: np.ndarray
    other: np.ndarray
    body: np.ndarray
    track: str | None
    speaking: float
    n_faces: float
    coverage: float


def choose(readings: Readings, people: People, start_ms: float, end_ms: float, character: str | None) -> Choice | None:
    """Who speaks between two times: the track named as the character, else the one with the largest mouth movement, weighed by its
    size and by how long it is seen; a track named as somebody else never."""
    if np.isnan(start_ms) or not len(readings.faces):
        return None
    inside = _within(readings.faces, start_ms, end_ms)
    if not len(inside):
        return None
    n_times = len(np.unique(readings.faces["t_ms"].to_numpy()[inside]))
    tracks = _by_track(readings.faces, inside)
    weight = {name: _weight(readings, rows, n_times) for name, rows in tracks.items()}
    ordered = sorted(tracks, key=lambda name: (-weight[name], name))
    known = {name: people.character.get(name) for name in ordered} if isinstance(character, str) else {}
    candidates = [name for name in ordered if known.get(name) == character] or [name for name in ordered if known.get(name) is None]
    others = [name for name in ordered if name not in candidates[:1]]
    none = inside[:0]
    speaker = tracks[candidates[0]] if candidates else none
    bodies = readings.posture.table
    body = _by_track(bodies, _within(bodies, start_ms, end_ms)).get(candidates[0], none) if candidates else none
    movement = _movement(readings.geometry[speaker, 0])
    seen = (movement / (movement + SPEAKING_SCALE), len(inside) / n_times, len(speaker) / n_times)
    return Choice(speaker, tracks[others[0]] if others else none, body, candidates[0] if candidates else None, *seen)


def _listeners(readings: Readings, people: People, units: pd.DataFrame, chosen: list[Choice | None]) -> list[Listener | None]:
    """Who is seen to listen to each unit; None where nobody is."""
    found: list[Listener | None] = []
    for unit, choice, from_ms, until_ms in zip(units.itertuples(), chosen, *listening_times(units), strict=True):
        if np.isnan(from_ms) or not len(readings.faces):
            found.append(None)
            continue
        tracks = _by_track(readings.faces, _within(readings.faces, from_ms, until_ms))
        who = (name if isinstance(name, str) else None for name in (unit.character_id, unit.addressee_id))
        found.append(choose_listener(tracks, people.character, choice.track if choice else None, *who))
    return found


def _within(table: pd.DataFrame, start_ms: float, end_ms: float) -> np.ndarray:
    """Rows of a table in the order of time that lie between two times."""
    return np.arange(*np.searchsorted(table["t_ms"].to_numpy(), [start_ms, end_ms]))


def _by_track(table: pd.DataFrame, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The rows of each track among `rows`, in their order."""
    names, track = np.unique(table["track_id"].to_numpy(str)[rows], return_inverse=True)
    return {str(name): rows[track == index] for index, name in enumerate(names)}


def _weight(readings: Readings, rows: np.ndarray, n_times: int) -> float:
    size = float(np.sqrt(readings.faces["height"].to_numpy()[rows].mean()))
    return (_movement(readings.geometry[rows, 0]) + SPEAKING_SCALE / 4) * size * len(rows) / n_times


def _movement(mouth_open: np.ndarray) -> float:
    return float(np.std(mouth_open)) if len(mouth_open) > 2 else 0.0


def describe(readings: Readings, choice: Choice | None) -> dict[str, float]:
    """Measures of FACE_FEATURES by name of a unit, without those that are relative to others; empty where no face is seen."""
    if choice is None:
        return {}
    row = {"n_faces": choice.n_faces, "speaking": choice.speaking, "coverage": choice.coverage}
    if len(choice.other):
        other = readings.expression[choice.other].mean(0)
        row |= {f"other_p_{emotion}": float(value) for emotion, value in zip(EMOTIONS, other, strict=True)}
    return row | (_describe_speaker(readings, choice) if len(choice.speaker) else {})


def _describe_speaker(readings: Readings, choice: Choice) -> dict[str, float]:
    body = readings.posture.held[choice.body]
    row = _describe_face(readings, choice.speaker)
    row |= _statistics(POSTURE, body[:, : len(POSTURE)], ("mean",))
    return row | _statistics(GESTURE, body[:, len(POSTURE) :], ("mean", "max"))


def _describe_face(readings: Readings, rows: np.ndarray) -> dict[str, float]:
    names = [f"p_{emotion}" for emotion in EMOTIONS] + list(GEOMETRY)
    row: dict[str, float] = {}
    row |= _statistics(names, np.concatenate([readings.expression[rows], readings.geometry[rows]], axis=1), STATISTICS)
    row |= _statistics(MOVING, readings.moving[rows], ("mean", "std"))
    faces = readings.faces.iloc[rows]
    return row | {"size": float(faces["height"].mean()), "score": float(faces["score"].mean())}


def _statistics(names: Sequence[str], values: np.ndarray, statistics: tuple[str, ...]) -> dict[str, float]:
    """Statistics of each column (n, k) over the rows that have a number; columns without one are left out."""
    row: dict[str, float] = {}
    for name, column in zip(names, values.T.astype(np.float64), strict=True):
        measured = column[np.isfinite(column)]
        if len(measured):
            row |= {f"{name}_{statistic}": float(getattr(measured, statistic)()) for statistic in statistics}
    return row


def columns_of(rows: list[dict[str, float]], units: pd.DataFrame) -> Columns:
    """FACE_FEATURES as columns, row-aligned with `units`, from what `describe` says of each."""
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


def _write_listeners(readings: Readings, units: pd.DataFrame, listeners: list[Listener | None], out: Path) -> None:
    """LISTENERS with the columns of FACE_FEATURES: the face alone, for what is relative to oneself is measured while one speaks."""
    import pandas as pd

    rows = [_describe_face(readings, one.rows) if one else {} for one in listeners]
    table = pd.DataFrame({"unit_id": units["unit_id"].to_numpy(), "present": [one is not None for one in listeners]})
    table["character_id"] = [one.character if one else None for one in listeners]
    columns = {name: column.astype(np.float32) for name, column in stack_rows(rows, FACE_FEATURES).items()}
    LISTENERS.write(pd.concat([table, pd.DataFrame(columns, index=table.index)], axis=1), out / LISTENERS_FILE)


def _write_unit_crops(readings: Readings, crops: np.ndarray, chosen: list[np.ndarray | None], path: Path) -> None:
    from safetensors.numpy import save_file

    found = unit_crops(readings, crops, chosen)
    save_file({"crops": found.crops, "mask": found.mask, "t_ms": found.t_ms}, path)


@dataclass(frozen=True)
class UnitCrops:
    """Grey crops uint8 (n, 8, 48, 48) of n units, which of them are there (n, 8), and their times (n, 8); else zeros and -1 stand."""

    crops: np.ndarray
    mask: np.ndarray
    t_ms: np.ndarray


def unit_crops(readings: Readings, crops: np.ndarray, chosen: Sequence[np.ndarray | None]) -> UnitCrops:
    """The crops of the rows chosen for each unit, at most eight evenly in time; `crops` (m, h, w, 3) are row-aligned with the readings."""
    import cv2

    pictures = np.zeros((len(chosen), CROPS_PER_UNIT, CROP_SIZE, CROP_SIZE), np.uint8)
    mask = np.zeros((len(chosen), CROPS_PER_UNIT), bool)
    t_ms, times = np.full((len(chosen), CROPS_PER_UNIT), -1, np.int64), readings.faces["t_ms"].to_numpy(np.int64)
    for unit, rows in enumerate(chosen):
        for place, row in enumerate(_spread(rows) if rows is not None else ()):
            grey = (crops[row] @ np.array(LUMA, np.float32)).round().astype(np.uint8)
            pictures[unit, place] = cv2.resize(grey, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA)
            mask[unit, place], t_ms[unit, place] = True, times[row]
    return UnitCrops(pictures, mask, t_ms)


def _spread(rows: np.ndarray) -> np.ndarray:
    if len(rows) <= CROPS_PER_UNIT:
        return rows
    return rows[np.linspace(0, len(rows) - 1, CROPS_PER_UNIT).round().astype(int)]
