"""Tracks of one person brought together: agglomerative clustering on calibrated evidence, with pairs that must stay apart.

Each cue (embedding, tones, hues, skin) gives a distance between two tracks. Tracks that are seen together are two persons, so a film
itself shows how far two persons are apart in each cue; a cue that does not tell them apart there counts for nothing, which is how drawn
faces are grouped by colour and photographed ones by the embedding. With equal Gaussian spreads of the distances of one person and of two,
the evidence for two persons is linear in the distance, and the cues add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

PRIOR_PAIRS = 1.0
"""How many pairs seen together the usual distance between two persons counts for."""

NEW_PERSON = 1.0
"""Evidence for two persons (natural logarithm of the odds) above which two groups stay two."""

ROUNDS = 10


@dataclass(frozen=True)
class Cue:
    """One way in which tracks differ: the usual distance of two tracks of one person, its spread, and the usual one of two persons.

    The figures were measured on made films of two seeds, a film trailer and photographs, in colour and in grey.
    """

    name: str
    same: float
    spread: float
    other: float


EMBEDDING = Cue("embedding", 0.33, 0.08, 0.73)
TONE = Cue("tone", 0.28, 0.20, 0.65)
HUE = Cue("hue", 0.16, 0.10, 0.35)
SKIN = Cue("skin", 0.45, 0.60, 1.30)


@dataclass(frozen=True)
class Measure:
    """A cue as a film shows it: the points of all tracks (n, d), and the evidence as `slope` times distance beyond `middle`."""

    points: np.ndarray
    slope: float
    middle: float


def calibrate(cue: Cue, points: np.ndarray, known: np.ndarray, apart: np.ndarray) -> Measure:
    """How much a cue counts in a film.

    Args:
        cue: its usual figures.
        points: all tracks (n, d).
        known: rows of `points` that are looked at.
        apart: boolean (k, k), pairs of `known` that are two persons for sure.
    """
    other = _other(cue, distances(points[known], points[known]), apart)
    return Measure(points, max(other - cue.same, 0.0) / cue.spread**2, (cue.same + other) / 2)


def _other(cue: Cue, far: np.ndarray, apart: np.ndarray) -> float:
    """Usual distance of two persons in this film: as the pairs show it, and no more than the film's farthest tracks differ.

    So the hues of a grey film count for nothing, and the embedding for little in a film that it finds all alike.
    """
    shown, all_pairs = far[np.triu(apart)], far[np.triu_indices(len(far), 1)]
    if not len(all_pairs):
        return cue.same
    middle = float(np.median(shown)) if len(shown) else 0.0
    usual = (PRIOR_PAIRS * cue.other + len(shown) * middle) / (PRIOR_PAIRS + len(shown))
    return max(min(usual, float(np.percentile(all_pairs, 95))), cue.same)


def distances(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Euclidean distances: float32 (n, d) and (m, d) to (n, m)."""
    one, other = (torch.from_numpy(np.ascontiguousarray(points, dtype=np.float32)) for points in (rows, columns))
    found: np.ndarray = torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist").numpy()
    return found


def evidence(measures: Sequence[Measure], rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Log odds that two tracks are two persons: float32 (rows, columns)."""
    total = np.zeros((len(rows), len(columns)), np.float32)
    for measure in measures:
        total += measure.slope * (distances(measure.points[rows], measure.points[columns]) - measure.middle)
    return total


def group(unlike: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Which person each track is: int64 (n,), numbered from 0.

    Groups whose mean evidence for two persons is least are joined first, until it exceeds NEW_PERSON; then each track goes to the group
    that it fits best, until none moves; groups that have come closer by that are joined again.

    Args:
        unlike: log odds (n, n) as `evidence` gives them.
        apart: boolean (n, n), pairs that are never joined.
    """
    label = np.arange(len(unlike))
    for _ in range(ROUNDS):
        joined = _joined(unlike, apart, label)
        settled = _settled(unlike, apart, joined)
        if (settled == label).all():
            break
        label = settled
    return label


def _joined(unlike: np.ndarray, apart: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Average linkage from the groups in `label` on; each row's nearest is kept, so that a merge costs one row and not the matrix."""
    if not len(label):
        return label
    mean, count = _means(unlike, apart, label)
    into = np.arange(len(mean))
    nearest, least = mean.argmin(1), mean.min(1)
    while least.min() < NEW_PERSON:
        kept = int(least.argmin())
        gone = int(nearest[kept])
        mean[kept] = (mean[kept] * count[kept] + mean[gone] * count[gone]) / (count[kept] + count[gone])
        mean[kept, kept] = np.inf
        mean[:, kept] = mean[kept]
        mean[gone], mean[:, gone] = np.inf, np.inf
        count[kept] += count[gone]
        into[into == gone] = kept
        stale = np.union1d(np.flatnonzero((nearest == kept) | (nearest == gone)), (kept, gone))
        nearest[stale], least[stale] = mean[stale].argmin(1), mean[stale].min(1)
        closer = mean[kept] < least
        nearest[closer], least[closer] = kept, mean[kept][closer]
    return np.unique(into[label], return_inverse=True)[1]


def _means(unlike: np.ndarray, apart: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean evidence between groups (k, k), infinite where they must stay two and with themselves, and how many tracks each has (k,)."""
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    count = np.diff(starts, append=len(label)).astype(np.float64)

    def summed(matrix: np.ndarray) -> np.ndarray:
        rows = np.add.reduceat(matrix[np.ix_(order, order)].astype(np.float32), starts, axis=0)
        return np.asarray(np.add.reduceat(rows, starts, axis=1))

    mean = np.where(summed(apart) > 0, np.inf, summed(unlike) / np.outer(count, count)).astype(np.float32)
    np.fill_diagonal(mean, np.inf)
    return mean, count


def _settled(unlike: np.ndarray, apart: np.ndarray, label: np.ndarray) -> np.ndarray:
    label = label.copy()
    for _ in range(ROUNDS):
        moved = False
        for track in range(len(label)):
            others = np.delete(np.arange(len(label)), track)
            fit = fits(unlike[track, others], apart[track, others], label[others], int(label.max()) + 1)
            best = int(fit.argmin())
            if best != label[track] and fit[best] < NEW_PERSON:
                label[track], moved = best, True
        if not moved:
            break
    return np.unique(label, return_inverse=True)[1]


def fits(unlike: np.ndarray, apart: np.ndarray, label: np.ndarray, size: int) -> np.ndarray:
    """Mean evidence against one track's belonging to each of `size` groups.

    Args:
        unlike: evidence between it and each other track (m,).
        apart: boolean (m,), those that are another person for sure.
        label: their groups (m,).

    Returns:
        float64 (size,), infinite where it must not belong to the group, or nobody else does.
    """
    count = np.bincount(label, minlength=size)
    barred = np.bincount(label[apart], minlength=size) > 0
    total = np.bincount(label, weights=unlike, minlength=size)
    return np.where(barred | (count == 0), np.inf, total / np.maximum(count, 1))
