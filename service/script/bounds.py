"""From which figures on something is told of a scene: declared in `bounds.yaml`, checked when it is read, and part of every answer.

They are ours and no law of storytelling: an author who finds them too fine or too coarse sees them beside the findings.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from corpus.terms import FeelmError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

BOUNDS_FILE = Path(__file__).parent / "bounds.yaml"


@dataclass(frozen=True)
class FlatBounds:
    """Least number of `lines` in a row, and the widest range of their valence (of -1..1) and intensity (of 0..1) that is flat."""

    lines: int
    valence: float
    intensity: float


@dataclass(frozen=True)
class ContradictoryBounds:
    """Least probability of what the `words` say, least distance from 0 of both valences, and how far `apart` they are (0..2)."""

    words: float
    words_valence: float
    scene_valence: float
    apart: float


@dataclass(frozen=True)
class AlternativeBounds:
    """Least probability of a way to read a line, and the `most` that are told."""

    least: float
    most: int


@dataclass(frozen=True)
class TipBounds:
    """How many lines to each side are left out one by one, and the `most` of those that tip a reading that are told."""

    reach: int
    most: int


@dataclass(frozen=True)
class Bounds:
    """All that decides what is told."""

    flat: FlatBounds
    contradictory: ContradictoryBounds
    alternatives: AlternativeBounds
    tips: TipBounds


_Part = TypeVar("_Part", bound="DataclassInstance")


@cache
def read_bounds(path: Path = BOUNDS_FILE) -> Bounds:
    """The declared bounds.

    Raises:
        FeelmError: the file does not give every bound as a number that is not below 0, or gives others.
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    parts = {"flat": FlatBounds, "contradictory": ContradictoryBounds, "alternatives": AlternativeBounds, "tips": TipBounds}
    if not isinstance(raw, dict) or set(raw) != set(parts):
        raise FeelmError(f"{path} must give {', '.join(parts)}")
    return Bounds(**{name: part_of(kind, raw[name], f"{path}: {name}") for name, kind in parts.items()})


def part_of(kind: type[_Part], raw: Any, place: str) -> _Part:
    """A dataclass of numbers out of a mapping.

    Raises:
        FeelmError: a number is missing, unknown, below 0 or none.
    """
    names = {field.name: field.type for field in fields(kind)}
    if not isinstance(raw, dict) or set(raw) != set(names):
        raise FeelmError(f"{place} must give {', '.join(names)}")
    for name, value in raw.items():
        whole = names[name] == "int"
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or value < 0:
            raise FeelmError(f"{place}: {name} must be a {'whole ' if whole else ''}number of at least 0, not {value!r}")
    return kind(**raw)
