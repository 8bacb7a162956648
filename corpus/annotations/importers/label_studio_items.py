"""What single result items of Label Studio say: a region's emotions, values and texts, each checked by itself.

The tool's server takes controls that the project lacks, values of any shape and answers given twice; an item is known by its control's
name and read by its own type. Items of one region add up to its judgements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from corpus.annotations.details import note
from corpus.annotations.importers.reading import Told, UnreadableRow
from corpus.annotations.judgements import VALUE_RANGES, Judgement
from corpus.annotations.label_studio_config import CHARACTER, NOTE, OF_UNIT, RATING_SCALES, asked_by

LABEL_KINDS = ("timelinelabels", "labels", "choices")
NUMBER_KINDS = ("rating", "number")
VALUE_KEYS = {kind: kind for kind in (*LABEL_KINDS, *NUMBER_KINDS)} | {"textarea": "text"}
"""Kind of a result item -> the key of its value."""

FOLDED = "folded"
"""Kind of a value that JSON_MIN gives without saying whose it is."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Item:
    """One result item: what control, of what kind, said what of which region."""

    control: str
    kind: str
    value: Mapping[str, Any]
    region_id: str | None
    of_audio: bool

    @property
    def has_time(self) -> bool:
        """Whether it is about a part of the medium."""
        return "ranges" in self.value or "start" in self.value or "end" in self.value


@dataclass
class Said:
    """What the items of one region say, put together item by item."""

    told: Told
    labels: list[str] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    scales: dict[str, tuple[float, float]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def add(self, item: Item) -> None:
        """Take in one item.

        Raises:
            UnreadableRow: the control is not known, its value is none that it can have, or it was answered before.
        """
        asked = asked_by(item.control)
        if asked is None:
            known = f"emotion, {', '.join(VALUE_RANGES)}, {CHARACTER}, {NOTE}"
            raise UnreadableRow(f"control {shown(item.control)} is not known: name it one of {known}, or so with {OF_UNIT} before it")
        if item.kind == FOLDED:
            raise UnreadableRow(f"JSON_MIN does not say whether {shown(item.control)} is the rater's or the task's: export JSON")
        if asked in self.values or asked in self.texts:
            raise UnreadableRow(f"{asked} is answered twice for one region")
        if asked == "category":
            self.labels.extend(_labels(item))
        elif asked in VALUE_RANGES:
            self._add_value(asked, item)
        else:
            self.texts[asked] = _text(item, asked)

    def _add_value(self, dimension: str, item: Item) -> None:
        value, scale = _value(item), self._scale(dimension, item.kind)
        low, high = scale
        if not low <= value <= high:
            raise UnreadableRow(f"{dimension} {value:g} is outside its scale, {low:g} to {high:g}; --scale {dimension}=1:7 tells another")
        self.values[dimension] = value
        if scale != VALUE_RANGES[dimension]:
            self.scales[dimension] = scale

    def _scale(self, dimension: str, kind: str) -> tuple[float, float]:
        told = self.told.scales or {}
        scale = told.get(dimension) or (RATING_SCALES if kind == "rating" else VALUE_RANGES).get(dimension)
        if scale is None:
            raise UnreadableRow(f"the export does not hold the scale of the rating of {dimension}: say it with --scale {dimension}=1:5")
        return scale

    def judgements(self, base: Judgement) -> Iterator[Judgement]:
        """One judgement a label, in order; what else is said of the region stands in the first."""
        person = self.texts.get(CHARACTER) or base.character_id
        named = replace(base, character_id=person, note=self.texts.get(NOTE) or None)
        first = self.labels[0] if self.labels else None
        yield replace(named, emotion=first, values=self.values, scales=self.scales)
        for rank, label in enumerate(self.labels[1:], start=2):
            yield replace(named, emotion=label, rank=rank)


def read_item(raw: Any) -> Item:
    """A result item as the tool has it.

    Raises:
        UnreadableRow: it is none.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("value"), dict) or not isinstance(raw.get("from_name"), str):
        raise UnreadableRow("it is no result item with from_name and value")
    region_id, value = raw.get("id"), raw["value"]
    return Item(
        control=raw["from_name"],
        kind=raw["type"] if isinstance(raw.get("type"), str) else "",
        value=value,
        region_id=str(region_id) if isinstance(region_id, str | int) and region_id != "" else None,
        of_audio="channel" in value or "original_length" in raw,
    )


def _labels(item: Item) -> list[str]:
    labels = item.value.get(item.kind) if item.kind in LABEL_KINDS else None
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) and label.strip() for label in labels):
        raise UnreadableRow(f"an item of type {shown(item.kind)} does not name emotions: {' or '.join(LABEL_KINDS)} are needed")
    return labels


def _value(item: Item) -> float:
    value: Any = item.value.get(item.kind) if item.kind in NUMBER_KINDS else None
    if not is_number(value):
        raise UnreadableRow(f"an item of type {shown(item.kind)} holds {shown(value)}, where a {' or '.join(NUMBER_KINDS)} is needed")
    return float(value)


def _text(item: Item, asked: str) -> str:
    given = item.value.get(VALUE_KEYS.get(item.kind, ""))
    texts = [given] if isinstance(given, str) else given
    if item.kind not in ("textarea", "choices") or not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UnreadableRow(f"an item of type {shown(item.kind)} holds no text for {asked}")
    if asked == CHARACTER and len(texts) > 1:
        raise UnreadableRow(f"{len(texts)} characters are named: one is judged at a time")
    return note(asked, texts[0].strip() if asked == CHARACTER and texts else "\n".join(texts))


def plain(name: str) -> str | None:
    """A name from the file where references can show it."""
    return name if _PLAIN.fullmatch(name) else None


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(value: object) -> str:
    """A value as refusals show it: short, and only what has a plain form."""
    return repr(value)[:60] if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
