"""Folds by group and figures, held against scikit-learn's and hand computation."""

import json

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from ml.evaluation.benchmarks.folds import cross_fitted, group_folds
from ml.evaluation.benchmarks.result import Protocol
from ml.evaluation.benchmarks.scores import by_class, figures, mean_and_spread, result_of
from ml.models.calibration import fit_temperature


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 30), min_size=5, max_size=30), st.integers(2, 5), st.randoms())
def test_no_group_stands_on_two_sides_all_folds_are_used_and_none_is_much_larger(sizes, folds, random):
    groups = [name for name, size in sizes.items() for _ in range(size)]
    random.shuffle(groups)
    fold = group_folds(groups, folds)
    assert all(len({int(k) for k, own in zip(fold, groups, strict=True) if own == name}) == 1 for name in sizes)
    load = np.bincount(fold, minlength=folds)
    assert len(load) == folds and load.min() > 0
    # The largest are dealt first to the emptiest: folds differ by no more than one group.
    assert load.max() - load.min() <= max(sizes.values())


def test_folds_do_not_depend_on_the_order_of_the_items():
    groups = ["a"] * 3 + ["b"] * 3 + ["c"] + ["d"] * 2
    dealt = dict(zip(groups, group_folds(groups, 2).tolist(), strict=True))
    assert dealt == {"a": 0, "b": 1, "d": 0, "c": 1}
    assert dict(zip(groups[::-1], group_folds(groups[::-1], 2).tolist(), strict=True)) == dealt


def test_each_fold_is_divided_by_the_temperature_of_the_others():
    drawn = np.random.default_rng(0)
    logits, label, fold = drawn.normal(size=(60, 3)).astype(np.float32), drawn.integers(0, 3, 60), np.repeat([0, 1, 2], 20)
    logits[fold == 1] *= 9
    scaled = cross_fitted(logits, label, fold)
    for k in range(3):
        assert np.allclose(scaled[fold == k], logits[fold == k] / fit_temperature(logits[fold != k], label[fold != k]))
    label[fold == 2] = 0
    assert np.array_equal(cross_fitted(logits, label, fold)[fold == 2], scaled[fold == 2])


@given(st.integers(1, 60), st.integers(2, 8), st.integers(0, 10**6))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_figures_are_scikit_learns(n, classes, seed):
    drawn = np.random.default_rng(seed)
    label, logits = drawn.integers(0, classes, n), drawn.normal(size=(n, classes))
    found, said = figures(logits, label), logits.argmax(1)
    there = np.unique(label)
    assert found["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(label, said))
    assert found["uar"] == pytest.approx(sklearn.metrics.recall_score(label, said, labels=there, average="macro", zero_division=0))
    f1 = {kind: sklearn.metrics.f1_score(label, said, labels=there, average=kind, zero_division=0) for kind in ("macro", "weighted")}
    assert (found["macro_f1"], found["weighted_f1"]) == pytest.approx((f1["macro"], f1["weighted"]))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert found["nll_nats"] == pytest.approx(sklearn.metrics.log_loss(label, p, labels=range(classes)))


def test_uncertainty_is_figured_as_by_hand():
    p = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.08, 0.92]])
    found = figures(np.log(p) + 3.0, np.array([0, 1, 1, 1]))
    assert found["nll_nats"] == pytest.approx(-(np.log(0.8) + np.log(0.4) + np.log(0.7) + np.log(0.92)) / 4)
    assert found["brier"] == pytest.approx((2 * 0.2**2 + 2 * 0.6**2 + 2 * 0.3**2 + 2 * 0.08**2) / 4)
    # Each confidence is alone in its bin: 0.8 right, 0.6 wrong, 0.7 right, 0.92 right.
    assert found["ece"] == pytest.approx((0.2 + 0.6 + 0.3 + 0.08) / 4)


def test_divergence_is_to_the_whole_vote_on_the_gold_class():
    # Halfway to it is (0.75, 0.25).
    by_hand = 0.5 * np.log2(1 / 0.75) + 0.5 * (0.5 * np.log2(0.5 / 0.75) + 0.5 * np.log2(0.5 / 0.25))
    assert figures(np.log([[0.5, 0.5]]), np.array([0]))["jsd_bits"] == pytest.approx(by_hand)


def test_a_class_that_is_neither_gold_nor_said_counts_nothing_in_macro_figures():
    logits = np.full((4, 5), -9.0)
    logits[[0, 1, 2, 3], [0, 0, 1, 1]] = 0
    found = figures(logits, np.array([0, 0, 1, 1]))
    assert (found["accuracy"], found["uar"], found["macro_f1"]) == (1, 1, 1)


def test_seeds_are_averaged_with_the_deviation_of_a_sample():
    mean, spread = mean_and_spread([{"a": 1.0, "b": 5.0}, {"a": 3.0, "b": 5.0}])
    assert mean == {"a": 2.0, "b": 5.0} and spread == {"a": pytest.approx(2**0.5), "b": 0.0}
    assert mean_and_spread([{"a": 1.0}]) == ({"a": 1.0}, {"a": 0.0})


def test_each_class_is_scored_as_scikit_learn_does_as_a_mean_over_seeds():
    drawn = np.random.default_rng(3)
    label, runs = drawn.integers(0, 3, 50), [drawn.normal(size=(50, 4)) for _ in range(2)]
    found = by_class(runs, label, ("a", "b", "c", "d"))
    each = [
        sklearn.metrics.precision_recall_fscore_support(label, logits.argmax(1), labels=range(4), zero_division=0)[:3] for logits in runs
    ]
    for place, name in enumerate("abcd"):
        own = found[name]
        assert (own.precision, own.recall, own.f1) == pytest.approx(np.mean(each, axis=0)[:, place].tolist())
        assert own.n == (label == place).sum()
    assert found["d"].n == found["d"].recall == 0


def test_the_result_holds_the_protocols_system_apart_from_its_variants_and_is_plain_json():
    label = np.array([0, 1, 1])
    right, wrong = np.eye(2)[label] * 5, np.eye(2)[1 - label] * 5
    protocol = Protocol("train", "dev", "test", ("x", "y"), (1, 2), 9, 3, "good")
    found = result_of("set", {"bad": [wrong], "good": [right, wrong]}, label, protocol, {"majority": {"accuracy": 2 / 3}}, {"row": 1.5})
    assert found.metrics["accuracy"] == 0.5 and found.spread["accuracy"] == pytest.approx(0.5**0.5)
    assert list(found.variants) == ["bad"] and found.variants["bad"]["accuracy"] == 0
    told = json.loads(found.to_json())
    assert told["baselines"]["majority"]["accuracy"] == 0.666667
    assert told["per_class"]["y"] == {"f1": 0.5, "n": 2, "precision": 0.5, "recall": 0.5}
    assert told["protocol"]["seeds"] == [1, 2] and told["seconds"] == {"row": 1.5}
