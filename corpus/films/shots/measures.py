"""What shot detectors measure on their small pictures."""

from __future__ import annotations

import cv2
import numpy as np

from corpus.films.shots.shots import SMALL

FLAT_DEVIATION = 0.03
DARK, BRIGHT = 0.07, 0.93


def small_picture(picture: np.ndarray) -> np.ndarray:
    """A detector's picture of any larger uint8 RGB picture, whatever its shape."""
    return cv2.resize(picture, SMALL, interpolation=cv2.INTER_AREA)


def is_flat(picture: np.ndarray) -> bool:
    """Whether a uint8 RGB picture is plainly black or white."""
    (mean,), (deviation,) = (values[0] / 255 for values in cv2.meanStdDev(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)))
    return bool(deviation < FLAT_DEVIATION and (mean < DARK or mean > BRIGHT))


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference of two uint8 pictures, 0..1."""
    return float(cv2.absdiff(one, other).mean()) / 255


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each unbroken run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(first), int(last) - 1) for first, last in edges.reshape(-1, 2)]
