"""Faces in sampled pictures: found by BlazeFace, aligned by the eyes, followed through one shot.

The detector is MediaPipe's full-range BlazeFace (Bazarevsky et al., "BlazeFace", CVPR Workshop 2019; dense variant): a letterboxed
192 x 192 picture, 2304 anchors, weighted non-maximum suppression; LiteRT runs it on a CPU, torch on a GPU in batches. Faces are followed
by a constant-velocity prediction and the Hungarian assignment, and never across a shot boundary, because a face after a cut is another
picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

CROP_SIZE = 64
BODY_SIZE = 224
SCORE_MINIMUM = 0.6
FAINT_MINIMUM = 0.4
"""A face that is half hidden scores less than one that begins a track may, and is still the same face."""

INPUT = 192
_STRIDE = 4
_SUPPRESSION_OVERLAP = 0.3

_EYE_HEIGHT = 0.36
_EYE_DISTANCE = 0.31
_LEAST_EYE_DISTANCE = 0.40

_LONGEST_GAP_MS = 700
_MOST_COST = 1.0


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


Answer = tuple[np.ndarray, np.ndarray, np.ndarray]
"""What the network says of a picture: regressors (2304, 16), logits (2304,), and where it lies in its square (4,), as `letterbox` tells."""


class Network(Protocol):
    """What runs the network."""

    def run(self, pictures: Sequence[np.ndarray]) -> Iterable[Answer]:
        """The answer for each uint8 RGB picture (height, width, 3)."""
        ...


class FaceDetector:
    """BlazeFace full-range, dense.

    On a CPU LiteRT runs it, 2.9 ms a picture where torch takes 8; on a GPU torch does, many pictures at once.

    Raises:
        WeightError: the weight is not in the cache.
    """

    def __init__(self, *, score_minimum: float = SCORE_MINIMUM, device: str = "cpu") -> None:
        from corpus.weights import weight_path

        self._score_minimum = score_minimum
        self._network = _network(weight_path("blazeface-full-range"), device)
        self._anchors = _anchors()

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        """Faces in a uint8 RGB picture (height, width, 3), best score first."""
        return self.detect_all([rgb])[0]

    def detect_all(self, pictures: Sequence[np.ndarray]) -> list[list[Detection]]:
        """Faces in each of several pictures; on a GPU pictures of one size go through the network together."""
        return [self._found(*answer) for answer in self._network.run(pictures)]

    def _found(self, regressors: np.ndarray, logits: np.ndarray, place: np.ndarray) -> list[Detection]:
        found = candidates(regressors, logits, self._anchors, INPUT, self._score_minimum)
        return [_detection(merged, score, place) for merged, score in found]


def candidates(
    regressors: np.ndarray, logits: np.ndarray, anchors: np.ndarray, side: int, score_minimum: float
) -> list[tuple[np.ndarray, float]]:
    """Points (8, 2) of each face as shares of the network's square of `side` pixels, with its score, from what the network answers.

    The points are the centre, the size, both eyes and four others; `anchors` (n, 2) are the answers' places in the square.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
    kept = np.flatnonzero(scores >= score_minimum)
    # Every value is an offset from the anchor in input pixels, except the size, which is the size itself.
    points = regressors[kept].reshape(-1, 8, 2) / side
    points[:, [0, 2, 3, 4, 5, 6, 7]] += anchors[kept, None]
    return weighted_suppression(points, scores[kept])


def _network(model: Path, device: str) -> Network:
    if device == "cpu":
        return _LiteRtNetwork(model)
    from corpus.films.face_network import TorchNetwork

    return TorchNetwork(model, device)


class LiteRt:
    """A network of BlazeFace's in LiteRT on one thread; it reads what lies in `square` float32 (side, side, 3), -1..1."""

    def __init__(self, model: Path, side: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(model), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = sorted(self._interpreter.get_output_details(), key=lambda detail: -int(detail["shape"][-1]))
        self._regressors, self._logits = (detail["index"] for detail in outputs)
        self.square = np.empty((side, side, 3), np.float32)

    def answer(self) -> tuple[np.ndarray, np.ndarray]:
        """Regressors (n, 16) and logits (n,)."""
        self._interpreter.set_tensor(self._input, self.square[None])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._regressors)[0], self._interpreter.get_tensor(self._logits)[0, :, 0]


