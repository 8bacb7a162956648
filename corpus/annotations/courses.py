"""Free spans of several raters laid over one film's time or scenes, so that they can be held against each other.

Raters who mark spans as they see them never choose the same ones: what they share is the film's time. Each rater's course is sampled at
whole steps; where the rater marked nothing an emotion is absent, and a value is missing, never 0.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from corpus import statistics
from corpus.statistics import FloatArray, IntArray
from corpus.terms import FeelmError

STEP_MS = 1000


@dataclass(frozen=True)
class Courses:
    """What `raters` say at each of n places (steps of time, or scenes): `values` (n_raters, n), NaN where a rater says nothing."""

    raters: tuple[str, ...]
    values: FloatArray

    def long_form(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Places, raters and values of all that was said."""
        rater, place = np.nonzero(~np.isnan(self.values))
        return place.astype(np.int64), rater.astype(np.int64), self.values[rater, place]

    def interval_alpha(self) -> float:
        """Krippendorff's alpha of the values as measured on an interval scale; NaN where nothing can be compared."""
        place, _, value = self.long_form()
        return statistics.interval_alpha(place, value)

    def nominal_alpha(self) -> float:
        """Krippendorff's alpha of the values as names, such as 1 for present and 0 for absent."""
        place, _, value = self.long_form()
        names, label = np.unique(value, return_inverse=True)
        counts = statistics.label_counts(place, label.astype(np.int64), self.values.shape[1], max(len(names), 1))
        return statistics.nominal_alpha(counts)


def value_course(annotations: pd.DataFrame, dimension: str, duration_ms: int, step_ms: int = STEP_MS) -> Courses:
    """Each rater's mean `dimension` over the spans that are open at the beginning of each step of one film.

    `annotations` are rows of ANNOTATIONS of one film, of the people and perspective that are to be compared.
    """
    judged = annotations[(annotations["dimension"] == dimension) & annotations["value"].notna() & annotations["end_ms"].notna()]
    return _courses(annotations, judged, judged["value"].to_numpy(np.float64), _steps(duration_ms, step_ms))


def presence_course(annotations: pd.DataFrame, emotion: str | None, duration_ms: int, step_ms: int = STEP_MS) -> Courses:
    """1 where a rater has a span of `emotion` (None: any span) open at the beginning of a step of one film, else 0."""
    judged = _spans_of(annotations, emotion)
    found = _courses(annotations, judged, np.ones(len(judged)), _steps(duration_ms, step_ms))
    return Courses(found.raters, np.nan_to_num(found.values))


def presence_by_scene(annotations: pd.DataFrame, emotion: str | None, scenes: Sequence[tuple[int, int]]) -> Courses:
    """1 where a rater has a span of `emotion` (None: any span) that shares time with the scene [start_ms, end_ms), else 0."""
    judged = _spans_of(annotations, emotion)
    raters = tuple(sorted(annotations["annotator_id"].unique()))
    bounds = np.array(scenes, dtype=np.float64).reshape(-1, 2)
    values = np.zeros((len(raters), len(bounds)))
    for r, rater in enumerate(raters):
        own = judged[judged["annotator_id"] == rater]
        start, end = own["start_ms"].to_numpy(np.float64), own["end_ms"].to_numpy(np.float64)
        values[r] = ((start[:, None] < bounds[:, 1]) & (end[:, None] > bounds[:, 0])).any(axis=0)
    return Courses(raters, values)


def read_scenes(text: str, film_end_ms: int) -> list[tuple[int, int]]:
    """Scenes [start_ms, end_ms) from CSV rows that begin with a scene's start in seconds, as studyforrest has them; the last ends the film.

    Raises:
        FeelmError: a row begins otherwise, or scenes do not follow one another within the film.
    """
    try:
        starts = [round(1000 * float(cells[0])) for cells in csv.reader(text.splitlines()) if cells]
    except (ValueError, OverflowError) as error:
        raise FeelmError(f"scenes are rows that begin with their start in seconds, without a header ({error})") from error
    scenes = list(zip(starts, [*starts[1:], film_end_ms], strict=True))
    if any(start >= end for start, end in scenes):
        raise FeelmError(f"scenes do not follow one another within the film, which ends at {film_end_ms} ms")
    return scenes


def _spans_of(annotations: pd.DataFrame, emotion: str | None) -> pd.DataFrame:
    timed = annotations[annotations["start_ms"].notna() & annotations["end_ms"].notna()]
    return timed.drop_duplicates("group_id") if emotion is None else timed[timed["label"].eq(emotion) & timed["dimension"].eq("category")]


def _steps(duration_ms: int, step_ms: int) -> npt.NDArray[np.int64]:
    return np.arange(0, duration_ms, step_ms, dtype=np.int64)


def _courses(annotations: pd.DataFrame, judged: pd.DataFrame, value: FloatArray, steps: npt.NDArray[np.int64]) -> Courses:
    """Sums over open spans by differences at their ends: as quick for a thousand spans as for one."""
    raters = tuple(sorted(annotations["annotator_id"].unique()))
    rater = pd.Categorical(judged["annotator_id"], categories=raters).codes
    first, last = (np.searchsorted(steps, judged[side].to_numpy(np.float64)) for side in ("start_ms", "end_ms"))
    sums, open_spans = (np.zeros((len(raters), len(steps) + 1)) for _ in range(2))
    for target, amount in ((sums, value), (open_spans, np.ones(len(judged)))):
        np.add.at(target, (rater, first), amount)
        np.add.at(target, (rater, last), -amount)
    sums, open_spans = sums.cumsum(axis=1)[:, :-1], np.rint(open_spans.cumsum(axis=1)[:, :-1])
    return Courses(raters, np.divide(sums, open_spans, out=np.full_like(sums, np.nan), where=open_spans > 0))
