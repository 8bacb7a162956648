"""How far the raters of a film agree, wherever they can be compared: over time, by scene, by character, and on spans they share.

Free spans are compared at whole steps of the film's time (see `courses`), judgements of the same spans or units span by span. Every figure
says at what it was measured and from how many raters and places, since alphas of different levels are not the same thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from corpus import statistics
from corpus.annotations.courses import Courses, presence_course, value_course
from corpus.contracts import EMOTIONS

LEAST_SHARED = 10
"""Spans or units that at least two raters judged, for an alpha on them."""


@dataclass(frozen=True)
class AgreementFigure:
    """Krippendorff's alpha of one film about one thing; None where nothing can be compared.

    `about` is a dimension, an emotion, or `presence` (whether anything is marked); `level` says at what it was compared.
    """

    film_id: str
    about: str
    level: str
    raters: int
    places: int
    alpha: float | None


def agreement_by_hand(annotations: pd.DataFrame, durations_ms: Mapping[str, int], step_ms: int) -> list[AgreementFigure]:
    """All figures of the films in the table ANNOTATIONS that at least two raters judged, in order of film."""
    found: list[AgreementFigure] = []
    for film_id, rows in annotations.groupby("film_id", sort=True):
        if rows["annotator_id"].nunique() >= 2:
            found += [*_on_shared_spans(str(film_id), rows), *_over_time(str(film_id), rows, durations_ms[str(film_id)], step_ms)]
    return found


def _over_time(film_id: str, rows: pd.DataFrame, duration_ms: int, step_ms: int) -> Iterator[AgreementFigure]:
    level = f"every {step_ms} ms"
    if rows["end_ms"].isna().all():
        return
    presence = presence_course(rows, None, duration_ms, step_ms)
    yield _figure(film_id, "presence", level, presence, presence.nominal_alpha())
    for emotion in EMOTIONS:
        if rows["label"].eq(emotion).any():
            courses = presence_course(rows, emotion, duration_ms, step_ms)
            yield _figure(film_id, emotion, level, courses, courses.nominal_alpha())
    for dimension in sorted(set(rows.loc[rows["value"].notna(), "dimension"])):
        courses = value_course(rows, dimension, duration_ms, step_ms)
        yield _figure(film_id, dimension, level, courses, courses.interval_alpha())


def _on_shared_spans(film_id: str, rows: pd.DataFrame) -> Iterator[AgreementFigure]:
    item = rows.groupby(["unit_id", "start_ms", "end_ms", "character_id", "perspective"], dropna=False, sort=False).ngroup()
    shared = item[rows.groupby(item)["annotator_id"].transform("nunique") >= 2].nunique()
    if shared < LEAST_SHARED:
        return
    rows = rows.assign(item=item)
    for dimension, judged in rows.groupby("dimension", sort=True):
        places = judged["item"].to_numpy(np.int64)
        if dimension == "category":
            judged = judged[judged["label"].notna()]
            places = pd.factorize(judged["item"])[0].astype(np.int64)
            labels = pd.Categorical(judged["label"], categories=EMOTIONS).codes.astype(np.int64)
            counts = statistics.label_counts(places, labels, int(places.max(initial=-1)) + 1, len(EMOTIONS))
            alpha = statistics.nominal_alpha(counts)
        else:
            alpha = statistics.interval_alpha(places, judged["value"].to_numpy(np.float64))
        yield AgreementFigure(
            film_id, str(dimension), "shared spans", judged["annotator_id"].nunique(), len(np.unique(places)), _finite(alpha)
        )


def _figure(film_id: str, about: str, level: str, courses: Courses, alpha: float) -> AgreementFigure:
    places = int((~np.isnan(courses.values)).any(axis=0).sum())
    return AgreementFigure(film_id, about, level, len(courses.raters), places, _finite(alpha))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
