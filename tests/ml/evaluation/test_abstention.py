"""Risk-coverage curves against hand figures, a brute-force computation, and their order-freedom."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.evaluation.abstention import abstention
from tests.emotions import N_EMOTIONS, shares


def stated(confidence: list[float]) -> np.ndarray:
    """Probabilities that name the first emotion with the given confidence."""
    return np.array([shares(neutral=c) for c in confidence])


def test_ten_units_by_hand() -> None:
    label = np.array([0, 0, 0, 0, 0, 0, 0, 1, 0, 1])
    found = abstention("fused", stated([0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5]), label)
    assert [point.coverage for point in found.points] == pytest.approx([0.05 * k for k in range(1, 21)])
    assert found.points[-1].accuracy == 0.8
    assert found.accuracy_at_80 == pytest.approx(7 / 8)
    assert found.points[13].accuracy == 1.0 and found.points[13].confidence == 0.65
    assert found.aurc == pytest.approx((7 * 0 + 1 / 8 + 1 / 9 + 2 / 10) / 10)


def test_a_system_that_knows_when_it_errs_gains_by_silence_and_one_of_equal_doubt_does_not() -> None:
    label = np.array([0] * 60 + [1] * 40)
    knows = abstention("fused", stated([0.9] * 60 + [0.4] * 40), label)
    assert knows.points[11].accuracy == 1.0 and knows.points[-1].accuracy == 0.6
    blind = abstention("fused", stated([0.5] * 100), label)
    assert {round(point.accuracy, 9) for point in blind.points} == {0.6}
    assert blind.aurc == pytest.approx(0.4)


@given(st.integers(0, 2**32 - 1), st.integers(1, 50))
def test_the_order_of_the_units_decides_nothing(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    p = np.round(rng.dirichlet(np.ones(N_EMOTIONS), size=n), 1) + 0.01
    p /= p.sum(axis=1, keepdims=True)
    label, order = rng.integers(N_EMOTIONS, size=n), rng.permutation(n)
    one, other = abstention("fused", p, label), abstention("fused", p[order], label[order])
    assert one.aurc == pytest.approx(other.aurc)
    assert [point.accuracy for point in one.points] == pytest.approx([point.accuracy for point in other.points])
    assert one.points[-1].accuracy == pytest.approx((p.argmax(axis=1) == label).mean())
