"""What a film does to feeling from its first line to its last, by the model and by the raters, for the whole film and for each character.

An arc is the valence that each line's seven probabilities imply, smoothed as the report's arcs are; where lines are too few to draw one,
they are told one by one. Shares count lines by the emotion named, so that model and raters are counted alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from corpus.terms import EMOTIONS
from ml.evaluation.arcs import LEAST, POINTS, shape, smoothed_course
from ml.models.reading import implied_affect
from pages.charts import Curve
from pages.lines import Line

DIGITS = 3

SHAPES = {
    "rags_to_riches": "rises",
    "tragedy": "falls",
    "man_in_a_hole": "falls, then rises",
    "icarus": "rises, then falls",
    "cinderella": "rises, falls, rises",
    "oedipus": "falls, rises, falls",
}
"""The six shapes in words."""


@dataclass(frozen=True)
class Point:
    """One line's valence (-1..1) at the middle of its time."""

    t_ms: int
    valence: float


@dataclass(frozen=True)
class Arc:
    """What one teller (the model, or the raters together) says of some lines.

    `shares` (order of EMOTIONS) are of lines by the emotion named and sum to 1; `course` is the smoothed valence at 100 even times from
    the first line to the last, empty below eight lines; `shape` is the nearest of six, None without a course that moves.
    """

    points: tuple[Point, ...]
    shares: tuple[float, ...]
    course: tuple[float, ...]
    shape: str | None

    @property
    def emotion(self) -> str:
        """The emotion that most lines are named by."""
        return EMOTIONS[self.shares.index(max(self.shares))]

    @property
    def valence(self) -> float:
        """The mean of the lines' valence."""
        return sum(point.valence for point in self.points) / len(self.points)

    @property
    def start_ms(self) -> int:
        """The middle of the first line."""
        return self.points[0].t_ms

    @property
    def end_ms(self) -> int:
        """The middle of the last line."""
        return self.points[-1].t_ms

    def curve(self, css: str) -> Curve:
        """The course over 0..1, from the first line to the last; without one the lines themselves, as dots."""
        if self.course:
            return Curve(tuple(i / (POINTS - 1) for i in range(len(self.course))), self.course, css)
        length = max(self.end_ms - self.start_ms, 1)
        return Curve(
            tuple((point.t_ms - self.start_ms) / length for point in self.points), tuple(point.valence for point in self.points), css, True
        )

    def timed(self, duration_ms: float, css: str, dots: bool = False) -> Curve:
        """The same over the time from 0 to `duration_ms`; with `dots` the single lines, joined."""
        if dots or not self.course:
            points = self.points
            return Curve(tuple(p.t_ms / duration_ms for p in points), tuple(p.valence for p in points), css, True)
        times = np.linspace(self.start_ms, self.end_ms, len(self.course)) / duration_ms
        return Curve(tuple(times.tolist()), self.course, css)


@dataclass(frozen=True)
class CharacterArc:
    """One speaker: how many of the film's lines are theirs, and what model and raters say of these."""

    name: str
    lines: int
    share: float
    model: Arc | None
    raters: Arc | None

    @property
    def told(self) -> Arc | None:
        """The model's, else the raters'."""
        return self.model or self.raters


def model_arc(lines: Sequence[Line]) -> Arc | None:
    """What the model says of the lines; None where it read none."""
    return _arc([(line, line.model.probabilities, line.model.emotion) for line in lines if line.model])


def raters_arc(lines: Sequence[Line]) -> Arc | None:
    """What the raters settled of the lines; None where they settled none."""
    return _arc([(line, line.gold.probabilities, line.gold.emotion) for line in lines if line.gold and line.gold.emotion])


def character_arcs(lines: Sequence[Line]) -> tuple[CharacterArc, ...]:
    """Each speaker whom model or raters say something of, whoever says most first."""
    spoken = Counter(line.speaker for line in lines if line.speaker)
    found = []
    for name in sorted(spoken, key=lambda name: (-spoken[name], name)):
        own = [line for line in lines if line.speaker == name]
        found.append(CharacterArc(name, len(own), len(own) / sum(spoken.values()), model_arc(own), raters_arc(own)))
    return tuple(one for one in found if one.told)


def _arc(told: Sequence[tuple[Line, Sequence[float], str | None]]) -> Arc | None:
    if not told:
        return None
    ordered = sorted(told, key=lambda one: one[0].start_ms + one[0].end_ms)
    t_ms = np.array([(line.start_ms + line.end_ms) // 2 for line, _, _ in ordered], np.float64)
    p = np.array([probabilities for _, probabilities, _ in ordered], np.float32)
    valence = implied_affect(p / p.sum(axis=1, keepdims=True))[:, 0].astype(np.float64)
    counts = Counter(emotion for _, _, emotion in ordered)
    course = smoothed_course(t_ms, valence) if len(ordered) >= LEAST else np.zeros(0)
    return Arc(
        points=tuple(Point(int(t), round(float(v), DIGITS)) for t, v in zip(t_ms, valence, strict=True)),
        shares=tuple(round(counts[emotion] / len(ordered), 4) for emotion in EMOTIONS),
        course=tuple(round(float(value), DIGITS) for value in course),
        shape=shape(course).value if len(course) and float(np.ptp(course)) > 0 else None,
    )
