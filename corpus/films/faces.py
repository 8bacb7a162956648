"""Faces in sampled pictures: found by BlazeFace, aligned by the eyes, followed through one shot.

The detector is MediaPipe's full-range BlazeFace (Bazarevsky et al., "BlazeFace", CVPR Workshop 2019; dense variant) run by LiteRT on
one thread: a letterboxed 192 x 192 picture, 2304 anchors, weighted non-maximum suppression. Faces are followed by a constant-velocity
prediction and the Hungarian assignment, and never across a shot boundary, because a face after a cut is another picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

CROP_SIZE = 64
SCORE_MINIMUM = 0.6

_INPUT = 192
_STRIDE = 4
_SUPPRESSION_OVERLAP = 0.3

_EYE_HEIGHT = 0.36
_EYE_DISTANCE = 0.31


@dataclass(frozen=True, slots=True)
class Detection:
    """One face: box and eyes as shares of picture width and height, the detector's score 0..1.

    `right_eye` and `left_eye` are the person's: the right eye lies left in the picture.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    right_eye: tuple[float, float]
    left_eye: tuple[float, float]


class FaceDetector:
    """BlazeFace full-range, dense.

    Raises:
        WeightError: the weight is not in the cache (when no `model` is given).
    """

    def __init__(self, model: Path | None = None, *, score_minimum: float = SCORE_MINIMUM) -> None:
        from ai_edge_litert.interpreter import Interpreter

        from corpus.weights import weight_path

        self._score_minimum = score_minimum
        self._interpreter = Interpreter(model_path=str(model or weight_path("blazeface-full-range")), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = sorted(self._interpreter.get_output_details(), key=lambda detail: -int(detail["shape"][-1]))
        self._regressors, self._scores = (detail["index"] for detail in outputs)
        self._anchors = _anchors()

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        """Faces in a uint8 RGB picture (height, width, 3), best score first."""
        tensor, scale = _letterbox(rgb)
        self._interpreter.set_tensor(self._input, tensor)
        self._interpreter.invoke()
        logits = self._interpreter.get_tensor(self._scores)[0, :, 0]
        scores = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
        kept = np.flatnonzero(scores >= self._score_minimum)
        # Every value is an offset from the anchor in input pixels, except the size, which is the size itself.
        points = self._interpreter.get_tensor(self._regressors)[0, kept].reshape(-1, 8, 2) / _INPUT
        points[:, [0, 2, 3, 4, 5, 6, 7]] += self._anchors[kept, None]
        return [_detection(merged, score, scale) for merged, score in _weighted_suppression(points, scores[kept])]


def _anchors() -> np.ndarray:
    """Centres of the 48 x 48 anchors, row by row, shares of the input: float32 (2304, 2)."""
    side = _INPUT // _STRIDE
    centres = (np.arange(side, dtype=np.float32) + 0.5) / side
    return np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)


def _letterbox(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The network's input, -1..1, picture centred on black, and the pads and extents (pad_x, pad_y, share_x, share_y)."""
    height, width = rgb.shape[:2]
    ratio = _INPUT / max(width, height)
    w, h = max(round(width * ratio), 1), max(round(height * ratio), 1)
    left, top = (_INPUT - w) // 2, (_INPUT - h) // 2
    canvas = np.zeros((1, _INPUT, _INPUT, 3), dtype=np.float32)
    canvas[0, top : top + h, left : left + w] = cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA)
    return canvas / 127.5 - 1, np.array([left, top, w, h], dtype=np.float32) / _INPUT


def _corners(points: np.ndarray) -> np.ndarray:
    centre, size = points[:, 0], points[:, 1]
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1)


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (x0, y0, x1, y1) with many (n, 4)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    area, areas = np.prod(box[2:] - box[:2]), np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / np.maximum(area + areas - shared, 1e-9)


