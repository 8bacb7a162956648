"""Accuracy on parts of the units: subsets of modalities, units on which modalities disagree or lack, single emotions.

A slice tells where a system is strong and where it leans on one modality; it is too small for intervals as a rule, so it carries none.
Slices of fewer than five units are left out, since they say nothing.
"""

from __future__ import annotations

import numpy as np

from corpus.terms import EMOTIONS, FUSED, MODALITIES
from ml.evaluation.report import SliceScore
from ml.evaluation.scored import BoolArray, Scored

MIN_SLICE = 5
"""Fewer units say nothing."""


def slice_scores(scored: Scored) -> list[SliceScore]:
    """Accuracy of all systems, subsets of modalities included, on parts of the units."""
    every = np.ones(len(scored.gold), bool)
    single = scored.single
    slices = [_slice("modalities available", every, scored, sorted(name for name in scored.systems if _is_subset(name)))]
    main = [FUSED, *single]
    if len(single) > 1:
        disagree, agree = disagreement(scored)
        slices += [_slice("modalities disagree", disagree, scored, main), _slice("modalities agree", agree, scored, main)]
    slices += [_slice(f"{modality} missing", ~scored.has(modality), scored, main) for modality in single]
    labels = scored.label
    slices += [_slice(f"emotion {name}", labels == i, scored, main) for i, name in enumerate(EMOTIONS)]
    return [one for one in slices if one.n_units >= MIN_SLICE]


def _is_subset(system: str) -> bool:
    """Whether it is the fused system with all modalities or some."""
    parts = system.split("_")
    return parts[0] == FUSED and set(parts[1:]) <= set(MODALITIES)


def disagreement(scored: Scored) -> tuple[BoolArray, BoolArray]:
    """Units whose single modalities say different emotions, and units where all that are there agree."""
    top = scored.top
    tops = np.stack([top[name] for name in scored.single], axis=1)
    there = np.stack([scored.has(name) for name in scored.single], axis=1)
    low = np.where(there, tops, len(EMOTIONS)).min(axis=1)
    high = np.where(there, tops, -1).max(axis=1)
    several = there.sum(axis=1) > 1
    return several & (low != high), several & (low == high)


def _slice(name: str, units: BoolArray, scored: Scored, systems: list[str]) -> SliceScore:
    label = scored.label[units]
    top = scored.top
    right = {system: float((top[system][units] == label).mean()) for system in systems} if len(label) else {}
    return SliceScore(name, int(units.sum()), right)
