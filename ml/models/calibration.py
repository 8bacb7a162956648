"""Calibration: one temperature per system, fitted on films that its networks did not learn from.

Dividing logits by a temperature changes no decision and makes confidence mean frequency (Guo et al., ICML 2017). It is fitted
against gold labels, since a confidence is read as the chance of being right.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]


def log_softmax(logits: FloatArray) -> FloatArray:
    """Log-probabilities along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities along the last axis."""
    return np.exp(log_softmax(logits))


def soft_loss(logits: FloatArray, soft: FloatArray) -> float:
    """Mean cross-entropy (nats) of logits (n, 7) against soft labels (n, 7); rows with NaN are left out, NaN where none is left."""
    known = np.isfinite(logits[:, 0]) & np.isfinite(soft[:, 0])
    if not known.any():
        return float("nan")
    return float(-(soft[known] * log_softmax(logits[known])).sum(axis=1).mean())


def fit_temperature(logits: FloatArray, label: IntArray) -> float:
    """The temperature (0.2..5) with the least cross-entropy on gold labels (-1: none); 1 where nothing can be compared."""
    from scipy.optimize import minimize_scalar

    known = np.isfinite(logits[:, 0]) & (label >= 0)
    if not known.any():
        return 1.0
    kept, gold = logits[known].astype(np.float64), label[known]

    def cost(log_t: float) -> float:
        return float(-log_softmax(kept / np.exp(log_t))[np.arange(len(gold)), gold].mean())

    return float(np.exp(minimize_scalar(cost, bounds=(np.log(0.2), np.log(5.0)), method="bounded").x))
