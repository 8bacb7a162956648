"""Damage of a film in words that people can use: from when to when, how many pictures, and why.

Single faults are many (one bad sector can spoil fifty pictures) and mean little, so faults that lie close together become one place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

JOIN_MS = 2000
MOST_PLACES = 20
MOST_REASONS = 3


def clock(milliseconds: int) -> str:
    """Milliseconds as hh:mm:ss."""
    seconds = milliseconds // 1000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


@dataclass(frozen=True)
class Damage:
    """A damaged place, `start_ms` to `end_ms` on the film's clock; `pictures` counts what is lost or spoilt, 0 where that is unknown."""

    start_ms: int
    end_ms: int
    what: str
    pictures: int = 0

    def __str__(self) -> str:
        count = f" ({self.pictures} picture{'s' if self.pictures > 1 else ''})" if self.pictures else ""
        if clock(self.start_ms) == clock(self.end_ms):
            return f"broken at {clock(self.start_ms)}{count}: {self.what}"
        return f"broken from {clock(self.start_ms)} to {clock(self.end_ms)}{count}: {self.what}"


@dataclass(frozen=True)
class CutOff(Damage):
    """The film stops at `start_ms` although it claims to go on until `end_ms` (the same where nobody knows)."""

    def __str__(self) -> str:
        of = f" of {clock(self.end_ms)}" if self.end_ms > self.start_ms else ""
        return f"ends at {clock(self.start_ms)}{of}: {self.what}"


class DamageLog:
    """Collects faults and tells the places; memory is bounded, places beyond the twentieth are counted only."""

    def __init__(self, places: list[Damage] | None = None, unlisted: int = 0) -> None:
        """`places` and `unlisted`, those of a log that is written on."""
        self._places = list(places or [])
        self._unlisted = unlisted

    @property
    def noted(self) -> tuple[list[Damage], int]:
        """The places in the order they were found, and how many faults lie in none: what a log is written on with."""
        return list(self._places), self._unlisted

    def note(self, what: str, start_ms: int, end_ms: int | None = None, *, pictures: int = 0) -> None:
        """Add a fault; one within two seconds of a known place belongs to it."""
        start_ms = max(start_ms, 0)
        fault = Damage(start_ms, max(end_ms if end_ms is not None else start_ms, start_ms), what, pictures)
        near = next((k for k, place in enumerate(self._places) if _near(place, fault)), None)
        if near is not None:
            self._places[near] = _joined(self._places[near], fault)
        elif len(self._places) < MOST_PLACES:
            self._places.append(fault)
        else:
            self._unlisted += 1

    def __bool__(self) -> bool:
        return bool(self._places)

    def places(self) -> tuple[Damage, ...]:
        """Damaged places in the order of time."""
        told = sorted(self._places, key=lambda place: place.start_ms)
        if told and self._unlisted:
            told[-1] = replace(told[-1], what=f"{told[-1].what}; and {self._unlisted} more faults")
        return tuple(told)


def _near(place: Damage, fault: Damage) -> bool:
    return fault.start_ms <= place.end_ms + JOIN_MS and place.start_ms <= fault.end_ms + JOIN_MS


def _joined(place: Damage, fault: Damage) -> Damage:
    start_ms, end_ms = min(place.start_ms, fault.start_ms), max(place.end_ms, fault.end_ms)
    return replace(place, start_ms=start_ms, end_ms=end_ms, what=_reasons(place, fault), pictures=place.pictures + fault.pictures)


def _reasons(place: Damage, fault: Damage) -> str:
    known = [reason for reason in place.what.split("; ") if reason]
    new = [fault.what] if fault.what and fault.what not in known and len(known) < MOST_REASONS else []
    return "; ".join(known + new)