class _LiteRtNetwork:
    """Pictures read by LiteRT one by one."""

    def __init__(self, model: Path) -> None:
        self._network = LiteRt(model, INPUT)

    def run(self, pictures: Sequence[np.ndarray]) -> Iterable[Answer]:
        return map(self._run, pictures)

    def _run(self, picture: np.ndarray) -> Answer:
        place = letterbox(picture, self._network.square)
        return *self._network.answer(), place


def _anchors() -> np.ndarray:
    """Centres of the 48 x 48 anchors, row by row, shares of the input: float32 (2304, 2)."""
    side = INPUT // _STRIDE
    centres = (np.arange(side, dtype=np.float32) + 0.5) / side
    return np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)


def letterbox_place(width: int, height: int) -> tuple[int, int, int, int]:
    """Where a picture lies in the network's square, in its pixels: left, top, width, height."""
    ratio = INPUT / max(width, height)
    w, h = max(round(width * ratio), 1), max(round(height * ratio), 1)
    return (INPUT - w) // 2, (INPUT - h) // 2, w, h


def letterbox(rgb: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Write the picture, -1..1 and centred on black, into the network's input `square` float32 (192, 192, 3).

    Returns:
        Where it lies (left, top, width, height) as shares of the square.
    """
    left, top, w, h = letterbox_place(rgb.shape[1], rgb.shape[0])
    factor = shrinking(rgb.shape[1] / w)
    if factor > 1:
        rgb = cv2.resize(rgb, (rgb.shape[1] // factor, rgb.shape[0] // factor), interpolation=cv2.INTER_AREA)
    square.fill(-1)
    # Into memory that is there: fresh memory for each picture costs more than the arithmetic.
    inner = square[top : top + h, left : left + w]
    np.multiply(cv2.resize(rgb, (w, h), interpolation=cv2.INTER_LINEAR), np.float32(1 / 127.5), out=inner)
    inner -= 1
    return np.array([left, top, w, h], dtype=np.float32) / INPUT


def shrinking(ratio: float) -> int:
    """By which whole number pictures are averaged down before they are sampled; averaging by `ratio` itself costs six times as much."""
    return 2 ** max(int(np.floor(np.log2(max(ratio, 1)))), 0)


def _corners(points: np.ndarray) -> np.ndarray:
    centre, size = points[:, 0], points[:, 1]
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1)


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (x0, y0, x1, y1) with many (n, 4)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    area, areas = np.prod(box[2:] - box[:2]), np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / np.maximum(area + areas - shared, 1e-9)


def weighted_suppression(points: np.ndarray, scores: np.ndarray) -> list[tuple[np.ndarray, float]]:
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


def _detection(points: np.ndarray, score: float, place: np.ndarray) -> Detection:
    shares = points.copy()
    shares[1] = points[1] / place[2:]
    shares[[0, 2, 3, 4, 5, 6, 7]] = (points[[0, 2, 3, 4, 5, 6, 7]] - place[:2]) / place[2:]
    width, height = (float(v) for v in shares[1])
    x, y = float(shares[0, 0]) - width / 2, float(shares[0, 1]) - height / 2
    eyes = sorted(((float(px), float(py)) for px, py in shares[2:4]), key=lambda eye: eye[0])
    return Detection(x, y, width, height, score, eyes[0], eyes[1])


def eyes_to_align(face: Detection, width: int, height: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """(Right eye, left eye) to give to `align_crop`, as shares of a picture of `width` x `height` pixels.

    On faces of few pixels and in profile the detector puts the eyes close together, and a crop scaled by that shows little more than a
    nose; so they are taken to be 0.40 of the box's width apart at least, about the same middle and along the same line.
    """
    pixels = np.array([width, height])
    first, second = np.array(face.right_eye) * pixels, np.array(face.left_eye) * pixels
    apart = float(np.hypot(*(second - first)))
    least = _LEAST_EYE_DISTANCE * face.width * width
    if apart >= least:
        return face.right_eye, face.left_eye
    along = (second - first) / apart if apart > 0 else np.array([1.0, 0.0])
    middle = (first + second) / 2
    right, left = ((middle + side * along * least / 2) / pixels for side in (-1, 1))
    return (float(right[0]), float(right[1])), (float(left[0]), float(left[1]))


def align_crop(rgb: np.ndarray, eyes: tuple[tuple[float, float], tuple[float, float]]) -> np.ndarray:
    """The face turned upright and scaled so that the eyes lie at fixed places.

    Args:
        rgb: uint8 picture (height, width, 3).
        eyes: (right eye, left eye) as shares of width and height; the first lies left in the picture.

    Returns:
        uint8 (CROP_SIZE, CROP_SIZE, 3); the eyes lie 0.31 of the side apart at 0.36 of its height, what is outside of the picture
        repeats its edge.
    """
    height, width = rgb.shape[:2]
    first, second = (np.array(eye) * (width, height) for eye in eyes)
    across = second - first
    scale = _EYE_DISTANCE * CROP_SIZE / max(float(np.hypot(*across)), 1e-3)
    turn = -np.arctan2(across[1], across[0])
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = np.array([0.5, _EYE_HEIGHT]) * CROP_SIZE - rotation @ ((first + second) / 2)
    matrix = np.column_stack([rotation, shift])
    # A large face is averaged down first: sampling it thinly adds noise to the expression.
    rgb, matrix = _shrunk(rgb, matrix, CROP_SIZE, max(round(1 / scale), 1))
    return cv2.warpAffine(rgb, matrix, (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _shrunk(rgb: np.ndarray, matrix: np.ndarray, size: int, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """The part of a picture that `matrix` maps onto a square of `size`, averaged down by a whole factor, and the matrix for that."""
    if factor == 1:
        return rgb, matrix
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    found = np.linalg.solve(matrix[:, :2], (corners - matrix[:, 2]).T)
    bounds = np.array(rgb.shape[1::-1])
    low = np.clip(np.floor(found.min(1)).astype(int) - factor, 0, np.maximum(bounds - factor, 0))
    high = np.clip(np.ceil(found.max(1)).astype(int) + factor, low + factor, np.maximum(bounds, low + factor))
    columns, rows = (high - low) // factor
    part = rgb[low[1] : low[1] + rows * factor, low[0] : low[0] + columns * factor]
    small = cv2.resize(part, (int(columns), int(rows)), interpolation=cv2.INTER_AREA)
    # Pixel k of the small part has its centre at low + factor * (k + 0.5) - 0.5.
    centre = low + (factor - 1) / 2
    return small, np.column_stack([matrix[:, :2] * factor, matrix[:, :2] @ centre + matrix[:, 2]])


_BODY_SIDE, _BODY_DOWN = 10.0, 3.5


def body_crop(rgb: np.ndarray, face: Detection, size: int = BODY_SIZE) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """The body below a face, as `ml.features.face.pose` reads it: a square of ten face heights about the hips, as MediaPipe cuts it.

    Args:
        rgb: uint8 picture (height, width, 3).
        face: a face in it.
        size: side of the crop in pixels.

    Returns:
        uint8 (size, size, 3), black where it reaches over the picture's edge; and what it shows (x, y, width, height) as shares of the
        picture's width and height, below 0 and above 1 where it reaches over.
    """
    height, width = rgb.shape[:2]
    side = _BODY_SIDE * face.height * height
    left = (face.x + face.width / 2) * width - side / 2
    top = (face.y + face.height / 2 + _BODY_DOWN * face.height) * height - side / 2
    scale = size / side
    finer = int(np.clip(np.ceil(1 / scale), 1, 4))
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]]) * finer
    # Pixels have their centres at halves.
    matrix[:, 2] += (scale * finer - 1) / 2
    cut = cv2.warpAffine(rgb, matrix, (size * finer, size * finer), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    if finer > 1:
        cut = cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA)
    return cut, (left / width, top / height, side / width, side / height)


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

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget every track."""
        self._tracks: list[_Track] = []
        self._next = 0

    def push(self, t_ms: int, faces: Iterable[Detection]) -> list[int]:
        """Track number of each face of the sample at `t_ms`, in the order given."""
        boxes = [box_of(face) for face in faces]
        self._forget(t_ms)
        matched = self._match(t_ms, boxes)
        return [self._follow(matched.get(i), box, t_ms) for i, box in enumerate(boxes)]

    def follow(self, t_ms: int, faces: Sequence[Detection]) -> list[int | None]:
        """As `push`, but a face whose score is below SCORE_MINIMUM begins no track: it goes on with one, or is nobody's (None).

        Clear faces are matched first, faint ones with the tracks that are left (Zhang et al., "ByteTrack", ECCV 2022). Give it what a
        detector with FAINT_MINIMUM finds.
        """
        clear = [i for i, face in enumerate(faces) if face.score >= SCORE_MINIMUM]
        numbers: list[int | None] = [None] * len(faces)
        for i, number in zip(clear, self.push(t_ms, [faces[i] for i in clear]), strict=True):
            numbers[i] = number
        faint = [i for i in range(len(faces)) if i not in clear]
        for place, track in self._match(t_ms, [box_of(faces[i]) for i in faint]).items():
            numbers[faint[place]] = self._follow(track, box_of(faces[faint[place]]), t_ms)
        return numbers

    def _forget(self, t_ms: int) -> None:
        self._tracks = [track for track in self._tracks if t_ms - track.t_ms <= _LONGEST_GAP_MS]

    def _match(self, t_ms: int, boxes: list[np.ndarray]) -> dict[int, _Track]:
        """For each box, by its place, the track that it goes on with; tracks that the sample has met already are left out."""
        waiting = [track for track in self._tracks if track.t_ms < t_ms]
        if not boxes or not waiting:
            return {}
        cost = np.array([[_cost(track.predicted(t_ms), box) for box in boxes] for track in waiting])
        rows, columns = _assigned(cost)
        near = [(row, column) for row, column in zip(rows, columns, strict=True) if cost[row, column] <= _MOST_COST]
        return {int(column): waiting[row] for row, column in near}

    def _follow(self, track: _Track | None, box: np.ndarray, t_ms: int) -> int:
        if track is None:
            track = _Track(self._next, box, t_ms)
            self._tracks.append(track)
            self._next += 1
        else:
            track.update(box, t_ms)
        return track.number


def box_of(face: Detection) -> np.ndarray:
    """Left, top, right and bottom edge of a face (4,)."""
    return np.array([face.x, face.y, face.x + face.width, face.y + face.height])


def _assigned(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns that together cost least."""
    if cost.size == 1:
        return np.zeros(1, int), np.zeros(1, int)
    from scipy.optimize import linear_sum_assignment  # 36 MB that a scan needs only when its shot network is gone

    rows, columns = linear_sum_assignment(cost)
    return rows, columns


def _cost(predicted: np.ndarray, box: np.ndarray) -> float:
    """Distance of centres in face sizes plus the change of size; below 1 the two are plausibly one face."""
    size = np.maximum((box[2:] - box[:2] + predicted[2:] - predicted[:2]) / 2, 1e-6)
    centre = ((box[:2] + box[2:]) - (predicted[:2] + predicted[2:])) / 2
    growth = np.abs(np.log(np.maximum(box[2:] - box[:2], 1e-6) / np.maximum(predicted[2:] - predicted[:2], 1e-6))).max()
    return float(np.hypot(*(centre / size)) + 0.5 * growth)
