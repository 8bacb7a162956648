"""Reads annotations of NOVA and SSI: pairs of `x.annotation`, an XML header, and `x.annotation~`, the labels or samples as text or binary.

The header says the scheme, whose name is the dimension, the role, which becomes the character, and the rater; the film is the session in
the file's name or folder. What a continuous tier holds is a trace at the header's rate, within the header's ends; the garbage and rest
classes are no judgement and are refused one by one.

Source: the writer and reader of SSI (github.com/hcmlab/ssi: FileAnnotationOut.cpp, FileAnnotationIn.cpp), of NOVA (github.com/hcmlab/nova:
AnnoListFile.cs) and of DISCOVER (github.com/hcmlab/discover-utils: file_handler.py), which agree on both layouts.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from corpus.annotations.importers.numbers import check_within, number, time_ms
from corpus.annotations.importers.reading import (
    Files,
    Importer,
    Told,
    UnreadableFile,
    UnreadableRow,
    decode,
    delivery_of,
    dimension_of,
    united,
)
from corpus.annotations.judgements import Delivery, Judgement, Refusal, Trace
from corpus.annotations.pseudonyms import Pseudonyms

TOOL = "nova/1"
HEADER = ".annotation"
DATA = ".annotation~"
MOST_HEADER_BYTES = 4_000_000
HIGHEST_RATE = 1000.0
"""Samples a second at most: times are whole milliseconds."""

GARBAGE_IDS = (-1, 0xFFFFFFFF)
GARBAGE_NAMES = ("garbage", "rest")

LAYOUTS = {"DISCRETE": struct.Struct("<ddIf"), "CONTINUOUS": struct.Struct("<ff")}
"""Binary records: from, to (s), id, confidence; and value, confidence."""
_FREE_HEAD, _CONFIDENCE = struct.Struct("<ddI"), struct.Struct("<f")

_POINT_GROUPS = re.compile(r"\d{1,3}(,\d{3})+\.\d+")
_COMMA_GROUPS = re.compile(r"\d{1,3}(\.\d{3})+,\d+")
_EITHER = re.compile(r"[1-9]\d{0,2}(,\d{3})+")


@dataclass(frozen=True)
class Header:
    """What `x.annotation` says; None where it says nothing. `labels` are the classes by id, `rate` in Hz."""

    binary: bool
    size: int | None
    name: str
    kind: str
    labels: Mapping[int, str]
    rate: float | None
    scale: tuple[float, float] | None
    role: str | None
    annotator: str | None


@dataclass(frozen=True)
class Pair:
    """A header and its data, the name of the header's file, and how both are called in references."""

    name: str
    header: Header
    data: bytes
    header_ref: str
    data_ref: str


Record = tuple[str, list[str]]
"""A reference and the cells of a label or sample."""


def is_nova(files: Files) -> bool:
    """Whether all files are headers or data."""
    return all(name.casefold().endswith((HEADER, DATA)) for name in files)


