"""In which order and where a row of scenes can begin at candidates, some scenes left out: all ways weighed together.

A hidden Markov model whose states are pairs of scene and candidate, with a density of scene lengths. Its sums tell how probable each
beginning is and how many scenes are to be expected; of all orders of so many scenes the most probable is taken, because an order with
fewer would otherwise win wherever a scene is surely there but its place is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from corpus.films.scenes.grouping import Floats, log_length


@dataclass(frozen=True)
class Order:
    """Scenes that begin, each with its node and the probability 0..1 that any scene begins there; scenes and nodes rise."""

    scenes: tuple[int, ...]
    nodes: tuple[int, ...]
    probabilities: tuple[float, ...]


def most_probable_order(times_s: Floats, nats: Floats, in_film: Floats, *, begun: bool, ends: bool) -> Order:
    """The most probable order of as many scenes as are expected; its first stands at node 0.

    Args:
        times_s: rising; node 0 is where the stretch begins, the others are candidates, at least one.
        nats: evidence at each candidate (one less than nodes), with the logarithm of the time that it stands for.
        in_film: prior probability, between 0 and 1, of each scene to be there at all.
        begun: the first scene is there and begins at node 0; otherwise any scene may begin there.
        ends: the last scene is there.
    """
    model = _Model.of(times_s, nats, in_film, begun, ends)
    joint = model.joint()
    scenes, nodes = model.best(max(round(float(joint.sum())), 1 + (begun and ends)))
    return Order(scenes, nodes, tuple(min(float(joint[:, node].sum()), 1.0) for node in nodes))


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

    def joint(self) -> Floats:
        """Probability that each scene begins at each node, (scenes, nodes)."""
        forward, backward = self.forward(), self.backward()
        return np.asarray(np.exp(forward + backward - logsumexp(forward + self.final[:, None])))

    def best(self, count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Scenes and nodes of the most probable order of `count` scenes, or of fewer where so many have no room (Viterbi)."""
        scores, steps = [self._opening()], list[_Step]()
        while len(scores) < count and np.isfinite((step := self._step(scores[-1])).scores).any():
            scores.append(step.scores)
            steps.append(step)
        ended = [score + self.final[:, None] for score in scores]
        length = max((n for n, score in enumerate(ended) if np.isfinite(score).any()), default=0)
        scene, node = (int(index) for index in np.unravel_index(ended[length].argmax(), ended[length].shape))
        path = [(scene, node)]
        for step in reversed(steps[:length]):
            path.append(step.before(*path[-1]))
        return tuple(scene for scene, _ in reversed(path)), tuple(node for _, node in reversed(path))

    def _opening(self) -> Floats:
        """Of each scene being the first, at node 0."""
        opening = np.full((len(self.skip), len(self.length)), -np.inf)
        skipped = np.concatenate([[0.0], np.cumsum(self.skip)[:-1]])
        opening[:, 0] = np.where(np.arange(len(self.skip)) == 0, 0.0, -np.inf) if self.begun else skipped + self.keep
        return opening

    def _step(self, before: Floats) -> _Step:
        """The best ways to one scene more."""
        waiting, scene_before = np.full(before.shape, -np.inf), np.zeros(before.shape, dtype=np.intp)
        for scene in range(1, len(before)):
            passed = waiting[scene - 1] + self.skip[scene - 1]
            nearer = before[scene - 1] >= passed
            waiting[scene] = np.where(nearer, before[scene - 1], passed)
            scene_before[scene] = np.where(nearer, scene - 1, scene_before[scene - 1])
        ways = waiting[:, :, None] + self.length[None]
        node_before = ways.argmax(axis=1)
        arrive = np.concatenate([[-np.inf], self.arrive])
        return _Step(ways.max(axis=1) + arrive + self.keep[:, None], scene_before, node_before)

    def forward(self) -> Floats:
        """Of each scene beginning at each node, all before it summed."""
        found = self._opening()
        waiting = np.full(len(self.length), -np.inf)
        for scene in range(len(self.skip)):
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


@dataclass(frozen=True)
class _Step:
    """Best scores (scenes, nodes) after one more scene, and from where: the scene before by node before, the node before."""

    scores: Floats
    scene_before: npt.NDArray[np.intp]
    node_before: npt.NDArray[np.intp]

    def before(self, scene: int, node: int) -> tuple[int, int]:
        """The scene and node before this one."""
        earlier = int(self.node_before[scene, node])
        return int(self.scene_before[scene, earlier]), earlier


def _lengths(times_s: Floats) -> Floats:
    """From each node to each later one. How long a scene has lasted before node 0 is unknown: from there all are alike."""
    gaps = times_s[None, :] - times_s[:, None]
    lengths = np.where(gaps > 0, log_length(gaps), -np.inf)
    lengths[0, 1:] = -np.log(max(float(times_s[-1] - times_s[0]), 1.0))
    return lengths


def _sum(logarithms: Floats, axis: int) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(logsumexp(logarithms, axis=axis))
