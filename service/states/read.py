"""States that are no emotions and are read from them: frustration, satisfaction, engagement, confusion.

Each is a logistic function of the person's emotions now, of how they changed since before, and of cues in their words. The cues are
declared (`cues.yaml`) with what they speak for; the weights are learned around that from labelled conversations (`weights.json`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from corpus.terms import EMOTIONS
from ml.models.calibration import softmax
from ml.models.dataset import FloatArray
from ml.models.dialogue import Turn
from ml.models.linear import Linear, fit
from service.signs import Signs
from service.turns import DetectedTurn

CUES_FILE = Path(__file__).parent / "cues.yaml"
WEIGHTS_FILE = Path(__file__).parent / "weights.json"
EARLIER = 2
"""A person's earlier turns whose mean their emotion is compared with."""

FADING = 0.6
"""How much of a state of the turn before still counts: who was frustrated is so still, unless the words say otherwise."""

RIDGE = 10.0
THERE_FROM = 0.5
"""Learned as if each state were there in every other turn: at a half the turn speaks neither for the state nor against it."""


class State(StrEnum):
    """What a person is in besides an emotion."""

    FRUSTRATION = "frustration"
    SATISFACTION = "satisfaction"
    ENGAGEMENT = "engagement"
    CONFUSION = "confusion"


STATES = tuple(State)


@dataclass(frozen=True)
class StateReading:
    """How far a person is in a state (0..1), and what spoke most for it: cues by name, emotions, and changes of them."""

    state: State
    value: float
    reasons: tuple[str, ...]

    @property
    def there(self) -> bool:
        """Whether the turn speaks for it."""
        return self.value >= THERE_FROM


BEFORE, MORE = "before: ", "more "
"""What the features of a cue of the person's turn before and of a rise begin with."""

SPEAKS = "speaks"
"""Where the cues' file says what they speak for."""


@cache
def _declared() -> dict[str, dict[str, Any]]:
    read: dict[str, dict[str, Any]] = yaml.safe_load(CUES_FILE.read_text(encoding="utf-8"))
    return read


@cache
def cues() -> Signs:
    """What somebody's words have that speaks for a state or against it."""
    return Signs.of({language: own for language, own in _declared().items() if language != SPEAKS})


def feature_names() -> tuple[str, ...]:
    """Every feature, in a fixed order: cues now, cues of the turn before, emotions now and their rise."""
    return (*cues().names, *(f"{BEFORE}{name}" for name in cues().names), *EMOTIONS, *(f"{MORE}{emotion}" for emotion in EMOTIONS))


def features(turns: Sequence[Turn], readings: Sequence[DetectedTurn], at: int) -> FloatArray:
    """The features of the turn `at` as its speaker's."""
    own = [i for i in range(at + 1) if turns[i].speaker == turns[at].speaker]
    now, earlier = np.array(readings[at].probabilities), own[-1 - EARLIER : -1]
    rise = now - np.mean([readings[i].probabilities for i in earlier], axis=0) if earlier else np.zeros(len(EMOTIONS))
    said = cues().found_in(turns[at].text, readings[at].language)
    before = cues().found_in(turns[own[-2]].text, readings[own[-2]].language) if len(own) > 1 else frozenset()
    heard = [float(name in said) for name in cues().names] + [float(name in before) * FADING for name in cues().names]
    return np.array([*heard, *now, *rise], np.float32)


def states_at(turns: Sequence[Turn], readings: Sequence[DetectedTurn], at: int) -> tuple[StateReading, ...]:
    """The states of the speaker of turn `at` when they say it."""
    row = features(turns, readings, at)
    return tuple(_state(state, read_weights()[state], row) for state in STATES)


def _state(state: State, weights: Linear, row: FloatArray) -> StateReading:
    known = row[[feature_names().index(name) for name in weights.features]]  # an emotion may be younger than what was learned
    value = float(softmax(weights.logits(known[None]))[0, 1])
    return StateReading(state, round(value, 4), weights.reasons(known, 1, 3) if value >= THERE_FROM else ())


@cache
def read_weights() -> Mapping[State, Linear]:
    """What was learned, by state."""
    whole = Linear.read(WEIGHTS_FILE)
    return {
        state: Linear(whole.features, ("not", state), np.stack([np.zeros(len(whole.weights), np.float32), whole.weights[:, i]], axis=1))
        for i, state in enumerate(STATES)
    }


def fit_states(rows: FloatArray, there: FloatArray) -> Linear:
    """Learn each state from turns: features (n, f), and which states a turn's speaker is in (n, 4) of 0 and 1."""
    columns, speaks = [], _declared()[SPEAKS]
    for i, state in enumerate(STATES):
        labels = ["there" if one else "not" for one in there[:, i]]
        told = [speaks.get(name.removeprefix(BEFORE), {}).get(state.value, 0.0) for name in feature_names()]
        declared = np.array(told, np.float32)
        one = fit(rows, labels, feature_names(), ("not", "there"), RIDGE, around=np.stack([-declared, declared], axis=1) * np.float32(0.5))
        columns.append(one.weights[:, 1] - one.weights[:, 0])
    return Linear(feature_names(), tuple(STATES), np.stack(columns, axis=1))
