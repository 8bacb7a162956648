"""Continuous traces lag behind the film: people see, decide and move. Here the lag is measured and taken off; raw traces stay as they were.

How raters lag against each other shows in their traces: each is shifted to where it agrees best with the mean of the others. How far all of
them lag behind the film cannot show there; that is the team's setting, with what the literature found as the default. Judgements of spans
made at leisure have no lag, and none is taken off.

Source: Mariooryad and Busso, IEEE Transactions on Affective Computing 6 (2015), 97-108: lags of 1 to 6 s by rater, shifts of 1 to 3 s help.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from corpus.statistics import FloatArray

STEP_MS = 200
GLOBAL_LAG_MS = 3000
LONGEST_LAG_MS = 6000
ROUNDS = 3
LEAST_SAMPLES = 150
"""Steps that a rater and the others must share (30 s) before a lag is measured."""


def lags_ms(traces: pd.DataFrame, global_lag_ms: int = GLOBAL_LAG_MS) -> dict[str, int]:
    """Lag of each trace (trace_id -> ms, 0 to 6000) in the table TRACES.

    Traces of one film, character, perspective and dimension are held against each other; the mean of their lags is `global_lag_ms`. A trace
    alone, or with too little in common with the others, has the global lag.
    """
    found: dict[str, int] = {}
    for _, group in traces.groupby(["film_id", "character_id", "perspective", "dimension"], dropna=False, sort=True):
        found |= _lags_of_group(dict(iter(group.groupby("trace_id", sort=True))), global_lag_ms)
    return found


def _lags_of_group(by_trace: Mapping[str, pd.DataFrame], global_lag_ms: int) -> dict[str, int]:
    steps = 1 + int(max(samples["t_ms"].max() for samples in by_trace.values())) // STEP_MS
    courses = np.stack([_resampled(samples, steps) for samples in by_trace.values()])
    relative = _relative_lags(courses, (LONGEST_LAG_MS - global_lag_ms) // STEP_MS, global_lag_ms // STEP_MS)
    lags = np.clip(global_lag_ms + relative * STEP_MS, 0, LONGEST_LAG_MS)
    return dict(zip(by_trace, (int(lag) for lag in lags), strict=True))


def _resampled(samples: pd.DataFrame, steps: int) -> FloatArray:
    """Values at every step, NaN before the first and after the last sample."""
    t_ms, value = samples["t_ms"].to_numpy(np.float64), samples["value"].to_numpy(np.float64)
    return np.interp(np.arange(steps) * STEP_MS, t_ms, value, left=np.nan, right=np.nan)


def _relative_lags(courses: FloatArray, most: int, least: int) -> np.ndarray:
    """Steps by which each course (n_raters, steps) lags behind the mean of all, between -`least` and `most`; their mean is near 0."""
    lags = np.zeros(len(courses), dtype=np.int64)
    for _ in range(ROUNDS if len(courses) > 1 else 0):
        aligned = np.stack([_advanced(course, int(lag)) for course, lag in zip(courses, lags, strict=True)])
        best = [_best_lag(courses[r], _mean_of_others(aligned, r), -least, most) for r in range(len(courses))]
        centred = np.array(best) - round(float(np.mean(best)))
        if (centred == lags).all():
            break
        lags = centred
    return lags


def _advanced(course: FloatArray, lag: int) -> FloatArray:
    """The course `lag` steps earlier."""
    moved = np.full_like(course, np.nan)
    if lag >= 0:
        moved[: len(course) - lag] = course[lag:]
    else:
        moved[-lag:] = course[:lag]
    return moved


def _mean_of_others(aligned: FloatArray, own: int) -> FloatArray:
    others = np.delete(aligned, own, axis=0)
    known = ~np.isnan(others)
    total = np.where(known, others, 0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(aligned.shape[1], np.nan), where=known.any(axis=0))


def _best_lag(course: FloatArray, reference: FloatArray, least: int, most: int) -> int:
    """The lag of the greatest correlation; the smallest in size of equal ones, 0 where too little is shared or nothing moves."""
    candidates = sorted(range(least, most + 1), key=abs)
    fits = [_correlation(_advanced(course, lag), reference) for lag in candidates]
    best = int(np.argmax(fits))
    return candidates[best] if np.isfinite(fits[best]) else 0


def _correlation(a: FloatArray, b: FloatArray) -> float:
    shared = ~np.isnan(a) & ~np.isnan(b)
    if shared.sum() < LEAST_SAMPLES:
        return float("-inf")
    a, b = a[shared] - a[shared].mean(), b[shared] - b[shared].mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-12 else float("-inf")


def unit_values(traces: pd.DataFrame, units: pd.DataFrame, lags: Mapping[str, int]) -> pd.DataFrame:
    """Each rater's mean value over each unit that its trace covers, the lag taken off.

    Columns unit_id, film_id, perspective, annotator_id, dimension, value; bounded traces only, since others cannot be compared.
    """
    rows: list[pd.DataFrame] = []
    timed = units[units["start_ms"].notna()]
    for trace_id, samples in traces[traces["bounded"].astype(bool)].groupby("trace_id", sort=True):
        first = samples.iloc[0]
        own = timed[timed["film_id"] == first["film_id"]]
        t_ms = samples["t_ms"].to_numpy(np.float64) - lags[str(trace_id)]
        value = _means(t_ms, samples["value"].to_numpy(np.float64), own)
        facts = {name: first[name] for name in ("film_id", "perspective", "annotator_id", "dimension")}
        rows.append(pd.DataFrame({"unit_id": own["unit_id"].to_numpy(), "value": value}).assign(**facts).dropna(subset="value"))
    columns = ["unit_id", "film_id", "perspective", "annotator_id", "dimension", "value"]
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)


def _means(t_ms: FloatArray, value: FloatArray, units: pd.DataFrame) -> FloatArray:
    """Mean of the samples within each unit; NaN where there is none."""
    sums = np.concatenate([[0.0], np.cumsum(value)])
    first, last = (np.searchsorted(t_ms, units[side].to_numpy(np.float64)) for side in ("start_ms", "end_ms"))
    n = last - first
    return np.divide(sums[last] - sums[first], n, out=np.full(len(units), np.nan), where=n > 0)
