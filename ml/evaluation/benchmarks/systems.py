"""The text systems that a benchmark compares: a frozen linear model, fine-tuned networks, and all of them together.

Averages are of log-probabilities. What the benchmark is of, the whole, stands last.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.models.dataset import FloatArray


def text_systems(frozen: FloatArray, members: Sequence[Sequence[FloatArray]]) -> dict[str, list[FloatArray]]:
    """Logits (n, classes) by system, one for each seed; `members` are those of each seed's networks, none where nothing was fine-tuned."""
    systems = {"frozen": [frozen]}
    if members:
        if len(members[0]) > 1:
            systems["fine_tuned_one"] = [each[0] for each in members]
        systems["fine_tuned"] = [mean_logits(each) for each in members]
        systems["fine_tuned_and_frozen"] = [mean_logits([*each, frozen]) for each in members]
    return systems


def mean_logits(tuned: Sequence[FloatArray]) -> FloatArray:
    """The mean of several networks' log-probabilities (n, classes)."""
    shifted = [logits - np.logaddexp.reduce(logits, axis=1, keepdims=True) for logits in tuned]
    return np.mean(shifted, axis=0).astype(np.float32)