def _weighted_suppression(points: np.ndarray, scores: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Overlapping candidates become their mean, weighted by score, with the best one's score."""
    merged = []
    order = np.argsort(-scores, kind="stable")
    corners = _corners(points)
    while len(order):
        best = order[0]
        same = overlap(corners[best], corners[order]) > _SUPPRESSION_OVERLAP
        same[0] = True
        group = order[same]
        weights = scores[group, None, None]
        merged.append(((points[group] * weights).sum(axis=0) / weights.sum(), float(scores[best])))
        order = order[~same]
    return merged


def _detection(points: np.ndarray, score: float, scale: np.ndarray) -> Detection:
    shares = points.copy()
    shares[1] = points[1] / scale[2:]
    shares[[0, 2, 3, 4, 5, 6, 7]] = (points[[0, 2, 3, 4, 5, 6, 7]] - scale[:2]) / scale[2:]
    width, height = (float(v) for v in shares[1])
    x, y = float(shares[0, 0]) - width / 2, float(shares[0, 1]) - height / 2
    eyes = sorted(((float(px), float(py)) for px, py in shares[2:4]), key=lambda eye: eye[0])
    return Detection(x, y, width, height, score, eyes[0], eyes[1])


def align_crop(rgb: np.ndarray, eyes: tuple[tuple[float, float], tuple[float, float]], size: int = CROP_SIZE) -> np.ndarray:
    """The face turned upright and scaled so that the eyes lie at fixed places.

    Args:
        rgb: uint8 picture (height, width, 3).
        eyes: (right eye, left eye) as shares of width and height; the first lies left in the picture.
        size: side of the crop in pixels.

    Returns:
        uint8 (size, size, 3); the eyes lie 0.31 of the side apart at 0.36 of its height, what is outside the picture repeats its edge.
    """
    height, width = rgb.shape[:2]
    first, second = (np.array(eye) * (width, height) for eye in eyes)
    across = second - first
    scale = _EYE_DISTANCE * size / max(float(np.hypot(*across)), 1e-3)
    turn = -np.arctan2(across[1], across[0])
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = np.array([0.5, _EYE_HEIGHT]) * size - rotation @ ((first + second) / 2)
    # A large face is turned at up to four times the size and then averaged down: sampling it thinly adds noise to the expression.
    finer = int(np.clip(np.ceil(1 / scale), 1, 4))
    matrix = np.column_stack([rotation, shift]) * finer
    turned = cv2.warpAffine(rgb, matrix, (size * finer, size * finer), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return turned if finer == 1 else cv2.resize(turned, (size, size), interpolation=cv2.INTER_AREA)


@dataclass
class _Track:
    number: int
    box: np.ndarray
    t_ms: int
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(4))

    def predicted(self, t_ms: int) -> np.ndarray:
        return self.box + self.velocity * (t_ms - self.t_ms)

    def update(self, box: np.ndarray, t_ms: int) -> None:
        measured = (box - self.box) / max(t_ms - self.t_ms, 1)
        self.velocity = 0.5 * self.velocity + 0.5 * measured
        self.box, self.t_ms = box, t_ms


class FaceTracker:
    """Follows faces from sample to sample; track numbers begin at 0 again after `reset`, which belongs at every shot boundary."""

    def __init__(self, *, maximum_gap_ms: int = 700, maximum_cost: float = 1.0) -> None:
        self._maximum_gap_ms = maximum_gap_ms
        self._maximum_cost = maximum_cost
        self.reset()

    def reset(self) -> None:
        """Forget every track."""
        self._tracks: list[_Track] = []
        self._next = 0

    def push(self, t_ms: int, faces: Iterable[Detection]) -> list[int]:
        """Track number of each face of the sample at `t_ms`, in the order given."""
        boxes = [np.array([face.x, face.y, face.x + face.width, face.y + face.height]) for face in faces]
        self._tracks = [track for track in self._tracks if t_ms - track.t_ms <= self._maximum_gap_ms]
        matched = self._match(t_ms, boxes)
        return [self._follow(matched.get(i), box, t_ms) for i, box in enumerate(boxes)]

    def _match(self, t_ms: int, boxes: list[np.ndarray]) -> dict[int, _Track]:
        if not boxes or not self._tracks:
            return {}
        cost = np.array([[_cost(track.predicted(t_ms), box) for box in boxes] for track in self._tracks])
        from scipy.optimize import linear_sum_assignment  # 36 MB that a scan needs only when its shot network is gone

        rows, columns = linear_sum_assignment(cost)
        near = [(row, column) for row, column in zip(rows, columns, strict=True) if cost[row, column] <= self._maximum_cost]
        return {int(column): self._tracks[row] for row, column in near}

    def _follow(self, track: _Track | None, box: np.ndarray, t_ms: int) -> int:
        if track is None:
            track = _Track(self._next, box, t_ms)
            self._tracks.append(track)
            self._next += 1
        else:
            track.update(box, t_ms)
        return track.number


def _cost(predicted: np.ndarray, box: np.ndarray) -> float:
    """Distance of centres in face sizes plus the change of size; below 1 the two are plausibly one face."""
    size = np.maximum((box[2:] - box[:2] + predicted[2:] - predicted[:2]) / 2, 1e-6)
    centre = ((box[:2] + box[2:]) - (predicted[:2] + predicted[2:])) / 2
    growth = np.abs(np.log(np.maximum(box[2:] - box[:2], 1e-6) / np.maximum(predicted[2:] - predicted[:2], 1e-6))).max()
    return float(np.hypot(*(centre / size)) + 0.5 * growth)
