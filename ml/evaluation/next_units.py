"""What people should judge next: the units from which the model and the gold would learn most.

A unit counts by how unsure the model is that never saw its film, by how far its raters disagree or how few they are, by how rare the
emotion it seems to have is in the gold, and by how little of its film was judged. They are chosen one after the other, each new one the
less the more it says what a chosen one says, so that a round is not twenty times the same scene.

Sources: uncertainty and disagreement sampling as in Settles, Active Learning (2012), ch. 2; relevance less redundancy as in Carbonell and
Goldstein, SIGIR 1998.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from corpus.statistics import FloatArray, entropy_bits
from corpus.terms import EMOTIONS, MINIMUM_RATERS, PROBABILITY_COLUMNS, GoldStatus, UnitLevel

if TYPE_CHECKING:
    import pandas as pd

MOST_RATERS = 6
"""Beyond so many raters another one hardly moves a vote share: the rest is the line's own doubt."""

REDUNDANCY = 0.5
"""How much of its worth a unit loses that says just what a chosen one says."""


@dataclass(frozen=True)
class NextUnit:
    """A unit to judge next: its worth (0 to 1) before redundancy, what it is made of (each 0 to 1), and the reason in words."""

    unit_id: str
    film_id: str
    start_ms: int | None
    end_ms: int | None
    text: str | None
    raters: int
    worth: float
    uncertainty: float
    disagreement: float
    rarity: float
    neglect: float
    reason: str


def next_units(
    units: pd.DataFrame, gold: pd.DataFrame, predictions: pd.DataFrame, embeddings: pd.DataFrame | None, count: int
) -> list[NextUnit]:
    """The `count` best units of the table UNITS, the best first.

    `gold` is GOLD_LABELS of one perspective, `predictions` PREDICTIONS of the fused system on films unseen; `embeddings` has unit_id and
    numbers whose cosine tells how alike two units are. Left out are units that have gold or raters enough, and the scenes of films that
    have lines: a scene's votes are those of its lines.
    """
    units = _finest(units)
    table = _joined(units, gold, predictions)
    table = table[~((table["status"] == GoldStatus.GOLD) | (table["n_raters"] >= MOST_RATERS))].reset_index(drop=True)
    if table.empty or count < 1:
        return []
    parts = _parts(table, gold, units)
    worth = parts.mean(axis=1).to_numpy(np.float64)
    chosen = _spread(worth, _directions(table, embeddings), table["scene_id"], count)
    return [_told(table.iloc[row], parts.iloc[row], worth[row]) for row in chosen]


def _finest(units: pd.DataFrame) -> pd.DataFrame:
    fine = units["level"] != UnitLevel.SCENE
    return units[fine | ~fine.groupby(units["film_id"]).transform("any")]


