"""Coefficients of agreement against their papers' own examples and an independent package."""

from collections.abc import Callable

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import statistics
from corpus.annotations.reliability import fleiss_kappa, intraclass_correlation, nominal_alpha_interval, ordinal_alpha

FLEISS_EXAMPLE = [
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
]  # fmt: skip

SHROUT_AND_FLEISS = [(9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7)]


def long_form(rows: list[tuple[int | None, ...]]) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(item, value) for item, row in enumerate(rows) for value in row if value is not None]
    return np.array([item for item, _ in pairs]), np.array([value for _, value in pairs])


def cluster_bootstrap(
    statistic: Callable[[np.ndarray], float],
    clusters: np.ndarray,
    *,
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float] | None:
    """The independent computation: percentile interval of `statistic` under resampling of whole clusters.

    `statistic` gets the drawn row numbers (with repetition) and returns a number; NaN draws are left out. None where there are fewer than
    two clusters or every draw is NaN.
    """
    _, membership = np.unique(clusters, return_inverse=True)
    rows_of = [np.flatnonzero(membership == cluster) for cluster in range(membership.max(initial=-1) + 1)]
    if len(rows_of) < 2:
        return None
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(rows_of), size=(draws, len(rows_of)))
    figures = np.array([statistic(np.concatenate([rows_of[cluster] for cluster in draw])) for draw in drawn], dtype=np.float64)
    figures = figures[~np.isnan(figures)]
    if not len(figures):
        return None
    low, high = np.quantile(figures, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def test_fleiss_kappa_of_ten_subjects_and_fourteen_raters() -> None:
    assert fleiss_kappa(np.array(FLEISS_EXAMPLE, dtype=float)) == pytest.approx(0.210, abs=0.0005)


def test_intraclass_correlations_of_shrout_and_fleiss() -> None:
    items, values = long_form(SHROUT_AND_FLEISS)
    found = intraclass_correlation(items, values.astype(float))
    assert (round(found.single, 2), round(found.average, 2), found.k) == (0.17, 0.44, pytest.approx(4))


ratings = st.lists(st.lists(st.one_of(st.none(), st.integers(0, 4)), min_size=4, max_size=4).map(tuple), min_size=3, max_size=15)


@given(ratings)
def test_ordinal_alpha_is_that_of_the_package_with_judgements_missing(rows: list[tuple[int | None, ...]]) -> None:
    items, levels = long_form(rows)
    pairable = [row for row in rows if sum(value is not None for value in row) >= 2]
    if len({value for row in pairable for value in row if value is not None}) < 2:
        assert np.isnan(ordinal_alpha(items.astype(int), levels.astype(int), 5))
        return
    matrix = np.array([[np.nan if value is None else value for value in row] for row in rows], dtype=float).T
    expected = krippendorff.alpha(matrix, level_of_measurement="ordinal", value_domain=[0, 1, 2, 3, 4])
    assert ordinal_alpha(items, levels, 5) == pytest.approx(expected, abs=1e-9)


def test_who_agrees_wholly_has_one_and_who_agrees_in_nothing_else_has_no_figure() -> None:
    items, values = np.array([0, 0, 1, 1]), np.array([0.2, 0.2, 0.8, 0.8])
    assert intraclass_correlation(items, values).single == pytest.approx(1)
    assert np.isnan(intraclass_correlation(items, np.full(4, 0.5)).single)
    assert fleiss_kappa(np.array([[3.0, 0.0], [0.0, 3.0]])) == pytest.approx(1)
    assert np.isnan(fleiss_kappa(np.array([[3.0, 0.0], [2.0, 0.0]])))


def test_the_interval_by_film_is_that_of_drawing_the_items_of_whole_films() -> None:
    rng = np.random.default_rng(5)
    film = np.repeat(np.arange(12), 30)
    agreeing = rng.random(len(film)) < np.repeat(rng.uniform(0.2, 0.9, 12), 30)
    labels = np.where(agreeing[:, None], rng.integers(0, 4, (len(film), 1)), rng.integers(0, 4, (len(film), 3)))
    counts = np.stack([(labels == label).sum(axis=1) for label in range(4)], axis=1).astype(float)
    drawn = cluster_bootstrap(lambda rows: statistics.nominal_alpha(counts[rows]), film, draws=4000)
    found = nominal_alpha_interval(counts, film, draws=4000)
    assert drawn is not None
    assert found == pytest.approx(drawn, abs=0.01)
    assert nominal_alpha_interval(counts, np.zeros(len(film))) is None


def test_cluster_interval_is_wider_than_the_rows_own_when_clusters_differ():
    rng = np.random.default_rng(0)
    films = np.repeat(np.arange(10), 50)
    values = rng.normal(size=10)[films] + rng.normal(size=500) * 0.1
    by_film = cluster_bootstrap(lambda rows: float(values[rows].mean()), films)
    by_row = cluster_bootstrap(lambda rows: float(values[rows].mean()), np.arange(500))
    assert by_film is not None and by_row is not None
    assert by_film[1] - by_film[0] > 4 * (by_row[1] - by_row[0])
    assert cluster_bootstrap(lambda rows: 0.0, np.zeros(5)) is None
