"""Figures of agreement on raters whose agreement is known."""

import numpy as np
import pandas as pd
import pytest

from corpus.annotations.figures import AgreementFigure, measure
from corpus.terms import EMOTIONS


def judged(labels: dict[str, list[str]], values: dict[str, list[float]]) -> pd.DataFrame:
    """Spans of a second each, one after the other, judged by every rater."""
    spans = [
        {"annotator_id": rater, "start_ms": 1000 * i, "end_ms": 1000 * i + 1000, "dimension": dimension, "label": label, "value": value}
        for rater in labels
        for i, (named, valence) in enumerate(zip(labels[rater], values[rater], strict=True))
        for dimension, label, value in (("category", named, np.nan), ("valence", None, valence))
    ]
    table = pd.DataFrame(spans).assign(film_id="f", unit_id=None, character_id=None, perspective="portrayed")
    return table.assign(value_raw=table["value"], group_id=table["annotator_id"] + table["start_ms"].astype(str))


def of(figures: list[AgreementFigure], about: str, level: str, figure: str) -> float | None:
    (found,) = [f.value for f in figures if (f.about, f.level, f.figure) == (about, level, figure)]
    return found


def test_raters_who_say_the_same_agree_wholly_by_every_figure() -> None:
    rng = np.random.default_rng(0)
    labels, values = list(rng.choice(EMOTIONS, 40)), list(rng.uniform(-1, 1, 40))
    figures = measure(judged(dict.fromkeys("abc", labels), dict.fromkeys("abc", values)), {"f": 40_000}, 1000)
    for figure in ("alpha", "fleiss kappa", "human ceiling"):
        assert of(figures, "category", "shared spans", figure) == pytest.approx(1)
    assert of(figures, "category", "shared spans", "noise floor") == pytest.approx(0)
    assert of(figures, "valence", "shared spans", "icc") == pytest.approx(1)
    assert of(figures, "valence", "every 1000 ms", "ccc") == pytest.approx(1)


def test_raters_who_guess_agree_no_more_than_chance() -> None:
    rng = np.random.default_rng(1)
    labels = {rater: list(rng.choice(EMOTIONS, 400)) for rater in "abcd"}
    values = {rater: list(rng.uniform(-1, 1, 400)) for rater in "abcd"}
    figures = measure(judged(labels, values), {"f": 400_000}, 1000)
    for about, figure in (("category", "alpha"), ("category", "fleiss kappa"), ("valence", "icc")):
        assert of(figures, about, "shared spans", figure) == pytest.approx(0, abs=0.05)
    assert of(figures, "valence", "every 1000 ms", "ccc") == pytest.approx(0, abs=0.06)


def test_one_rater_alone_gives_no_figure() -> None:
    assert measure(judged({"a": ["joy"] * 20}, {"a": [0.5] * 20}), {"f": 20_000}, 1000) == []


def test_ratings_in_steps_have_an_ordinal_alpha_and_free_values_have_none() -> None:
    rng = np.random.default_rng(2)
    labels = dict.fromkeys("ab", ["joy"] * 30)
    steps = list(rng.integers(0, 2, 30).astype(float))
    in_steps = measure(judged(labels, dict.fromkeys("ab", steps)), {"f": 30_000}, 1000)
    assert of(in_steps, "valence", "shared spans", "ordinal alpha") == pytest.approx(1)
    anywhere = list(rng.uniform(-1, 1, 30))
    free = measure(judged(labels, {"a": anywhere, "b": anywhere}), {"f": 30_000}, 1000)
    assert not [figure for figure in free if figure.figure == "ordinal alpha"]
