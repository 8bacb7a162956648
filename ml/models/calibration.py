"""Calibration: one temperature per system, fitted on films that its networks did not learn from.

Dividing logits by a temperature changes no decision and makes confidence mean frequency (Guo et al., ICML 2017). It is fitted against soft
labels, so that a line on which raters differ teaches doubt.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


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


def fit_temperature(logits: FloatArray, soft: FloatArray) -> float:
    """The temperature (0.2..5) with the least cross-entropy; 1 where nothing can be compared."""
    from scipy.optimize import minimize_scalar

    known = np.isfinite(logits[:, 0]) & np.isfinite(soft[:, 0])
    if not known.any():
        return 1.0
    logits, soft = logits[known].astype(np.float64), soft[known].astype(np.float64)
    found = minimize_scalar(lambda log_t: soft_loss(logits / np.exp(log_t), soft), bounds=(np.log(0.2), np.log(5.0)), method="bounded")
    return float(np.exp(found.x))
