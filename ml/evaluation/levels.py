"""Intensity, valence and arousal: what is predicted against gold, film by film, and for intensity beside single raters.

Films are averaged and not pooled, because a film's mean intensity is told by its genre and pooling would reward knowing that alone. The
concordance is the headline: unlike Pearson's it asks for the right level and spread too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from corpus.statistics import FloatArray, concordance
from corpus.terms import FUSED
from ml.evaluation.findings import Interval, LevelScore
from ml.evaluation.humans import Ballots
from ml.evaluation.resampling import StrArray, mean_interval
from ml.evaluation.scored import Scored

LEAST = 5
"""A correlation over fewer units says nothing."""


def level_score(scored: Scored, ballots: Ballots | None = None, level: str = "intensity") -> LevelScore | None:
    """The fused system's `level` (one of LEVELS) on gold units; None where no film has five units with one.

    `ballots` are votes with intensities; single votes have no other level.
    """
    said = scored.systems[FUSED][level].to_numpy(np.float64, na_value=np.nan)
    gold = scored.gold[level].to_numpy(np.float64, na_value=np.nan)
    films = list(_by_film(said, gold, scored.film))
    if not films:
        return None
    return LevelScore(
        least=LEAST,
        n_films=len(films),
        n_units=sum(len(a) for a, _ in films),
        ccc=mean_interval(np.nan_to_num([concordance(a, b) for a, b in films])),
        pearson=_mean([pearson(a, b) for a, b in films]),
        mae=mean_interval(np.array([np.abs(a - b).mean() for a, b in films])),
        human_ccc=None if ballots is None else _human(ballots),
    )


def _by_film(said: FloatArray, gold: FloatArray, film: StrArray) -> Iterator[tuple[FloatArray, FloatArray]]:
    known = np.isfinite(said) & np.isfinite(gold)
    for one in np.unique(film):
        own = known & (film == one)
        if own.sum() >= LEAST:
            yield said[own], gold[own]


def pearson(a: FloatArray, b: FloatArray) -> float | None:
    """Pearson's correlation, -1..1; None where either never varies."""
    return None if min(a.std(), b.std()) < 1e-9 else float(np.corrcoef(a, b)[0, 1])


def _mean(values: list[float | None]) -> Interval | None:
    known = np.array([value for value in values if value is not None])
    return mean_interval(known) if len(known) else None


def _human(ballots: Ballots) -> float | None:
    """Concordance of each vote's intensity with the mean of the other raters' on the unit, by film."""
    given = np.isfinite(ballots.intensity)
    unit, value = ballots.unit[given], ballots.intensity[given]
    others = np.bincount(unit)[unit] - 1 if len(unit) else np.zeros(0, np.int64)
    rest = np.bincount(unit, value)[unit] - value if len(unit) else value
    mean = np.divide(rest, others, out=np.full(len(unit), np.nan), where=others > 0)
    films = list(_by_film(value, mean, ballots.film[given]))
    found = np.array([concordance(a, b) for a, b in films])
    return float(np.nanmean(found)) if np.isfinite(found).any() else None
