"""What raters see in Label Studio: every answer stands below its question, and nothing is asked that cannot be read back."""

from xml.etree.ElementTree import Element

import pytest
from defusedxml import ElementTree as SafeTree

from corpus.annotations.label_studio_config import CHARACTER, NOTE, QUESTIONS, asked_by, labelling_config


def told_before(view: Element) -> dict[str, str | None]:
    """Each control's name -> what stands above it, or in it while it is empty."""
    found: dict[str, str | None] = {}
    last = None
    for element in view.iter():
        if element.tag == "Header":
            last = element.get("value")
        elif element.get("toName"):
            found[str(element.get("name"))] = element.get("placeholder") or last
    return found


@pytest.mark.parametrize("with_units", [True, False])
def test_every_answer_but_the_emotion_stands_with_its_own_question(with_units: bool):
    told = told_before(SafeTree.fromstring(labelling_config(with_units)))
    asked = {name: asked_by(name) for name in told if asked_by(name) != "category"}
    assert {*asked.values()} == {"intensity", "valence", "arousal", CHARACTER, NOTE}
    assert all(told[name] == QUESTIONS[str(about)] for name, about in asked.items())
    assert len({*QUESTIONS.values()}) == len(QUESTIONS)


def test_a_project_of_whole_films_asks_only_about_regions():
    """An answer about a whole film has no time, and the importer refuses it."""
    config = SafeTree.fromstring(labelling_config(with_units=False))
    controls = [element for element in config.iter() if element.get("toName")]
    assert [element.tag for element in controls if element.get("perRegion") != "true"] == ["TimelineLabels"]


def test_questions_about_a_region_are_shown_where_one_is_chosen():
    config = SafeTree.fromstring(labelling_config())
    (about_region,) = (view for view in config.iter("View") if view.get("visibleWhen") == "region-selected")
    assert {element.get("name") for element in about_region if element.get("toName")} == {*QUESTIONS}
