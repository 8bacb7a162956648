"""The model beside single raters on the same votes, and the noise floor of soft labels, against known truth."""

import numpy as np
import pytest

from corpus.statistics import leave_one_rater_out
from ml.evaluation.humans import Ballots, compare_with_humans, hits, human_score, soft_label_fit
from ml.evaluation.scored import Scored
from tests.emotions import N_EMOTIONS
from tests.ml.evaluation.gold_table import scored_table


def ballots(seed: int = 0, n: int = 240, films: int = 12, raters: int = 3, right: float = 0.8) -> tuple[Ballots, np.ndarray]:
    """Raters who give the unit's emotion with the given chance, and the units' emotions."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(N_EMOTIONS, size=n)
    unit, rater = np.repeat(np.arange(n), raters), np.tile(np.arange(raters), n)
    label = np.where(rng.random(n * raters) < right, truth[unit], rng.integers(N_EMOTIONS, size=n * raters))
    film = np.array([f"film-{u % films:02d}" for u in unit])
    return Ballots(unit, rater, label, np.full(len(unit), np.nan), film), truth


def test_the_raters_share_is_that_of_leaving_one_out() -> None:
    given, _ = ballots()
    expected = leave_one_rater_out(given.unit, given.rater, given.label, N_EMOTIONS).overall
    found = compare_with_humans(given, np.zeros(240, np.int64))
    assert found is not None
    assert found.human == pytest.approx(expected) == human_score(given).accuracy.value
    assert np.nanmean(hits(given, given.label)) == pytest.approx(expected)


def test_a_model_that_knows_the_truth_is_at_human_level_and_a_guesser_is_not() -> None:
    given, truth = ballots()
    knows, guesses = compare_with_humans(given, truth), compare_with_humans(given, (truth + 1) % N_EMOTIONS)
    assert knows is not None and guesses is not None
    assert knows.at_human_level and knows.difference.low is not None and knows.difference.low > 0
    assert not guesses.at_human_level and guesses.difference.high is not None and guesses.difference.high < 0
    assert knows.difference.value == pytest.approx(knows.model - knows.human)


def test_an_equal_model_is_at_human_level() -> None:
    given, truth = ballots(1)
    rng = np.random.default_rng(5)
    equal = np.where(rng.random(240) < 0.8, truth, rng.integers(N_EMOTIONS, size=240))
    found = compare_with_humans(given, equal)
    assert found is not None
    assert found.difference.low is not None and found.difference.high is not None
    assert found.difference.low < 0 < found.difference.high and found.at_human_level


def test_where_nobody_shares_a_unit_there_is_no_comparison() -> None:
    given, truth = ballots(raters=1)
    assert compare_with_humans(given, truth) is None


def test_a_tie_counts_in_parts() -> None:
    given = Ballots(np.zeros(3, np.int64), np.arange(3), np.array([0, 1, 2]), np.full(3, np.nan), np.array(["a"] * 3))
    assert hits(given, np.array([1, 1, 1])) == pytest.approx([0.5, 0.0, 0.5])


def scored(soft: np.ndarray, fused: np.ndarray, prior: np.ndarray) -> Scored:
    return scored_table(soft, np.array([f"film-{i % 12:02d}" for i in range(len(soft))]), {"fused": fused, "prior": prior})


def test_the_model_stands_between_the_prior_and_the_raters_own_halves() -> None:
    given, truth = ballots(raters=6, right=0.75)
    counts = np.zeros((240, N_EMOTIONS))
    np.add.at(counts, (given.unit, given.label), 1)
    soft = (counts + 0.5 / N_EMOTIONS) / (counts.sum(axis=1, keepdims=True) + 0.5)
    knows = np.full((240, N_EMOTIONS), 0.25 / N_EMOTIONS)
    knows[np.arange(240), truth] += 0.75
    found = soft_label_fit(scored(soft, knows, np.tile(soft.mean(axis=0), (240, 1))), given)
    assert found.human is not None and found.prior is not None
    assert found.n_units_human == 240
    assert found.model.value < found.human < found.prior.value
    assert found.model.low is not None and found.model.low < found.model.value


def test_without_votes_there_is_no_floor() -> None:
    soft = np.full((24, N_EMOTIONS), 1 / N_EMOTIONS)
    found = soft_label_fit(scored(soft, soft, soft), None)
    assert found.human is None and found.model.value == pytest.approx(0.0, abs=1e-9)
