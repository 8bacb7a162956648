"""What Feelm says of a judgement beyond span, rater, emotion and values, as text by name.

Formats that have room for metadata of an application's own (the info of EmotionML, the columns of audformat) carry these words, so that
export and import give the same judgement. Reading refuses what a judgement cannot hold; a detail that is absent leaves the judgement as
it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from corpus.annotations.importers.reading import UnreadableRow, known_film_id
from corpus.annotations.judgements import CUES, NOTE_LENGTH, Judgement
from corpus.terms import JUDGEMENT_STATUSES, MODALITIES_SEEN, PERSPECTIVES

_WHOLE = re.compile(r"\d{1,15}")
_COUNT = re.compile(r"\d{1,9}")
_SHARE = re.compile(r"\d{1,3}(\.\d{0,20})?(e-\d{1,3})?")


def _film_id(name: str, text: str) -> str:
    return known_film_id(text)


def _text(name: str, text: str) -> str:
    return text


def note(name: str, text: str) -> str:
    """Free text.

    Raises:
        UnreadableRow: it is longer than NOTE_LENGTH.
    """
    if len(text) > NOTE_LENGTH:
        raise UnreadableRow(f"the {name} has {len(text)} characters, {NOTE_LENGTH} are the most")
    return text


def _whole(name: str, text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise UnreadableRow(f"{name} {text[:40]!r} is not a whole number of 0 or more")
    return int(text)


def _count(name: str, text: str) -> int:
    if not _COUNT.fullmatch(text) or int(text) == 0:
        raise UnreadableRow(f"{name} {text[:40]!r} is not a whole number of 1 or more")
    return int(text)


def share(name: str, text: str) -> float:
    """A number from 0 to 1.

    Raises:
        UnreadableRow: it is none.
    """
    if not _SHARE.fullmatch(text) or not 0 <= float(text) <= 1:
        raise UnreadableRow(f"{name} {text[:40]!r} is not between 0 and 1")
    return float(text)


def instant(name: str, text: str) -> str:
    """A time of ISO 8601 in UTC, to the millisecond; one without an offset is UTC.

    Raises:
        UnreadableRow: it is none.
    """
    try:
        told = datetime.fromisoformat(text)
        utc = told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UnreadableRow(f"{name} {text[:40]!r} is not an ISO 8601 time") from error
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _one_of(*allowed: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in allowed:
            raise UnreadableRow(f"{name} {text[:40]!r} is none of {', '.join(allowed)}")
        return text

    return read


def _cues(name: str, text: str) -> tuple[str, ...]:
    given = text.split(",")
    unknown = sorted(set(given) - set(CUES))
    if unknown:
        raise UnreadableRow(f"cue {unknown[0][:40]!r} is none of {', '.join(CUES)}")
    return tuple(cue for cue in CUES if cue in given)


DETAILS: dict[str, Callable[[str, str], object]] = {
    "film_id": _film_id,
    "unit_id": _text,
    "cut_id": _text,
    "pass_no": _count,
    "character": _text,
    "perspective": _one_of(*PERSPECTIVES),
    "direction": _one_of("self", "other"),
    "rank": _count,
    "confidence": share,
    "cues": _cues,
    "modality_seen": _one_of(*MODALITIES_SEEN),
    "note": note,
    "lead_time_ms": _whole,
    "created_at": instant,
    "updated_at": instant,
    "status": _one_of(*JUDGEMENT_STATUSES),
    "tool_id": _text,
}
"""How each detail is read, by name."""

_LEFT_UNSAID = {"pass_no": "1", "rank": "1", "perspective": "portrayed", "status": "submitted"}


def details_of(judgement: Judgement) -> dict[str, str]:
    """The details that `judgement` has, but for the usual ones: first pass, first rank, portrayed, submitted."""
    given = {name: getattr(judgement, _field(name)) for name in DETAILS}
    given["cues"] = ",".join(judgement.cues)
    said = {name: str(value) for name, value in given.items() if value not in (None, "")}
    return {name: text for name, text in said.items() if _LEFT_UNSAID.get(name) != text}


def with_details(judgement: Judgement, said: Mapping[str, str]) -> Judgement:
    """`judgement` with the details said.

    Raises:
        UnreadableRow: a detail is not one that a judgement can have.
    """
    read: dict[str, Any] = {_field(name): DETAILS[name](name, text) for name, text in said.items() if name in DETAILS and text}
    return replace(judgement, **read)


def _field(name: str) -> str:
    return "character_id" if name == "character" else name
