"""What all questions and answers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator

from corpus.terms import EMOTIONS
from ml.models.reasons import Effect, Why
from service.champion import Origin

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""ISO 8601, UTC."""


class Question(BaseModel):
    """What is asked; a field that is not known is refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What is answered."""

    model_config = ConfigDict(frozen=True)


class OriginAnswer(Answer):
    """Which model said it, what taught that, for which use it is declared, and what is to be minded."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    model_version: str = Field(examples=["0a1b2c3d4e5f"])
    trained_on: str = Field(examples=["films (commercial), meld (research)"])
    declared_use: str = Field(examples=["research"])
    caveat: str | None = Field(description="What whoever uses the answer has to know; null where there is nothing special.")

    @classmethod
    def of(cls, origin: Origin) -> OriginAnswer:
        return cls(model_version=origin.model_version, trained_on=origin.trained_on, declared_use=origin.declared_use, caveat=origin.caveat)

    def value(self) -> Origin:
        return Origin(self.model_version, self.trained_on, self.declared_use, self.caveat)


class Probabilities(RootModel[dict[str, float]]):
    """One calibrated probability an emotion, 0..1; together 1."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "properties": {emotion: {"type": "number"} for emotion in EMOTIONS},
            "required": list(EMOTIONS),
            "additionalProperties": False,
        },
    )

    @field_validator("root")
    @classmethod
    def _of_all_emotions(cls, root: dict[str, float]) -> dict[str, float]:
        if set(root) != set(EMOTIONS):
            raise ValueError(f"must be of {', '.join(EMOTIONS)}")
        return root

    @classmethod
    def of(cls, values: Sequence[float]) -> Probabilities:
        """Of values in the order of EMOTIONS."""
        return cls(dict(zip(EMOTIONS, map(float, values), strict=True)))

    def values(self) -> tuple[float, ...]:
        """In the order of EMOTIONS."""
        return tuple(self.root[emotion] for emotion in EMOTIONS)


class EffectAnswer(Answer):
    """By how much the emotion's probability and log-odds fall without a modality, line or frame; below 0 it spoke against the emotion."""

    name: str
    t_ms: int | None
    probability: float
    log_odds: float
    share: float | None

    @classmethod
    def of(cls, effect: Effect) -> EffectAnswer:
        return cls(name=effect.name, t_ms=effect.t_ms, probability=effect.probability, log_odds=effect.log_odds, share=effect.share)

    def value(self) -> Effect:
        return Effect(self.name, self.t_ms, self.probability, self.log_odds, self.share)


class WhyAnswer(Answer):
    """What the named emotion rests on: each modality that is there, and the lines and frames that did most."""

    emotion: str
    unseen: bool
    modalities: list[EffectAnswer]
    lines: list[EffectAnswer]
    frames: list[EffectAnswer]

    @classmethod
    def of(cls, why: Why) -> WhyAnswer:
        parts = {name: [EffectAnswer.of(one) for one in getattr(why, name)] for name in ("modalities", "lines", "frames")}
        return cls(emotion=why.emotion, unseen=why.unseen, **parts)

    def value(self) -> Why:
        parts = (tuple(one.value() for one in part) for part in (self.modalities, self.lines, self.frames))
        return Why(self.emotion, self.unseen, *parts)
