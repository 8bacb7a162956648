"""Maps the labels of declared schemes onto the platform's emotions, or refuses.

A scheme is a closed table of words: a label that is not in it has no canonical emotion, however close it looks, and stays as the rater
gave it until somebody decides. Some words are known and still have no place among them (trust, anticipation): they are refused by
name, which is another fault than a misspelling.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from corpus import emotions
from corpus.terms import FeelmError

WORD_FORMS: dict[str, tuple[str, ...]] = {emotion.name: emotion.forms for emotion in emotions.ALL}
"""English word forms of the emotions."""


@dataclass(frozen=True)
class Scheme:
    """A closed vocabulary: `emotions` maps a folded label to one of EMOTIONS, `without_place` holds known labels outside the seven."""

    name: str
    emotions: dict[str, str]
    without_place: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Canonical:
    """What a label means here: an emotion, or None; `known` tells whether the scheme has the word at all."""

    emotion: str | None
    known: bool


_WORDS = {form: emotion for emotion, forms in WORD_FORMS.items() for form in forms}

_LABS = {"happiness": "joy", "angerrage": "anger", "sadness": "sadness", "fear": "fear"}
_LABS_WITHOUT_PLACE = frozenset(
    [
        "admiration",
        "compassion",
        "contempt",
        "disappointment",
        "fearsconfirmed",
        "gloating",
        "gratification",
        "gratitude",
        "happyfor",
        "hate",
        "hope",
        "love",
        "pride",
        "relief",
        "remorse",
        "resentment",
        "satisfaction",
        "shame",
    ]
)
"""Of the words of Labs et al. (2015), 22 in all; joy for another (happyfor) and a fear that came true are other emotions of their model."""

_PLUTCHIK_NUMBERS = {"0": "neutral", "1": "anger", "3": "disgust", "4": "fear", "5": "joy", "6": "sadness", "7": "surprise"}

SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme("feelm", _WORDS),
        Scheme("ekman", _WORDS, frozenset({"contempt"})),
        Scheme("plutchik", _WORDS, frozenset({"anticipation", "trust"})),
        Scheme("labs", _LABS, _LABS_WITHOUT_PLACE),
        Scheme("xed", _WORDS | _PLUTCHIK_NUMBERS, frozenset({"2", "8", "anticipation", "trust"})),
    )
}


def canonical(label: str, scheme: str = "feelm") -> Canonical:
    """The emotion that `label` means in `scheme`; case and surrounding space do not matter, anything else does.

    Raises:
        FeelmError: the scheme is not declared.
    """
    if scheme not in SCHEMES:
        raise FeelmError(f"label scheme {scheme!r} is not declared: use one of {', '.join(sorted(SCHEMES))}")
    folded = unicodedata.normalize("NFC", label).strip().casefold()
    declared = SCHEMES[scheme]
    return Canonical(declared.emotions.get(folded), known=folded in declared.emotions or folded in declared.without_place)
