"""Deliveries, their union and the inbox: nothing twice, nothing lost."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from corpus.annotations.batches import BatchSummary, batch_id_of, build_annotations, build_batch, deliver, scan_inbox
from corpus.annotations.decisions import Outcome, accepted_folders, read_decision, write_decision
from corpus.contracts import ANNOTATIONS, FAILING_ROWS
from corpus.paths import Home, content_version, writing
from corpus.terms import FeelmError
from tests.simulated_raters import Simulated, write_csv

SIMULATED = Simulated(lines=5)
Rows = list[dict[str, object]]


def batch(root: Path, batch_id: str, rows: Rows) -> tuple[Path, BatchSummary]:
    folder = Home(root).batch(batch_id)
    with writing(folder) as out:
        summary = build_batch(write_csv(root / "delivered" / f"{batch_id}.csv", rows), batch_id, root / "annotators.json", out)
    return folder, summary


def unite(root: Path, *folders: Path) -> pd.DataFrame:
    build_annotations(folders, root / "united")
    return ANNOTATIONS.read(root / "united" / "annotations.parquet")


def test_every_row_becomes_one_row_a_dimension_judged(tmp_path: Path):
    folder, summary = batch(tmp_path, "a", SIMULATED.rows())
    table = ANNOTATIONS.read(folder / "annotations.parquet")
    assert summary.judgements == 40
    assert table["dimension"].value_counts().to_dict() == {"category": 40, "intensity": 40, "valence": 40}
    assert table.groupby("group_id").size().eq(3).all()


def test_the_same_delivery_gives_the_same_bytes_and_holds_no_names(tmp_path: Path):
    versions = []
    for root in (tmp_path / "one", tmp_path / "two"):
        folder, _ = batch(root, "a", SIMULATED.rows())
        versions.append(content_version(folder))
        assert not [path for path in folder.rglob("*") if b"Anna" in path.read_bytes()]
    assert versions[0] == versions[1]


def test_a_file_delivered_twice_under_two_names_adds_nothing(tmp_path: Path):
    first, _ = batch(tmp_path, "a", SIMULATED.rows())
    second, _ = batch(tmp_path, "b", SIMULATED.rows())
    once, twice = unite(tmp_path, first), unite(tmp_path, first, second)
    columns = ["annotation_id", "label", "value"]
    pd.testing.assert_frame_equal(once[columns], twice[columns])


def test_an_edited_label_supersedes_and_a_grown_file_only_adds(tmp_path: Path):
    rows = SIMULATED.rows()
    first, _ = batch(tmp_path, "a", rows[:-1])
    edited = [rows[0] | {"emotion": "disgust", "created_at": "2026-02-01T00:00:00Z"}, *rows[1:]]
    second, _ = batch(tmp_path, "b", edited)
    united = unite(tmp_path, first, second)
    assert united["group_id"].nunique() == len(rows)
    about = united[(united["start_ms"] == 100) & (united["film_id"] == "made-1-01") & (united["dimension"] == "category")]
    assert "disgust" in about["label"].tolist()
    assert len(about) == 4


def test_the_latest_revision_wins_whatever_the_order_of_delivery(tmp_path: Path):
    row = SIMULATED.rows()[0]
    newer, _ = batch(tmp_path, "a", [row | {"emotion": "fear", "created_at": "2026-03-01T10:00:00+02:00"}])
    older, _ = batch(tmp_path, "b", [row | {"emotion": "joy", "created_at": "2026-03-01T07:59:59Z"}])
    assert set(unite(tmp_path, newer, older)["label"].dropna()) == {"fear"}
    undated, _ = batch(tmp_path, "c", [row | {"emotion": "anger", "created_at": ""}])
    assert set(unite(tmp_path, newer, undated)["label"].dropna()) == {"anger"}


def test_mixed_emotions_of_one_span_both_stay(tmp_path: Path):
    row = SIMULATED.rows()[0]
    folder, summary = batch(tmp_path, "a", [row | {"emotion": "joy"}, row | {"emotion": "sadness", "intensity": 0.2}])
    table = unite(tmp_path, folder)
    assert sorted(table.loc[table["dimension"] == "category", "label"]) == ["joy", "sadness"]
    assert table.loc[table["dimension"] == "intensity"].set_index("label")["value"].round(2)["sadness"] == 0.2
    assert table["group_id"].nunique() == 1
    assert summary.refused == 0


def test_repeated_rows_count_once_and_contradicting_ones_are_refused(tmp_path: Path):
    row = SIMULATED.rows()[0] | {"emotion": "joy"}
    folder, summary = batch(tmp_path, "a", [row, row, row | {"emotion": "happy", "intensity": 0.99}])
    record = json.loads((folder / "import.json").read_text())
    assert (summary.judgements, summary.repaired, summary.refused) == (1, 1, 1)
    assert record["repaired"] == [{"ref": "line 3", "reason": "repeats line 2: counted once"}]
    assert record["refused"][0]["reason"].startswith("contradicts line 2")


def test_unknown_labels_and_values_out_of_range_keep_what_was_given(tmp_path: Path):
    row = SIMULATED.rows()[0]
    folder, _ = batch(tmp_path, "a", [row | {"emotion": "Freude", "intensity": 1.7}])
    table = ANNOTATIONS.read(folder / "annotations.parquet").set_index("dimension")
    assert table.loc["category", "label_raw"] == "Freude"
    assert table[["label", "value"]].loc[["category", "intensity"]].isna().all(axis=None)
    assert table.loc["intensity", "value_raw"] == pytest.approx(1.7)


def test_an_empty_file_makes_a_batch_of_no_rows_that_says_so(tmp_path: Path):
    (tmp_path / "empty.csv").write_text("")
    summary = build_batch(tmp_path / "empty.csv", "empty", tmp_path / "annotators.json", tmp_path / "out")
    assert "no rows" in str(summary.missing)
    assert ANNOTATIONS.read(tmp_path / "out" / "annotations.parquet").empty
    with pytest.raises(FeelmError, match="there is no file"):
        build_batch(tmp_path / "absent.csv", "absent", tmp_path / "annotators.json", tmp_path / "out")


def test_the_union_of_nothing_says_so(tmp_path: Path):
    assert build_annotations([], tmp_path).missing == "no accepted annotations"


def test_the_inbox_tells_files_apart_and_sees_changes(tmp_path: Path):
    home = Home(tmp_path)
    source = write_csv(tmp_path / "elsewhere" / "round1.csv", SIMULATED.rows())
    delivered = deliver(source, home)
    (home.inbox / ".hidden.csv").write_text("x")
    (home.inbox / "half.csv.part").write_text("x")
    assert [(item.batch_id, item.is_news) for item in scan_inbox(home)] == [("round1", True)]
    with writing(home.batch("round1")) as out:
        build_batch(delivered.path, "round1", tmp_path / "annotators.json", out)
    assert [item.is_news for item in scan_inbox(home)] == [False]
    os.utime(delivered.path, ns=(2**61, 2**61))
    assert [item.is_news for item in scan_inbox(home)] == [True]
    assert scan_inbox(home)[0].version != delivered.version


def test_batch_ids_are_slugs_that_tell_similar_names_apart():
    names = ["round1.csv", "Round1.csv", "round 1.csv", "round1.tsv", "ärger.csv", "---.csv", "x" * 200 + ".csv"]
    ids = [batch_id_of(name) for name in names]
    assert ids[0] == "round1"
    assert len(set(ids)) == len(ids)
    assert all(Home(Path()).batch(batch_id) for batch_id in ids)


def _outcome(passed: bool) -> tuple[Outcome, ...]:
    return (Outcome("rows", passed, False, "critical", 0, (), "seen", "rows are there"),)


def test_content_in_use_is_what_was_accepted_last_in_order_of_delivery(tmp_path: Path):
    home = Home(tmp_path)
    folders = {name: batch(tmp_path, name, SIMULATED.rows()[:n])[0] for n, name in enumerate(("z", "a", "m"), start=1)}
    for name, passed in (("z", True), ("a", True), ("m", False)):
        write_decision(folders[name], _outcome(passed), FAILING_ROWS.empty())
    in_use = {folder.parent.name: folder for folder in accepted_folders(home)}
    assert list(in_use) == ["z", "a"]
    first = (in_use["z"] / "annotations.parquet").read_bytes()
    batch(tmp_path, "z", SIMULATED.rows()[:5])
    write_decision(folders["z"], _outcome(False), FAILING_ROWS.empty())
    assert list(accepted_folders(home)) == [in_use["z"], in_use["a"]]
    assert (in_use["z"] / "annotations.parquet").read_bytes() == first
    write_decision(folders["z"], _outcome(True), FAILING_ROWS.empty())
    assert list(accepted_folders(home)) == [in_use["a"], in_use["z"]]
    assert (in_use["z"] / "annotations.parquet").read_bytes() == (folders["z"] / "annotations.parquet").read_bytes()
    assert read_decision(folders["m"]).reasons == ("rows: seen (rows are there)",)  # type: ignore[union-attr]


def test_deciding_again_on_the_same_content_changes_nothing(tmp_path: Path):
    folder, _ = batch(tmp_path, "a", SIMULATED.rows()[:3])
    assert (
        write_decision(folder, _outcome(True), FAILING_ROWS.empty())
        == write_decision(folder, _outcome(True), FAILING_ROWS.empty())
        == read_decision(folder)
    )
