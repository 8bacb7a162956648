"""How numbers are told: four digits, and nothing where there is no number."""

from __future__ import annotations

import math

from ml.models.dataset import FloatArray

DIGITS = 4


def rounded(probabilities: FloatArray) -> tuple[float, ...]:
    """Seven probabilities as they are told."""
    return tuple(round(p, DIGITS) for p in probabilities.tolist())


def known(value: float) -> float | None:
    """A level as it is told; None for NaN, which stands for what a model did not learn."""
    return round(value, DIGITS) if math.isfinite(value) else None
