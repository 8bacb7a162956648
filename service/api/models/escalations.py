"""Conversations that a person takes over: what waits, and what whoever takes one has to know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from service.api.models.base import Answer, Moment, Question
from service.api.models.detect import printable
from service.safety.escalation import Escalation, State


def _is_named(value: str) -> str:
    if not value.strip():
        raise ValueError("say who takes it over: a name that the team knows")
    return printable(value)


class TakeQuestion(Question):
    """Who takes a conversation over."""

    who: Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S", examples=["mara"]), AfterValidator(_is_named)]


class EscalationAnswer(Answer):
    """A conversation that waits for a person or has one: why, for whom, and what the last sending met. No word of the conversation."""

    id: str = Field(examples=["0c0f4c9e-6a53-5cf1-9d6c-2f1f0f3b9c11"])
    at: Moment
    domain: str
    route: str
    state: State
    reason: str
    attempts: int
    fault: str | None
    taken_by: str | None
    taken_at: Moment | None

    @classmethod
    def of(cls, one: Escalation) -> Self:
        taken_at = None if one.acknowledged_at is None else _moment(one.acknowledged_at)
        return cls._from(one, at=_moment(one.at), taken_by=one.acknowledged_by, taken_at=taken_at)


class EscalationsAnswer(Answer):
    """What nobody has taken comes first, the oldest first; then what was taken, the latest first. `total` counts those that were left off
    too, `faults` says what is wrong with their delivery.
    """

    escalations: list[EscalationAnswer]
    total: int
    faults: list[str]


class TakenAnswer(EscalationAnswer):
    """What whoever has taken a conversation over is told: its name, and the last words of the person in it."""

    conversation: str
    evidence: list[str]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
