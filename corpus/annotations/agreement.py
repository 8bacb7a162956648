"""Who agrees with whom, and what they dispute, by the votes behind gold.

A pair of raters is compared on the units that both judged, a unit is disputed where raters who count give it different emotions; the view
of the few is kept beside that of the many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from corpus import statistics
from corpus.annotations.judgements import label_codes
from corpus.statistics import FloatArray, IntArray
from corpus.terms import EMOTIONS, UnitLevel

LEAST_SHARED = 10
"""Units that two raters both judged, for a figure about the pair."""

LEAST_DISPUTING = 3
"""Raters whose votes count on a unit, for it to be told as disputed."""


@dataclass(frozen=True)
class PairAgreement:
    """Two raters, in order of their names: on which share of the `units` that both judged they give the same emotion."""

    first: str
    second: str
    units: int
    agreement: float


def pairwise_agreement(votes: pd.DataFrame) -> list[PairAgreement]:
    """Each two raters of the table VOTES who both judged LEAST_SHARED units, in order of their names; flagged raters are left out.

    Where a rater gave a unit several emotions, each is worth its part of the vote, and the two agree by what their votes have in common.
    A unit judged under two perspectives is two units.
    """
    counted = votes[votes["weight"] > 0]
    rater, names = pd.factorize(counted["annotator_id"], sort=True)
    unit = pd.factorize(counted["unit_id"] + "|" + counted["perspective"])[0].astype(np.int64)
    same, shared = _in_common(rater.astype(np.int64), unit, label_codes(counted))
    return [
        PairAgreement(str(names[a]), str(names[b]), int(shared[a, b]), round(float(same[a, b] / shared[a, b]), 6))
        for a, b in np.argwhere(np.triu(shared >= LEAST_SHARED, 1))
    ]


def _in_common(rater: IntArray, unit: IntArray, label: IntArray) -> tuple[FloatArray, IntArray]:
    """For each two raters the votes that they have in common, and the units that both judged (n_raters, n_raters).

    What two parts of a vote have in common is the lesser of them: summed over steps of the part, it is a product of sparse matrices.
    """
    n_raters, n_units = int(rater.max(initial=-1)) + 1, int(unit.max(initial=-1)) + 1
    given, times = np.unique(rater * n_units * len(EMOTIONS) + unit * len(EMOTIONS) + label, return_counts=True)
    judged, index = np.unique(given // len(EMOTIONS), return_inverse=True)
    part = times / np.bincount(index, times, len(judged))[index]
    same = np.zeros((n_raters, n_raters))
    before = 0.0
    for step in np.unique(part):
        same += (step - before) * products(given[part >= step], n_raters, n_units * len(EMOTIONS))
        before = step
    return same, np.rint(products(judged, n_raters, n_units)).astype(np.int64)


def products(cells: IntArray, n_rows: int, n_columns: int) -> FloatArray:
    """How many columns each two rows share, of the matrix that holds 1 at `cells` (row * n_columns + column)."""
    from scipy import sparse

    ones = (np.ones(len(cells)), (cells // max(n_columns, 1), cells % max(n_columns, 1)))
    matrix = sparse.csr_array(ones, shape=(n_rows, n_columns))
    return np.asarray((matrix @ matrix.T).todense(), dtype=np.float64)


@dataclass(frozen=True)
class Dispute:
    """A unit on which the raters differ: how many of them name each emotion, the most named first, down to the lone voice.

    `shares` are the parts of the vote in the order of EMOTIONS, `entropy_bits` their entropy; `model_label` is what follows from the
    raters' confusions where that is not the emotion most named.
    """

    unit_id: str
    film_id: str
    perspective: str
    n_raters: int
    entropy_bits: float
    shares: tuple[float, ...]
    named_by: tuple[tuple[str, int], ...]
    model_label: str | None = None


def disputed(gold: pd.DataFrame, votes: pd.DataFrame, units: pd.DataFrame) -> list[Dispute]:
    """The units of GOLD_LABELS on which at least LEAST_DISPUTING raters differ, those of the highest entropy first, then of most raters.

    Lines or spans, and scenes where a film has no judgement of anything finer, since a scene's votes repeat those of its lines. The
    entropy is that of the votes as given: smoothed ones look the more doubtful the fewer raters there are.
    """
    judged = _finest(gold, units)
    judged = judged[judged["n_raters"] >= LEAST_DISPUTING]
    keys = pd.Index(judged["unit_id"] + "|" + judged["perspective"])
    counted = votes[votes["weight"] > 0]
    unit = keys.get_indexer(counted["unit_id"] + "|" + counted["perspective"]).astype(np.int64)
    counted, unit = counted[unit >= 0], unit[unit >= 0]
    parts = statistics.label_counts(unit, label_codes(counted), len(keys), len(EMOTIONS), counted["weight"].to_numpy(np.float64))
    parts = np.divide(parts, parts.sum(axis=1, keepdims=True), out=np.zeros_like(parts), where=parts.sum(axis=1, keepdims=True) > 0)
    once = ~counted.assign(unit=unit).duplicated(["unit", "annotator_id", "label"]).to_numpy()
    named = statistics.label_counts(unit[once], label_codes(counted)[once], len(keys), len(EMOTIONS)).astype(np.int64)
    entropy = np.round(statistics.entropy_bits(parts), 6)
    facts = zip(*(judged[name] for name in _DISPUTE_FACTS), entropy, parts, named, strict=True)
    found = [
        Dispute(
            str(unit_id),
            str(film_id),
            str(asked),
            int(n),
            float(bits),
            tuple(np.round(part, 6).tolist()),
            _ranked(count),
            _another(model, part),
        )
        for unit_id, film_id, asked, n, model, bits, part, count in facts
        if bits > 0
    ]
    return sorted(found, key=lambda one: (-one.entropy_bits, -one.n_raters, one.film_id, one.unit_id, one.perspective))


_DISPUTE_FACTS = ("unit_id", "film_id", "perspective", "n_raters", "rater_model_label")


def _another(label: object, part: FloatArray) -> str | None:
    """`label` where it is not among those with the greatest part of the vote."""
    return label if isinstance(label, str) and part[EMOTIONS.index(label)] < part.max() - 1e-9 else None


def _finest(gold: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    fine = gold["unit_id"].isin(units.loc[units["level"] != UnitLevel.SCENE, "unit_id"])
    return gold[fine == fine.groupby(gold["film_id"]).transform("any")]


def _ranked(named: IntArray) -> tuple[tuple[str, int], ...]:
    return tuple((EMOTIONS[i], int(named[i])) for i in np.argsort(-named, kind="stable") if named[i])
