"""The model of scene lengths: its sums against every way there is to cut a film, its choice against every set."""

from itertools import chain, combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.films.scenes.grouping import MEAN_SCENE_S, Candidates, boundary_probabilities, lengths_above, log_length, most_expected
from corpus.films.scenes.orders import most_probable_order

nats = st.lists(st.floats(-4, 4), min_size=1, max_size=6)


def subsets(count: int) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(range(count), size) for size in range(count + 1)))


def weight(candidates: Candidates, chosen: tuple[int, ...]) -> float:
    """Probability of one way to cut the film, not normalised: each scene ends in the stretch of its candidate, the last lasts."""
    borders, product, now_s, first = candidates.borders_s, 1.0, candidates.start_s, 0
    for at in chosen:
        above = 1.0 if at == first else float(lengths_above(borders[at : at + 1] - now_s)[0])
        product *= (above - float(lengths_above(borders[at + 1 : at + 2] - now_s)[0])) * np.exp(candidates.nats[at])
        now_s, first = float(candidates.times_s[at]), at + 1
    return product * (1.0 if first == len(candidates.times_s) else float(lengths_above(borders[-1:] - now_s)[0]))


@settings(max_examples=40, deadline=None)
@given(nats, st.integers(0, 1000))
def test_probabilities_are_the_sums_over_all_ways_to_cut_the_film(evidence: list[float], seed: int):
    times_s = np.cumsum(np.random.default_rng(seed).uniform(1, 40, len(evidence)))
    candidates = Candidates(times_s, np.array(evidence), 0.0, float(times_s[-1]) + 15)
    weights = {chosen: weight(candidates, chosen) for chosen in subsets(len(evidence))}
    expected = [sum(value for chosen, value in weights.items() if at in chosen) / sum(weights.values()) for at in range(len(evidence))]
    assert boundary_probabilities(candidates) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_without_evidence_as_many_scenes_are_expected_as_their_lengths_say():
    candidates = Candidates(np.arange(5.0, 5000, 5), np.zeros(999), 0.0, 5000)
    assert boundary_probabilities(candidates).sum() == pytest.approx(5000 / MEAN_SCENE_S, rel=0.1)


def expected_f1(probabilities: np.ndarray, chosen: tuple[int, ...]) -> float:
    return 2 * probabilities[list(chosen)].sum() / (len(chosen) + probabilities.sum())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=8))
def test_no_other_set_of_boundaries_has_a_greater_expected_f1(values: list[float]):
    probabilities = np.array(values)
    chosen = most_expected(probabilities)
    best = max(expected_f1(probabilities, each) for each in subsets(len(values)) if each)
    if len(chosen):
        assert expected_f1(probabilities, tuple(chosen)) == pytest.approx(best)
    else:
        assert np.prod(1 - probabilities) >= best


def test_density_and_share_of_lengths_agree():
    seconds = np.arange(0.01, 400, 0.02)
    assert np.cumsum(np.exp(log_length(seconds))) * 0.02 == pytest.approx(1 - lengths_above(seconds + 0.01), abs=1e-3)


def test_a_long_film_is_no_endless_scene():
    """Changes of place every 50 s, each three nats strong, among cuts every 2.5 s: a length whose tail is heavy explains them all away."""
    nats = np.where(np.arange(1, 3000) % 20 == 0, 3.0, -2.8)
    candidates = Candidates(np.arange(1, 3000) * 2.5, nats, 0.0, 7500.0)
    probabilities = boundary_probabilities(candidates)
    assert probabilities[nats > 0].min() > 0.4 and (nats[most_expected(probabilities)] > 0).all()
    assert len(most_expected(probabilities)) == 149


def test_no_candidate_gives_no_boundary():
    empty = Candidates(np.empty(0), np.empty(0), 0.0, 60.0)
    assert len(boundary_probabilities(empty)) == 0 and len(most_expected(np.empty(0))) == 0


def test_three_thousand_candidates_stay_probabilities():
    rng = np.random.default_rng(2)
    times_s = np.cumsum(rng.uniform(0.2, 4, 3000))
    probabilities = boundary_probabilities(Candidates(times_s, rng.normal(0, 5, 3000), 0.0, float(times_s[-1]) + 3))
    assert np.isfinite(probabilities).all() and probabilities.min() >= 0 and probabilities.max() <= 1


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 4), st.integers(1, 4), st.booleans(), st.booleans(), st.integers(0, 1000))
def test_orders_are_weighed_as_if_all_were_listed(n_scenes: int, n_candidates: int, begun: bool, ends: bool, seed: int):
    rng = np.random.default_rng(seed)
    times_s = np.cumsum(rng.uniform(1, 30, n_candidates + 1))
    evidence, in_film = rng.normal(0, 2, n_candidates), rng.uniform(0.1, 0.9, n_scenes)
    flat = -np.log(max(times_s[-1] - times_s[0], 1.0))
    ways: dict[tuple[tuple[int, ...], tuple[int, ...]], float] = {}
    for scenes in (each for each in subsets(n_scenes) if each):
        for candidates in combinations(range(1, n_candidates + 1), len(scenes) - 1):
            nodes = (0, *candidates)
            if (begun and scenes[0] != 0) or (ends and scenes[-1] != n_scenes - 1):
                continue
            sure = ({0} if begun else set()) | ({n_scenes - 1} if ends else set())
            logs = sum(np.log(in_film[k] if k in scenes else 1 - in_film[k]) for k in range(n_scenes) if k not in sure)
            logs += sum(evidence[node - 1] for node in candidates)
            logs += sum(flat if a == 0 else float(log_length(times_s[b] - times_s[a])) for a, b in pairwise(nodes))
            ways[scenes, nodes] = float(np.exp(logs))
    if ways:
        found = most_probable_order(times_s, evidence, in_film, begun=begun, ends=ends)
        total = sum(ways.values())
        count = max(round(sum(len(nodes) * weight for (_, nodes), weight in ways.items()) / total), 1 + (begun and ends))
        best = {way: weight for way, weight in ways.items() if len(way[0]) == count}
        assert ways[found.scenes, found.nodes] == pytest.approx(max(best.values()))
        begins = [sum(weight for (_, nodes), weight in ways.items() if node in nodes) / total for node in found.nodes]
        assert found.probabilities == pytest.approx(begins, rel=1e-6)


def test_one_clear_boundary_is_taken_though_any_of_three_scenes_may_begin_there():
    order = most_probable_order(np.array([0.0, 30, 60]), np.array([6.0, 6.0]), np.array([0.5, 0.4, 0.4, 0.4, 0.5]), begun=True, ends=True)
    assert order.nodes == (0, 1, 2) and order.scenes[0] == 0 and order.scenes[-1] == 4
