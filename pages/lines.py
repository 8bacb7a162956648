"""The film's units as lines to read: who says what when, what the raters felt in it, what the model reads, and whether they agree.

A film with dialogue shows its utterances, a film without shows its spans. Gold is taken from one perspective, the one with most
labels, so that no line is judged by another question than its neighbour.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from corpus.contracts import EMOTIONS, MODALITIES, PROBABILITY_COLUMNS, GoldStatus, UnitLevel
from pages.charts import Span
from pages.material import Material

FUSED = "fused"


@dataclass(frozen=True)
class Vote:
    """How many raters gave one label, and who."""

    emotion: str
    count: int
    raters: str


@dataclass(frozen=True)
class Gold:
    """The raters' joint label; `emotion` is None unless the status is `gold`."""

    status: str
    emotion: str | None
    share: float
    n_raters: int


@dataclass(frozen=True)
class Reading:
    """What one system reads in a line."""

    system: str
    probabilities: tuple[float, ...]

    @property
    def emotion(self) -> str:
        """The most probable emotion."""
        return EMOTIONS[self.probabilities.index(max(self.probabilities))]

    @property
    def confidence(self) -> float:
        """Its probability."""
        return max(self.probabilities)


@dataclass(frozen=True)
class Note:
    """What a rater wrote."""

    rater: str
    text: str


@dataclass(frozen=True)
class Line:
    """One unit as shown; `thumbnail` names the shot's picture in the page."""

    anchor: str
    start_ms: int
    end_ms: int
    text: str | None
    speaker: str | None
    votes: tuple[Vote, ...]
    gold: Gold | None
    model: Reading | None
    modalities: tuple[Reading, ...]
    notes: tuple[Note, ...]
    shot: int | None

    @property
    def agrees(self) -> bool | None:
        """Whether model and raters name the same emotion; None where one of them names none."""
        if self.model is None or self.gold is None or self.gold.emotion is None:
            return None
        return self.model.emotion == self.gold.emotion

    @property
    def span(self) -> Span | None:
        """The model's probabilities over the line's time."""
        return Span(self.start_ms, self.end_ms, self.model.probabilities) if self.model else None


def read_lines(material: Material) -> list[Line]:
    """The film's utterances, or its spans where nobody speaks, in order of time; empty where it has neither."""
    units = _shown_units(material)
    if units is None:
        return []
    asked = perspective(material.gold)
    gold, votes, readings = _gold(material.gold, asked), _votes(material.votes, asked), _readings(material.predictions)
    lines = []
    for index, unit in enumerate(units.to_dict("records")):
        unit_id, start_ms, end_ms = str(unit["unit_id"]), int(unit["start_ms"]), int(unit["end_ms"])
        said = readings.get(unit_id, {})
        lines.append(
            Line(
                anchor=f"line-{index + 1}",
                start_ms=start_ms,
                end_ms=end_ms,
                text=_text(unit["text"]),
                speaker=_text(unit["character_id"]),
                votes=votes.get(unit_id, ()),
                gold=gold.get(unit_id),
                model=said.get(FUSED),
                modalities=tuple(said[name] for name in MODALITIES if name in said),
                notes=_notes(material.annotations, unit_id, start_ms, end_ms),
                shot=shot_at(material.shots, (start_ms + end_ms) / 2),
            )
        )
    return lines


def _shown_units(material: Material) -> pd.DataFrame | None:
    if material.units is None:
        return None
    timed = material.units.dropna(subset=["start_ms", "end_ms"])
    for level in (UnitLevel.UTTERANCE, UnitLevel.SPAN):
        rows = timed[timed["level"] == level.value]
        if len(rows):
            return rows.sort_values(["start_ms", "unit_id"])
    return None


def _text(value: Any) -> str | None:
    return None if pd.isna(value) or not str(value).strip() else str(value)


def perspective(gold: pd.DataFrame | None) -> str | None:
    """What most gold labels of the film were asked for (portrayed, felt, ...)."""
    if gold is None:
        return None
    counts = gold["perspective"].value_counts()
    return str(min(counts.index, key=lambda name: (-counts[name], name)))


def _gold(table: pd.DataFrame | None, asked: str | None) -> dict[str, Gold]:
    if table is None:
        return {}
    return {
        str(row["unit_id"]): Gold(
            str(row["status"]),
            _text(row["label"]) if row["status"] == GoldStatus.GOLD else None,
            float(row["top_share"]),
            int(row["n_raters"]),
        )
        for row in table[table["perspective"] == asked].to_dict("records")
    }


def _votes(table: pd.DataFrame | None, asked: str | None) -> dict[str, tuple[Vote, ...]]:
    if table is None:
        return {}
    rows = table if asked is None else table[table["perspective"] == asked]
    return {str(unit_id): _counted(group) for unit_id, group in rows.groupby("unit_id", sort=True)}


def _counted(rows: pd.DataFrame) -> tuple[Vote, ...]:
    counts = Counter(rows["label"])
    order = sorted(counts, key=lambda label: (-counts[label], EMOTIONS.index(label)))
    return tuple(Vote(label, counts[label], ", ".join(sorted(set(rows["annotator_id"][rows["label"] == label])))) for label in order)


def _readings(table: pd.DataFrame | None) -> dict[str, dict[str, Reading]]:
    if table is None:
        return {}
    found: dict[str, dict[str, Reading]] = {}
    probabilities = table[list(PROBABILITY_COLUMNS)].to_numpy(float)
    for unit_id, system, row in zip(table["unit_id"], table["system"], probabilities, strict=True):
        found.setdefault(str(unit_id), {})[str(system)] = Reading(str(system), tuple(row.tolist()))
    return found


def _notes(table: pd.DataFrame | None, unit_id: str, start_ms: int, end_ms: int) -> tuple[Note, ...]:
    """Notes on this unit, or on a stretch whose middle lies in it; one rater's repeated note (per dimension) once."""
    if table is None:
        return ()
    noted = table[table["note"].notna()]
    middle = (noted["start_ms"] + noted["end_ms"]) / 2
    rows = noted[(noted["unit_id"] == unit_id) | (noted["unit_id"].isna() & (middle >= start_ms) & (middle < end_ms))]
    pairs = sorted({(str(row["annotator_id"]), str(row["note"])) for row in rows.to_dict("records") if str(row["note"]).strip()})
    return tuple(Note(rater, text) for rater, text in pairs)


def shot_at(shots: pd.DataFrame | None, t_ms: float) -> int | None:
    """Index of the shot on screen at a time."""
    if shots is None:
        return None
    rows = shots[(shots["start_ms"] <= t_ms) & (t_ms < shots["end_ms"])]
    return int(rows["index"].iloc[0]) if len(rows) else None
