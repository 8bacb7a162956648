"""Courses of valence, turning points and shapes against known curves and a brute-force computation."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.terms import EMOTIONS, ArcShape
from ml.evaluation.arcs import arc_comparison, matched, shape, smoothed_course, turning_points, warped_distance
from ml.evaluation.humans import Ballots
from ml.evaluation.scored import Scored
from ml.models.reading import AFFECT
from tests.emotions import N_EMOTIONS
from tests.ml.evaluation.gold_table import one_hot, scored_table

T = np.linspace(0, 1, 100)
ZIGZAG = np.interp(T, [0, 1 / 3, 2 / 3, 1], [0, 1, 0, 1])
JOY, SADNESS = EMOTIONS.index("joy"), EMOTIONS.index("sadness")


def test_a_straight_line_stays_one_and_its_ends_are_those_of_the_film() -> None:
    course = smoothed_course(np.array([1000.0, 3000.0, 9000.0]), np.array([0.0, 0.25, 1.0]))
    assert len(course) == 100
    assert course[2:-2] == pytest.approx(T[2:-2])
    assert course[0] == pytest.approx(T[:3].mean())


def test_turns_are_where_the_curve_turns() -> None:
    peaks, valleys = turning_points(0.5 * np.sin(4 * np.pi * T))
    assert peaks.tolist() == pytest.approx([12, 62], abs=1) and valleys.tolist() == pytest.approx([37, 87], abs=1)
    assert not turning_points(0.04 * np.sin(4 * np.pi * T))[0].size


@given(st.lists(st.integers(0, 30), unique=True, max_size=5), st.lists(st.integers(0, 30), unique=True, max_size=5))
def test_as_many_turns_are_matched_as_can_be(first: list[int], second: list[int]) -> None:
    first, second = sorted(first), sorted(second)
    short, long = sorted((first, second), key=len)
    best = max(
        (sum(abs(a - b) <= 2 for a, b in zip(short, chosen, strict=True)) for chosen in itertools.permutations(long, len(short))), default=0
    )
    assert matched(np.array(first, int), np.array(second, int)) == best


@pytest.mark.parametrize(
    ("curve", "name"),
    [
        (T, ArcShape.RAGS_TO_RICHES), (1 - T, ArcShape.TRAGEDY), ((T - 0.5) ** 2, ArcShape.MAN_IN_A_HOLE),
        (-((T - 0.5) ** 2), ArcShape.ICARUS), (ZIGZAG, ArcShape.CINDERELLA), (-ZIGZAG, ArcShape.OEDIPUS),
    ],
)  # fmt: skip
def test_the_six_shapes_are_told_apart(curve: np.ndarray, name: ArcShape) -> None:
    assert shape(curve + 5) == name


def films(said: dict[str, np.ndarray], truth: np.ndarray, n_films: int = 3) -> Scored:
    each = len(truth) // n_films
    film = np.repeat([f"film-{i}" for i in range(n_films)], each)
    start = np.tile(np.arange(each) * 2000, n_films)
    return scored_table(
        one_hot(truth, 0.94), film, {name: one_hot(top, 0.94) for name, top in said.items()}, start_ms=start, end_ms=start + 1500
    )


def test_a_model_that_reads_as_the_raters_do_has_their_course_and_one_that_turns_it_round_the_opposite() -> None:
    truth = np.tile([JOY] * 6 + [SADNESS] * 6 + [JOY] * 6, 3)
    found = arc_comparison(films({"fused": truth, "face": np.where(truth == JOY, SADNESS, JOY)}, truth), None)
    assert found is not None and found.human_r is None
    fused, face = found.scores
    assert (fused.r.value, fused.ccc.value, fused.turning_f1, fused.same_shape) == pytest.approx((1.0, 1.0, 1.0, 1.0))
    assert face.r.value == pytest.approx(-1.0) and face.same_shape == 0.0 and face.turning_f1 == 0.0
    assert {film.raters_shape for film in found.films} == {"man_in_a_hole"}
    high = 0.95 * AFFECT["joy"][0]
    assert max(found.films[0].raters) == pytest.approx(high, abs=0.1) and len(found.films[0].model) == 100


def test_films_of_few_units_or_without_times_have_no_course() -> None:
    truth = np.tile([JOY, SADNESS], 9)
    assert arc_comparison(films({"fused": truth[:15]}, truth[:15]), None) is None
    timeless = scored_table(one_hot(truth), np.repeat("a", 18), {"fused": one_hot(truth)}, start_ms=np.nan, end_ms=np.nan)
    assert arc_comparison(timeless, None) is None


def test_raters_who_agree_have_a_ceiling_of_one_and_guessers_one_near_nought() -> None:
    truth = np.tile([JOY] * 6 + [SADNESS] * 6 + [JOY] * 6, 3)
    table = films({"fused": truth}, truth)
    unit, rater = np.repeat(np.arange(54), 4), np.tile(np.arange(4), 54)
    agreed = Ballots(unit, rater, truth[unit], np.full(216, np.nan), table.film[unit])
    found = arc_comparison(table, agreed)
    assert found is not None and found.human_r == pytest.approx(1.0)
    guessed = Ballots(unit, rater, np.random.default_rng(0).integers(N_EMOTIONS, size=216), np.full(216, np.nan), table.film[unit])
    random = arc_comparison(table, guessed)
    assert random is not None and random.human_r is not None and random.human_r < 0.5


def cheapest_alignment(first: np.ndarray, second: np.ndarray, band: int) -> tuple[float, int]:
    """Least sum of differences over all alignments that stay within the band, and the length of that one, cell by cell."""
    n = len(first)
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for i in range(n):
        for j in range(max(0, i - band), min(n, i + band + 1)):
            before = [best[cell] for cell in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if cell in best] or [(0.0, 0)]
            cost, length = min(before)
            best[i, j] = cost + abs(first[i] - second[j]), length + 1
    return best[n - 1, n - 1]


def test_warped_distance_is_that_of_the_cheapest_alignment_near_the_diagonal():
    drawn = np.random.default_rng(3)
    for _ in range(5):
        first, second = drawn.uniform(-1, 1, (2, 100))
        total, length = cheapest_alignment(first, second, 4)
        assert warped_distance(first, second) == pytest.approx(total / length)


def test_a_course_a_little_late_is_hardly_apart_and_one_much_too_late_is():
    t = np.linspace(0, 4 * np.pi, 100)
    late, too_late = np.sin(t - 3 * t[1]), np.sin(t - 20 * t[1])
    assert warped_distance(np.sin(t), late) < 0.2 * np.abs(np.sin(t) - late).mean()
    assert warped_distance(np.sin(t), too_late) > 0.5
    assert warped_distance(t, t) == 0
