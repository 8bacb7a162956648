"""With, without and shuffled context, misleading words and taking sides, against made-up truth."""

import dataclasses

import numpy as np
import pytest

from ml.evaluation.context_use import context_use, incongruence
from ml.evaluation.scored import Scored
from tests.emotions import N_EMOTIONS
from tests.ml.evaluation.gold_table import one_hot, scored_table

FILM = np.array([f"film-{i % 5}" for i in range(100)])
TRUTH = np.arange(100) % N_EMOTIONS
OTHER = (TRUTH + 1) % N_EMOTIONS


def table(**said: np.ndarray) -> Scored:
    return scored_table(one_hot(TRUTH, 0.9), FILM, {name: one_hot(top) for name, top in said.items()})


def right_until(n: int) -> np.ndarray:
    return np.where(np.arange(100) < n, TRUTH, OTHER)


def test_what_context_and_its_order_bring() -> None:
    scored = table(fused=right_until(90), text=right_until(60), fused_no_context=right_until(70), fused_shuffled=right_until(80))
    whole, misled = context_use(scored)
    assert (whole.n_units, whole.n_films) == (100, 5)
    assert whole.gain is not None and whole.order_gain is not None
    assert (whole.with_context.value, whole.gain.value, whole.order_gain.value) == pytest.approx((0.9, 0.2, 0.1))
    assert misled.units == "lines whose words alone mislead" and misled.n_units == 40
    assert misled.without is not None and misled.shuffled is not None
    assert (misled.with_context.value, misled.without.value, misled.shuffled.value) == pytest.approx((0.75, 0.25, 0.5))


def test_only_units_that_have_neighbours_count() -> None:
    scored = table(fused=right_until(90), fused_no_context=right_until(70))
    partly = dataclasses.replace(scored, every={**scored.every, "fused_no_context": scored.every["fused_no_context"].iloc[:50]})
    found = context_use(partly)
    assert [one.n_units for one in found] == [50]
    assert found[0].with_context.value == 1.0 and found[0].shuffled is None


def test_a_model_tested_with_context_alone_has_no_context_section() -> None:
    assert context_use(table(fused=TRUTH)) == []


def test_where_modalities_part_the_side_that_fusion_takes_is_counted() -> None:
    face, voice, text = right_until(50), np.where(np.arange(100) < 80, TRUTH, OTHER), right_until(100)
    found = incongruence(table(fused=face, face=face, voice=voice, text=text))
    assert found is not None
    assert found.n_units == 50 and found.n_films == 5
    assert found.follows == pytest.approx({"face": 1.0, "voice": 0.4, "text": 0.0})
    assert found.follows_none == 0.0
    assert found.accuracy == pytest.approx({"fused": 0.0, "face": 0.0, "voice": 0.6, "text": 1.0})


def test_fusion_may_follow_none_and_agreement_is_no_incongruence() -> None:
    found = incongruence(table(fused=(TRUTH + 3) % N_EMOTIONS, face=TRUTH, text=OTHER))
    assert found is not None and found.follows_none == 1.0 and found.n_units == 100
    assert incongruence(table(fused=TRUTH, face=TRUTH, text=TRUTH)) is None
    assert incongruence(table(fused=TRUTH, text=TRUTH)) is None


def test_a_modality_that_is_not_there_takes_no_side() -> None:
    scored = table(fused=TRUTH, face=TRUTH, text=OTHER)
    absent = dataclasses.replace(scored, gold=scored.gold.assign(has_text=np.arange(100) >= 40))
    found = incongruence(absent)
    assert found is not None and found.n_units == 60
