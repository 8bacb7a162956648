"""Moving a line, or the end of a scene, towards an emotion: candidates are written, each is heard in its place, and what it did is told.

Candidates are small declared rewordings and lines of films that may be quoted. What ranks them is how far the model's own reading of the
place moves, before and after, with the whole scene around it; where nothing moves it, that is said. A what-if is the same with an
author's own words: both arcs, and what changed line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from corpus.terms import EMOTIONS, FeelmError
from service.champion import Champion, Origin
from service.digits import DIGITS
from service.respond.film_lines import FilmLines
from service.script.analyse import characters_of
from service.script.course import Course, course_of, valence_of
from service.script.hear import REACH, usual_language, with_words
from service.script.operations import Rewording, read_operations, reworded
from service.script.read import ScriptScene, ScriptTurn
from service.turns import DetectedTurn, detected

NEAR = 2 * REACH
"""Lines to each side of the place that is to be moved that candidates are heard with."""

ENDING = 3
"""The last lines of a scene whose change may move its end."""

GOES_ON = 3
"""Rewordings of the first round that are reworded once more."""

KEPT = 0.3
"""Share of a line's words that a second rewording must keep: else nothing of it is left but ours."""

MOST_FILM_LINES = 6
LEAST_MOVE = 0.02
"""A candidate that moves the probability by less does not help."""

MOST_SUGGESTIONS = 8
MOST_OF_WAY = 3
"""Suggestions that one operation is told in: eight ways to add the same words are no choice."""

LONGEST_LINE_CHARACTERS = 2_000


@dataclass(frozen=True)
class Target:
    """The emotion that is wished for, and how strongly: a probability (0..1), None for as much as can be had."""

    emotion: str
    strength: float | None = None

    def __post_init__(self) -> None:
        """FeelmError where there is no such emotion, or the strength is no probability."""
        if self.emotion not in EMOTIONS:
            raise FeelmError(f"there is no emotion {self.emotion!r}: the target must be one of {', '.join(EMOTIONS)}")
        if self.strength is not None and not 0 < self.strength <= 1:
            raise FeelmError(f"the target's strength must lie above 0 and at most at 1, not be {self.strength}")

    def of(self, probabilities: Sequence[float]) -> float:
        """Its probability among seven."""
        return float(probabilities[EMOTIONS.index(self.emotion)])

    def short_of(self, probability: float) -> float:
        """How far a probability is from what is wished for, 0..1."""
        return abs(self.strength - probability) if self.strength is not None else 1 - probability


@dataclass(frozen=True)
class Suggestion:
    """Other words for a line, and what they do to the place: its reading and the target's probability before and after.

    `moved` (-1..1) is how much nearer to what is wished for that is; `ways` names the operations, or `film` the film that is quoted.
    `reaches` tells that the place then reads as the target, or has the strength that was asked for.
    """

    line: int
    speaker: str | None
    before_text: str
    text: str
    ways: tuple[str, ...]
    film: str | None
    before: float
    after: float
    moved: float
    reading: DetectedTurn
    reaches: bool


@dataclass(frozen=True)
class Suggestions:
    """What moves a place towards a target: `place` is its line, `reading` what it is now; `best` are the candidates that help, the best
    first, of `tried`; `told` says in a sentence what came out, also where nothing helps.
    """

    target: Target
    place: int
    reading: DetectedTurn
    probability: float
    best: tuple[Suggestion, ...]
    tried: int
    told: str
    origin: Origin


@dataclass(frozen=True)
class LineChange:
    """A line's reading before and after a change elsewhere or in itself: its valences, and `moved` (0..1), the probability that changed
    places. `before` or `after` is None where the line is not there.
    """

    line: int
    text: str
    before: DetectedTurn | None
    after: DetectedTurn | None
    valence_before: float | None
    valence_after: float | None
    moved: float | None


@dataclass(frozen=True)
class CharacterChange:
    """A character's course before and after a change; empty after it where no line of theirs is left."""

    name: str
    before: Course
    after: Course


@dataclass(frozen=True)
class WhatIf:
    """A scene as it is and as it would be: both courses, those of its characters, and the lines."""

    before: Course
    after: Course
    characters: tuple[CharacterChange, ...]
    lines: tuple[LineChange, ...]
    told: str
    origin: Origin


@dataclass(frozen=True)
class _Candidate:
    """Another text for the turn in a `row` of the scene."""

    row: int
    text: str
    ways: tuple[str, ...] = ()
    film: str | None = None


