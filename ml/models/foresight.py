"""What is felt next, foreseen from how a talk was read so far: a softmax regression over the readings of the last turns.

It learns from what networks that had not seen a dialogue said of it, so that it knows how far each reading can be trusted; persistence,
answers to another's emotion and the scene's mood are all special cases of it. Most turns are neutral, so the emotion that is named is the
one that stands out against how usual it is.
"""

from __future__ import annotations

import numpy as np

from corpus.terms import EMOTIONS
from ml.models.calibration import softmax
from ml.models.dataset import FloatArray, IntArray, UnitArrays
from ml.models.linear import Linear, fit

RIDGE = 50.0
"""By five-fold cross-validation over the episodes of MELD's training part, in which 333 lost the rare emotions."""

USUAL = 0.75
"""Power of an emotion's usual share that its probability is divided by before the greatest is named (macro-F1 by the same folds)."""

PARTS = ("now", "before", "other", "own", "mood")
SURE = ("now", "before", "other")
FEATURES = (
    *(f"{part} {emotion}" for part in PARTS for emotion in EMOTIONS),
    *(f"{part} is {emotion}" for part in SURE for emotion in EMOTIONS),
    "another spoke",
    "somebody spoke before",
)
LEAST = 1e-4


def history(probabilities: FloatArray, data: UnitArrays) -> FloatArray:
    """FEATURES (n, f) of each unit: readings (n, 7) of itself, the unit before, the last of another speaker, the speaker's own last, and
    the mean of its scene so far; 0 where there is none.
    """
    before, own, mood = _before(data.next_row), _before(data.next_of[:, 0]), _mood(probabilities, data)
    other = data.last_of[:, 1]
    told, top = np.log(probabilities + LEAST), np.eye(len(EMOTIONS), dtype=np.float32)[probabilities.argmax(axis=1)]
    levels = [told, _at(told, before), _at(told, other), _at(told, own), np.log(mood + LEAST)]
    known = np.stack([other >= 0, before >= 0], axis=1)
    return np.concatenate([*levels, top, _at(top, before), _at(top, other), known], axis=1).astype(np.float32)


def _at(values: FloatArray, rows: IntArray) -> FloatArray:
    return np.where(rows[:, None] >= 0, values[rows], 0).astype(np.float32)


def _before(following: IntArray) -> IntArray:
    """For each unit the row of the one that it follows, by the row that follows each (-1: none)."""
    before = np.full(len(following), -1, np.int64)
    rows = np.flatnonzero(following >= 0)
    before[following[rows]] = rows
    return before


def _mood(probabilities: FloatArray, data: UnitArrays) -> FloatArray:
    """The mean reading (n, 7) of each unit's scene up to the unit."""
    mood, before = probabilities.astype(np.float64), _before(data.next_row)
    count = np.ones(len(data))
    for row in np.lexsort((data.place, data.sequence)).tolist():
        if before[row] >= 0:
            mood[row] += mood[before[row]]
            count[row] += count[before[row]]
    return (mood / count[:, None]).astype(np.float32)


def learn(probabilities: FloatArray, data: UnitArrays) -> Linear:
    """Learn from readings (n, 7) of units that the readers had not seen; of units that are not read (NaN) nothing is learned."""
    there = (data.next_row >= 0) & np.isfinite(probabilities).all(axis=1)
    rows = np.flatnonzero(there & (data.label[data.next_row] >= 0))
    read = np.where(np.isfinite(probabilities), probabilities, 1 / len(EMOTIONS)).astype(np.float32)
    labels = [EMOTIONS[label] for label in data.label[data.next_row[rows]]]
    return fit(history(read, data)[rows], labels, FEATURES, EMOTIONS, RIDGE, evenly=0.0)


def foreseen(weights: FloatArray, probabilities: FloatArray, data: UnitArrays) -> FloatArray:
    """What is felt in the unit after each, (n, 7), from readings (n, 7) and learned weights (features + 1, 7)."""
    return softmax(history(probabilities, data) @ weights[:-1] + weights[-1]).astype(np.float32)


def named(probabilities: FloatArray, usual: FloatArray) -> IntArray:
    """The emotions (n,) that stand out in probabilities (n, 7) against their usual shares (7,)."""
    return np.argmax(probabilities / usual**USUAL, axis=1)
