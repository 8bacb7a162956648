"""What all questions and answers share."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator, model_validator

from corpus.terms import EMOTIONS
from ml.models.reasons import Effect, Why
from service.champion import Origin

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound="DataclassInstance")
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""ISO 8601, UTC."""


class Question(BaseModel):
    """What is asked; a field that is not known is refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What is answered."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    @classmethod
    def _from(cls, own: object, **others: object) -> Self:
        """Of a dataclass of the service, by the names of its fields; `others` are those that it lacks, or that are told otherwise."""
        told = {name: getattr(own, name) for name in cls.model_fields if hasattr(own, name)}
        return cls.model_validate(told | others)


class Told(Answer):
    """An answer that tells one of the service's own dataclasses, under its names; what comes back to a client is that dataclass again."""

    @classmethod
    def of(cls, own: object, **others: object) -> Self:
        """Of the dataclass; `others` are fields that it lacks, or that are told otherwise."""
        return cls._from(own, **others)

    def value(self) -> Any:
        """The dataclass."""
        raise NotImplementedError

    def _as(self, kind: type[Kind]) -> Kind:
        return kind(**{field.name: _value(getattr(self, field.name)) for field in fields(kind)})


def _value(told: Any) -> Any:
    if isinstance(told, list):
        return tuple(map(_value, told))
    return told.value() if isinstance(told, Told | Probabilities) else told


class OriginAnswer(Told):
    """Which model said it, what taught that, for which use it is declared, and what is to be minded."""

    model_version: str = Field(examples=["0a1b2c3d4e5f"])
    trained_on: str = Field(examples=["films (commercial), meld (research)"])
    declared_use: str = Field(examples=["research"])
    caveat: str | None = Field(description="What whoever uses the answer has to know; null where there is nothing special.")

    def value(self) -> Origin:
        return self._as(Origin)


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

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """In a dataclass they are a tuple in the order of EMOTIONS."""
        return dict(zip(EMOTIONS, given, strict=True)) if isinstance(given, tuple) else given

    @field_validator("root")
    @classmethod
    def _of_all_emotions(cls, root: dict[str, float]) -> dict[str, float]:
        if set(root) != set(EMOTIONS):
            raise ValueError(f"must be of {', '.join(EMOTIONS)}")
        return root

    def value(self) -> tuple[float, ...]:
        """In the order of EMOTIONS."""
        return tuple(self.root[emotion] for emotion in EMOTIONS)


class EffectAnswer(Told):
    """By how much the emotion's probability and log-odds fall without a modality, line or frame; below 0 it spoke against the emotion."""

    name: str
    t_ms: int | None
    probability: float
    log_odds: float
    share: float | None

    def value(self) -> Effect:
        return self._as(Effect)


class WhyAnswer(Told):
    """What the named emotion rests on: each modality that is there, and the lines and frames that did most."""

    emotion: str
    unseen: bool
    modalities: list[EffectAnswer]
    lines: list[EffectAnswer]
    frames: list[EffectAnswer]

    def value(self) -> Why:
        return self._as(Why)
