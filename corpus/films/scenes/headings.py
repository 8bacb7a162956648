"""Places a screenplay's scenes between the lines that stand under them.

Aligned lines tell in which order scenes come and between which two lines one ends; evidence says at which shot boundary. Scenes that the
screenplay has in between but of which no line was found are placed there too where that is more probable than that the film left them
out, all of a gap together (forward and backward sums over the orders that the screenplay allows).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from corpus.films.scenes.evidence import LINE_SLACK_MS, Evidence, Floats, Line, Shot
from corpus.films.scenes.orders import most_probable_order

SILENT_IN_FILM = 0.8
"""Probability that a scene written without dialogue is in the film."""
SPEAKING_IN_FILM = 0.1
"""The same for a scene of whose lines none was found: most often it was cut."""
MOST_CANDIDATES = 120
"""Of a longer stretch the best so many: time grows with their square and with the square of the scenes to place."""
REACH_MS = 2000


@dataclass(frozen=True)
class Part:
    """One scene of the screenplay: its heading, and whether anybody speaks under it."""

    heading: str | None
    speaks: bool


@dataclass(frozen=True)
class Start:
    """A scene's beginning: which part of the screenplay begins, and the probability 0..1 of the boundary (None: no choice was made)."""

    start_ms: int
    part: int
    confidence: float | None


@dataclass(frozen=True)
class _Gap:
    """What lies between two runs of lines: parts in order, whether the first has begun and whether the last must begin here."""

    first_ms: int
    last_ms: int
    parts: tuple[int, ...]
    begun: bool
    ends: bool


def place_parts(shots: Sequence[Shot], lines: Sequence[Line], parts: Sequence[Part], evidence: Evidence) -> list[Start]:
    """Starts of the scenes from the film's first to its last; the first begins with the film."""
    runs = _runs([line for line in lines if line.part is not None])
    placer = _Placer.of(shots, parts, evidence)
    starts: list[Start] = []
    for gap in _gaps(runs, shots[0].start_ms, shots[-1].end_ms, len(parts)):
        starts += placer.place(gap, starts[-1].start_ms if starts else shots[0].start_ms)
    return starts


def unplaced(parts: Sequence[Part], starts: Sequence[Start]) -> list[str]:
    """Headings of the parts that have no place in the film, in order."""
    found = {start.part for start in starts}
    return [part.heading or "" for index, part in enumerate(parts) if index not in found]


def _runs(lines: Sequence[Line]) -> list[list[Line]]:
    """Neighbouring lines of one part; a single stray line between two of another part starts none."""
    runs: list[list[Line]] = []
    for index, line in enumerate(lines):
        if runs and runs[-1][-1].part == line.part:
            runs[-1].append(line)
        elif runs and index + 1 < len(lines) and lines[index + 1].part == runs[-1][-1].part:
            continue
        else:
            runs.append([line])
    return runs


def _gaps(runs: Sequence[Sequence[Line]], start_ms: int, end_ms: int, n_parts: int) -> list[_Gap]:
    """Before the first run, between runs, after the last; with the parts that the screenplay has there and nobody was heard in."""
    numbers = [_part(run[0]) for run in runs]
    ends = [max(line.end_ms for line in run) for run in runs]
    alone = [number for number in range(n_parts) if number not in set(numbers)]
    gaps = [_Gap(start_ms, runs[0][0].start_ms, (*_within(alone, -1, numbers[0]), numbers[0]), False, True)]
    for n, (one, other) in enumerate(pairwise(numbers)):
        gaps.append(_Gap(ends[n], runs[n + 1][0].start_ms, (one, *_within(alone, one, other), other), True, True))
    gaps.append(_Gap(ends[-1], end_ms, (numbers[-1], *_within(alone, numbers[-1], n_parts)), True, False))
    return gaps


def _within(numbers: Sequence[int], after: int, before: int) -> list[int]:
    return [number for number in numbers if after < number < before]


def _part(line: Line) -> int:
    assert line.part is not None
    return line.part


@dataclass(frozen=True)
class _Placer:
    """`starts_ms` of all shots but the first, and for each the evidence with the logarithm of the seconds it stands for."""

    parts: Sequence[Part]
    starts_ms: npt.NDArray[np.int64]
    nats: Floats
    end_ms: int

    @classmethod
    def of(cls, shots: Sequence[Shot], parts: Sequence[Part], evidence: Evidence) -> _Placer:
        edges = np.array([*(shot.start_ms for shot in shots), shots[-1].end_ms], dtype=np.int64)
        stretches_s = np.maximum((edges[2:] - edges[:-2]) / 2000, 1e-3)
        # Whether a line is heard over a boundary is settled by the gap; who speaks in it, by the screenplay.
        return cls(parts, edges[1:-1], evidence.picture + evidence.sound + np.log(stretches_s), int(edges[-1]))

    def place(self, gap: _Gap, after_ms: int) -> list[Start]:
        """Scenes that begin in the gap, later than `after_ms`; a gap before the first line begins with the film."""
        chosen = self._candidates(gap, after_ms)
        if not len(chosen):
            return self._without_shot(gap, after_ms)
        at = np.concatenate([[gap.first_ms], self.starts_ms[chosen]])
        order = most_probable_order(at / 1000, self.nats[chosen], self._in_film(gap), begun=gap.begun, ends=gap.ends)
        return [
            Start(int(at[node]), gap.parts[part], round(probability, 4) if node else None)
            for part, node, probability in zip(order.scenes, order.nodes, order.probabilities, strict=True)
            if node or not gap.begun
        ]

    def _candidates(self, gap: _Gap, after_ms: int) -> npt.NDArray[np.intp]:
        reached = (self.starts_ms >= gap.first_ms - LINE_SLACK_MS) & (self.starts_ms <= gap.last_ms + LINE_SLACK_MS)
        chosen = np.flatnonzero(reached & (self.starts_ms > after_ms))
        return np.sort(chosen[np.argsort(-self.nats[chosen], kind="stable")[:MOST_CANDIDATES]])

    def _without_shot(self, gap: _Gap, after_ms: int) -> list[Start]:
        """No shot begins between two lines: the scene begins at a shot near their middle, else in the middle itself."""
        if not gap.begun:
            return [Start(gap.first_ms, gap.parts[-1], None)]
        middle_ms = (gap.first_ms + gap.last_ms) // 2
        nearest = int(min(self.starts_ms, key=lambda start: abs(start - middle_ms), default=middle_ms))
        at_ms = nearest if abs(nearest - middle_ms) <= REACH_MS and nearest > after_ms else middle_ms
        return [Start(at_ms, gap.parts[-1], None)] if gap.ends and after_ms < at_ms < self.end_ms else []

    def _in_film(self, gap: _Gap) -> Floats:
        return np.array([SPEAKING_IN_FILM if self.parts[part].speaks else SILENT_IN_FILM for part in gap.parts])
