"""Explanations to show: the rows of EXPLANATIONS gathered by unit, ready for a page, a table or JSON.

Nothing is computed here and no network is loaded; what the figures mean is said in `explain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from corpus.terms import ExplainedPart

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Effect:
    """By how much the probability (-1..1) and the log-odds (nats) of a unit's emotion fall without something; below 0 it spoke against it.

    `name` is the modality, the line's unit_id or the number of the frame among the unit's pictures, `t_ms` when the frame is shown, `share`
    a modality's signed part of what all modalities did, None where none did anything.
    """

    name: str
    t_ms: int | None
    probability: float
    log_odds: float
    share: float | None


@dataclass(frozen=True)
class Why:
    """What the emotion named for a unit rests on: each modality that is there, and the lines and frames that did most, greatest first.

    `unseen` is whether it is networks that never saw the film which are explained.
    """

    emotion: str
    unseen: bool
    modalities: tuple[Effect, ...]
    lines: tuple[Effect, ...]
    frames: tuple[Effect, ...]


def reasons(table: pd.DataFrame) -> dict[str, Why]:
    """By unit_id, from rows of EXPLANATIONS; a unit of which nothing is known has none."""
    by_unit: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_dict("records"):
        by_unit.setdefault(str(row["unit_id"]), []).append(row)
    return {unit_id: _why(rows) for unit_id, rows in by_unit.items()}


def _why(rows: list[dict[str, Any]]) -> Why:
    modalities, lines, frames = (
        tuple(_effect(row) for row in rows if row["part"] == part)
        for part in (ExplainedPart.MODALITY, ExplainedPart.LINE, ExplainedPart.FRAME)
    )
    return Why(str(rows[0]["emotion"]), bool(rows[0]["fold"] >= 0), modalities, lines, frames)


def _effect(row: dict[str, Any]) -> Effect:
    t_ms, share = (None if row[name] != row[name] or row[name] is None else row[name] for name in ("t_ms", "share"))
    return Effect(
        name=str(row["name"]),
        t_ms=None if t_ms is None else int(t_ms),
        probability=round(float(row["probability"]), 4),
        log_odds=round(float(row["log_odds"]), 4),
        share=None if share is None else round(float(share), 4),
    )
