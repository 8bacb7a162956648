"""The words that every room shares: the emotions, what films may be used for, what a unit is, and the error a user can act on.

They need the standard library alone, so that the networks in `ml/` load where torch is and no table library. The tables that these
words stand in are declared in `corpus.contracts`.
"""

import re
from enum import StrEnum

from corpus import emotions

EMOTIONS: tuple[str, ...] = tuple(emotion.name for emotion in emotions.ALL)
"""The platform's emotions, in the order of every probability vector."""

PROBABILITY_COLUMNS: tuple[str, ...] = tuple(f"p_{emotion}" for emotion in EMOTIONS)

MODALITIES: tuple[str, ...] = ("face", "voice", "text")

FUSED = "fused"
"""The system that joins all modalities; those below are it on each unit without its neighbours, and among other units of its film."""
NO_CONTEXT, SHUFFLED = f"{FUSED}_no_context", f"{FUSED}_shuffled"

LEVELS: tuple[str, ...] = ("intensity", "valence", "arousal")
"""What a model says of a unit besides its emotion: 0..1, -1..1 and -1..1."""

DISTRESS: tuple[str, ...] = ("fear", "sadness")
"""Emotions on which a person is asked how they are."""
ROLES: tuple[str, ...] = ("speaker", "addressee", "present")
"""What a character is to a line that is heard: its speaker, whoever spoke last beside them, or someone else who is there."""

DIMENSIONS = ("category", "intensity", "valence", "arousal", "dominance")
PERSPECTIVES = ("portrayed", "intended", "perceived", "felt")
MODALITIES_SEEN = ("a", "v", "t", "av", "at", "vt", "avt")
JUDGEMENT_STATUSES = ("submitted", "skipped", "rejected", "adjudicated")

MADE = "made by corpus.maker; nobody's work is in it"
"""What stands for the rights of films that Feelm made itself, by which they are known."""

FILM_ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class FeelmError(Exception):
    """A fault the user can act on: the message says what was wrong, where, and what to do."""


class Rights(StrEnum):
    """What the team may do with a film."""

    PUBLIC_DOMAIN = "public_domain"
    CC0 = "cc0"
    CC_BY = "cc_by"
    LICENSED = "licensed"
    RESEARCH_EXCEPTION = "research_exception"
    UNKNOWN = "unknown"


class TextEncoder(StrEnum):
    """What makes numbers of sentences, by the name of its weight: English alone, or a hundred languages at more cost."""

    MINILM = "minilm"
    MULTILINGUAL_E5 = "multilingual-e5"


class FaceNetwork(StrEnum):
    """What sees the crops of a face's track: a small network trained from nothing, or EfficientNet-Lite0 fine-tuned from ImageNet."""

    SMALL = "small"
    LITE0 = "lite0"


class DeclaredUse(StrEnum):
    """The widest use that a film, corpus, weight or model is declared for."""

    RESEARCH = "research"
    INTERNAL = "internal"
    COMMERCIAL = "commercial"


class ArcShape(StrEnum):
    """The six shapes that the fortune of most stories follows.

    Source: Reagan et al., The emotional arcs of stories are dominated by six basic shapes, EPJ Data Science 5:31, 2016.
    """

    RAGS_TO_RICHES = "rags_to_riches"
    TRAGEDY = "tragedy"
    MAN_IN_A_HOLE = "man_in_a_hole"
    ICARUS = "icarus"
    CINDERELLA = "cinderella"
    OEDIPUS = "oedipus"


class UnitLevel(StrEnum):
    """What a unit is: the thing that is labelled and predicted."""

    UTTERANCE = "utterance"
    SCENE = "scene"
    SPAN = "span"


class GoldStatus(StrEnum):
    """How far a unit's votes can be trusted."""

    GOLD = "gold"
    AMBIGUOUS = "ambiguous"
    INSUFFICIENT = "insufficient"


class ExplainedPart(StrEnum):
    """What is left out to see what it did: a modality of the film, a line near the unit, a picture of the unit's face."""

    MODALITY = "modality"
    LINE = "line"
    FRAME = "frame"


MINIMUM_RATERS = 3
"""A unit that fewer raters judged is `GoldStatus.INSUFFICIENT`."""


def check_film_id(film_id: str) -> str:
    """Return `film_id` unchanged; raise FeelmError when it is not a safe slug (lower case, digits, `-`, `_`, at most 64)."""
    if not FILM_ID_PATTERN.fullmatch(film_id):
        raise FeelmError(
            f"film id {film_id!r} is not allowed: use 1-64 lower-case letters, digits, '-' or '_', starting with a letter or digit"
        )
    return film_id
