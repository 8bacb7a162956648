"""Shot boundaries from the frames of the one pass: cuts, fades through black or white, dissolves.

A cut is a peak of the picture difference that stands out from its neighbourhood and that lasts: the pictures before and after stay
different, which a flash or a dropped frame does not do. A fade is a dip into a flat dark or bright picture; a dissolve is a stretch
whose middle is, pixel by pixel, the mean of its ends while the ends differ. Detectors that look at frames share one interface, so
that a trained one can take this one's place; all keep a few hundred bytes a frame, whatever the size of the film.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

SMALL = (20, 12)
"""Size of the pictures that detectors are fed, (width, height)."""

LUMA_CELLS = SMALL[0] * SMALL[1]
BLOCK = 4096

CUT_MINIMUM = 0.05
CUT_RATIO = 2.6
CUT_LASTING = 0.6
CUT_SIDE_FRAMES = 6
FAINT_MINIMUM = 0.015
# Least ratio to the neighbourhood, most drift after the change, least share of cells that change: lonelier changes may be less clean.
FAINT_RULES = ((20.0, 0.22, 0.4), (12.0, 0.06, 0.6))
CELL_CHANGE = 3.0
FLASH_FRAMES = 5

FLAT_DEVIATION = 0.03
DARK, BRIGHT = 0.07, 0.93
FADE_REACH_MS = 1000

DISSOLVE_HALF_MS = (200, 300, 450, 700, 1000)
DISSOLVE_MINIMUM = 0.06
DISSOLVE_RESIDUAL = 0.2
DISSOLVE_LIKENESS = 0.85
DISSOLVE_SPEED = 1.8
PAN_REACH = 8
PAN_EXPLAINS = 0.5
MINIMUM_SHOT_MS = 250


@dataclass(frozen=True)
class ShotBoundary:
    """The start of a new shot: time of its first frame (the middle of a gradual change), kind and strength 0..1."""

    t_ms: int
    transition: str
    score: float


@dataclass(frozen=True)
class Shot:
    """One shot [start_ms, end_ms); `transition` is how it begins, `start` for the film's first."""

    index: int
    start_ms: int
    end_ms: int
    transition: str


def shots_between(boundaries: list[ShotBoundary], duration_ms: int) -> list[Shot]:
    """The shots that boundaries (in order of time) make of a film of that length; there is always at least one."""
    inner = [boundary for boundary in boundaries if 0 < boundary.t_ms < duration_ms]
    starts = [(0, "start"), *((boundary.t_ms, boundary.transition) for boundary in inner)]
    ends = [start for start, _ in starts[1:]] + [duration_ms]
    return [Shot(n, start, end, kind) for n, ((start, kind), end) in enumerate(zip(starts, ends, strict=True))]


class ShotDetector(Protocol):
    """What the scan feeds: every frame in order, then `finish`."""

    def push(self, t_ms: int, small: np.ndarray) -> None:
        """Take one frame: its time and its uint8 RGB picture of `SMALL` size."""

    def finish(self) -> list[ShotBoundary]:
        """All boundaries, in order of time."""


