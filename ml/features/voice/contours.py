"""What contours have in common: smoothing, runs, turning points, robust ratios; all on rows of 10 ms, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ml.features.voice.grid import HOP_MS

Numbers = npt.NDArray[np.floating[Any]]
Booleans = npt.NDArray[np.bool_]

TURN = 0.1
"""A contour turns where it comes back by this share of its range (eGeMAPS' peaks)."""

GREATEST_VARIATION = 20.0
"""Coefficients of variation end here: a mean near 0 says nothing (openSMILE's limit)."""


def smoothed(values: Numbers) -> Numbers:
    """Mean of each row and its two neighbours as far as they are numbers; NaN stays NaN (eGeMAPS' sma3nz). Along the first axis."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0).astype(np.float64)
    sums, counts = filled.copy(), known.astype(np.float64)
    for numbers, into in ((filled, sums), (known, counts)):
        into[1:] += numbers[:-1]
        into[:-1] += numbers[1:]
    return np.where(known, sums / np.maximum(counts, 1), np.nan)


def runs(mask: Booleans) -> npt.NDArray[np.int64]:
    """First row and the row after the last one (m, 2) of each stretch of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def variation(values: Numbers) -> float:
    """Standard deviation over the mean's magnitude, at most 20."""
    return min(float(values.std()) / max(abs(float(values.mean())), 1e-9), GREATEST_VARIATION)


def turning_points(contour: Numbers, reach: float) -> npt.NDArray[np.int64]:
    """Rows where a contour without gaps turns by more than `reach`, and its first and last row."""
    if len(contour) < 2:
        return np.arange(len(contour))
    steps = np.sign(np.diff(contour))
    extremes = np.concatenate([[0], np.flatnonzero(steps[1:] * steps[:-1] <= 0) + 1, [len(contour) - 1]])
    return np.array(_far_apart(contour, extremes, reach), np.int64)


def _far_apart(contour: Numbers, extremes: npt.NDArray[np.int64], reach: float) -> list[int]:
    """Those of the local extremes that lie further than `reach` from the ones kept before and after, in turns high and low."""
    kept, direction = [int(extremes[0])], 0
    for row in extremes[1:].tolist():
        change = float(contour[row] - contour[kept[-1]])
        if direction and change * direction >= 0:
            kept[-1] = row
        elif abs(change) > reach:
            kept.append(row)
            direction = 1 if change > 0 else -1
    return kept


def slopes(contour: Numbers, mask: Booleans) -> tuple[Numbers, Numbers]:
    """Rising and falling slopes, in the contour's unit a second, of its parts in the runs of `mask`; it turns by a tenth of its range."""
    reach = TURN * float(np.ptp(contour[mask]))
    found = []
    for first, last in runs(mask):
        points = turning_points(contour[first:last], reach)
        found.append(np.diff(contour[first:last][points]) / (np.diff(points) * HOP_MS / 1000))
    change = np.concatenate(found)
    return change[change > 0], change[change < 0]


def peaks(contour: Numbers, mask: Booleans, reach: float) -> npt.NDArray[np.int64]:
    """Rows in the runs of `mask` where the contour turns from rising to falling, by more than `reach` on both sides."""
    found = [np.zeros(0, np.int64)]
    for first, last in runs(mask):
        points = turning_points(contour[first:last], reach)
        change = np.diff(contour[first:last][points])
        found.append(first + points[1:-1][(change[:-1] > 0) & (change[1:] < 0)])
    return np.concatenate(found)


def slope(rows: npt.NDArray[np.int64], values: Numbers) -> float:
    """Change a second of values at row numbers `rows`, by least squares."""
    seconds = (rows - rows.mean()) * HOP_MS / 1000
    spread = float(seconds @ seconds)
    return float(seconds @ values / spread) if spread > 0 else 0.0
