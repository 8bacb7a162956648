"""Shot boundaries from the frames of the one pass: what detectors share, and which there are.

Detectors are fed every frame as a picture of 48 x 27 and tell at the film's end where shots begin and how: by a cut, a fade through
black or white, or a dissolve. `best` is a trained network (corpus.films.shots.best), `fast` is PySceneDetect's detectors
(corpus.films.shots.fast); both keep a few bytes a frame, whatever the size of the film.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from corpus.chunks import Arrays
from corpus.films.unfinished import Saved

SMALL = (48, 27)
"""Size of the pictures that detectors are fed, (width, height)."""

SOURCE_WIDTH = 96
"""Width of the pictures that these are made from; the scan measures motion on them."""


class ShotSetting(StrEnum):
    """How shots are found: `best` with a network, `fast` with cheap picture differences."""

    BEST = "best"
    FAST = "fast"


@dataclass(frozen=True)
class ShotBoundary:
    """The start of a new shot: time of its first frame (the middle of a gradual change), kind and strength 0..1."""

    t_ms: int
    transition: str
    score: float


@dataclass(frozen=True)
class Shot:
    """One shot [start_ms, end_ms); `transition` is how it begins, `start` for the film's first, `score` how surely (0..1)."""

    index: int
    start_ms: int
    end_ms: int
    transition: str
    score: float


def shots_between(boundaries: list[ShotBoundary], duration_ms: int) -> list[Shot]:
    """The shots that boundaries (in order of time) make of a film of that length; there is always at least one."""
    begun = [ShotBoundary(0, "start", 1.0), *(boundary for boundary in boundaries if 0 < boundary.t_ms < duration_ms)]
    ends = [boundary.t_ms for boundary in begun[1:]] + [duration_ms]
    return [Shot(n, start.t_ms, end, start.transition, start.score) for n, (start, end) in enumerate(zip(begun, ends, strict=True))]


class ShotDetector(Protocol):
    """What the scan feeds: every frame in order, then `finish`."""

    def push(self, t_ms: int, small: np.ndarray) -> None:
        """Take one frame: its time and its uint8 RGB picture of `SMALL` size."""

    def save(self) -> Saved:
        """What was seen of the frames since the last `save`, and what waits for the next one."""

    def restore(self, logs: Sequence[Arrays], now: Arrays) -> None:
        """Go on where another detector of this setting was: all logs that it saved, and what it saved last to go on with."""

    def finish(self) -> list[ShotBoundary]:
        """All boundaries, in order of time."""


def shot_detector(setting: ShotSetting) -> ShotDetector:
    """A new detector; what it needs is loaded only then.

    Raises:
        WeightError: the best setting's network is not there; the message says how to fetch it.
    """
    if setting is ShotSetting.FAST:
        from corpus.films.shots.fast import FastShotDetector

        return FastShotDetector()
    from corpus.films.shots.best import TrainedShotDetector

    return TrainedShotDetector()
