"""What is foreseen of a reaction, and a reply with all that it was chosen by: questions and answers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ml.models.dialogue import Turn
from service.anticipate import MOST_CANDIDATES, Reaction
from service.api.models.base import Answer, OriginAnswer, Probabilities, Question, Told
from service.api.models.detect import Language, TurnAnswer, TurnQuestion
from service.champion import Origin
from service.domains.profile import Profile
from service.respond.because import sentences
from service.respond.guarded import Answer as Given
from service.respond.rank import Ranked, Refused
from service.respond.reply import MOST_TURNS, Reply
from service.states.because import sentences as told
from service.states.read import StateReading

TALK = [
    {"text": "This is the third time I write about my refund!", "speaker": "user"},
    {"text": "I am sorry for the wait.", "speaker": "agent"},
    {"text": "Nobody ever answers. I have had enough.", "speaker": "user"},
]
Talk = Annotated[list[TurnQuestion], Field(max_length=MOST_TURNS, examples=[TALK])]


class AnticipateQuestion(Question):
    """A talk so far, and what might be said next."""

    turns: Talk
    candidates: Annotated[
        list[TurnQuestion],
        Field(min_length=1, max_length=MOST_CANDIDATES, examples=[[{"text": "A colleague calls you today.", "speaker": "agent"}]]),
    ]
    language: Language | None = None


class BaselineAnswer(Told):
    """What a system without a model says: persistence, transitions, answer or majority."""

    name: str
    emotion: str
    probabilities: Probabilities


def _words(turn: Any) -> Any:
    return turn.text if isinstance(turn, Turn) else turn


class ReactionAnswer(Told):
    """What `who` will feel when they answer `to`; `change` is by how much each probability differs from what they felt last."""

    who: str | None
    to: Annotated[str, BeforeValidator(_words)]
    emotion: str
    probabilities: Probabilities
    change: Probabilities | None
    sounds: TurnAnswer
    baselines: list[BaselineAnswer]


class AnticipateAnswer(Answer):
    """The reaction to each candidate, in their order."""

    origin: OriginAnswer
    reactions: list[ReactionAnswer]

    @classmethod
    def of(cls, origin: Origin, reactions: tuple[Reaction, ...]) -> AnticipateAnswer:
        return cls(origin=OriginAnswer.of(origin), reactions=[ReactionAnswer.of(one) for one in reactions])


class RespondQuestion(Question):
    """A talk whose last turn is to be answered, and for which purpose; who answers is called `agent`."""

    domain: Annotated[str, Field(max_length=64, examples=["customer_service"])]
    turns: Annotated[Talk, Field(min_length=1)]
    conversation: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")] | None = Field(
        default=None, description="The conversation's name, by which escalations are found; one is made where it is left out."
    )
    language: Language | None = None


class StateAnswer(Answer):
    """How far the person is in a state, 0..1, and what spoke for it: in sentences, and by name."""

    state: str
    value: float
    because: list[str]
    because_of: list[str]

    @classmethod
    def of(cls, reading: StateReading) -> StateAnswer:
        """Of what was read."""
        return cls._from(reading, because=told(reading.reasons), because_of=reading.reasons)


class CandidateAnswer(Answer):
    """A candidate: how it answers, who wrote it, the reaction foreseen, and what it was ranked by."""

    text: str
    strategy: str
    writer: str
    source: str | None
    reaction: str
    probabilities: Probabilities
    effect: float
    share: float
    related: float
    score: float

    @classmethod
    def of(cls, one: Ranked) -> CandidateAnswer:
        figures = {name: round(getattr(one, name), 4) for name in ("effect", "share", "related", "score")}
        return cls._from(one.candidate, reaction=one.reaction.emotion, probabilities=one.reaction.probabilities, **figures)


class RefusedAnswer(Answer):
    """A candidate that may not be said, and why."""

    text: str
    reason: str

    @classmethod
    def of(cls, one: Refused) -> RefusedAnswer:
        return cls(text=one.candidate.text, reason=one.reason)


class ReplyAnswer(Answer):
    """What a reply was chosen by: the last turn's reading and states, the way of answering and why, every candidate, what was refused.

    `strategy` is how the reply answers, `suits_most` the way that suits the turn most, for which `because` speaks in sentences and
    `because_of` by the names of what was looked at. `usual` is how often each emotion follows in what the model learned from: a reaction is
    named by how it stands out against that.
    """

    text: str
    language: str
    reason: str
    reading: TurnAnswer
    states: list[StateAnswer]
    strategy: str
    suits_most: str
    strategies: dict[str, float]
    because: list[str]
    because_of: list[str]
    candidates: list[CandidateAnswer]
    refused: list[RefusedAnswer]
    usual: Probabilities | None

    @classmethod
    def of(cls, reply: Reply) -> ReplyAnswer:
        return cls._from(
            reply,
            states=[StateAnswer.of(one) for one in reply.states],
            suits_most=reply.choice.strategy,
            strategies={way.value: round(share, 4) for way, share in reply.choice.shares.items()},
            because=sentences(reply.choice.reasons),
            because_of=reply.choice.reasons,
            candidates=[CandidateAnswer.of(one) for one in reply.ranked],
            refused=[RefusedAnswer.of(one) for one in reply.refused],
            usual=_usual(reply),
        )


def _usual(reply: Reply) -> tuple[float, ...] | None:
    baselines = (one for ranked in reply.ranked for one in ranked.reaction.baselines if one.name == "majority")
    return next((one.probabilities for one in baselines), None)


class DistressAnswer(Told):
    """Whether somebody may be in danger: none, check or escalate, of which kinds, and why; `failed` where it could not be looked for."""

    level: str
    kinds: list[str]
    why: list[str]
    failed: bool


class RespondAnswer(Answer):
    """What to tell the person: a `reply`, a `check` whether somebody is in danger, or a `hand_over` to a person, and what it came of.

    `disclosed` is to be shown too, once in a conversation. `reached` is false where a hand-over could not be kept for anybody.
    """

    origin: OriginAnswer
    conversation: str
    kind: str
    text: str
    disclosed: str | None
    distress: DistressAnswer
    escalation: str | None
    reached: bool | None
    reply: ReplyAnswer | None

    @classmethod
    def of(cls, origin: Origin, conversation: str, given: Given) -> RespondAnswer:
        reply = ReplyAnswer.of(given.reply) if given.reply is not None else None
        return cls._from(given, origin=origin, conversation=conversation, reply=reply)


class DomainAnswer(Answer):
    """A domain: what replies are for, how they sound, what they never say, and to whom it hands over."""

    name: str
    title: str
    goal: str
    tone: str
    context: str
    subject: str
    inputs: list[str]
    strategies: dict[str, float]
    never: list[str]
    queue: str
    languages: list[str]

    @classmethod
    def of(cls, profile: Profile) -> DomainAnswer:
        return cls._from(
            profile,
            strategies={way.value: readiness for way, readiness in profile.strategies.items()},
            never=sorted({one.reason for one in profile.never}),
            queue=profile.route.queue,
            languages=sorted(profile.languages),
        )


class DomainsAnswer(Answer):
    """Every domain that this service answers in."""

    domains: list[DomainAnswer]
