"""Reads subtitles as people deliver them: any encoding, any text format, any damage.

pysubs2 survives what real files contain, so it parses first; its cues are written as clean SRT and become pysrt's model, which
alone would lose text at blank lines. Nothing is dropped silently: every cue that is left out or mended is kept with its reason,
and a file without a single cue is an error.
"""

from __future__ import annotations

import codecs
import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import chardet
import pysrt
import pysubs2

from corpus.contracts import FeelmError

SIZE_LIMIT_BYTES = 10_000_000
TIME_LIMIT_MS = 24 * 3_600_000
FORMATS = ("srt", "vtt", "ass", "ssa", "microdvd", "ttml", "sami", "mpl2", "tmp")
ASSUMED_FPS = 24000 / 1001

CueKind = Literal["speech", "sound", "music"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WINDOWS_TWIN = {"maccyrillic": "cp1251", "macroman": "cp1252", "maclatin2": "cp1250", "macgreek": "cp1253", "macturkish": "cp1254"}
# What pysubs2 and its XML reader raise on damaged files (ParseError is a SyntaxError).
_PARSE_FAULTS = (pysubs2.Pysubs2Error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, SyntaxError)

_STAMP = r"(?:\d{1,4}:)?\d{1,2}:\d{1,2}[.,]\d{1,3}"
_NEGATIVE_STAMP = re.compile(rf"(?:(?<=^)|(?<=[\s>]))[-−]\s?{_STAMP}")
_OPEN_END = re.compile(rf"^\s*({_STAMP})\s*-->\s*$")
_TIMING = re.compile(rf"{_STAMP}\s*-->")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|</?\d[\d:.,]*>|\{\\[^{}]*\}")
_VOICE = re.compile(r"<v(?:\.[^\s>]+)?\s+([^>]+)>")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BRACKETS = re.compile(r"\[[^\]]*\]|（[^）]*）|【[^】]*】")
_WHOLE_PARENTHESES = re.compile(r"^\s*\([^()]*\)\s*$")
_LOUD_PARENTHESES = re.compile(r"\([^()a-z]*[^\W\d_a-z][^()a-z]*\)")
_MUSIC = re.compile(r"^\s*(?:[♪♫♬♩]|#\s.*#\s*$)")
_MUSIC_SIGNS = re.compile(r"[♪♫♬♩]")
_DASH = re.compile(r"^\s*(?:[-–—‐]\s?(?![-–—])|>>+\s*)")
_PREFIX = re.compile(r"^\s*([^\W\d_][\w .'’&/-]{0,38}?)\s*(?:\([^()]*\)|\[[^\]]*\])?\s*:(?:\s+|$)")


@dataclass(frozen=True)
class Cue:
    """One piece of text on screen.

    `number` is the cue's place in the file from 1; times are milliseconds on the subtitles' own clock, half-open. `text` is what is
    said without markup, on one line; `raw_text` is the cue as delivered. `speaker` is the name that the subtitles themselves give.
    """

    number: int
    start_ms: int
    end_ms: int
    text: str
    raw_text: str
    speaker: str | None = None
    kind: CueKind = "speech"


@dataclass(frozen=True)
class CueFault:
    """A cue that was dropped or repaired, and why."""

    number: int
    start_ms: int
    end_ms: int
    text: str
    reason: str


@dataclass(frozen=True)
class SubtitleFile:
    """A subtitle file: cues in order of time, with what had to be dropped or repaired."""

    format: str
    encoding: str
    cues: tuple[Cue, ...]
    dropped: tuple[CueFault, ...]
    repaired: tuple[CueFault, ...]


@dataclass(frozen=True)
class _Event:
    number: int
    start_ms: int
    end_ms: int
    raw_text: str
    name: str


def read_subtitles(path: Path) -> SubtitleFile:
    """Read SubRip, WebVTT, ASS/SSA, MicroDVD, TTML, SAMI, MPL2 or TMPlayer subtitles.

    Raises:
        FeelmError: the file is absent, over 10 MB, in no known format, or has no cue.
    """
    if not path.is_file():
        raise FeelmError(f"no subtitles at {path}: check the path")
    size = path.stat().st_size
    if size > SIZE_LIMIT_BYTES:
        raise FeelmError(f"{path.name} has {size} bytes, subtitles have at most {SIZE_LIMIT_BYTES}: check that it is a subtitle file")
    return parse_subtitles(path.read_bytes(), path.name)


def parse_subtitles(data: bytes, name: str) -> SubtitleFile:
    """As read_subtitles, from bytes; `name` is used in messages.

    Raises:
        FeelmError: the bytes are in no known format or have no cue.
    """
    text, encoding = decode(data)
    faults: list[CueFault] = []
    format_, events = _parse(_mend_timing(text, faults), name)
    kept, dropped, repaired = _validate(events)
    cues = [cue for item, event in zip(_as_srt(kept), kept, strict=True) for cue in _interpret(item, event)]
    empty = [CueFault(cue.number, cue.start_ms, cue.end_ms, cue.raw_text, "no text") for cue in cues if not cue.text]
    cues = [cue for cue in cues if cue.text]
    if not cues:
        raise FeelmError(f"no cue in {name} (read as {format_}, {encoding}): check that it is a whole subtitle file")
    return SubtitleFile(format_, encoding, tuple(cues), tuple(dropped + empty), tuple(faults + repaired))


def decode(data: bytes) -> tuple[str, str]:
    """Text and encoding of delivered bytes: byte order mark, strict UTF-8, detection, Windows-1252."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, errors="replace"), encoding
    for encoding in ("utf-8", *_detected(data)):
        try:
            return data.decode(encoding), encoding
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", errors="replace"), "cp1252"


def to_srt(cues: Iterable[Cue]) -> str:
    """Cues as SubRip text with their raw text, numbered from 1."""
    events = [_Event(cue.number, cue.start_ms, cue.end_ms, cue.raw_text, "") for cue in cues]
    return "".join(f"{item}\n" for item in _as_srt(events))


def _detected(data: bytes) -> list[str]:
    guess = chardet.detect(data[:200_000])
    encoding = guess["encoding"]
    if not encoding or (guess["confidence"] or 0) <= 0.2:
        return []
    # The Macintosh's tables differ from Windows' in a few capitals only, and subtitles have come from Windows for decades.
    return [_WINDOWS_TWIN.get(re.sub(r"[^a-z0-9]", "", encoding.lower()), encoding), encoding]


def _mend_timing(text: str, faults: list[CueFault]) -> str:
    """Write zero for negative times, close cues without an end, and take away WebVTT's blocks that are no cues."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if text.lstrip("\ufeff \n").startswith("WEBVTT"):
        lines = _without_vtt_blocks(lines)
    for number, line in enumerate(lines):
        if "-->" not in line:
            continue
        if _NEGATIVE_STAMP.search(line):
            faults.append(CueFault(0, 0, 0, line.strip(), f"negative time in line {number + 1} set to 0"))
            line = _NEGATIVE_STAMP.sub("00:00:00.000", line)
        lines[number] = _OPEN_END.sub(r"\1 --> \1", line)
    return "\n".join(lines)


def _without_vtt_blocks(lines: list[str]) -> list[str]:
    kept: list[str] = []
    skipping = False
    for index, line in enumerate(lines):
        starts_block = index > 0 and not lines[index - 1].strip()
        skipping = bool(line.strip()) and (skipping or (starts_block and line.startswith(("NOTE", "STYLE", "REGION"))))
        following = lines[index + 1] if index + 1 < len(lines) else ""
        identifies = starts_block and _TIMING.search(following) is not None and "-->" not in line
        if not skipping and not identifies:
            kept.append(line)
    return kept


def _parse(text: str, name: str) -> tuple[str, list[_Event]]:
    if "<!ENTITY" in text:
        raise FeelmError(f"{name} declares XML entities, which subtitles never need: it is refused")
    try:
        parsed = _read_with_pysubs2(text, name)
    except _PARSE_FAULTS as error:
        raise FeelmError(f"no cue in {name}: it is in no subtitle format known here ({type(error).__name__})") from error
    events = [
        _Event(number, int(event.start), int(event.end), event.text, event.name or "")
        for number, event in enumerate(parsed.events, start=1)
        if not event.is_comment and not event.is_drawing
    ]
    return parsed.format or "srt", events


def _read_with_pysubs2(text: str, name: str) -> pysubs2.SSAFile:
    format_ = pysubs2.formats.autodetect_format(text[:200_000].lstrip("\ufeff"))
    if format_ not in FORMATS:
        raise FeelmError(f"{name} is in format {format_}, which is no subtitle format that people deliver: use one of {', '.join(FORMATS)}")
    keep_tags = {"keep_html_tags": True} if format_ in ("srt", "vtt") else {}
    try:
        return pysubs2.SSAFile.from_string(text, format_=format_, **keep_tags)
    except pysubs2.UnknownFPSError:
        return pysubs2.SSAFile.from_string(text, format_=format_, fps=ASSUMED_FPS)


def _validate(events: list[_Event]) -> tuple[list[_Event], list[CueFault], list[CueFault]]:
    kept: list[_Event] = []
    dropped: list[CueFault] = []
    repaired: list[CueFault] = []
    seen: set[tuple[int, int, str]] = set()
    ordered = sorted(events, key=lambda event: event.start_ms)
    for event, following in zip(ordered, _later_starts(ordered), strict=True):
        clean = replace(event, raw_text=_plain_lines(event.raw_text))
        reason = _reason_to_drop(clean, seen)
        if reason:
            dropped.append(_fault(event, reason))
            continue
        seen.add((clean.start_ms, clean.end_ms, clean.raw_text))
        if _CONTROL.sub("", event.raw_text.replace("\ufeff", "")) != event.raw_text and "\x00" in event.raw_text:
            repaired.append(_fault(event, "NUL removed"))
        if clean.end_ms <= clean.start_ms:
            repaired.append(_fault(event, "ends before it starts: end set from its length"))
            clean = replace(clean, end_ms=_estimated_end(clean, following))
        kept.append(clean)
    by_number = sorted(kept, key=lambda event: event.number)
    repaired += [_fault(b, "out of order") for a, b in pairwise(by_number) if b.start_ms < a.start_ms]
    return sorted(kept, key=lambda event: (event.start_ms, event.end_ms)), dropped, repaired


def _later_starts(ordered: list[_Event]) -> list[int | None]:
    """For each event, in order of start, the next start that is truly later."""
    later: list[int | None] = [None] * len(ordered)
    for index in range(len(ordered) - 2, -1, -1):
        after = ordered[index + 1].start_ms
        later[index] = after if after > ordered[index].start_ms else later[index + 1]
    return later


def _reason_to_drop(event: _Event, seen: set[tuple[int, int, str]]) -> str | None:
    if not event.raw_text:
        return "no text"
    if max(event.start_ms, event.end_ms) > TIME_LIMIT_MS:
        return "later than 24 hours"
    if event.start_ms < 0:
        return "before the film's first frame"
    if (event.start_ms, event.end_ms, event.raw_text) in seen:
        return "repeats another cue"
    return None


def _fault(event: _Event, reason: str) -> CueFault:
    return CueFault(event.number, event.start_ms, event.end_ms, _plain_lines(event.raw_text), reason)


def _estimated_end(event: _Event, following_ms: int | None) -> int:
    """End of a cue that has none: time to read it (17 characters a second, at least 0.8 s), but not into the next cue."""
    end_ms = event.start_ms + max(800, len(event.raw_text) * 1000 // 17)
    return end_ms if following_ms is None else min(end_ms, following_ms)


def _plain_lines(text: str) -> str:
    """Line breaks of all formats as newlines, control characters and blank lines taken out."""
    text = text.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ").replace("\xa0", " ")
    lines = (_CONTROL.sub("", line).strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _as_srt(events: list[_Event]) -> list[pysrt.SubRipItem]:
    """Events as pysrt's model, by way of clean SRT text.

    Raises:
        FeelmError: pysrt reads another number of cues than were written.
    """
    blocks = (
        f"{number}\n{pysrt.SubRipTime.from_ordinal(event.start_ms)} --> {pysrt.SubRipTime.from_ordinal(event.end_ms)}\n{event.raw_text}\n"
        for number, event in enumerate(events, start=1)
    )
    items = list(pysrt.from_string("\n".join(blocks)))
    if len(items) != len(events):
        raise FeelmError(f"pysrt reads {len(items)} of {len(events)} cues: the subtitles hold text that looks like a cue")
    return items


def _interpret(item: pysrt.SubRipItem, event: _Event) -> list[Cue]:
    """The cue or, where two people speak in it, one cue for each, its time shared by length of text."""
    whole = Cue(event.number, item.start.ordinal, item.end.ordinal, "", item.text)
    voices = _split_voices(item.text)
    parts = [_with_words(whole, voice, event.name) for voice in voices]
    spoken = [part for part in parts if part.text]
    if len(spoken) < 2:
        return spoken or [whole]
    return _share_time(whole, spoken)


def _split_voices(raw: str) -> list[str]:
    lines = raw.split("\n")
    bare = [_TAG.sub("", line) for line in lines]
    dashed = [_DASH.match(line) is not None for line in bare]
    if len(lines) < 2 or not dashed[0] or sum(dashed) < 2:
        return [raw]
    voices: list[str] = []
    for line, starts in zip(lines, dashed, strict=True):
        if starts:
            voices.append(line)
        else:
            voices[-1] += "\n" + line
    return voices


def _with_words(cue: Cue, raw: str, name: str) -> Cue:
    voice = _VOICE.search(raw)
    text = _CONTROL.sub("", html.unescape(_TAG.sub("", raw)))
    speaker = voice.group(1).strip() if voice else name.strip() or None
    if _MUSIC.match(text):
        return replace(cue, text=_one_line(_MUSIC_SIGNS.sub("", text).strip("# ")) or "♪", kind="music")
    words = _one_line(" ".join(_DASH.sub("", _without_sounds(line)) for line in text.split("\n")))
    if not words:
        return replace(cue, text=_one_line(text), speaker=speaker, kind="sound")
    prefixed, words = _split_prefix(words)
    return replace(cue, text=words, speaker=prefixed or speaker)


def _without_sounds(line: str) -> str:
    if _WHOLE_PARENTHESES.match(line):
        return ""
    return _LOUD_PARENTHESES.sub(" ", _BRACKETS.sub(" ", line))


def _split_prefix(text: str) -> tuple[str | None, str]:
    """Speaker written before the words ("ANNA: ..."), in capitals so that "Listen: ..." is left whole."""
    match = _PREFIX.match(text)
    if match is None or not text[match.end() :].strip():
        return None, text
    name = match.group(1)
    if name != name.upper() or name == name.lower() or len(name.split()) > 4:
        return None, text
    return unicodedata.normalize("NFC", name), text[match.end() :].strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _share_time(whole: Cue, parts: list[Cue]) -> list[Cue]:
    weights = [len(part.text) for part in parts]
    duration_ms = whole.end_ms - whole.start_ms
    if duration_ms < len(parts):
        return [replace(whole, text=" ".join(part.text for part in parts))]
    edges = [whole.start_ms + duration_ms * sum(weights[:index]) // sum(weights) for index in range(len(parts) + 1)]
    return [replace(part, start_ms=edges[i], end_ms=max(edges[i] + 1, edges[i + 1])) for i, part in enumerate(parts)]
