"""Reads subtitles as people deliver them: any encoding, any text format, any damage.

A reader for each format finds what claims to be a cue (pysrt reads SubRip's), here it is made sure that each can be shown: it has text,
it ends after it starts, it comes once. Nothing is dropped silently: every cue that is left out or mended is kept with its reason, and
a file without a single cue is an error.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import chardet

from corpus.dialogue.subtitles.cues import Cue, CueFault, CueKind, Event, Reading, TrackKind
from corpus.dialogue.subtitles.formats import FORMATS, read_events
from corpus.dialogue.subtitles.spoken import interpret, without_tags
from corpus.terms import FeelmError

__all__ = ["FORMATS", "Cue", "CueFault", "CueKind", "SubtitleFile", "decode", "parse_subtitles", "read_subtitles"]

SIZE_LIMIT_BYTES = 32_000_000
CUE_LIMIT = 250_000
TIME_LIMIT_MS = 24 * 3_600_000

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WINDOWS_TWIN = {"maccyrillic": "cp1251", "macroman": "cp1252", "maclatin2": "cp1250", "macgreek": "cp1253", "macturkish": "cp1254"}
_NAMED_KINDS: dict[str, TrackKind] = {
    "chapters": "chapters",
    "descriptions": "descriptions",
    "metadata": "metadata",
    "thumbnails": "metadata",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNCLEAN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\xa0\u2028\u2029]|\\[Nh]|^\s|\s$|\n\s|\s\n")


@dataclass(frozen=True)
class SubtitleFile:
    """A subtitle file: cues in order of time, with what had to be dropped or repaired.

    `n_events` counts what claims to be a cue in the file: each is among the cues (a cue of two speakers is two), or dropped.
    `overlaps` counts the cues that begin before an earlier one has ended; they are kept. `kind` is what the file
    says of itself; the cues of a track that is no dialogue (chapters, descriptions) are of kind `note`.
    """

    format: str
    encoding: str
    cues: tuple[Cue, ...]
    dropped: tuple[CueFault, ...]
    repaired: tuple[CueFault, ...]
    n_events: int = 0
    overlaps: int = 0
    kind: TrackKind = "dialogue"


def read_subtitles(path: Path, *, fps: float | None = None) -> SubtitleFile:
    """Read SubRip, WebVTT, ASS/SSA, TTML, MicroDVD, MPL2, TMPlayer or SAMI subtitles.

    `fps` is the film's frame rate, for files that count frames and tell none.

    Raises:
        FeelmError: the file is absent, over 32 MB or 250,000 cues, in no known format, or has no cue.
    """
    if not path.is_file():
        raise FeelmError(f"no subtitles at {path}: check the path")
    size = path.stat().st_size
    if size > SIZE_LIMIT_BYTES:
        raise FeelmError(f"{path.name} has {size} bytes, subtitles have at most {SIZE_LIMIT_BYTES}: check that it is a subtitle file")
    return parse_subtitles(path.read_bytes(), path.name, fps=fps)


def parse_subtitles(data: bytes, name: str, *, fps: float | None = None) -> SubtitleFile:
    """As read_subtitles, from bytes; `name` is used in messages, and tells what the file is for (`chapters.en.vtt`).

    Raises:
        FeelmError: the bytes are in no known format, have no cue or too many.
    """
    text, encoding = decode(data)
    reading = read_events(_plain_ends(text), name, fps)
    if reading.number > CUE_LIMIT:
        raise FeelmError(f"{name} has {reading.number} cues, subtitles have at most {CUE_LIMIT}: check that it is a subtitle file")
    named = next((kind for word, kind in _NAMED_KINDS.items() if word in name.lower().split(".")), None)
    kind = reading.kind if reading.kind != "dialogue" else named or "dialogue"
    cues = _cues(_in_order(_valid(reading), reading), reading, kind)
    if not cues:
        raise FeelmError(_told_empty(reading, name, encoding))
    return SubtitleFile(
        format=reading.format,
        encoding=encoding,
        cues=tuple(cues),
        dropped=tuple(reading.dropped),
        repaired=tuple(reading.repaired),
        n_events=reading.number,
        overlaps=_overlaps(cues),
        kind=kind,
    )


def decode(data: bytes) -> tuple[str, str]:
    """Text and encoding of delivered bytes: byte order mark, UTF-16 by its zeros, strict UTF-8, detection, Windows-1252."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, errors="replace"), encoding
    if (wide := _wide_encoding(data)) is not None:
        return data.decode(wide, errors="replace"), wide
    for encoding in ("utf-8", *_detected(data)):
        try:
            return data.decode(encoding), encoding
        except (UnicodeError, LookupError):
            continue
    return data.decode("cp1252", errors="replace"), "cp1252"


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 without a byte order mark: digits, spaces and line ends have their zero on one side."""
    even, odd = data[:4096:2].count(0), data[1:4096:2].count(0)
    if max(even, odd) * 8 < min(len(data), 4096) or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _detected(data: bytes) -> list[str]:
    guess = chardet.detect(data[:200_000])
    encoding = guess["encoding"]
    if not encoding or (guess["confidence"] or 0) <= 0.2:
        return []
    # The Macintosh's tables differ from Windows' in a few capitals only, and subtitles have come from Windows for decades.
    return [_WINDOWS_TWIN.get(re.sub(r"[^a-z0-9]", "", encoding.lower()), encoding), encoding]


def _plain_ends(text: str) -> str:
    """Line feeds alone as line ends, no byte order marks (joined files have some within)."""
    return text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")


def _valid(reading: Reading) -> list[Event]:
    """Events with clean text that can be shown; the others are dropped."""
    kept: list[Event] = []
    seen: set[tuple[int, int | None, str]] = set()
    for event in reading.events:
        text = _clean(event.text)
        key = (event.start_ms, event.end_ms, without_tags(text))
        reason = "repeats another cue" if key in seen else _reason_to_drop(event, text)
        if reason:
            reading.drop(text, reason, number=event.number, start_ms=event.start_ms, end_ms=event.end_ms or event.start_ms)
            continue
        seen.add(key)
        if "\x00" in event.text:
            reading.repair(text, "NUL removed", event.number)
        kept.append(event if text == event.text else replace(event, text=text))
    return kept


def _clean(text: str) -> str:
    """Line breaks as newlines; control characters, blank lines and spaces at the ends taken out."""
    if _UNCLEAN.search(text) is None:
        return text
    text = text.replace("\\N", "\n").replace("\\h", " ").replace("\xa0", " ")
    lines = (_CONTROL.sub("", line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _reason_to_drop(event: Event, text: str) -> str | None:
    if not text:
        return "no text"
    return "later than 24 hours" if max(event.start_ms, event.end_ms or 0) > TIME_LIMIT_MS else None


def _in_order(events: list[Event], reading: Reading) -> list[tuple[Event, int]]:
    """Events by time, each with an end after its start."""
    latest = -1
    for event in events:
        if event.start_ms < latest:
            reading.repair(event.text, "out of order", event.number)
        latest = event.start_ms
    ordered = sorted(events, key=lambda event: event.start_ms)
    ended = [(event, _end(event, following, reading)) for event, following in zip(ordered, _later_starts(ordered), strict=True)]
    return sorted(ended, key=lambda pair: (pair[0].start_ms, pair[1]))


def _later_starts(ordered: Sequence[Event]) -> list[int | None]:
    """For each event, in order of start, the next start that is truly later."""
    later: list[int | None] = [None] * len(ordered)
    for index in range(len(ordered) - 2, -1, -1):
        after = ordered[index + 1].start_ms
        later[index] = after if after > ordered[index].start_ms else later[index + 1]
    return later


def _end(event: Event, following_ms: int | None, reading: Reading) -> int:
    if event.end_ms is not None and event.end_ms > event.start_ms:
        return event.end_ms
    told = "no end" if event.end_ms is None else "ends before it starts"
    reading.repair(event.text, f"{told}: end set from its length", event.number)
    # Time to read it (17 characters a second, at least 0.8 s), but not into the next cue.
    end_ms = event.start_ms + max(800, len(event.text) * 1000 // 17)
    return end_ms if following_ms is None else min(end_ms, following_ms)


def _cues(events: Iterable[tuple[Event, int]], reading: Reading, kind: TrackKind) -> list[Cue]:
    cues: list[Cue] = []
    for event, end_ms in events:
        whole = Cue(event.number, event.start_ms, end_ms, "", event.text, event.speaker)
        parts = [cue for cue in interpret(whole, event.kind if kind == "dialogue" else "note") if cue.text]
        if not parts:
            reading.drop(event.text, "no text", number=event.number, start_ms=event.start_ms, end_ms=end_ms)
        cues += parts
    # The second speaker's part of a cue may begin after another cue that overlaps it.
    return sorted(cues, key=lambda cue: cue.start_ms)


def _overlaps(cues: Sequence[Cue]) -> int:
    latest_ms, count = 0, 0
    for cue in cues:
        count += cue.start_ms < latest_ms
        latest_ms = max(latest_ms, cue.end_ms)
    return count


def _told_empty(reading: Reading, name: str, encoding: str) -> str:
    dropped = f"; {len(reading.dropped)} were dropped, the first: {reading.dropped[0].reason}" if reading.dropped else ""
    return f"no cue in {name} (read as {reading.format}, {encoding}{dropped}): check that it is a whole subtitle file"
