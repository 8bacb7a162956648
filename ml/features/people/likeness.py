"""How a face is coloured: its tones and hues against those of its own cheeks, and the cheeks themselves.

Light multiplies what it falls on, so the logarithm of hair, brows, lips and beard over skin stays while a scene's lamps change. Both
halves of a face are averaged, because a lamp from one side darkens the other, and what lies outside the head's oval is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GRID = 8
GAMMA = 2.2
DARKEST = 0.01
"""Linear light below which a difference is noise."""

SKIN_DARKEST = 0.003
SKIN = (slice(0.47, 0.72), slice(0.31, 0.69))
"""Rows and columns, as shares of the crop, of the cheeks and the nose between them."""

OVAL = (0.48, 0.5, 0.36)
"""Centre of the head's oval from the top, half height and half width, shares of the crop."""

MOST_PICTURES = 16
LIT = 0.5
"""Pictures darker than this share of the track's brightest are passed over: a fade leaves no colour to compare."""


@dataclass(frozen=True)
class Look:
    """One track: `tone` (32,) and `hue` (96,) against the skin, natural logarithms weighted so that their distances are root mean
    squares over the oval; `skin` (3,) the skin's own linear red, green and blue, natural logarithms."""

    tone: np.ndarray
    hue: np.ndarray
    skin: np.ndarray


def lit(crops: np.ndarray) -> np.ndarray:
    """Rows of the pictures of a track in which the face is not in the dark of a fade, in order: uint8 (n, side, side, 3) to int64 (m,)."""
    brightness = crops.mean(axis=(1, 2, 3))
    return np.flatnonzero(brightness >= LIT * brightness.max())


def look_of(crops: np.ndarray) -> Look:
    """The look of one track: uint8 (n, side, side, 3) RGB crops as the scan aligns them; the median of at most 16 lit ones is taken."""
    rows = lit(crops)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_PICTURES)).round().astype(int)]
    light = (np.median(crops[rows], axis=0) / 255) ** GAMMA
    skin = np.median(_part(light, SKIN).reshape(-1, 3), axis=0)
    ratio = np.log((light + DARKEST) / (skin + DARKEST))
    oval = _oval(light.shape[0])
    weight = _blocks(oval[:, :, None])
    cells = _blocks(ratio * oval[:, :, None]) / np.maximum(weight, 1e-3)
    folded, weight = ((values + values[:, ::-1])[:, : GRID // 2] / 2 for values in (cells, weight))
    tone = folded.mean(axis=2, keepdims=True)
    share = np.sqrt(weight / weight.sum())
    return Look(_flat(tone * share), _flat((folded - tone) * share), np.log(skin + SKIN_DARKEST).astype(np.float32))


def _flat(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).ravel()


def _part(picture: np.ndarray, part: tuple[slice, slice]) -> np.ndarray:
    side = picture.shape[0]
    rows, columns = (slice(round(side * one.start), round(side * one.stop)) for one in part)
    return picture[rows, columns]


def _oval(side: int) -> np.ndarray:
    """1 within the head's oval, else 0: (side, side)."""
    middle, half_height, half_width = OVAL
    down, across = (axis / (side - 1) for axis in np.mgrid[0:side, 0:side])
    inside = ((across - 0.5) / half_width) ** 2 + ((down - middle) / half_height) ** 2 < 1
    return inside.astype(np.float64)


def _blocks(picture: np.ndarray) -> np.ndarray:
    """Means over a grid of GRID x GRID equal blocks of a picture whose side GRID divides, else of its inner part: (GRID, GRID, c)."""
    step = picture.shape[0] // GRID
    first = (picture.shape[0] - step * GRID) // 2
    inner = picture[first : first + step * GRID, first : first + step * GRID]
    return inner.reshape(GRID, step, GRID, step, -1).mean(axis=(1, 3))
