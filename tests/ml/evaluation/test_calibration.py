"""Proper scores and calibration errors against scikit-learn, hand figures and their bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from ml.evaluation.calibration import (
    brier,
    classwise_calibration_error,
    cross_entropy_nats,
    entropy_correlation,
    losses_nats,
    probability_score,
    vote_weighted_accuracy,
)
from tests.emotions import N_EMOTIONS, shares


def drawn(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and labels drawn from them: perfectly calibrated."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(N_EMOTIONS, 0.6), size=n)
    return p, np.array([rng.choice(N_EMOTIONS, p=row) for row in p])


def test_log_likelihood_and_brier_equal_independent_figures() -> None:
    p, label = drawn(0)
    assert losses_nats(p, label).mean() == pytest.approx(log_loss(label, p, labels=list(range(N_EMOTIONS))), rel=1e-3)
    assert brier(p, label) == pytest.approx(
        np.mean([sum((row[k] - (k == y)) ** 2 for k in range(N_EMOTIONS)) for row, y in zip(p, label, strict=True)])
    )


def test_a_sure_error_costs_much_and_not_infinity() -> None:
    p = np.eye(N_EMOTIONS)[[0]]
    assert losses_nats(p, np.array([1]))[0] == pytest.approx(16.118, abs=1e-3)
    assert brier(p, np.array([1])) == 2.0


def test_classwise_error_is_small_when_calibrated_and_known_when_not() -> None:
    p, label = drawn(1, 20_000)
    assert classwise_calibration_error(p, label) < 0.015
    off = np.tile(shares(neutral=0.4), (100, 1))
    always = np.zeros(100, np.int64)
    assert classwise_calibration_error(off, always, bins=1) == pytest.approx((0.6 + 0.6) / N_EMOTIONS)


def test_cross_entropy_is_least_for_the_soft_label_itself() -> None:
    soft, _ = drawn(2)
    entropy = float(-(soft * np.log(soft)).sum(axis=1).mean())
    assert cross_entropy_nats(soft, soft) == pytest.approx(entropy, rel=1e-4)
    assert cross_entropy_nats(np.full_like(soft, 1 / N_EMOTIONS), soft) == pytest.approx(np.log(N_EMOTIONS))


def test_doubt_that_follows_the_raters_correlates_and_constant_doubt_does_not() -> None:
    soft, _ = drawn(3)
    assert entropy_correlation(soft, soft) == pytest.approx(1.0)
    assert entropy_correlation(soft[:, ::-1], soft) == pytest.approx(1.0)
    assert entropy_correlation(np.full_like(soft, 1 / N_EMOTIONS), soft) is None


def test_an_answer_is_worth_the_votes_that_it_got() -> None:
    soft = np.array([shares(0, neutral=0.75, joy=0.25), shares(0, neutral=0.5, anger=0.5)])
    said = np.eye(N_EMOTIONS)[[0, 1]]
    assert vote_weighted_accuracy(said, soft) == pytest.approx((0.75 + 0.0) / 2)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_all_scores_stay_in_their_ranges(seed: int, n: int) -> None:
    p, label = drawn(seed, n)
    found = probability_score(p, label, p)
    assert 0 <= found.brier <= 2 and 0 <= found.classwise_ece <= 1 and found.nll_nats >= 0
    assert found.entropy_correlation is None or -1 - 1e-9 <= found.entropy_correlation <= 1 + 1e-9
