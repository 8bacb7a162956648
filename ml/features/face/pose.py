"""How somebody holds and moves the upper body: MediaPipe's BlazePose (Bazarevsky et al., arXiv 2006.10204) on crops of the body.

The lite network finds 33 points of a person whose hips lie about the middle of the picture, as `corpus.films.faces.body_crop` cuts it;
where the picture ends above the hips it still tells where they would be, so only points that are seen and inside the picture count.
Distances are in shoulder widths, so that size and distance drop out. It runs in torch, in float32: in bfloat16 points would move by
some four pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from corpus.chunks import content_digest
from corpus.devices import uploaded
from corpus.terms import FeelmError
from corpus.tflite import TfliteNetwork, load_network
from corpus.threads import one_torch_thread
from corpus.weights import weight_path
from ml.features.extractor import Block, Dimension, batches, version_of
from ml.features.face.expressions import fitted

WEIGHT = "pose-landmarks"
CODE_VERSION = 1
"""To be raised whenever the same crops give other numbers."""

POSE_SIZE = 256
POINTS = 33
SEEN = 0.5
"""A point counts where the network says with this probability that it is visible."""
MARGIN = 0.03
"""Or lies this far outside the film's picture at most, in sides of the crop: a third of a face's height."""
CPU_BATCH, GPU_BATCH = 4, 128
_VALUES = 39 * 5

NOSE, EYES = 0, (5, 2)
SHOULDERS, ELBOWS, WRISTS, HIPS = (12, 11), (14, 13), (16, 15), (24, 23)
"""The person's right one first, which lies left in the picture when they face the camera."""

POSTURE_DIMENSIONS: tuple[Dimension, ...] = (
    Dimension("head_tilt", "degrees", "the line of the eyes leans towards the right edge of the picture", -90, 90),
    Dimension("shoulder_tilt", "degrees", "the line of the shoulders leans towards the right edge of the picture", -90, 90),
    Dimension("shoulder_turn", "degrees", "the shoulders are turned towards the right edge of the picture, by guessed depth", -90, 90),
    Dimension("lean", "degrees", "the trunk leans towards the right edge of the picture, from the hips", -90, 90),
    Dimension("neck", "shoulder widths", "height of the nose above the shoulders: little when they are drawn up or the head hangs"),
    Dimension("openness", "shoulder widths", "how wide shoulders, elbows and wrists reach", 0),
    Dimension("hand_height", "shoulder widths", "height of the higher wrist above the shoulders"),
    Dimension("hand_to_face", "shoulder widths", "distance from the nose to the nearer wrist", 0),
    Dimension("arms_crossed", "shoulder widths", "how far the wrists have passed each other: positive where the arms are crossed"),
)
POSTURE: tuple[str, ...] = tuple(dimension.name for dimension in POSTURE_DIMENSIONS)

GESTURE_DIMENSIONS: tuple[Dimension, ...] = (
    Dimension("hand_speed", "shoulder widths per second", "speed of the faster wrist since the crop before, beside the shoulders' own", 0),
    Dimension("body_speed", "shoulder widths per second", "speed of the middle of the shoulders since the crop before", 0),
)
GESTURE: tuple[str, ...] = tuple(dimension.name for dimension in GESTURE_DIMENSIONS)
LONGEST_STEP_MS = 1000
"""Crops farther apart tell no speed: a hand may have gone anywhere in between."""


@dataclass(frozen=True)
class Bodies:
    """Points of n persons: `points` float32 (n, 33, 2) in heights of the film's picture from its left upper corner, `depth` (n, 33) in the
    same unit, growing away from the viewer, `seen` boolean (n, 33), `confidence` (n,) that there is a person."""

    points: np.ndarray
    depth: np.ndarray
    seen: np.ndarray
    confidence: np.ndarray


def read_bodies(pictures: np.ndarray, boxes: np.ndarray, *, device: str = "cpu") -> Bodies:
    """The points of each person.

    Args:
        pictures: uint8 (n, side, side, 3) RGB, black where they reach over the film's picture.
        boxes: float (n, 4), what each shows (x, y, width, height) as shares of the film's picture.
        device: torch device.

    Raises:
        WeightError: the network's weights are missing or damaged.
    """
    if not len(pictures):
        return _placed(np.zeros((0, POINTS, 5), np.float32), np.zeros((0, 4)), np.zeros(0, np.float32))
    network = _network(device)
    batch = CPU_BATCH if torch.device(device).type == "cpu" else GPU_BATCH
    with torch.inference_mode():
        answers = [network(_inputs(part)) for part in uploaded(batches(pictures, batch), device)]
        values, confidence = (torch.cat(part).cpu().numpy() for part in zip(*answers, strict=True))
    return _placed(values.reshape(len(pictures), -1, 5)[:, :POINTS], np.asarray(boxes, np.float64), confidence.reshape(-1))


