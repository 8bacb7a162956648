"""Softmax regression of our own, against scikit-learn's on the same examples."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from corpus.terms import FeelmError
from ml.models.linear import Linear, fit

RIDGE = 4.0


def examples() -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(300, 5)).astype(np.float32)
    said = (rows @ rng.normal(size=(5, 3)) + rng.gumbel(size=(300, 3))).argmax(axis=1)
    return rows, ["abc"[i] for i in said]


def test_it_finds_what_an_independent_solver_finds() -> None:
    rows, labels = examples()
    own = fit(rows, labels, "vwxyz", "abc", RIDGE, evenly=0.0)
    other = LogisticRegression(C=1 / RIDGE, tol=1e-8, max_iter=5000).fit(rows, labels)
    centred = own.logits(rows) - own.logits(rows).mean(axis=1, keepdims=True)
    theirs = other.decision_function(rows)
    assert centred == pytest.approx(theirs - theirs.mean(axis=1, keepdims=True), abs=2e-3)


def test_what_is_kept_is_read_back_and_names_what_spoke_for_a_class(tmp_path: Path) -> None:
    rows, labels = examples()
    own = fit(rows, labels, ("v", "w", "x", "y", "z"), ("a", "b", "c"), RIDGE)
    own.write(tmp_path / "weights.json")
    again = Linear.read(tmp_path / "weights.json")
    assert (again.features, again.classes) == (own.features, own.classes)
    assert again.logits(rows) == pytest.approx(own.logits(rows), abs=1e-2)
    strongest = int(np.argmax(own.weights[:-1, 0] - own.weights[:-1].mean(axis=1)))
    assert own.reasons(np.eye(5, dtype=np.float32)[strongest], 0, 3) == ("vwxyz"[strongest],)


def test_a_file_in_which_classes_are_weighed_by_other_features_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    path.write_text('{"a": {"x": 1, "bias": 0}, "b": {"y": 1, "bias": 0}}')
    with pytest.raises(FeelmError, match="same features"):
        Linear.read(path)
