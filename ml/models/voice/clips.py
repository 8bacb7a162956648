"""A clip of speech as numbers, and the linear model that reads an emotion out of them.

Each clip is described alone: by the states of a speech network (`ml.features.voice.speech`) and by the functionals of its pitch, loudness
and timbre. Where a speaker's other clips may be looked at, without their labels, the description can be taken relative to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from corpus.threads import one_torch_thread
from ml.features.recordings import read_recording
from ml.features.voice import FUNCTIONALS, VoiceExtractor, chunks_of
from ml.features.voice.functionals import functionals
from ml.features.voice.speech import describe_speech
from ml.models.dataset import FloatArray, IntArray

Part = Literal["speech", "measured"]

STRENGTH = 0.003
"""Inverse of the regularisation: of the 2,400 columns no few decide (0.001 to 0.01 give the same within a point on RAVDESS)."""


@dataclass(frozen=True)
class Clips:
    """n clips: `speech` (n, s) from the speech network, `measured` (n, f) functionals, NaN where nothing was measured."""

    speech: FloatArray
    measured: FloatArray

    @property
    def both(self) -> FloatArray:
        """Side by side, (n, s + f)."""
        return np.concatenate([self.speech, self.measured], axis=1)


def describe_clips(paths: Sequence[Path], part: Part, tell: Callable[[int, int], None] | None = None) -> FloatArray:
    """One part of the description of recordings, each alone: (n, d).

    Raises:
        FeelmError: a recording cannot be read.
        WeightError: a network's weights are missing or damaged.
    """
    found = []
    with one_torch_thread():
        describe = _speech if part == "speech" else _Measured()
        for number, path in enumerate(paths):
            found.append(describe(read_recording(path)))
            if tell is not None:
                tell(number + 1, len(paths))
    return np.stack(found)


def relative_to_speaker(columns: FloatArray, speaker: Sequence[str]) -> FloatArray:
    """Columns (n, d) as deviations from the speaker's own mean, in the speaker's own standard deviations."""
    found, names = columns.copy(), np.array(speaker)
    for name in np.unique(names):
        own = names == name
        found[own] = (columns[own] - np.nanmean(columns[own], axis=0)) / (np.nanstd(columns[own], axis=0) + 1e-6)
    return found


@dataclass(frozen=True)
class LinearVoice:
    """Multinomial logistic regression over standardised columns; `middle` stands where nothing was measured."""

    model: Any
    middle: FloatArray
    classes: int

    @classmethod
    def fit(cls, columns: FloatArray, label: IntArray, classes: int, strength: float = STRENGTH) -> LinearVoice:
        """Fit on columns (n, d) with labels (n,)."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        middle = np.nan_to_num(np.nanmean(columns, axis=0))
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
        return cls(model.fit(np.where(np.isnan(columns), middle, columns), label), middle, classes)

    def logits(self, columns: FloatArray) -> FloatArray:
        """Log-probabilities (n, classes); a class that was not there to learn from is as good as impossible."""
        found = np.full((len(columns), self.classes), np.log(1e-6), np.float32)
        found[:, self.model.classes_] = self.model.predict_log_proba(np.where(np.isnan(columns), self.middle, columns))
        return found


def _speech(samples: FloatArray) -> FloatArray:
    return describe_speech([samples])[0]


class _Measured:
    """FUNCTIONALS of a whole sound, NaN where nothing was measured."""

    def __init__(self) -> None:
        self.extractor = VoiceExtractor()

    def __call__(self, samples: FloatArray) -> FloatArray:
        blocks = [self.extractor.extract(chunk) for chunk in chunks_of(samples)]
        found = functionals(np.concatenate([b.values for b in blocks]), np.concatenate([b.confidence for b in blocks])) if blocks else {}
        return np.array([found.get(name, np.nan) for name in FUNCTIONALS], np.float32)
