"""Reads EmotionML 1.0: each emotion of a document with its categories, dimensions and traces, all on scales of 0 to 1.

Where and when an emotion is shown comes from its references to a film with a media fragment (`film.mp4#t=1,4.2`), or from times relative to
one; who judged is told, or stands in the info element of our own exporter. Of the W3C's vocabularies only the big six name our emotions
exactly; labels of any other are of the scheme that is told.

Sources: W3C, Emotion Markup Language 1.0 (2014); W3C, Vocabularies for EmotionML (2014); W3C, Media Fragments URI 1.0 (2012).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from corpus.annotations.details import share, with_details
from corpus.annotations.importers.numbers import decimal
from corpus.annotations.importers.reading import (
    Files,
    Importer,
    Told,
    UnreadableFile,
    UnreadableRow,
    delivery_of,
    dimension_of,
    each_file,
    milliseconds,
)
from corpus.annotations.judgements import CUES, VALUE_RANGES, Delivery, Judgement, Refusal, Trace
from corpus.annotations.pseudonyms import Pseudonyms

TOOL = "emotionml/1"
NAMESPACE = "http://www.w3.org/2009/10/emotionml"
OUR_NAMESPACE = "https://feelm.invalid/emotionml"
ROLES = {"expressedBy": "portrayed", "experiencedBy": "felt"}
"""Roles of a reference that say where the emotion is, as our perspectives; the others say what caused it or whom it is meant for."""

OWN_INFO = f"{{{OUR_NAMESPACE}}}judgement"
CATEGORY_SCHEMES = {"big6": "ekman"}
"""Schemes by the W3C's category vocabularies."""

SCALE = (0.0, 1.0)
SCALES = dict.fromkeys(VALUE_RANGES, SCALE)
MOST_ELEMENTS = 1_000_000
MOST_DEPTH = 50

_PLEASURE_IS_VALENCE = "pad-dimensions"
_VOCABULARIES = re.compile(r"https?://(?:www\.)?w3\.org/TR/emotion-voc/xml#([a-z0-9-]{1,40})")
_SECONDS = re.compile(r"(?:(?:(\d{1,5}):)?([0-5]\d):(?=[0-5]\d(?:\.|$)))?(\d{1,9}(?:\.\d{0,9})?)")
_URI_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}:")
_WHOLE = re.compile(r"\d{1,15}")
_RATE = re.compile(r"(\d{1,4}(?:\.\d{0,12})?)\s?Hz")


@dataclass(frozen=True)
class Sets:
    """The vocabularies that an emotion's words are of: the scheme of its categories, and whether pleasure is a dimension's name."""

    scheme: str
    has_pleasure: bool


@dataclass(frozen=True)
class Place:
    """Where a reference says the emotion is; `end_ms` is None for a point, both are None where only a unit is named."""

    film_id: str
    perspective: str
    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True)
class Rating:
    """A value on one dimension, 0 to 1, and how sure the rater was of it."""

    dimension: str
    value: float
    confidence: float | None


class _Bounded(TreeBuilder):
    """Builds the tree of a document of ordinary size and depth."""

    elements = 0
    depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self.elements, self.depth = self.elements + 1, self.depth + 1
        if self.elements > MOST_ELEMENTS or self.depth > MOST_DEPTH:
            raise UnreadableFile(f"the XML has more than {MOST_ELEMENTS} elements or {MOST_DEPTH} levels: deliver it in parts")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self.depth -= 1
        return super().end(tag)


def is_emotionml(files: Files) -> bool:
    """Whether each file is named as EmotionML, or names its namespace at the beginning."""
    return all(name.casefold().endswith(".emotionml") or NAMESPACE.encode() in content[:4096] for name, content in files.items())


