"""Bootstrap by film and Holm's correction against known truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.evaluation.resampling import holm, mean_interval, ratio_interval


def test_the_interval_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    values = np.random.default_rng(0).normal(0.3, 0.1, size=200)
    found = mean_interval(values)
    error = 1.96 * values.std() / np.sqrt(200)
    assert found.low == pytest.approx(values.mean() - error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + error, abs=0.15 * error)


def test_a_share_counts_units_and_not_films() -> None:
    assert ratio_interval(np.array([9.0, 0.0]), np.array([10.0, 90.0])).value == pytest.approx(0.09)


def test_one_film_has_no_interval() -> None:
    assert mean_interval(np.array([0.5])).low is None


def test_holm_on_the_textbook_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lies_between_the_value_and_bonferronis(p_values: list[float]) -> None:
    found = np.array(holm(p_values))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    assert (found >= np.array(p_values)).all()
    assert (found <= np.minimum(np.array(p_values) * len(p_values), 1) + 1e-12).all()
