"""Chooses scene boundaries among candidates: a semi-Markov model of scene lengths over the evidence at each candidate.

A film is a row of scenes whose lengths have a gamma density; a scene ends at a candidate with the share of lengths that end in the
stretch for which the candidate stands, times what the evidence says, so that long shots begin scenes more often than quick cuts. Forward
and backward sums give each boundary's probability; those are kept whose expected F1 is greatest, so the evidence says how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, gammaln, logsumexp

Floats = npt.NDArray[np.float64]

MEAN_SCENE_S, SCENE_SHAPE = 40.0, 1.5
"""Gamma lengths. In the first half of studyforrest's list, which counts every change of place, the mean is 38 s. A shape above 1 says that
a scene hardly ends when it has just begun. The chance to end must not sink with time, as it does where lengths are log-normal: a long
film was then one endless scene, whatever its pictures said."""
_SCALE_S = MEAN_SCENE_S / SCENE_SHAPE


@dataclass(frozen=True)
class Candidates:
    """Where scenes may begin: times in seconds (rising, within the film), evidence in nats, and the film's start and end."""

    times_s: Floats
    nats: Floats
    start_s: float
    end_s: float

    @property
    def borders_s(self) -> Floats:
        """Each candidate stands for the time about it, half way to its neighbours: n + 1 borders."""
        edges = np.concatenate([[self.start_s], self.times_s, [self.end_s]])
        return np.asarray((edges[1:] + edges[:-1]) / 2)


def boundary_probabilities(candidates: Candidates) -> Floats:
    """Probability 0..1 that a scene begins at each candidate; takes time with the square of their number (3000: a second)."""
    edges, nats = np.concatenate([[candidates.start_s], candidates.times_s]), candidates.nats
    forward, backward = np.full(len(edges), -np.inf), np.zeros(len(edges))
    forward[0], borders_s = 0.0, candidates.borders_s
    # The steps are worked out twice rather than kept: ten thousand shots would take 400 MB.
    for at in range(len(edges) - 1, -1, -1):
        steps = _next_scene(edges[at], borders_s[at:])
        backward[at] = logsumexp(steps + np.append(nats[at:] + backward[at + 1 :], 0.0))
    for at in range(len(edges) - 1):
        steps = _next_scene(edges[at], borders_s[at:])
        forward[at + 1 :] = np.logaddexp(forward[at + 1 :], forward[at] + steps[:-1] + nats[at:])
    return np.exp(np.minimum(forward + backward - backward[0], 0.0))[1:]


def _next_scene(now_s: float, borders_s: Floats) -> Floats:
    """Logarithm of the probability that a scene begun now ends between each two borders (the first moved to now), or after the last."""
    lasting = lengths_above(borders_s - now_s)
    lasting[0] = 1.0
    return np.log(np.maximum(-np.diff(np.append(lasting, 0.0)), 1e-300))


def log_length(seconds: Floats) -> Floats:
    """Logarithm of the density of scene lengths."""
    scaled = np.maximum(seconds, 1e-3) / _SCALE_S
    return np.asarray((SCENE_SHAPE - 1) * np.log(scaled) - scaled - gammaln(SCENE_SHAPE) - np.log(_SCALE_S))


def lengths_above(seconds: Floats) -> Floats:
    """Share of scenes longer than so many seconds."""
    return np.asarray(gammaincc(SCENE_SHAPE, np.maximum(seconds, 0.0) / _SCALE_S))


def most_expected(probabilities: Floats) -> npt.NDArray[np.intp]:
    """Indices, rising, of the boundaries whose expected F1 is greatest; none where even the best set is more wrong than right.

    For independent decisions the best set holds the most probable ones (Lipton, Elkan and Naryanaswamy, "Optimal thresholding of
    classifiers to maximize F1 measure", ECML 2014); no boundary at all counts as right with the probability that there is none.
    """
    order = np.argsort(-probabilities, kind="stable")
    found = np.cumsum(probabilities[order])
    expected = 2 * found / (np.arange(1, len(order) + 1) + probabilities.sum())
    if not len(order) or np.prod(1 - probabilities) >= expected.max():
        return np.empty(0, dtype=np.intp)
    return np.sort(order[: int(expected.argmax()) + 1])
