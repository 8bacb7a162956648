"""Whether somebody may be in danger, from the last turns of a conversation: none, a check question, or a person who takes over.

Deterministic rules read what the person says and a classifier behind them what they miss. Recall comes before everything: a weak sign leads
to a question, a yes to that question or two weak signs of different kinds of saying to a person, and whatever fails (an exception, a
time-out, a language that nobody here reads, a model that is not there) escalates too, and says that it is a failure.
"""

from __future__ import annotations

import logging
import time
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from corpus.terms import EMOTIONS, FeelmError
from corpus.weights import WeightError
from ml.features.text.live import LineReader
from ml.models.dialogue import HeardTurns, Turn
from service.languages import primary, spoken_to
from service.safety.distress.classifier import Classifier, Sensitivity
from service.safety.distress.matching import QUOTED, Sign, heard_in, signs_of
from service.safety.distress.rules import Kind, Strength, all_rules

LAST_TURNS = 6
"""The person's turns that count; a danger told before stays one for so long."""

LIMIT_S = 2.0
"""Longest time for one assessment."""

PIECE = 2000
OVERLAP = 200
"""A long text is read in pieces of so many characters, each beginning so many before the end of the one before."""

CHECKS = Path(__file__).with_name("check.yaml")
CLASSIFIER = "classifier"
ANSWER = "answer"

DARK = [EMOTIONS.index("fear"), EMOTIONS.index("sadness")]

_log = logging.getLogger("feelm.distress")


class Level(StrEnum):
    """What is to be done: nothing, a check question, or a person takes over."""

    NONE = "none"
    CHECK = "check"
    ESCALATE = "escalate"


@dataclass(frozen=True)
class Evidence:
    """What a judgement rests on: the characters [start, end) of a turn, and the rule, the classifier or the answer that found it there."""

    turn: int
    start: int
    end: int
    found_by: str
    kind: Kind
    strength: Strength
    quoted: bool = False
    negated: bool = False


