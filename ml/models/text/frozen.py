"""The quick variant: a linear model over frozen embeddings of a line and its neighbours, its words, its cues and who speaks.

It trains in less than a minute where fine-tuning takes many, and knows single words that a sentence's embedding blurs: the mean of the two
is better than either. Multinomial logistic regression, rare classes counted more (scikit-learn's, Pedregosa et al. 2011).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ml.features.text import word_columns
from ml.features.text.encoder import DEFAULT, sentence_encoder
from ml.models.dataset import FloatArray, IntArray
from ml.models.text.turns import Lines

WORDS = r"(?u)\b\w+\b|[!?]"
FREQUENT_SPEAKER = 0.02
"""A speaker of fewer than this share of the training lines is nobody in particular."""

BALANCE = 0.4
NEAR, NEIGHBOURS = 3, 0.5
CUE_SCALE, CUE_CLIP, SPEAKER_SCALE = 0.2, 4.0, 0.3
"""Embeddings have length one; what stands beside them is scaled to matter less than they do."""


@dataclass(frozen=True)
class FrozenText:
    """The fitted model and what its columns rest on."""

    model: Any
    vectors: Any
    speakers: tuple[str, ...]
    cue_mean: FloatArray
    cue_scale: FloatArray
    classes: int
    encoder: str

    @classmethod
    def fit(cls, lines: Lines, label: IntArray, train: IntArray, classes: int, encoder: str = DEFAULT, strength: float = 3.0) -> FrozenText:
        """Fit on the rows `train` of `lines` with their `label` (n,); `strength` is the inverse of the regularisation."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        texts = [lines.texts[row] for row in train]
        vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORDS, min_df=2).fit(texts)
        counted = Counter(lines.speakers[row] for row in train)
        speakers = tuple(sorted(name for name, count in counted.items() if name and count >= FREQUENT_SPEAKER * len(train)))
        cues = word_columns(texts)
        scale = CUE_SCALE / np.maximum(cues.std(axis=0), 1e-6)
        shares = np.bincount(label[train], minlength=classes) / len(train)
        weights = {k: float((1 / classes / shares[k]) ** BALANCE) for k in range(classes) if shares[k]}
        unfitted = cls(None, vectors, speakers, cues.mean(axis=0), scale, classes, encoder)
        columns = unfitted._columns(lines)[train]
        model = LogisticRegression(C=strength, max_iter=300, class_weight=weights).fit(columns, label[train])
        return cls(model, vectors, speakers, unfitted.cue_mean, scale, classes, encoder)

    def logits(self, lines: Lines, rows: IntArray) -> FloatArray:
        """Log-probabilities (n, classes) of some rows of `lines`; a class that the training lines did not have is as good as impossible."""
        found = np.full((len(rows), self.classes), np.log(1e-6), np.float32)
        found[:, self.model.classes_] = self.model.predict_log_proba(self._columns(lines)[rows])
        return found

    def _columns(self, lines: Lines) -> Any:
        """Sparse columns (n, d) of all lines."""
        from scipy.sparse import csr_matrix, hstack

        embedding = _embedded(tuple(lines.texts), self.encoder)
        cues = np.clip((word_columns(lines.texts) - self.cue_mean) * self.cue_scale, -CUE_CLIP * CUE_SCALE, CUE_CLIP * CUE_SCALE)
        who = np.array([[name == speaker for name in self.speakers] for speaker in lines.speakers], np.float32).reshape(len(lines), -1)
        before, after = (NEIGHBOURS * _mean_beside(embedding, lines.dialogue, sign) for sign in (-1, 1))
        dense = np.concatenate([embedding, before, after, cues, SPEAKER_SCALE * who], axis=1)
        return hstack([csr_matrix(dense), self.vectors.transform(lines.texts)]).tocsr()


@lru_cache(maxsize=1)
def _embedded(texts: tuple[str, ...], encoder: str) -> FloatArray:
    """Embeddings (n, width); the same lines are fitted on and answered for, fold after fold."""
    return sentence_encoder(encoder).encode(texts)


def _mean_beside(embedding: FloatArray, dialogue: IntArray, sign: int) -> FloatArray:
    """Mean embedding (n, d) of up to NEAR lines before (`sign` -1) or after (1) in the same dialogue, the absent ones counting as 0."""
    total = np.zeros_like(embedding)
    n = len(embedding)
    for distance in range(1, min(NEAR, n - 1) + 1):
        here, there = (slice(distance, n), slice(0, n - distance))[::-sign]
        same = (dialogue[here] == dialogue[there])[:, None]
        total[here] += np.where(same, embedding[there], 0)
    return (total / NEAR).astype(np.float32)
