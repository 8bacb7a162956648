"""What became of a public corpus: its licence, its labels, and every row of it as accepted, mended, doubted or refused.

A row is refused when what it says cannot be used at all; it is mended only where there is one possible reading; what is left out of a row
that stays (a time that cannot be) makes it a doubted one. Each reason is followed by the places where it was met.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from corpus.contracts import GOLD_LABELS, UNITS
from corpus.paths import write_json
from corpus.terms import EMOTIONS, DeclaredUse, FeelmError, GoldStatus

Places = dict[str, list[str]]
"""Reason -> where: a line of a file, or a file."""


@dataclass(frozen=True)
class Terms:
    """Under which licence a corpus lies, the widest use it is declared for, and whom to name."""

    licence: str
    declared_use: DeclaredUse
    credit: str


@dataclass
class Notes:
    """Filled while a corpus is read; `without_place` counts labels that none of the seven emotions stands for."""

    rows_read: int = 0
    refused: Places = field(default_factory=lambda: defaultdict(list))
    repaired: Places = field(default_factory=lambda: defaultdict(list))
    doubted: Places = field(default_factory=lambda: defaultdict(list))
    without_place: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    partly_placed: int = 0

    @property
    def n_refused(self) -> int:
        """Rows refused, whatever the reason."""
        return sum(len(places) for places in self.refused.values())


@dataclass(frozen=True)
class CorpusSummary:
    """`rows_read` is `rows_accepted` and the refused ones; `n` units came of the accepted rows, `n_gold` of them with one gold
    label of the `perspective`, counted in `by_label`.

    `groups` names the work that a film is, where another corpus may hold the same: such films never stand on both sides of a split.
    `missing` tells what the corpus has and these files have not.
    """

    name: str
    licence: str
    declared_use: str
    credit: str
    rows_read: int
    rows_accepted: int
    perspective: str
    n: int
    n_gold: int
    n_films: int
    by_label: dict[str, int]
    refused: Places
    repaired: Places
    doubted: Places
    without_place: dict[str, int]
    partly_placed: int
    groups: dict[str, str]
    missing: str | None


def write_corpus(
    name: str,
    terms: Terms,
    notes: Notes,
    units: pd.DataFrame,
    gold: pd.DataFrame,
    out: Path,
    *,
    groups: dict[str, str] | None = None,
    missing: str | None = None,
) -> CorpusSummary:
    """Write units.parquet (UNITS), gold.parquet (GOLD_LABELS) and summary.json into `out`; the first gold row's perspective is counted.

    Raises:
        FeelmError: no row could be used, or none has an emotion.
    """
    if not len(units) or not len(gold):
        raise FeelmError(f"no usable row in {name}: {'; '.join(notes.refused) or 'no row has an emotion'}")
    units = UNITS.write(units, out / "units.parquet")
    gold = GOLD_LABELS.write(gold, out / "gold.parquet")
    perspective = str(gold["perspective"].iloc[0])
    labels = gold.loc[(gold["status"] == GoldStatus.GOLD.value) & (gold["perspective"] == perspective), "label"]
    summary = CorpusSummary(
        name=name,
        licence=terms.licence,
        declared_use=terms.declared_use.value,
        credit=terms.credit,
        rows_read=notes.rows_read,
        rows_accepted=notes.rows_read - notes.n_refused,
        perspective=perspective,
        n=len(units),
        n_gold=len(labels),
        n_films=int(units["film_id"].nunique()),
        by_label={emotion: int((labels == emotion).sum()) for emotion in EMOTIONS},
        refused=dict(sorted(notes.refused.items())),
        repaired=dict(sorted(notes.repaired.items())),
        doubted=dict(sorted(notes.doubted.items())),
        without_place=dict(sorted(notes.without_place.items())),
        partly_placed=notes.partly_placed,
        groups=groups or {},
        missing=missing,
    )
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def told(parts: Sequence[str]) -> str | None:
    """Several lacks as one sentence; None where there is none."""
    return "; ".join(parts) or None
