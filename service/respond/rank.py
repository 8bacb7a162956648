"""Ranking candidate replies by the reaction that the model foresees to each.

What counts is the effect that the domain wishes for, how well the way of answering fits what the person does, and whether the reply has to
do with what was said. What a reply must not say is filtered before, and kept with its reason, so that a choice can be followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.models.dataset import FloatArray
from ml.models.dialogue import Turn
from service.anticipate import Reaction, anticipate
from service.champion import Champion
from service.domains.profile import Profile
from service.respond.candidates import Candidate
from service.respond.choose import Choice
from service.safety.disclosure import claims_feelings

EFFECT, WAY, FIT = 1.0, 0.5, 0.5
"""Weights of the effect (standard deviations among the candidates), of the log-share of the way of answering, and of relatedness (standard
deviations too). What is foreseen was learned from other people's talk than a domain's (films, series), so that the way and the words must
have their say: with 0.15 and 0.35 two templates of a domain were half of its replies."""


@dataclass(frozen=True)
class Ranked:
    """A candidate with its reaction and what it was ranked by: `effect` (-1..1) is how far the reaction is what the domain wishes, `share`
    (0..1) that of its way of answering, `related` (-1..1) how near its words are to the talk; `score` compares candidates of one talk,
    `written` counts them as they were written.
    """

    candidate: Candidate
    reaction: Reaction
    effect: float
    share: float
    related: float
    score: float
    written: int


@dataclass(frozen=True)
class Refused:
    """A candidate that is not given, and why."""

    candidate: Candidate
    reason: str


def allowed(profile: Profile, candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[Refused]]:
    """The candidates that say nothing which the domain never says, and the others with the reasons."""
    kept, refused = list[Candidate](), list[Refused]()
    for candidate in candidates:
        reason = next((never.reason for never in profile.never if never.pattern.search(candidate.text)), None)
        if reason is None and claims_feelings(candidate.text, in_role=profile.in_role):
            reason = "a program does not claim to feel"
        if reason is None and len(candidate.text.split()) > profile.most_words:
            reason = f"it is longer than {profile.most_words} words"
        if reason is None:
            kept.append(candidate)
        else:
            refused.append(Refused(candidate, reason))
    return kept, refused


def effect_of(profile: Profile, probabilities: Sequence[float]) -> float:
    """How far a reaction (7 probabilities) is what the domain wishes for, -1..1."""
    return float(np.dot(profile.desired, probabilities))


def ranked(
    champion: Champion,
    profile: Profile,
    turns: Sequence[Turn],
    speaker: str,
    candidates: Sequence[Candidate],
    choice: Choice,
    language: str | None,
) -> list[Ranked]:
    """The candidates, the best first; `speaker` is who would say them."""
    said = [Turn(candidate.text, speaker) for candidate in candidates]
    reactions = anticipate(champion, turns, said, language)
    effects = np.array([effect_of(profile, reaction.probabilities) for reaction in reactions], np.float32)
    shares = np.array([choice.shares[candidate.strategy] for candidate in candidates], np.float32)
    related = relatedness(champion, turns, [candidate.text for candidate in candidates])
    score = EFFECT * standardised(effects) + WAY * np.log(np.maximum(shares, 1e-4)) + FIT * standardised(related)
    figures = (effects.tolist(), shares.tolist(), related.tolist(), score.tolist(), range(len(candidates)))
    rows = [Ranked(*row) for row in zip(candidates, reactions, *figures, strict=True)]
    return sorted(rows, key=lambda one: -one.score)


def relatedness(champion: Champion, turns: Sequence[Turn], texts: Sequence[str]) -> FloatArray:
    """Cosine (n,) of each text with what was said, the last turn counting most; 0 where words were not read."""
    lines = champion.lines.read([[turn.text for turn in turns], list(texts)])
    embedding = np.nan_to_num(lines.embedding)
    before = embedding[: len(turns)]
    weight = FADING ** np.arange(len(turns) - 1, -1, -1, dtype=np.float32)
    context = (before * weight[:, None]).sum(axis=0)
    length = float(np.linalg.norm(context))
    return embedding[len(turns) :] @ (context / length) if length > 0 else np.zeros(len(texts), np.float32)


FADING = 0.5
"""How much less each turn counts than the one after it."""


def standardised(values: FloatArray) -> FloatArray:
    """Values (n,) in standard deviations from their mean; all 0 where none differs."""
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-6 else np.zeros_like(values)
