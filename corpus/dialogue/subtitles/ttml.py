"""Reads TTML: times on any element, in clock, frames, ticks or offsets, and text in nested spans.

Names are taken without their namespace, because DFXP, TTML1, IMSC and EBU-TT differ in little else. A file that breaks off is read up
to the break, and the paragraphs behind it are counted as lost.

Source: W3C, Timed Text Markup Language 1 (TTML1), section 10 (timing) and 6.2 (parameters).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.parsers import expat

from corpus.dialogue.subtitles.cues import CueKind, Reading
from corpus.terms import FeelmError

DEPTH_LIMIT = 100

_ROOT = re.compile(r"<(?:[\w.-]+:)?tt[\s>]")
_PARAGRAPH = re.compile(r"<(?:[\w.-]+:)?p[\s/>]")
_CLOCK = re.compile(r"(\d{1,9}):(\d{1,3}):(\d{1,3})(?:\.(\d{1,9})|:(\d{1,9})(?:\.\d{1,9})?)?")
_OFFSET = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(h|m|s|ms|f|t)")
_SPACE = re.compile(r"\s+")
_ROLES: dict[str, CueKind] = {"sound": "sound", "music": "music", "lyrics": "music", "description": "note"}
_SILENT = frozenset({"metadata", "title", "desc", "agent", "set"})


def is_ttml(text: str) -> bool:
    """The text begins like a TTML document."""
    return text.lstrip().startswith("<") and _ROOT.search(text[:5000]) is not None


def read_ttml(text: str, name: str) -> Reading:
    """Read TTML.

    Raises:
        FeelmError: nested deeper than 100, or no XML at all.
    """
    root, fault = _parse(text, name)
    reading = Reading("ttml")
    walk = _Walk(reading, _Clock.of(root), _agents(root))
    walk.element(root, 0, None, False)
    if fault:
        reading.repair(fault, "the XML is broken: read up to there")
        for _ in range(len(_PARAGRAPH.findall(text)) - walk.paragraphs):
            reading.drop("", "behind the place where the XML is broken")
    return reading


def _parse(text: str, name: str) -> tuple[ElementTree.Element, str | None]:
    """The document as far as it is whole, and the fault at which it breaks off."""
    reader = _Reader(name)
    parser = expat.ParserCreate()
    # In one piece, since each piece of an element's text would be copied with all before it.
    parser.buffer_text, parser.buffer_size = True, 1_000_000
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = reader.start, reader.end, reader.data
    fault = None
    # Some writers declare the encoding that the bytes had, which the text no longer has.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text, count=1).lstrip()
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, ValueError) as error:
        fault = str(error)
    if reader.root is None:
        raise FeelmError(f"no cue in {name}: its XML cannot be read ({fault})")
    return reader.root, fault


class _Reader:
    """Builds elements as expat finds them, so that those before a break stay."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: list[ElementTree.Element] = []
        self.root: ElementTree.Element | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= DEPTH_LIMIT:
            raise FeelmError(f"{self._name} nests elements deeper than {DEPTH_LIMIT}: it is no subtitle file")
        element = ElementTree.Element(tag, attributes)
        if self._open:
            self._open[-1].append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, tag: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        if not self._open:
            return
        element = self._open[-1]
        if len(element):
            element[-1].tail = (element[-1].tail or "") + text
        else:
            element.text = (element.text or "") + text


def _local(name: str) -> str:
    return name.rsplit(":", 1)[-1]


def _attribute(element: ElementTree.Element, name: str) -> str | None:
    return next((value for key, value in element.attrib.items() if _local(key) == name), None)


def _agents(root: ElementTree.Element) -> dict[str, str]:
    """Names of the people whom `ttm:agent` declares."""
    agents: dict[str, str] = {}
    for agent in (element for element in root.iter() if _local(element.tag) == "agent"):
        names = [child.text.strip() for child in agent if _local(child.tag) == "name" and child.text]
        identifier = _attribute(agent, "id")
        if identifier and names:
            agents[identifier] = names[0]
    return agents


