"""Numbers and times as people and tools write them into text, read strictly.

A decimal comma counts only where the caller says that commas do not part cells. What is not finite, or larger than anybody rates and any
film lasts, is refused with what was written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from corpus.annotations.importers.reading import UnreadableRow

LONGEST_MS = 1_000_000_000_000
LARGEST = 1e30
"""Bounds of what can be a time or a value; float32 holds the latter."""

MOST_VALUE = 1e9
"""Decimals beyond are no slips of a scale; what lies between is left to the gate."""

_DECIMAL = re.compile(r"[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,3})?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")


def number(text: str, comma: bool = True) -> float:
    """A decimal number, written with a point or, where `comma` is true, with a comma.

    Raises:
        UnreadableRow: it is none, not finite, or larger than anybody rates.
    """
    plain = text.replace(",", ".") if comma and len(text) <= 40 and _DECIMAL_COMMA.fullmatch(text) else text
    try:
        value = float(plain) if len(plain) <= 40 and "_" not in plain else math.nan
    except ValueError as error:
        raise UnreadableRow(f"{text[:40]!r} is not a number") from error
    if not abs(value) <= LARGEST:
        raise UnreadableRow(f"{text[:40]!r} is not a finite number")
    return value


def decimal(text: str) -> float | None:
    """A decimal number with a point, of at most MOST_VALUE on either side of 0; None where it is none."""
    return float(text) if _DECIMAL.fullmatch(text) and abs(float(text)) <= MOST_VALUE else None


def time_ms(text: str, unit: int, comma: bool = True) -> int:
    """Time from the film's first picture in whole milliseconds, `unit` of which are in one of the unit that it is written in.

    Raises:
        UnreadableRow: it is no number, before the film, or no film lasts so long.
    """
    t_ms = round(number(text, comma) * unit)
    if not 0 <= t_ms <= LONGEST_MS:
        raise UnreadableRow(f"the time {text[:40]!r} is outside any film")
    return t_ms


def check_within(values: Mapping[str, float], scale: tuple[float, float] | None, dimension: str) -> None:
    """Refuse values, given by where they stand, outside the ends of their scale; what rounding to float32 moves is inside.

    Raises:
        UnreadableRow: one is outside.
    """
    if scale is None:
        return
    tolerance = 1e-6 * max(abs(scale[0]), abs(scale[1]))
    for where, value in values.items():
        if not scale[0] - tolerance <= value <= scale[1] + tolerance:
            ends = f"{scale[0]:g} to {scale[1]:g}"
            raise UnreadableRow(f"{where}: {value:g} is outside the scale {ends}: say the right one with --scale {dimension}=LOW:HIGH")
