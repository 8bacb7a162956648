import numpy as np
import pytest

from ml.evaluation import baselines
from tests.emotions import shares


def test_majority_says_the_most_frequent_training_emotion() -> None:
    p = baselines.majority(np.array([2, 2, 5]), 4)
    assert p.argmax(axis=1).tolist() == [2, 2, 2, 2]
    assert p.sum(axis=1) == pytest.approx(1.0)


def test_persistence_repeats_what_was_and_falls_back_at_a_beginning() -> None:
    p = baselines.persistence(np.array([-1, 3]), baselines.majority(np.array([6]), 2))
    assert p.argmax(axis=1).tolist() == [6, 3]


def test_transitions_are_those_of_the_training_units() -> None:
    p = baselines.bigram(np.array([0, 0, 0, 1]), np.array([4, 4, 2, -1]), np.array([0, -1]), baselines.majority(np.array([6]), 2))
    counts = np.array(shares(1, anger=2, sadness=3))
    assert p[0] == pytest.approx(counts / counts.sum())
    assert p[1].argmax() == 6


def test_words_are_learnt_and_silence_falls_back() -> None:
    texts = ["what a lovely day", "lovely", "how awful", "awful awful day"]
    prior = baselines.prior(np.array([shares()]), 3)
    p = baselines.tfidf_svm(texts, np.array([1, 1, 4, 4]), ["a lovely one", "awful", ""], prior)
    assert p[:2].argmax(axis=1).tolist() == [1, 4]
    assert p[2] == pytest.approx(prior[2])


def test_one_emotion_alone_teaches_words_nothing() -> None:
    prior = baselines.prior(np.array([shares()]), 1)
    assert baselines.tfidf_svm(["a", "b"], np.array([1, 1]), ["a"], prior).tolist() == prior.tolist()