def suggest(
    champion: Champion,
    scene: ScriptScene,
    target: Target,
    line: int | None = None,
    language: str | None = None,
    films: FilmLines | None = None,
) -> Suggestions:
    """What moves a line (its number in the paste), or the scene's last line where none is given, towards the target.

    A line is moved by other words for itself; the end also by other words for the lines just before it. A long scene is heard within
    NEAR lines of the place.

    Raises:
        FeelmError: no turn begins in that line.
        WeightError: the text encoder is missing or damaged.
    """
    scene, place = _near(scene, len(scene.turns) - 1 if line is None else scene.at(line))
    rows = range(max(0, place - ENDING + 1), place + 1) if line is None else (place,)
    (heard,) = champion.hear([scene.spoken], language)
    spoken, reading = language or usual_language([heard]), detected(champion, scene.spoken, heard).turns[place]
    written = [one for row in rows for one in (*_rewordings(scene, row, target, spoken), *_quoted(scene, row, films))]
    tried = _heard(champion, scene, place, target, reading, written, spoken)
    further = [one for first in _best(tried)[:GOES_ON] for one in _further(scene, first, target, spoken, written)]
    tried = _best([*tried, *_heard(champion, scene, place, target, reading, further, spoken)])
    helping = _unlike([one for one in tried if one.moved >= LEAST_MOVE])[:MOST_SUGGESTIONS]
    told = _told(target, reading, helping, tried)
    return Suggestions(
        target, scene.turns[place].line, reading, target.of(reading.probabilities), helping, len(tried), told, champion.origin
    )


def _near(scene: ScriptScene, place: int) -> tuple[ScriptScene, int]:
    """The lines around a place as a scene, and where the place is in it."""
    begin = max(0, place - NEAR)
    return replace(scene, turns=scene.turns[begin : place + NEAR + 1]), place - begin


def _rewordings(scene: ScriptScene, row: int, target: Target, language: str | None) -> Iterator[_Candidate]:
    for one in _reworded(scene, row, scene.turns[row].text, target, language):
        yield _Candidate(row, one.text, one.operations)


def _reworded(scene: ScriptScene, row: int, text: str, target: Target, language: str | None) -> list[Rewording]:
    return reworded(text, target.emotion, language, _spoken_to(scene, row), scene.characters)


def _spoken_to(scene: ScriptScene, row: int) -> str | None:
    """Whoever spoke last beside the speaker, else whoever speaks next, as a name is written in a line."""
    own = scene.turns[row].speaker
    others = [turn.speaker for turn in (*scene.turns[:row][::-1], *scene.turns[row + 1 :]) if turn.speaker not in (None, own)]
    return None if own is None or not others or others[0] is None else others[0].title()


def _quoted(scene: ScriptScene, row: int, films: FilmLines | None) -> Iterator[_Candidate]:
    """What somebody in a film answered to words like those before the line."""
    found = films.answers_to(scene.turns[row - 1].text, MOST_FILM_LINES) if films is not None and row > 0 else []
    for answer, film in found:
        if answer != scene.turns[row].text:
            yield _Candidate(row, answer, film=film)


def _further(
    scene: ScriptScene, first: Suggestion, target: Target, language: str | None, written: Sequence[_Candidate]
) -> Iterator[_Candidate]:
    """A rewording that helped, reworded once more by another operation."""
    if first.film is not None or first.moved <= 0:
        return
    row = scene.at(first.line)
    known = {scene.turns[row].text, *(one.text for one in written if one.row == row)}
    for one in _reworded(scene, row, first.text, target, language):
        if one.text not in known and one.operations[0] not in first.ways and _kept(scene.turns[row].text, one.text) >= KEPT:
            yield _Candidate(row, one.text, (*first.ways, *one.operations))


def _kept(text: str, changed: str) -> float:
    """The share of a text's words that another still has."""
    own, other = (re.findall(r"\w+", one.casefold()) for one in (text, changed))
    return sum(word in other for word in own) / max(len(own), 1)


def _heard(
    champion: Champion,
    scene: ScriptScene,
    place: int,
    target: Target,
    now: DetectedTurn,
    candidates: Sequence[_Candidate],
    language: str | None,
) -> list[Suggestion]:
    """Each candidate with what the place is read as in the scene that has it."""
    unlike = list({(one.row, one.text): one for one in candidates}.values())
    changed = [with_words(scene.spoken, one.row, one.text) for one in unlike]
    heard = champion.hear(changed, language) if changed else []
    readings = [detected(champion, turns, one).turns[place] for turns, one in zip(changed, heard, strict=True)]
    return [_suggestion(scene.turns[one.row], one, target, now, reading) for one, reading in zip(unlike, readings, strict=True)]


def _suggestion(turn: ScriptTurn, candidate: _Candidate, target: Target, now: DetectedTurn, then: DetectedTurn) -> Suggestion:
    before, after = target.of(now.probabilities), target.of(then.probabilities)
    return Suggestion(
        line=turn.line,
        speaker=turn.speaker,
        before_text=turn.text,
        text=candidate.text,
        ways=candidate.ways,
        film=candidate.film,
        before=before,
        after=after,
        moved=round(target.short_of(before) - target.short_of(after), DIGITS),
        reading=then,
        reaches=after >= target.strength if target.strength is not None else then.emotion == target.emotion,
    )


def _best(tried: Sequence[Suggestion]) -> list[Suggestion]:
    """The one that moves most first; of two that move alike the one that changes less."""
    return sorted(tried, key=lambda one: (-one.moved, len(one.ways), one.text))