@dataclass(frozen=True)
class _Clock:
    """The document's time parameters: frames and ticks a second; `label_rate` counts the frames in a clock's labels."""

    frame_rate: float
    tick_rate: float
    label_rate: float
    smpte: bool
    drops: bool

    @classmethod
    def of(cls, root: ElementTree.Element) -> _Clock:
        label_rate = _positive(_attribute(root, "frameRate"), 30.0)
        multiplier = [_positive(part, 1.0) for part in re.split(r"[\s:]+", (_attribute(root, "frameRateMultiplier") or "1 1").strip())]
        frame_rate = label_rate * multiplier[0] / (multiplier[1] if len(multiplier) > 1 else 1.0)
        sub_frames = _positive(_attribute(root, "subFrameRate"), 1.0)
        assumed = frame_rate * sub_frames if _attribute(root, "frameRate") else 1.0
        drops = (_attribute(root, "dropMode") or "") == "dropNTSC"
        return cls(frame_rate, _positive(_attribute(root, "tickRate"), assumed), label_rate, _attribute(root, "timeBase") == "smpte", drops)

    def ms(self, expression: str) -> int | None:
        """Milliseconds of a time expression; null where it is none."""
        expression = expression.strip()
        if offset := _OFFSET.fullmatch(expression):
            count, unit = float(offset[1]), offset[2]
            seconds = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "f": 1 / self.frame_rate, "t": 1 / self.tick_rate}[unit]
            return round(count * seconds * 1000)
        clock = _CLOCK.fullmatch(expression)
        if clock is None:
            return None
        hours, minutes, seconds_, fraction, frames = clock.groups()
        whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds_)
        if self.smpte:
            return self._smpte(whole, int(frames or 0))
        return round(1000 * (whole + float(f"0.{fraction or 0}") + int(frames or 0) / self.frame_rate))

    def _smpte(self, labelled_s: int, frames: int) -> int:
        """SMPTE 12M: labels count whole frames; drop-frame passes over two labels a minute but each tenth."""
        count = labelled_s * self.label_rate + frames
        minutes = labelled_s // 60
        dropped = 2 * (minutes - minutes // 10) if self.drops else 0
        return round(1000 * (count - dropped) / self.frame_rate)


def _positive(value: str | None, default: float) -> float:
    try:
        number = float(value or default)
    except ValueError:
        return default
    return number if 1e-3 <= number <= 1e12 else default


@dataclass
class _Text:
    """Text that gathers while an element that is a cue is read."""

    number: int
    pieces: list[str] = field(default_factory=list)
    speaker: str | None = None
    kind: CueKind | None = None

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


class _Walk:
    """Goes through the document and makes an event of each paragraph, and of each span in it that has times of its own."""

    def __init__(self, reading: Reading, clock: _Clock, agents: dict[str, str]) -> None:
        self._reading = reading
        self._clock = clock
        self._agents = agents
        self.paragraphs = 0

    def element(
        self, element: ElementTree.Element, begin_ms: int, end_ms: int | None, preserve: bool, into: _Text | None = None
    ) -> int | None:
        """Read an element whose parent's time is given; returns its end, for what follows in a sequence."""
        name = _local(element.tag)
        if name in ("head", *_SILENT):
            return begin_ms
        own = _attribute(element, "space")
        preserve = own == "preserve" if own else preserve
        paragraph = name == "p"
        self.paragraphs += paragraph
        timed = paragraph or (name == "span" and into is not None and _attribute(element, "begin") is not None)
        number = self._reading.next() if timed else 0
        start, end = self._interval(element, begin_ms, end_ms)
        if start is None:
            self._lose(element, number)
            return begin_ms
        if timed:
            own_text = _Text(number, [], into.speaker if into else None, into.kind if into else None)
            self._named(element, own_text)
            self._content(element, start, end, preserve, own_text)
            given = any(_attribute(element, name) is not None for name in ("begin", "end", "dur"))
            self._finish(own_text, start, end, has_times=given or begin_ms > 0 or end_ms is not None)
        else:
            if into is not None:
                self._named(element, into)
            self._content(element, start, end, preserve, into)
        return end

    def _lose(self, element: ElementTree.Element, number: int) -> None:
        """Count an element whose times cannot be read, and the paragraphs in it."""
        inner = [child for child in element.iter() if _local(child.tag) == "p" and child is not element]
        self.paragraphs += len(inner)
        for lost, place in [(element, number), *((child, None) for child in inner)]:
            self._reading.drop("".join(lost.itertext()), "its times cannot be read", number=place)

    def _interval(self, element: ElementTree.Element, begin_ms: int, end_ms: int | None) -> tuple[int | None, int | None]:
        told = {name: _attribute(element, name) for name in ("begin", "end", "dur")}
        times = {name: self._clock.ms(value) for name, value in told.items() if value is not None}
        if None in times.values():
            return None, None
        start = begin_ms + (times.get("begin") or 0)
        ends = [limit for limit in (end_ms,) if limit is not None]
        if (duration := times.get("dur")) is not None:
            ends.append(start + duration)
        if (last := times.get("end")) is not None:
            ends.append(begin_ms + last)
        return start, min(ends, default=None)

    def _named(self, element: ElementTree.Element, into: _Text) -> None:
        agent = (_attribute(element, "agent") or "").split()
        into.speaker = self._agents.get(agent[0], into.speaker) if agent else into.speaker
        role = (_attribute(element, "role") or "").removeprefix("x-")
        into.kind = _ROLES.get(role, into.kind)

    def _content(self, element: ElementTree.Element, start: int, end: int | None, preserve: bool, into: _Text | None) -> None:
        sequence = _attribute(element, "timeContainer") == "seq"
        self._add(into, element.text, preserve)
        begin: int | None = start
        for child in element:
            if _local(child.tag) == "br" and into is not None:
                into.pieces.append("\n")
            else:
                finished = self.element(child, start if begin is None else begin, end, preserve, into)
                begin = finished if sequence else start
            self._add(into, child.tail, preserve)

    def _add(self, into: _Text | None, text: str | None, preserve: bool) -> None:
        if into is not None and text:
            into.pieces.append(text if preserve else _SPACE.sub(" ", text))

    def _finish(self, found: _Text, start: int, end: int | None, *, has_times: bool) -> None:
        holds_spans = self._reading.number > found.number
        if holds_spans and not found.text.strip():
            self._reading.repair("", "a paragraph that only holds timed parts", found.number)
        elif not has_times:
            self._reading.drop(found.text, "no times", number=found.number)
        else:
            self._reading.add(found.number, start, end, found.text, found.speaker, found.kind)
