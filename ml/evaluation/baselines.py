"""Systems that a model must beat: what can be had without looking at face, voice or context.

`majority` and `prior` know only how often each emotion is; `persistence` is told the previous unit's gold emotion, which no model is;
`tfidf` is TF-IDF with a linear SVM on the unit's words. Each predicts films that it did not learn from.
"""

from __future__ import annotations

import numpy as np

from corpus.statistics import label_counts
from corpus.terms import EMOTIONS
from ml.models.calibration import softmax
from ml.models.dataset import FloatArray, IntArray

CERTAIN = 0.999
"""Probability of a baseline's sole answer; the rest is shared, so that no unit costs infinity."""


def sure(labels: IntArray, classes: int = len(EMOTIONS)) -> FloatArray:
    """Probabilities (n, classes) of systems that give one answer each."""
    p = np.full((len(labels), classes), (1 - CERTAIN) / (classes - 1), np.float32)
    p[np.arange(len(labels)), labels] = CERTAIN
    return p


def prior(train_soft: FloatArray, n: int) -> FloatArray:
    """The mean soft label of the training units (m, 7), for n units."""
    mean = train_soft.mean(axis=0)
    return np.tile(mean / mean.sum(), (n, 1)).astype(np.float32)


def majority(train_labels: IntArray, n: int, classes: int = len(EMOTIONS)) -> FloatArray:
    """The most frequent training emotion, for n units."""
    return sure(np.full(n, np.bincount(train_labels, minlength=classes).argmax()), classes)


def persistence(previous: IntArray, fallback: FloatArray) -> FloatArray:
    """The previous unit's gold emotion (-1: none, then `fallback` (n, classes))."""
    return np.where((previous >= 0)[:, None], sure(np.maximum(previous, 0), fallback.shape[1]), fallback)


def bigram(train_labels: IntArray, train_next: IntArray, labels: IntArray, fallback: FloatArray) -> FloatArray:
    """Next emotion by the training units' transitions from `labels` (-1: unknown, then `fallback` (n, 7))."""
    known = (train_labels >= 0) & (train_next >= 0)
    counts = 1 + label_counts(train_labels[known], train_next[known], len(EMOTIONS), len(EMOTIONS))
    share = (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
    return np.where((labels >= 0)[:, None], share[np.maximum(labels, 0)], fallback)


def tfidf_svm(train_texts: list[str], train_labels: IntArray, texts: list[str], fallback: FloatArray) -> FloatArray:
    """TF-IDF of words and word pairs with a balanced linear SVM; its margins as soft shares.

    `fallback` (n, classes) stands where a unit has no words, and everywhere when the training words show fewer than two emotions.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    classes = np.unique(train_labels)
    worded = np.array([bool(text.strip()) for text in texts], bool)
    if len(classes) < 2 or not any(text.strip() for text in train_texts):
        return fallback
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|[!?]")
    pipeline = make_pipeline(vectors, LinearSVC(C=0.5, class_weight="balanced", random_state=0))
    pipeline.fit(train_texts, train_labels)
    margins = pipeline.decision_function(texts)
    if margins.ndim == 1:
        margins = np.stack([-margins, margins], axis=1)
    p = np.full(fallback.shape, 1e-4, np.float32)
    p[:, classes] += softmax(2 * margins).astype(np.float32)
    return np.where(worded[:, None], p / p.sum(axis=1, keepdims=True), fallback)
