"""How well the next emotion is foreseen, of whoever speaks next and of each character present, beside systems that need no model.

A unit counts where the one that follows in its scene has gold, or the next one of the character. Persistence says that nothing changes,
transitions what usually follows, an answer what usually follows another's emotion, majority what is most frequent; each learns from the
other folds' films alone. They start at what the model says of each unit by itself: told with its neighbours it would have heard already
what is to be foreseen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from corpus.statistics import FloatArray, IntArray
from corpus.terms import EMOTIONS, FUSED, NO_CONTEXT, PROBABILITY_COLUMNS, ROLES
from ml.evaluation import baselines
from ml.evaluation.metrics import Judged, score
from ml.evaluation.report import SystemScore
from ml.evaluation.resampling import StrArray
from ml.evaluation.scored import BoolArray, Scored, codes, probabilities
from ml.evaluation.slices import MIN_SLICE
from ml.models.dataset import cast_of
from ml.models.predict import NEXT_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

Answer = Callable[[BoolArray, BoolArray], npt.NDArray[np.float32]]
"""What a system that learnt from some rows answers for others."""


def reaction_scores(tested: list[Scored], rows: pd.DataFrame, predictions: pd.DataFrame) -> list[SystemScore]:
    """How well the next unit's emotion is foreseen: the model, persistence of the model's own emotion, transitions, majority.

    Only units whose following unit of the same scene has gold count; the baselines learn from the other folds' films.
    """
    import pandas as pd

    pairs = _pairs(pd.concat([one.gold for one in tested], ignore_index=True), rows)
    fused, alone = (_of_system(predictions, name) for name in (FUSED, NO_CONTEXT))
    pairs = pairs[pairs["unit_id"].isin(fused.index)].reset_index(drop=True)
    if len(pairs) < MIN_SLICE:
        return []
    said = fused.loc[pairs["unit_id"]]
    foreseen = _Foreseen(
        probabilities(said, NEXT_COLUMNS),
        codes(pairs["next_label"]),
        pairs[[f"next_p_{emotion}" for emotion in EMOTIONS]].to_numpy(np.float64),
        said["fold"].to_numpy(),
        pairs["film_id"].to_numpy(str),
    )
    now = _Before(codes(pairs["label"]), probabilities(alone.loc[pairs["unit_id"]]).argmax(axis=1))
    return foreseen.scores(now, {"transitions": now})


def character_scores(
    tested: list[Scored], rows: pd.DataFrame, predictions: pd.DataFrame, reactions: pd.DataFrame
) -> dict[str, list[SystemScore]]:
    """The same by role for the next emotion of each character present, whenever in the scene they speak again."""
    import pandas as pd

    counted = pd.Index(np.concatenate([one.gold["unit_id"].to_numpy() for one in tested]))
    told = _told(rows, reactions, _of_system(predictions, NO_CONTEXT))
    told = told[told["next_unit"].isin(counted)]
    by_role = {role: part for role in ROLES if len(part := told[told["role"] == role]) >= MIN_SLICE}
    gold = rows.set_index("unit_id")
    return {role: _of_role(part, gold) for role, part in by_role.items()}


def _of_system(predictions: pd.DataFrame, system: str) -> pd.DataFrame:
    return predictions[predictions["system"] == system].set_index("unit_id")


def _told(rows: pd.DataFrame, reactions: pd.DataFrame, alone: pd.DataFrame) -> pd.DataFrame:
    """REACTIONS of characters who speak again, with the units that they spoke last and speak next, and what the model said of each."""
    import pandas as pd

    cast, units, who = cast_of(rows), rows["unit_id"].to_numpy(), rows["character_id"].to_numpy()
    heard, at = np.nonzero((cast.last >= 0) & (cast.next >= 0))
    last = cast.last[heard, at]
    ahead = pd.DataFrame(
        {"unit_id": units[heard], "character_id": who[last], "last_unit": units[last], "next_unit": units[cast.next[heard, at]]}
    )
    table = reactions.merge(ahead, on=["unit_id", "character_id"], how="inner")
    table = table[table["unit_id"].isin(alone.index) & table["last_unit"].isin(alone.index)]
    for name in ("unit_id", "last_unit"):
        table[f"said_{name}"] = probabilities(alone.loc[table[name]]).argmax(axis=1)
    return table


def _of_role(told: pd.DataFrame, gold: pd.DataFrame) -> list[SystemScore]:
    following = gold.loc[told["next_unit"]]
    foreseen = _Foreseen(
        probabilities(told),
        codes(following["label"]),
        following[list(PROBABILITY_COLUMNS)].to_numpy(np.float64),
        told["fold"].to_numpy(),
        told["film_id"].to_numpy(str),
    )
    own, heard = (_Before(codes(gold.loc[told[name], "label"]), told[f"said_{name}"].to_numpy()) for name in ("last_unit", "unit_id"))
    return foreseen.scores(own, {"transitions": own, "answer": heard})


@dataclass(frozen=True)
class _Before:
    """The emotion before, (n,) each: gold (-1 none), which transitions are counted from, and as the model says it, which they start at."""

    gold: IntArray
    said: IntArray


@dataclass(frozen=True)
class _Foreseen:
    """What the model foresees (n, 7), what came (n,) and as soft labels (n, 7), and each one's fold and film (n,)."""

    said: FloatArray
    label: IntArray
    soft: FloatArray
    fold: IntArray
    film: StrArray

    def scores(self, persists: _Before, follows: Mapping[str, _Before]) -> list[SystemScore]:
        """The model's score, and those of persistence, of what `follows` each emotion before, and of the majority."""
        majority = self._learnt(lambda train, own: baselines.majority(self.label[train], int(own.sum())))
        systems: dict[str, FloatArray] = {"persistence": baselines.sure(persists.said).astype(np.float64)}
        for name, before in follows.items():
            systems[name] = self._learnt(self._transitions(before, majority))
        systems["majority"] = majority
        model = Judged("reaction", FUSED, self.said, self.label, self.soft, self.film)
        others = [Judged(name, "baseline", p, self.label, self.soft, self.film) for name, p in systems.items()]
        return [score(judged) for judged in [model, *others]]

    def _transitions(self, before: _Before, majority: FloatArray) -> Answer:
        return lambda train, own: baselines.bigram(
            before.gold[train], self.label[train], before.said[own], majority[own].astype(np.float32)
        )

    def _learnt(self, answer: Answer) -> FloatArray:
        """Each fold's answers (n, 7) from the other folds' films."""
        said = np.zeros((len(self.label), len(EMOTIONS)))
        for one in np.unique(self.fold):
            own = self.fold == one
            said[own] = answer(~own, own)
        return said


def _pairs(gold: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Gold units beside the gold of the unit that follows in the same scene."""
    import pandas as pd

    ordered = rows[rows["position"].notna()].sort_values(["film_id", "level", "position"])
    following = ordered.groupby(["film_id", "level"]).shift(-1)
    same = following["scene_id"].isna() == ordered["scene_id"].isna()
    same &= (following["scene_id"] == ordered["scene_id"]) | ordered["scene_id"].isna()
    table = pd.DataFrame({"unit_id": ordered["unit_id"], "next_label": following["label"]})
    for column in PROBABILITY_COLUMNS:
        table[f"next_{column}"] = following[column]
    known = table[same & following["label"].notna()]
    return gold.merge(known, on="unit_id", how="inner")
