"""A film's course of valence: what the predictions imply against what the raters' votes imply.

Each unit's probabilities are read as valence; the course is brought to 100 times between the film's first line and its last and smoothed
over 5 % of it. Six shapes are told apart by the nearest of the six modes that most stories follow; how far courses are apart where a turn
may come a little early or late is told by dynamic time warping.

Sources: Reagan et al., EPJ Data Science 5:31 (2016); Sakoe and Chiba, IEEE Transactions on Acoustics, Speech and Signal Processing 26
(1978), the band around the diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from corpus.statistics import FloatArray, IntArray, concordance, label_counts
from corpus.terms import EMOTIONS, FUSED, PROBABILITY_COLUMNS, ArcShape, UnitLevel
from ml.evaluation.findings import ArcComparison, ArcScore, FilmArc
from ml.evaluation.humans import Ballots
from ml.evaluation.levels import pearson
from ml.evaluation.resampling import mean_interval
from ml.evaluation.scored import Scored, probabilities
from ml.models.reading import implied_affect

if TYPE_CHECKING:
    import pandas as pd

POINTS = 100
WINDOW = 5
"""Points that are averaged: 5 % of the film."""

TOLERANCE = 2
"""Points by which turning points may be apart: 2 % of the film."""

WARP = 0.05
"""Share of the film by which dynamic time warping may move a point."""

PROMINENCE = 0.1
"""Valence by which a course must turn to count as a turn."""

LEAST = 8
"""A course through fewer units is no course."""

SPLITS = 10


@dataclass(frozen=True)
class _Course:
    """A film's units in order of time: rows of `labelled`, and their middles in ms."""

    film_id: str
    rows: IntArray
    middle_ms: FloatArray


def arc_comparison(scored: Scored, ballots: Ballots | None) -> ArcComparison | None:
    """The courses of all films with eight labelled units or more; None where there is none."""
    courses = _courses(scored.labelled)
    if not courses:
        return None
    raters = _valence(scored.labelled[list(PROBABILITY_COLUMNS)].to_numpy(np.float64))
    said = {name: _said(scored, name) for name in (FUSED, *scored.single)}
    gold = [_arc(course, raters) for course in courses]
    arcs = {name: [_arc(course, valence) for course in courses] for name, valence in said.items() if np.isfinite(valence).all()}
    films = [_film(course, *pair) for course, *pair in zip(courses, gold, arcs[FUSED], strict=True)]
    human = None if ballots is None else _human_r(scored, ballots, courses)
    return ArcComparison([_score(name, gold, own) for name, own in arcs.items()], films, human)


def _courses(labelled: pd.DataFrame) -> list[_Course]:
    """Films' finest units that have a time."""
    timed = labelled.assign(row=np.arange(len(labelled)), middle_ms=(labelled["start_ms"] + labelled["end_ms"]) / 2)
    timed = timed[timed["middle_ms"].notna()]
    fine = timed["level"] != UnitLevel.SCENE
    timed = timed[fine | ~fine.groupby(timed["film_id"]).transform("any")].sort_values(["film_id", "middle_ms", "unit_id"])
    return [
        _Course(str(film_id), own["row"].to_numpy(np.int64), own["middle_ms"].to_numpy(np.float64))
        for film_id, own in timed.groupby("film_id", sort=True)
        if len(own) >= LEAST
    ]


def _valence(p: FloatArray) -> FloatArray:
    return implied_affect((p / p.sum(axis=1, keepdims=True)).astype(np.float32))[:, 0].astype(np.float64)


def _said(scored: Scored, system: str) -> FloatArray:
    """The valence that a system implies for each labelled unit, NaN where it said nothing."""
    table = scored.every[system].reindex(scored.labelled["unit_id"])
    asked = table["fold"].notna().to_numpy()
    valence = np.full(len(table), np.nan)
    valence[asked] = _valence(probabilities(table[asked]))
    return valence


def _arc(course: _Course, valence: FloatArray) -> FloatArray:
    return smoothed_course(course.middle_ms, valence[course.rows])


def smoothed_course(t_ms: FloatArray, values: FloatArray) -> FloatArray:
    """Values at rising times as 100 values evenly spread from the first time to the last, each the mean of the five around it."""
    course = np.interp(np.linspace(t_ms[0], t_ms[-1], POINTS), t_ms, values)
    window = np.ones(WINDOW)
    return np.convolve(course, window, "same") / np.convolve(np.ones(POINTS), window, "same")


