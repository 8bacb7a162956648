"""In which order and where a row of scenes can begin at candidates, some scenes left out: all ways weighed together.

The forward and backward sums of a hidden Markov model whose states are pairs of scene and candidate, with log-normal scene lengths. The
probability that a scene is there at all decides whether it is placed; where, the places that are most probable together in order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from corpus.films.scene_grouping import log_length

Floats = npt.NDArray[np.float64]


def order_probabilities(times_s: Floats, nats: Floats, in_film: Floats, *, begun: bool, ends: bool) -> Floats:
    """Probability that each scene begins at each node, (scenes, nodes).

    Args:
        times_s: rising; node 0 is where the stretch begins, the others are candidates.
        nats: evidence at each candidate (one less than nodes), with the logarithm of the time that it stands for.
        in_film: prior probability, between 0 and 1, of each scene to be there at all.
        begun: the first scene is there and begins at node 0; otherwise any scene may begin there.
        ends: the last scene is there.
    """
    model = _Model.of(times_s, nats, in_film, begun, ends)
    forward, backward = model.forward(), model.backward()
    return np.asarray(np.exp(forward + backward - logsumexp(forward + model.final[:, None])))


def choose_order(joint: Floats, *, begun: bool) -> list[tuple[int, int]]:
    """Scenes that are more probably there than not, each with its node, rising in both; the first chosen stands at node 0."""
    present = joint.sum(axis=1)
    likely = np.flatnonzero(present > 0.5)
    if not len(likely):
        likely = np.array([int(present.argmax())])
    kept = np.sort(likely[np.argsort(-present[likely], kind="stable")][: joint.shape[1]])
    nodes = _best_nodes(joint[kept])
    placed = list(zip(kept.tolist(), nodes, strict=True))
    return placed[1:] if begun else placed


def _best_nodes(joint: Floats) -> list[int]:
    """Rising nodes whose summed probability is greatest; the first is 0."""
    n_scenes, n_nodes = joint.shape
    best = np.full((n_scenes, n_nodes), -np.inf)
    best[0, 0] = 0.0
    for scene in range(1, n_scenes):
        best[scene, 1:] = np.maximum.accumulate(best[scene - 1])[:-1] + joint[scene, 1:]
    nodes = [int(best[-1].argmax())]
    for scene in range(n_scenes - 2, -1, -1):
        nodes.append(int(best[scene, : nodes[-1]].argmax()))
    return nodes[::-1]


@dataclass(frozen=True)
class _Model:
    """Logarithms: `skip` and `keep` of each scene, `arrive` of each candidate, `length` between nodes, `final` after each scene."""

    begun: bool
    skip: Floats
    keep: Floats
    arrive: Floats
    length: Floats
    final: Floats

    @classmethod
    def of(cls, times_s: Floats, nats: Floats, in_film: Floats, begun: bool, ends: bool) -> _Model:
        skip, keep = np.log1p(-in_film), np.log(in_film)
        if ends:
            keep[-1] = 0.0
        remaining = np.append(np.cumsum(skip[::-1])[::-1][1:], 0.0)
        final = np.where(np.arange(len(skip)) == len(skip) - 1, 0.0, -np.inf) if ends else remaining
        return cls(begun, skip, keep, nats, _lengths(times_s), final)

    def forward(self) -> Floats:
        """Of each scene beginning at each node, all before it summed."""
        found = np.full((len(self.skip), len(self.length)), -np.inf)
        waiting = np.full(len(self.length), -np.inf)
        for scene in range(len(self.skip)):
            opens = scene == 0 or not self.begun
            found[scene, 0] = (0.0 if self.begun else self.skip[:scene].sum() + self.keep[scene]) if opens else -np.inf
            came = _sum(waiting[:, None] + self.length, axis=0)[1:]
            found[scene, 1:] = came + self.arrive + self.keep[scene]
            waiting = np.logaddexp(waiting + self.skip[scene], found[scene])
        return found

    def backward(self) -> Floats:
        """Of all that comes after each scene at each node."""
        found = np.full((len(self.skip), len(self.length)), -np.inf)
        onward = np.full(len(self.length), -np.inf)
        for scene in range(len(self.skip) - 1, -1, -1):
            found[scene] = np.logaddexp(onward, self.final[scene])
            leads = _sum(self.length[:, 1:] + (self.arrive + self.keep[scene] + found[scene, 1:])[None, :], axis=1)
            onward = np.logaddexp(onward + self.skip[scene], leads)
        return found


def _lengths(times_s: Floats) -> Floats:
    """From each node to each later one. How long a scene has lasted before node 0 is unknown: from there all are alike."""
    gaps = times_s[None, :] - times_s[:, None]
    lengths = np.where(gaps > 0, log_length(gaps), -np.inf)
    lengths[0, 1:] = -np.log(max(float(times_s[-1] - times_s[0]), 1.0))
    return lengths


def _sum(logarithms: Floats, axis: int) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(logsumexp(logarithms, axis=axis))
