"""What a text benchmark compares, and how networks are averaged."""

import numpy as np
import pytest

from ml.evaluation.benchmarks.systems import mean_logits, text_systems


def test_the_whole_stands_last_and_one_network_beside_all_where_a_seed_has_several():
    frozen, one, other = (np.log(np.array([p])) for p in ([0.5, 0.5], [0.9, 0.1], [0.6, 0.4]))
    assert list(text_systems(frozen, [])) == ["frozen"]
    assert list(text_systems(frozen, [[one], [other]])) == ["frozen", "fine_tuned", "fine_tuned_and_frozen"]
    several = text_systems(frozen, [[one, other]])
    assert list(several) == ["frozen", "fine_tuned_one", "fine_tuned", "fine_tuned_and_frozen"]
    assert several["fine_tuned_and_frozen"][0] == pytest.approx((frozen + one + other) / 3, rel=1e-5)


def test_networks_are_averaged_by_their_log_probabilities_whatever_their_logits_scale_begins_at():
    one, other = np.log([[0.8, 0.2]]), np.log([[0.5, 0.5]])
    expected = [[(np.log(0.8) + np.log(0.5)) / 2, (np.log(0.2) + np.log(0.5)) / 2]]
    assert mean_logits([one, other]) == pytest.approx(np.array(expected), rel=1e-5)
    assert mean_logits([one + 100, other - 7]) == pytest.approx(np.array(expected), rel=1e-5)
