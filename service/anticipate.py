"""How somebody will react: to what was said, and to what might be said next.

A candidate turn is heard as if it were spoken, and what the other person will feel is foreseen from the readings up to it. Beside it
stands what needs no model: that nothing changes, what usually follows one's own emotion and another's, and what is most frequent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from corpus.terms import EMOTIONS, FeelmError
from ml.models import foresight
from ml.models.dataset import FloatArray
from ml.models.dialogue import HeardTurns, Turn
from service.champion import Champion
from service.digits import rounded
from service.turns import DetectedTurn, read_turn

MOST_CANDIDATES = 64


@dataclass(frozen=True)
class Baseline:
    """What a system without a model says: its name, the emotion, and all seven."""

    name: str
    emotion: str
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Reaction:
    """What `who` will feel when they speak after `to`: the emotion named, all seven probabilities, and what `to` itself sounds like.

    `change` is by how much each probability differs from what the person felt last (-1..1), None where they have not spoken.
    """

    who: str | None
    to: Turn
    emotion: str
    probabilities: tuple[float, ...]
    change: tuple[float, ...] | None
    sounds: DetectedTurn
    baselines: tuple[Baseline, ...]


def anticipate(champion: Champion, turns: Sequence[Turn], candidates: Sequence[Turn], language: str | None = None) -> tuple[Reaction, ...]:
    """The reaction of the other person to each candidate for the next turn.

    Raises:
        FeelmError: there is no candidate, or there are more than MOST_CANDIDATES.
    """
    if not 1 <= len(candidates) <= MOST_CANDIDATES:
        raise FeelmError(f"give 1 to {MOST_CANDIDATES} candidates for the next turn, not {len(candidates)}")
    heard = champion.hear([[*turns, candidate] for candidate in candidates], language)
    return tuple(_reaction(champion, turns, candidate, one) for candidate, one in zip(candidates, heard, strict=True))


def foresee(
    champion: Champion, turns: Sequence[Turn], language: str | None = None, heard: HeardTurns | None = None
) -> tuple[Reaction, ...]:
    """After each turn of a talk the reaction of whoever hears it, from what was said up to it alone; `heard` where it was heard already.

    Raises:
        FeelmError: there is no turn.
    """
    if not turns:
        raise FeelmError("there is no turn: give what was said so far")
    whole = heard if heard is not None else champion.hear([turns], language)[0]
    parts = [whole.part(slice(0, end)) for end in range(1, len(turns) + 1)]
    return tuple(_reaction(champion, turns[:i], turns[i], part) for i, part in enumerate(parts))


def _reaction(champion: Champion, turns: Sequence[Turn], candidate: Turn, heard: HeardTurns) -> Reaction:
    last, foreseen = _last_of_other(turns, candidate), heard.following[-1]
    before = heard.so_far[last] if last is not None else None
    return Reaction(
        who=turns[last].speaker if last is not None else None,
        to=candidate,
        emotion=named(champion, foreseen),
        probabilities=rounded(foreseen),
        change=None if before is None else tuple(round(float(d), 4) for d in foreseen - before),
        sounds=read_turn(candidate, heard.so_far[-1], heard, len(heard.read) - 1),
        baselines=tuple(_baselines(champion, before, heard.so_far[-1])),
    )


def _last_of_other(turns: Sequence[Turn], candidate: Turn) -> int | None:
    """The last turn of whoever spoke last beside the candidate's speaker."""
    return next((i for i in range(len(turns) - 1, -1, -1) if turns[i].speaker not in (None, candidate.speaker)), None)


def named(champion: Champion, probabilities: FloatArray) -> str:
    """The emotion that stands out against how usual it is among what follows."""
    return EMOTIONS[int(foresight.named(probabilities[None], usual(champion))[0])]


def usual(champion: Champion) -> FloatArray:
    """How often each emotion (7,) is what follows, in what the champion learned from; adds to 1."""
    counts = _counts(champion, "next").sum(axis=0)
    return counts / counts.sum()


def _counts(champion: Champion, name: str) -> FloatArray:
    """Counts (7, 7) of an emotion (row) followed by another, each cell begun at one."""
    return np.array(champion.model.facts.follows[name], np.float32) + 1


def _baselines(champion: Champion, before: FloatArray | None, heard: FloatArray) -> list[Baseline]:
    """Persistence and transitions of the person's last emotion where they spoke, the usual answer to the turn's, and the majority."""
    own, answer, following = (_counts(champion, name) for name in ("own", "answer", "next"))
    told = {"persistence": before, "transitions": None if before is None else own[before.argmax()]}
    told |= {"answer": answer[heard.argmax()], "majority": following.sum(axis=0)}
    return [_baseline(name, p / p.sum()) for name, p in told.items() if p is not None]


def _baseline(name: str, p: FloatArray) -> Baseline:
    return Baseline(name, EMOTIONS[int(p.argmax())], rounded(p))
