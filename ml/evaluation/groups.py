"""Scores by group of units (genre, language, sex, age, ...), as far as a report holds them.

The report says `groups` where it was measured by group; a report without them has none. Cards and the gate ask here alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ml.evaluation.report import CorpusReport, Interval


class GroupScore(Protocol):
    """What the model is worth on one group of units."""

    @property
    def name(self) -> str:
        """Such as `sex: female`."""

    @property
    def n_units(self) -> int:
        """Gold units of the group that were tested."""

    @property
    def uar(self) -> Interval:
        """Macro recall on them."""


def groups_of(corpus: CorpusReport) -> Sequence[GroupScore]:
    """The groups that a report was measured by; empty where it was not."""
    found: Sequence[GroupScore] = getattr(corpus, "groups", ())
    return found
