"""Grouping: evidence follows what a film shows, groups are those of plain average linkage, and what must stay apart does."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ml.features.people import grouping
from ml.features.people.grouping import NEW_PERSON, Cue, calibrate, distances, evidence, group

CUE = Cue("made up", same=1.0, spread=0.5, other=3.0)


def pairs(n: int, *together: tuple[int, int]) -> np.ndarray:
    apart = np.zeros((n, n), bool)
    for one, other in together:
        apart[one, other] = apart[other, one] = True
    return apart


def linked(unlike: np.ndarray, apart: np.ndarray) -> set[frozenset[int]]:
    """Average linkage written down plainly: try every pair of groups, join the best, begin again."""
    groups = [frozenset([track]) for track in range(len(unlike))]
    while True:
        tried = [
            (np.mean([unlike[i, j] for i in one for j in other]), one, other)
            for one, other in combinations(groups, 2)
            if not any(apart[i, j] for i in one for j in other)
        ]
        best = min(tried, key=lambda found: found[0], default=None)
        if best is None or best[0] >= NEW_PERSON:
            return set(groups)
        groups = [one for one in groups if one not in best[1:]] + [best[1] | best[2]]


@settings(max_examples=60, deadline=None)
@given(some.integers(1, 14), some.integers(0, 10_000))
def test_joining_is_average_linkage(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    unlike = rng.normal(1, 3, (n, n)).astype(np.float32)
    unlike = (unlike + unlike.T) / 2
    apart = np.triu(rng.random((n, n)) < 0.15, 1)
    apart = apart | apart.T
    label = grouping._joined(unlike, apart, np.arange(n))
    assert {frozenset(np.flatnonzero(label == each).tolist()) for each in np.unique(label)} == linked(unlike, apart)


@settings(max_examples=60, deadline=None)
@given(some.integers(1, 20), some.integers(0, 10_000))
def test_tracks_that_must_stay_apart_are_never_one_person(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    unlike = rng.normal(-1, 3, (n, n)).astype(np.float32)
    apart = np.triu(rng.random((n, n)) < 0.3, 1)
    apart = apart | apart.T
    label = group((unlike + unlike.T) / 2, apart)
    assert sorted(set(label.tolist())) == list(range(label.max() + 1))
    assert not (apart & (label[:, None] == label)).any()


def test_two_crowds_of_points_are_two_persons_and_each_keeps_its_own() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(0, 0.3, (35, 5))
    points[20:, 0] += 3
    everyone = np.arange(35)
    measure = calibrate(CUE, points, everyone, pairs(35, (0, 20), (4, 30)))
    label = group(evidence([measure], everyone, everyone), pairs(35, (0, 20), (4, 30)))
    assert label.tolist() == [label[0]] * 20 + [label[20]] * 15 and label[0] != label[20]


def test_a_cue_that_does_not_part_people_who_are_seen_together_counts_for_little() -> None:
    rng = np.random.default_rng(5)
    points = rng.normal(0, 0.4, (30, 3))
    together = [(i, i + 15) for i in range(15)]
    blind = calibrate(CUE, points, np.arange(30), pairs(30, *together))
    telling = calibrate(CUE, points + np.repeat([[0.0], [3.0]], 15, axis=0), np.arange(30), pairs(30, *together))
    assert blind.slope < 0.15 * telling.slope


def test_a_cue_that_is_the_same_for_all_as_hues_in_a_grey_film_counts_for_nothing() -> None:
    measure = calibrate(CUE, np.zeros((9, 4)), np.arange(9), pairs(9))
    assert measure.slope == 0
    assert not evidence([measure], np.arange(9), np.arange(9)).any()


def test_evidence_changes_sides_halfway_between_the_usual_distances() -> None:
    points = np.array([[0.0], [1.9], [2.1], [9.0]])
    measure = calibrate(CUE, points, np.arange(4), pairs(4))
    found = evidence([measure], np.array([0]), np.arange(4))[0]
    assert found[1] < 0 < found[2] and measure.middle == pytest.approx(2.0)
    # Log ratio of two normal densities of spread 0.5 about 3 and 1.
    assert found[3] == pytest.approx(((9 - 1) ** 2 - (9 - 3) ** 2) / (2 * 0.5**2), rel=1e-5)


def test_distances_are_euclidean() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(4, 6)), rng.normal(size=(3, 6))
    assert np.allclose(distances(one, other), np.linalg.norm(one[:, None] - other[None], axis=2), atol=1e-5)


def test_no_track_gives_no_person() -> None:
    assert len(group(np.zeros((0, 0), np.float32), np.zeros((0, 0), bool))) == 0
