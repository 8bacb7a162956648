"""Statistics against the reference package, published examples and simulated truth."""

from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pytest

from corpus import statistics

# Krippendorff's own worked example (four observers, twelve units, missing data).
EXAMPLE = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, np.nan, np.nan, np.nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, np.nan, 3],
        [np.nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, np.nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, np.nan],
    ]
)


def long_form(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    raters, items = np.nonzero(~np.isnan(matrix))
    return items, raters, matrix[raters, items]


def simulated(n_items: int = 300, competences: tuple[float, ...] = (0.8, 0.75, 0.7, 0.0), seed: int = 3):
    rng = np.random.default_rng(seed)
    truth = rng.integers(7, size=n_items)
    votes = [np.where(rng.random(n_items) < c, truth, rng.integers(7, size=n_items)) for c in competences]
    items = np.tile(np.arange(n_items), len(competences))
    return truth, items, np.repeat(np.arange(len(competences)), n_items), np.concatenate(votes)


def test_nominal_alpha_is_krippendorffs_published_0_743():
    items, _, values = long_form(EXAMPLE)
    counts = statistics.label_counts(items, values.astype(int) - 1, 12, 5)
    assert statistics.nominal_alpha(counts) == pytest.approx(0.743, abs=5e-4)


def test_interval_alpha_is_krippendorffs_published_0_849_and_the_packages_on_other_values():
    items, _, values = long_form(EXAMPLE)
    assert statistics.interval_alpha(items, values) == pytest.approx(0.849, abs=5e-4)
    matrix = np.random.default_rng(0).normal(size=(5, 40)).round(1)
    matrix[np.random.default_rng(1).random((5, 40)) < 0.4] = np.nan
    expected = krippendorff.alpha(reliability_data=matrix, level_of_measurement="interval")
    items, _, values = long_form(matrix)
    assert statistics.interval_alpha(items, values) == pytest.approx(expected, abs=1e-9)


def test_alpha_of_nothing_comparable_is_nan():
    assert np.isnan(statistics.nominal_alpha(np.eye(3)))
    assert np.isnan(statistics.interval_alpha(np.array([0, 1]), np.array([0.1, 0.2])))


def test_concordance_punishes_a_shift_that_correlation_forgives():
    series = np.linspace(0, 1, 50)
    assert statistics.concordance(series, series) == pytest.approx(1)
    assert statistics.concordance(series, series + 0.5) == pytest.approx(2 * series.var() / (2 * series.var() + 0.25))


def test_divergence_is_one_bit_between_certain_opposites_and_zero_to_itself():
    p, q = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert statistics.jensen_shannon_bits(p, q) == pytest.approx(1)
    assert statistics.jensen_shannon_bits(p, p) == 0
    assert statistics.entropy_bits(np.full(8, 1 / 8)) == pytest.approx(3)


def test_sign_flips_are_exact_for_few_clusters_and_agree_with_draws_for_many():
    assert statistics.sign_flip_test(np.ones(5)) == 1 / 32
    assert statistics.sign_flip_test(np.array([1.0, -1.0])) == 0.75
    differences = np.random.default_rng(5).normal(0.3, 1, size=16)
    exact = statistics.sign_flip_test(differences)
    drawn = statistics.sign_flip_test(np.append(differences, 0.0))
    assert drawn == pytest.approx(exact, abs=0.01)


def test_leave_one_rater_out_splits_ties_and_ignores_the_raters_own_votes():
    items, raters, labels = np.array([0, 0, 0]), np.array([0, 1, 2]), np.array([0, 0, 1])
    agreement = statistics.leave_one_rater_out(items, raters, labels, 2)
    assert agreement.by_rater.tolist() == [0.5, 0.5, 0.0]
    assert agreement.overall == pytest.approx(1 / 3)


def test_leave_one_rater_out_matches_a_plain_loop():
    _, items, raters, labels = simulated(40)
    expected = []
    for item, rater, label in zip(items, raters, labels, strict=True):
        others = np.bincount(labels[(items == item) & (raters != rater)], minlength=7)
        expected.append((others[label] == others.max()) / (others == others.max()).sum())
    assert statistics.leave_one_rater_out(items, raters, labels, 7).overall == pytest.approx(np.mean(expected))


def test_mace_finds_the_guesser_and_beats_the_vote():
    truth, items, raters, labels = simulated(competences=(0.8, 0.75, 0.7, 0.0, 0.0, 0.0))
    fit = statistics.mace(items, raters, labels, 7)
    assert fit.competence[3:].max() < 0.15
    assert np.abs(fit.competence[:3] - [0.8, 0.75, 0.7]).max() < 0.12
    voted = statistics.label_counts(items, labels, 300, 7).argmax(axis=1)
    assert (fit.posterior.argmax(axis=1) == truth).mean() > (voted == truth).mean() + 0.05
    assert np.array_equal(fit.posterior, statistics.mace(items, raters, labels, 7).posterior)


def test_noise_floor_is_zero_for_agreement_and_large_for_guessing():
    items = np.repeat(np.arange(200), 6)
    assert statistics.split_half_noise_bits(items, items % 7, 7) == 0
    guesses = np.random.default_rng(0).integers(7, size=1200)
    assert statistics.split_half_noise_bits(items, guesses, 7) > 0.5


def test_evaluator_weights_silence_a_random_rater():
    rng = np.random.default_rng(2)
    truth = rng.random(60)
    values = np.concatenate([truth + rng.normal(0, 0.1, 60), truth + rng.normal(0, 0.1, 60), rng.random(60)])
    weights = statistics.evaluator_weights(np.tile(np.arange(60), 3), np.repeat(np.arange(3), 60), values)
    assert weights[:2].min() > 2 * weights[2]
    assert weights[2] < 0.3


@pytest.mark.parametrize(
    ("modality", "alpha", "ceiling", "noise_bits"), [(1, 0.281, 0.569, 0.231), (2, 0.458, 0.652, 0.189), (3, 0.497, 0.683, 0.170)]
)
def test_crema_ds_published_votes_give_their_known_figures(
    shared_data: Path, modality: int, alpha: float, ceiling: float, noise_bits: float
):
    table = pd.read_csv(shared_data / "crema_d_labels" / "tabulatedVotes.csv")
    counts = table.loc[table.iloc[:, 0] // 100_000 == modality, list("ADFHNS")].to_numpy(int)
    items, labels = (np.repeat(index, counts[np.nonzero(counts)]) for index in np.nonzero(counts))
    assert statistics.nominal_alpha(counts.astype(float)) == pytest.approx(alpha, abs=0.001)
    assert statistics.leave_one_rater_out(items, np.arange(len(items)), labels, 6).overall == pytest.approx(ceiling, abs=0.002)
    assert statistics.split_half_noise_bits(items, labels, 6) == pytest.approx(noise_bits, abs=0.003)


def test_nominal_alpha_is_the_packages_on_random_votes() -> None:
    counts = np.random.default_rng(3).multinomial(4, [0.4, 0.3, 0.2, 0.1], size=200).astype(float)
    counts[::7] = 0
    counts[1::9] = [1, 0, 0, 0]
    kept = counts[counts.sum(axis=1) >= 2]
    expected = krippendorff.alpha(value_counts=kept.astype(int), level_of_measurement="nominal")
    assert statistics.nominal_alpha(counts) == pytest.approx(expected, abs=1e-12)


CONFUSED = np.array([[0.8, 0.1, 0.1], [0.55, 0.4, 0.05], [0.1, 0.1, 0.8]])
"""Three labels of which the second is taken for the first more often than not."""


def confused(n_items: int, n_raters: int, seed: int = 4):
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n_items)
    votes = [(CONFUSED[truth].cumsum(axis=1) < rng.random((n_items, 1))).sum(axis=1) for _ in range(n_raters)]
    return truth, np.tile(np.arange(n_items), n_raters), np.repeat(np.arange(n_raters), n_items), np.concatenate(votes)


def test_dawid_skene_reads_a_shared_confusion_that_misleads_the_vote():
    truth, items, raters, labels = confused(800, 5)
    fitted = statistics.dawid_skene(items, raters, labels, 3)
    voted = statistics.label_counts(items, labels, 800, 3)
    assert (fitted.argmax(axis=1) == truth).mean() > (voted.argmax(axis=1) == truth).mean() + 0.05
    assert np.allclose(fitted.sum(axis=1), 1)


def test_dawid_skene_of_sure_raters_is_what_they_say_and_weights_leave_raters_out():
    truth, items, raters, labels = simulated(200, (1.0, 1.0, 0.0))
    trusted = statistics.dawid_skene(items, raters, labels, 7, np.array([1.0, 1.0, 0.0])[raters])
    alone = statistics.dawid_skene(items[raters < 2], raters[raters < 2], labels[raters < 2], 7)
    assert (trusted.argmax(axis=1) == truth).all()
    assert np.allclose(trusted, alone)


def test_a_copy_has_all_its_answers_from_its_original_and_honest_raters_none_from_each_other():
    _, items, raters, labels = simulated(100, (0.6, 0.6, 0.6, 0.6, 0.6))
    copy = labels[raters == 2]
    pairs = statistics.copied_answers(
        np.append(items, np.arange(100)), np.append(raters, np.full(100, 5)), np.append(labels, copy), 7, minimum_items=20
    )
    copied = dict(zip(map(tuple, pairs.raters.tolist()), pairs.copied, strict=True))
    assert copied[2, 5] == pytest.approx(1)
    assert max(share for pair, share in copied.items() if pair != (2, 5)) < 0.4
    found = pairs.raters.tolist().index([2, 5])
    assert pairs.second_later[found] == 1
    assert pairs.chance[found] < 1e-12
    assert pairs.chance[pairs.copied <= 0].min() == 1


def test_half_a_copy_is_measured_as_half():
    rng = np.random.default_rng(8)
    _, items, raters, labels = simulated(2000, (0.6, 0.6, 0.6, 0.6, 0.6), seed=9)
    own, other = labels[raters == 4], labels[raters == 0]
    labels[raters == 4] = np.where(rng.random(2000) < 0.5, other, own)
    pairs = statistics.copied_answers(items, raters, labels, 7)
    assert pairs.copied[pairs.raters.tolist().index([0, 4])] == pytest.approx(0.5, abs=0.05)


def test_copies_cannot_be_told_where_nobody_else_judged():
    _, items, raters, labels = simulated(100, (0.7, 0.7))
    assert len(statistics.copied_answers(items, raters, labels, 7).items) == 0
    none = np.zeros(0, dtype=np.int64)
    assert len(statistics.copied_answers(none, none, none, 7).items) == 0
