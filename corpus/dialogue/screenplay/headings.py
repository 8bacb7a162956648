"""What a screenplay's scene heading says: inside or outside, the place, the time of day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

TimeOfDay = Literal["day", "night", "morning", "afternoon", "evening", "dawn", "dusk"]

_PREFIX = re.compile(r"^\s*(INT\.?\s*/\s*EXT|EXT\.?\s*/\s*INT|I\s*/\s*E|E\s*/\s*I|INT|EXT|EST)(?:\.|(?=[\s:-]))[\s:.-]*", re.IGNORECASE)
_NUMBER = re.compile(r"\s*#[\w.-]+#\s*$|^\s*\d+[A-Z]?[.)]?\s+(?=\S)|\s{2,}\d+[A-Z]?\.?\s*$")
_PARTS = re.compile(r"\s+[-–—]+\s*|\s*[–—]+\s+|\s*--+\s*")
_TIMES: dict[str, TimeOfDay] = {
    **dict.fromkeys(("DAY", "NOON", "MIDDAY", "DAYTIME", "TAG", "JOUR", "DÍA", "DIA", "GIORNO", "ДЕНЬ"), "day"),
    **dict.fromkeys(("NIGHT", "MIDNIGHT", "NIGHTTIME", "NACHT", "NUIT", "NOCHE", "NOTTE", "НОЧЬ"), "night"),
    **dict.fromkeys(("MORNING", "MORGEN", "MATIN", "MAÑANA", "MATTINA", "УТРО"), "morning"),
    **dict.fromkeys(("AFTERNOON", "NACHMITTAG", "TARDE", "POMERIGGIO"), "afternoon"),
    **dict.fromkeys(("EVENING", "ABEND", "SOIR", "SERA", "ВЕЧЕР"), "evening"),
    **dict.fromkeys(("DAWN", "SUNRISE", "DAYBREAK", "AUBE", "ALBA", "AMANECER"), "dawn"),
    **dict.fromkeys(("DUSK", "SUNSET", "TWILIGHT", "NIGHTFALL", "DÄMMERUNG", "CRÉPUSCULE", "TRAMONTO", "ATARDECER"), "dusk"),
}
_RELATIVE = re.compile(r"CONTINUOUS|CONT'?D|(?:MOMENTS?|MINUTES?|HOURS?|DAYS?|A LITTLE|SHORTLY|MUCH)?\s*LATER|SAME(?: TIME| DAY)?|RESUMING")


@dataclass(frozen=True)
class SceneHeading:
    """A heading's parts. `place` is as written; `time_of_day` None where it is not told or only in relation ("LATER")."""

    interior: bool
    exterior: bool
    place: str
    time_of_day: TimeOfDay | None


def parse_heading(text: str) -> SceneHeading:
    """Parts of a heading such as "INT./EXT. GUMP HOUSE - PORCH - NIGHT"; what has no such form is a place."""
    bare = _NUMBER.sub("", _NUMBER.sub("", text)).strip()
    prefix = _PREFIX.match(bare)
    kind = prefix.group(1).upper() if prefix else ""
    place, time = _place_and_time(bare[prefix.end() :] if prefix else bare)
    return SceneHeading("I" in kind, "X" in kind or "/E" in kind or "E/" in kind or kind == "EST", place, time)


def is_heading(line: str) -> bool:
    """Whether a line begins as scene headings do, with or without a scene number before."""
    return _PREFIX.match(_NUMBER.sub("", line)) is not None


def _place_and_time(text: str) -> tuple[str, TimeOfDay | None]:
    """The parts behind the place that tell a time, taken off from the end."""
    parts = [part.strip() for part in _PARTS.split(text) if part.strip()]
    time: TimeOfDay | None = None
    while len(parts) > 1 and (_time_in(parts[-1]) or _RELATIVE.fullmatch(parts[-1].upper())):
        time = _time_in(parts.pop()) or time
    return " - ".join(parts), time


def _time_in(part: str) -> TimeOfDay | None:
    """The time that a part of at most four words names, such as "LATE AFTERNOON (1953)"."""
    words = re.findall(r"[^\W\d_]+", part.upper())
    if len(words) > 4:
        return None
    return next((_TIMES[word] for word in reversed(words) if word in _TIMES), None)
