"""What is compared of films: features, whether faces, voices and words are there, labels, how raters agree, how often a model doubts.

Each is counted by film from the tables that the chain has made; nothing is predicted here. Films come as those that the model learned from
and those that came since. A film that lacks a table is compared by the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file

from corpus.contracts import ANNOTATIONS, GOLD_LABELS, PREDICTIONS, UNIT_FEATURES, VOTES
from corpus.paths import Home
from corpus.statistics import FloatArray, label_counts
from corpus.terms import EMOTIONS, FUSED, MODALITIES, PROBABILITY_COLUMNS
from ml.evaluation.drift import Comparison, Measure, binned, compare
from ml.features.frame import EMBEDDING_FILE
from ml.models.training_set import one_perspective

if TYPE_CHECKING:
    import pandas as pd

KINDS = (*MODALITIES, "scene")
AXES = 8
"""Principal axes of the embeddings that are compared."""

NAMED = 3
"""Measures that a sentence names."""


@dataclass(frozen=True)
class MonthOfJudging:
    """A month (YYYY-MM) of judgements: pairs of votes on the same unit of which the later fell into it, and the share that agree."""

    month: str
    pairs: int
    agreement: float


def film_measures(home: Home, films: Sequence[str], predictions: Mapping[str, pd.DataFrame], uncertain_below: float) -> list[Measure]:
    """The measures of `films`, in their order; `predictions` (PREDICTIONS, fused) by film are by models that did not learn from it."""
    features = [measure for kind in KINDS for measure in _feature_measures(home, films, kind)] + _meaning_measures(home, films)
    doubts = _doubts(films, predictions, uncertain_below)
    return [*features, Measure("labels", _label_counts(home, films), ordered=False), _agreement(home, films), doubts]


def compare_films(
    home: Home, known: Sequence[str], new: Sequence[str], predictions: Mapping[str, pd.DataFrame], uncertain_below: float
) -> Comparison:
    """Compare films that came since with those that the model learned from; `uncertain_below` is the confidence under which it doubts."""
    films = [*known, *new]
    is_new = np.array([False] * len(known) + [True] * len(new), dtype=np.bool_)
    return compare(film_measures(home, films, predictions, uncertain_below) if len(known) and len(new) else [], is_new)


def _feature_measures(home: Home, films: Sequence[str], kind: str) -> list[Measure]:
    """One of each numeric feature over the units that have the modality, and one of how many units have it."""
    import pandas as pd

    paths = {film: home.artifact(f"{kind}_features", film) / "features.parquet" for film in films}
    tables = {number: UNIT_FEATURES.read(path) for number, path in enumerate(paths.values()) if path.is_file()}
    if not tables:
        return []
    whole = pd.concat(tables, names=["film"])
    film, present = whole.index.get_level_values("film").to_numpy(np.int64), whole["present"].to_numpy(bool)
    there = Measure(f"{kind}: present", label_counts(film, present.astype(np.int64), len(films), 2))
    names = [name for name in whole.columns if name not in UNIT_FEATURES.names]
    values = whole.loc[present, names].to_numpy(np.float64, na_value=np.nan)
    return [there, *(Measure(f"{kind}: {name}", binned(values[:, i], film[present], len(films))) for i, name in enumerate(names))]


def _meaning_measures(home: Home, films: Sequence[str]) -> list[Measure]:
    """What is spoken about: the sentences' embeddings along their principal axes, where one encoder made them all."""
    paths = {number: home.artifact("text_features", film) / EMBEDDING_FILE for number, film in enumerate(films)}
    read = {number: load_file(path)["embedding"] for number, path in paths.items() if path.is_file()}
    if not read or len({table.shape[1] for table in read.values()}) > 1:
        return []
    film, table = np.repeat(list(read), [len(part) for part in read.values()]), np.concatenate(list(read.values())).astype(np.float64)
    said = np.isfinite(table).all(axis=1) & (np.abs(table).sum(axis=1) > 0)
    film, centred = film[said], table[said] - table[said].mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, : -AXES - 1 : -1]
    return [Measure(f"text: meaning, axis {i + 1}", binned(centred @ axes[:, i], film, len(films))) for i in range(axes.shape[1])]


