import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score, recall_score

from ml.evaluation.calibration import expected_calibration_error, reliability
from ml.evaluation.metrics import Judged, confusions, score, weighted_f1
from tests.emotions import N_EMOTIONS, shares


def judged(n: int = 300, films: int = 6, seed: int = 0) -> Judged:
    rng = np.random.default_rng(seed)
    label = rng.integers(N_EMOTIONS, size=n)
    p = rng.dirichlet(np.ones(N_EMOTIONS), size=n)
    p[np.arange(n), label] += 0.4
    p /= p.sum(axis=1, keepdims=True)
    return Judged("fused", "fused", p, label, p, np.array([f"film-{i % films}" for i in range(n)]))


def test_scores_equal_scikit_learns() -> None:
    given = judged()
    found = score(given)
    truth, said = given.label, given.top
    assert found.accuracy.value == pytest.approx(accuracy_score(truth, said))
    assert found.uar.value == pytest.approx(balanced_accuracy_score(truth, said))
    assert found.macro_f1.value == pytest.approx(f1_score(truth, said, average="macro"))
    assert found.weighted_f1 == pytest.approx(f1_score(truth, said, average="weighted"))
    assert found.confusion == confusion_matrix(truth, said).tolist()
    assert list(found.recall.values()) == pytest.approx(recall_score(truth, said, average=None))
    film = given.film == "film-2"
    assert found.by_film["film-2"] == pytest.approx(accuracy_score(truth[film], said[film]))
    assert found.macro_f1_by_film["film-2"] == pytest.approx(f1_score(truth[film], said[film], average="macro"))


def test_an_emotion_that_never_occurs_is_no_zero() -> None:
    p = np.eye(N_EMOTIONS)[[0, 0, 1]]
    found = score(Judged("text", "modality", p, np.array([0, 0, 1]), p, np.array(["a", "a", "b"])))
    assert found.recall["disgust"] is None and found.f1["disgust"] is None
    assert found.uar.value == 1.0 and found.macro_f1.value == 1.0


def test_intervals_widen_when_films_differ() -> None:
    alike = judged(600, 12)
    apart = np.array([f"film-{int(right)}{i % 6}" for i, right in enumerate(alike.top == alike.label)])
    narrow, wide = score(alike).accuracy, score(Judged("fused", "fused", alike.probabilities, alike.label, alike.soft, apart)).accuracy
    assert narrow.low < narrow.value < narrow.high
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_one_film_has_no_interval() -> None:
    given = judged(20, 1)
    assert score(given).accuracy.low is None


def test_calibration_error_of_known_confidence() -> None:
    p = np.tile(shares(neutral=0.7), (1000, 1))
    label = np.array([0] * 500 + [1] * 500)[np.random.default_rng(0).permutation(1000)]
    assert expected_calibration_error(p, label, bins=1) == pytest.approx(0.2)
    assert sum(b.count for b in reliability(p, label)) == 1000
    assert len(reliability(p, label)) == 15


def test_bins_hold_equal_numbers_of_units() -> None:
    given = judged(100)
    counts = [b.count for b in reliability(given.probabilities, given.label)]
    assert max(counts) - min(counts) <= 1
    confidences = [b.confidence for b in reliability(given.probabilities, given.label)]
    assert confidences == sorted(confidences)


def test_weights_count_parts_of_units() -> None:
    matrix = confusions(np.array([0, 1]), np.array([0, 0]), np.array([0, 0]), 1, np.array([0.5, 0.5]))
    assert matrix[0, :2, :2].tolist() == [[0.5, 0.0], [0.5, 0.0]]
    assert weighted_f1(matrix[0]) == pytest.approx(f1_score([0, 1], [0, 0], average="weighted"))
