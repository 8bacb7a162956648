"""Scenes on paper: a script with its arcs and spots, what would move a line, and what other words would change: questions and answers."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from corpus.terms import EMOTIONS
from service.api.models.base import Answer, OriginAnswer, Probabilities, Question, Told
from service.api.models.detect import Language, TurnAnswer, printable
from service.script.bounds import Bounds
from service.script.read import Layout
from service.script.suggest import LONGEST_LINE_CHARACTERS, Suggestions, Target, about

LONGEST_SCRIPT = 200_000
MOST_SPEECHES = 500
"""More take longer than a request may; `feelm script` reads whole films."""

MOST_CHANGES = 200
LARGEST_NUMBER = 1_000_000

SCENE = "ANNA: You said you would be home at six.\nBEN: I know. I am sorry.\nANNA: I waited all night.\nBEN: We won, Anna. We won!"


Emotion = Annotated[str, Field(pattern=f"^({'|'.join(EMOTIONS)})$", examples=["joy"])]
LineNumber = Annotated[int, Field(ge=1, le=LARGEST_NUMBER, description="A line of the text in which somebody begins to speak, from 1.")]
ScriptText = Annotated[str, Field(min_length=1, max_length=LONGEST_SCRIPT), AfterValidator(printable)]


class ChangeQuestion(Question):
    """Other words for what is said from a line on; null leaves it out."""

    line: LineNumber = Field(examples=[3])
    text: Annotated[str, Field(max_length=LONGEST_LINE_CHARACTERS), AfterValidator(printable)] | None = Field(examples=["Never mind."])


class ScriptQuestion(Question):
    """A scene or script."""

    text: ScriptText = Field(
        description=f"Fountain, a plain screenplay, `NAME: line`, or bare lines; at most {MOST_SPEECHES} speeches.", examples=[SCENE]
    )
    language: Language | None = Field(default=None, description="The declared language; it is recognised where it is left out.")


class AnalyseQuestion(ScriptQuestion):
    """A scene or script that is to be read."""

    spots: bool = Field(
        default=True,
        description="Look for contradictory lines and for those that tip a reading; without it an answer comes some ten times quicker.",
    )


class _Changing(ScriptQuestion):
    """A scene or script in which words may be changed."""

    changes: Annotated[list[ChangeQuestion], Field(max_length=MOST_CHANGES)] = Field(default=[], description="At most one a line.")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({one.line for one in self.changes}) < len(self.changes):
            raise ValueError("a line is changed twice: give each line once")
        return self

    def by_line(self) -> dict[int, str | None]:
        """The new words by the line in which they begin."""
        return {one.line: one.text for one in self.changes}


class WhatIfQuestion(_Changing):
    """A scene or script, and other words for some of its lines."""

    changes: Annotated[list[ChangeQuestion], Field(min_length=1, max_length=MOST_CHANGES)] = Field(
        description="At most one a line.", examples=[[{"line": 3, "text": "I waited, and it was wonderful."}]]
    )


class SuggestQuestion(_Changing):
    """A line or scene, and the emotion that it is to be moved towards; `changes` are made before."""

    target: Emotion
    strength: Annotated[float, Field(gt=0, le=1)] | None = Field(default=None, description="A probability; as far as can be without it.")
    line: LineNumber | None = Field(default=None, description="The line to be moved; without it the end of a scene.", examples=[3])
    scene: Annotated[int, Field(ge=1, le=MOST_SPEECHES)] | None = Field(
        default=None, description="Whose end is moved, from 1; without it the last."
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.line is not None and self.scene is not None:
            raise ValueError("give a line or a scene, not both")
        return self

    def wished(self) -> Target:
        """What the place is to be moved towards."""
        return Target(self.target, self.strength)


class SaidAnswer(Told):
    """An emotion and its probability, 0..1."""

    emotion: str
    probability: float


class TipAnswer(Told):
    """A neighbouring line without which a line is read as another `emotion`."""

    line: int
    text: str
    emotion: str


class ForeseenAnswer(Told):
    """What `who` is foreseen to feel after a line; `change` (-1..1) is against what they felt last, null where they have not spoken."""

    who: str | None
    emotion: str
    probabilities: Probabilities
    change: Probabilities | None


class LineAnswer(Told):
    """A line: its reading in the scene, the valence (-1..1) which that implies, what its `words` say by themselves and the `scene` without
    them (null without spots), other ways to read it, lines that would tip it, and the reaction foreseen to it.
    """

    line: int
    reading: TurnAnswer
    valence: float
    words: SaidAnswer | None
    scene: SaidAnswer | None
    alternatives: list[SaidAnswer]
    tips: list[TipAnswer]
    foreseen: ForeseenAnswer


class TurningAnswer(Told):
    """Where the valence turns by 0.1 or more: a `peak` or a `valley`."""

    kind: str
    line: int
    text: str
    valence: float


class CourseAnswer(Told):
    """An arc: valence (-1..1) and intensity (0..1) at 100 even places from the first line to the last, smoothed over 5 % of them.

    `shape` is the nearest of six, null below eight lines; below two lines there is no course.
    """

    lines: int
    valence: list[float]
    intensity: list[float]
    shape: str | None
    turning: list[TurningAnswer]


class FlatAnswer(Told):
    """Lines in a row that stay the same: what they are, and how far their valence and intensity range."""

    first: int
    last: int
    lines: int
    emotion: str
    valence_range: float
    intensity_range: float | None


class ContradictoryAnswer(Told):
    """A line whose `words` by themselves say another thing than the `scene` around it, and what it is `read` as in it."""

    line: int
    speaker: str | None
    text: str
    words: SaidAnswer
    scene: SaidAnswer
    words_valence: float
    scene_valence: float
    read: SaidAnswer


class UnsureAnswer(Told):
    """A line of which the model is unsure, why, and between what."""

    line: int
    text: str
    why: str
    between: list[SaidAnswer]


class CharacterAnswer(Told):
    """What a character goes through: mean probabilities of their lines, the emotion they are read as most often, and their arc."""

    name: str
    lines: int
    emotion: str
    probabilities: Probabilities
    valence: float
    course: CourseAnswer


class SceneAnswer(Told):
    """A scene as it is read; lines are numbered as in the text that was sent."""

    heading: str | None
    line: int
    lines: list[LineAnswer]
    course: CourseAnswer
    characters: list[CharacterAnswer]
    flat: list[FlatAnswer]
    contradictory: list[ContradictoryAnswer]
    unsure: list[UnsureAnswer]


class UnspokenAnswer(Told):
    """A line of the text that is no part of what is read, how it begins, and why."""

    line: int
    text: str
    reason: str


class AnalyseAnswer(Told):
    """A script as it is read; `course` and `characters` go through all scenes, `bounds` decided what is told, `spots` is as asked.

    `usual` is how often each emotion follows in what the model learned from: what is foreseen is named by how it stands out against that.
    """

    origin: OriginAnswer
    layout: Layout
    spots: bool
    scenes: list[SceneAnswer]
    course: CourseAnswer
    characters: list[CharacterAnswer]
    unspoken: list[UnspokenAnswer]
    bounds: Bounds
    usual: Probabilities


class SuggestionAnswer(Told):
    """Other words for a line, and the target's probability before and after; `ways` says in words what was done, `film` what is quoted.

    `moved` (-1..1) is how much nearer to what is wished for that is, `reaches` whether it gets there.
    """

    line: int
    speaker: str | None
    before_text: str
    text: str
    ways: str
    film: str | None
    before: float
    after: float
    moved: float
    reading: TurnAnswer
    reaches: bool


class SuggestAnswer(Answer):
    """What moves a place towards the target: its line, what it reads as now, the target's probability, what helps of all that was `tried`,
    the best first; `told` says it in a sentence, also where nothing helps.
    """

    origin: OriginAnswer
    target: str
    strength: float | None
    place: int
    reading: TurnAnswer
    probability: float
    best: list[SuggestionAnswer]
    tried: int
    told: str

    @classmethod
    def of(cls, found: Suggestions) -> SuggestAnswer:
        best = [SuggestionAnswer.of(one, ways=about(one.ways)) for one in found.best]
        return cls._from(found, target=found.target.emotion, strength=found.target.strength, best=best)


class LineChangeAnswer(Told):
    """A line before and after; `moved` (0..1) is the probability that changed places. What is left out has no `after`."""

    line: int
    text: str
    before: TurnAnswer | None
    after: TurnAnswer | None
    valence_before: float | None
    valence_after: float | None
    moved: float | None


class CharacterChangeAnswer(Told):
    """A character's arc before and after."""

    name: str
    before: CourseAnswer
    after: CourseAnswer


class ChangedSceneAnswer(Told):
    """A scene in which words were changed: both arcs, those of its characters, and every line."""

    heading: str | None
    line: int
    before: CourseAnswer
    after: CourseAnswer
    characters: list[CharacterChangeAnswer]
    lines: list[LineChangeAnswer]
    told: str


class WhatIfAnswer(Answer):
    """Every scene in which words were changed."""

    origin: OriginAnswer
    scenes: list[ChangedSceneAnswer]
