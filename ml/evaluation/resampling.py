"""Doubt by film: bootstrap over whole films, permutation of films, and Holm's correction for many questions.

Lines of one film are no independent draws, so everything here resamples or permutes films. 10,000 draws are one matrix product, since
each film comes as its sums; they are the same draws each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from corpus.statistics import FloatArray, IntArray
from ml.evaluation.findings import Interval

StrArray = npt.NDArray[np.str_]

DRAWS = 10_000


@lru_cache(maxsize=2)
def film_counts(n_films: int) -> FloatArray:
    """How often each film is drawn, (10,000, n_films), when n_films are drawn with repetition; not to be written to."""
    counts = np.random.default_rng(0).multinomial(n_films, np.full(n_films, 1 / n_films), size=DRAWS).astype(np.float64)
    counts.setflags(write=False)
    return counts


def interval(value: float | FloatArray, draws: FloatArray, n_films: int) -> Interval:
    """The value with the middle 95 % of the draws; without interval where fewer than two films or no finite draw."""
    known = draws[np.isfinite(draws)]
    if n_films < 2 or not len(known):
        return Interval(float(np.nan_to_num(value)))
    low, high = np.quantile(known, [0.025, 0.975])
    return Interval(float(value), float(low), float(high))


def mean_interval(by_film: FloatArray) -> Interval:
    """The mean of one figure a film, every film counting alike."""
    draws = film_counts(len(by_film)) @ by_film / len(by_film)
    return interval(float(by_film.mean()), draws, len(by_film))


def ratio_interval(parts: FloatArray, wholes: FloatArray) -> Interval:
    """The sum of `parts` over the sum of `wholes` (both one a film): a share over all units, films resampled."""
    counts = film_counts(len(parts))
    total = counts @ wholes
    draws = np.divide(counts @ parts, total, out=np.full(len(total), np.nan), where=total > 0)
    return interval(float(parts.sum() / wholes.sum()), draws, len(parts))


def unit_mean_interval(values: FloatArray, film: StrArray) -> Interval:
    """The mean of one figure a unit (n,), films (n,) resampled."""
    films, code = np.unique(film, return_inverse=True)
    return ratio_interval(sums(code, values, len(films)), sums(code, np.ones(len(values)), len(films)))


def sums(code: IntArray, values: FloatArray, n: int) -> FloatArray:
    """The sum of `values` by `code` 0..n-1, (n,)."""
    return np.bincount(code, values, n).astype(np.float64)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the given order: of m questions none is answered wrongly with more than that probability.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.minimum(np.maximum.accumulate(np.asarray(p_values, np.float64)[order] * factors), 1.0)
    back = np.empty(len(p_values))
    back[order] = adjusted
    return [float(value) for value in back]
