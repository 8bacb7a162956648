"""Intensity by film against hand figures and SciPy."""

import numpy as np
import pytest
from scipy.stats import pearsonr

from ml.evaluation.humans import Ballots
from ml.evaluation.levels import level_score
from ml.evaluation.scored import Scored
from tests.ml.evaluation.gold_table import one_hot, scored_table


def table(said: np.ndarray, gold: np.ndarray, films: int = 3) -> Scored:
    label = np.zeros(len(gold), np.int64)
    scored = scored_table(
        one_hot(label), np.array([f"film-{i % films}" for i in range(len(gold))]), {"fused": one_hot(label)}, intensity=gold
    )
    scored.systems["fused"] = scored.systems["fused"].assign(intensity=said)
    return scored


def test_films_are_averaged_and_not_pooled() -> None:
    rng = np.random.default_rng(0)
    gold = rng.random(60)
    level = np.arange(60) % 3 * 0.1
    said = np.clip(gold * 0.5 + level, 0, 1)
    found = level_score(table(said, gold), None)
    assert found is not None
    apart = [gold[i::3] for i in range(3)], [said[i::3] for i in range(3)]
    assert found.pearson is not None
    assert found.pearson.value == pytest.approx(np.mean([pearsonr(a, b)[0] for a, b in zip(*apart, strict=True)]))
    assert found.mae.value == pytest.approx(np.mean([np.abs(a - b).mean() for a, b in zip(*apart, strict=True)]))
    lins = [2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2) for a, b in zip(*apart, strict=True)]
    assert found.ccc.value == pytest.approx(np.mean(lins))
    assert (found.n_films, found.n_units) == (3, 60)


def test_a_constant_answer_has_no_concordance_and_no_pearson() -> None:
    found = level_score(table(np.full(30, 0.5), np.random.default_rng(1).random(30)), None)
    assert found is not None and found.ccc.value == pytest.approx(0.0) and found.pearson is None


def test_units_without_intensity_do_not_count_and_few_make_no_score() -> None:
    gold = np.random.default_rng(2).random(30)
    gold[::2] = np.nan
    assert level_score(table(gold, gold, films=5), None) is None
    found = level_score(table(np.full(30, 0.4), gold), None)
    assert found is not None and found.n_units == 15


def test_a_single_rater_is_held_against_the_mean_of_the_others() -> None:
    unit, rater = np.repeat(np.arange(10), 2), np.tile(np.arange(2), 10)
    value = np.random.default_rng(3).random(10)[unit]
    film = np.array(["a"] * 20)
    gold = table(np.full(10, 0.5), np.full(10, 0.4), films=1)
    same = level_score(gold, Ballots(unit, rater, np.zeros(20, np.int64), value, film))
    assert same is not None and same.human_ccc == pytest.approx(1.0)
    opposite = np.where(rater == 0, value, 1 - value)
    apart = level_score(gold, Ballots(unit, rater, np.zeros(20, np.int64), opposite, film))
    assert apart is not None and apart.human_ccc is not None and apart.human_ccc < -0.5
