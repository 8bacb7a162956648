"""What confidences are worth: calibration errors, proper scores, and how near probabilities come to the raters' votes.

Bins are of equal mass, so that few units do not leave bins empty; binning and all sums take every unit as it is given. Proper scores
cut probabilities at 1e-7, the precision of what networks state, so that no unit costs infinity.

Sources: Guo et al., ICML 2017 (expected calibration error); Kull et al., NeurIPS 2019 (classwise); Brier 1950.
"""

from __future__ import annotations

import numpy as np

from corpus.statistics import FloatArray, IntArray, entropy_bits
from ml.evaluation.findings import ProbabilityScore, ReliabilityBin

BINS = 15
LEAST = 1e-7


def reliability(probabilities: FloatArray, label: IntArray, bins: int = BINS) -> list[ReliabilityBin]:
    """Bins of equal mass over the confidence in the top emotion; fewer where there are fewer units."""
    right = probabilities.argmax(axis=1) == label
    return _bins(probabilities.max(axis=1), right.astype(np.float64), bins)


def expected_calibration_error(probabilities: FloatArray, label: IntArray, bins: int = BINS) -> float:
    """Mean gap between confidence and accuracy over bins of equal mass, 0..1."""
    return _gap(reliability(probabilities, label, bins))


def classwise_calibration_error(probabilities: FloatArray, label: IntArray, bins: int = BINS) -> float:
    """Mean over emotions of the gap between the emotion's probability and how often it is gold, in bins of equal mass, 0..1."""
    columns = range(probabilities.shape[1])
    return float(np.mean([_gap(_bins(probabilities[:, k], (label == k).astype(np.float64), bins)) for k in columns]))


def _bins(stated: FloatArray, happened: FloatArray, bins: int) -> list[ReliabilityBin]:
    parts = [part for part in np.array_split(np.argsort(stated, kind="stable"), bins) if len(part)]
    return [ReliabilityBin(float(stated[part].mean()), float(happened[part].mean()), len(part)) for part in parts]


def _gap(bins: list[ReliabilityBin]) -> float:
    return sum(b.count * abs(b.confidence - b.accuracy) for b in bins) / max(sum(b.count for b in bins), 1)


def losses_nats(probabilities: FloatArray, label: IntArray) -> FloatArray:
    """Negative log-likelihood of each unit's gold emotion (n,), in nats, at most 16.1."""
    return -np.log(np.maximum(probabilities[np.arange(len(label)), label], LEAST))


def brier(probabilities: FloatArray, label: IntArray) -> float:
    """Mean squared distance to gold summed over the emotions, 0..2."""
    return float(((probabilities - np.eye(probabilities.shape[1])[label]) ** 2).sum(axis=1).mean())


def cross_entropy_nats(probabilities: FloatArray, soft: FloatArray) -> float:
    """Mean cross-entropy to soft labels (n, 7), in nats, 0..."""
    return float(-(soft * np.log(np.maximum(probabilities, LEAST))).sum(axis=1).mean())


def entropy_correlation(probabilities: FloatArray, soft: FloatArray) -> float | None:
    """Pearson's correlation of the predictions' entropies with the soft labels', -1..1: is the model unsure where raters are?

    None where one of both never varies.
    """
    own, raters = entropy_bits(probabilities), entropy_bits(soft)
    if len(own) < 2 or own.std() < 1e-9 or raters.std() < 1e-9:
        return None
    return float(np.corrcoef(own, raters)[0, 1])


def vote_weighted_accuracy(probabilities: FloatArray, soft: FloatArray) -> float:
    """Mean share of the (smoothed) votes that the most probable emotion has, 0..1."""
    return float(soft[np.arange(len(soft)), probabilities.argmax(axis=1)].mean())


def probability_score(probabilities: FloatArray, label: IntArray, soft: FloatArray) -> ProbabilityScore:
    """All that a system's probabilities (n, 7) are worth on n > 0 units with gold `label` (n,) and `soft` label (n, 7)."""
    return ProbabilityScore(
        nll_nats=float(losses_nats(probabilities, label).mean()),
        brier=brier(probabilities, label),
        classwise_ece=classwise_calibration_error(probabilities, label),
        cross_entropy_nats=cross_entropy_nats(probabilities, soft),
        entropy_correlation=entropy_correlation(probabilities, soft),
        vote_weighted_accuracy=vote_weighted_accuracy(probabilities, soft),
    )
