"""Tells the format of subtitles and reads those of one line a cue: ASS/SSA, MicroDVD, MPL2, TMPlayer, and SAMI.

None of these has a standard; they are read as their players read them. A line that belongs to no cue is counted, a damaged line
costs that line alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from corpus.dialogue.subtitles.arrows import is_arrows, read_arrows
from corpus.dialogue.subtitles.cues import CueKind, Reading
from corpus.dialogue.subtitles.ttml import is_ttml, read_ttml
from corpus.terms import FeelmError

FORMATS = ("srt", "vtt", "ass", "ssa", "ttml", "microdvd", "mpl2", "tmplayer", "sami")
ASSUMED_FPS = 24000 / 1001
PLAUSIBLE_FPS = (5.0, 240.0)

_ASS_SECTION = re.compile(r"^\s*\[(?:script info|events|v4\+? styles)\]\s*$", re.IGNORECASE | re.MULTILINE)
_ASS_LINE = re.compile(r"\s*(Dialogue|Comment)\s*:\s*(.*)", re.IGNORECASE)
_ASS_TIME = re.compile(r"\s*(-)?(\d{1,9}):(\d{1,3}):(\d{1,3})(?:[.:,](\d{1,9}))?\s*")
_ASS_FIELDS: tuple[str, ...] = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
_ASS_OVERRIDE = re.compile(r"(\{[^{}]*\})")
_ASS_DRAWING = re.compile(r"\\p(\d)")
_SIGNS = re.compile(r"\b(?:signs?|titles?|credits?|chapters?|typeset\w*|notes?|captions?)\b", re.IGNORECASE)
_SONGS = re.compile(r"\b(?:songs?|karaoke|lyrics|opening|ending|romaji|kanji)\b", re.IGNORECASE)

_MICRODVD = re.compile(r"\s*\{\s*(\d{1,9})\s*\}\s*\{\s*(\d{1,9})?\s*\}(.*)")
_MPL2 = re.compile(r"\s*\[\s*(\d{1,9})\s*\]\s*\[\s*(\d{1,9})?\s*\](.*)")
_TMPLAYER = re.compile(r"\s*(\d{1,2}):(\d{1,2}):(\d{1,2})(?:,\d+)?[:=](.*)")
_ITALIC_SLASH = re.compile(r"^\s*((?:\{[^{}]*\})*)/")
_SAMI_SYNC = re.compile(r"<sync\b[^<>]*?\bstart\s*=\s*[\"']?(-?\d{1,12})[^<>]*>", re.IGNORECASE)
_SAMI_CUE = re.compile(r"<sync\b", re.IGNORECASE)
_SAMI_CLASS = re.compile(r"<p\b[^<>]*?\bclass\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_SAMI_BREAK = re.compile(r"<br\b[^<>]*>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


def read_events(text: str, name: str, fps: float | None) -> Reading:
    """Read subtitles of any format from text with line feeds; `fps` is the film's rate, for formats that count frames.

    Raises:
        FeelmError: the text is in no format known here, or declares XML entities.
    """
    if "<!ENTITY" in text:
        raise FeelmError(f"{name} declares XML entities, which subtitles never need: it is refused")
    if text.lstrip().startswith("WEBVTT"):
        return read_arrows(text.lstrip(), webvtt=True)
    if is_ttml(text):
        return read_ttml(text, name)
    if _SAMI_CUE.search(text) is not None:
        return _read_sami(text)
    if _ASS_SECTION.search(text) is not None:
        return _read_ass(text)
    if is_arrows(text):
        return read_arrows(text, webvtt=False)
    return _read_lines(text, name, fps)


def _read_lines(text: str, name: str, fps: float | None) -> Reading:
    """The format of one line a cue that most lines are in."""
    lines = [line for line in text.split("\n") if line.strip()]
    readers: dict[re.Pattern[str], Callable[[list[str]], Reading]] = {
        _MICRODVD: lambda found: _read_microdvd(found, fps),
        _MPL2: _read_mpl2,
        _TMPLAYER: _read_tmplayer,
    }
    counts = {pattern: sum(pattern.match(line) is not None for line in lines) for pattern in readers}
    best = max(counts, key=lambda pattern: counts[pattern])
    if not counts[best]:
        raise FeelmError(f"no cue in {name}: it is in no subtitle format known here ({', '.join(FORMATS)})")
    return readers[best](lines)


def _read_microdvd(lines: list[str], fps: float | None) -> Reading:
    reading = Reading("microdvd")
    matches = list(_matched(lines, _MICRODVD, reading))
    declared = _declared_fps(matches[0])
    rate = declared or fps or ASSUMED_FPS
    if declared is None:
        told = f"the film's {rate:.3f} is taken" if fps else f"{rate:.3f} is assumed"
        reading.repair(matches[0].group(0), f"no frame rate in the file: {told}")
    for match in matches[declared is not None :]:
        start, end, words = match.groups()
        reading.add(reading.next(), round(int(start) * 1000 / rate), round(int(end) * 1000 / rate) if end else None, _bars(words))
    return reading


def _declared_fps(first: re.Match[str]) -> float | None:
    """The frame rate that the first line tells (`{1}{1}25`), if it does."""
    start, end, words = first.groups()
    try:
        fps = float(words.strip().replace(",", "."))
    except ValueError:
        return None
    return fps if start == end and int(start) <= 1 and PLAUSIBLE_FPS[0] <= fps <= PLAUSIBLE_FPS[1] else None


def _read_mpl2(lines: list[str]) -> Reading:
    reading = Reading("mpl2")
    for match in _matched(lines, _MPL2, reading):
        start, end, words = match.groups()
        reading.add(reading.next(), int(start) * 100, int(end) * 100 if end else None, _bars(words))
    return reading


def _read_tmplayer(lines: list[str]) -> Reading:
    reading = Reading("tmplayer")
    for match in _matched(lines, _TMPLAYER, reading):
        hours, minutes, seconds, words = match.groups()
        reading.add(reading.next(), (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * 1000, None, _bars(words))
    return reading


def _matched(lines: list[str], pattern: re.Pattern[str], reading: Reading) -> Iterator[re.Match[str]]:
    for line in lines:
        match = pattern.match(line)
        if match is None:
            reading.drop(line, f"a line that is not {reading.format}", number=0)
        else:
            yield match


def _bars(words: str) -> str:
    """Lines from text with bars between them; a slash before a line asks for italics."""
    return "\n".join(_ITALIC_SLASH.sub(r"\1", line) for line in words.split("|"))


def _read_ass(text: str) -> Reading:
    reading = Reading("ass" if re.search(r"v4\+ styles|scripttype\s*:\s*v4\.00\+", text, re.IGNORECASE) else "ssa")
    fields, section = _ASS_FIELDS, "[events]"
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped.lower()
        elif section == "[events]" and stripped.lower().startswith("format:"):
            fields = _ass_fields(stripped) or fields
        elif (match := _ASS_LINE.match(line)) is not None:
            _read_ass_event(reading, match, fields)
    return reading


def _ass_fields(line: str) -> tuple[str, ...] | None:
    """Names of an event's fields, if the line has those that are needed and the text last (commas in it are text)."""
    named = tuple(name.strip().lower() for name in line.split(":", 1)[1].split(","))
    return named if {"start", "end"} <= set(named) and named[-1] == "text" else None


