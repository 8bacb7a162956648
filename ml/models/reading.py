"""The valence and arousal that a reading of the emotions implies.

They are means of where each emotion lies, and no network's own levels.
"""

from __future__ import annotations

import numpy as np

from corpus import emotions
from corpus.terms import EMOTIONS
from ml.models.dataset import FloatArray

AFFECT: dict[str, tuple[float, float]] = {emotion.name: (emotion.valence, emotion.arousal) for emotion in emotions.ALL}
"""Mean valence and arousal, -1..1, by emotion."""


def implied_affect(probabilities: FloatArray) -> FloatArray:
    """Valence and arousal (n, 2) that probabilities (n, 7) in the order of EMOTIONS imply: the mean of the emotions' places."""
    return (probabilities @ np.array([AFFECT[name] for name in EMOTIONS], np.float32)).astype(np.float32)
