"""The faces of pictures in memory, as the scan and `build` would write them for a clip that holds those pictures as its only unit.

Each picture is looked at once, each face and body is read once, and the window over the last pictures is described from what was read: with
the numbers that a clip of the window would get. A picture that stands alone has no track to follow; its faces count where they are clear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from corpus.films.faces import (
    CROP_SIZE,
    FAINT_MINIMUM,
    SCORE_MINIMUM,
    Detection,
    FaceDetector,
    align_crop,
    body_crop,
    eyes_to_align,
)
from corpus.films.sampling import BODY_MS, SAMPLE_MS, FaceWatch, as_jpeg
from corpus.films.tracks import MINIMUM_TRACK_SCORE, find_tracks
from ml.features.extractor import Block, joined
from ml.features.face.bodies import Posture, no_posture, posture_of
from ml.features.face.build import FACE_FEATURES, Readings, choose, columns_of, describe, speeds, unit_crops
from ml.features.face.extractor import FaceChunk, FaceExtractor
from ml.features.face.place import Place
from ml.features.face.pose import POSTURE_DIMENSIONS, BodyChunk, PostureExtractor
from ml.features.people import People
from ml.models.window import SeenFace

if TYPE_CHECKING:
    import pandas as pd

_OWN = "seen"
_NOBODY_NAMED = People({}, None)


@dataclass
class _Face:
    """A face in one picture; what was read of it and of its body is kept once it was."""

    t_ms: int
    found: Detection
    crop: np.ndarray
    body: bytes
    region: tuple[float, float, float, float]
    values: np.ndarray | None = None
    held: Block | None = None

    @property
    def row(self) -> tuple[float, ...]:
        """As `find_tracks` takes it."""
        one = self.found
        return (one.x, one.y, one.width, one.height, one.score, *one.right_eye, *one.left_eye)


@dataclass(frozen=True)
class Look:
    """A picture that was looked at, and its faces, best score first."""

    t_ms: int
    faces: tuple[_Face, ...]

    @property
    def until_ms(self) -> int:
        """It stands for the time until the next one is due."""
        return self.t_ms + SAMPLE_MS


class FaceReader:
    """Looks at pictures and describes the faces in them; its networks are loaded with the first one. For one thread at a time."""

    def __init__(self) -> None:
        self._detector = FaceDetector(score_minimum=FAINT_MINIMUM)
        self._faces, self._bodies = FaceExtractor(), PostureExtractor()

    def warm(self) -> None:
        """Load the networks, so that the first who is seen does not wait.

        Raises:
            WeightError: a network's weights are missing or damaged.
        """
        picture = np.zeros((CROP_SIZE, CROP_SIZE, 3), np.uint8)
        one = _face(0, picture, Detection(0.2, 0.2, 0.6, 0.6, 1.0, (0.4, 0.4), (0.6, 0.4)))
        self._read_faces([one])
        self._read_bodies([one])

    def look(self, t_ms: int, picture: np.ndarray, most: int | None = None) -> Look:
        """Find the faces in a uint8 RGB picture at most PICTURE_WIDTH wide and high, of `most` the clearest.

        Raises:
            WeightError: a network's weights are missing or damaged.
        """
        return Look(t_ms, tuple(_face(t_ms, picture, found) for found in self._detector.detect(picture)[:most]))

    def describe(self, looks: Sequence[Look]) -> SeenFace | None:
        """The face that speaks, or is largest, over pictures in the order of time; None where there is none.

        Where the pictures lie too far apart to follow a face, the last one alone is described.

        Raises:
            WeightError: a network's weights are missing or damaged.
        """
        start_ms = looks[0].t_ms
        faces = [face for look in looks for face in look.faces]
        if not faces:
            return None
        times = np.array([face.t_ms - start_ms for face in faces], np.int64)
        tracks = find_tracks(times, np.array([face.row for face in faces], np.float64), [0])
        if not len(tracks):
            return next(iter(self.describe_each(looks[-1])), None)
        kept = [faces[row] for row in tracks.rows]
        names = [f"face{track:02d}" for track in tracks.tracks]
        bodies = _with_body(looks)
        shown = self._read(kept, names, [face for face in kept if id(face) in bodies], start_ms)
        return shown.described(looks[-1].until_ms - start_ms)

    def describe_each(self, look: Look) -> list[SeenFace]:
        """Each clear face of a picture that stands alone, the largest first.

        Raises:
            WeightError: a network's weights are missing or damaged.
        """
        clear = [face for face in look.faces if face.found.score >= MINIMUM_TRACK_SCORE]
        clear.sort(key=lambda face: -face.found.height)
        if not clear:
            return []
        names = [f"face{number:02d}" for number in range(len(clear))]
        shown = self._read(clear, names, clear, look.t_ms)
        each = [shown.described(SAMPLE_MS, name) for name in names]
        return [one for one in each if one is not None]

    def _read(self, faces: list[_Face], names: list[str], bodies: list[_Face], start_ms: int) -> _Shown:
        import pandas as pd

        self._read_faces([face for face in faces if face.values is None])
        self._read_bodies([face for face in bodies if face.held is None])
        track = {id(face): name for face, name in zip(faces, names, strict=True)}
        table = _face_table(faces, names, start_ms)
        values = np.stack([face.values for face in faces if face.values is not None])
        owners = pd.DataFrame({"track_id": [track[id(face)] for face in bodies], "t_ms": [face.t_ms - start_ms for face in bodies]})
        readings = Readings(table, values, speeds(table), _posture(owners, [face.held for face in bodies if face.held is not None]))
        return _Shown(readings, np.stack([face.crop for face in faces]))

    def _read_faces(self, faces: list[_Face]) -> None:
        if not faces:
            return
        times = np.array([face.t_ms for face in faces], np.int64)
        # No film's scan tells how a head leant either.
        unknown = np.full(len(faces), np.nan, np.float32)
        block = self._faces.extract(FaceChunk(times, np.stack([face.crop for face in faces]), unknown))
        for face, values in zip(faces, block.values, strict=True):
            face.values = values

    def _read_bodies(self, faces: list[_Face]) -> None:
        if not faces:
            return
        times, regions = np.array([face.t_ms for face in faces], np.int64), np.array([face.region for face in faces], np.float32)
        block = self._bodies.extract(BodyChunk(times, tuple(face.body for face in faces), regions.astype(np.float64)))
        arrays = block.arrays()
        for row, face in enumerate(faces):
            face.held = Block.from_arrays({name: array[row : row + 1] for name, array in arrays.items()})


@dataclass(frozen=True)
class _Shown:
    """What was read of the faces of some pictures, and their crops, row by row."""

    readings: Readings
    crops: np.ndarray

    def described(self, end_ms: int, name: str | None = None) -> SeenFace | None:
        """The track of that name, else the one that speaks, over all pictures until `end_ms`."""
        people = _NOBODY_NAMED if name is None else People({name: _OWN}, None)
        choice = choose(self.readings, people, 0.0, float(end_ms), None if name is None else _OWN)
        if choice is None or not len(choice.speaker):
            return None
        unit = _unit(end_ms)
        columns = columns_of([describe(self.readings, choice)], unit)
        features = np.array([columns[feature][0] for feature in FACE_FEATURES], np.float32)
        last = self.readings.faces.iloc[choice.speaker[-1]]
        place = Place(*(float(last[side]) for side in ("x", "y", "width", "height")))
        return SeenFace(features, unit_crops(self.readings, self.crops, [choice.speaker]), place, choice.n_faces)


def _face(t_ms: int, picture: np.ndarray, found: Detection) -> _Face:
    body, region = body_crop(picture, found)
    eyes = eyes_to_align(found, picture.shape[1], picture.shape[0])
    return _Face(t_ms, found, align_crop(picture, eyes), as_jpeg(body), region)


def _with_body(looks: Sequence[Look]) -> set[int]:
    """The ids of the faces whose bodies a scan of the window would keep: twice a second, and of a face that was not there before."""
    watch, due_ms, kept = FaceWatch(), 0, set()
    for look in looks:
        t_ms = look.t_ms - looks[0].t_ms
        moved = watch.looked(t_ms, [face.found for face in look.faces])
        every = t_ms >= due_ms
        if every:
            due_ms = (t_ms // BODY_MS + 1) * BODY_MS
        kept |= {
            id(face)
            for face, distance in zip(look.faces, moved, strict=True)
            if every or (distance >= 1 and face.found.score >= SCORE_MINIMUM)
        }
    return kept


def _face_table(faces: Sequence[_Face], names: Sequence[str], start_ms: int) -> pd.DataFrame:
    """The columns of FACES that are read, in its number types."""
    import pandas as pd

    boxes = np.array([face.row[:5] for face in faces], np.float32)
    table = pd.DataFrame(boxes, columns=["x", "y", "width", "height", "score"])
    table["track_id"] = list(names)
    table["t_ms"] = np.array([face.t_ms - start_ms for face in faces], np.int64)
    return table


def _posture(owners: pd.DataFrame, blocks: list[Block]) -> Posture:
    return posture_of(owners, joined(blocks, len(POSTURE_DIMENSIONS))) if blocks else no_posture("no body found")


def _unit(end_ms: int) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"start_ms": [0.0], "end_ms": [float(end_ms)], "character_id": pd.Series([None], dtype=object)})
