"""What the model says of a turn, as people and programs read it: seven probabilities, the levels, how sure, and whether to trust it.

One place decides when an answer is uncertain and what its emotion is called, for text, media and live talk alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corpus.terms import EMOTIONS, FeelmError
from ml.models.dataset import FloatArray
from ml.models.dialogue import HeardTurns

UNCERTAIN_BELOW = 0.4
"""A top probability below this is shown as uncertain."""

NOT_READ = "the words are in a language that the text encoder does not read, or there are none"


@dataclass(frozen=True)
class Reading:
    """A turn as it is read: the emotion named and its calibrated probability, all seven as EMOTIONS, intensity 0..1, valence and arousal
    -1..1 (None where the model learned no such level); `missing` says why the words were not read, where they were not.
    """

    emotion: str
    confidence: float
    probabilities: tuple[float, ...]
    intensity: float | None
    valence: float | None
    arousal: float | None
    uncertain: bool
    language: str | None
    missing: str | None = None


def readings_of(heard: HeardTurns) -> tuple[Reading, ...]:
    """A reading of each turn."""
    return tuple(
        reading(p, levels, bool(read), language)
        for p, levels, read, language in zip(heard.probabilities, heard.levels, heard.read, heard.languages, strict=True)
    )


def reading(probabilities: FloatArray, levels: FloatArray, read: bool, language: str | None) -> Reading:
    """A reading of one turn from its probabilities (7,) and levels (3,)."""
    top = int(np.argmax(probabilities))
    confidence = round(float(probabilities[top]), 4)
    return Reading(
        emotion=EMOTIONS[top],
        confidence=confidence,
        probabilities=rounded(probabilities),
        intensity=_level(levels[0]),
        valence=_level(levels[1]),
        arousal=_level(levels[2]),
        uncertain=confidence < UNCERTAIN_BELOW or not read,
        language=language,
        missing=None if read else NOT_READ,
    )


def rounded(probabilities: FloatArray) -> tuple[float, ...]:
    """Seven probabilities to four digits.

    Raises:
        FeelmError: one is not a number; the model's folder is damaged or the input was.
    """
    if not np.isfinite(probabilities).all():
        raise FeelmError("the model gave no number for an emotion: check the champion (`feelm models show`), or train again")
    return tuple(round(float(p), 4) for p in probabilities)


def _level(value: float) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None
