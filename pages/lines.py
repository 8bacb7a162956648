"""The film's units as lines to read: who says what when, what the raters felt in it, what the model reads, and whether they agree.

A film with dialogue shows its utterances, a film without shows its spans. Gold is taken from one perspective, the one with most
labels, so that no line is judged by another question than its neighbour.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from corpus.terms import EMOTIONS, FUSED, MODALITIES, PROBABILITY_COLUMNS, GoldStatus, UnitLevel
from ml.models.reasons import reasons
from pages.charts import Span
from pages.material import Material
from pages.reasons import Reasons, frame_pictures, line_reasons, places_of
from pages.render import picture

_Said = tuple[str, bool, str]


@dataclass(frozen=True)
class Vote:
    """How many raters gave one label, and who; `counted` is false for raters who are set aside as spammers."""

    emotion: str
    count: int
    raters: str
    counted: bool


@dataclass(frozen=True)
class Gold:
    """The raters' joint label and its seven probabilities (order of EMOTIONS); `emotion` is None unless the status is `gold`."""

    status: str
    emotion: str | None
    share: float
    n_raters: int
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Reading:
    """What one system reads in a line; `unseen` where it was trained without this film."""

    system: str
    probabilities: tuple[float, ...]
    unseen: bool

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
    """One unit as shown; `text_confidence` is how sure a recogniser is of its words, null where they were delivered."""

    anchor: str
    start_ms: int
    end_ms: int
    text: str | None
    text_confidence: float | None
    speaker: str | None
    votes: tuple[Vote, ...]
    gold: Gold | None
    model: Reading | None
    modalities: tuple[Reading, ...]
    notes: tuple[Note, ...]
    shot: int | None
    why: Reasons | None

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
    units = shown_units(material.units)
    if units is None:
        return []
    asked = perspective(material.gold)
    gold, votes, readings = _gold(material.gold, asked), _votes(material.votes, asked), _readings(material.predictions)
    notes, confidence = _notes(material.annotations), _text_confidence(material.utterances)
    rows = units.to_dict("records")
    shots = shots_at(material.shots, [(row["start_ms"] + row["end_ms"]) / 2 for row in rows])
    why = _why(material, units, _parted(gold, readings))
    lines = []
    for index, (unit, shot) in enumerate(zip(rows, shots, strict=True)):
        unit_id, start_ms, end_ms = str(unit["unit_id"]), int(unit["start_ms"]), int(unit["end_ms"])
        said = readings.get(unit_id, {})
        lines.append(
            Line(
                anchor=anchor(index),
                start_ms=start_ms,
                end_ms=end_ms,
                text=known_text(unit["text"]),
                text_confidence=confidence.get(unit_id),
                speaker=known_text(unit["character_id"]),
                votes=votes.get(unit_id, ()),
                gold=gold.get(unit_id),
                model=said.get(FUSED),
                modalities=tuple(said[name] for name in MODALITIES if name in said),
                notes=notes.of(unit_id, start_ms, end_ms),
                shot=shot,
                why=why.get(unit_id),
            )
        )
    return lines


def anchor(index: int) -> str:
    """The name of the line with that number (from 0) on the film's page."""
    return f"line-{index + 1}"


def shown_units(units: pd.DataFrame | None) -> pd.DataFrame | None:
    """The units that a film's page has as lines, in their order there; None where it has none."""
    if units is None:
        return None
    timed = units.dropna(subset=["start_ms", "end_ms"])
    for level in (UnitLevel.UTTERANCE, UnitLevel.SPAN):
        rows = timed[timed["level"] == level.value]
        if len(rows):
            return rows.sort_values(["start_ms", "unit_id"])
    return None


def _text_confidence(utterances: pd.DataFrame | None) -> dict[str, float]:
    """By unit, for recognised utterances."""
    if utterances is None:
        return {}
    told = utterances.dropna(subset=["text_confidence"])
    return {str(unit_id): float(value) for unit_id, value in zip(told["utterance_id"], told["text_confidence"], strict=True)}


def known_text(value: Any) -> str | None:
    """What a table's cell says; None where it says nothing."""
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
            known_text(row["label"]) if row["status"] == GoldStatus.GOLD else None,
            float(row["top_share"]),
            int(row["n_raters"]),
            tuple(float(row[name]) for name in PROBABILITY_COLUMNS),
        )
        for row in table[table["perspective"] == asked].to_dict("records")
    }


def _votes(table: pd.DataFrame | None, asked: str | None) -> dict[str, tuple[Vote, ...]]:
    if table is None:
        return {}
    rows = table if asked is None else table[table["perspective"] == asked]
    found: dict[str, list[_Said]] = {}
    for unit_id, label, rater, weight in zip(rows["unit_id"], rows["label"], rows["annotator_id"], rows["weight"], strict=True):
        found.setdefault(str(unit_id), []).append((str(label), bool(weight > 0), str(rater)))
    return {unit_id: _counted(said) for unit_id, said in found.items()}


