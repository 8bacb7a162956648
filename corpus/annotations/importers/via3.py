"""Reads projects of the VGG Image Annotator 3: a JSON with attributes, files, views of files, and marked segments and regions.

An attribute judges the dimension that its name is, and only what has a value of such an attribute is a judgement: boxes and activities
are not counted, but the names of their attributes are told. A segment in which the rater left all attributes empty is refused, since it
was marked to be judged. VIA knows no raters, so that a project is one rater's.

Source: the annotated project in CodeDoc.md of VIA 3 (gitlab.com/vgg/via), and _via_attribute.js for the types of attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from corpus.annotations.importers.numbers import number, time_ms
from corpus.annotations.importers.reading import (
    Files,
    Importer,
    Told,
    UnreadableFile,
    UnreadableRow,
    decode_json,
    delivery_of,
    dimension_of,
    each_file,
)
from corpus.annotations.judgements import Delivery, Judgement, Refusal
from corpus.annotations.pseudonyms import Pseudonyms

TOOL = "via3/1"
PARTS = ("attribute", "file", "view", "metadata")
TEXT, CHECKBOX, RADIO, SELECT = 1, 2, 3, 4


@dataclass(frozen=True)
class Attribute:
    """An attribute that judges a dimension; `options` are texts by id where it has a choice of them."""

    dimension: str
    kind: object
    options: Mapping[str, object]


@dataclass(frozen=True)
class Project:
    """The parts of a project; `judging` the attributes that judge, by id, `other` the names of the rest."""

    judging: Mapping[str, Attribute]
    other: tuple[str, ...]
    files: Mapping[str, object]
    views: Mapping[str, object]
    regions: Mapping[str, object]


def is_via3(files: Files) -> bool:
    """Whether all files are JSON with the parts of a project."""
    keys = [f'"{part}"'.encode() for part in (*PARTS, "fid_list")]
    return all(name.casefold().endswith(".json") and all(key in content for key in keys) for name, content in files.items())


def read_project(name: str, content: bytes, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """Read one project; a region that names several emotions counts as many rows."""
    try:
        project = _project(content)
    except UnreadableFile as error:
        return Delivery(TOOL, fault=str(error))
    read: list[Judgement | Refusal] = []
    for region_id, region in project.regions.items():
        try:
            read.extend(_judgements(region_id, region, project, pseudonyms, told))
        except UnreadableRow as error:
            read.append(Refusal(f"region {region_id}", str(error)))
    return delivery_of(TOOL, read, project.other)


def _project(content: bytes) -> Project:
    project = decode_json(content)
    if not isinstance(project, dict) or not all(isinstance(project.get(part), dict) for part in PARTS):
        raise UnreadableFile(f"the JSON has not the parts {', '.join(PARTS)} of a project of VIA 3")
    named = {attribute_id: _name(attribute) for attribute_id, attribute in project["attribute"].items()}
    judging = {
        attribute_id: _attribute(dimension, project["attribute"][attribute_id])
        for attribute_id, name in named.items()
        if (dimension := dimension_of(name)) is not None
    }
    other = {f"attribute {name}" for attribute_id, name in named.items() if attribute_id not in judging}
    return Project(judging, tuple(sorted(other)), project["file"], project["view"], project["metadata"])


def _name(attribute: object) -> str:
    if not isinstance(attribute, dict) or not isinstance(attribute.get("aname"), str):
        raise UnreadableFile("an attribute of the project has no aname")
    return str(attribute["aname"])


def _attribute(dimension: str, attribute: Mapping[str, object]) -> Attribute:
    options = attribute.get("options")
    return Attribute(dimension, attribute.get("type"), options if isinstance(options, dict) else {})


def _judgements(region_id: str, region: object, project: Project, pseudonyms: Pseudonyms, told: Told) -> list[Judgement]:
    if not isinstance(region, dict) or not isinstance(region.get("av"), dict):
        raise UnreadableRow("it has no attribute values (av)")
    said = _said(region["av"], project)
    if not said:
        _check_not_forgotten(region, project)
        return []
    emotions = said.pop("category", [])
    values = {dimension: _value(dimension, texts) for dimension, texts in said.items()}
    if len(emotions) > 1 and "intensity" in values:
        raise UnreadableRow(f"one intensity for {len(emotions)} emotions: it cannot be told which one's it is")
    scales = {dimension: told.scales[dimension] for dimension in values if dimension in told.scales} if told.scales else {}
    bare = _bare_judgement(region_id, region, project, pseudonyms, told)
    first = replace(bare, emotion=emotions[0] if emotions else None, values=values, scales=scales)
    return [first, *(replace(bare, emotion=emotion, rank=rank) for rank, emotion in enumerate(emotions[1:], start=2))]


def _bare_judgement(region_id: str, region: Mapping[str, object], project: Project, pseudonyms: Pseudonyms, told: Told) -> Judgement:
    """Who judges what; not yet how."""
    start_ms, end_ms = _span(region.get("z"))
    if not told.annotator:
        raise UnreadableRow("VIA names no rater: say whose project it is with --annotator")
    film_id = told.film_id or told.film_of(_media(region.get("vid"), project))
    bare = told.judgement(film_id, pseudonyms.of(told.annotator), f"region {region_id}")
    return replace(bare, start_ms=start_ms, end_ms=end_ms, tool_id=region_id)


def _said(values: Mapping[str, object], project: Project) -> dict[str, list[str]]:
    """What judging attributes say, by dimension; nothing where they are empty."""
    said: dict[str, list[str]] = {}
    for attribute_id, value in values.items():
        attribute = project.judging.get(attribute_id)
        if attribute is None or value in ("", None):
            continue
        if not isinstance(value, str):
            raise UnreadableRow(f"the value of {attribute.dimension} is no text")
        if attribute.dimension in said:
            raise UnreadableRow(f"two attributes say its {attribute.dimension}")
        said[attribute.dimension] = _texts(attribute, value)
    return {dimension: texts for dimension, texts in said.items() if texts}


def _texts(attribute: Attribute, value: str) -> list[str]:
    """The text, or the texts of the options chosen, in the order in which VIA keeps them: that of choosing."""
    if attribute.kind == TEXT:
        return [value.strip()] if value.strip() else []
    if attribute.kind not in (CHECKBOX, RADIO, SELECT):
        raise UnreadableRow(f"its {attribute.dimension} is of a type that is not read: use text, checkbox, radio or select")
    chosen = value.split(",") if attribute.kind == CHECKBOX else [value]
    return list(dict.fromkeys(_option(attribute, option_id) for option_id in chosen if option_id))


def _option(attribute: Attribute, option_id: str) -> str:
    text = attribute.options.get(option_id)
    if not isinstance(text, str) or not text.strip():
        raise UnreadableRow(f"{option_id[:40]!r} is no option of its {attribute.dimension}")
    return text.strip()


def _check_not_forgotten(region: dict[str, Any], project: Project) -> None:
    of_something_else = any(value not in ("", None) for attribute_id, value in region["av"].items() if attribute_id not in project.judging)
    if project.judging and region.get("z") and not region.get("xy") and not of_something_else:
        raise UnreadableRow("nothing is judged: all its attributes are empty")


def _span(z: object) -> tuple[int, int | None]:
    """Start and end of a segment in ms; a point in time has no end."""
    if not isinstance(z, list) or len(z) not in (1, 2) or not all(type(t) in (int, float) for t in z):
        raise UnreadableRow("its z is neither a time nor a start and an end")
    times = [time_ms(repr(t), 1000) for t in z]
    return times[0], times[1] if len(times) > 1 else None


def _media(view_id: object, project: Project) -> str | None:
    """Name of the one file that a view shows; None where it has none."""
    view = project.views.get(str(view_id))
    shown = view.get("fid_list") if isinstance(view, dict) else None
    if not isinstance(shown, list) or len(shown) != 1:
        raise UnreadableRow("it is not in a view of one file: say with --film which film it is of")
    file = project.files.get(str(shown[0]))
    name = file.get("fname") if isinstance(file, dict) else None
    return name if isinstance(name, str) else None


def _value(dimension: str, texts: list[str]) -> float:
    if len(texts) > 1:
        raise UnreadableRow(f"{len(texts)} values of {dimension} are chosen: keep one")
    return number(texts[0])


IMPORTER = Importer("via3", "VGG Image Annotator 3 (project as JSON)", is_via3, each_file(read_project))
