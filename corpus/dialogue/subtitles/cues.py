"""What subtitles are made of, from the delivered event to the cue that dialogue uses.

A reader of one format gives a Reading: everything in the file that claims to be a cue has a number in order of the file, and is
either an event or a fault with its reason, so that nothing can be lost without being counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

CueKind = Literal["speech", "sound", "music", "note"]
"""Said; heard; sung; or only written: signs, titles, chapters, descriptions of the picture."""
TrackKind = Literal["dialogue", "descriptions", "chapters", "metadata"]


@dataclass(frozen=True, slots=True)
class Cue:
    """One piece of text on screen.

    `number` is the cue's place in the file from 1; times are milliseconds on the subtitles' own clock, half-open. `text` is what is
    said without markup, on one line; `raw_text` is the cue as delivered (ASS: without its override tags). `speaker` is the name that
    the subtitles themselves give.
    """

    number: int
    start_ms: int
    end_ms: int
    text: str
    raw_text: str
    speaker: str | None = None
    kind: CueKind = "speech"


@dataclass(frozen=True, slots=True)
class CueFault:
    """A cue that was dropped or repaired, and why; number 0 is a fault of the file."""

    number: int
    start_ms: int
    end_ms: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Event:
    """A cue as its format tells it: `text` with markup and line breaks, `end_ms` null where the file gives none."""

    number: int
    start_ms: int
    end_ms: int | None
    text: str
    speaker: str | None = None
    kind: CueKind | None = None


@dataclass
class Reading:
    """What a reader found; `number` counts what claims to be a cue, `kind` is the one that the file declares."""

    format: str
    number: int = 0
    events: list[Event] = field(default_factory=list)
    dropped: list[CueFault] = field(default_factory=list)
    repaired: list[CueFault] = field(default_factory=list)
    kind: TrackKind = "dialogue"

    def next(self) -> int:
        """The number of the next cue."""
        self.number += 1
        return self.number

    def add(
        self, number: int, start_ms: int, end_ms: int | None, text: str, speaker: str | None = None, kind: CueKind | None = None
    ) -> None:
        """Count a cue that can be used."""
        self.events.append(Event(number, start_ms, end_ms, text, speaker, kind))

    def drop(self, text: str, reason: str, *, number: int | None = None, start_ms: int = 0, end_ms: int = 0) -> None:
        """Count a cue that cannot be used; `number` 0 for what is no cue."""
        self.dropped.append(CueFault(self.next() if number is None else number, start_ms, end_ms, text.strip(), reason))

    def repair(self, text: str, reason: str, number: int = 0) -> None:
        """Count a cue that was mended."""
        self.repaired.append(CueFault(number, 0, 0, text.strip(), reason))
