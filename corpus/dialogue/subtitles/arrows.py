"""Reads SubRip and WebVTT: cues under a line `start --> end`.

Whatever stands between blank lines, the lines of times are what can be trusted in damaged files, so the text is cut at them; the
line before one is its number or name. pysrt then reads each cue that has SubRip's form; other forms of times are read here.

WebVTT: W3C, https://www.w3.org/TR/webvtt1/. SubRip has no standard; pysrt's reading is taken for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast, get_args

import pysrt

from corpus.dialogue.subtitles.cues import Cue, Event, Reading, TrackKind

_STAMP = r"([-−])?\s*(?:(\d{1,4})\s*:\s*)?(\d{1,3})\s*:\s*(\d{1,3})(?:\s*[.,:]\s*(\d{1,9}))?"
_ARROW = r"\s*(?:-\s?-+\s?>|--&gt;|-+>|[—–]+>|→)\s*"
_RANGE = re.compile(rf"\s*{_STAMP}{_ARROW}(?:{_STAMP})?(?!\d)")
_CANONICAL = re.compile(r"\s*\d\d:[0-5]\d:[0-5]\d,\d{3} --> \d\d:[0-5]\d:[0-5]\d,\d{3}\s*")
_HAS_TIME = re.compile(r"\d\s*[:.,]\s*\d")
_STARTS_LIKE_TIME = re.compile(r"\s*[-−]?\s*\d{1,4}\s*:")
_INNER_RANGE = re.compile(r"(?:(?<!\S)\d+\s+)?([-−]?(?:\d{1,4}:)?\d{1,2}:\d{1,2}[.,]\d{1,3}\s*-->)")
_NUMBER_BESIDE = re.compile(r"\s*\d+\s+\d{1,4}:")
_SETTINGS = re.compile(r"(?:\s*[A-Za-z]\w*+:\S++)*\s*")
_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
_KIND = re.compile(r"Kind\s*:\s*([\w-]+)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Times:
    start_ms: int
    end_ms: int | None
    negative: bool
    rest: str


def is_arrows(text: str) -> bool:
    """There is at least one line of times."""
    return any(_RANGE.match(line) for line in _lines(text) if _is_timing(line))


def read_arrows(text: str, *, webvtt: bool) -> Reading:
    """Read cues of SubRip or WebVTT from text with line feeds."""
    lines = list(_lines(text))
    anchors = [index for index, line in enumerate(lines) if _is_timing(line)]
    reading = Reading("vtt" if webvtt else "srt")
    bounds = [*anchors, len(lines)]
    heads = [_Head.of(lines, before + 1, anchor, webvtt) for before, anchor in zip([-1, *anchors], anchors, strict=False)]
    numbered = sum(head.digits for head in heads) * 2 > len(heads)
    _read_header(lines[: anchors[0] - heads[0].cut(numbered)] if anchors else lines, reading)
    for anchor, end, head, following in zip(anchors, bounds[1:], heads, [*heads, None][1:], strict=True):
        body = _body(lines[anchor + 1 : end], following, numbered)
        _read_cue(reading, lines[anchor], _without_blocks(body) if webvtt else body, head)
    return reading


def _body(lines: list[str], following: _Head | None, numbered: bool) -> list[str]:
    """A cue's lines without what belongs to the next one."""
    cut = following.cut(numbered) if following is not None else 0
    if not cut or following is None:
        return lines
    body = lines[:-cut]
    # Words after a blank line are the next cue's name only where this cue has words of its own.
    return body if following.digits or any(line.strip() for line in body) else lines


