"""Errors as they are told: problem details of RFC 9457."""

from __future__ import annotations

from pydantic import Field

from service.api.models.base import Answer


class FieldFault(Answer):
    """One thing that is wrong with what was sent, and where."""

    where: str = Field(examples=["body.turns.0.text"])
    what: str = Field(examples=["String should have at least 1 character"])


class ProblemAnswer(Answer):
    """What went wrong (RFC 9457): `type` names the kind, `detail` says what to do, `request_id` is what the service's log knows it by."""

    type: str = Field(examples=["urn:feelm:problem:not-valid"])
    title: str = Field(examples=["What was sent cannot be read"])
    status: int = Field(examples=[422])
    detail: str
    instance: str = Field(examples=["/v1/detect"])
    request_id: str
    faults: list[FieldFault] = Field(default_factory=list)
