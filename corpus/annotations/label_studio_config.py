"""What Feelm's projects in Label Studio look like: the names of their controls, the scale of their ratings, the labelling configuration.

The exporter writes projects of this look and the importer reads them, and any other project that names its controls by the same words. A
control about a region of the timeline has the plain word as its name, one about the whole task (a unit) the word with `unit_` before it;
`film_` and `speech_` are read alike, for projects that ask the same of several media.
"""

from __future__ import annotations

from xml.etree import ElementTree

from corpus.annotations.importers.reading import dimension_of
from corpus.annotations.judgements import VALUE_RANGES
from corpus.terms import EMOTIONS

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

COUNTS = "What stands in the list of regions when you submit counts as yours, suggestions too: delete those that you do not share."
CHOOSE = "Choose an emotion, then draw over the timeline. Click on a region to say more about it."

VIDEO_HEIGHT = "480"
"""That of a proxy; so film, timeline and questions are seen at once on a screen of 1920 by 1080."""

BESIDE = "display: flex; gap: 1em"
"""Parts stand beside each other."""

QUESTIONS = {
    "intensity": "Intensity, from barely to fully",
    "valence": "Valence, from -1 (unpleasant) to 1 (pleasant)",
    "arousal": "Arousal, from -1 (calm) to 1 (excited)",
    CHARACTER: "Character: whose emotion it is",
    NOTE: "Note: anything else",
}
"""What stands beside the answers: the tool itself shows no control's name."""


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


def labelling_config(with_units: bool = True) -> bytes:
    """The labelling configuration (XML) of a project; tasks give `video`, `fps` and `perspective`, which is fixed for each task.

    Without units, as where every task is a whole film, nothing is asked of the whole task: nobody could say what the answers are about.
    """
    view = ElementTree.Element("View")
    head = ElementTree.SubElement(view, "View", style=BESIDE)
    _tell(head, "Perspective:")
    _tell(head, "$perspective")
    emotions = _control(view, "TimelineLabels", "emotion")
    for emotion in EMOTIONS:
        ElementTree.SubElement(emotions, "Label", value=emotion)
    both = ElementTree.SubElement(view, "View", style=BESIDE)
    film = ElementTree.SubElement(both, "View", style="flex: 1; min-width: 0")
    ElementTree.SubElement(film, "Video", name=VIDEO, value="$video", frameRate="$fps", height=VIDEO_HEIGHT, timelineHeight="120")
    _ask_about_regions(ElementTree.SubElement(both, "View", style="width: 16em"))
    if with_units:
        _tell(view, "The whole unit, where the task names one")
        choices = _control(view, "Choices", f"{OF_UNIT}emotion", choice="multiple", showInline="true")
        for emotion in EMOTIONS:
            ElementTree.SubElement(choices, "Choice", value=emotion)
        _add_questions(view, OF_UNIT, {})
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="utf-8") + b"\n"


def _ask_about_regions(view: ElementTree.Element) -> None:
    _tell(ElementTree.SubElement(view, "View", visibleWhen="no-region-selected"), CHOOSE)
    _add_questions(ElementTree.SubElement(view, "View", visibleWhen="region-selected"), "", {"perRegion": "true"})
    _tell(view, COUNTS)


def _add_questions(view: ElementTree.Element, prefix: str, more: dict[str, str]) -> None:
    """Intensity, numbers, character and note: about a region, or with a prefix about the whole task."""
    _tell(view, QUESTIONS["intensity"])
    _control(view, "Rating", f"{prefix}intensity", maxRating=str(MOST_STARS), **more)
    for name in NUMBERS:
        low, high = VALUE_RANGES[name]
        _tell(view, QUESTIONS[name])
        _control(view, "Number", f"{prefix}{name}", min=f"{low:g}", max=f"{high:g}", step="0.1", **more)
    for name in (CHARACTER, NOTE):
        _control(view, "TextArea", f"{prefix}{name}", placeholder=QUESTIONS[name], maxSubmissions="1", **more)


def _tell(view: ElementTree.Element, text: str) -> None:
    ElementTree.SubElement(view, "Header", value=text, size="5")


def _control(view: ElementTree.Element, tag: str, name: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(view, tag, {"name": name, "toName": VIDEO} | attributes)
