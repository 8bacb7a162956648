import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.terms import FeelmError
from ml.models.splits import assign_folds, check_disjoint


def manifest(sizes: dict[str, int], source: str = "film") -> pd.DataFrame:
    names = [name for name, size in sizes.items() for _ in range(size)]
    return pd.DataFrame({"group_id": names, "film_id": names, "source": source, "label": "joy"})


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=4), st.integers(1, 30), min_size=3, max_size=20), st.integers(3, 8))
def test_every_group_is_left_out_exactly_once(sizes: dict[str, int], folds: int) -> None:
    rows = manifest(sizes)
    numbers = assign_folds(rows, folds, seed=0)
    assert (pd.Series(numbers).groupby(rows["group_id"].to_numpy()).nunique() == 1).all()
    assert set(numbers) == set(range(min(folds, len(sizes))))


def test_each_fold_leaves_out_its_part_of_films_and_of_the_corpus() -> None:
    films = manifest({f"film-{i}": 20 for i in range(12)})
    lines = manifest({f"xed-{i}": 100 + i for i in range(48)}, "xed")
    rows = pd.concat([films, lines], ignore_index=True)
    numbers = assign_folds(rows, 6, seed=3)
    assert np.bincount(numbers[rows["source"] == "film"]).tolist() == [40] * 6
    corpus = np.bincount(numbers[rows["source"] == "xed"])
    assert len(corpus) == 5
    assert corpus.max() - corpus.min() < 0.05 * corpus.sum()


def test_a_corpus_of_too_few_films_only_teaches() -> None:
    rows = pd.concat([manifest({"a": 4, "b": 4, "c": 4}), manifest({"x": 9}, "lines")], ignore_index=True)
    numbers = assign_folds(rows, 6, seed=0)
    assert set(numbers[rows["source"] == "lines"]) == {-1}


def test_fewer_than_three_films_cannot_be_tested_unseen() -> None:
    with pytest.raises(FeelmError, match="at least 3 films"):
        assign_folds(manifest({"a": 4, "b": 4}), 6, seed=0)


def test_a_film_in_two_folds_is_a_leak_that_is_named() -> None:
    with pytest.raises(FeelmError, match="leak: group_id 'a'"):
        check_disjoint(manifest({"a": 2, "b": 1}), np.array([0, 1, 1]))
