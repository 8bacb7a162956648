"""Folds by group: films or actors are dealt whole, the largest first to the emptiest fold, so that none stands on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ml.models.calibration import fit_temperature
from ml.models.dataset import FloatArray, IntArray

FOLDS = 5


def group_folds(groups: Sequence[str], folds: int) -> IntArray:
    """Fold number (n,) of each item by its group; groups of one size are dealt in the order of their names."""
    sizes = Counter(groups)
    load, fold_of = [0] * folds, {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        fold_of[name] = load.index(min(load))
        load[fold_of[name]] += sizes[name]
    return np.array([fold_of[name] for name in groups], np.int64)


def cross_fitted(logits: FloatArray, label: IntArray, fold: IntArray) -> FloatArray:
    """Logits (n, classes), each fold's divided by the temperature that fits the other folds."""
    scaled = np.empty_like(logits)
    for one in np.unique(fold):
        own = fold == one
        scaled[own] = logits[own] / fit_temperature(logits[~own], label[~own])
    return scaled
