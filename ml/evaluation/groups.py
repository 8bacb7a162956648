"""Scores by group of units (genre, language, sex, age, ...), as far as a report holds them.

The report says `groups` where it was measured by group; a report without them has none. Cards and the gate ask here alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ml.evaluation.report import CorpusReport, Interval


class GroupScore(Protocol):
    """What the model is worth on one group of units, beside people on the same units."""

    @property
    def name(self) -> str:
        """Such as `gender: female`; no two groups of a report have the same."""

    @property
    def n_units(self) -> int:
        """Gold units of the group that were tested."""

    @property
    def accuracy(self) -> Interval:
        """Share of them named right."""

    @property
    def uar(self) -> Interval:
        """Macro recall on them."""

    @property
    def ece(self) -> Interval:
        """Calibration error on them."""

    @property
    def human(self) -> float | None:
        """How often one rater gives what the others give."""

    @property
    def false_distress(self) -> float | None:
        """Share of the units of neither fear nor sadness that the model takes for one of them."""


def groups_of(corpus: CorpusReport) -> Sequence[GroupScore]:
    """The groups that a report was measured by; empty where it was not."""
    found: Sequence[GroupScore] = getattr(corpus, "groups", ())
    return found