def _counted(rows: list[_Said]) -> tuple[Vote, ...]:
    counts = Counter((label, counted) for label, counted, _ in rows)
    order = sorted(counts, key=lambda said: (not said[1], -counts[said], EMOTIONS.index(said[0])))
    who = {said: ", ".join(sorted({rater for label, counted, rater in rows if (label, counted) == said})) for said in order}
    return tuple(Vote(label, counts[label, counted], who[label, counted], counted) for label, counted in order)


def _readings(table: pd.DataFrame | None) -> dict[str, dict[str, Reading]]:
    if table is None:
        return {}
    found: dict[str, dict[str, Reading]] = {}
    probabilities = table[list(PROBABILITY_COLUMNS)].to_numpy(float)
    for unit_id, system, fold, row in zip(table["unit_id"], table["system"], table["fold"], probabilities, strict=True):
        found.setdefault(str(unit_id), {})[str(system)] = Reading(str(system), tuple(row.tolist()), bool(fold >= 0))
    return found


def _parted(gold: dict[str, Gold], readings: dict[str, dict[str, Reading]]) -> set[str]:
    """Units on which raters and model name different emotions."""
    model = {unit_id: said[FUSED].emotion for unit_id, said in readings.items() if FUSED in said}
    return {unit_id for unit_id, one in gold.items() if one.emotion is not None and model.get(unit_id, one.emotion) != one.emotion}


def _why(material: Material, units: pd.DataFrame, first: set[str]) -> dict[str, Reasons]:
    """By unit what its reading rests on; pictures go to the units `first` before others."""
    if material.explanations is None:
        return {}
    places = places_of(units, [anchor(index) for index in range(len(units))])
    told = {unit_id: why for unit_id, why in reasons(material.explanations).items() if unit_id in places}
    order = sorted(told.items(), key=lambda item: (item[0] not in first, places[item[0]].start_ms, item[0]))
    pictures = frame_pictures(material.face_features, order)
    return {unit_id: line_reasons(why, places, pictures.get(unit_id, {})) for unit_id, why in told.items()}


@dataclass(frozen=True)
class _Notes:
    """Notes by the unit they name, and those that name none by the middle of their stretch."""

    by_unit: dict[str, list[Note]]
    middles: list[float]
    timed: list[Note]

    def of(self, unit_id: str, start_ms: int, end_ms: int) -> tuple[Note, ...]:
        """A unit's notes; one rater's repeated note (a row per dimension) once."""
        within = self.timed[bisect_left(self.middles, start_ms) : bisect_left(self.middles, end_ms)]
        return tuple(sorted({*self.by_unit.get(unit_id, ()), *within}, key=lambda note: (note.rater, note.text)))


def _notes(table: pd.DataFrame | None) -> _Notes:
    by_unit: dict[str, list[Note]] = {}
    timed: list[tuple[float, Note]] = []
    rows = [] if table is None else table[table["note"].fillna("").str.strip() != ""].to_dict("records")
    for row in rows:
        note = Note(str(row["annotator_id"]), str(row["note"]))
        if pd.notna(row["unit_id"]):
            by_unit.setdefault(str(row["unit_id"]), []).append(note)
        elif pd.notna(row["start_ms"]) and pd.notna(row["end_ms"]):
            timed.append(((row["start_ms"] + row["end_ms"]) / 2, note))
    timed.sort(key=lambda item: (item[0], item[1].rater, item[1].text))
    return _Notes(by_unit, [middle for middle, _ in timed], [note for _, note in timed])


def shots_at(shots: pd.DataFrame | None, times_ms: Sequence[float]) -> list[int | None]:
    """For each time the index of the shot on screen; None before the first, after the last, and without shots."""
    if shots is None:
        return [None] * len(times_ms)
    table = shots.sort_values("start_ms")
    starts, ends, indexes = (table[name].tolist() for name in ("start_ms", "end_ms", "index"))
    found = [bisect_right(starts, t) - 1 for t in times_ms]
    return [int(indexes[row]) if row >= 0 and t < ends[row] else None for row, t in zip(found, times_ms, strict=True)]


def shot_picture(shots: pd.DataFrame | None, folder: Path, t_ms: float) -> str | None:
    """The picture of the shot on screen at a time as a data URI, from the film's `shots` folder; None without a shot or its picture."""
    index = shots_at(shots, [t_ms])[0]
    if shots is None or index is None:
        return None
    return picture(folder / str(shots.loc[shots["index"] == index, "thumbnail"].iloc[0]))
