"""What Feelm's projects in Label Studio look like: the names of their controls, the scale of their ratings, the labelling configuration.

The exporter writes projects of this look and the importer reads them, and any other project that names its controls by the same words. A
control about a region of the timeline has the plain word as its name, one about the whole task (a unit) the word with `unit_` before it;
`film_` and `speech_` are read alike, for projects that ask the same of several media.
"""

from __future__ import annotations

from xml.etree import ElementTree

from corpus.annotations.importers.reading import dimension_of
from corpus.annotations.judgements import VALUE_RANGES
from corpus.contracts import EMOTIONS

OF_UNIT = "unit_"
PREFIXES = (OF_UNIT, "film_", "speech_")

CHARACTER, NOTE = "character", "note"
NUMBERS = ("valence", "arousal")
"""Dimensions that our projects ask for as numbers, on the ends of VALUE_RANGES."""

MOST_STARS = 5
RATING_SCALES: dict[str, tuple[float, float]] = {"intensity": (1.0, float(MOST_STARS))}
"""Ends of the ratings of our projects; an export does not hold a rating's scale."""

VIDEO = "video"
"""The name of the medium that all controls are about."""


def asked_by(control: str) -> str | None:
    """What a control asks for by its name: a dimension, `character`, `note`, or None where the name is not known."""
    word = control.strip().casefold()
    prefix = next((prefix for prefix in PREFIXES if word.startswith(prefix)), "")
    word = word.removeprefix(prefix)
    if word in (CHARACTER, "character_id"):
        return CHARACTER
    return NOTE if word in (NOTE, "notes") else dimension_of(word)


def stars(intensity: float) -> int:
    """The rating nearest to an intensity of 0 to 1."""
    return round(1 + intensity * (MOST_STARS - 1))


def labelling_config() -> bytes:
    """The labelling configuration (XML) of a project; tasks give `video`, `fps` and `perspective`, which is fixed for each task."""
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Header", value="Perspective:")
    ElementTree.SubElement(view, "Header", value="$perspective")
    emotions = _control(view, "TimelineLabels", "emotion")
    for emotion in EMOTIONS:
        ElementTree.SubElement(emotions, "Label", value=emotion)
    ElementTree.SubElement(view, "Video", name=VIDEO, value="$video", frameRate="$fps", timelineHeight="120")
    ElementTree.SubElement(view, "Header", value="The region that is chosen on the timeline")
    _add_questions(view, "", {"perRegion": "true"})
    ElementTree.SubElement(view, "Header", value="The whole unit, where the task names one")
    choices = _control(view, "Choices", f"{OF_UNIT}emotion", choice="multiple", showInline="true")
    for emotion in EMOTIONS:
        ElementTree.SubElement(choices, "Choice", value=emotion)
    _add_questions(view, OF_UNIT, {})
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="utf-8") + b"\n"


def _add_questions(view: ElementTree.Element, prefix: str, more: dict[str, str]) -> None:
    """Intensity, numbers, character and note: about a region, or with a prefix about the whole task."""
    _control(view, "Rating", f"{prefix}intensity", maxRating=str(MOST_STARS), **more)
    for name in NUMBERS:
        low, high = VALUE_RANGES[name]
        _control(view, "Number", f"{prefix}{name}", min=f"{low:g}", max=f"{high:g}", step="0.1", **more)
    for name in (CHARACTER, NOTE):
        _control(view, "TextArea", f"{prefix}{name}", placeholder=name, maxSubmissions="1", **more)


def _control(view: ElementTree.Element, tag: str, name: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(view, tag, {"name": name, "toName": VIDEO} | attributes)
