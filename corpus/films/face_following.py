"""Faces in every frame: looked for in the whole picture now and then, and near where they were just now in between.

BlazeFace's short-range network (MediaPipe, 128 x 128) sees a known face's surroundings enlarged, at a third of what the whole picture
costs, and holds on to faces half hidden by a hand; the full-range network looks for new ones. Where it does not find a face again, two
searches end at one face, or there are many, the whole picture is searched at once.
"""

from __future__ import annotations

import cv2
import numpy as np

from corpus.films.faces import FAINT_MINIMUM, Detection, FaceDetector, FaceTracker, LiteRt, box_of, candidates, overlap

LOOK_MS = 400
MOST_NEAR = 2
"""With more faces than these the whole picture costs no more."""

INPUT = 128
_AROUND = 2.0
"""Side of what is looked at, in heights of the face."""
_SCORE_MINIMUM = 0.5
_SAME = 0.3
_BOX_SHARE = 0.91
"""Size of the short-range network's boxes to the full-range network's, measured on one face over 118 frames (deviation 0.03)."""


class NearDetector:
    """BlazeFace short-range around a known face, by LiteRT on one thread.

    Raises:
        WeightError: the weight is not in the cache.
    """

    def __init__(self) -> None:
        from corpus.weights import weight_path

        self._network = LiteRt(weight_path("blazeface-short-range"), INPUT)
        self._anchors = _anchors()

    def find(self, rgb: np.ndarray, face: Detection) -> Detection | None:
        """The face in a uint8 RGB picture (height, width, 3) that lies nearest where `face` lay a moment ago; None where none is sure."""
        size = np.array(rgb.shape[1::-1], np.float64)
        side = _AROUND * face.height * size[1]
        corner = np.array([face.x + face.width / 2, face.y + face.height / 2]) * size - side / 2
        scale = INPUT / side
        cut = cv2.warpAffine(rgb, np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]]), (INPUT, INPUT))
        np.multiply(cut, np.float32(1 / 127.5), out=self._network.square)
        self._network.square -= 1
        return self._nearest(corner, side, size)

    def _nearest(self, corner: np.ndarray, side: float, size: np.ndarray) -> Detection | None:
        found = candidates(*self._network.answer(), self._anchors, INPUT, _SCORE_MINIMUM)
        if not found:
            return None
        nearest, score = min(found, key=lambda one: float(np.hypot(*(one[0][0] - 0.5))))
        return _detection(nearest, score, corner / size, side / size)


def _anchors() -> np.ndarray:
    """Centres of 16 x 16 cells with two anchors and 8 x 8 with six, as shares of the input: float32 (896, 2)."""
    grids = []
    for side, count in ((16, 2), (8, 6)):
        centres = (np.arange(side, dtype=np.float32) + 0.5) / side
        grids.append(np.repeat(np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2), count, axis=0))
    return np.concatenate(grids)


def _detection(points: np.ndarray, score: float, corner: np.ndarray, side: np.ndarray) -> Detection:
    """`points` (8, 2) as shares of what was looked at, which lies at `corner` with the extent `side`, shares of the picture."""
    centre, extent = corner + points[0] * side, points[1] * side / _BOX_SHARE
    eyes = sorted((float(x), float(y)) for x, y in corner + points[2:4] * side)
    left, top = (float(value) for value in centre - extent / 2)
    return Detection(left, top, float(extent[0]), float(extent[1]), score, eyes[0], eyes[1])


class FaceFollower:
    """Finds and follows the faces of successive frames of one shot; `reset` belongs at every shot boundary.

    Raises:
        WeightError: a network's weight is not in the cache.
    """

    def __init__(self) -> None:
        self._everywhere = FaceDetector(score_minimum=FAINT_MINIMUM)
        self._near = NearDetector()
        self._tracker = FaceTracker()
        self.reset()

    def reset(self) -> None:
        """Forget every face."""
        self._tracker.reset()
        self._known: list[Detection] = []
        self._looked_ms: int | None = None

    def push(self, t_ms: int, rgb: np.ndarray) -> list[tuple[int, Detection]]:
        """Track and face for each face of the uint8 RGB picture (height, width, 3) shown at `t_ms`."""
        faces = self._again(t_ms, rgb) or self._look(t_ms, rgb)
        numbers = self._tracker.follow(t_ms, faces)
        followed = [(number, face) for number, face in zip(numbers, faces, strict=True) if number is not None]
        self._known = [face for _, face in followed]
        return followed

    def _look(self, t_ms: int, rgb: np.ndarray) -> list[Detection]:
        self._looked_ms = t_ms
        return self._everywhere.detect(rgb)

    def _again(self, t_ms: int, rgb: np.ndarray) -> list[Detection]:
        """The known faces where they are now; nothing where the whole picture should be searched."""
        due = self._looked_ms is None or t_ms - self._looked_ms >= LOOK_MS
        if due or not 0 < len(self._known) <= MOST_NEAR:
            return []
        found = [self._near.find(rgb, face) for face in self._known]
        sure = [face for face in found if face is not None]
        return sure if len(sure) == len(found) and not _meet(sure) else []


def _meet(faces: list[Detection]) -> bool:
    boxes = np.array([box_of(face) for face in faces])
    return any((overlap(box, boxes[place + 1 :]) > _SAME).any() for place, box in enumerate(boxes))
