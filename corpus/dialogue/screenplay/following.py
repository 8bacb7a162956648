"""Where in the screenplay each subtitle cue stands, as probabilities over all its speeches (forward-backward over a hidden Markov model).

A film mostly says the next line or goes on with the same one, sometimes leaves lines out, rarely leaves a scene out or jumps to
another place; any cue may also be an ad-lib, which stands nowhere and keeps the place. All cues are weighed together, so that a short
"Okay." is placed by its neighbours, and a moved scene wherever its lines agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Habits of films, chosen once on the development seeds of benchmarks/screenplay.py; all scores are flat around them.
AD_LIB = 0.35
_WORDS_IN_CUE = 8.0
_NEXT = 0.6
_SCENE_SKIP = 0.15
_LINE_DECAY, _SCENE_DECAY = 0.6, 0.97
_JUMP_ANYWHERE, _JUMP_TO_SCENE = 1e-4, 2e-4
TEMPER = 0.7
"""Words of a line are no independent witnesses: their evidence counts this much."""
_LEAST_NATS = -600.0


@dataclass(frozen=True)
class Places:
    """`posterior` (cues, speeches) float32: probability that a cue stands in a speech; the rest to 1 is the ad-lib's.

    `evidence_nats` is by how much the screenplay explains the cues better than chance, mean over the cues.
    """

    posterior: npt.NDArray[np.float32]
    evidence_nats: float


@dataclass(frozen=True)
class Walk:
    """How a film moves through a screenplay: one step of the Markov chain, forward and its transpose.

    `stay` (speeches) is the probability that the next cue goes on with the same speech; `jump` (speeches) where jumps go, in all
    the probability of one.
    """

    stay: Floats
    jump: Floats

    @classmethod
    def through(cls, lengths: Iterable[int], begins_scene: npt.NDArray[np.bool_]) -> Walk:
        """`lengths` in words; long speeches go over several cues."""
        words = np.maximum(1, np.fromiter(lengths, np.float64))
        jump = _JUMP_ANYWHERE / len(words) + _JUMP_TO_SCENE * begins_scene / max(1, begins_scene.sum())
        return cls(np.clip(1 - _WORDS_IN_CUE / words, 0.05, 0.9), jump)

    def first(self) -> Floats:
        """Where the first cue stands: near the beginning, or anywhere."""
        start = np.zeros(len(self.stay))
        start[0] = 1.0
        return 0.5 * (1 - _SCENE_DECAY) * _decaying(start, _SCENE_DECAY) + 0.5 / len(start)

    def forward(self, place: Floats) -> Floats:
        stepped = place * self.stay + _onward(place * (1 - self.stay))
        return np.asarray((1 - self.jump.sum()) * stepped + self.jump * place.sum())

    def backward(self, value: Floats) -> Floats:
        stepped = value * self.stay + (1 - self.stay) * _onward(value[::-1])[::-1]
        return np.asarray((1 - self.jump.sum()) * stepped + self.jump @ value)


def follow(evidence: npt.NDArray[np.float32], walk: Walk) -> Places:
    """Posterior places of the cues, given the evidence (cues, speeches) of their words in nats."""
    peak = np.maximum(TEMPER * evidence.max(axis=1, initial=0.0), 0).astype(np.float64)
    at_place, nowhere, gained = _forward(evidence, walk, peak)
    _backward(evidence, walk, peak, at_place, nowhere)
    return Places(at_place, gained / max(1, len(evidence)))


def _likelihood(evidence: npt.NDArray[np.float32], peak: float) -> Floats:
    return np.asarray(np.exp(np.maximum(TEMPER * evidence.astype(np.float64) - peak, _LEAST_NATS)) * (1 - AD_LIB))


def _forward(evidence: npt.NDArray[np.float32], walk: Walk, peak: Floats) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], float]:
    """Probabilities given the cues so far: standing in a speech, and an ad-lib after it; with the evidence gained in nats."""
    at_place, nowhere = np.empty_like(evidence), np.empty_like(evidence)
    place = coming = walk.first()
    gained = -len(evidence) * math.log(AD_LIB)
    for cue, row in enumerate(evidence):
        said = coming * _likelihood(row, peak[cue])
        unsaid = place * math.exp(-peak[cue]) * AD_LIB
        total = float(said.sum() + unsaid.sum())
        gained += math.log(total) + peak[cue]
        at_place[cue], nowhere[cue] = said / total, unsaid / total
        place = (said + unsaid) / total
        coming = walk.forward(place)
    return at_place, nowhere, gained


def _backward(
    evidence: npt.NDArray[np.float32], walk: Walk, peak: Floats, at_place: npt.NDArray[np.float32], nowhere: npt.NDArray[np.float32]
) -> None:
    """Weigh the forward probabilities, in place, by what the cues after each say."""
    later = np.ones(evidence.shape[1])
    for cue in range(len(evidence) - 1, -1, -1):
        at_place[cue] *= later
        at_place[cue] /= at_place[cue].sum() + float(nowhere[cue] @ later)
        later = walk.backward(later * _likelihood(evidence[cue], peak[cue])) + later * math.exp(-peak[cue]) * AD_LIB
        later /= later.max()


def _onward(leaving: Floats) -> Floats:
    """Where those who leave a speech go: to the next, over a few lines, or over scenes."""
    following = np.zeros_like(leaving)
    following[1:] = leaving[:-1]
    lines = (1 - _LINE_DECAY) * _decaying(following, _LINE_DECAY)
    scenes = (1 - _SCENE_DECAY) * _decaying(following, _SCENE_DECAY)
    return np.asarray(_NEXT * following + (1 - _NEXT) * ((1 - _SCENE_SKIP) * lines + _SCENE_SKIP * scenes))


def _decaying(values: Floats, decay: float) -> Floats:
    """Sum of decay^k times the value k before, by doubling the reach."""
    total, reach = values.copy(), 1
    while reach < len(total) and decay > 1e-6:
        total[reach:] += decay * total[:-reach].copy()
        decay, reach = decay * decay, 2 * reach
    return total
