"""Lags of simulated raters, which are known, are found, and taking them off brings the gold nearer to the truth."""

import numpy as np
import pandas as pd
import pytest

from corpus.annotations.delay import lags_ms, unit_values
from corpus.annotations.gold import make_gold
from corpus.contracts import ANNOTATIONS, TRACES, UNITS

RATE_MS = 100
SECONDS = 300
LAGS = {"r-a": 1500, "r-b": 2500, "r-c": 3500, "r-d": 4500}


def true_course() -> np.ndarray:
    """A valence that wanders as moods do: noise smoothed over four seconds."""
    noise = np.random.default_rng(3).normal(size=SECONDS * 10)
    smooth = np.convolve(noise, np.hanning(80) / np.hanning(80).sum(), mode="same")
    return smooth / np.abs(smooth).max()


def traces_of(lags: dict[str, int], noise: float = 0.05) -> pd.DataFrame:
    rng, truth = np.random.default_rng(4), true_course()
    tables = []
    for rater, lag in lags.items():
        seen = np.concatenate([np.full(lag // RATE_MS, truth[0]), truth])[: len(truth)] + rng.normal(scale=noise, size=len(truth))
        tables.append(
            pd.DataFrame({"t_ms": np.arange(len(truth)) * RATE_MS, "value": seen.clip(-1, 1)}).assign(annotator_id=rater, trace_id=rater)
        )
    same = {"film_id": "f", "character_id": None, "perspective": "felt", "dimension": "valence", "bounded": True}
    return pd.concat(tables, ignore_index=True).assign(**same)


def units() -> pd.DataFrame:
    starts = np.arange(0, (SECONDS - 10) * 1000, 2000)
    return pd.DataFrame({"unit_id": [f"u{i}" for i in range(len(starts))], "film_id": "f", "start_ms": starts, "end_ms": starts + 2000})


def test_the_lag_of_each_rater_is_found_within_a_fifth_of_a_second() -> None:
    found = lags_ms(traces_of(LAGS), global_lag_ms=3000)
    assert found == {rater: pytest.approx(lag, abs=200) for rater, lag in LAGS.items()}


def test_taking_the_lags_off_brings_the_mean_nearer_to_the_truth() -> None:
    traces, truth = traces_of(LAGS), true_course().reshape(-1, 20).mean(axis=1)[: len(units())]

    def fit(lags: dict[str, int]) -> float:
        mean = unit_values(traces, units(), lags).groupby("unit_id", sort=False)["value"].mean().to_numpy()
        return float(np.corrcoef(mean, truth[: len(mean)])[0, 1])

    assert fit(lags_ms(traces)) > 0.97
    assert fit(lags_ms(traces)) > fit(dict.fromkeys(LAGS, 3000)) > fit(dict.fromkeys(LAGS, 0))


def test_a_trace_alone_or_one_that_never_moves_has_the_global_lag() -> None:
    assert lags_ms(traces_of({"r-a": 1500}), global_lag_ms=2000) == {"r-a": 2000}
    still = traces_of({"r-a": 2000, "r-b": 2000}, noise=0.0)
    still.loc[still["annotator_id"] == "r-b", "value"] = 0.25
    assert lags_ms(still, global_lag_ms=2000) == {"r-a": 2000, "r-b": 2000}


def test_a_unit_has_the_mean_of_the_samples_in_it_and_one_beyond_the_trace_has_none() -> None:
    trace = pd.DataFrame({"t_ms": [0, 1000, 2000, 3000], "value": [0.0, 0.2, 0.4, 0.6]})
    trace = trace.assign(trace_id="t", film_id="f", perspective="felt", annotator_id="r-a", dimension="arousal", bounded=True)
    spans = pd.DataFrame({"unit_id": ["a", "b"], "film_id": "f", "start_ms": [0, 9000], "end_ms": [2000, 9500]})
    assert unit_values(trace, spans, {"t": 1000}).to_dict("records") == [
        {"unit_id": "a", "film_id": "f", "perspective": "felt", "annotator_id": "r-a", "dimension": "arousal", "value": pytest.approx(0.3)}
    ]


def test_an_unbounded_trace_gives_no_values() -> None:
    assert unit_values(traces_of(LAGS).assign(bounded=False), units(), dict.fromkeys(LAGS, 0)).empty


def test_gold_takes_valence_from_traces_where_nobody_named_an_emotion() -> None:
    facts = {"batch_id": "b", "pass_no": 1, "value_raw": 0.0, "rate_hz": None, "confidence": None}
    origin = {"source_tool": "t/1", "source_file_sha256": "0" * 64, "source_ref": "line 1"}
    traces = TRACES.to_arrow(traces_of(LAGS).assign(**facts, **origin)[TRACES.names]).to_pandas()
    table = UNITS.frame(units().assign(level="span").to_dict("records"))
    made = make_gold(ANNOTATIONS.empty(), traces, table)
    assert len(made.gold) == len(table)
    assert set(made.gold["status"]) == {"insufficient"} and set(made.gold["n_raters"]) == {0}
    truth = true_course().reshape(-1, 20).mean(axis=1)[: len(table)]
    assert np.corrcoef(made.gold["valence"], truth)[0, 1] > 0.97
    assert made.summary.missing is None
