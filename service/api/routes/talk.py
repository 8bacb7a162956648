"""`/v1/anticipate`, `/v1/respond` and `/v1/domains`: how somebody will react, and what to answer."""

from __future__ import annotations

import uuid

from fastapi import APIRouter

from service.anticipate import anticipate
from service.api.models.talk import AnticipateAnswer, AnticipateQuestion, DomainAnswer, DomainsAnswer, RespondAnswer, RespondQuestion
from service.api.state import Served
from service.champion import Champion
from service.domains.profile import profile, profiles

router = APIRouter(prefix="/v1", tags=["talk"])


@router.post("/anticipate", summary="How the other person will react to what might be said next")
async def anticipated(question: AnticipateQuestion, served: Served) -> AnticipateAnswer:
    """The emotion foreseen of the other person for each candidate, with what systems without a model say beside it."""
    turns, candidates = ([turn.value() for turn in part] for part in (question.turns, question.candidates))

    def work(champion: Champion) -> AnticipateAnswer:
        return AnticipateAnswer.of(champion.origin, anticipate(champion, turns, candidates, question.language))

    return await served.engine.call(work)


@router.post("/respond", summary="A fitting reply, with the reason")
async def responded(question: RespondQuestion, served: Served) -> RespondAnswer:
    """A reply to the last turn, a question whether somebody is in danger, or that a person takes over; every candidate is told."""
    purpose, turns = profile(question.domain), [turn.value() for turn in question.turns]
    conversation = question.conversation or str(uuid.uuid4())

    def work(champion: Champion) -> RespondAnswer:
        given = served.talking.answer(champion, purpose, turns, conversation, question.language)
        return RespondAnswer.of(champion.origin, conversation, given)

    return await served.engine.call(work)


@router.get("/domains", summary="What replies can be for")
async def domains() -> DomainsAnswer:
    """Every domain with its goal, tone, ways of answering and what it never says."""
    return DomainsAnswer(domains=[DomainAnswer.of(one) for _, one in sorted(profiles().items())])
