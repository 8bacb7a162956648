"""The course of valence and intensity through lines: the arc of a scene or of a character, drawn as the arcs of films are.

Valence is what the probabilities imply, so that a script's arc and a film's can be laid over each other; places between the lines are
even, for a script has no times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.evaluation.arcs import LEAST, POINTS, shape, smoothed_course, turning_points
from ml.models.reading import implied_affect
from service.digits import DIGITS
from service.turns import DetectedTurn


@dataclass(frozen=True)
class TurningPoint:
    """Where the valence turns by 0.1 or more: a `peak` or a `valley`, at the line of the paste nearest to it, with the valence there."""

    kind: str
    line: int
    text: str
    valence: float


@dataclass(frozen=True)
class Course:
    """Valence (-1..1) and intensity (0..1) at POINTS even places from the first line to the last, smoothed over 5 % of them.

    `shape` is the nearest of six, None below eight lines, which draw no shape; both courses are empty below two lines, and that of
    intensity where it is not known.
    """

    lines: int
    valence: tuple[float, ...]
    intensity: tuple[float, ...]
    shape: str | None
    turning: tuple[TurningPoint, ...]


def valence_of(probabilities: Sequence[Sequence[float]]) -> list[float]:
    """The valence (-1..1) that each of n times seven probabilities implies."""
    return [round(float(value), DIGITS) for value in implied_affect(np.array(probabilities, np.float32))[:, 0]] if probabilities else []


def course_of(numbers: Sequence[int], readings: Sequence[DetectedTurn]) -> Course:
    """The course through some lines; `numbers` are theirs in the paste."""
    if len(readings) < 2:
        return Course(len(readings), (), (), None, ())
    at = np.arange(len(readings), dtype=np.float64)
    valence = smoothed_course(at, np.array(valence_of([one.probabilities for one in readings])))
    known = [one.intensity for one in readings if one.intensity is not None]
    intensity = smoothed_course(at, np.array(known)) if len(known) == len(readings) else np.zeros(0)
    turning = [_turning(kind, int(place), valence, numbers, readings) for kind, places in _turns(valence) for place in places]
    return Course(
        lines=len(readings),
        valence=tuple(round(float(value), 3) for value in valence),
        intensity=tuple(round(float(value), 3) for value in intensity),
        shape=shape(valence).value if len(readings) >= LEAST and float(np.ptp(valence)) > 0 else None,
        turning=tuple(sorted(turning, key=lambda one: one.line)),
    )


def _turns(valence: np.ndarray) -> tuple[tuple[str, np.ndarray], tuple[str, np.ndarray]]:
    peaks, valleys = turning_points(valence)
    return ("peak", peaks), ("valley", valleys)


def _turning(kind: str, place: int, valence: np.ndarray, numbers: Sequence[int], readings: Sequence[DetectedTurn]) -> TurningPoint:
    nearest = round(place * (len(readings) - 1) / (POINTS - 1))
    return TurningPoint(kind, numbers[nearest], readings[nearest].text, round(float(valence[place]), 3))
