import numpy as np
import pytest

from ml.models.calibration import fit_temperature, log_softmax, soft_loss, softmax


def test_the_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(4000, 7))
    p = softmax(truth)
    label = np.array([rng.choice(7, p=row / row.sum()) for row in p])
    assert fit_temperature(3.0 * truth, label) == pytest.approx(3.0, rel=0.08)
    assert fit_temperature(0.5 * truth, label) == pytest.approx(0.5, rel=0.08)


def test_nothing_to_compare_leaves_confidence_as_it_is() -> None:
    assert fit_temperature(np.full((3, 7), np.nan), np.array([1, 2, 3])) == 1.0
    assert fit_temperature(np.zeros((2, 7)), np.array([-1, -1])) == 1.0


def test_log_softmax_is_stable_and_sums_to_one() -> None:
    logits = np.array([[1000.0, 0, -1000, 3, 3, 3, 3]])
    assert np.exp(log_softmax(logits)).sum() == pytest.approx(1.0)
    assert np.isfinite(log_softmax(logits)).all()


def test_soft_loss_leaves_out_what_was_not_judged() -> None:
    logits, soft = np.zeros((2, 7)), np.full((2, 7), 1 / 7)
    soft[1] = np.nan
    assert soft_loss(logits, soft) == pytest.approx(np.log(7))
