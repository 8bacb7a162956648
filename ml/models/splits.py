"""Splits by film: no group of films ever stands on both sides.

Groups are dealt to folds source by source, the largest first to the emptiest fold, so that each fold leaves out its part of the films
and its part of every corpus. The deal depends on names and counts alone: the same training set gives the same folds.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from corpus.terms import FeelmError
from ml.models.training_set import FILMS

if TYPE_CHECKING:
    import pandas as pd

CORPUS_FOLDS = 5
MIN_GROUPS = 3
"""One group to test on, one to stop on, one to learn from."""


def assign_folds(rows: pd.DataFrame, films_folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Fold number of each TRAINING_UNITS row.

    Films are dealt to at most `films_folds` folds, a corpus to at most five; a source of fewer than three groups with gold labels is
    never left out (its rows get -1), as long as another source has three.

    Raises:
        FeelmError: no source has three groups, so nothing can be tested on unseen films.
    """
    fold_of: dict[str, int] = {}
    for source, part in rows.groupby("source", sort=True):
        fold_of.update(_deal(part, films_folds if source == FILMS else CORPUS_FOLDS, seed))
    if not fold_of:
        counts = rows.loc[rows["label"].notna()].groupby("source")["group_id"].nunique().to_dict()
        raise FeelmError(
            f"too few films to test on unseen ones: at least {MIN_GROUPS} films (or series) with gold labels are needed, "
            f"there are {counts or 'none'}; label more films or add a corpus"
        )
    folds = rows["group_id"].map(fold_of).fillna(-1).to_numpy(np.int64)
    check_disjoint(rows, folds)
    return folds


def _deal(part: pd.DataFrame, n_folds: int, seed: int) -> dict[str, int]:
    sizes = part.loc[part["label"].notna(), "group_id"].value_counts()
    if len(sizes) < MIN_GROUPS:
        return {}
    names = sorted(sizes.index, key=lambda name: (-int(sizes[name]), _shuffled(name, seed)))
    load = np.zeros((min(n_folds, len(names)), 2))
    fold_of: dict[str, int] = {}
    for name in names:
        fold = int(np.lexsort((load[:, 0], load[:, 1]))[0])
        load[fold] += (1, int(sizes[name]))
        fold_of[str(name)] = fold
    return fold_of


def _shuffled(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()


def check_disjoint(rows: pd.DataFrame, folds: npt.NDArray[np.int64]) -> None:
    """Raise FeelmError naming a film or group that stands in two folds."""
    import pandas as pd

    for column in ("group_id", "film_id"):
        spread = pd.Series(folds).groupby(rows[column].to_numpy()).nunique()
        torn = spread[spread > 1]
        if len(torn):
            raise FeelmError(f"leak: {column} {torn.index[0]!r} stands in {torn.iloc[0]} folds; give films of one kind one series")