@lru_cache(maxsize=2)
def _network(device: str) -> TfliteNetwork:
    return load_network(weight_path(WEIGHT), device, widths=(_VALUES, 1))


def _inputs(pictures: Tensor) -> Tensor:
    """Float (n, 3, 256, 256) in 0..1."""
    return (fitted(pictures.permute(0, 3, 1, 2).float(), POSE_SIZE) / 255).contiguous(memory_format=torch.channels_last)


def _placed(values: np.ndarray, boxes: np.ndarray, confidence: np.ndarray) -> Bodies:
    """`values` (n, 33, 5): x, y, z in pixels of the crop, logits that the point is visible and that it is there."""
    corner, size = boxes[:, None, :2], boxes[:, None, 2:]
    shares = corner + values[..., :2] / POSE_SIZE * size
    room = MARGIN * size
    inside = ((shares >= -room) & (shares < 1 + room) & (values[..., :2] >= 0) & (values[..., :2] < POSE_SIZE)).all(2)
    visible = 1 / (1 + np.exp(-np.clip(values[..., 3:], -80, 80)))
    # The crop is square in pixels, so its two shares tell the shape of the film's picture.
    wide = size[..., 1] / np.maximum(size[..., 0], 1e-9)
    points = np.stack([shares[..., 0] * wide, shares[..., 1]], axis=2)
    depth = values[..., 2] / POSE_SIZE * size[..., 1]
    seen = inside & (visible > SEEN).all(2) & (confidence > SEEN)[:, None]
    return Bodies(points.astype(np.float32), depth.astype(np.float32), seen, confidence.astype(np.float32))


