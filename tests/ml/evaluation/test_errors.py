"""The worst errors are those of greatest loss, told with what everybody said of them and without the film's words."""

import dataclasses
import json

import numpy as np
import pytest

from corpus.terms import EMOTIONS
from ml.evaluation.errors import MOST, worst_errors
from ml.evaluation.humans import Ballots
from ml.evaluation.scored import Scored
from tests.emotions import N_EMOTIONS
from tests.ml.evaluation.gold_table import one_hot, scored_table

TRUTH = np.arange(40) % N_EMOTIONS
OTHER = (TRUTH + 1) % N_EMOTIONS


def table(wrong: int = 20) -> Scored:
    """The first units are wrong, each a little less surely than the one before."""
    p = np.stack(
        [one_hot(np.array([o if i < wrong else t]), 0.95 - 0.01 * i)[0] for i, (t, o) in enumerate(zip(TRUTH, OTHER, strict=True))]
    )
    film = np.array([f"film-{i % 4}" for i in range(40)])
    start = np.arange(40) * 1000
    return scored_table(
        one_hot(TRUTH, 0.9), film, {"fused": p, "face": one_hot(OTHER), "text": one_hot(TRUTH, 0.8)}, start_ms=start, end_ms=start + 900
    )


def test_the_surest_errors_come_first_and_no_more_than_twelve() -> None:
    found = worst_errors(table(), None)
    assert [one.unit_id for one in found] == [f"u{i:04d}" for i in range(MOST)]
    assert found[0].loss_nats == pytest.approx(-np.log(0.05 / (N_EMOTIONS - 1)))
    assert (found[3].start_ms, found[3].end_ms, found[3].film_id) == (3000, 3900, "film-3")


def test_each_error_tells_what_every_system_and_rater_said() -> None:
    given = np.array([EMOTIONS.index(name) for name in ("neutral", "neutral", "disgust")])
    ballots = Ballots(np.zeros(3, np.int64), np.arange(3), given, np.full(3, np.nan), np.array(["film-0"] * 3))
    one = worst_errors(table(), ballots)[0]
    assert one.gold == "neutral" and one.votes == {"neutral": 2, "disgust": 1}
    told = {said.system: (said.emotion, said.probability, said.gold_probability) for said in one.said}
    assert told["fused"] == ("joy", pytest.approx(0.95), pytest.approx(0.05 / (N_EMOTIONS - 1)))
    assert told["text"] == ("neutral", pytest.approx(0.8), pytest.approx(0.8))


def test_what_is_right_is_no_error_and_what_is_absent_says_nothing() -> None:
    assert worst_errors(table(wrong=0), None) == []
    scored = table()
    blind = dataclasses.replace(scored, gold=scored.gold.assign(has_face=False, start_ms=np.nan, end_ms=np.nan))
    one = worst_errors(blind, None)[0]
    assert [said.system for said in one.said] == ["fused", "text"] and one.start_ms is None


def test_a_films_words_are_not_in_the_report() -> None:
    assert "words" not in json.dumps([dataclasses.asdict(one) for one in worst_errors(table(), None)])
