"""What is said of a delivered file holds of that file, and of no other that comes under its name."""

import json
from pathlib import Path

import pytest

from corpus.annotations.batches import BatchSummary, build_batch, deliver
from corpus.annotations.importers.reading import Told
from corpus.annotations.sidecars import Rejection, read_rejection, read_told, rejection_path, told_path, write_rejection
from corpus.paths import Home
from corpus.terms import FeelmError

REJECTED = Rejection("2026-11-27T05:22:00Z", "a test of the tool")


def frames_export(end: int) -> str:
    """Label Studio's export of one region, frames 1 to `end`, that names neither film nor frame rate."""
    value = {"ranges": [{"start": 1, "end": end}], "timelinelabels": ["joy"]}
    item = {"id": "r1", "from_name": "emotion", "type": "timelinelabels", "value": value}
    annotation = {"id": 5, "completed_by": 1, "was_cancelled": False, "unique_id": "u5", "result": [item]}
    return json.dumps([{"id": 1, "data": {}, "annotations": [annotation]}])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def file(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "export.json"
    path.write_text(content)
    return path


def build(path: Path, out: Path) -> BatchSummary:
    out.mkdir(parents=True, exist_ok=True)
    return build_batch(path, "b", out.parent / "annotators.json", out)


def test_what_was_told_of_a_file_that_was_deleted_by_hand_is_not_applied_to_the_next_of_its_name(home: Home, tmp_path: Path):
    told = Told(film_id="film1", fps=25, annotator="Anna Alm")
    delivered = deliver(file(tmp_path, frames_export(25)), home, told=told).path
    assert build(delivered, tmp_path / "first").films == ["film1"]
    delivered.unlink()
    delivered.write_text(frames_export(50))
    assert read_told(delivered) == Told()
    summary = build(delivered, tmp_path / "second")
    assert (summary.films, summary.judgements, summary.refused) == ([], 0, 1)
    assert summary.told_left_out is not None
    assert "(--film, --annotator, --fps)" in summary.told_left_out and "feelm annotations import" in summary.told_left_out
    record = json.loads((tmp_path / "second" / "import.json").read_text())
    assert record["told_left_out"] == summary.told_left_out
    assert not [path for path in (tmp_path / "second").iterdir() if b"Anna" in path.read_bytes()]


def test_what_was_told_holds_again_where_the_same_file_comes_back(home: Home, tmp_path: Path):
    told = Told(film_id="film1", fps=25, scales={"valence": (-1.0, 1.0)})
    delivered = deliver(file(tmp_path, frames_export(25)), home, told=told).path
    content = delivered.read_bytes()
    delivered.unlink()
    delivered.write_bytes(content)
    assert read_told(delivered) == told
    assert build(delivered, tmp_path / "out").told_left_out is None


def test_a_file_that_is_imported_under_the_name_is_told_of_anew(home: Home, tmp_path: Path):
    deliver(file(tmp_path, frames_export(25)), home, told=Told(film_id="film1", fps=25))
    again = deliver(file(tmp_path, frames_export(50)), home, told=Told(film_id="film2", fps=50)).path
    assert build(again, tmp_path / "out").films == ["film2"]
    assert read_told(deliver(file(tmp_path, frames_export(75)), home).path) == Told()
    assert not told_path(again).exists()


def test_a_rejection_is_about_the_bytes_and_about_what_is_told_of_them(home: Home, tmp_path: Path):
    source = file(tmp_path, frames_export(25))
    delivered = deliver(source, home, told=Told(film_id="film1")).path
    write_rejection(delivered, REJECTED)
    assert read_rejection(delivered) == REJECTED
    record = json.loads(rejection_path(delivered).read_text())
    assert record["file"] == "export.json" and len(record["of_sha256"]) == 64
    assert read_rejection(deliver(source, home, told=Told(film_id="film1")).path) == REJECTED
    assert read_rejection(deliver(source, home, told=Told(film_id="film1", fps=25)).path) is None
    assert not rejection_path(delivered).exists()


def test_a_changed_file_of_the_name_is_not_rejected_however_it_came(home: Home, tmp_path: Path):
    delivered = deliver(file(tmp_path, frames_export(25)), home).path
    write_rejection(delivered, REJECTED)
    delivered.write_text(frames_export(50))
    assert read_rejection(delivered) is None


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"of_sha256": "x", "colour": "red"}'])
def test_a_damaged_record_is_named_with_what_to_do(home: Home, tmp_path: Path, content: str):
    delivered = deliver(file(tmp_path, frames_export(25)), home).path
    for path, read in ((told_path(delivered), read_told), (rejection_path(delivered), read_rejection)):
        path.write_text(content)
        with pytest.raises(FeelmError, match=rf"{path.name}, is damaged .*delete it"):
            read(delivered)
        path.unlink()