def turning_points(course: FloatArray) -> tuple[IntArray, IntArray]:
    """Places of the peaks and of the valleys that rise or fall by 0.1 or more."""
    from scipy.signal import find_peaks

    return find_peaks(course, prominence=PROMINENCE)[0], find_peaks(-course, prominence=PROMINENCE)[0]


def matched(first: IntArray, second: IntArray) -> int:
    """How many places of one rising list have a partner in the other, at most TOLERANCE away, each used once."""
    i = j = found = 0
    while i < len(first) and j < len(second):
        if abs(int(first[i]) - int(second[j])) <= TOLERANCE:
            i, j, found = i + 1, j + 1, found + 1
        elif first[i] < second[j]:
            i += 1
        else:
            j += 1
    return found


def shape(course: FloatArray) -> ArcShape:
    """The shape whose mode the course is most like."""
    t = np.linspace(0, np.pi, len(course))
    modes = {
        ArcShape.RAGS_TO_RICHES: -np.cos(t),
        ArcShape.TRAGEDY: np.cos(t),
        ArcShape.MAN_IN_A_HOLE: np.cos(2 * t),
        ArcShape.ICARUS: -np.cos(2 * t),
        ArcShape.CINDERELLA: -np.cos(3 * t),
        ArcShape.OEDIPUS: np.cos(3 * t),
    }
    centred = course - course.mean()
    return max(modes, key=lambda name: float(centred @ (modes[name] - modes[name].mean())) / float(np.linalg.norm(modes[name])))


def _film(course: _Course, gold: FloatArray, own: FloatArray) -> FilmArc:
    raters, model = ([round(float(value), 3) for value in arc] for arc in (gold, own))
    return FilmArc(course.film_id, len(course.rows), raters, model, pearson(gold, own), shape(gold).value, shape(own).value)


def _score(system: str, gold: list[FloatArray], own: list[FloatArray]) -> ArcScore:
    pairs = list(zip(gold, own, strict=True))
    return ArcScore(
        system=system,
        n_films=len(pairs),
        r=mean_interval(np.array([pearson(a, b) or 0.0 for a, b in pairs])),
        ccc=mean_interval(np.nan_to_num([concordance(a, b) for a, b in pairs])),
        turning_f1=_turning_f1(pairs),
        same_shape=float(np.mean([shape(a) == shape(b) for a, b in pairs])),
        warped=mean_interval(np.array([warped_distance(a, b) for a, b in pairs])),
    )


def warped_distance(first: FloatArray, second: FloatArray) -> float:
    """Mean difference of two courses of equal length along the alignment that makes its sum least, moving no point by more than WARP."""
    from librosa.sequence import dtw

    total, path = dtw(first[None], second[None], metric="cityblock", global_constraints=True, band_rad=WARP)
    return float(total[-1, -1]) / len(path)


def _turning_f1(pairs: list[tuple[FloatArray, FloatArray]]) -> float | None:
    both = total = 0
    for gold, own in pairs:
        for first, second in zip(turning_points(gold), turning_points(own), strict=True):
            both, total = both + matched(first, second), total + len(first) + len(second)
    return 2 * both / total if total else None


def _human_r(scored: Scored, ballots: Ballots, courses: list[_Course]) -> float | None:
    """Correlation of the courses that two random halves of the votes draw, stepped up to all votes; the mean over films and splits."""
    row = {unit_id: row for row, unit_id in enumerate(scored.labelled["unit_id"])}
    place = np.array([row[unit_id] for unit_id in scored.gold["unit_id"]])[ballots.unit]
    found = [r for seed in range(SPLITS) for r in _split_r(place, ballots.label, len(row), courses, seed)]
    return float(np.mean(found)) if found else None


def _split_r(place: IntArray, label: IntArray, n: int, courses: list[_Course], seed: int) -> list[float]:
    order = np.random.default_rng(seed).permutation(len(place))
    order = order[np.argsort(place[order], kind="stable")]
    half = (np.arange(len(order)) - np.searchsorted(place[order], place[order])) % 2
    counts = [label_counts(place[order][half == side], label[order][half == side], n, len(EMOTIONS)) for side in (0, 1)]
    told = np.all([one.sum(axis=1) > 0 for one in counts], axis=0)
    halves = [np.where(told, _valence(np.where(told[:, None], one, 1.0)), np.nan) for one in counts]
    found = []
    for course in courses:
        known = told[course.rows]
        if known.sum() >= LEAST:
            kept = _Course(course.film_id, course.rows[known], course.middle_ms[known])
            r = pearson(*(_arc(kept, half) for half in halves))
            found.append(0.0 if r is None or r <= -1 + 1e-9 else 2 * r / (1 + r))
    return found
