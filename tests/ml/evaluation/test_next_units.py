"""What to judge next, on units whose worth is plain."""

import numpy as np
import pandas as pd

from corpus.contracts import GOLD_LABELS, PREDICTIONS, UNITS
from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS
from ml.evaluation.next_units import next_units
from tests.emotions import shares

SURE = shares(neutral=0.94)
UNSURE = shares()


def units(*ids: str, scene: str | None = None) -> pd.DataFrame:
    rows = [
        {"unit_id": i, "film_id": i.split(".")[0], "level": "utterance", "start_ms": 0, "end_ms": 900, "text": i, "scene_id": scene or i}
        for i in ids
    ]
    return UNITS.frame(rows)


def gold(**by_unit: tuple[str, str | None, int, list[float]]) -> pd.DataFrame:
    """unit -> (status, label, number of raters, vote shares); `_` stands for the point in ids."""
    rows = [
        {
            "unit_id": unit.replace("_", "."),
            "film_id": unit.split("_")[0],
            "perspective": "portrayed",
            "status": status,
            "label": label,
            "n_raters": raters,
            "top_share": max(given),
            "entropy_bits": 0.0,
            **dict(zip(PROBABILITY_COLUMNS, given, strict=True)),
        }
        for unit, (status, label, raters, given) in by_unit.items()
    ]
    return GOLD_LABELS.frame(rows)


def predictions(**by_unit: list[float]) -> pd.DataFrame:
    rows = [
        {
            "unit_id": unit.replace("_", "."),
            "film_id": unit.split("_")[0],
            "system": "fused",
            "fold": 0,
            **dict(zip(PROBABILITY_COLUMNS, p, strict=True)),
        }
        for unit, p in by_unit.items()
    ]
    return PREDICTIONS.frame(rows)


def chosen(*arguments: object, count: int = 10) -> list[str]:
    return [unit.unit_id for unit in next_units(*arguments, count=count)]  # type: ignore[arg-type]


def test_what_the_model_doubts_comes_before_what_it_is_sure_of() -> None:
    found = chosen(units("a.1", "a.2"), gold(), predictions(a_1=SURE, a_2=UNSURE), None)
    assert found == ["a.2", "a.1"]


def test_settled_units_and_those_with_many_raters_are_not_asked_for_again() -> None:
    known = gold(a_1=("gold", "joy", 3, SURE), a_2=("ambiguous", None, 6, UNSURE), a_3=("ambiguous", None, 3, UNSURE))
    assert chosen(units("a.1", "a.2", "a.3"), known, predictions(), None) == ["a.3"]


def test_split_votes_come_before_votes_that_agree() -> None:
    half = shares(0, neutral=0.5, joy=0.5)
    known = gold(a_1=("insufficient", None, 2, shares(0, neutral=1.0)), a_2=("ambiguous", None, 4, half))
    first, _ = next_units(units("a.1", "a.2"), known, predictions(a_1=SURE, a_2=SURE), None, count=2)
    assert first.unit_id == "a.2"
    assert "4 raters disagree" in first.reason


def test_an_emotion_that_the_gold_lacks_comes_first_of_equally_unsure_units() -> None:
    joyful = {f"b_{i}": ("gold", "joy", 3, SURE) for i in range(20)}
    fear, joy = (np.roll(SURE, EMOTIONS.index(emotion)).tolist() for emotion in ("fear", "joy"))
    found = chosen(units("a.1", "a.2"), gold(**joyful), predictions(a_1=joy, a_2=fear), None)
    assert found == ["a.2", "a.1"]


def test_a_film_that_nobody_judged_comes_before_one_that_has_gold() -> None:
    known = gold(a_1=("gold", "joy", 3, SURE), a_2=("gold", "joy", 3, SURE))
    found = chosen(units("a.1", "a.2", "a.3", "b.1"), known, predictions(a_3=UNSURE, b_1=UNSURE), None)
    assert found == ["b.1", "a.3"]


def test_a_round_holds_different_lines_before_two_that_say_the_same() -> None:
    same_words = pd.DataFrame({"unit_id": ["a.1", "a.2", "a.3"], "e0": [1.0, 1.0, 0.0], "e1": [0.0, 0.0, 1.0]})
    slightly_surer = shares(neutral=0.2)
    known = predictions(a_1=UNSURE, a_2=UNSURE, a_3=slightly_surer)
    assert chosen(units("a.1", "a.2", "a.3"), gold(), known, same_words, count=2) == ["a.1", "a.3"]


def test_lines_of_one_scene_are_spread_over_scenes() -> None:
    table = pd.concat([units("a.1", "a.2", scene="s1"), units("a.3", scene="s2")], ignore_index=True)
    assert chosen(table, gold(), predictions(a_1=UNSURE, a_2=UNSURE, a_3=UNSURE), None, count=2) == ["a.1", "a.3"]


def test_what_no_model_saw_and_nobody_judged_says_so() -> None:
    (unit,) = next_units(units("a.1"), gold(), predictions(), None, count=5)
    assert unit.reason.startswith("no model saw it; nobody judged it")
    assert next_units(units(), gold(), predictions(), None, count=5) == []


def test_a_scene_is_asked_for_only_where_its_film_has_no_lines() -> None:
    table = units("a.1", "a.2", "b.1")
    table["level"] = ["utterance", "scene", "scene"]
    assert sorted(chosen(table, gold(), predictions(), None)) == ["a.1", "b.1"]