def posture(bodies: Bodies) -> np.ndarray:
    """Measures of POSTURE, float32 (n, 9), NaN where what they need is not seen."""
    points = np.where(bodies.seen[..., None], bodies.points, np.nan).astype(np.float64)
    right, left = points[:, SHOULDERS[0]], points[:, SHOULDERS[1]]
    # Whoever stands with the back to the camera has the left shoulder left in the picture.
    facing = np.where(right[:, 0] <= left[:, 0], 1.0, -1.0)
    depth = (bodies.depth[:, SHOULDERS[1]] - bodies.depth[:, SHOULDERS[0]]) * facing
    width = shoulder_width(bodies)
    middle = (right + left) / 2
    trunk = middle - points[:, HIPS].mean(1)
    wrists = points[:, WRISTS]
    columns = [
        _lean(points[:, EYES[0]], points[:, EYES[1]]),
        _lean(right, left),
        np.degrees(np.arctan2(depth, np.hypot(*(left - right).T))),
        np.degrees(np.arctan2(trunk[:, 0], -trunk[:, 1])),
        (middle[:, 1] - points[:, NOSE, 1]) / width,
        _openness(bodies, points) / width,
        (middle[:, 1] - _least(wrists[..., 1])) / width,
        _least(np.hypot(*(wrists - points[:, NOSE, None]).transpose(2, 0, 1))) / width,
        (wrists[:, 0, 0] - wrists[:, 1, 0]) * facing / width,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _lean(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Degrees by which the line between two points (n, 2) leans to the right, whichever lies left in the picture."""
    across = other - one
    across = np.where(across[:, :1] < 0, -across, across)
    lean: np.ndarray = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    return lean


def _openness(bodies: Bodies, points: np.ndarray) -> np.ndarray:
    """How wide shoulders and arms reach; NaN where no more than shoulders are seen, which tell nothing of the arms."""
    reach = points[:, [*SHOULDERS, *ELBOWS, *WRISTS], 0]
    return np.where(bodies.seen[:, [*ELBOWS, *WRISTS]].any(1), -_least(-reach) - _least(reach), np.nan)


def shoulder_width(bodies: Bodies) -> np.ndarray:
    """Distance of the shoulders (n,) in heights of the film's picture, depth included; NaN where one is not seen."""
    across = bodies.points[:, SHOULDERS[1]] - bodies.points[:, SHOULDERS[0]]
    depth = bodies.depth[:, SHOULDERS[1]] - bodies.depth[:, SHOULDERS[0]]
    width = np.sqrt((across.astype(np.float64) ** 2).sum(1) + depth.astype(np.float64) ** 2)
    return np.where(bodies.seen[:, SHOULDERS].all(1) & (width > 0), width, np.nan)


def _least(values: np.ndarray) -> np.ndarray:
    """The least of each row (n, k), NaN only where all are."""
    least = np.where(np.isnan(values), np.inf, values).min(1)
    return np.where(np.isinf(least), np.nan, least)


def gesture(bodies: Bodies, t_ms: np.ndarray, track: np.ndarray) -> np.ndarray:
    """Measures of GESTURE, float32 (n, 2), each since the crop before of the same track; NaN where there is none within a second.

    Args:
        bodies: the points of n crops in the order of time.
        t_ms: their times (n,).
        track: their tracks (n,), numbers or names.
    """
    found = np.full((len(t_ms), len(GESTURE)), np.nan, np.float32)
    width = shoulder_width(bodies)
    for name in np.unique(track):
        before, after, seconds = steps(t_ms, np.flatnonzero(track == name))
        unit = (width[before] + width[after]) / 2 * seconds
        middle = _moved(bodies, SHOULDERS, before, after).mean(1)
        hands = _moved(bodies, WRISTS, before, after) - middle[:, None]
        found[after, 0] = -_least(-np.hypot(hands[..., 0], hands[..., 1])) / unit
        found[after, 1] = np.hypot(*middle.T) / unit
    return found


def steps(t_ms: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows before and after each step of a track, whose `rows` are in the order of time, and its seconds; longer steps are left out."""
    before, after = rows[:-1], rows[1:]
    seconds = (t_ms[after] - t_ms[before]) / 1000
    near = (seconds > 0) & (seconds * 1000 <= LONGEST_STEP_MS)
    return before[near], after[near], seconds[near]


def _moved(bodies: Bodies, which: tuple[int, int], before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How far two points moved (n, 2, 2), NaN where one was not seen before or after."""
    seen = bodies.seen[before][:, which] & bodies.seen[after][:, which]
    moved = bodies.points[after][:, which] - bodies.points[before][:, which]
    return np.where(seen[..., None], moved, np.nan).astype(np.float64)


@dataclass(frozen=True)
class BodyChunk:
    """Crops of bodies in the order of time: their times (n,), JPEG files, and what each shows (n, 4) as shares of the film's picture."""

    t_ms: np.ndarray
    jpegs: tuple[bytes, ...]
    boxes: np.ndarray


@dataclass(frozen=True)
class PostureExtractor:
    """Rows of POSTURE_DIMENSIONS for crops of bodies; the points themselves in `more`, since speeds need the crop before."""

    device: str = "cpu"
    name: ClassVar[str] = "posture"
    settings: ClassVar[Mapping[str, object]] = {}

    @property
    def version(self) -> str:
        """Version of the code and of the network's weights."""
        return version_of(CODE_VERSION, WEIGHT)

    def digest(self, chunk: BodyChunk) -> str:
        """Digest of the files, their times and places."""
        return content_digest(chunk.t_ms, chunk.boxes, *chunk.jpegs)

    def extract(self, chunk: BodyChunk) -> Block:
        """One row a crop.

        Raises:
            FeelmError: a file is no picture.
            WeightError: the network's weights are missing or damaged.
        """
        with one_torch_thread():
            bodies = read_bodies(_decoded(chunk.jpegs), chunk.boxes, device=self.device)
        t_ms = chunk.t_ms.astype(np.int64)
        more = {"points": bodies.points, "depth": bodies.depth, "seen": bodies.seen}
        return Block(t_ms, t_ms + 1, posture(bodies), bodies.confidence, more)


def _decoded(jpegs: tuple[bytes, ...]) -> np.ndarray:
    """uint8 (n, 256, 256, 3)."""
    import cv2

    pictures = np.zeros((len(jpegs), POSE_SIZE, POSE_SIZE, 3), np.uint8)
    for place, jpeg in enumerate(jpegs):
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB) if jpeg else None
        if picture is None:
            raise FeelmError(f"crop {place} of {len(jpegs)} of a body is no picture: the film must be scanned again")
        pictures[place] = cv2.resize(picture, (POSE_SIZE, POSE_SIZE), interpolation=cv2.INTER_LINEAR)
    return pictures
