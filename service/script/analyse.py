"""What a script does, line by line: how each line is read in its scene, the arcs of scenes and characters, and where they are worth a look.

Told are stretches in which nothing moves, lines whose words say something else than the scene around them, turning points, and what the
model is unsure of, with the other ways to read a line and the neighbours that would tip it. All of it is what the model reads: nothing
here says whether a scene is good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from corpus.terms import EMOTIONS
from ml.models.dialogue import HeardTurns
from service.anticipate import Reaction, foresee
from service.champion import Champion, Origin
from service.digits import rounded
from service.pieces import Pieces, done
from service.script.bounds import Bounds, read_bounds
from service.script.course import Course, course_of, valence_of
from service.script.hear import HeardScene, hear_scene, usual_language
from service.script.read import Layout, Script, ScriptScene, ScriptTurn, Unspoken
from service.turns import DetectedTurn, detected


@dataclass(frozen=True)
class Said:
    """An emotion and its probability (0..1)."""

    emotion: str
    probability: float


@dataclass(frozen=True)
class Tip:
    """A neighbouring line without which a line is read as another `emotion`."""

    line: int
    text: str
    emotion: str


@dataclass(frozen=True)
class Foreseen:
    """What `who` is foreseen to feel after the line, as `service.anticipate` tells it; `change` (-1..1) is against what they felt last."""

    who: str | None
    emotion: str
    probabilities: tuple[float, ...]
    change: tuple[float, ...] | None


@dataclass(frozen=True)
class LineReading:
    """A line: its reading in the scene, the valence that implies (-1..1), what its `words` say by themselves and the `scene` without them
    (None where spots were not looked for), other ways to read it, the lines that would tip it, and the reaction foreseen to it.
    """

    line: int
    reading: DetectedTurn
    valence: float
    words: Said | None
    scene: Said | None
    alternatives: tuple[Said, ...]
    tips: tuple[Tip, ...]
    foreseen: Foreseen


@dataclass(frozen=True)
class Flat:
    """Lines in a row that stay the same: how far their valence and their intensity (None where not known) range, and what they are."""

    first: int
    last: int
    lines: int
    emotion: str
    valence_range: float
    intensity_range: float | None


@dataclass(frozen=True)
class Contradictory:
    """A line whose `words` by themselves say another thing than the `scene` around it, their valences, and what it is `read` as in it."""

    line: int
    speaker: str | None
    text: str
    words: Said
    scene: Said
    words_valence: float
    scene_valence: float
    read: Said


@dataclass(frozen=True)
class Unsure:
    """A line of which the model is unsure, why, and between what."""

    line: int
    text: str
    why: str
    between: tuple[Said, ...]


@dataclass(frozen=True)
class CharacterReading:
    """What a character goes through: mean probabilities (7) of their lines, the emotion they are read as most often, and their course."""

    name: str
    lines: int
    emotion: str
    probabilities: tuple[float, ...]
    valence: float
    course: Course


@dataclass(frozen=True)
class SceneAnalysis:
    """A scene as the model reads it."""

    heading: str | None
    line: int
    lines: tuple[LineReading, ...]
    course: Course
    characters: tuple[CharacterReading, ...]
    flat: tuple[Flat, ...]
    contradictory: tuple[Contradictory, ...]
    unsure: tuple[Unsure, ...]


@dataclass(frozen=True)
class ScriptAnalysis:
    """A script as the model reads it; `course` and `characters` go through all scenes, `bounds` are those that decided what is told."""

    layout: Layout
    scenes: tuple[SceneAnalysis, ...]
    course: Course
    characters: tuple[CharacterReading, ...]
    unspoken: tuple[Unspoken, ...]
    bounds: Bounds
    origin: Origin


def analyse(champion: Champion, script: Script, language: str | None = None) -> ScriptAnalysis:
    """Read a script; `language` is the declared one of all lines, where it is known.

    Raises:
        WeightError: the text encoder is missing or damaged.
    """
    return done(analysing(champion, script, language))


def analysing(champion: Champion, script: Script, language: str | None = None, spots: bool = True) -> Pieces[ScriptAnalysis]:
    """The same in pieces. Without `spots` lines are heard in their scenes alone, some ten times quicker: neither contradictory lines nor
    those that tip a reading are found then.
    """
    bounds = read_bounds()
    heard: list[HeardTurns] = []
    for scene in script.scenes:
        heard += champion.hear([scene.spoken], language)
        yield
    spoken = language or usual_language(heard)
    scenes: list[SceneAnalysis] = []
    for scene, whole in zip(script.scenes, heard, strict=True):
        sides = (yield from hear_scene(champion, scene.spoken, whole, spoken)) if spots else None
        scenes.append(_scene(champion, scene, whole, sides, bounds))
        yield
    return _analysis(champion, script, tuple(scenes), bounds)


def _analysis(champion: Champion, script: Script, scenes: tuple[SceneAnalysis, ...], bounds: Bounds) -> ScriptAnalysis:
    numbers = [line.line for scene in scenes for line in scene.lines]
    readings = [line.reading for scene in scenes for line in scene.lines]
    return ScriptAnalysis(
        layout=script.layout,
        scenes=scenes,
        course=course_of(numbers, readings),
        characters=characters_of(numbers, readings),
        unspoken=script.unspoken,
        bounds=bounds,
        origin=champion.origin,
    )


def _scene(champion: Champion, scene: ScriptScene, whole: HeardTurns, sides: HeardScene | None, bounds: Bounds) -> SceneAnalysis:
    readings = detected(champion, scene.spoken, whole).turns
    reactions = foresee(champion, scene.spoken, heard=whole)
    lines = tuple(_line(scene, row, sides, readings[row], reactions[row], bounds) for row in range(len(readings)))
    numbers = [turn.line for turn in scene.turns]
    return SceneAnalysis(
        heading=scene.heading,
        line=scene.line,
        lines=lines,
        course=course_of(numbers, readings),
        characters=characters_of(numbers, readings),
        flat=tuple(flat_stretches(lines, bounds)),
        contradictory=tuple(_contradictions(lines, sides, bounds)) if sides is not None else (),
        unsure=tuple(_unsure(lines)),
    )


def _line(scene: ScriptScene, row: int, sides: HeardScene | None, reading: DetectedTurn, reaction: Reaction, bounds: Bounds) -> LineReading:
    return LineReading(
        line=scene.turns[row].line,
        reading=reading,
        valence=valence_of([reading.probabilities])[0],
        words=best(sides.alone[row]) if sides is not None else None,
        scene=best(sides.around(row)) if sides is not None else None,
        alternatives=alternatives(reading.probabilities, bounds),
        tips=tuple(_tips(scene.turns, sides, row, bounds)) if sides is not None else (),
        foreseen=Foreseen(reaction.who or _hearer(scene, row), reaction.emotion, reaction.probabilities, reaction.change),
    )


def _hearer(scene: ScriptScene, row: int) -> str | None:
    """Who hears a line before which nobody else spoke: whoever speaks next."""
    own = scene.turns[row].speaker
    return next((turn.speaker for turn in scene.turns[row + 1 :] if own is not None and turn.speaker not in (None, own)), None)


def best(probabilities: np.ndarray | Sequence[float]) -> Said:
    """The likeliest emotion."""
    at = int(np.argmax(probabilities))
    return Said(EMOTIONS[at], rounded(np.asarray(probabilities, np.float32))[at])


def alternatives(probabilities: Sequence[float], bounds: Bounds) -> tuple[Said, ...]:
    """Further ways to read a line, the likeliest first."""
    others = sorted((Said(*pair) for pair in zip(EMOTIONS, probabilities, strict=True)), key=lambda one: -one.probability)[1:]
    return tuple(one for one in others if one.probability >= bounds.alternatives.least)[: bounds.alternatives.most]


def _tips(turns: Sequence[ScriptTurn], heard: HeardScene, row: int, bounds: Bounds) -> Iterator[Tip]:
    """The nearest lines first."""
    steps = [step * side for step in range(1, bounds.tips.reach + 1) for side in (-1, 1)]
    others = [row + step for step in steps if 0 <= row + step < len(turns)]
    found = [(other, tipped) for other in others if (tipped := heard.tipped_by(row, other)) is not None]
    for other, tipped in found[: bounds.tips.most]:
        yield Tip(turns[other].line, turns[other].text, EMOTIONS[tipped])


def flat_stretches(lines: Sequence[LineReading], bounds: Bounds) -> Iterator[Flat]:
    """The longest stretches that are flat, each line in one at most."""
    begin = 0
    while begin + bounds.flat.lines <= len(lines):
        end = begin + 1
        while end < len(lines) and _is_flat(lines[begin : end + 1], bounds):
            end += 1
        if end - begin >= bounds.flat.lines:
            yield _flat(lines[begin:end])
            begin = end
        else:
            begin += 1


def _is_flat(lines: Sequence[LineReading], bounds: Bounds) -> bool:
    intensity = _intensity_range(lines)
    return _range([line.valence for line in lines]) <= bounds.flat.valence and (intensity is None or intensity <= bounds.flat.intensity)


def _flat(lines: Sequence[LineReading]) -> Flat:
    mean = np.mean([line.reading.probabilities for line in lines], axis=0)
    ranges = _range([line.valence for line in lines]), _intensity_range(lines)
    return Flat(lines[0].line, lines[-1].line, len(lines), best(mean).emotion, *ranges)


def _range(values: Sequence[float]) -> float:
    return round(max(values) - min(values), 4)


def _intensity_range(lines: Sequence[LineReading]) -> float | None:
    known = [line.reading.intensity for line in lines if line.reading.intensity is not None]
    return _range(known) if len(known) == len(lines) else None


def _contradictions(lines: Sequence[LineReading], heard: HeardScene, bounds: Bounds) -> Iterator[Contradictory]:
    least = bounds.contradictory
    for row, line in enumerate(lines):
        words, scene = valence_of([heard.alone[row].tolist(), heard.around(row).tolist()])
        own = best(heard.alone[row])
        named = line.reading.read and own.emotion != "neutral" and own.probability >= least.words
        opposed = words * scene < 0 and abs(words) >= least.words_valence and abs(scene) >= least.scene_valence
        if named and opposed and abs(words - scene) >= least.apart:
            said = (own, _sided(heard.around(row), scene), words, scene)
            yield Contradictory(line.line, line.reading.speaker, line.reading.text, *said, best(line.reading.probabilities))


def _sided(probabilities: np.ndarray, valence: float) -> Said:
    """The likeliest emotion on the side of the valence: a scene is mostly expected to go on calmly, whatever it leans to."""
    own = np.array([p if v * valence > 0 else 0.0 for p, v in zip(probabilities, valence_of(np.eye(len(EMOTIONS)).tolist()), strict=True)])
    return best(own)


def _unsure(lines: Sequence[LineReading]) -> Iterator[Unsure]:
    for line in lines:
        if line.reading.uncertain:
            why = "no emotion stands out" if line.reading.read else "its words are in no language that is read here"
            yield Unsure(line.line, line.reading.text, why, (best(line.reading.probabilities), *line.alternatives))


def characters_of(numbers: Sequence[int], readings: Sequence[DetectedTurn]) -> tuple[CharacterReading, ...]:
    """Everybody who is named, those with the most lines first."""
    names = dict.fromkeys(one.speaker for one in readings if one.speaker is not None)
    own = {name: [at for at, one in enumerate(readings) if one.speaker == name] for name in names}
    ordered = sorted(own, key=lambda name: -len(own[name]))
    return tuple(_character(name, [numbers[at] for at in own[name]], [readings[at] for at in own[name]]) for name in ordered)


def _character(name: str, numbers: Sequence[int], readings: Sequence[DetectedTurn]) -> CharacterReading:
    mean = np.mean([one.probabilities for one in readings], axis=0).astype(np.float32)
    named = [one.emotion for one in readings]
    return CharacterReading(
        name=name,
        lines=len(readings),
        emotion=max(EMOTIONS, key=lambda emotion: (named.count(emotion), mean[EMOTIONS.index(emotion)])),
        probabilities=rounded(mean),
        valence=valence_of([mean.tolist()])[0],
        course=course_of(numbers, readings),
    )