def read_emotionml(name: str, content: bytes, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """Read one document; a row is a category with the values beside it, values without a category, or a trace."""
    try:
        root = _parsed(content)
    except UnreadableFile as error:
        return Delivery(TOOL, fault=str(error))
    numbered = enumerate(_emotions(root), start=1)
    read = [item for number, emotion in numbered for item in _read(emotion, root, f"emotion {number}", pseudonyms, told)]
    unread = {word for emotion in _emotions(root) for word in _unread(emotion)}
    return delivery_of(TOOL, read, sorted(unread))


def _parsed(content: bytes) -> Element:
    parser = DefusedXMLParser(target=_Bounded(), forbid_dtd=True)
    try:
        parser.feed(content)
        root = parser.close()
    except DefusedXmlException as error:
        raise UnreadableFile("the XML declares a document type or entities, which are not read: save it without") from error
    except ParseError as error:
        raise UnreadableFile(f"the XML is broken ({error}): the file may be cut short") from error
    except (ValueError, LookupError, AssertionError) as error:
        raise UnreadableFile(f"the XML cannot be read ({error}): save it as UTF-8") from error
    if not isinstance(root, Element) or root.tag not in (_tag("emotionml"), _tag("emotion")):
        raise UnreadableFile(f"this is no EmotionML: its first element is no emotionml of {NAMESPACE}")
    return root


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _emotions(root: Element) -> Iterator[Element]:
    return root.iter(_tag("emotion"))


def _unread(emotion: Element) -> Iterator[str]:
    """What of an emotion has no place in a judgement, and is told once for the document."""
    for word in emotion.get("expressed-through", "").split():
        if word not in CUES:
            yield f"expressed-through {word[:40]}"
    for reference in emotion.iter(_tag("reference")):
        if reference.get("role") in ("triggeredBy", "targetedAt"):
            yield f"reference {reference.get('role')}"
    if (emotion.text or "").strip():
        yield "text of the emotion"


def _read(emotion: Element, root: Element, ref: str, pseudonyms: Pseudonyms, told: Told) -> Iterator[Judgement | Trace | Refusal]:
    try:
        commons = _commons(emotion, ref, pseudonyms, told)
    except UnreadableRow as error:
        yield Refusal(ref, str(error))
        return
    sets = _sets(emotion, root, told)
    for common in commons:
        yield from _judged(emotion, common, sets)


def _sets(emotion: Element, root: Element, told: Told) -> Sets:
    categories, dimensions = (emotion.get(name) or root.get(name) or "" for name in ("category-set", "dimension-set"))
    return Sets(CATEGORY_SCHEMES.get(_w3c(categories), told.scheme), _w3c(dimensions) == _PLEASURE_IS_VALENCE)


def _w3c(uri: str) -> str:
    match = _VOCABULARIES.fullmatch(uri.strip())
    return match[1] if match else ""


def _commons(emotion: Element, ref: str, pseudonyms: Pseudonyms, told: Told) -> list[Judgement]:
    """What the judgements of an emotion share, for each place that it refers to.

    Raises:
        UnreadableRow: place, film, rater or a detail is missing or cannot be.
    """
    info = _own_info(emotion)
    annotator = info.get("annotator") or told.annotator
    if annotator is None:
        raise UnreadableRow("no rater is named: say who judged with --annotator")
    return [
        with_details(
            Judgement(
                place.film_id,
                pseudonyms.of(annotator),
                ref,
                start_ms=place.start_ms,
                end_ms=place.end_ms,
                character_id=told.character,
                perspective=place.perspective,
                cues=_cues(emotion),
                modality_seen=told.modality_seen,
                scales=SCALES,
            ),
            {name: text for name, text in info.items() if name not in ("film_id", "confidence", "cues")},
        )
        for place in _places(emotion, info, told)
    ]


def _own_info(emotion: Element) -> Mapping[str, str]:
    own = emotion.find(f"{_tag('info')}/{OWN_INFO}")
    return {} if own is None else {name: unicodedata.normalize("NFC", text) for name, text in own.items()}


def _cues(emotion: Element) -> tuple[str, ...]:
    words = emotion.get("expressed-through", "").split()
    return tuple(cue for cue in CUES if cue in words)


def _places(emotion: Element, info: Mapping[str, str], told: Told) -> list[Place]:
    """The spans that the emotion refers to, each once.

    Raises:
        UnreadableRow: there are none, and no unit is named.
    """
    references = [(reference.get("role", "expressedBy"), reference.get("uri", "")) for reference in emotion.findall(_tag("reference"))]
    ours = [(ROLES[role], uri) for role, uri in references if role in ROLES]
    spans = {Place(_film(uri, info, told), perspective, *span): None for perspective, uri in ours if (span := _fragment(uri)) is not None}
    if spans:
        return list(spans)
    perspective = ours[0][0] if ours else told.perspective
    if emotion.get("time-ref-uri") is not None:
        return [_relative(emotion, perspective, info, told)]
    if info.get("unit_id"):
        return [Place(_film(ours[0][1] if ours else "", info, told), perspective)]
    raise UnreadableRow(_why_no_place(emotion, [role for role, _ in references]))


def _why_no_place(emotion: Element, roles: list[str]) -> str:
    if emotion.get("start") is not None or emotion.get("end") is not None:
        return "its times are of the clock (ms since 1970), not of a film: refer to the film's time, as film.mp4#t=1,4.2 does"
    if roles and not set(roles) & set(ROLES):
        return f"it refers to a film only as {roles[0][:40]!r}, which does not say where the emotion is: use expressedBy or experiencedBy"
    return "no time of a film is given: refer to it as film.mp4#t=1,4.2 does"


def _film(uri: str, info: Mapping[str, str], told: Told) -> str:
    """The film told, the one our own exporter names, or the one of the file that the URI points to."""
    if told.film_id is None and info.get("film_id"):
        return with_details(Judgement("", "", ""), {"film_id": info["film_id"]}).film_id
    return told.film_of(_file_name(uri))


def _file_name(uri: str) -> str:
    path = _URI_SCHEME.sub("", uri.partition("#")[0].partition("?")[0], count=1)
    if path.startswith("//"):
        path = path[2:].partition("/")[2]
    return unquote(path)


def _fragment(uri: str) -> tuple[int, int] | None:
    """Start and end in ms of a temporal media fragment, the last where there are several; None where there is none.

    Raises:
        UnreadableRow: it is in another clock than seconds, has no end, or ends before it begins.
    """
    pairs = (pair.partition("=") for pair in uri.partition("#")[2].split("&"))
    times = [unquote(value) for name, _, value in pairs if unquote(name) == "t"]
    if not times:
        return None
    start, comma, end = times[-1].removeprefix("npt:").partition(",")
    if not comma:
        raise UnreadableRow(f"t={times[-1][:40]} has no end, which means the film's: write both, as t=1,4.2")
    start_ms, end_ms = _milliseconds(start or "0"), _milliseconds(end)
    if end_ms <= start_ms:
        raise UnreadableRow(f"t={times[-1][:40]} ends before or where it begins")
    return start_ms, end_ms


def _milliseconds(text: str) -> int:
    """Normal play time: seconds, mm:ss or hh:mm:ss."""
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise UnreadableRow(f"{text[:40]!r} is no time in seconds or hh:mm:ss (frames and clock times are not read)")
    return milliseconds(3600 * int(match[1] or 0) + 60 * int(match[2] or 0) + float(match[3]))


def _relative(emotion: Element, perspective: str, info: Mapping[str, str], told: Told) -> Place:
    """A span or, of duration 0, a point that is counted from the beginning of the film at `time-ref-uri`.

    Raises:
        UnreadableRow: it is counted from something else, or has no duration.
    """
    uri = emotion.get("time-ref-uri", "")
    if "#" in uri or emotion.get("time-ref-anchor-point", "start") != "start":
        raise UnreadableRow("its times are counted from a part or from the end of something: count them from the film's start")
    offset, duration = emotion.get("offset-to-start", "0"), emotion.get("duration", "")
    if not _WHOLE.fullmatch(offset) or not _WHOLE.fullmatch(duration):
        raise UnreadableRow(f"offset-to-start {offset[:40]!r} and duration {duration[:40]!r} are not both whole milliseconds of 0 or more")
    start_ms = int(offset)
    return Place(_film(uri, info, told), perspective, start_ms, start_ms + int(duration) if int(duration) else None)


def _judged(emotion: Element, common: Judgement, sets: Sets) -> Iterator[Judgement | Trace | Refusal]:
    categories = list(_categories(emotion, replace(common, scheme=sets.scheme)))
    dimensions = list(_dimensions(emotion, common, sets.has_pleasure))
    named = [item for item in categories if isinstance(item, Judgement)]
    ratings = [item for item in dimensions if isinstance(item, Rating)]
    others = [item for item in (*categories, *dimensions) if isinstance(item, Trace | Refusal)]
    yield from others
    if len(named) == len(emotion.findall(_tag("category"))) == 1:
        ratings = _intensity_to_category(named, ratings)
    yield from _joined(named, ratings, common)
    if not (named or ratings or others):
        yield Refusal(common.source_ref, "nothing is judged: it has no category and no dimension")


def _categories(emotion: Element, common: Judgement) -> Iterator[Judgement | Refusal]:
    """A judgement for each category, ranked as they stand."""
    met: set[str] = set()
    for position, element in enumerate(emotion.findall(_tag("category"))):
        try:
            named = unicodedata.normalize("NFC", element.get("name", "")).strip()
            _check_new(named, met)
            given = element.get("value")
            values = {} if given is None else {"intensity": _decimal(given)}
            yield replace(common, emotion=named, rank=common.rank + position, values=values, confidence=_confidence(element))
        except UnreadableRow as error:
            yield Refusal(_child(common, element), str(error))
        if element.find(_tag("trace")) is not None:
            yield Refusal(_child(common, element), "the trace of a category has no place here: traces are of a dimension")


def _dimensions(emotion: Element, common: Judgement, has_pleasure: bool) -> Iterator[Rating | Trace | Refusal]:
    met: set[str] = set()
    for element in emotion:
        try:
            if element.tag in (_tag("dimension"), _tag("intensity")):
                name = _dimension_name(element, has_pleasure)
                _check_new(name, met)
                trace = element.find(_tag("trace"))
                yield _rating(element, name) if trace is None else _trace(element, trace, name, common)
            elif element.tag in (_tag("appraisal"), _tag("action-tendency")):
                raise UnreadableRow("it has no place here: categories and dimensions have")
        except UnreadableRow as error:
            yield Refusal(_child(common, element), str(error))


def _child(common: Judgement, element: Element) -> str:
    return f"{common.source_ref}, {element.tag.rpartition('}')[2]}"


def _check_new(name: str, met: set[str]) -> None:
    if not name:
        raise UnreadableRow("it has no name")
    if name in met:
        raise UnreadableRow(f"{name[:40]!r} stands twice in one emotion")
    met.add(name)


def _dimension_name(element: Element, has_pleasure: bool) -> str:
    given = "intensity" if element.tag == _tag("intensity") else element.get("name", "")
    name = "valence" if has_pleasure and given == "pleasure" else dimension_of(given)
    if name in (None, "category"):
        raise UnreadableRow(f"dimension {given[:40]!r} has no place here: valence, arousal, dominance and intensity have")
    return str(name)


def _rating(element: Element, name: str) -> Rating:
    return Rating(name, _decimal(element.get("value", "")), _confidence(element))


def _confidence(element: Element) -> float | None:
    given = element.get("confidence")
    return None if given is None else share("confidence", given.strip())


def _decimal(text: str) -> float:
    value = decimal(text.strip())
    if value is None:
        raise UnreadableRow(f"value {text[:40]!r} is not a number from 0 to 1")
    return value


def _trace(element: Element, trace: Element, name: str, common: Judgement) -> Trace:
    """The samples from the beginning of the place on, evenly in time.

    Raises:
        UnreadableRow: rate, samples or place are missing, cannot be, or do not fit each other.
    """
    rate_hz = _rate_hz(trace.get("freq", ""))
    values = tuple(_decimal(sample) for sample in trace.get("samples", "").split())
    if not values or not all(SCALE[0] <= value <= SCALE[1] for value in values):
        raise UnreadableRow("the trace has no samples, or some that are not from 0 to 1")
    if common.start_ms is None:
        raise UnreadableRow("the trace has no beginning in time")
    times = tuple(common.start_ms + round(1000 * number / rate_hz) for number in range(len(values)))
    if common.end_ms is not None and times[-1] > common.end_ms:
        raise UnreadableRow(f"the trace ends at {times[-1]} ms, after what it refers to, which ends at {common.end_ms} ms")
    confidence = _confidence(element)
    return Trace(
        common.film_id,
        common.annotator_id,
        common.source_ref,
        name,
        times,
        values,
        SCALE,
        rate_hz,
        None if confidence is None else (confidence,) * len(values),
        common.pass_no,
        common.character_id,
        common.perspective,
    )


def _rate_hz(text: str) -> float:
    match = _RATE.fullmatch(text.strip())
    if match is None or not 0 < float(match[1]) <= 1000:
        raise UnreadableRow(f"freq {text[:40]!r} is no rate of samples above 0 Hz and to 1000 Hz")
    return float(match[1])


def _intensity_to_category(named: list[Judgement], ratings: list[Rating]) -> list[Rating]:
    """The ratings without an intensity that can only be of the one category; it is given to that."""
    (only,) = named
    for rating in ratings:
        if rating.dimension == "intensity" and not only.values and rating.confidence in (None, only.confidence):
            named[0] = replace(only, values={"intensity": rating.value})
            return [other for other in ratings if other is not rating]
    return ratings


def _joined(named: list[Judgement], ratings: list[Rating], common: Judgement) -> Iterator[Judgement | Refusal]:
    """The categories' judgements, the first with the values of its confidence, and the other values as judgements of the same group."""
    by_confidence: dict[float | None, dict[str, float]] = {}
    for rating in ratings:
        if named and rating.dimension == "intensity":
            yield Refusal(f"{common.source_ref}, intensity", "it does not say which category it is of: make it that category's value")
        else:
            by_confidence.setdefault(rating.confidence, {})[rating.dimension] = rating.value
    if named:
        first = named[0]
        yield replace(first, values=first.values | by_confidence.pop(first.confidence, {}))
        yield from named[1:]
    for confidence, values in by_confidence.items():
        yield replace(common, values=values, confidence=confidence)


IMPORTER = Importer("emotionml", "EmotionML 1.0 (W3C)", is_emotionml, each_file(read_emotionml))
