"""Writes ELAN annotation documents (.eaf): one a film, a tier for each rater, character and dimension.

ELAN's tiers hold no overlaps, so judgements of one rater that overlap stand in tiers beside one another. What was said of an emotion hangs
on it as child tiers, so that it moves with the emotion when somebody works on in ELAN, and an import joins it to no other.

Source: ELAN Annotation Format 3.0, Max Planck Institute for Psycholinguistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from corpus.annotations.exporters.rows import in_our_words, judgements_of
from corpus.annotations.exporters.writing import NOT_IN_XML, Exporter, FilmMedia, Judged
from corpus.annotations.importers.elan import FILM_PROPERTY
from corpus.annotations.importers.tiers import NOTE
from corpus.annotations.judgements import VALUE_RANGES, Judgement
from corpus.terms import EMOTIONS

WRITTEN_STATUSES = ("submitted", "adjudicated")
TIER_NAMES = ("emotion", *VALUE_RANGES, NOTE)
UNDATED = "1970-01-01T00:00:00Z"

_SCHEMA = "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"
_CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps allowed within this interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering to the same parent are ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are allowed",
}


@dataclass(frozen=True)
class Written:
    """One judgement as ELAN holds it: its span (ms) and a text for each tier, in order of TIER_NAMES."""

    start_ms: int
    end_ms: int
    texts: Mapping[str, str]


@dataclass(frozen=True)
class Lane:
    """Judgements of one rater and character that do not overlap: one aligned tier and its children. `suffix` keeps tier names apart."""

    rater: str
    character: str
    suffix: str
    judgements: tuple[Written, ...]

    @property
    def tiers(self) -> list[str]:
        """The names of TIER_NAMES that are needed, that of the aligned tier first."""
        return [name for name in TIER_NAMES if any(name in judgement.texts for judgement in self.judgements)]

    def tier_id(self, name: str) -> str:
        """The id of a tier in the document."""
        return f"{name}@{self.rater}{self.suffix}"


def write_elan(judged: Judged) -> dict[str, bytes]:
    """A document for each film that has judgements of spans, by file name; the same tables give the same bytes."""
    of_film: dict[str, list[Judgement]] = {}
    for judgement in map(in_our_words, judgements_of(judged.annotations)):
        if judgement.status in WRITTEN_STATUSES and judgement.start_ms is not None and judgement.end_ms is not None:
            of_film.setdefault(judgement.film_id, []).append(judgement)
    return {f"{film_id}.eaf": _document(judged.films[film_id], judgements) for film_id, judgements in of_film.items()}


def _document(film: FilmMedia, judgements: list[Judgement]) -> bytes:
    lanes = list(_lanes(judgements))
    root = Element("ANNOTATION_DOCUMENT", {"AUTHOR": "", "DATE": _date(judgements), "FORMAT": "3.0", "VERSION": "3.0"})
    root.set(_SCHEMA, "http://www.mpi.nl/tools/elan/EAFv3.0.xsd")
    root.append(_header(film, sum(len(one.texts) for lane in lanes for one in lane.judgements)))
    _write_tiers(root, lanes)
    _write_declarations(root)
    indent(root, "    ")
    return tostring(root, encoding="UTF-8", xml_declaration=True)


def _date(judgements: list[Judgement]) -> str:
    """When the last of them was made, and not when this is written."""
    return max((date for one in judgements for date in (one.created_at, one.updated_at) if date), default=UNDATED)


def _header(film: FilmMedia, annotations: int) -> Element:
    header = Element("HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    url, kind = quote(film.media), "video/mp4" if film.media.casefold().endswith(".mp4") else "video/*"
    SubElement(header, "MEDIA_DESCRIPTOR", {"MEDIA_URL": url, "MIME_TYPE": kind, "RELATIVE_MEDIA_URL": f"./{url}"})
    SubElement(header, "PROPERTY", {"NAME": FILM_PROPERTY}).text = film.film_id
    # ELAN numbers new annotations from here on.
    SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"}).text = str(annotations)
    return header


def _lanes(judgements: list[Judgement]) -> Iterator[Lane]:
    """The lanes of each rater in turn; where a rater has several, their tiers are named after the character and what else tells them apart.

    The aligned tier of a lane has all its judgements, so those without an emotion stand in a lane of their own.
    """
    alike: dict[str, dict[tuple[str, str, str], list[Written]]] = {}
    for judgement in judgements:
        written = _written(judgement)
        key = (_text(judgement.character_id or ""), _title(judgement), next(iter(written.texts), NOTE))
        if key[-1] != NOTE:
            alike.setdefault(judgement.annotator_id, {}).setdefault(key, []).append(written)
    for rater, kinds in sorted(alike.items()):
        parts = [(key, lane) for key in sorted(kinds) for lane in _without_overlap(kinds[key])]
        suffixes = _suffixes([title for (_, title, _), _ in parts]) if len(parts) > 1 else [""]
        for ((character, _, _), lane), suffix in zip(parts, suffixes, strict=True):
            yield Lane(rater, character, suffix, tuple(lane))


def _title(judgement: Judgement) -> str:
    perspective = [judgement.perspective] if judgement.perspective != "portrayed" else []
    pass_no = [f"pass {judgement.pass_no}"] if judgement.pass_no > 1 else []
    return ", ".join([_text(judgement.character_id or "") or "nobody", *perspective, *pass_no])


def _written(judgement: Judgement) -> Written:
    said = {"emotion": judgement.emotion, **{name: str(value) for name, value in judgement.values.items()}, NOTE: judgement.note}
    texts = {name: _text(said.get(name) or "") for name in TIER_NAMES}
    return Written(judgement.start_ms or 0, judgement.end_ms or 0, {name: text for name, text in texts.items() if text})


def _text(text: str) -> str:
    return NOT_IN_XML.sub("", text).strip()


def _without_overlap(judgements: Iterable[Written]) -> list[list[Written]]:
    lanes: list[list[Written]] = []
    for judgement in sorted(judgements, key=lambda one: (one.start_ms, one.end_ms)):
        free = next((lane for lane in lanes if lane[-1].end_ms <= judgement.start_ms), None)
        if free is None:
            lanes.append([judgement])
        else:
            free.append(judgement)
    return lanes


def _suffixes(titles: list[str]) -> list[str]:
    """The titles in brackets, numbered where one comes again."""
    used: dict[str, None] = {}
    for title in titles:
        names = (title if number == 1 else f"{title} {number}" for number in count(1))
        used[next(name for name in names if name not in used)] = None
    return [f" ({name})" for name in used]


def _write_tiers(root: Element, lanes: list[Lane]) -> None:
    order = SubElement(root, "TIME_ORDER")
    numbers = count(1)
    slots: list[tuple[int, Element, str]] = []
    for lane in lanes:
        tiers = {name: SubElement(root, "TIER", _tier_facts(lane, name)) for name in lane.tiers}
        for judgement in lane.judgements:
            slots += _write_judgement(tiers, judgement, numbers)
    for number, (time_ms, annotation, end) in enumerate(sorted(slots, key=lambda slot: slot[0]), start=1):
        SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": f"ts{number}", "TIME_VALUE": str(time_ms)})
        annotation.set(end, f"ts{number}")


def _tier_facts(lane: Lane, name: str) -> dict[str, str]:
    aligned = lane.tiers[0]
    kind = {"LINGUISTIC_TYPE_REF": ("emotion" if name == "emotion" else "value") if name == aligned else "part"}
    parent = {} if name == aligned else {"PARENT_REF": lane.tier_id(aligned)}
    character = {"PARTICIPANT": lane.character} if lane.character else {}
    return {"TIER_ID": lane.tier_id(name), "ANNOTATOR": lane.rater, **character, **kind, **parent}


def _write_judgement(tiers: Mapping[str, Element], judgement: Written, numbers: Iterator[int]) -> list[tuple[int, Element, str]]:
    """Add an annotation to each tier concerned; returns the times of the aligned one with the attributes that name their slots."""
    aligned, *parts = judgement.texts
    own_id = f"a{next(numbers)}"
    annotation = _write_annotation(tiers[aligned], "ALIGNABLE_ANNOTATION", {"ANNOTATION_ID": own_id}, judgement.texts[aligned])
    if aligned == "emotion" and judgement.texts[aligned] in EMOTIONS:
        annotation.set("CVE_REF", judgement.texts[aligned])
    for name in parts:
        facts = {"ANNOTATION_ID": f"a{next(numbers)}", "ANNOTATION_REF": own_id}
        _write_annotation(tiers[name], "REF_ANNOTATION", facts, judgement.texts[name])
    return [(judgement.start_ms, annotation, "TIME_SLOT_REF1"), (judgement.end_ms, annotation, "TIME_SLOT_REF2")]


def _write_annotation(tier: Element, kind: str, facts: dict[str, str], text: str) -> Element:
    annotation = SubElement(SubElement(tier, "ANNOTATION"), kind, facts)
    SubElement(annotation, "ANNOTATION_VALUE").text = text
    return annotation


def _write_declarations(root: Element) -> None:
    """The kinds of tiers, and the emotions as a vocabulary to choose from."""
    for name, more in (
        ("emotion", {"CONTROLLED_VOCABULARY_REF": "emotions", "TIME_ALIGNABLE": "true"}),
        ("value", {"TIME_ALIGNABLE": "true"}),
        ("part", {"CONSTRAINTS": "Symbolic_Association", "TIME_ALIGNABLE": "false"}),
    ):
        SubElement(root, "LINGUISTIC_TYPE", {"LINGUISTIC_TYPE_ID": name, "GRAPHIC_REFERENCES": "false", **more})
    english = {"LANG_ID": "eng", "LANG_DEF": "http://cdb.iso.org/lg/CDB-00138502-001", "LANG_LABEL": "English (eng)"}
    SubElement(root, "LANGUAGE", english)
    for stereotype, description in _CONSTRAINTS.items():
        SubElement(root, "CONSTRAINT", {"STEREOTYPE": stereotype, "DESCRIPTION": description})
    vocabulary = SubElement(root, "CONTROLLED_VOCABULARY", {"CV_ID": "emotions"})
    SubElement(vocabulary, "DESCRIPTION", {"LANG_REF": "eng"})
    for emotion in EMOTIONS:
        entry = SubElement(vocabulary, "CV_ENTRY_ML", {"CVE_ID": emotion})
        SubElement(entry, "CVE_VALUE", {"LANG_REF": "eng", "DESCRIPTION": ""}).text = emotion


EXPORTER = Exporter(
    "elan",
    "ELAN annotation documents, one a film",
    write_elan,
    "traces; judgements of units and of points in time, and those skipped or rejected; pass and perspective, but for the tiers' names; "
    "direction, rank, confidence, cues, cut, what was seen, the rater's own wording and scale, and when and how long somebody judged; "
    "characters that XML has no place for",
)