def _read_ass_event(reading: Reading, match: re.Match[str], fields: tuple[str, ...]) -> None:
    number = reading.next()
    if match[1].lower() == "comment":
        reading.drop(match[2], "in a comment", number=number)
        return
    told = dict(zip(fields, match[2].split(",", len(fields) - 1), strict=False))
    start, end = _ass_ms(told.get("start", "")), _ass_ms(told.get("end", ""))
    if start is None or "text" not in told:
        reading.drop(match[2], "its times cannot be read", number=number)
        return
    if start < 0 or (end or 0) < 0:
        reading.repair(match[0], "negative time set to 0", number)
    words = _ass_words(told["text"]) if "{" in told["text"] else told["text"]
    if not words.strip() and "\\p" in told["text"]:
        reading.drop(told["text"], "a drawing", number=number)
        return
    name = told.get("name", told.get("actor", "")).strip()
    end = None if end is None else max(end, 0)
    reading.add(number, max(start, 0), end, words.replace("\\n", "\n"), name or None, _kind_of_style(told.get("style", "")))


def _ass_words(text: str) -> str:
    """Text without overrides, and without the drawings that `\\p1` begins and `\\p0` ends."""
    words, drawing = [], False
    for piece in _ASS_OVERRIDE.split(text):
        if piece.startswith("{") and piece.endswith("}"):
            modes = _ASS_DRAWING.findall(piece)
            drawing = modes[-1] != "0" if modes else drawing
        elif not drawing:
            words.append(piece)
    return "".join(words)


def _kind_of_style(style: str) -> CueKind | None:
    words = re.sub(r"[_\d-]+", " ", style)
    return "note" if _SIGNS.search(words) else "music" if _SONGS.search(words) else None


def _ass_ms(stamp: str) -> int | None:
    match = _ASS_TIME.fullmatch(stamp)
    if match is None:
        return None
    sign, hours, minutes, seconds, fraction = match.groups()
    t_ms = (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * 1000 + int((fraction or "")[:3].ljust(3, "0"))
    return -t_ms if sign else t_ms


def _read_sami(text: str) -> Reading:
    """Each SYNC shows until the next one of its language, an empty one only ends it; the first language is taken."""
    reading = Reading("sami")
    body = _COMMENT.sub("", text)
    starts = list(_SAMI_CUE.finditer(body))
    blocks = [body[a.start() : b] for a, b in zip(starts, [*(later.start() for later in starts[1:]), len(body)], strict=True)]
    language: str | None = None
    shown: tuple[int, int, str] | None = None
    for block in blocks:
        match, class_ = _SAMI_SYNC.match(block), _SAMI_CLASS.search(block)
        if match is None:
            reading.drop(block, "its times cannot be read")
            continue
        words = _sami_words(block[match.end() :])
        language = language or (class_[1] if class_ else None)
        if class_ and class_[1] != language:
            reading.drop(words, f"in another language of the file ({class_[1]})")
            continue
        start_ms = max(int(match[1]), 0)
        if shown is not None:
            reading.add(shown[0], shown[1], start_ms, shown[2])
        shown = (reading.next(), start_ms, words) if words else None
    if shown is not None:
        reading.add(shown[0], shown[1], None, shown[2])
    return reading


def _sami_words(block: str) -> str:
    words = _SAMI_BREAK.sub("\n", block.replace("\n", " "))
    return re.sub(r"</?(?:p|body|sami)\b[^<>]*>|&nbsp;?", " ", words, flags=re.IGNORECASE).strip()
