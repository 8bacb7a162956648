"""The statistics of drift: against scipy, by the false alarms of films that are all alike, and by what is found where one moved."""

import numpy as np
import pytest
from scipy import stats

from ml.evaluation.drift import ALPHA, BINS, Measure, binned, compare, stability_index

UNITS = 60


def films(n: int, rng: np.random.Generator, features: int = 1) -> np.ndarray:
    """Values (n, UNITS, features) of which half the spread is the film's own, as units of one film are alike."""
    return rng.normal(size=(n, 1, features)) + rng.normal(size=(n, UNITS, features))


def measures(values: np.ndarray) -> list[Measure]:
    n, units, features = values.shape
    film = np.repeat(np.arange(n), units)
    return [Measure(f"feature {i}", binned(values[:, :, i].ravel(), film, n)) for i in range(features)]


def newest(n: int, new: int) -> np.ndarray:
    return np.arange(n) >= n - new


def test_the_distance_is_kolmogorovs_and_smirnovs_of_the_bins_and_near_that_of_the_values():
    values = films(12, np.random.default_rng(0))
    (measure,), is_new = measures(values), newest(12, 4)
    (shift,) = compare([measure], is_new, permutations=99).shifts
    bins = [
        np.repeat(np.arange(BINS + 1), counts.astype(int)) for counts in (measure.counts[~is_new].sum(0), measure.counts[is_new].sum(0))
    ]
    assert shift.distance == pytest.approx(stats.ks_2samp(*bins).statistic, abs=5e-5)
    exact = stats.ks_2samp(values[~is_new].ravel(), values[is_new].ravel()).statistic
    assert exact - 1 / BINS <= shift.distance <= exact
    assert (shift.known, shift.new) == (8 * UNITS, 4 * UNITS)


def test_equal_values_are_never_parted_and_what_was_not_measured_has_a_bin_of_its_own():
    values = np.array([0.0] * 50 + [1.0] * 3 + [np.nan] * 2)
    counts = binned(values, np.zeros(55, dtype=np.int64), 1)[0]
    assert sorted(counts[counts > 0].tolist()) == [2, 3, 50]
    assert counts[BINS] == 2


def test_the_stability_index_is_the_sum_of_both_divergences():
    known, new = np.array([600.0, 300.0, 100.0]), np.array([200.0, 300.0, 500.0])
    p, q = (side + 0.5 for side in (known, new))
    assert stability_index(known, new) == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p), abs=1e-9)
    assert stability_index(known, known) == 0


def test_the_p_value_of_one_measure_is_that_of_scipys_permutation_test():
    values = films(12, np.random.default_rng(5))
    values[8:] += 1.2
    (measure,), is_new = measures(values), newest(12, 4)

    def distance(first: np.ndarray, second: np.ndarray) -> float:
        one, other = (measure.counts[side.astype(int)].sum(axis=0) for side in (first, second))
        return float(np.abs(np.cumsum(one / one.sum() - other / other.sum())).max())

    sides = (np.flatnonzero(~is_new), np.flatnonzero(is_new))
    exact = stats.permutation_test(sides, distance, n_resamples=np.inf, vectorized=False, alternative="greater")
    (shift,) = compare([measure], is_new, permutations=3999).shifts
    assert shift.p_value == pytest.approx(exact.pvalue, abs=0.015)


def test_films_that_are_alike_alarm_no_oftener_than_promised_however_many_features_they_have():
    rng, trials, is_new = np.random.default_rng(1), 100, newest(16, 5)
    alarms, naive = 0, 0
    for trial in range(trials):
        values = films(16, rng, 20)
        alarms += bool(compare(measures(values), is_new, permutations=199, seed=trial).drifted)
        naive += stats.ks_2samp(values[~is_new, :, 0].ravel(), values[is_new, :, 0].ravel()).pvalue < ALPHA
    # What chance allows at most: more than this in one of 1000 such tests.
    assert alarms <= stats.binom.ppf(0.999, trials, ALPHA)
    assert naive > trials / 2, "with units taken for draws, one feature alone alarms nearly always"


def test_one_feature_of_many_that_moved_is_found_and_named():
    rng, found = np.random.default_rng(2), 0
    for trial in range(20):
        values = films(20, rng, 40)
        values[15:, :, 7] += 4.0
        drifted = compare(measures(values), newest(20, 5), permutations=399, seed=trial).drifted
        found += [shift.name for shift in drifted] == ["feature 7"]
    assert found >= 18


def test_a_feature_that_is_not_measured_any_more_is_found():
    values = films(20, np.random.default_rng(3), 10)
    values[15:, :, 4] = np.nan
    assert compare(measures(values), newest(20, 5)).drifted[0].name == "feature 4"


def test_labels_are_compared_without_an_order():
    rng = np.random.default_rng(4)
    counts = rng.multinomial(40, np.full(7, 1 / 7), size=16).astype(float)
    counts[12:] = rng.multinomial(40, [0.05, 0.35, 0.35, 0.05, 0.05, 0.1, 0.05], size=4)
    labels = Measure("labels", counts, ordered=False)
    (shift,) = compare([labels], newest(16, 4)).drifted
    known, new = (side.sum(0) / side.sum() for side in (counts[:12], counts[12:]))
    assert shift.distance == pytest.approx(np.abs(known - new).sum() / 2, abs=5e-5)


def test_too_few_films_never_alarm_however_far_they_are():
    values = films(8, np.random.default_rng(5), 5)
    values[7:] += 100
    found = compare(measures(values), newest(8, 1))
    assert found.least_p == pytest.approx(1 / 8) and not found.can_tell
    assert not found.drifted
    assert compare(measures(values), newest(8, 0)).shifts == ()


def test_what_cannot_vary_and_what_one_side_lacks_is_left_out():
    constant, lacking = np.full((10, 2), 5.0), np.full((10, 2), 5.0)
    lacking[7:] = 0
    assert compare([Measure("constant", constant), Measure("lacking", lacking)], newest(10, 3)).shifts == ()
