"""Recognising emotion in text and turns: question, answer, and the same by the batch."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from ml.models.dialogue import Turn
from service.api.models.base import Answer, OriginAnswer, Probabilities, Question, Told, WhyAnswer
from service.turns import DetectedTurn, DetectedTurns, turns_of_text

LONGEST_TEXT = 50_000
MOST_TURNS = 512
MOST_INPUTS = 64
LONGEST_NAME = 200


def _is_text(value: str) -> str:
    if not value.strip():
        raise ValueError("there is no text in it")
    return printable(value)


def printable(value: str) -> str:
    """The text, where it is one; ValueError where it holds a NUL."""
    if "\x00" in value:
        raise ValueError("it holds a NUL, which is no text")
    return value


Words = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_is_text)]
Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(printable)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, examples=["en"])]


class TurnQuestion(Question):
    """What somebody says; who says it may be left out."""

    text: Words = Field(examples=["How dare you!"])
    speaker: Name | None = Field(default=None, examples=["anna"])

    def value(self) -> Turn:
        return Turn(self.text, self.speaker)


class DetectInput(Question):
    """One dialogue: a `text`, each line of which is a turn, or `turns` with their speakers."""

    text: Words | None = Field(default=None, description="Each line that is not empty is a turn.")
    turns: Annotated[list[TurnQuestion], Field(min_length=1, max_length=MOST_TURNS)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.text is None) == (self.turns is None):
            raise ValueError("give either text or turns")
        if len(self.spoken()) > MOST_TURNS:
            raise ValueError(f"there are more than {MOST_TURNS} lines: give them in parts")
        if sum(len(turn.text) for turn in self.spoken()) > LONGEST_TEXT:
            raise ValueError(f"there are more than {LONGEST_TEXT} characters: give them in parts")
        return self

    def spoken(self) -> tuple[Turn, ...]:
        """The turns, whichever way they were given."""
        if self.turns is not None:
            return tuple(turn.value() for turn in self.turns)
        return turns_of_text(self.text or "")


class DetectQuestion(DetectInput):
    """One dialogue, and how it is to be read."""

    explain: bool = Field(default=False, description="Say what each answer rests on; it takes several times as long.")
    language: Language | None = Field(default=None, description="The declared language; it is recognised where it is left out.")

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"turns": [{"text": "How dare you!", "speaker": "anna"}, {"text": "I am so sorry.", "speaker": "ben"}]},
                {"text": "This is wonderful, thank you!", "language": "en", "explain": True},
            ],
            "oneOf": [
                {"required": ["text"], "properties": {"text": {"type": "string"}, "turns": {"type": "null"}}},
                {"required": ["turns"], "properties": {"turns": {"type": "array"}, "text": {"type": "null"}}},
            ],
        },
    )


class BatchQuestion(Question):
    """Several dialogues that do not hear each other."""

    inputs: Annotated[list[DetectInput], Field(min_length=1, max_length=MOST_INPUTS)] = Field(
        examples=[[{"text": "I miss her so much."}, {"turns": [{"text": "We won, we won!", "speaker": "anna"}]}]]
    )
    language: Language | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if sum(len(one.spoken()) for one in self.inputs) > MOST_TURNS:
            raise ValueError(f"there are more than {MOST_TURNS} turns in all inputs together: give them in parts")
        return self


class TurnAnswer(Told):
    """One turn: emotion, calibrated confidence and probabilities, intensity 0..1, valence and arousal -1..1.

    `read` is false where there are no words, or words of a language that the model does not know.
    """

    text: str
    speaker: str | None
    language: str | None
    emotion: str
    confidence: float
    probabilities: Probabilities
    intensity: float | None
    valence: float | None
    arousal: float | None
    uncertain: bool
    read: bool
    why: WhyAnswer | None

    def value(self) -> DetectedTurn:
        return self._as(DetectedTurn)


class DetectAnswer(Told):
    """What is recognised in one dialogue, and whose answer that is."""

    origin: OriginAnswer
    turns: list[TurnAnswer]

    def value(self) -> DetectedTurns:
        return self._as(DetectedTurns)


class BatchAnswer(Answer):
    """What is recognised in each dialogue, in the order of the inputs."""

    outputs: list[DetectAnswer]
