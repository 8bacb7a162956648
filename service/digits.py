"""How numbers are told: four digits, and nothing where there is no number."""

from __future__ import annotations

import math
from collections.abc import Iterable

from corpus.terms import LEVELS
from ml.models.dataset import FloatArray

DIGITS = 4


def rounded(probabilities: FloatArray) -> tuple[float, ...]:
    """Seven probabilities as they are told."""
    return tuple(round(p, DIGITS) for p in probabilities.tolist())


def levels(values: Iterable[float]) -> dict[str, float | None]:
    """Values in the order of LEVELS as they are told, by name; None for NaN, which stands for what a model did not learn."""
    return {name: round(value, DIGITS) if math.isfinite(value) else None for name, value in zip(LEVELS, values, strict=True)}
