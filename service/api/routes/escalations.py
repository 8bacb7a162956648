"""`/v1/escalations`: conversations that wait for a person, for those who take them over.

A list tells why, and no word of a conversation; whoever takes one is told what the person said last. Keys have no scopes: every key may
ask here, so keys are for people and programs that may.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query
from fastapi import Path as InPath

from service.api.models.escalations import EscalationAnswer, EscalationsAnswer, TakenAnswer, TakeQuestion
from service.api.models.problem import ProblemAnswer
from service.api.problems import Problem
from service.api.state import Asker, Served
from service.safety.escalation import Escalation, NoEscalation, State

router = APIRouter(prefix="/v1/escalations", tags=["escalations"])

MOST, USUALLY = 500, 100
Found = TypeVar("Found")


@router.get("", summary="Conversations that wait for a person")
async def listed(
    served: Served,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = USUALLY,
) -> EscalationsAnswer:
    """Why each was handed over, where it is, and what is wrong with its delivery; the words of the person are told to whoever takes it."""
    found = await _asked(lambda: served.talking.queue.all(state))
    faults = [one.replace(str(served.settings.home.root), "the home") for one in await asyncio.to_thread(served.talking.queue.faults)]
    ordered = sorted(found, key=_order)[:limit]
    return EscalationsAnswer(escalations=[EscalationAnswer.of(one) for one in ordered], total=len(found), faults=faults)


TAKEN: dict[int | str, dict[str, Any]] = {409: {"model": ProblemAnswer, "description": "Somebody else has it"}}
EscalationId = Annotated[
    str, InPath(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", examples=["0c0f4c9e-6a53-5cf1-9d6c-2f1f0f3b9c11"])
]


@router.post("/{escalation_id}/take", summary="Take a conversation over", responses=TAKEN)
async def take(escalation_id: EscalationId, question: TakeQuestion, served: Served, asker: Asker) -> TakenAnswer:
    """Note who takes it over, and tell them the conversation's name and what the person said last; asking again tells the same again."""
    who = question.who.strip() if asker is None else f"{question.who.strip()} (key {asker})"
    try:
        taken = await _asked(lambda: served.talking.queue.acknowledge(escalation_id, who))
    except NoEscalation as error:
        raise Problem(404, "no-escalation", "There is no such escalation", "no conversation was handed over under this id") from error
    if taken.acknowledged_by != who:
        raise Problem(409, "taken", "Somebody else has it", f"{taken.acknowledged_by} took it over before: ask them")
    return TakenAnswer.of(taken)


def _order(one: Escalation) -> tuple[bool, float]:
    is_taken = one.state is State.ACKNOWLEDGED
    return is_taken, -(one.acknowledged_at or 0.0) if is_taken else one.at


async def _asked(ask: Callable[[], Found]) -> Found:
    """What the queue says, asked off the event loop."""
    try:
        return await asyncio.to_thread(ask)
    except (sqlite3.Error, OSError) as error:
        told = "the queue of escalations cannot be read or written: tell whoever runs the service, and see `feelm escalations list`"
        raise Problem(503, "no-queue", "The queue cannot be reached", told, 5) from error
