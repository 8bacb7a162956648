"""Choosing a way of answering: from what the person feels, does and is, a share for each of the eight strategies.

A softmax regression over few named features (acts, emotions, states, place in the talk), learned from the committed example conversations;
the domain's profile multiplies in how readily it takes each way. What spoke most for the chosen one is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from corpus.terms import EMOTIONS
from ml.models.calibration import softmax
from ml.models.dataset import FloatArray
from ml.models.linear import Linear, fit
from service.domains.profile import Profile, Strategy
from service.signs import Signs

CHOOSER_FILE = Path(__file__).parent / "chooser.json"
ACTS_FILE = Path(__file__).parent / "acts.yaml"
STRATEGIES = tuple(Strategy)
PLACE = ("first_turn", "long_talk", "agent_asked")
MOST_REASONS = 3
LONG_TALK = 5
"""Turns from which a talk is long."""

THERE_FROM = 0.5
"""A feature below is not told as a reason; of emotions the most probable one may be."""

RIDGE = 6.0
"""Some five hundred examples stand against some forty features."""


@dataclass(frozen=True)
class Seen:
    """What a choice rests on: the turn's text and language, its emotions (7,), intensity 0..1, the person's states (name -> 0..1), how many
    turns there were and whether the last reply asked something.
    """

    text: str
    language: str | None
    probabilities: tuple[float, ...]
    intensity: float | None
    states: Mapping[str, float]
    turns: int
    agent_asked: bool


@dataclass(frozen=True)
class Choice:
    """Shares of the strategies, which add to 1, and what spoke most for the first."""

    shares: Mapping[Strategy, float]
    reasons: tuple[str, ...]

    @property
    def strategy(self) -> Strategy:
        """The one with the greatest share."""
        return max(self.shares, key=lambda way: self.shares[way])


def choose(profile: Profile, seen: Seen) -> Choice:
    """The shares of the strategies in a domain."""
    chooser = read_chooser()
    row = features_of(seen, chooser.features)
    readiness = np.log(np.array([max(profile.strategies[way], 1e-6) for way in STRATEGIES], np.float32))
    shares = softmax(chooser.logits(row[None]) + readiness)[0]
    spoke = chooser.reasons(row, int(shares.argmax()), len(row))
    there = _there(row, chooser.features)
    told = tuple(name for name in spoke if name in there)[:MOST_REASONS]
    return Choice(dict(zip(STRATEGIES, map(float, shares), strict=True)), told)


def _there(row: FloatArray, names: Sequence[str]) -> set[str]:
    """The features that may be told: a little confusion can speak for a question, and is no confusion."""
    strongest = max((name for name in names if name in EMOTIONS), key=lambda emotion: row[names.index(emotion)])
    return {name for name, value in zip(names, row, strict=True) if value >= THERE_FROM} | {strongest}


def feature_names(states: Sequence[str]) -> tuple[str, ...]:
    """Every feature, in a fixed order."""
    return (*_acts().names, *EMOTIONS, "intensity", *states, *PLACE)


def features_of(seen: Seen, names: Sequence[str]) -> FloatArray:
    """The features by name; a state that is not known is 0."""
    found: dict[str, float] = dict.fromkeys(_acts().found_in(seen.text, seen.language), 1.0)
    found |= dict(zip(EMOTIONS, seen.probabilities, strict=True))
    found |= {"intensity": seen.intensity or 0.0, **seen.states}
    found |= {"first_turn": float(seen.turns == 1), "long_talk": float(seen.turns >= LONG_TALK), "agent_asked": float(seen.agent_asked)}
    return np.array([found.get(name, 0.0) for name in names], np.float32)


def fit_chooser(seen: Sequence[Seen], labels: Sequence[Strategy], states: Sequence[str]) -> Linear:
    """Learn from example turns and the strategy that answers each; every strategy weighs alike."""
    names = feature_names(states)
    rows = np.stack([features_of(one, names) for one in seen])
    return fit(rows, labels, names, STRATEGIES, RIDGE)


@cache
def _acts() -> Signs:
    """What somebody does with a turn: asks, thanks, takes leave, blames themselves. Each act has a name that can be told as a reason."""
    return Signs.of(yaml.safe_load(ACTS_FILE.read_text(encoding="utf-8")))


@cache
def read_chooser() -> Linear:
    """What was learned from the committed examples."""
    return Linear.read(CHOOSER_FILE)
