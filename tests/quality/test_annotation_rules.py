"""The rules of judgements, against what can be counted by hand or drawn from known films."""

import numpy as np
import pandas as pd
import pytest

from corpus.contracts import TRACES
from corpus.terms import EMOTIONS
from quality.annotation_rules import (
    agreement_floor,
    agreement_kept,
    classes_covered,
    judgements_present,
    labels_as_before,
    raters_independent,
    traces_steady,
)
from tests.emotions import shares


def votes(labels: dict[str, list[str | None]], film_id: str = "f") -> pd.DataFrame:
    """Rows of ANNOTATIONS as rules need them: one label a rater and span, None where the rater gave none."""
    rows = [
        {"film_id": film_id, "unit_id": f"{film_id}.u{i}", "annotator_id": rater, "label": label}
        for rater, given in labels.items()
        for i, label in enumerate(given)
        if label is not None
    ]
    same = {"perspective": "portrayed", "dimension": "category"}
    absent = dict.fromkeys(("start_ms", "end_ms", "character_id", "lead_time_ms", "created_at"))
    return pd.DataFrame(rows).assign(**same, **absent)


def films(shares: np.ndarray, per_film: int, seed: int, prefix: str) -> pd.DataFrame:
    """One film a row of `shares` (n_films, emotions), its labels drawn from it."""
    rng = np.random.default_rng(seed)
    tables = [votes({"a": list(rng.choice(EMOTIONS, per_film, p=share))}, f"{prefix}-{i}") for i, share in enumerate(shares)]
    return pd.concat(tables, ignore_index=True)


def counted(table: pd.DataFrame) -> pd.DataFrame:
    return pd.crosstab(table["film_id"], table["label"]).reindex(columns=list(EMOTIONS), fill_value=0)


def trace(times_ms: list[int], values: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"t_ms": times_ms, "value_raw": values})
    return table.assign(trace_id="t1", film_id="f", dimension="valence", annotator_id="r-1")


def test_agreement_that_falls_is_told_and_agreement_that_holds_is_not() -> None:
    rng = np.random.default_rng(1)
    truth = rng.choice(EMOTIONS, 120)
    good = votes({rater: list(truth) for rater in "abc"})
    worse = votes({rater: list(np.where(rng.random(120) < 0.5, truth, rng.choice(EMOTIONS, 120))) for rater in "abc"})
    before = agreement_floor(good, floor=0.15, minimum_items=50).figures
    assert before["alpha"] == pytest.approx(1)
    assert not agreement_kept(worse, before, most=0.1, minimum_items=50).holds
    assert agreement_kept(good, before, most=0.1, minimum_items=50).holds
    assert agreement_kept(good, {}, most=0.1, minimum_items=50).holds


def test_labels_of_films_like_those_before_are_as_before_and_a_rater_of_one_mood_is_not() -> None:
    rng = np.random.default_rng(2)
    moods = rng.dirichlet(np.full(len(EMOTIONS), 8.0), size=40)
    reference = counted(films(moods[:30], 200, seed=3, prefix="old"))
    alike = films(moods[30:], 100, seed=4, prefix="new")
    assert labels_as_before(alike, reference, minimum_films=5, quantile=0.99).holds
    gloomy = films(np.array([shares(sadness=0.88)]), 100, seed=5, prefix="gloomy")
    found = labels_as_before(pd.concat([alike, gloomy]), reference, minimum_films=5, quantile=0.99)
    assert not found.holds
    assert [example.where for example in found.worst] == ["gloomy-0"]


def test_few_films_before_tell_nothing_of_drift() -> None:
    reference = counted(films(np.array([shares()] * 4), 100, seed=6, prefix="old"))
    assert "too few" in labels_as_before(votes({"a": ["joy"] * 50}), reference, minimum_films=5, quantile=0.99).observed


def test_an_emotion_that_is_never_given_is_named_in_a_large_batch_only() -> None:
    given = [emotion for emotion in EMOTIONS if emotion != "disgust"] * 60
    assert classes_covered(votes({"a": given}), minimum_labels=300).observed == "never given: disgust"
    assert classes_covered(votes({"a": given[:60]}), minimum_labels=300).holds


def test_a_late_torn_or_still_trace_is_told_with_its_time() -> None:
    steady = trace(list(range(0, 100_000, 1000)), [float(i % 7) for i in range(100)])
    assert traces_steady(steady, steady, 5000, 20_000, 60_000).holds
    broken = trace([6000, 7000, 40_000, *range(41_000, 110_000, 1000)], [0.0, 0.1, 0.2, *[0.3] * 69])
    told = [example.what for example in traces_steady(broken, broken, 5000, 20_000, 60_000).worst]
    assert len(told) == 3
    assert "33.0 s" in told[1]


def test_a_batch_of_traces_alone_is_not_empty() -> None:
    assert judgements_present(pd.DataFrame(), trace([0], [0.5])).holds
    assert not judgements_present(pd.DataFrame(), TRACES.empty()).holds


def test_of_many_raters_the_copy_is_named_with_whom_it_copies() -> None:
    rng = np.random.default_rng(7)
    honest = {f"r{i:02d}": list(rng.choice(EMOTIONS, 60)) for i in range(30)}
    table = votes({**honest, "copy": list(honest["r07"])})
    found = raters_independent(table, most=0.98, minimum_items=30)
    assert found.observed == "same answers: copy and r07 100%"
    assert raters_independent(votes(honest), most=0.98, minimum_items=30).holds


def test_free_spans_that_two_raters_share_by_chance_make_no_copy() -> None:
    own = {rater: ["joy"] * 40 + [None] * (200 * n) + ["fear"] * 200 for n, rater in enumerate("ab")}
    assert raters_independent(votes(own), most=0.98, minimum_items=30).holds
