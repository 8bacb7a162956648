"""Deliveries of any format: archives, folders, copies, and what comes of several files together."""

import io
import zipfile
from pathlib import Path

import pytest

from corpus.annotations.batches import Batch, deliver, scan_inbox, tables_of
from corpus.annotations.importers.copies import copy_of
from corpus.annotations.importers.reading import Told, UnreadableFile, decode_json
from corpus.annotations.importers.registry import read_delivery
from corpus.annotations.judgements import Delivery, Judgement
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.annotations.sidecars import read_told
from corpus.paths import Home
from corpus.terms import FeelmError
from tests.simulated_raters import Simulated, csv_text

TABLE = csv_text(Simulated(lines=3, films=("made-1-01",)).rows(), ",").encode()
TRACE = b"time,valence\n0,0.1\n1,0.3\n"
NOVA = (
    b'<?xml version="1.0"?><annotation ssi-v="3"><info ftype="ASCII" size="1"/><meta annotator="Eva" role="spk"/>'
    b'<scheme name="emotion" type="DISCRETE"><item id="0" name="joy"/></scheme></annotation>'
)


def archive(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def read(path: Path, told: Told | None = None) -> Delivery:
    return read_delivery(path, Pseudonyms(path.parent / "annotators.json"), told)


def batch(path: Path, told: Told | None = None) -> Batch:
    return tables_of(read(path, told), "b")


def test_files_of_several_formats_in_one_archive_are_read_each_by_its_own(tmp_path: Path):
    pair = {"film.spk.emotion.Eva.annotation": NOVA, "film.spk.emotion.Eva.annotation~": b"1.0;2.5;0;1.0\n"}
    packed = archive(tmp_path / "all.zip", **{"table.csv": TABLE, **pair})
    delivery = read(packed)
    assert delivery.fault is None
    assert len(delivery.judgements) == 12 + 1
    assert delivery.tool == "long-csv/1, nova/1"


def test_a_file_of_no_known_format_beside_others_is_a_fault_and_nothing_is_half_read(tmp_path: Path):
    delivery = read(archive(tmp_path / "all.zip", **{"table.csv": TABLE, "minutes.docx": b"PK"}))
    assert delivery.fault is not None and ".docx" in delivery.fault
    assert not delivery.judgements


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "C:\\evil.csv"])
def test_an_archive_that_reaches_out_of_its_folder_is_refused(tmp_path: Path, name: str):
    assert "reaches out" in str(read(archive(tmp_path / "evil.zip", **{name: TABLE})).fault)
    assert not (tmp_path.parent / "evil.csv").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path):
    bomb = archive(tmp_path / "bomb.zip", **{"table.csv": b"0" * 60_000_000})
    assert bomb.stat().st_size < 100_000
    assert "no annotation" in str(read(bomb).fault)


def test_an_archive_of_more_files_than_any_delivery_has_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("corpus.annotations.importers.reading.MOST_FILES", 3)
    many = archive(tmp_path / "many.zip", **{f"{number}.csv": TABLE for number in range(4)})
    assert "holds 4 files, 3 are the most" in str(read(many).fault)


def test_an_archive_that_understates_a_file_is_refused(tmp_path: Path):
    content = archive(tmp_path / "a.zip", **{"table.csv": TABLE}).read_bytes()
    size = len(TABLE).to_bytes(4, "little")
    (tmp_path / "lie.zip").write_bytes(content.replace(size, (10).to_bytes(4, "little")))
    delivery = read(tmp_path / "lie.zip")
    assert delivery.fault is not None and not delivery.judgements


