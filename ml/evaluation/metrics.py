"""Scores of one system against gold, and the doubt about them, by film.

A system is judged from its probabilities on gold units. All intervals resample whole films: each film is one confusion matrix, so that
10,000 resamples cost one matrix product. Headline is macro recall (UAR) and macro-F1; accuracy and weighted F1 stand beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corpus.statistics import FloatArray, IntArray, jensen_shannon_bits, label_counts
from corpus.terms import EMOTIONS
from ml.evaluation.calibration import expected_calibration_error, probability_score
from ml.evaluation.report import SystemScore
from ml.evaluation.resampling import StrArray, film_counts, interval


@dataclass(frozen=True)
class Judged:
    """What a system said of n gold units: `probabilities` (n, 7), gold `label` (n,), soft label (n, 7), and the film of each.

    `weight` (n,) is 1, or the part that a row counts where several rows stand for one unit (human votes).
    """

    system: str
    kind: str
    probabilities: FloatArray
    label: IntArray
    soft: FloatArray
    film: StrArray
    weight: FloatArray | None = None

    @property
    def top(self) -> IntArray:
        """The emotion said (n,)."""
        return self.probabilities.argmax(axis=1)

    def by_film(self) -> tuple[StrArray, FloatArray]:
        """The films, and the confusion matrix of each (films, 7, 7)."""
        films, film = np.unique(self.film, return_inverse=True)
        return films, confusions(self.label, self.top, film, len(films), self.weight)


def confusions(label: IntArray, said: IntArray, cluster: IntArray, n_clusters: int, weight: FloatArray | None = None) -> FloatArray:
    """Confusion matrices by cluster (n_clusters, 7, 7): gold emotion i said as j."""
    k = len(EMOTIONS)
    return label_counts(cluster * k + label, said, n_clusters * k, k, weight).reshape(n_clusters, k, k)


def accuracy(confusion: FloatArray) -> FloatArray:
    """Share right, over the last two axes; NaN without units."""
    total = confusion.sum(axis=(-2, -1))
    return np.divide(np.trace(confusion, axis1=-2, axis2=-1), total, out=np.full_like(total, np.nan), where=total > 0)


def recalls(confusion: FloatArray) -> FloatArray:
    """Recall of each emotion (..., 7); NaN where there is no such unit."""
    right, there = np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1)
    return np.divide(right, there, out=np.full_like(there, np.nan), where=there > 0)


def f1_scores(confusion: FloatArray) -> FloatArray:
    """F1 of each emotion (..., 7); NaN where an emotion is neither gold nor said, 0 where it is said in vain."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    either = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    return np.divide(2 * right, either, out=np.full_like(either, np.nan), where=either > 0)


def uar(confusion: FloatArray) -> FloatArray:
    """Macro recall over the emotions that occur."""
    return _mean_of_known(recalls(confusion))


def macro_f1(confusion: FloatArray) -> FloatArray:
    """Macro F1 over the emotions that occur in gold (an emotion said in vain lowers the others' precision already)."""
    return _mean_of_known(np.where(confusion.sum(axis=-1) > 0, f1_scores(confusion), np.nan))


def weighted_f1(confusion: FloatArray) -> float:
    """F1 weighted by how often each emotion is gold."""
    share = confusion.sum(axis=-1)
    return float((np.nan_to_num(f1_scores(confusion)) * share).sum() / max(share.sum(), 1e-12))


def _mean_of_known(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    return np.divide(np.where(known, values, 0).sum(axis=-1), count, out=np.full(count.shape, np.nan), where=count > 0)


def score(judged: Judged) -> SystemScore:
    """All figures of one system."""
    films, by_film = judged.by_film()
    whole, drawn = by_film.sum(axis=0), resampled(by_film)
    human = judged.kind == "human"
    return SystemScore(
        system=judged.system,
        kind=judged.kind,
        n_units=len(judged.label) if judged.weight is None else round(float(judged.weight.sum())),
        accuracy=interval(accuracy(whole), accuracy(drawn), len(films)),
        uar=interval(uar(whole), uar(drawn), len(films)),
        macro_f1=interval(macro_f1(whole), macro_f1(drawn), len(films)),
        weighted_f1=weighted_f1(whole),
        jsd_bits=None if human else float(jensen_shannon_bits(judged.soft, judged.probabilities).mean()),
        ece=None if human else expected_calibration_error(judged.probabilities, judged.label),
        by_film=_named(films, accuracy(by_film)),
        macro_f1_by_film=_named(films, macro_f1(by_film)),
        recall=dict(zip(EMOTIONS, optional(recalls(whole)), strict=True)),
        f1=dict(zip(EMOTIONS, optional(f1_scores(whole)), strict=True)),
        confusion=[[round(float(value)) for value in row] for row in whole],
        probability=None if human else probability_score(judged.probabilities, judged.label, judged.soft),
    )


def resampled(by_film: FloatArray) -> FloatArray:
    """Confusion matrices (10,000, 7, 7) of films drawn with repetition."""
    return np.tensordot(film_counts(len(by_film)), by_film, axes=1)


def _named(films: StrArray, values: FloatArray) -> dict[str, float]:
    return {str(film): float(value) for film, value in zip(films, values, strict=True)}


def optional(values: FloatArray) -> list[float | None]:
    """The values, None for what could not be computed (NaN)."""
    return [float(value) if np.isfinite(value) else None for value in values]
