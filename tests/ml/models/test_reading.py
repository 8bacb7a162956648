"""What a reading of the emotions implies of valence and arousal."""

from __future__ import annotations

import numpy as np
import pytest

from corpus.terms import EMOTIONS
from ml.models.reading import AFFECT, implied_affect


def test_valence_and_arousal_are_those_of_the_emotions() -> None:
    certain = implied_affect(np.eye(len(EMOTIONS), dtype=np.float32))
    assert np.allclose(certain, [AFFECT[name] for name in EMOTIONS])
    half = np.zeros((1, len(EMOTIONS)), np.float32)
    half[0, [EMOTIONS.index("joy"), EMOTIONS.index("sadness")]] = 0.5
    assert implied_affect(half)[0].tolist() == pytest.approx([0.065, 0.105])
