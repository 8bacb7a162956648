"""Does the model use context, and whom does it believe when face, voice and words disagree?

The fused system is compared with itself without neighbours and among shuffled neighbours of the same film, over all units and over those
whose words alone mislead: there context and the other modalities must help. Scores by modality say nothing of that.
"""

from __future__ import annotations

import numpy as np

from corpus.statistics import FloatArray
from corpus.terms import FUSED, NO_CONTEXT, SHUFFLED
from ml.evaluation.findings import ContextUse, Incongruence, Interval
from ml.evaluation.resampling import unit_mean_interval
from ml.evaluation.scored import BoolArray, Scored, probabilities
from ml.evaluation.slices import disagreement

WORDS = "text"
LEAST = 5
"""Fewer units say nothing."""


def context_use(scored: Scored) -> list[ContextUse]:
    """The fused system with, without and with shuffled context; empty where no unit was tested without its neighbours."""
    right = {name: _right(scored, name) for name in (FUSED, NO_CONTEXT, SHUFFLED) if name in scored.every}
    common = np.isfinite(sum(right.values()))
    parts = {"all lines with neighbours": common}
    if WORDS in scored.systems:
        misled: BoolArray = scored.has(WORDS) & (scored.top[WORDS] != scored.label)
        parts["lines whose words alone mislead"] = common & misled
    if len(right) < 2:
        return []
    return [_use(name, scored, units, right) for name, units in parts.items() if units.sum() >= LEAST]


def _right(scored: Scored, system: str) -> FloatArray:
    """1 where the system names the gold emotion, 0 where another, NaN where it was not asked, (n,)."""
    table = scored.every[system].reindex(scored.gold["unit_id"])
    asked = table["fold"].notna().to_numpy()
    right = np.full(len(table), np.nan)
    right[asked] = probabilities(table[asked]).argmax(axis=1) == scored.label[asked]
    return right


def _use(name: str, scored: Scored, units: BoolArray, right: dict[str, FloatArray]) -> ContextUse:
    def share(values: FloatArray) -> Interval:
        return unit_mean_interval(values[units], scored.film[units])

    whole = right[FUSED]
    return ContextUse(
        units=name,
        n_units=int(units.sum()),
        n_films=len(set(scored.film[units])),
        with_context=share(whole),
        without=share(right[NO_CONTEXT]) if NO_CONTEXT in right else None,
        shuffled=share(right[SHUFFLED]) if SHUFFLED in right else None,
        gain=share(whole - right[NO_CONTEXT]) if NO_CONTEXT in right else None,
        order_gain=share(whole - right[SHUFFLED]) if SHUFFLED in right else None,
    )


def incongruence(scored: Scored) -> Incongruence | None:
    """The units on which the single modalities disagree; None where there are fewer than five."""
    if len(scored.single) < 2:
        return None
    units, _ = disagreement(scored)
    if units.sum() < LEAST:
        return None
    top, label = scored.top, scored.label
    same = {name: (top[FUSED] == top[name]) & scored.has(name) for name in scored.single}
    return Incongruence(
        n_units=int(units.sum()),
        n_films=len(set(scored.film[units])),
        accuracy={name: float((top[name] == label)[units].mean()) for name in (FUSED, *scored.single)},
        follows={name: float(same[name][units & scored.has(name)].mean()) for name in scored.single if (units & scored.has(name)).any()},
        follows_none=float((~np.any(list(same.values()), axis=0))[units].mean()),
    )
