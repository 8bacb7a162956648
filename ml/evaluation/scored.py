"""One body of data as evaluation sees it: its gold units, and what every system said of them, row by row.

A system counts where it predicted every gold unit, so that all are compared on the same items; what predicted a part only can still be
asked for those rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from corpus.statistics import FloatArray, IntArray
from corpus.terms import EMOTIONS, FUSED, MODALITIES, PROBABILITY_COLUMNS, GoldStatus
from ml.evaluation.metrics import Judged
from ml.evaluation.resampling import StrArray
from ml.models.training_set import FILMS

if TYPE_CHECKING:
    import pandas as pd

BoolArray = npt.NDArray[np.bool_]

BASELINES = ("majority", "prior", "persistence", "tfidf")
HUMAN = "human"
FILMS_NAME = "films"


@dataclass(frozen=True)
class Scored:
    """One corpus's gold units (TRAINING_UNITS rows) and every system's prediction of them, row by row.

    `labelled` holds all rows with a soft label that the fused system was tested on, those on which the raters split too; `every` all
    PREDICTIONS rows of each system by unit_id, of whatever units it predicted.
    """

    name: str
    gold: pd.DataFrame
    systems: dict[str, pd.DataFrame]
    labelled: pd.DataFrame
    every: dict[str, pd.DataFrame]

    @cached_property
    def label(self) -> IntArray:
        """Gold emotion (n,)."""
        return codes(self.gold["label"])

    def judged(self, system: str) -> Judged:
        """A system's predictions beside gold."""
        return Judged(
            system,
            kind_of(system),
            probabilities(self.systems[system]),
            self.label,
            self.gold[list(PROBABILITY_COLUMNS)].to_numpy(np.float64),
            self.film,
        )

    @cached_property
    def film(self) -> StrArray:
        """The film of each gold unit (n,)."""
        return self.gold["film_id"].to_numpy(str)

    @cached_property
    def top(self) -> dict[str, IntArray]:
        """The emotion that each system names, (n,)."""
        return {name: probabilities(table).argmax(axis=1) for name, table in self.systems.items()}

    @property
    def single(self) -> list[str]:
        """The single modalities that were tested."""
        return [name for name in MODALITIES if name in self.systems]

    def has(self, modality: str) -> BoolArray:
        """Whether each gold unit has features of the modality, (n,)."""
        return self.gold[f"has_{modality}"].to_numpy(bool)


def read_scored(source: str, rows: pd.DataFrame, predictions: pd.DataFrame) -> Scored:
    """Gold units of a source that the fused system was tested on; other systems are aligned to them, absent rows left out as a whole."""
    every = {str(name): table.set_index("unit_id") for name, table in predictions.groupby("system")}
    judged = rows["status"].isin([GoldStatus.GOLD.value, GoldStatus.AMBIGUOUS.value])
    labelled = rows[(rows["source"] == source) & judged & rows["unit_id"].isin(every[FUSED].index)].reset_index(drop=True)
    gold = labelled[(labelled["status"] == GoldStatus.GOLD.value) & labelled["label"].notna()].reset_index(drop=True)
    whole = {name: table for name, table in every.items() if gold["unit_id"].isin(table.index).all()}
    systems = {system: table.loc[gold["unit_id"]] for system, table in whole.items()} if len(gold) else {}
    return Scored(FILMS_NAME if source == FILMS else source, gold, systems, labelled, every)


def kind_of(system: str) -> str:
    """`modality`, `baseline`, or `fused` for the model and all its ablations."""
    if system in MODALITIES:
        return "modality"
    return "baseline" if system in BASELINES else FUSED


def codes(labels: pd.Series) -> IntArray:
    """Emotions as numbers in the order of EMOTIONS (n,), -1 for none."""
    return labels.map({name: i for i, name in enumerate(EMOTIONS)}).fillna(-1).to_numpy(np.int64)


def probabilities(table: pd.DataFrame, columns: tuple[str, ...] = PROBABILITY_COLUMNS) -> FloatArray:
    """The seven probabilities of each row (n, 7), adding to 1."""
    p = table[list(columns)].to_numpy(np.float64)
    return p / p.sum(axis=1, keepdims=True)