def _lines(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        if line.count("-->") > 1 or ("-->" in line and _NUMBER_BESIDE.match(line)):
            yield from _INNER_RANGE.sub(r"\n\1", line).split("\n")
        else:
            yield line


def _is_timing(line: str) -> bool:
    if "-->" in line:
        return _HAS_TIME.search(line) is not None
    return (">" in line or "→" in line or "&gt;" in line) and _STARTS_LIKE_TIME.match(line) is not None and _RANGE.match(line) is not None


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands before a line of times: `blank` empty lines after the last line, which may be all `digits` or a WebVTT `name`."""

    blank: int
    digits: bool
    apart: bool
    name: bool
    comment: bool

    @classmethod
    def of(cls, lines: list[str], floor: int, anchor: int, webvtt: bool) -> _Head:
        last = anchor - 1
        while last >= floor and not lines[last].strip():
            last -= 1
        if last < floor:
            return cls(0, False, False, False, False)
        digits = lines[last].strip().isdecimal()
        apart = last == 0 or not lines[last - 1].strip()
        near = webvtt and last == anchor - 1
        comment = near and _BLOCK.match(_first_of_block(lines, floor, last)) is not None
        return cls(anchor - 1 - last, digits, apart, near and apart and last > 0 and not comment, comment)

    def cut(self, numbered: bool) -> int:
        """How many lines before the times are the next cue's and not text."""
        if self.name or (self.digits and (numbered or (self.apart and not self.blank))):
            return self.blank + 1
        return 0


def _first_of_block(lines: list[str], floor: int, last: int) -> str:
    first = last
    while first > floor and lines[first - 1].strip():
        first -= 1
    return lines[first] if first > floor or first == 0 else ""


def _read_header(lines: list[str], reading: Reading) -> None:
    if reading.format == "vtt":
        declared = [kind.lower() for kind in _KIND.findall("\n".join(lines).split("\n\n", 1)[0])]
        known = [cast(TrackKind, kind) for kind in declared if kind in get_args(TrackKind)]
        reading.kind = known[-1] if known else reading.kind
    elif any(line.strip() for line in lines):
        reading.drop("\n".join(lines), "text before the first cue", number=0)


def _without_blocks(body: list[str]) -> list[str]:
    """A cue's lines without the comments, styles and regions that follow it."""
    if not any(_BLOCK.match(line) for line in body):
        return body
    kept: list[str] = []
    skipping = False
    for before, line in zip(["x", *body], body, strict=False):
        skipping = bool(line.strip()) and (skipping or (not before.strip() and _BLOCK.match(line) is not None))
        if not skipping:
            kept.append(line)
    return kept


def _read_cue(reading: Reading, timing: str, body: list[str], head: _Head) -> None:
    number = reading.next()
    if _CANONICAL.fullmatch(timing) and not head.comment:
        reading.events.append(_through_pysrt(number, timing, body))
        return
    times = _times(timing)
    if times is None or head.comment:
        reason = "in a comment" if head.comment else "its times cannot be read"
        reading.drop("\n".join([timing, *body]), reason, number=number)
        return
    if times.negative:
        reading.repair(timing, "negative time set to 0", number)
    if not _SETTINGS.fullmatch(times.rest):
        reading.repair(timing, "text on the line of its times", number)
        body = [times.rest, *body]
    reading.add(number, times.start_ms, times.end_ms, "\n".join(body))


def _through_pysrt(number: int, timing: str, body: list[str]) -> Event:
    # pysrt stops at blank lines and refuses a cue without a line of text.
    item = pysrt.SubRipItem.from_lines([timing, *([line for line in body if line.strip()] or [""])])
    return Event(number, item.start.ordinal, item.end.ordinal, item.text)


def _times(line: str) -> _Times | None:
    match = _RANGE.match(line)
    if match is None:
        return None
    start, end = match.groups()[:5], match.groups()[5:]
    given = end[2] is not None
    negative = bool(start[0]) or bool(given and end[0])
    return _Times(_ms(start), _ms(end) if given else None, negative, line[match.end() :])


def _ms(groups: tuple[str | None, ...]) -> int:
    """Milliseconds of sign, hours, minutes, seconds and a decimal fraction; below zero is zero."""
    sign, hours, minutes, seconds, fraction = groups
    if sign:
        return 0
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole * 1000 + int((fraction or "")[:3].ljust(3, "0"))


def to_srt(cues: Iterable[Cue]) -> str:
    """Cues as SubRip text with their raw text, numbered from 1, by pysrt."""
    return "".join(f"{_srt_item(number, cue)}\n" for number, cue in enumerate(cues, start=1))


def _srt_item(number: int, cue: Cue) -> pysrt.SubRipItem:
    start, end = (pysrt.SubRipTime.from_ordinal(t_ms) for t_ms in (cue.start_ms, cue.end_ms))
    return pysrt.SubRipItem(number, start, end, cue.raw_text)
