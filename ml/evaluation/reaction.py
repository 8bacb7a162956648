"""How well the next unit's emotion is foreseen, beside systems that need no model.

A unit counts where the one that follows in its scene has gold. Persistence says that nothing changes, transitions what usually follows,
majority what is most frequent; each learns from the other folds' films alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS
from ml.evaluation import baselines
from ml.evaluation.metrics import Judged, score
from ml.evaluation.report import SystemScore
from ml.evaluation.scored import Scored, codes, probabilities
from ml.evaluation.slices import MIN_SLICE
from ml.models.predict import FUSED, NEXT_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def reaction_scores(tested: list[Scored], rows: pd.DataFrame, predictions: pd.DataFrame) -> list[SystemScore]:
    """How well the next unit's emotion is foreseen: the model, persistence of the model's own emotion, transitions, majority.

    Only units whose following unit of the same scene has gold count; the baselines learn from the other folds' films.
    """
    import pandas as pd

    pairs = _pairs(pd.concat([one.gold for one in tested], ignore_index=True), rows)
    fused = predictions[predictions["system"] == FUSED].set_index("unit_id")
    pairs = pairs[pairs["unit_id"].isin(fused.index)].reset_index(drop=True)
    if len(pairs) < MIN_SLICE:
        return []
    said = fused.loc[pairs["unit_id"]]
    label, fold = codes(pairs["next_label"]), said["fold"].to_numpy()
    now = probabilities(said).argmax(axis=1)
    model = probabilities(said, NEXT_COLUMNS)
    majority, bigram = np.zeros((len(pairs), len(EMOTIONS))), np.zeros((len(pairs), len(EMOTIONS)))
    for one in np.unique(fold):
        own, train = fold == one, fold != one
        majority[own] = baselines.majority(label[train], int(own.sum()))
        bigram[own] = baselines.bigram(codes(pairs["label"])[train], label[train], now[own], majority[own].astype(np.float32))
    persistence = baselines.sure(now).astype(np.float64)
    soft = pairs[[f"next_p_{emotion}" for emotion in EMOTIONS]].to_numpy(np.float64)
    film = pairs["film_id"].to_numpy(str)
    others = {"persistence": persistence, "transitions": bigram, "majority": majority}
    foreseen = [Judged("reaction", FUSED, model, label, soft, film)]
    return [score(judged) for judged in foreseen + [Judged(name, "baseline", p, label, soft, film) for name, p in others.items()]]


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
