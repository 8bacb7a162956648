"""Reads ELAN's annotation documents (.eaf): tiers named `dimension@rater`, aligned by themselves or through the annotations they refer to.

The participant of a tier is the character, its media file the film. An annotation without times of its own gets them as ELAN shows it, an
even share between its neighbours or of its parent, and that is told as a repair. The XML comes from strangers: a document type, entities or
anything outside the file are refused before they are read.

Source: ELAN Annotation Format 2.8 and 3.0, Max Planck Institute for Psycholinguistics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from corpus.annotations.importers.reading import (
    Files,
    Importer,
    Told,
    UnreadableFile,
    UnreadableRow,
    decode,
    each_file,
    known_film_id,
)
from corpus.annotations.importers.tiers import NOTE, Region, judgements_of, tier_dimension, untold_tier
from corpus.annotations.judgements import Delivery, Refusal
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.annotations.vocabulary import canonical

TOOL = "elan/1"
FILM_PROPERTY = "feelm.film_id"
"""Property in the header by which exports name the film, whatever its media file is called."""

MOST_TAGS = 1_000_000
"""An annotation and its two time slots have eight."""

MOST_ANCESTORS = 20
"""Of a tier."""

LONGEST_ID = 100
"""Of an annotation or time slot, in characters."""

NOBODY = ("", "unspecified", "pympi")
"""Authors that ELAN and pympi write where nobody was named."""

_WHOLE = re.compile(r"\d{1,12}", re.ASCII)
_SIGNED = re.compile(r"-?\d{1,12}", re.ASCII)


@dataclass(frozen=True)
class Media:
    """The film, and the time (ms) in it at which the document's time begins."""

    film_id: str
    origin_ms: int


@dataclass(frozen=True)
class Tier:
    """A tier, with what it inherits from its parents; `vocabulary` is the id of its controlled vocabulary."""

    number: int
    dimension: str | None
    rater: str | None
    character: str | None
    lane: str
    vocabulary: str | None


@dataclass(frozen=True)
class Annotation:
    """An annotation as it stands in the file: with time slots, or with the id of the annotation that it refers to."""

    tier: Tier
    text: str
    entry: str | None
    slots: tuple[str, str] | None
    parent: str | None = None
    previous: str | None = None


@dataclass(frozen=True)
class Place:
    """Where an annotation lies in the document's time (ms), or the `fault` why that is not known.

    `within` is the id of the nearest annotation above it in a tier with a dimension, `repair` what was done where the file has no times.
    """

    start_ms: int = 0
    end_ms: int = 0
    within: str | None = None
    repair: str | None = None
    fault: str | None = None


def is_elan(files: Files) -> bool:
    """Whether all files are annotation documents, or the preferences that ELAN lays beside them."""
    return bool(_documents(files)) and all(name.casefold().endswith((".eaf", ".pfsx")) for name in files)


def _documents(files: Files) -> Files:
    return {name: content for name, content in files.items() if not name.casefold().endswith(".pfsx")}


