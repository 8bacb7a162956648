"""Raters' free spans laid over time and scenes, against what can be counted by hand."""

import numpy as np
import pandas as pd
import pytest

from corpus.annotations.courses import presence_by_scene, presence_course, read_scenes, value_course
from corpus.terms import FeelmError


def spans(*rows: tuple[str, int, int, str, object]) -> pd.DataFrame:
    """Rows of (rater, start, end, dimension, label or value)."""
    table = pd.DataFrame(rows, columns=["annotator_id", "start_ms", "end_ms", "dimension", "given"])
    table["label"] = table["given"].where(table["dimension"] == "category")
    table["value"] = pd.to_numeric(table["given"].where(table["dimension"] != "category"))
    table["group_id"] = [f"g{i}" for i in range(len(table))]
    return table


def test_a_value_holds_from_its_start_until_its_end_and_is_missing_elsewhere() -> None:
    found = value_course(spans(("a", 1000, 3000, "valence", 0.5), ("b", 0, 4000, "valence", -0.5)), "valence", 5000)
    np.testing.assert_array_equal(found.values, [[np.nan, 0.5, 0.5, np.nan, np.nan], [-0.5, -0.5, -0.5, -0.5, np.nan]])


def test_spans_open_at_once_give_their_mean() -> None:
    found = value_course(spans(("a", 0, 3000, "valence", 1.0), ("a", 1000, 2000, "valence", 0.0)), "valence", 3000)
    np.testing.assert_allclose(found.values, [[1.0, 0.5, 1.0]])


def test_two_emotions_at_once_are_both_present_and_who_marks_nothing_says_absent() -> None:
    table = spans(("a", 0, 2000, "category", "joy"), ("a", 1000, 2000, "category", "sadness"), ("b", 0, 1000, "valence", 1.0))
    np.testing.assert_array_equal(presence_course(table, "joy", 3000).values, [[1, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(presence_course(table, "sadness", 3000).values, [[0, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(presence_course(table, None, 3000).values, [[1, 1, 0], [1, 0, 0]])


def test_a_span_is_in_every_scene_that_it_shares_time_with() -> None:
    table = spans(("a", 500, 1500, "category", "fear"), ("b", 1000, 2000, "category", "fear"))
    np.testing.assert_array_equal(presence_by_scene(table, "fear", [(0, 1000), (1000, 2000), (2000, 3000)]).values, [[1, 1, 0], [0, 1, 0]])


def test_raters_who_agree_wholly_have_an_alpha_of_one() -> None:
    table = spans(*[(r, 0, 2000, "category", "joy") for r in "ab"], *[(r, 0, 1000, "valence", 0.1) for r in "ab"],
                  *[(r, 1000, 2000, "valence", 0.9) for r in "ab"])  # fmt: skip
    assert presence_course(table, "joy", 4000).nominal_alpha() == pytest.approx(1)
    assert value_course(table, "valence", 4000).interval_alpha() == pytest.approx(1)


def test_each_scene_ends_where_the_next_begins_and_the_last_with_the_film() -> None:
    assert read_scenes("17.0,SAVANNAH,DAY,EXT\n272.32,OFFICE,DAY,INT\n", 300_000) == [(17_000, 272_320), (272_320, 300_000)]


@pytest.mark.parametrize("text", ["start,place\n1,A\n", "5,A\n1,B\n", "1,A\n400,B\n", "inf,A\n"])
def test_rows_that_are_no_scenes_of_the_film_are_refused(text: str) -> None:
    with pytest.raises(FeelmError, match="scenes"):
        read_scenes(text, 300_000)
