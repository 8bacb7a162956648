"""The shape and the pose of a face from MediaPipe's mesh: mouth, eyes and brows as shares of the face's height, the head's turn in degrees.

Distances are divided by the height from forehead to chin, so that size and distance drop out; measures follow the action units they
stand for (Ekman and Friesen's FACS): jaw drop, lip corner, brow, lid. The head's axes are the mean of lines between points that lie
symmetric in every face, and the Frankfurt line from ear to lower eye socket, which is level when somebody looks straight ahead.
"""

from __future__ import annotations

import numpy as np

from ml.features.extractor import Dimension

SHAPE_DIMENSIONS: tuple[Dimension, ...] = (
    Dimension("mouth_open", "face heights", "gap between the lips", 0),
    Dimension("mouth_width", "face heights", "distance of the lip corners", 0),
    Dimension("mouth_curve", "face heights", "lip corners above the lips' middle: a smile is positive"),
    Dimension("brow_height", "face heights", "brows above the eyes"),
    Dimension("brow_gap", "face heights", "distance of the inner ends of the brows", 0),
    Dimension("brow_tilt", "face heights", "inner ends of the brows above the outer ones: worry is positive"),
    Dimension("eye_open", "face heights", "gap between the lids", 0),
)
GEOMETRY: tuple[str, ...] = tuple(dimension.name for dimension in SHAPE_DIMENSIONS)

HEAD_DIMENSIONS: tuple[Dimension, ...] = (
    Dimension("head_yaw", "degrees", "the face is turned towards the right edge of the picture", -90, 90),
    Dimension("head_pitch", "degrees", "the face is turned upwards", -90, 90),
    Dimension("head_roll", "degrees", "the head leans towards the right edge of the picture", -180, 180),
)
HEAD: tuple[str, ...] = tuple(dimension.name for dimension in HEAD_DIMENSIONS)

FOREHEAD, CHIN = 10, 152
UPPER_LIP, LOWER_LIP, LIP_CORNERS = 13, 14, (61, 291)
EYES = ((159, 145, 33, 133), (386, 374, 263, 362))
"""Upper lid, lower lid, outer and inner corner of each eye."""
BROWS = ((105, 107, 70), (334, 336, 300))
"""Middle, inner and outer end of each brow."""
SYMMETRIC = ((33, 263), (133, 362), (234, 454), (127, 356), (61, 291), (70, 300), (129, 358), (93, 323))
"""Pairs of points on either side, the one that lies left in the picture first: eyes, temples, cheeks, lips, brows, nose."""
EARS, SOCKETS = (234, 454), (230, 450)


def measure(points: np.ndarray) -> np.ndarray:
    """Measures of GEOMETRY, float32 (n, 7), of faces' points (n, 468, 2 or 3)."""
    flat = np.asarray(points, np.float64)[..., :2]
    down = flat[:, CHIN] - flat[:, FOREHEAD]
    height = np.maximum(np.hypot(*down.T), 1.0)[:, None]
    down = down / height
    right = np.stack([down[:, 1], -down[:, 0]], 1)

    def along(axis: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        return ((end - start) * axis).sum(1)

    lips = (flat[:, UPPER_LIP] + flat[:, LOWER_LIP]) / 2
    corners = flat[:, LIP_CORNERS].mean(1)
    sides = list(zip(EYES, BROWS, strict=True))
    measures = [
        along(down, flat[:, UPPER_LIP], flat[:, LOWER_LIP]).clip(0),
        np.abs(along(right, flat[:, LIP_CORNERS[0]], flat[:, LIP_CORNERS[1]])),
        along(down, corners, lips),
        _mean([along(down, flat[:, brow], flat[:, [outer, inner]].mean(1)) for (_, _, outer, inner), (brow, _, _) in sides]),
        np.abs(along(right, flat[:, BROWS[0][1]], flat[:, BROWS[1][1]])),
        _mean([along(down, flat[:, inner], flat[:, outer]) for _, (_, inner, outer) in sides]),
        _mean([along(down, flat[:, upper], flat[:, lower]).clip(0) for (upper, lower, _, _), _ in sides]),
    ]
    return (np.stack(measures, 1) / height).astype(np.float32)


def _mean(values: list[np.ndarray]) -> np.ndarray:
    mean: np.ndarray = np.mean(values, axis=0)
    return mean


def head_pose(points: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll (HEAD) in degrees, float32 (n, 3), of faces' points (n, 468, 3) as `ml.features.face.mesh` gives them.

    A head that looks straight ahead is nodded by pitch, then turned by yaw, then leant in the picture's plane by roll.
    """
    points = np.asarray(points, np.float64)
    left, right = (points[:, [pair[side] for pair in SYMMETRIC]].sum(1) for side in (0, 1))
    across = right - left
    roll = np.arctan2(across[:, 1], across[:, 0])
    yaw = np.arctan2(across[:, 2], np.hypot(across[:, 0], across[:, 1]))
    forward = points[:, SOCKETS].mean(1) - points[:, EARS].mean(1)
    # Taken back in turn: the lean, then the turn; what is left lies in the plane of the nod.
    x = forward[:, 0] * np.cos(roll) + forward[:, 1] * np.sin(roll)
    y = forward[:, 1] * np.cos(roll) - forward[:, 0] * np.sin(roll)
    z = forward[:, 2] * np.cos(yaw) - x * np.sin(yaw)
    pitch = np.arctan2(-y, -z)
    return np.degrees(np.stack([yaw, pitch, roll], 1)).astype(np.float32)