def test_a_damaged_or_empty_archive_says_so(tmp_path: Path):
    whole = archive(tmp_path / "a.zip", **{"table.csv": TABLE}).read_bytes()
    (tmp_path / "half.zip").write_bytes(whole[: len(whole) // 2])
    assert "cannot be opened" in str(read(tmp_path / "half.zip").fault)
    assert "no files" in str(read(archive(tmp_path / "empty.zip")).fault)


def test_two_traces_of_one_film_rater_and_dimension_are_one_and_a_refusal(tmp_path: Path):
    found = batch(archive(tmp_path / "t.zip", **{"a.csv": TRACE, "b.csv": TRACE}), Told(film_id="f", annotator="Eva"))
    assert found.summary.traces == 1
    assert ["another trace" in refusal.reason for refusal in found.refusals] == [True]
    assert found.summary.rows_read == found.summary.judgements + found.summary.refused


def test_a_copy_in_the_files_place_gives_the_same_rows_and_the_same_copy(tmp_path: Path):
    odd = "made-1-01,0,1000,Anna,9,,portrayed,joy,,,,,,one\u2028two\x85three,,\n".encode()
    (tmp_path / "first.csv").write_bytes(TABLE + odd + b"made-1-01,x,1000,Anna,1,,portrayed,joy,,,,,,,,\n")
    (tmp_path / "trace.csv").write_bytes(TRACE)
    for path, told in ((tmp_path / "first.csv", Told()), (tmp_path / "trace.csv", Told(film_id="f", annotator="Eva"))):
        first = batch(path, told)
        copy = first.copy
        assert copy is not None
        path.write_bytes(copy)
        again = batch(path, Told(format="copy"))
        assert again.copy == copy
        assert again.annotations.equals(first.annotations) and again.traces.equals(first.traces)
        assert again.refusals == first.refusals


def test_no_name_of_a_rater_is_in_the_copy(tmp_path: Path):
    (tmp_path / "first.csv").write_bytes(TABLE)
    copy = copy_of(read(tmp_path / "first.csv"))
    assert copy is not None and b"Anna" not in copy and b"Berg" not in copy


def test_what_is_told_comes_with_the_delivery_and_goes_when_nothing_is_told(tmp_path: Path):
    source, home = tmp_path / "trace.csv", Home(tmp_path / "home")
    source.write_bytes(TRACE)
    told = Told(film_id="f", annotator="Eva", scales={"valence": (-1.0, 1.0)})
    delivered = deliver(source, home, told=told)
    assert read_told(delivered.path) == told
    assert [item.path.name for item in scan_inbox(home)] == ["trace.csv"]
    assert read_told(deliver(source, home).path) == Told()


def test_a_folder_is_delivered_as_one_archive_of_the_same_bytes_each_time(tmp_path: Path):
    folder, home = tmp_path / "round", Home(tmp_path / "home")
    folder.mkdir()
    (folder / "a.csv").write_bytes(TABLE)
    (folder / ".hidden").write_bytes(b"x")
    first = deliver(folder, home).path.read_bytes()
    assert deliver(folder, home).path.read_bytes() == first
    assert zipfile.ZipFile(io.BytesIO(first)).namelist() == ["a.csv"]


@pytest.mark.parametrize(
    "told",
    [
        {"film_id": "../x"},
        {"perspective": "guessed"},
        {"scheme": "mine"},
        {"fps": 0.0},
        {"first_frame": 2},
        {"scales": {"valence": (1, 1)}},
    ],
)
def test_what_cannot_be_told_is_refused(told: dict[str, object]):
    with pytest.raises(FeelmError):
        Told(**told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": 1e999}', '{"a": 1, "a": 2}', "[" * 100_000, '{"a": "\\ud800"}', '{"a": ' + "9" * 50 + "}", '{"a": 1']
)
def test_json_that_is_none_by_the_standard_is_refused(text: str):
    with pytest.raises(UnreadableFile):
        decode_json(text.encode())


def test_a_value_too_large_for_its_scale_is_kept_raw_and_has_no_canonical_value(tmp_path: Path):
    delivery = Delivery("t/1", 1, (Judgement("f", "r-00000000", "line 1", start_ms=0, end_ms=1, values={"valence": 1e29}),))
    (row,) = tables_of(delivery, "b").annotations.to_dict("records")
    assert (row["value_raw"], row["value"] != row["value"]) == (1e29, True)