@dataclass(frozen=True)
class Distress:
    """The level, kinds of danger (the gravest first), the evidence, why in sentences, and the check question's name where one is due.

    `failed` says that something went wrong and the level stands for that.
    """

    level: Level
    kinds: tuple[Kind, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    why: tuple[str, ...] = ()
    question: str | None = None
    failed: bool = False


NOTHING = Distress(Level.NONE)


@dataclass(frozen=True)
class Watch:
    """Rules and classifier together; `missing` says why there is no classifier. For any number of threads."""

    classifier: Classifier | None
    missing: str | None = None
    limit_s: float = LIMIT_S

    @classmethod
    def load(cls, readers: Sequence[LineReader] = ()) -> Watch:
        """Rules and the classifier; where an encoder of it is not here, every assessment tells of a failure.

        `readers` are those that the service has already.

        Raises:
            FeelmError: a file of rules is not as it must be: nobody should talk to a service without them.
        """
        all_rules()
        _checks()
        try:
            classifier = Classifier.load(readers)
            classifier.judge(["Good morning."])
        except (FeelmError, WeightError, OSError, KeyError, ValueError) as error:
            _log.error("the classifier behind the distress rules is not there: %s", error)
            return cls(None, f"the classifier behind the rules is not there: {error}")
        return cls(classifier)

    def asking(self, sensitivity: Sensitivity) -> Watch:
        """The same watch, that asks as readily as a domain wishes."""
        return self if self.classifier is None else replace(self, classifier=replace(self.classifier, sensitivity=sensitivity))

    def assess(
        self, turns: Sequence[Turn], person: str | None = None, language: str | None = None, heard: HeardTurns | None = None
    ) -> Distress:
        """What the last turns of a conversation say of danger; see `assess`."""
        return assess(turns, self.classifier, person, language, heard, limit_s=self.limit_s, missing=self.missing)


def assess(
    turns: Sequence[Turn],
    classifier: Classifier | None,
    person: str | None = None,
    language: str | None = None,
    heard: HeardTurns | None = None,
    *,
    limit_s: float = LIMIT_S,
    missing: str | None = None,
) -> Distress:
    """What the last turns say of danger. Never raises: whatever goes wrong escalates and is told.

    `person` is the speaker who is watched over, the speaker of the last turn where none is named; others' turns tell what was asked.
    `language` is a declared one. `heard` is what the champion said of the same turns, by which the course of fear and sadness counts.
    """
    future = None
    try:
        future = _workers().submit(_assess, tuple(turns), classifier, person, language, heard, time.monotonic() + limit_s)
        found = future.result(timeout=limit_s)
    except (Late, TimeoutError):
        if future is not None:
            future.cancel()
        return _failure(f"the look for danger took longer than {limit_s:g} s")
    except Exception as error:  # noqa: BLE001 a failure of any kind must reach a person, not end the conversation
        _log.exception("the look for danger failed")
        return _failure(f"the look for danger failed: {type(error).__name__}: {error}")
    if classifier is None:
        return _with_failure(found, missing or "the classifier behind the rules is not there: `feelm weights fetch minilm`")
    return found


def check_question(distress: Distress, language: str | None = None) -> str:
    """The question to ask, in the conversation's language where there is one, else in English.

    Raises:
        FeelmError: no question is due.
    """
    if distress.question is None:
        raise FeelmError("no check question is due: ask for one where the level is `check`")
    known = _checks()
    return known[spoken_to(language, known)][distress.question]


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(8, thread_name_prefix="distress")


@cache
def _checks() -> dict[str, dict[str, str]]:
    read = yaml.safe_load(CHECKS.read_text(encoding="utf-8"))
    names = {"suicide", "quoted", "other_person", "danger", "medical", "violence"}
    if not isinstance(read, dict) or any(set(own) != names for own in read.values()):
        raise FeelmError(f"{CHECKS}: each language has the questions {', '.join(sorted(names))}")
    return read


def _assess(
    turns: tuple[Turn, ...],
    classifier: Classifier | None,
    person: str | None,
    language: str | None,
    heard: HeardTurns | None,
    until: float,
) -> Distress:
    own = _own_turns(turns, person)
    if not own:
        return NOTHING
    found = [(row, _signs(turns[row].text, until)) for row in own]
    evidence = [_evidence(row, sign) for row, signs in found for sign in signs]
    unread = _unread(turns[own[-1]].text, language)
    answer = _answer(turns, own[-1])
    guessed = classifier.judge([turns[row].text for row in own[-2:]], language, _course(heard, own)) if classifier is not None else None
    if guessed is not None and guessed.strength is not None and not (guessed.strength is Strength.WEAK and _asked_lately(turns, own)):
        evidence.append(_guess(turns, own[-1], guessed.strength))
    judged = _judged(evidence, own[-1], answer)
    return _with_failure(judged, unread) if unread else judged


def _own_turns(turns: Sequence[Turn], person: str | None) -> list[int]:
    if not turns:
        return []
    who = turns[-1].speaker if person is None else person
    return [row for row, turn in enumerate(turns) if turn.speaker == who][-LAST_TURNS:]


def _signs(text: str, until: float) -> list[Sign]:
    signs: list[Sign] = []
    for start in range(0, max(len(text) - OVERLAP, 1), PIECE - OVERLAP):
        if time.monotonic() > until:
            raise TimeoutError("a long text was not read to its end")
        signs += [replace(sign, start=sign.start + start, end=sign.end + start) for sign in signs_of(text[start : start + PIECE])]
    return signs


def _evidence(row: int, sign: Sign) -> Evidence:
    return Evidence(row, sign.start, sign.end, sign.rule, sign.kind, sign.strength, sign.quoted, sign.negated)


def _guess(turns: Sequence[Turn], row: int, strength: Strength) -> Evidence:
    """What the classifier found; a text with a quotation in it leads to a question at most."""
    text = turns[row].text
    quoted = QUOTED.search(text) is not None
    return Evidence(row, 0, len(text), CLASSIFIER, Kind.SUICIDE, Strength.WEAK if quoted else strength, quoted)


def _asked_lately(turns: Sequence[Turn], own: Sequence[int]) -> bool:
    """Whether a check question was asked and answered since the person's turns that count began: one is not asked over and over."""
    others = (turns[row] for row in range(own[0], own[-1] - 1) if row not in own)
    return any("?" in turn.text and _asks(turn.text) for turn in others)


def _course(heard: HeardTurns | None, own: Sequence[int]) -> float | None:
    """Mean of fear and sadness, as the champion hears them, over the person's last three turns."""
    if heard is None:
        return None
    return float(np.nanmean(heard.probabilities[list(own[-3:])][:, DARK].sum(axis=1)))


def _judged(evidence: Sequence[Evidence], now: int, answer: str | None) -> Distress:
    """The level that the evidence asks for; `now` is the present turn."""
    strong = [one for one in evidence if one.strength is Strength.STRONG]
    if strong:
        return _told(Level.ESCALATE, strong, "plain words of danger")
    if answer == "yes":
        return _told(
            Level.ESCALATE, [*evidence, Evidence(now, 0, 0, ANSWER, Kind.SUICIDE, Strength.STRONG)], "no clear no to the check question"
        )
    weak = [one for one in evidence if one.strength is Strength.WEAK]
    fresh = [one for one in weak if one.turn == now]
    if answer == "no" and all(one.negated or one.found_by == CLASSIFIER for one in fresh):
        return replace(NOTHING, why=("the check question was answered with no",))
    apart = _apart(weak)
    if fresh and len(apart) >= 2 and not all(one.quoted for one in weak):
        return _told(Level.ESCALATE, weak, "several signs of danger")
    if fresh:
        return _told(Level.CHECK, fresh, "a sign that may mean danger")
    hints = [one for one in evidence if one.strength is Strength.HINT]
    if any(one.turn == now for one in hints) and len({one.found_by for one in hints}) >= 3:
        return _told(Level.CHECK, hints, "several small signs together")
    return NOTHING


def _apart(weak: Sequence[Evidence]) -> list[Evidence]:
    """Signs of which none overlaps another and no two are by one rule."""
    kept: list[Evidence] = []
    for one in weak:
        if all(one.found_by != other.found_by and not _overlap(one, other) for other in kept):
            kept.append(one)
    return kept


def _overlap(one: Evidence, other: Evidence) -> bool:
    return one.turn == other.turn and one.start < other.end and other.start < one.end


def _told(level: Level, evidence: Sequence[Evidence], why: str) -> Distress:
    kinds = tuple(kind for kind in Kind if any(one.kind is kind for one in evidence))
    names = ", ".join(dict.fromkeys(one.found_by for one in evidence))
    question = _question(kinds, any(one.quoted for one in evidence)) if level is Level.CHECK else None
    return Distress(level, kinds, tuple(evidence), (f"{why} ({names})",), question)


def _question(kinds: Sequence[Kind], quoted: bool) -> str:
    if quoted:
        return "quoted"
    own = {Kind.SUICIDE, Kind.SELF_HARM, Kind.METHOD}
    return "suicide" if own.intersection(kinds) or not kinds else kinds[0].value


def _failure(why: str) -> Distress:
    return Distress(Level.ESCALATE, (Kind.FAILURE,), (), (why,), failed=True)


def _with_failure(found: Distress, why: str) -> Distress:
    return replace(found, level=Level.ESCALATE, kinds=(*found.kinds, Kind.FAILURE), why=(*found.why, why), question=None, failed=True)


def _answer(turns: Sequence[Turn], row: int) -> str | None:
    """What the present turn answers to a check question in the turn of another before it: `yes` for whatever is no clear no."""
    before = next((turn for turn in reversed(turns[:row]) if turn.speaker != turns[row].speaker), None)
    if before is None or not before.text.rstrip().endswith(("?", "?”", '?"', "？")) or not _asks(before.text):
        return None
    heard = heard_in(turns[row].text)
    if any(own.says(own.rules.affirms) and not own.says(own.rules.denies) for own in heard):
        return "yes"
    return "no" if any(own.says(own.rules.denies) for own in heard) else "yes"


def _asks(text: str) -> bool:
    return any(own.says(own.rules.asks) for own in heard_in(text)) or text in {said for own in _checks().values() for said in own.values()}


def _unread(text: str, language: str | None) -> str | None:
    """Why nobody here reads a text; None where it is read, or has no words."""
    known = {rules.language for rules in all_rules()}
    letters = [letter for letter in text if letter.isalpha()]
    if not letters:
        return None
    scripts = sum(unicodedata.name(letter, "").split(" ")[0] in _SCRIPTS for letter in letters)
    if scripts < len(letters) / 2:
        return "the text is in letters that no distress rule reads"
    if language is not None and primary(language) not in known and len(letters) >= 3:
        return f"no distress rule reads the language {language!r}"
    return None


_SCRIPTS = {
    "LATIN",
    "CYRILLIC",
    "FULLWIDTH",
    "MATHEMATICAL",
    "SQUARED",
    "NEGATIVE",
    "CIRCLED",
    "GREEK",
    "MODIFIER",
    "FEMININE",
    "MASCULINE",
}
