"""The answer to what somebody said: it is read, a way is chosen, candidates are written and ranked, and the best is given with the reason.

Safety comes first and fails towards a person: signs of distress, or a judge that could not judge, lead to a hand-over, and no candidate is
written. What is returned tells all that was looked at, so that whoever answers for it can follow every choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from corpus.terms import EMOTIONS, FeelmError
from ml.models.dialogue import Turn
from service.champion import Champion, Origin
from service.domains.profile import Profile, Strategy
from service.respond.because import clauses
from service.respond.candidates import Candidate, written
from service.respond.choose import Choice, Seen, choose
from service.respond.rank import Ranked, Refused, allowed, ranked
from service.respond.wording import Said
from service.states.read import StateReading, states_at
from service.turns import DetectedTurn, detected

MOST_TURNS = 60
"""Of a talk so many last turns are read: what was said before is out of the networks' reach."""

ANSWERER = "agent"

MoreCandidates = Callable[[Profile, Sequence[Turn], Choice], Sequence[Candidate]]
"""Another writer's candidates, such as those of a language model or lines of films."""


@dataclass(frozen=True)
class Reply:
    """What to answer, or that a person takes over.

    `reading` and `states` are of the last turn, `choice` tells the way of answering and why, `ranked` every candidate, the best first, and
    `refused` those that may not be said. `reason` says it all in a sentence. `hand_over` names the queue where a person takes over.
    """

    text: str
    language: str
    reason: str
    reading: DetectedTurn
    states: tuple[StateReading, ...]
    choice: Choice
    ranked: tuple[Ranked, ...]
    refused: tuple[Refused, ...]
    hand_over: str | None
    origin: Origin

    @property
    def strategy(self) -> Strategy:
        """How `text` answers; `choice.strategy` is the way that suits the turn most, which another may have been preferred to."""
        return Strategy.OTHER if self.hand_over else self.ranked[0].candidate.strategy


def respond(
    champion: Champion,
    profile: Profile,
    turns: Sequence[Turn],
    language: str | None = None,
    writers: Sequence[MoreCandidates] = (),
) -> Reply:
    """Answer the last turn, in the talk that led to it, as ANSWERER.

    Raises:
        FeelmError: there is no turn, or the last one is the answerer's own.
    """
    check_answerable(turns)
    turns = list(turns[-MOST_TURNS:])
    (heard,) = champion.hear([turns], language)
    readings = detected(champion, turns, heard).turns
    states = states_at(turns, readings, len(turns) - 1)
    choice = choose(profile, _seen(turns, readings, states))
    said = Said(turns[-1].text, readings[-1].emotion, readings[-1].intensity or 0.0, profile.words(language or readings[-1].language))
    earlier = [turn.text for turn in turns if turn.speaker == ANSWERER]
    candidates = [*written(profile, choice, said, earlier), *(one for writer in writers for one in writer(profile, turns, choice))]
    kept, refused = allowed(profile, candidates)
    if not kept:
        raise FeelmError(f"the domain {profile.name} refuses every candidate that it has: its templates break its own rules (`never`)")
    best = ranked(champion, profile, turns, ANSWERER, kept, choice, language)
    common = (readings[-1], states, choice, tuple(best), tuple(refused))
    if trigger := hand_over_for(profile, readings[-1], states):
        return Reply(profile.route.told[_told(profile, said)], said.language, trigger, *common, profile.route.queue, champion.origin)
    return Reply(best[0].candidate.text, said.language, _reason(best, choice, readings[-1]), *common, None, champion.origin)


def check_answerable(turns: Sequence[Turn]) -> None:
    """Raise FeelmError where nothing was said, or the last turn is the answerer's own."""
    if not turns or not turns[-1].text.strip():
        raise FeelmError("there is nothing to answer: the last turn is empty")
    if turns[-1].speaker == ANSWERER:
        raise FeelmError(f"the last turn is {ANSWERER}'s own: there is nothing to answer until somebody else speaks")


def _told(profile: Profile, said: Said) -> str:
    return said.language if said.language in profile.route.told else "en"


def hand_over_for(profile: Profile, reading: DetectedTurn, states: Sequence[StateReading]) -> str | None:
    """Why a person takes over by the domain's route, None where none does: a state or an emotion is above what the route bears."""
    values = {state.state.value: state.value for state in states} | dict(zip(EMOTIONS, reading.probabilities, strict=True))
    for name, bound in profile.route.above.items():
        if values.get(name, 0.0) > bound:
            return f"{name} is {values[name]:.2f}, above {bound:.2f}: a person takes over ({profile.route.queue})"
    return None


def _seen(turns: Sequence[Turn], readings: Sequence[DetectedTurn], states: Sequence[StateReading]) -> Seen:
    before = turns[-2] if len(turns) > 1 else None
    asked = before is not None and before.speaker == ANSWERER and "?" in before.text
    now = readings[-1]
    return Seen(turns[-1].text, now.language, now.probabilities, now.intensity, {one.state: one.value for one in states}, len(turns), asked)


WAYS = {
    Strategy.QUESTION: "asks to understand more",
    Strategy.RESTATEMENT: "says back what was said",
    Strategy.REFLECTION: "names what is felt",
    Strategy.SELF_DISCLOSURE: "says what it is",
    Strategy.AFFIRMATION: "encourages",
    Strategy.SUGGESTION: "suggests what to do",
    Strategy.INFORMATION: "informs",
    Strategy.OTHER: "greets, closes or hands over",
}


def _reason(best: Sequence[Ranked], choice: Choice, reading: DetectedTurn) -> str:
    first = best[0]
    felt = f"{reading.emotion} ({reading.confidence:.2f}{', uncertain' if reading.uncertain else ''})"
    others = f"; of {len(best)} candidates it is best by its reaction foreseen ({first.reaction.emotion}), its way and its words"
    return f"The last turn reads as {felt}. The reply {_way(first.candidate.strategy, choice)}{others if len(best) > 1 else ''}."


def _way(given: Strategy, choice: Choice) -> str:
    """What the reply does, and why that, or what would have suited the turn more."""
    because = f", because {_listed(clauses(choice.reasons))}" if choice.reasons else ""
    if given is choice.strategy:
        return f"{WAYS[given]}{because}"
    return f"{WAYS[given]}, where a reply that {WAYS[choice.strategy]} suits the turn most{because}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