def read_nova(files: Files, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """Read all pairs of a delivery. A half without the other is refused; other files are left out and told.

    References say the number of a file, in order of name, and not its name, in which NOVA writes the rater's.
    """
    refs = {name: f"file {at}" for at, name in enumerate(files, start=1)}
    parts: list[Delivery] = []
    for name in files:
        try:
            parts.append(_read_file(name, files, refs, pseudonyms, told))
        except UnreadableFile as error:
            return Delivery(TOOL, fault=f"{refs[name]}: {error}")
    return united(TOOL, parts)


def _read_file(name: str, files: Files, refs: Mapping[str, str], pseudonyms: Pseudonyms, told: Told) -> Delivery:
    folded = name.casefold()
    if folded.endswith(DATA):
        return Delivery(TOOL) if name[:-1] in files else _refused(refs[name], f"the header ({HEADER}) of this data file is missing")
    if not folded.endswith(HEADER):
        return Delivery(TOOL, repairs=(Refusal(refs[name], "no annotation of NOVA: left out"),))
    data = files.get(f"{name}~")
    if data is None:
        return _refused(refs[name], f"the data file ({DATA}) of this header is missing")
    pair = Pair(name, _header(files[name]), data, refs[name], refs[f"{name}~"])
    return _read_pair(pair, pseudonyms, told)


def _refused(ref: str, reason: str) -> Delivery:
    return Delivery(TOOL, rows_read=1, refusals=(Refusal(ref, reason),))


def _header(content: bytes) -> Header:
    if len(content) > MOST_HEADER_BYTES:
        raise UnreadableFile(f"the header has {len(content)} bytes: that is none")
    try:
        root = fromstring(decode(content), forbid_dtd=True)
    except DefusedXmlException as error:
        raise UnreadableFile("the header declares a document type or entities, which no tool writes: it is refused") from error
    except (ParseError, ValueError) as error:
        raise UnreadableFile(f"the header is no XML ({error}): it may be cut short") from error
    return _parsed(root)


def _parsed(root: Element) -> Header:
    info, meta, scheme = (_attributes(root, tag) for tag in ("info", "meta", "scheme"))
    if root.tag != "annotation" or not scheme.get("name"):
        raise UnreadableFile("the header has no scheme in an annotation: it is none of NOVA")
    ftype = info.get("ftype", "ASCII")
    if ftype not in ("ASCII", "BINARY"):
        raise UnreadableFile(f"the header's ftype {ftype!r} is neither ASCII nor BINARY")
    ends = _figure(scheme, "min"), _figure(scheme, "max")
    return Header(
        binary=ftype == "BINARY",
        size=_size(info.get("size")),
        name=scheme["name"],
        kind=scheme.get("type", "FREE").upper(),
        labels=_labels(root),
        rate=_figure(scheme, "sr"),
        scale=(ends[0], ends[1]) if ends[0] is not None and ends[1] is not None and ends[0] < ends[1] else None,
        role=meta.get("role", "").strip() or None,
        annotator=meta.get("annotator", "").strip() or None,
    )


def _attributes(root: Element, tag: str) -> dict[str, str]:
    found = root.find(tag)
    return {} if found is None else dict(found.attrib)


def _figure(attributes: Mapping[str, str], name: str) -> float | None:
    try:
        return _number(attributes[name]) if name in attributes else None
    except UnreadableRow as error:
        raise UnreadableFile(f"the header's {name}: {error}") from error


def _size(text: str | None) -> int | None:
    if text is not None and not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise UnreadableFile(f"the header's size {text[:40]!r} is no count")
    return int(text) if text is not None else None


def _labels(root: Element) -> dict[int, str]:
    scheme = root.find("scheme")
    items = [] if scheme is None else [(_class_id(item.get("id", "")), item.get("name")) for item in scheme.findall("item")]
    labels = {class_id: name for class_id, name in items if class_id is not None and name is not None}
    if len(labels) < len(items):
        raise UnreadableFile("the header has a class without a number or name, or a number twice")
    return labels


def _class_id(text: str) -> int | None:
    return int(text) if len(text) <= 12 and text.isascii() and text.removeprefix("-").isdigit() else None


def _number(text: str) -> float:
    """A number as .NET writes it in the rater's language: thousands may be parted, decimals begin with a point or a comma."""
    if len(text) <= 40 and _EITHER.fullmatch(text):
        raise UnreadableRow(f"{text!r} may be thousands or decimals: write it without commas")
    if len(text) <= 40 and _POINT_GROUPS.fullmatch(text):
        return number(text.replace(",", ""))
    if len(text) <= 40 and _COMMA_GROUPS.fullmatch(text):
        return number(text.replace(".", ""))
    return number(text)


def _read_pair(pair: Pair, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    header = pair.header
    dimension = dimension_of(header.name)
    if dimension is None:
        return Delivery(TOOL, unknown_columns=(f"scheme {header.name}",))
    if header.kind not in ("DISCRETE", "FREE", "CONTINUOUS"):
        return _refused(pair.header_ref, f"tiers of type {header.kind[:40]} are not read: only DISCRETE, FREE and CONTINUOUS")
    records = list(_records(pair))
    if header.size is not None and header.size != len(records):
        raise UnreadableFile(
            f"the header counts {header.size}, {pair.data_ref} holds {len(records)}: one of them is cut short or of another"
        )
    if header.kind == "CONTINUOUS":
        return _continuous(pair, dimension, records, pseudonyms, told) if records else Delivery(TOOL)
    return _labelled(pair, dimension, records, pseudonyms, told)


def _records(pair: Pair) -> Iterator[Record]:
    """The records as cells, each with a reference; binary ones are written out as text, so that both are read alike."""
    if pair.header.binary:
        records = _free(pair.data) if pair.header.kind == "FREE" else _fixed(pair.data, LAYOUTS[pair.header.kind])
        for at, cells in enumerate(records, start=1):
            yield f"{pair.data_ref}, record {at}", cells
    elif pair.data.strip():
        for line, text in enumerate(_text(pair).split("\n"), start=1):
            if text.strip():
                yield f"{pair.data_ref}, line {line}", [cell.strip() for cell in text.split(";")]


def _text(pair: Pair) -> str:
    try:
        return decode(pair.data)
    except UnreadableFile as error:
        raise UnreadableFile(f"its data, {pair.data_ref}: {error}") from error


def _fixed(data: bytes, layout: struct.Struct) -> list[list[str]]:
    if len(data) % layout.size:
        raise UnreadableFile(f"its data has {len(data)} bytes, which are no whole number of {layout.size}: it may be cut short")
    return [[repr(value) for value in record] for record in layout.iter_unpack(data)]


def _free(data: bytes) -> list[list[str]]:
    """Records of from, to, the label's length in bytes, the label and confidence."""
    records: list[list[str]] = []
    at = 0
    try:
        while at < len(data):
            start, end, length = _FREE_HEAD.unpack_from(data, at)
            label = data[at + _FREE_HEAD.size : at + _FREE_HEAD.size + length].decode()
            at += _FREE_HEAD.size + length
            (confidence,) = _CONFIDENCE.unpack_from(data, at)
            at += _CONFIDENCE.size
            records.append([repr(start), repr(end), label.strip(), repr(confidence)])
    except (struct.error, UnicodeDecodeError) as error:
        # NOVA writes a label's length in letters, and the label in UTF-8.
        hint = "save it as ASCII where labels hold other letters than English ones"
        raise UnreadableFile(f"its data breaks off in record {len(records) + 1}: it is cut short, or NOVA miscounted; {hint}") from error
    return records


def _labelled(pair: Pair, dimension: str, records: list[Record], pseudonyms: Pseudonyms, told: Told) -> Delivery:
    read: list[Judgement | Refusal] = []
    for ref, cells in records:
        try:
            read.append(_judgement(cells, pair.header, dimension, _common(pair, ref, pseudonyms, told), told))
        except UnreadableRow as error:
            read.append(Refusal(ref, str(error)))
    return delivery_of(TOOL, read)


def _judgement(cells: list[str], header: Header, dimension: str, common: Judgement, told: Told) -> Judgement:
    if len(cells) == 5 and cells[4].startswith("color="):
        cells = cells[:4]
    if len(cells) != 4:
        raise UnreadableRow(f"{len(cells)} cells where start, end, label and confidence belong")
    label = cells[2] if header.kind == "FREE" else _class(cells[2], header)
    if not label:
        raise UnreadableRow("the label is empty")
    values = {} if dimension == "category" else {dimension: number(label)}
    return replace(
        common,
        start_ms=time_ms(_plain(cells[0]), 1000),
        end_ms=time_ms(_plain(cells[1]), 1000),
        emotion=label if dimension == "category" else None,
        values=values,
        scales={dimension: told.scales[dimension]} if told.scales and dimension in told.scales and values else {},
        confidence=_confidence(cells[3]),
    )


def _plain(text: str) -> str:
    return repr(_number(text))


def _class(text: str, header: Header) -> str:
    class_id = _class_id(text)
    if class_id in GARBAGE_IDS:
        raise UnreadableRow("it is of the garbage class: nothing is judged")
    if class_id is None or class_id not in header.labels:
        raise UnreadableRow(f"{text[:40]!r} is no class of the scheme (the rest class has no name there): nothing is judged")
    label = header.labels[class_id].strip()
    if label.casefold() in GARBAGE_NAMES:
        raise UnreadableRow(f"{label!r} is no judgement, but the garbage or rest class")
    return label


def _confidence(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise UnreadableRow(f"confidence {text[:40]!r} is not between 0 and 1")
    return value


def _continuous(pair: Pair, dimension: str, records: list[Record], pseudonyms: Pseudonyms, told: Told) -> Delivery:
    try:
        trace = _trace(pair, dimension, records, _common(pair, pair.data_ref, pseudonyms, told), told)
    except UnreadableRow as error:
        return _refused(pair.data_ref, str(error))
    lost = len(records) - len(trace.values)
    repairs = (Refusal(pair.data_ref, f"{lost} of {len(records)} samples have no value (NaN) and are left out"),) if lost else ()
    return Delivery(TOOL, rows_read=1, traces=(trace,), repairs=repairs)


def _trace(pair: Pair, dimension: str, records: list[Record], common: Judgement, told: Told) -> Trace:
    rate = _rate(pair.header)
    if dimension == "category":
        raise UnreadableRow("a continuous tier judges valence, arousal, dominance or intensity, not the emotion")
    samples = [(at, ref, *_sample(ref, cells)) for at, (ref, cells) in enumerate(records)]
    samples = [sample for sample in samples if not math.isnan(sample[2])]
    if not samples:
        raise UnreadableRow("no sample has a value")
    scale = (told.scales or {}).get(dimension) or pair.header.scale
    check_within({ref: value for _, ref, value, _ in samples}, scale, dimension)
    return Trace(
        film_id=common.film_id,
        annotator_id=common.annotator_id,
        source_ref=common.source_ref,
        dimension=dimension,
        times_ms=tuple(time_ms(repr(at / rate), 1000) for at, _, _, _ in samples),
        values=tuple(value for _, _, value, _ in samples),
        scale=scale,
        rate_hz=rate,
        confidences=tuple(confidence for _, _, _, confidence in samples),
        character_id=common.character_id,
        perspective=common.perspective,
    )


def _rate(header: Header) -> float:
    if header.rate is None or not 0 < header.rate <= HIGHEST_RATE:
        raise UnreadableRow(f"the header's sr is no rate between 0 and {HIGHEST_RATE:g} Hz")
    return header.rate


def _sample(ref: str, cells: list[str]) -> tuple[float, float]:
    """Value and confidence; a sample that the rater left out has NaN for a value."""
    try:
        if len(cells) != 2:
            raise UnreadableRow(f"{len(cells)} cells where value and confidence belong")
        return (math.nan, 0.0) if cells[0].casefold() == "nan" else (_number(cells[0]), _confidence(cells[1]))
    except UnreadableRow as error:
        raise UnreadableRow(f"{ref}: {error}") from error


def _common(pair: Pair, ref: str, pseudonyms: Pseudonyms, told: Told) -> Judgement:
    """Film, rater and character of a tier."""
    header = pair.header
    session, role, annotator = _named(header, pair.name)
    rater = header.annotator or annotator or told.annotator
    if not rater:
        raise UnreadableRow("no rater is named in the header or the file's name: say who it is with --annotator")
    film_id = told.film_of(f"{session}{HEADER}" if session else None)
    return replace(told.judgement(film_id, pseudonyms.of(rater), ref), character_id=header.role or role or told.character)


def _named(header: Header, name: str) -> tuple[str | None, str | None, str | None]:
    """Session, role and rater by the name `session.role.scheme.rater.annotation`; without a session in it the folder is the session."""
    path = PurePosixPath(name)
    words = path.name[: -len(HEADER)].split(".")
    for at in range(1, len(words) - 1):
        if words[at] == header.name and header.role in (None, words[at - 1]):
            session = ".".join(words[: at - 1]) or path.parent.name
            return session or None, words[at - 1] or None, ".".join(words[at + 1 :]) or None
    return None, None, None


IMPORTER = Importer("nova", "NOVA and SSI (.annotation with .annotation~)", is_nova, read_nova)
