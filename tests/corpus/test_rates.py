"""Rates of cost against films whose cost is known, and against another solver."""

import numpy as np
import pytest
from scipy.optimize import nnls

from corpus.rates import RANGE, Draws, foretold, rate_of

PER_MINUTE, PER_FILM = 30.0, 12.0


def films(n: int, shortest: float, longest: float, noise: float, per_film: float = PER_FILM, seed: int = 0):
    """Lengths in minutes and costs of a known rate; `noise` is the standard deviation of a minute's cost, relative."""
    rng = np.random.default_rng(seed)
    minutes = rng.uniform(shortest, longest, n)
    return minutes, np.maximum(per_film + PER_MINUTE * minutes + noise * PER_MINUTE * np.sqrt(minutes) * rng.standard_normal(n), 0)


def test_rate_and_fixed_part_are_told_apart_where_lengths_differ() -> None:
    rate = rate_of(*films(40, 1, 120, noise=0.1))
    assert rate.per_minute == pytest.approx(PER_MINUTE, rel=0.02)
    assert rate.per_film == pytest.approx(PER_FILM, rel=0.25)


def test_films_of_one_length_tell_only_a_rate_which_is_the_ratio_of_sums() -> None:
    minutes, costs = films(40, 50, 60, noise=0.1)
    rate = rate_of(minutes, costs)
    assert rate.per_film is None
    assert rate.per_minute == pytest.approx(costs.sum() / minutes.sum())


def test_what_has_no_fixed_part_is_given_none_or_next_to_none() -> None:
    found = [rate_of(*films(20, 1, 100, noise=0.2, per_film=0.0, seed=seed)) for seed in range(50)]
    assert all(rate.per_film is None or 0 <= rate.per_film < PER_MINUTE for rate in found)
    assert all(rate.per_minute == pytest.approx(PER_MINUTE, rel=0.03) for rate in found)


def test_least_squares_are_those_of_another_solver() -> None:
    for seed in range(30):
        minutes, costs = films(6, 1, 20, noise=3.0, per_film=30 * (seed % 3), seed=seed)
        rate = rate_of(minutes, costs)
        if rate.per_film is not None:
            scale = 1 / np.sqrt(minutes)
            (per_film, per_minute), _ = nnls(np.column_stack([scale, minutes * scale]), costs * scale)
            assert (rate.per_film, rate.per_minute) == pytest.approx((per_film, per_minute))


def test_what_costs_the_same_however_long_a_film_is_costs_no_minute() -> None:
    minutes = np.array([1.0, 5.0, 20.0, 60.0, 90.0, 120.0])
    rate = rate_of(minutes, np.full(6, 7.0))
    assert (rate.per_minute, rate.per_film) == pytest.approx((0.0, 7.0))


def test_what_costs_nothing_is_foretold_to_cost_nothing() -> None:
    minutes, nothing = np.array([1.0, 2.0, 30.0, 60.0, 90.0]), np.zeros(5)
    assert rate_of(minutes, nothing).of(1000, 90_000) == 0.0
    assert not foretold(minutes, nothing, 1000, 90_000, Draws.make(5, 1000)).any()


def test_the_range_holds_what_other_films_then_cost_as_often_as_it_says() -> None:
    held, tries = 0, 200
    for seed in range(tries):
        minutes, costs = films(20, 2, 100, noise=0.5, seed=seed)
        then, cost_then = films(15, 2, 100, noise=0.5, seed=10_000 + seed)
        low, high = np.quantile(foretold(minutes, costs, 15, float(then.sum()), Draws.make(20, 15)), RANGE)
        held += low <= cost_then.sum() <= high
    assert 0.75 * tries < held < 0.97 * tries, "about nine of ten times"


def test_one_film_may_be_further_off_than_the_mean_of_many() -> None:
    minutes, costs = films(20, 40, 60, noise=2.0)
    spread = [np.ptp(np.quantile(foretold(minutes, costs, n, 50.0 * n, Draws.make(20, n)), RANGE)) / n for n in (1, 1000)]
    assert spread[0] > 2 * spread[1]


def test_films_of_which_a_cost_is_not_known_are_left_out_of_it() -> None:
    minutes, costs = films(20, 40, 60, noise=0.1)
    some = np.where(np.arange(20) < 18, costs, np.nan)
    only = foretold(minutes[:18], costs[:18], 10, 500.0, Draws.make(18, 10))
    assert np.median(foretold(minutes, some, 10, 500.0, Draws.make(20, 10))) == pytest.approx(np.median(only), rel=0.01)
