"""A reply behind the look for danger: what a service answers with.

Whether the use is allowed is asked first, then whether somebody may be in danger. Where danger is seen, or could not be looked for, no
candidate is written: a person takes over, or the person is asked how they are. Who is answered for the first time is told that a program
answers, and that they were told is noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from corpus.paths import Home
from ml.features.text.live import LineReader
from ml.models.dialogue import Turn
from service.champion import Champion
from service.domains.profile import Profile
from service.respond.reply import ANSWERER, MoreCandidates, Reply, check_answerable, respond
from service.safety.disclosure import DisclosureLog, disclosure
from service.safety.distress.watch import Distress, Level, Watch, check_question
from service.safety.escalation import Escalation, Queue
from service.safety.uses import Input, UseProfile, decide, read_bases

EVIDENCE_CHARACTERS = 300


class Kind(StrEnum):
    """What an answer is: a reply, a question whether somebody is in danger, or that a person takes over."""

    REPLY = "reply"
    CHECK = "check"
    HAND_OVER = "hand_over"


@dataclass(frozen=True)
class Answer:
    """What the person is told, and what it came of.

    `disclosed` is what they are told beside it, once in a conversation. `escalation` is the id under which a person finds the conversation,
    and `reached` whether that is kept for them; `reply` is all that a reply was chosen by, None where no candidate was written.
    """

    kind: Kind
    text: str
    disclosed: str | None
    distress: Distress
    escalation: str | None
    reached: bool | None
    reply: Reply | None


@dataclass(frozen=True)
class Safeguards:
    """What stands before every reply of a home: the look for danger, the queue to people, the log of what was disclosed."""

    home: Home
    watch: Watch
    queue: Queue
    log: DisclosureLog

    @classmethod
    def of(cls, home: Home, readers: Sequence[LineReader], queue: Queue) -> Safeguards:
        """Those of a home; `readers` are encoders that are loaded already."""
        return cls(home, Watch.load(readers), queue, DisclosureLog(home))


def answer(
    champion: Champion,
    profile: Profile,
    turns: Sequence[Turn],
    safeguards: Safeguards,
    conversation: str,
    language: str | None = None,
    writers: Sequence[MoreCandidates] = (),
) -> Answer:
    """Answer the last turn of a conversation, which has a name of its own in its domain.

    Raises:
        FeelmError: the use is not allowed, or there is nothing to answer.
        OSError: what was disclosed could not be noted: nobody is served unlogged.
    """
    check_answerable(turns)
    permission = decide(UseProfile(profile.context, Input.TEXT, profile.subject), read_bases(safeguards.home)).require()
    distress = safeguards.watch.asking(profile.distress).assess(turns, turns[-1].speaker, language)
    disclosed = _disclose(profile, turns, safeguards, conversation, permission.disclosures, language)
    if distress.level is Level.ESCALATE:
        reason = "; ".join(distress.why)
        return _handed_over(profile, turns, safeguards, conversation, reason, language, disclosed, distress, None)
    if distress.level is Level.CHECK:
        return Answer(Kind.CHECK, check_question(distress, language), disclosed, distress, None, None, None)
    reply = respond(champion, profile, turns, language, writers)
    if reply.hand_over:
        return _handed_over(profile, turns, safeguards, conversation, reply.reason, language, disclosed, distress, reply)
    return Answer(Kind.REPLY, reply.text, disclosed, distress, None, None, reply)


def _disclose(
    profile: Profile, turns: Sequence[Turn], safeguards: Safeguards, conversation: str, names: Sequence[str], language: str | None
) -> str | None:
    """What is due at the first answer of a conversation, noted before it is told."""
    if not names or any(turn.speaker == ANSWERER for turn in turns):
        return None
    told = disclosure(names, language)
    safeguards.log.add(conversation, profile.name, told)
    return told.words


def _handed_over(
    profile: Profile,
    turns: Sequence[Turn],
    safeguards: Safeguards,
    conversation: str,
    reason: str,
    language: str | None,
    disclosed: str | None,
    distress: Distress,
    reply: Reply | None,
) -> Answer:
    """A person takes over: the escalation is kept and sent by the courier; where it could not be kept, the person is told so."""
    evidence = [turn.text[:EVIDENCE_CHARACTERS] for turn in turns if turn.speaker != ANSWERER][-3:]
    escalation = Escalation.new(profile.name, conversation, reason, evidence, profile.route.queue, key=str(len(turns)))
    done = safeguards.queue.hand_over(escalation, language, at_once=False)
    reached = done.kept or done.delivered
    text = reply.text if reply is not None and reached else done.told
    return Answer(Kind.HAND_OVER, text, disclosed, distress, escalation.id, reached, reply)
