"""Recognising emotion in turns as they are told: what `/v1/detect`, its batches, the client and the MLflow flavour answer with.

One path from words to numbers for all of them, in memory: the dialogues of several askers go through the champion together and come out
apart. Where it is asked why, the networks are asked again with parts left out, as for a film.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from corpus.terms import EMOTIONS, FeelmError
from ml.models.dataset import FloatArray
from ml.models.dialogue import HeardTurns, Turn, read_dialogues
from ml.models.explain import explain_units
from ml.models.reasons import Why, reasons
from service.champion import Champion, Origin
from service.detect import UNCERTAIN_BELOW
from service.digits import levels, rounded


@dataclass(frozen=True)
class DetectedTurn:
    """One turn: seven probabilities in the order of EMOTIONS (0..1), intensity 0..1, valence and arousal -1..1.

    `confidence` is the calibrated probability of `emotion`. `read` is False where there are no words, or words of a `language` that the
    encoder does not know: then the answer is what is usual around it, and `uncertain`. In `why` a line is named by its words.
    """

    text: str
    speaker: str | None
    language: str | None
    emotion: str
    confidence: float
    probabilities: tuple[float, ...]
    intensity: float | None
    valence: float | None
    arousal: float | None
    uncertain: bool
    read: bool
    why: Why | None = None


@dataclass(frozen=True)
class DetectedTurns:
    """What the champion recognises in the turns of one dialogue, and whose answer that is."""

    origin: Origin
    turns: tuple[DetectedTurn, ...]


def turns_of_text(text: str) -> tuple[Turn, ...]:
    """Each non-empty line of a text as a turn of which it is not known who speaks.

    Raises:
        FeelmError: there is no such line.
    """
    turns = tuple(Turn(line.strip()) for line in text.splitlines() if line.strip())
    if not turns:
        raise FeelmError("there is no text to read: give at least one line that is not empty")
    return turns


NAMED = re.compile(r"(?P<speaker>[^\s:][^:]{0,39}):\s+(?P<text>\S.*)")


def turns_of_talk(text: str) -> tuple[Turn, ...]:
    """Each non-empty line `name: words` as a turn of that speaker, any other as one of the user.

    Raises:
        FeelmError: there is no such line.
    """
    told = [(turn.text, NAMED.fullmatch(turn.text)) for turn in turns_of_text(text)]
    return tuple(Turn(named["text"], named["speaker"].strip()) if named else Turn(line, "user") for line, named in told)


def detected(champion: Champion, turns: Sequence[Turn], heard: HeardTurns, why: Sequence[Why | None] | None = None) -> DetectedTurns:
    """What was heard of the turns of one dialogue, as an answer."""
    reasons_given = why if why is not None else [None] * len(turns)
    told = tuple(read_turn(turn, heard.probabilities[row], heard, row, reasons_given[row]) for row, turn in enumerate(turns))
    return DetectedTurns(champion.origin, told)


def detect_turns(champion: Champion, turns: Sequence[Turn], language: str | None = None, explain: bool = False) -> DetectedTurns:
    """Emotion of each turn of one dialogue; with `explain` each says why.

    Raises:
        WeightError: the text encoder is missing or damaged.
    """
    (heard,) = champion.hear([turns], language)
    return detected(champion, turns, heard, explain_turns(champion, turns, language) if explain else None)


def explain_turns(champion: Champion, turns: Sequence[Turn], language: str | None = None) -> list[Why | None]:
    """What the emotion of each turn of one dialogue rests on; None where nothing is known of a turn."""
    import pandas as pd

    _, data = read_dialogues(champion.model, champion.lines, [turns], language)
    names = [str(row) for row in range(len(turns))]
    found = reasons(explain_units(champion.model, pd.DataFrame({"unit_id": names, "film_id": "talk"}), data))
    return [_told(found.get(name), turns) for name in names]


def _told(why: Why | None, turns: Sequence[Turn]) -> Why | None:
    """The same with lines named by what they say."""
    return None if why is None else replace(why, lines=tuple(replace(line, name=turns[int(line.name)].text) for line in why.lines))


def read_turn(turn: Turn, probabilities: FloatArray, heard: HeardTurns, row: int, why: Why | None = None) -> DetectedTurn:
    """The turn in a `row` of what was heard, with these probabilities (7,)."""
    said, best = rounded(probabilities), int(np.argmax(probabilities))
    read = bool(heard.read[row])
    return DetectedTurn(
        text=turn.text,
        speaker=turn.speaker,
        language=heard.languages[row],
        emotion=EMOTIONS[best],
        confidence=said[best],
        probabilities=said,
        **levels(heard.levels[row].tolist()),
        uncertain=said[best] < UNCERTAIN_BELOW or not read,
        read=read,
        why=why,
    )