def _unlike(ordered: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
    """Of those that change a line in the same ways the first, and the first few of each operation; every quotation."""
    seen: set[tuple[int, frozenset[str]]] = set()
    kept: list[Suggestion] = []
    for one in ordered:
        often = max((sum(way in other.ways for other in kept) for way in one.ways), default=0)
        if one.film is not None or ((one.line, frozenset(one.ways)) not in seen and often < MOST_OF_WAY):
            kept.append(one)
            seen.add((one.line, frozenset(one.ways)))
    return tuple(kept)


def about(ways: Sequence[str]) -> str:
    """What some operations do, in words."""
    said = {operation.name: operation.about for operation in read_operations()}
    return ", ".join(said[way] for way in ways)


def _told(target: Target, now: DetectedTurn, helping: Sequence[Suggestion], tried: Sequence[Suggestion]) -> str:
    place = f"It reads as {now.emotion} ({now.confidence:.2f}), {target.emotion} at {target.of(now.probabilities):.2f}."
    if not tried:
        return f"{place} There was nothing to try: no operation changes these words."
    if not helping:
        most = f"the most that any of {len(tried)} candidates did was {tried[0].moved:+.3f}"
        return f"{place} Nothing that was tried moves it by {LEAST_MOVE} or more: {most}. The line itself would have to say something else."
    first = helping[0]
    how = f"quotes {first.film}" if first.film is not None else about(first.ways)
    short = "" if first.reaches else "; that does not yet reach the target"
    return f"{place} Of {len(tried)} candidates the best ({how}) takes it to {first.after:.2f}{short}."


def what_if(champion: Champion, scene: ScriptScene, changes: Mapping[int, str | None], language: str | None = None) -> WhatIf:
    """The scene with other words in some lines (by their numbers in the paste), None or nothing but blanks leaving a line out.

    Raises:
        FeelmError: no turn begins in a line, nothing is left, or a line is longer than LONGEST_LINE_CHARACTERS.
        WeightError: the text encoder is missing or damaged.
    """
    other = changed(scene, changes)
    before, after = champion.hear([scene.spoken, other.spoken], language)
    was = dict(zip((turn.line for turn in scene.turns), detected(champion, scene.spoken, before).turns, strict=True))
    then = dict(zip((turn.line for turn in other.turns), detected(champion, other.spoken, after).turns, strict=True))
    lines = tuple(_change(turn, was[turn.line], then.get(turn.line)) for turn in scene.turns)
    courses = [course_of(list(readings), list(readings.values())) for readings in (was, then)]
    return WhatIf(courses[0], courses[1], tuple(_characters(was, then)), lines, _told_changes(lines, changes), champion.origin)


def _characters(was: Mapping[int, DetectedTurn], then: Mapping[int, DetectedTurn]) -> Iterator[CharacterChange]:
    after = {one.name: one.course for one in characters_of(list(then), list(then.values()))}
    for one in characters_of(list(was), list(was.values())):
        yield CharacterChange(one.name, one.course, after.get(one.name, Course(0, (), (), None, ())))


def changed(scene: ScriptScene, changes: Mapping[int, str | None]) -> ScriptScene:
    """The scene with other words in some lines; a line of None, or of nothing but blanks, is left out.

    Raises:
        FeelmError: no turn begins in a line, nothing is left, or a line is longer than LONGEST_LINE_CHARACTERS.
    """
    for line, text in changes.items():
        scene.at(line)
        if text is not None and len(text) > LONGEST_LINE_CHARACTERS:
            raise FeelmError(f"the words for line {line} have {len(text)} characters, more than {LONGEST_LINE_CHARACTERS}: shorten them")
    new = [replace(turn, text=(changes.get(turn.line, turn.text) or "").strip()) for turn in scene.turns]
    left = [turn for turn in new if turn.text]
    if not left:
        raise FeelmError("every line of the scene is left out: keep at least one")
    return replace(scene, turns=tuple(left))


def _change(turn: ScriptTurn, before: DetectedTurn, after: DetectedTurn | None) -> LineChange:
    valence = valence_of([before.probabilities])[0]
    if after is None:
        return LineChange(turn.line, turn.text, before, None, valence, None, None)
    moved = 0.5 * float(np.abs(np.subtract(before.probabilities, after.probabilities)).sum())
    return LineChange(turn.line, after.text, before, after, valence, valence_of([after.probabilities])[0], round(moved, DIGITS))


SEEN = 0.05
"""A line whose reading changes by less is not told of."""


def _told_changes(lines: Sequence[LineChange], changes: Mapping[int, str | None]) -> str:
    others = [one for one in lines if one.line not in changes and one.moved is not None and one.moved >= SEEN]
    named = [one for one in others if one.before is not None and one.after is not None and one.before.emotion != one.after.emotion]
    if not others:
        return "No other line's reading changes by 0.05 or more."
    most = max(others, key=lambda one: one.moved or 0.0)
    return (
        f"{len(others)} other line{'s' if len(others) > 1 else ''} read otherwise by 0.05 or more, {len(named)} of them as another "
        f"emotion; the most line {most.line}, by {most.moved:.2f}."
    )