def _joined(units: pd.DataFrame, gold: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    voted = gold[["unit_id", "status", "n_raters", *PROBABILITY_COLUMNS]].rename(
        columns={name: f"vote_{name}" for name in PROBABILITY_COLUMNS}
    )
    said = predictions[["unit_id", *PROBABILITY_COLUMNS]].drop_duplicates("unit_id")
    table = units.merge(voted, on="unit_id", how="left").merge(said, on="unit_id", how="left")
    return table.assign(n_raters=table["n_raters"].fillna(0).astype("int64"))


def _parts(table: pd.DataFrame, gold: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    said = table[list(PROBABILITY_COLUMNS)].to_numpy(np.float64)
    voted = table[[f"vote_{name}" for name in PROBABILITY_COLUMNS]].to_numpy(np.float64)
    bits = np.log2(len(EMOTIONS))
    unseen = np.isnan(said).any(axis=1)
    # What no model saw is as unsure as can be.
    uncertainty = np.where(unseen, 1.0, entropy_bits(np.nan_to_num(said, nan=1 / len(EMOTIONS))) / bits)
    few = np.clip(1 - table["n_raters"].to_numpy(np.float64) / MINIMUM_RATERS, 0, 1)
    split = entropy_bits(np.nan_to_num(voted, nan=0.0)) / bits
    seems = np.where(unseen[:, None], np.nan_to_num(voted, nan=1 / len(EMOTIONS)), np.nan_to_num(said))
    return pd.DataFrame(
        {
            "uncertainty": uncertainty,
            "disagreement": np.maximum(few * 0.5, split),
            "rarity": seems @ _rarity(gold),
            "neglect": table["film_id"].map(_neglect(gold, units)).to_numpy(np.float64),
        }
    )


def _rarity(gold: pd.DataFrame) -> FloatArray:
    """How far each emotion's share of the gold stays below an equal share, 0 to 1 (0 for one that has its share)."""
    counts = gold.loc[gold["status"] == GoldStatus.GOLD, "label"].value_counts().reindex(list(EMOTIONS), fill_value=0).to_numpy(np.float64)
    share = (counts + 0.5) / (counts.sum() + 0.5 * len(EMOTIONS))
    return np.clip(1 - share * len(EMOTIONS), 0, 1)


def _neglect(gold: pd.DataFrame, units: pd.DataFrame) -> dict[str, float]:
    """Share of each film's units that have no gold yet."""
    known = set(gold.loc[gold["status"] == GoldStatus.GOLD, "unit_id"])
    return (~units["unit_id"].isin(known)).groupby(units["film_id"]).mean().to_dict()


def _directions(table: pd.DataFrame, embeddings: pd.DataFrame | None) -> FloatArray | None:
    """Unit vectors (n, dimensions); zeros where a unit has no embedding."""
    if embeddings is None or embeddings.empty:
        return None
    vectors = np.nan_to_num(embeddings.set_index("unit_id").reindex(table["unit_id"]).to_numpy(np.float64))
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def _spread(worth: FloatArray, directions: FloatArray | None, scene: pd.Series, count: int) -> list[int]:
    """Rows chosen one after the other, each less worth the more it is like one chosen: by its words, or as a line of the same scene."""
    import pandas as pd

    scenes = pd.factorize(scene, use_na_sentinel=True)[0]
    alike = np.zeros(len(worth))
    chosen: list[int] = []
    left = worth.copy()
    while len(chosen) < min(count, len(worth)):
        best = int(np.argmax(left * (1 - REDUNDANCY * alike)))
        chosen.append(best)
        left[best] = -1.0
        if directions is not None:
            alike = np.maximum(alike, np.clip(directions @ directions[best], 0, 1))
        if scenes[best] >= 0:
            alike = np.maximum(alike, 0.5 * (scenes == scenes[best]))
    return chosen


def _told(unit: pd.Series, parts: pd.Series, worth: float) -> NextUnit:
    import pandas as pd

    return NextUnit(
        unit_id=str(unit["unit_id"]),
        film_id=str(unit["film_id"]),
        start_ms=None if pd.isna(unit["start_ms"]) else int(unit["start_ms"]),
        end_ms=None if pd.isna(unit["end_ms"]) else int(unit["end_ms"]),
        text=None if pd.isna(unit["text"]) else str(unit["text"]),
        raters=int(unit["n_raters"]),
        worth=round(float(worth), 4),
        **{name: round(float(parts[name]), 4) for name in ("uncertainty", "disagreement", "rarity", "neglect")},
        reason=_reason(unit, parts),
    )


def _reason(unit: pd.Series, parts: pd.Series) -> str:
    import pandas as pd

    raters = int(unit["n_raters"])
    words = []
    if pd.isna(unit[PROBABILITY_COLUMNS[0]]):
        words.append("no model saw it")
    elif parts["uncertainty"] > 0.7:
        words.append("the model is unsure")
    if raters == 0:
        words.append("nobody judged it")
    elif raters < MINIMUM_RATERS:
        words.append(f"{raters} of {MINIMUM_RATERS} raters")
    elif parts["disagreement"] > 0.3:
        words.append(f"{raters} raters disagree")
    if parts["rarity"] > 0.3:
        words.append("it may hold an emotion that is rare in the gold")
    if parts["neglect"] > 0.8:
        words.append("little of the film has gold")
    return "; ".join(words) or "the best of what is left"
