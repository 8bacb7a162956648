"""Labels map by declaration or not at all."""

import pytest

from corpus.annotations.vocabulary import SCHEMES, Canonical, canonical
from corpus.terms import EMOTIONS, FeelmError


@pytest.mark.parametrize(("label", "emotion"), [("happy", "joy"), (" Angry ", "anger"), ("SADNESS", "sadness"), ("surprised", "surprise")])
def test_declared_word_forms_map(label: str, emotion: str):
    assert canonical(label).emotion == emotion


@pytest.mark.parametrize("label", ["happyish", "Freude", "joy!", "jo y", "", "none", "0", "trust"])
def test_anything_else_is_refused_with_a_reason(label: str):
    assert canonical(label) == Canonical(None, known=False)


def test_known_labels_without_a_place_are_told_apart_from_misspellings():
    for label in ("2", "8", "trust"):
        assert canonical(label, "xed") == Canonical(None, known=True)
    assert [canonical(str(n), "xed").emotion for n in (0, 1, 3, 4, 5, 6, 7)] == [
        "neutral",
        "anger",
        "disgust",
        "fear",
        "joy",
        "sadness",
        "surprise",
    ]


def test_every_scheme_maps_onto_the_seven_only():
    assert all(set(scheme.emotions.values()) <= set(EMOTIONS) for scheme in SCHEMES.values())
    with pytest.raises(FeelmError, match="not declared"):
        canonical("joy", "mine")
