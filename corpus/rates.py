"""What work on films costs: so much a minute of film and so much a film, told from films that were measured.

The variance of a film's cost is taken to grow with its length, so that the rate alone is the ratio of sums. A part that every film costs,
however short, is told apart only where lengths differ enough and films that were left out are foretold better with it. How sure a forecast
is comes of drawing the measured films anew, and with them how far each film of the forecast is off what its length says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corpus.statistics import FloatArray, IntArray

MIN_FILMS = 5
"""From fewer films two parameters are not told apart."""

TINY = 1e-9

MIN_STRETCH = 2.0
"""So many times as long as the shortest film the longest must be: else what is a film's and what a minute's is one and the same."""

N_DRAWS = 400
RANGE = (0.05, 0.95)
"""Quantiles of the draws between which a forecast lies."""


@dataclass(frozen=True)
class Rate:
    """Cost of a minute of film, and what each film costs besides; `per_film` is None where the two could not be told apart."""

    per_minute: float
    per_film: float | None

    def of(self, films: float, minutes: float) -> float:
        """Cost of so many films of so many minutes in all."""
        return self.per_minute * minutes + (self.per_film or 0.0) * films


@dataclass(frozen=True)
class Draws:
    """Films drawn from the measured ones, the same for every cost that is foretold together.

    Both count films, (draws, films): how often each is among those that a rate is found on (`measured`), and how often it stands for one
    that is asked for (`asked`).
    """

    measured: IntArray
    asked: IntArray

    @classmethod
    def make(cls, n_measured: int, n_asked: int, seed: int = 0) -> Draws:
        """Draw with replacement, `N_DRAWS` times."""
        rng, evenly = np.random.default_rng(seed), np.full(n_measured, 1 / n_measured)
        return cls(rng.multinomial(n_measured, evenly, size=N_DRAWS), rng.multinomial(n_asked, evenly, size=N_DRAWS))


def rate_of(minutes: FloatArray, costs: FloatArray) -> Rate:
    """The rate of films of these lengths (above 0) and costs (0 or more), of which there is one at least; see the module."""
    both = _has_fixed_part(minutes, costs)
    ((per_film, per_minute),) = _solved(_sums(np.ones((1, len(minutes))), minutes, costs), both)
    return Rate(float(per_minute), float(per_film) if both else None)


def foretold(minutes: FloatArray, costs: FloatArray, n_asked: int, asked_minutes: float, draws: Draws) -> FloatArray:
    """What `n_asked` films of `asked_minutes` in all may cost (draws,). `costs` are NaN for films of which this was not measured."""
    known = ~np.isnan(costs)
    minutes, costs, measured, asked = minutes[known], costs[known], draws.measured[:, known], draws.asked[:, known]
    measured = np.where(measured.any(axis=1, keepdims=True), measured, 1)
    both = _has_fixed_part(minutes, costs)
    rates = _solved(_sums(measured.astype(np.float64), minutes, costs), both)
    off = _off(rate_of(minutes, costs), minutes, costs)
    drawn = asked.sum(axis=1)
    mean_off = np.where(drawn > 0, asked @ off / np.maximum(drawn, 1), 1.0)
    return (rates @ np.array([n_asked, asked_minutes])) * mean_off


def _off(rate: Rate, minutes: FloatArray, costs: FloatArray) -> FloatArray:
    """By what factor each film cost more than its length says, 1 on average."""
    expected = np.array([rate.of(1, length) for length in minutes])
    off = np.where(expected > 0, costs / np.where(expected > 0, expected, 1.0), 1.0)
    return off / off.mean()


def _sums(weights: FloatArray, minutes: FloatArray, costs: FloatArray) -> FloatArray:
    """What least squares over the roots of the lengths need (rows of weights, 5): sums of 1/m, 1, m, c/m and c."""
    sums: FloatArray = weights @ _terms(minutes, costs)
    return sums


def _terms(minutes: FloatArray, costs: FloatArray) -> FloatArray:
    return np.column_stack([1 / minutes, np.ones_like(minutes), minutes, costs / minutes, costs])


def _solved(sums: FloatArray, both: bool) -> FloatArray:
    """Cost a film and cost a minute (rows, 2), neither below 0; the first is 0 unless `both` are looked for."""
    inverse, one, length, of_film, of_minute = sums.T
    rate_alone = np.column_stack([np.zeros_like(length), of_minute / length])
    if not both:
        return rate_alone
    determinant = inverse * length - one**2
    safe = np.where(determinant > TINY * inverse * length, determinant, np.nan)
    free = np.column_stack([length * of_film - one * of_minute, inverse * of_minute - one * of_film]) / safe[:, None]
    film_alone = np.column_stack([of_film / inverse, np.zeros_like(length)])
    # Of the two borders that which leaves the lesser squares: each takes away the square of its sum of costs over its sum of squares.
    border = np.where((of_film**2 / inverse > of_minute**2 / length)[:, None], film_alone, rate_alone)
    return np.where((free >= 0).all(axis=1, keepdims=True), free, border)


def _has_fixed_part(minutes: FloatArray, costs: FloatArray) -> bool:
    if len(minutes) < MIN_FILMS or minutes.max() < MIN_STRETCH * minutes.min() or not costs.any():
        return False
    return _left_out_error(minutes, costs, both=True) < _left_out_error(minutes, costs, both=False)


def _left_out_error(minutes: FloatArray, costs: FloatArray, both: bool) -> float:
    """Sum of squares, over the lengths, by which each film is foretold wrongly from the others."""
    terms = _terms(minutes, costs)
    per_film, per_minute = _solved(terms.sum(axis=0) - terms, both).T
    return float(((per_film + per_minute * minutes - costs) ** 2 / minutes).sum())
