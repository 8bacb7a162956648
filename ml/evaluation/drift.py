"""Whether new films differ from those that a model learned from: by features, labels, raters' agreement and the model's doubt.

Units of one film are alike, and every film differs from every other, so films are the draws: what is measured between the new and the known
films is compared with the same figure when chance says which films are new. All measures are judged together by the greatest of their
standardised distances, so that hundreds of correlated features raise no more false alarms than one. Too few films cannot alarm: with n
known and k new ones no p-value falls below 1 / C(n + k, k).

Sources: Westfall and Young, Resampling-Based Multiple Testing (1993), single-step max-T; Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9
(2010) on permutation p-values; population stability index as in Siddiqi, Credit Risk Scorecards (2006).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from corpus.statistics import FloatArray, IntArray, label_counts

BoolArray = npt.NDArray[np.bool_]

BINS = 10
"""Of a feature, by tenths of all films' units; one more holds units in which it was not measured."""

ALPHA = 0.01
"""Chance of a false alarm, over all measures of one comparison."""

NOTICEABLE = 0.1
"""Population stability index from which a shift is worth a warning, however sure it is: below it is taken for no change."""

PERMUTATIONS = 1999
BLOCK = 32
"""Measures worked on at once: what bounds the memory."""


@dataclass(frozen=True)
class Measure:
    """What is compared: `counts` (n_films, n_bins) says how often each film falls into each bin; `ordered` whether bins have an order.

    The distance of two distributions over ordered bins is Kolmogorov's and Smirnov's, over others the total variation.
    """

    name: str
    counts: FloatArray
    ordered: bool = True


@dataclass(frozen=True)
class Shift:
    """How far one measure has moved: distance 0..1, population stability index, p-value over all measures together.

    `known` and `new` count what was compared (units, votes or pairs of votes).
    """

    name: str
    distance: float
    psi: float
    p_value: float
    known: int
    new: int

    @property
    def alarms(self) -> bool:
        """Whether it is neither chance nor too small to matter."""
        return self.p_value <= ALPHA and self.psi >= NOTICEABLE


@dataclass(frozen=True)
class Comparison:
    """All shifts, the surest and greatest first; `least_p` is the least p-value that so many films can give."""

    known_films: int
    new_films: int
    least_p: float
    shifts: tuple[Shift, ...]

    @property
    def drifted(self) -> tuple[Shift, ...]:
        """The measures that have moved; none where there are too few films to say so."""
        return tuple(shift for shift in self.shifts if shift.alarms) if self.can_tell else ()

    @property
    def can_tell(self) -> bool:
        """Whether there are films enough for an alarm."""
        return self.least_p <= ALPHA


def binned(values: FloatArray, film: IntArray, n_films: int) -> FloatArray:
    """Counts (n_films, BINS + 1) of values (n,) by tenths of all of them; the last bin is of NaN. Equal values are never parted."""
    measured = np.isfinite(values)
    if not measured.any():
        return label_counts(film, np.full(len(values), BINS), n_films, BINS + 1)
    edges = np.unique(np.quantile(values[measured], np.arange(1, BINS) / BINS, method="inverted_cdf"))
    return label_counts(film, np.where(measured, np.searchsorted(edges, values, side="left"), BINS), n_films, BINS + 1)


def compare(measures: Sequence[Measure], is_new: BoolArray, *, permutations: int = PERMUTATIONS, seed: int = 0) -> Comparison:
    """Compare the films that are new with those that are not, by every measure; `is_new` (n_films,) marks them.

    Measures that cannot vary, or of which one side has nothing, are left out.
    """
    n_films, n_new = len(is_new), int(is_new.sum())
    least_p = 1 / math.comb(n_films, n_new)
    if not 0 < n_new < n_films:
        return Comparison(n_films - n_new, n_new, least_p, ())
    told = [measure for measure in measures if _has_both(measure.counts, is_new)]
    distances = _distances(told, _labellings(is_new, permutations, seed))
    spread = distances.std(axis=0)
    varies = np.flatnonzero(spread > 0)
    p_values = _p_values((distances[:, varies] - distances[:, varies].mean(axis=0)) / spread[varies])
    shifts = [_shift(told[i], is_new, float(distances[0, i]), float(p)) for i, p in zip(varies, p_values, strict=True)]
    return Comparison(n_films - n_new, n_new, least_p, tuple(sorted(shifts, key=lambda shift: (shift.p_value, -shift.psi, shift.name))))


def _p_values(standard: FloatArray) -> FloatArray:
    """Of each measure in the first row, over all measures together: the share of rows whose greatest distance is as great."""
    if not standard.shape[1]:
        return np.zeros(0)
    greatest = standard.max(axis=1)
    return np.asarray((greatest[:, None] >= standard[0] - 1e-9).mean(axis=0), dtype=np.float64)


def _labellings(is_new: BoolArray, permutations: int, seed: int) -> FloatArray:
    """Which films are new (permutations + 1, n_films): as it is, then by chance. Counting the truth among them keeps the test exact."""
    rng = np.random.default_rng(seed)
    by_chance = rng.permuted(np.tile(is_new, (permutations, 1)), axis=1)
    return np.vstack([is_new, by_chance]).astype(np.float64)


def _has_both(counts: FloatArray, is_new: BoolArray) -> bool:
    return bool(counts[is_new].sum() > 0 and counts[~is_new].sum() > 0)


def _distances(measures: Sequence[Measure], labellings: FloatArray) -> FloatArray:
    """Distance of each measure under each labelling (n_labellings, n_measures); 0 where one side has nothing."""
    found = np.zeros((len(labellings), len(measures)))
    by_shape: dict[tuple[int, bool], list[int]] = {}
    for index, measure in enumerate(measures):
        by_shape.setdefault((measure.counts.shape[1], measure.ordered), []).append(index)
    for (_, ordered), indices in by_shape.items():
        for start in range(0, len(indices), BLOCK):
            block = indices[start : start + BLOCK]
            found[:, block] = _block(np.stack([measures[i].counts for i in block], axis=1), labellings, ordered)
    return found


def _block(counts: FloatArray, labellings: FloatArray, ordered: bool) -> FloatArray:
    """Distances (n_labellings, n_measures) of counts (n_films, n_measures, n_bins)."""
    n_films, n_measures, n_bins = counts.shape
    new = (labellings @ counts.reshape(n_films, -1)).reshape(-1, n_measures, n_bins)
    known = counts.sum(axis=0) - new
    difference = _shares(new) - _shares(known)
    empty = (new.sum(axis=2) == 0) | (known.sum(axis=2) == 0)
    far = np.abs(np.cumsum(difference, axis=2)).max(axis=2) if ordered else np.abs(difference).sum(axis=2) / 2
    return np.where(empty, 0.0, far)


def _shares(counts: FloatArray) -> FloatArray:
    return counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1.0)


def _shift(measure: Measure, is_new: BoolArray, distance: float, p_value: float) -> Shift:
    known, new = measure.counts[~is_new].sum(axis=0), measure.counts[is_new].sum(axis=0)
    psi = stability_index(known, new)
    return Shift(measure.name, round(distance, 4), round(psi, 4), round(p_value, 4), int(known.sum()), int(new.sum()))


def stability_index(known: FloatArray, new: FloatArray) -> float:
    """Population stability index of two counts over the same bins: the symmetric Kullback-Leibler divergence in nat.

    Bins that neither has are left out; half a count is added to the others, so that an empty one stays finite.
    """
    there = (known + new) > 0
    p, q = (_shares(side[there] + 0.5) for side in (known, new))
    return float(((q - p) * np.log(q / p)).sum())