def read_documents(files: Files, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """Read each document of a delivery; ELAN's preferences hold nothing to read."""
    return each_file(read_document)(_documents(files) or files, pseudonyms, told)


def read_document(name: str, content: bytes, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """Read one document; faults of the whole and of single annotations are told in the delivery, never raised."""
    try:
        document = _Document(_root(content), told)
    except UnreadableFile as error:
        return Delivery(TOOL, fault=str(error))
    regions: list[Region] = []
    repairs: list[Refusal] = []
    refusals: list[Refusal] = []
    for annotation_id in document.judging():
        try:
            regions.append(document.region(annotation_id, pseudonyms))
            repairs += document.repairs(annotation_id)
        except UnreadableRow as error:
            refusals.append(Refusal(_ref(annotation_id), str(error)))
    judgements, unjoined = judgements_of(regions, told)
    refusals += unjoined
    refused = {refusal.ref for refusal in refusals}
    return Delivery(
        TOOL,
        rows_read=len(judgements) + len(refusals),
        judgements=tuple(judgements),
        refusals=tuple(refusals),
        repairs=tuple(repair for repair in repairs if repair.ref not in refused),
        unknown_columns=document.unknown_tiers,
    )


def _ref(annotation_id: str) -> str:
    return f"annotation {annotation_id}"


def _root(content: bytes) -> Element:
    text = decode(content)
    if text.count("<") > MOST_TAGS:
        raise UnreadableFile(f"the file has more than {MOST_TAGS} tags: deliver it in parts")
    try:
        root = fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise UnreadableFile("the XML declares a document type or entities, which ELAN never writes: it is not read") from error
    except (ParseError, ValueError) as error:
        raise UnreadableFile(f"the XML is broken ({error}): the file may be cut short") from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise UnreadableFile(f"the XML is a {root.tag[:40]!r}, not ELAN's ANNOTATION_DOCUMENT")
    units = next((header.get("TIME_UNITS") for header in root.iterfind("HEADER")), None)
    if units not in (None, "milliseconds"):
        raise UnreadableFile(f"times are in {str(units)[:40]!r}, not milliseconds: save the file with a current ELAN")
    return root


def media_of(root: Element, told: Told) -> Media:
    """The film that was told or the media descriptors name, videos before sounds, and where in it the document's time begins.

    ELAN plays media from TIME_ORIGIN on where several were synchronised: an annotation at 0 lies at TIME_ORIGIN of the film.

    Raises:
        UnreadableRow: no film is named, or several are.
    """
    described = root.findall("HEADER/MEDIA_DESCRIPTOR")
    videos = [media for media in described if media.get("MIME_TYPE", "").startswith("video")]
    origins = {_origin(media.get("TIME_ORIGIN", "0")) for media in videos or described} or {0}
    own = told.film_id or _own_film(root)
    films = {own} if own else {told.film_of(_file_name(media)) for media in videos or described} or {told.film_of(None)}
    if len(films) > 1:
        raise UnreadableRow("the document has media files of several films: say which with --film")
    if len(origins) > 1:
        raise UnreadableRow("the document's media begin at different times (TIME_ORIGIN): leave only the film among them")
    return Media(films.pop(), origins.pop())


def _own_film(root: Element) -> str | None:
    named = [prop.text or "" for prop in root.iterfind("HEADER/PROPERTY") if prop.get("NAME") == FILM_PROPERTY]
    return known_film_id(named[0]) if named else None


def _file_name(media: Element) -> str:
    return unquote(media.get("RELATIVE_MEDIA_URL") or media.get("MEDIA_URL") or "")


def _origin(text: str) -> int:
    if not _SIGNED.fullmatch(text):
        raise UnreadableRow(f"TIME_ORIGIN {text[:40]!r} of the media is no time")
    return int(text)


def read_tiers(root: Element, told: Told) -> list[Tier]:
    """The tiers in order; rater and character of a tier that does not name them are those of its parent tier.

    The rater is named after `@`, by ANNOTATOR, by the parent tier, by the document's AUTHOR or as told, in this order. Where the name of
    the tier goes on in brackets after its ANNOTATOR, `emotion@Anna (Forrest)`, that keeps it apart from others of the rater.
    """
    elements = root.findall("TIER")
    by_name = {element.get("TIER_ID", ""): element for element in elements}
    vocabularies = {kind.get("LINGUISTIC_TYPE_ID"): kind.get("CONTROLLED_VOCABULARY_REF") for kind in root.iterfind("LINGUISTIC_TYPE")}
    author = root.get("AUTHOR", "").strip()
    by_default = told.annotator if author in NOBODY else author
    tiers = []
    for number, element in enumerate(elements, start=1):
        line = list(_line(element, by_name))
        tiers.append(
            Tier(
                number=number,
                dimension=tier_dimension(element.get("TIER_ID", "")),
                rater=next(filter(None, map(_rater, line)), None) or by_default,
                character=next(filter(None, (tier.get("PARTICIPANT", "").strip() for tier in line)), None) or told.character,
                lane=_lane(element),
                vocabulary=vocabularies.get(element.get("LINGUISTIC_TYPE_REF")),
            )
        )
    return tiers


def _line(tier: Element, by_name: Mapping[str, Element]) -> Iterator[Element]:
    """The tier and those above it; a circle among them ends with MOST_ANCESTORS."""
    above: Element | None = tier
    for _ in range(MOST_ANCESTORS):
        if above is None:
            return
        yield above
        above = by_name.get(above.get("PARENT_REF", ""))


def _rater(tier: Element) -> str:
    annotator = tier.get("ANNOTATOR", "").strip()
    return annotator if _lane(tier) else tier.get("TIER_ID", "").partition("@")[2].strip() or annotator


def _lane(tier: Element) -> str:
    after, annotator = tier.get("TIER_ID", "").partition("@")[2].strip(), tier.get("ANNOTATOR", "").strip()
    return after.removeprefix(annotator).strip() if annotator and after.startswith(f"{annotator} (") and after.endswith(")") else ""


def read_annotations(elements: list[Element], tiers: list[Tier]) -> dict[str, Annotation]:
    """The annotations of all tiers by their ids.

    Raises:
        UnreadableFile: an id is missing or stands twice; the format wants each once, and references would be ambiguous.
    """
    found: dict[str, Annotation] = {}
    for element, tier in zip(elements, tiers, strict=True):
        for child in (child for holder in element.iterfind("ANNOTATION") for child in holder):
            annotation_id = child.get("ANNOTATION_ID", "")
            _check_new(annotation_id, found, f"annotation of tier {tier.number}")
            found[annotation_id] = _annotation(child, tier)
    return found


def _check_new(name: str, found: Mapping[str, object], what: str) -> None:
    if not name:
        raise UnreadableFile(f"an {what} has no id: save the file with ELAN")
    if len(name) > LONGEST_ID:
        raise UnreadableFile(f"an {what} has an id of {len(name)} characters: save the file with ELAN")
    if name in found:
        raise UnreadableFile(f"the id {name!r} of an {what} stands twice: save or merge the file with ELAN")


def _annotation(element: Element, tier: Tier) -> Annotation:
    refers = element.tag == "REF_ANNOTATION"
    return Annotation(
        tier=tier,
        text=(element.findtext("ANNOTATION_VALUE") or "").strip(),
        entry=element.get("CVE_REF"),
        slots=None if refers else (element.get("TIME_SLOT_REF1", ""), element.get("TIME_SLOT_REF2", "")),
        parent=element.get("ANNOTATION_REF", "") if refers else None,
        previous=element.get("PREVIOUS_ANNOTATION"),
    )


class _Document:
    """What the file holds, by ids, and what follows from it for single annotations."""

    def __init__(self, root: Element, told: Told) -> None:
        self._told = told
        self._media = _attempted_media(root, told)
        elements, tiers = root.findall("TIER"), read_tiers(root, told)
        self.unknown_tiers = _unknown_tiers(elements, tiers, root.get("AUTHOR", ""), told)
        self._annotations = read_annotations(elements, tiers)
        self._places = _Places(self._annotations, _Times(root, self._annotations))
        self._entries = _entries(root)
        self._external = {vocabulary.get("CV_ID") for vocabulary in root.iterfind("CONTROLLED_VOCABULARY") if vocabulary.get("EXT_REF")}

    def judging(self) -> Iterator[str]:
        """The ids of annotations that hold or should hold a judgement; an empty note holds nothing."""
        for annotation_id, annotation in self._annotations.items():
            if annotation.tier.dimension and (annotation.text or annotation.entry or annotation.tier.dimension != NOTE):
                yield annotation_id

    def region(self, annotation_id: str, pseudonyms: Pseudonyms) -> Region:
        """What an annotation says, when and by whom.

        Raises:
            UnreadableRow: one of these cannot be told.
        """
        annotation, media = self._annotations[annotation_id], self._media
        tier = annotation.tier
        if isinstance(media, UnreadableRow):
            raise media
        if not tier.rater:
            raise UnreadableRow(
                "the tier names no rater, as emotion@Anna or its annotator do: name one, or say who judged with --annotator"
            )
        place = self._placed(annotation_id)
        start_ms, end_ms = place.start_ms + media.origin_ms, place.end_ms + media.origin_ms
        if min(start_ms, end_ms) < 0:
            raise UnreadableRow(f"it lies {-min(start_ms, end_ms)} ms before the film begins, by TIME_ORIGIN of the media")
        return Region(
            ref=_ref(annotation_id),
            dimension=tier.dimension or "",
            text=self._text(annotation),
            film_id=media.film_id,
            annotator_id=pseudonyms.of(tier.rater),
            start_ms=start_ms,
            end_ms=end_ms,
            character=tier.character,
            lane=tier.lane,
            within=_ref(place.within) if place.within is not None else None,
        )

    def repairs(self, annotation_id: str) -> list[Refusal]:
        """What was done to get the times of a placed annotation."""
        repair = self._places.of(annotation_id).repair
        return [Refusal(_ref(annotation_id), repair)] if repair else []

    def _placed(self, annotation_id: str) -> Place:
        place = self._places.of(annotation_id)
        if place.fault is not None:
            raise UnreadableRow(place.fault)
        return place

    def _text(self, annotation: Annotation) -> str:
        """The text, or the entry of the vocabulary that the annotation names; of an emotion the wording that the scheme knows."""
        vocabulary, scheme = annotation.tier.vocabulary, self._told.scheme
        words = list(filter(None, (annotation.text, *self._entries.get((vocabulary, annotation.entry), ()))))
        if not words and annotation.entry and vocabulary in self._external:
            raise UnreadableRow("its text stands in an external vocabulary, which is not read: save the file with the texts in it")
        if not words:
            raise UnreadableRow("nothing is judged: the annotation is empty")
        if annotation.tier.dimension != "category":
            return words[0]
        meant = {word: found.emotion for word in words if (found := canonical(word, scheme)).known}
        if len(set(meant.values())) > 1:
            raise UnreadableRow(f"it says {words[0]!r}, and the vocabulary's entry for it {words[-1]!r}")
        return next(iter(meant), words[0])


def _attempted_media(root: Element, told: Told) -> Media | UnreadableRow:
    try:
        return media_of(root, told)
    except UnreadableRow as error:
        return error


def _unknown_tiers(elements: list[Element], tiers: list[Tier], author: str, told: Told) -> tuple[str, ...]:
    raters = {author.strip(), told.annotator or "", *(element.get("ANNOTATOR", "").strip() for element in elements)}
    pairs = zip(elements, tiers, strict=True)
    return tuple(dict.fromkeys(untold_tier(element.get("TIER_ID", ""), raters) for element, tier in pairs if tier.dimension is None))


def _entries(root: Element) -> dict[tuple[str | None, str | None], tuple[str, ...]]:
    """The wordings of each entry of the vocabularies in the file, by vocabulary and entry."""
    return {
        (vocabulary.get("CV_ID"), entry.get("CVE_ID")): tuple((value.text or "").strip() for value in entry.iterfind("CVE_VALUE"))
        for vocabulary in root.iterfind("CONTROLLED_VOCABULARY")
        for entry in vocabulary.iterfind("CV_ENTRY_ML")
    }


class _Times:
    """The times (ms) of the slots; those that the file leaves open lie evenly between their neighbours in a chain of annotations."""

    def __init__(self, root: Element, annotations: Mapping[str, Annotation]) -> None:
        self._given: dict[str, str | None] = {}
        for slot in root.iterfind("TIME_ORDER/TIME_SLOT"):
            _check_new(slot.get("TIME_SLOT_ID", ""), self._given, "entry of the time order")
            self._given[slot.get("TIME_SLOT_ID", "")] = slot.get("TIME_VALUE")
        self._known = {name: int(value) for name, value in self._given.items() if value is not None and _WHOLE.fullmatch(value)}
        self._between: dict[str, str] = {}
        for chain in _chains(annotations):
            self._set_open_slots(chain)

    def _set_open_slots(self, chain: list[str]) -> None:
        aligned = [position for position, slot in enumerate(chain) if slot in self._known]
        for first, last in pairwise(aligned):
            start, end = self._known[chain[first]], self._known[chain[last]]
            for position in range(first + 1, last):
                if self._given.get(chain[position], "") is None:
                    self._known[chain[position]] = start + (end - start) * (position - first) // (last - first)
                    self._between[chain[position]] = f"{start} and {end} ms"

    def of(self, slot: str) -> int:
        """The time of a slot.

        Raises:
            UnreadableRow: it has none.
        """
        if slot in self._known:
            return self._known[slot]
        if slot not in self._given:
            raise UnreadableRow(f"its time slot {slot[:40]!r} is not in the file")
        value = self._given[slot]
        if value is None:
            raise UnreadableRow(f"its time slot {slot[:40]!r} has no time, nor have its neighbours in the tier on both sides")
        raise UnreadableRow(f"the time {value[:40]!r} of its slot {slot[:40]!r} is no whole number of milliseconds")

    def repair(self, slots: tuple[str, str]) -> str | None:
        """What to tell of an annotation whose slots the file left open."""
        between = [
            f"time slot {slot[:40]!r} has no time: set evenly between {self._between[slot]}" for slot in slots if slot in self._between
        ]
        return "; ".join(between) or None


def _chains(annotations: Mapping[str, Annotation]) -> Iterator[list[str]]:
    """The slots of each tier's annotations that follow one another without a gap, parent tiers first as ELAN writes them."""
    of_tier: dict[int, dict[str, str]] = {}
    for annotation in annotations.values():
        if annotation.slots is not None:
            of_tier.setdefault(annotation.tier.number, {})[annotation.slots[0]] = annotation.slots[1]
    for after in of_tier.values():
        ends, seen = set(after.values()), set[str]()
        yield from (list(_followed(slot, after, seen)) for slot in after if slot not in ends)


def _followed(head: str, after: Mapping[str, str], seen: set[str]) -> Iterator[str]:
    """`head` and what comes after it, as far as the first that was seen before."""
    current: str | None = head
    while current is not None:
        yield current
        known = current in seen
        seen.add(current)
        current = None if known else after.get(current)


class _Places:
    """The places of annotations, found once for each along the references upwards."""

    def __init__(self, annotations: Mapping[str, Annotation], times: _Times) -> None:
        self._annotations = annotations
        self._times = times
        self._shares = dict(_shares(annotations))
        self._found: dict[str, Place] = {}

    def of(self, annotation_id: str) -> Place:
        """The place of an annotation that the file holds."""
        path: dict[str, Annotation] = {}
        current = annotation_id
        while current in self._annotations and current not in self._found and current not in path:
            path[current] = self._annotations[current]
            current = path[current].parent or ""
        if current in path:
            self._found.update(dict.fromkeys(path, Place(fault=f"its references go in a circle at annotation {current}")))
            return self._found[annotation_id]
        for below, annotation in reversed(path.items()):
            self._found[below] = self._place(below, annotation)
        return self._found[annotation_id]

    def _place(self, annotation_id: str, annotation: Annotation) -> Place:
        if annotation.slots is not None:
            return self._aligned(annotation.slots)
        parent_id = annotation.parent or ""
        if parent_id not in self._annotations:
            return Place(fault=f"the annotation {parent_id[:40]!r} that it refers to is not in the file")
        above = self._found[parent_id]
        if above.fault is not None:
            return Place(fault=above.fault)
        named = self._annotations[parent_id].tier.dimension not in (None, NOTE)
        within = parent_id if named else above.within
        return self._share(annotation_id, parent_id, above, within)

    def _aligned(self, slots: tuple[str, str]) -> Place:
        try:
            return Place(self._times.of(slots[0]), self._times.of(slots[1]), repair=self._times.repair(slots))
        except UnreadableRow as error:
            return Place(fault=str(error))

    def _share(self, annotation_id: str, parent_id: str, above: Place, within: str | None) -> Place:
        index, count = self._shares.get(annotation_id, (0, 1))
        if count == 0:
            return Place(fault=f"the order of the parts of annotation {parent_id} is not told whole")
        if count == 1:
            return Place(above.start_ms, above.end_ms, within, above.repair)
        length = above.end_ms - above.start_ms
        start, end = (above.start_ms + length * step // count for step in (index, index + 1))
        return Place(start, end, within, f"part {index + 1} of {count} of annotation {parent_id}: set to an even share of its time")


def _shares(annotations: Mapping[str, Annotation]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Position and number of the parts into which an annotation is subdivided; a number of 0 where their order is not known.

    ELAN chains the parts by PREVIOUS_ANNOTATION. Where none names another one, each is about the whole of its parent.
    """
    parts: dict[tuple[int, str], list[str]] = {}
    for annotation_id, annotation in annotations.items():
        if annotation.parent is not None:
            parts.setdefault((annotation.tier.number, annotation.parent), []).append(annotation_id)
    for siblings in parts.values():
        after = {previous: part for part in siblings if (previous := annotations[part].previous) is not None}
        heads = [part for part in siblings if annotations[part].previous is None]
        chain = list(_followed(heads[0], after, set())) if len(heads) == 1 else []
        if after and len(chain) == len(siblings):
            yield from ((part, (position, len(chain))) for position, part in enumerate(chain))
        elif after:
            yield from ((part, (0, 0)) for part in siblings)


IMPORTER = Importer("elan", "ELAN annotation documents (.eaf)", is_elan, read_documents)