class AdaptiveShotDetector:
    """The cheap detector: differences of small pictures judged against their neighbourhood."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._pictures = bytearray()

    def push(self, t_ms: int, small: np.ndarray) -> None:
        """Keep the frame's time and its picture in Lab, 720 bytes; Lab distances follow the eye's."""
        self._times.append(t_ms)
        self._pictures += cv2.cvtColor(small, cv2.COLOR_RGB2LAB).tobytes()

    def finish(self) -> list[ShotBoundary]:
        """All boundaries, in order of time; the score is the picture difference across it."""
        times = np.array(self._times, dtype=np.int64)
        pictures = np.frombuffer(self._pictures, dtype=np.uint8).reshape(len(times), LUMA_CELLS, 3)
        if len(times) <= 2 * FLASH_FRAMES:
            return []
        steps = np.concatenate([[0.0], _distance(pictures, np.arange(1, len(times)), np.arange(len(times) - 1))])
        fades = _fades(times, pictures)
        cuts = [cut for cut in _cuts(times, pictures, steps) if not _near(cut.t_ms, fades, MINIMUM_SHOT_MS)]
        dissolves = [found for found in _dissolves(times, pictures, steps) if not _near(found.t_ms, cuts, MINIMUM_SHOT_MS)]
        dissolves = [found for found in dissolves if not _near(found.t_ms, fades, FADE_REACH_MS)]
        return sorted(fades + cuts + dissolves, key=lambda boundary: boundary.t_ms)


def _near(t_ms: int, others: list[ShotBoundary], within_ms: int) -> bool:
    return any(abs(t_ms - other.t_ms) < within_ms for other in others)


def _distance(pictures: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Mean absolute Lab difference, 0..1, of the frames `left` and `right` (index arrays), block by block."""
    parts = [
        np.abs(pictures[left[k : k + BLOCK]].astype(np.int16) - pictures[right[k : k + BLOCK]]).mean(axis=(1, 2)) / 255
        for k in range(0, len(left), BLOCK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _cuts(times: np.ndarray, pictures: np.ndarray, steps: np.ndarray) -> list[ShotBoundary]:
    last = len(times) - 1
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(steps, CUT_SIDE_FRAMES, mode="edge"), 2 * CUT_SIDE_FRAMES + 1)
    sides = np.median(np.delete(windows, CUT_SIDE_FRAMES, axis=1), axis=1)
    ratio = steps / np.maximum(sides, 1e-4)
    peaks = np.flatnonzero((steps >= FAINT_MINIMUM) & (steps >= windows.max(axis=1)) & (ratio >= CUT_RATIO))
    lasting = _distance(pictures, np.minimum(peaks + FLASH_FRAMES, last), np.maximum(peaks - 2, 0)) / steps[peaks]
    area = _changed_area(pictures, peaks)
    strong = (steps[peaks] >= CUT_MINIMUM) & (lasting >= CUT_LASTING)
    # Two views of one dim room differ little, but all over and once: what moves on afterwards is motion, not a cut.
    drift = np.abs(lasting - 1)
    faint = np.any([(ratio[peaks] >= least) & (drift <= most) & (area >= share) for least, most, share in FAINT_RULES], axis=0)
    return [ShotBoundary(int(times[i]), "cut", _score(steps[i])) for i in peaks[strong | faint]]


def _changed_area(pictures: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Share of cells that change visibly into each frame."""
    change = np.abs(pictures[frames].astype(np.int16) - pictures[np.maximum(frames - 1, 0)]).mean(axis=2)
    return (change > CELL_CHANGE).mean(axis=1)


def _score(difference: float) -> float:
    return round(min(float(difference), 1.0), 4)


def _fades(times: np.ndarray, pictures: np.ndarray) -> list[ShotBoundary]:
    flat = np.concatenate([_is_flat(pictures[k : k + BLOCK, :, 0] / 255) for k in range(0, len(times), BLOCK)])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat.astype(np.int8), [0]])))
    runs = [(int(first), int(last) - 1) for first, last in edges.reshape(-1, 2)]
    inner = [(first, last) for first, last in runs if first > 0 and last < len(times) - 1 and last > first]
    return [ShotBoundary(int(times[(first + last) // 2]), _dip(pictures, first, last), 1.0) for first, last in inner]


def _is_flat(luma: np.ndarray) -> np.ndarray:
    """Which pictures (n, cells) are plainly black or white."""
    mean = luma.mean(axis=1)
    return (luma.std(axis=1) < FLAT_DEVIATION) & ((mean < DARK) | (mean > BRIGHT))


def _dip(pictures: np.ndarray, first: int, last: int) -> str:
    """A dip into black is a fade when the picture goes or comes gradually; when both sides jump, it is a cut to black."""
    jumps = _distance(pictures, np.array([first, last + 1]), np.array([first - 1, last]))
    return "cut" if jumps.min() >= CUT_MINIMUM else "fade"


def _dissolves(times: np.ndarray, pictures: np.ndarray, steps: np.ndarray) -> list[ShotBoundary]:
    """Stretches that a linear mix of their ends explains, the best scale of each, and that no pan of the camera explains."""
    frame_ms = max(float(np.median(np.diff(times))), 1.0)
    strength, half_of = np.zeros(len(times)), np.zeros(len(times), dtype=np.int64)
    for half_ms in DISSOLVE_HALF_MS:
        half = max(round(half_ms / frame_ms), 2)
        centre = np.arange(half, len(times) - half)
        found = _mix_strength(pictures, centre, half) * _sudden(steps, centre, half)
        better = centre[found > strength[centre]]
        strength[better], half_of[better] = found[better - half], half
    return [found for found, i in _peaks(times, strength) if not _is_pan(pictures[i - half_of[i]], pictures[i + half_of[i]])]


def _sudden(steps: np.ndarray, centre: np.ndarray, half: int) -> np.ndarray:
    """Whether the picture changes much faster within the window than in the half windows before and after it."""
    total = np.concatenate([[0.0], np.cumsum(steps)])

    def rate(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        first, last = np.clip(first, 0, len(steps) - 1), np.clip(last, 0, len(steps) - 1)
        # A window cut to nothing by the film's end says nothing: the other side decides.
        return np.where(last > first, (total[last + 1] - total[first + 1]) / np.maximum(last - first, 1), np.inf)

    inside = rate(centre - half, centre + half)
    outside = np.minimum(rate(centre - 2 * half, centre - half), rate(centre + half, centre + 2 * half))
    return inside >= DISSOLVE_SPEED * outside


def _is_pan(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether the picture after is the picture before, shifted."""
    one, other = (picture.reshape(SMALL[1], SMALL[0], 3).astype(np.int16) for picture in (before, after))
    still = np.abs(one - other).mean()
    shifts = [(dx, dy) for dx in range(-PAN_REACH, PAN_REACH + 1) for dy in range(-PAN_REACH // 2, PAN_REACH // 2 + 1)]
    return min(_shifted_difference(one, other, dx, dy) for dx, dy in shifts) < PAN_EXPLAINS * still


def _shifted_difference(one: np.ndarray, other: np.ndarray, dx: int, dy: int) -> float:
    height, width = one.shape[:2]
    left = one[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
    right = other[max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
    return float(np.abs(left - right).mean())


def _mix_strength(pictures: np.ndarray, centre: np.ndarray, half: int) -> np.ndarray:
    parts = [_mix_block(pictures, centre[k : k + BLOCK], half) for k in range(0, len(centre), BLOCK)]
    return np.concatenate([np.zeros(0), *parts])


def _mix_block(pictures: np.ndarray, centre: np.ndarray, half: int) -> np.ndarray:
    """Difference of the ends where quarter points and middle lie on the line between them, else 0."""
    before, after = pictures[centre - half].astype(np.float32), pictures[centre + half].astype(np.float32)
    difference = np.abs(after - before).mean(axis=(1, 2)) / 255
    residual = np.zeros(len(centre), dtype=np.float32)
    for share in (0.25, 0.5, 0.75):
        between = pictures[centre - half + round(2 * half * share)]
        residual += np.abs(between - (before * (1 - share) + after * share)).mean(axis=(1, 2)) / 255 / 3
    explained = residual <= DISSOLVE_RESIDUAL * difference
    # A mix with black or white is a fade, at the film's ends as well.
    explained &= ~(_is_flat(before[:, :, 0] / 255) | _is_flat(after[:, :, 0] / 255))
    fits = explained & (difference >= DISSOLVE_MINIMUM) & (_likeness(before[:, :, 0], after[:, :, 0]) < DISSOLVE_LIKENESS)
    return np.where(fits, difference - residual, 0.0)


def _likeness(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Correlation of two pictures' luma: a change of light alone leaves it near 1."""
    a = before - before.mean(axis=1, keepdims=True)
    b = after - after.mean(axis=1, keepdims=True)
    return (a * b).sum(axis=1) / np.maximum(np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1)), 1e-6)


def _peaks(times: np.ndarray, strength: np.ndarray) -> list[tuple[ShotBoundary, int]]:
    """Boundaries at the strongest frames, none within a second of a stronger one, and their frame numbers."""
    found: list[tuple[ShotBoundary, int]] = []
    for i in np.argsort(-strength, kind="stable"):
        if strength[i] <= 0:
            break
        if not _near(int(times[i]), [boundary for boundary, _ in found], FADE_REACH_MS):
            found.append((ShotBoundary(int(times[i]), "dissolve", _score(strength[i])), int(i)))
    return found
