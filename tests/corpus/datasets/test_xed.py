"""XED by the same contracts as the films."""

from pathlib import Path

import numpy as np
import pytest

from corpus.contracts import GOLD_LABELS, UNITS
from corpus.datasets.xed import build_xed
from corpus.terms import PROBABILITY_COLUMNS, FeelmError

TSV = (
    "text\tlabels\tyear\timdb_id\n"
    'He said "run" and ran .\t4\t1990\t100280\n'
    "Both\t1,3\t1990\t100280\n"
    "Partly\t8,1\t2017\t6398054\n"
    "Nowhere\t2,8\t2017\t6398054\n"
    "ragged\t1\n"
    "Unknown\t9\t2017\t6398054\n"
)


def test_labels_become_gold_shares_or_are_left_out_and_counted(tmp_path: Path):
    (tmp_path / "xed_en_with_film.tsv").write_text(TSV, encoding="utf-8")
    out = tmp_path / "out"
    summary = build_xed(tmp_path, out)
    gold = GOLD_LABELS.read(out / "gold.parquet")
    assert gold["label"].fillna("").tolist() == ["fear", "", "anger"]
    assert gold["status"].tolist() == ["gold", "ambiguous", "gold"]
    assert gold.loc[1, ["p_anger", "p_disgust"]].tolist() == pytest.approx([(0.5 + 0.5 / len(PROBABILITY_COLUMNS)) / 1.5] * 2)
    assert np.allclose(gold[list(PROBABILITY_COLUMNS)].sum(axis=1), 1)
    assert UNITS.read(out / "units.parquet").loc[0, "text"] == 'He said "run" and ran .'
    assert summary.partly_placed == 1
    assert summary.refused == {
        "not four cells with a text and an IMDb number": ["line 6"],
        "a label that XED does not have": ["line 7"],
        "only anticipation or trust, which have no place among the seven": ["line 5"],
    }
    assert (summary.rows_read, summary.rows_accepted, summary.n) == (6, 3, 3)


def test_a_file_that_is_not_xed_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "other.tsv").write_text("a\tb\n", encoding="utf-8")
    with pytest.raises(FeelmError, match="does not start with the columns"):
        build_xed(tmp_path / "other.tsv", tmp_path / "out")
    with pytest.raises(FeelmError, match="does not start with the columns"):
        build_xed(tmp_path, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FeelmError, match="XED is not at"):
        build_xed(tmp_path / "empty", tmp_path / "out")


def test_a_part_of_the_set_under_another_name_is_read_from_its_folder(tmp_path: Path):
    lines = ["text\tlabels\tyear\timdb_id", "Run!\t4\t1968\t63350"]
    (tmp_path / "unseen_films.tsv").write_text("\n".join(lines), encoding="utf-8")
    assert build_xed(tmp_path, tmp_path / "out").by_label["fear"] == 1


def test_the_real_corpus_is_accounted_for_line_by_line(shared_data: Path, tmp_path: Path):
    summary = build_xed(shared_data / "xed", tmp_path)
    assert summary.rows_read == summary.n + sum(len(places) for places in summary.refused.values()) == 7997
    assert summary.n_films == 48
    assert summary.by_label["neutral"] == 1322
    assert summary.by_label["surprise"] >= 490