def _label_counts(home: Home, films: Sequence[str]) -> FloatArray:
    """Gold units of each emotion (n_films, n_emotions)."""
    path, counts = home.artifact("gold_labels") / "gold.parquet", np.zeros((len(films), len(EMOTIONS)))
    if path.is_file():
        gold = one_perspective(GOLD_LABELS.read(path))
        gold = gold[gold["film_id"].isin(films) & gold["label"].notna()]
        places = [films.index(film) for film in gold["film_id"]], [EMOTIONS.index(label) for label in gold["label"]]
        np.add.at(counts, places, 1.0)
    return counts


def _agreement(home: Home, films: Sequence[str]) -> Measure:
    """Pairs of raters' first votes on the same unit: those that differ, those that agree (n_films, 2)."""
    path, counts = home.artifact("gold_labels") / "votes.parquet", np.zeros((len(films), 2))
    pairs = _pairs(VOTES.read(path)) if path.is_file() else None
    if pairs is not None:
        pairs = pairs[pairs["film_id"].isin(films)]
        film = np.array([films.index(film_id) for film_id in pairs["film_id"]], dtype=np.int64)
        counts = label_counts(film, pairs["agree"].to_numpy(np.int64), len(films), 2)
    return Measure("raters agree", counts)


def _pairs(votes: pd.DataFrame) -> pd.DataFrame:
    """Each two raters' first votes on a unit under one perspective: `film_id`, whether they `agree`, and the judgements' ids."""
    first = votes[votes["weight"] > 0].drop_duplicates(["unit_id", "perspective", "annotator_id"])
    columns = first[["unit_id", "perspective", "film_id", "annotator_id", "label", "group_id"]]
    both = columns.merge(columns, on=["unit_id", "perspective", "film_id"], suffixes=("", "_other"))
    both = both[both["annotator_id"] < both["annotator_id_other"]]
    return both.assign(agree=both["label"] == both["label_other"])


def agreement_by_month(home: Home) -> list[MonthOfJudging]:
    """How raters agree over time, by the month of the later of two judgements; judgements without a time are left out."""
    votes, annotations = home.artifact("gold_labels") / "votes.parquet", home.artifact("annotations") / "annotations.parquet"
    if not votes.is_file() or not annotations.is_file():
        return []
    told = ANNOTATIONS.read(annotations).drop_duplicates("group_id").set_index("group_id")["created_at"]
    pairs = _pairs(VOTES.read(votes))
    when = [pairs[column].map(told) for column in ("group_id", "group_id_other")]
    later = when[0].where(when[0] >= when[1], when[1]).where(when[0].notna() & when[1].notna())
    months = pairs.assign(month=later.str.slice(0, 7)).dropna(subset="month").groupby("month")["agree"]
    return [MonthOfJudging(str(month), len(agree), round(float(agree.mean()), 4)) for month, agree in months]


def _doubts(films: Sequence[str], predictions: Mapping[str, pd.DataFrame], uncertain_below: float) -> Measure:
    """Units of which the model is sure, and of which it is not (n_films, 2)."""
    counts = np.zeros((len(films), 2))
    for number, film in enumerate(films):
        if film in predictions:
            doubts = predictions[film][list(PROBABILITY_COLUMNS)].to_numpy(np.float64).max(axis=1, initial=0.0) < uncertain_below
            counts[number] = (~doubts).sum(), doubts.sum()
    return Measure("model is uncertain", counts)


def unseen_predictions(path: Path) -> dict[str, pd.DataFrame]:
    """Fused predictions of a model's folder by film, each by networks that did not see it; empty where the file is not there."""
    if not path.is_file():
        return {}
    table = PREDICTIONS.read(path)
    table = table[(table["system"] == FUSED) & (table["fold"] >= 0)]
    return {str(film): rows for film, rows in table.groupby("film_id")}


def sentence(found: Comparison) -> str:
    """What the comparison says, in plain words."""
    films = (
        f"{found.new_films} {'film' if found.new_films == 1 else 'films'} that came since, against {found.known_films} that the model knows"
    )
    if not found.new_films or not found.known_films:
        return "there is no film that the model did not learn from" if found.known_films else "the model learned from no film"
    if not found.can_tell:
        return f"{films}: too few to tell a shift from how films differ anyway (least p-value {found.least_p:.3f})"
    drifted = found.drifted
    if not drifted:
        return f"{films}: nothing has shifted beyond how films differ anyway"
    named = ", ".join(f"{shift.name} (PSI {shift.psi:.2f})" for shift in drifted[:NAMED])
    more = f" and {len(drifted) - NAMED} more" if len(drifted) > NAMED else ""
    return f"{films}: shifted are {named}{more}"
