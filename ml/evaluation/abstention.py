"""What is gained by saying "uncertain": accuracy on the units of which a system is surest.

Serving answers only above a confidence; the risk-coverage curve says what that costs in answers and brings in accuracy. Units of equal
confidence are taken together, each as right as they are on average, so that the order of the rows decides nothing.

Source: Geifman and El-Yaniv, NeurIPS 2017 (selective classification); area under it as in Geifman et al., ICLR 2019.
"""

from __future__ import annotations

import numpy as np

from corpus.statistics import FloatArray, IntArray
from ml.evaluation.findings import Abstention, CoveragePoint

POINTS = 20
KEPT = 0.8


def abstention(system: str, probabilities: FloatArray, label: IntArray) -> Abstention:
    """The risk-coverage curve of n > 0 units by the confidence in the most probable emotion."""
    confidence, accuracy = _accuracy_of_surest(probabilities, label)
    points = [_point(confidence, accuracy, (i + 1) / POINTS) for i in range(POINTS)]
    return Abstention(system, points, _point(confidence, accuracy, KEPT).accuracy, float(1 - accuracy.mean()))


def _accuracy_of_surest(probabilities: FloatArray, label: IntArray) -> tuple[FloatArray, FloatArray]:
    """Confidences in falling order, and the accuracy among the first 1, 2, ... n units."""
    stated = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == label).astype(np.float64)
    levels, level = np.unique(-stated, return_inverse=True)
    share = np.bincount(level, right) / np.bincount(level)
    order = np.argsort(level, kind="stable")
    return -levels[level][order], np.cumsum(share[level][order]) / np.arange(1, len(label) + 1)


def _point(confidence: FloatArray, accuracy: FloatArray, coverage: float) -> CoveragePoint:
    last = max(int(np.ceil(coverage * len(accuracy) - 1e-9)), 1) - 1
    return CoveragePoint(coverage, float(confidence[last]), float(accuracy[last]))
