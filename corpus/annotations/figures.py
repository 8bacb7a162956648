"""Every figure of agreement that the judgements of a film allow: over time, by scene, by character, and on spans that raters share.

Free spans are compared at whole steps of the film's time or scene by scene (see `courses`), judgements of the same spans or units span by
span. A figure says what it is, at what it was measured and from how many raters and places, since figures of different levels are not
the same thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from corpus import statistics
from corpus.annotations.courses import Courses, presence_by_scene, presence_course, value_course
from corpus.annotations.judgements import label_codes
from corpus.annotations.reliability import fleiss_kappa, intraclass_correlation, ordinal_alpha
from corpus.statistics import FloatArray, IntArray
from corpus.terms import EMOTIONS

LEAST_SHARED = 10
"""Spans or units that at least two raters judged, for a figure on them."""

MOST_STEPS = 11
"""Whole numbers of so many different sizes are steps of a rating, whose distances nobody stated."""

ALPHA = "alpha"


@dataclass(frozen=True)
class AgreementFigure:
    """One figure about one film; None where nothing can be compared.

    `about` is a dimension, an emotion, or `presence` (whether anything is marked), of one character where `character` names it; `level`
    says at what it was compared. `figure` is `alpha` (Krippendorff's: nominal of emotions and presence, interval of values), `fleiss
    kappa`, `icc` of one judgement or of the mean, `ordinal alpha` of ratings in steps, `human ceiling` (share of votes that hit the mode
    of the others), `noise floor` (JSD in bits between the vote shares of two halves of the raters), or `ccc` (mean concordance of a rater
    with the mean of the others).
    """

    film_id: str
    character: str | None
    about: str
    level: str
    figure: str
    value: float | None
    raters: int
    places: int


@dataclass(frozen=True)
class _Of:
    """What the figures of one group of rows have in common."""

    film_id: str
    character: str | None
    level: str

    def figure(self, about: str, figure: str, value: float, raters: int, places: int) -> AgreementFigure:
        stated = float(value) if np.isfinite(value) else None
        return AgreementFigure(self.film_id, self.character, about, self.level, figure, stated, raters, places)

    def of_courses(self, about: str, figure: str, value: float, courses: Courses) -> AgreementFigure:
        return self.figure(about, figure, value, len(courses.raters), int((~np.isnan(courses.values)).any(axis=0).sum()))


def measure(
    annotations: pd.DataFrame,
    durations_ms: Mapping[str, int],
    step_ms: int,
    scenes: Sequence[tuple[int, int]] = (),
    by_character: bool = False,
) -> list[AgreementFigure]:
    """All figures of the films in the table ANNOTATIONS that at least two raters judged, in order of film.

    `scenes` are spans [start_ms, end_ms) of the one film that there is; `by_character` adds the figures over time of each person whom two
    raters judged.
    """
    found: list[AgreementFigure] = []
    for name, rows in annotations.groupby("film_id", sort=True):
        film_id = str(name)
        if rows["annotator_id"].nunique() < 2:
            continue
        found += _on_shared_spans(_Of(film_id, None, "shared spans"), rows)
        found += _by_scene(_Of(film_id, None, "scenes"), rows, scenes)
        found += _over_time(_Of(film_id, None, f"every {step_ms} ms"), rows, durations_ms[film_id], step_ms)
        for character, own in rows.groupby("character_id", sort=True) if by_character else ():
            if own["annotator_id"].nunique() >= 2:
                found += _over_time(_Of(film_id, str(character), f"every {step_ms} ms"), own, durations_ms[film_id], step_ms)
    return found


def _over_time(of: _Of, rows: pd.DataFrame, duration_ms: int, step_ms: int) -> Iterator[AgreementFigure]:
    if rows["end_ms"].isna().all():
        return
    for about in (None, *_emotions(rows)):
        courses = presence_course(rows, about, duration_ms, step_ms)
        yield of.of_courses(about or "presence", ALPHA, courses.nominal_alpha(), courses)
    for dimension in sorted(set(rows.loc[rows["value"].notna(), "dimension"])):
        courses = value_course(rows, dimension, duration_ms, step_ms)
        yield of.of_courses(dimension, ALPHA, courses.interval_alpha(), courses)
        yield of.of_courses(dimension, "ccc", _mean_concordance(courses.values), courses)


def _by_scene(of: _Of, rows: pd.DataFrame, scenes: Sequence[tuple[int, int]]) -> Iterator[AgreementFigure]:
    for about in (None, *_emotions(rows)) if scenes else ():
        courses = presence_by_scene(rows, about, scenes)
        yield of.of_courses(about or "presence", ALPHA, courses.nominal_alpha(), courses)


def _emotions(rows: pd.DataFrame) -> list[str]:
    given = set(rows["label"].dropna())
    return [emotion for emotion in EMOTIONS if emotion in given]


def _mean_concordance(values: FloatArray) -> float:
    """Mean over raters of the concordance of each with the mean of the others, where they speak at the same time."""
    found = []
    for r, own in enumerate(values):
        others = np.delete(values, r, axis=0)
        said = (~np.isnan(others)).sum(axis=0)
        both = ~np.isnan(own) & (said > 0)
        mean = np.nansum(others, axis=0)[both] / said[both]
        found.append(statistics.concordance(own[both], mean) if both.sum() >= LEAST_SHARED else float("nan"))
    known = [figure for figure in found if np.isfinite(figure)]
    return float(np.mean(known)) if known else float("nan")


def _on_shared_spans(of: _Of, rows: pd.DataFrame) -> Iterator[AgreementFigure]:
    item = rows.groupby(["unit_id", "start_ms", "end_ms", "character_id", "perspective"], dropna=False, sort=False).ngroup()
    shared = item[rows.groupby(item)["annotator_id"].transform("nunique") >= 2].nunique()
    if shared < LEAST_SHARED:
        return
    for dimension, judged in rows.assign(item=item).groupby("dimension", sort=True):
        judged = judged[judged["label" if dimension == "category" else "value"].notna()]
        places, raters = (pd.factorize(judged[name])[0].astype(np.int64) for name in ("item", "annotator_id"))
        figures = _of_labels(judged, places, raters) if dimension == "category" else _of_values(judged, places)
        for figure, value in figures:
            yield of.figure(str(dimension), figure, value, len(np.unique(raters)), len(np.unique(places)))


def _of_labels(judged: pd.DataFrame, places: IntArray, raters: IntArray) -> list[tuple[str, float]]:
    labels = label_codes(judged)
    counts = statistics.label_counts(places, labels, int(places.max(initial=-1)) + 1, len(EMOTIONS))
    return [
        (ALPHA, statistics.nominal_alpha(counts)),
        ("fleiss kappa", fleiss_kappa(counts)),
        ("human ceiling", statistics.leave_one_rater_out(places, raters, labels, len(EMOTIONS)).overall),
        ("noise floor", statistics.split_half_noise_bits(places, labels, len(EMOTIONS))),
    ]


def _of_values(judged: pd.DataFrame, places: IntArray) -> list[tuple[str, float]]:
    values = judged["value"].to_numpy(np.float64)
    icc = intraclass_correlation(places, values)
    found = [(ALPHA, statistics.interval_alpha(places, values)), ("icc", icc.single), ("icc of the mean", icc.average)]
    raw = judged["value_raw"].to_numpy(np.float64)
    steps, level = np.unique(raw, return_inverse=True)
    if len(steps) <= MOST_STEPS and (raw == np.rint(raw)).all():
        found.append(("ordinal alpha", ordinal_alpha(places, level.astype(np.int64), len(steps))))
    return found
