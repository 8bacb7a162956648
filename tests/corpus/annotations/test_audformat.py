"""Databases of audformat, as its own writer and careless or hostile hands leave them."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.annotations.importers.audformat import IMPORTER, MOST_NODES, read_yaml
from corpus.annotations.importers.reading import Told
from corpus.annotations.judgements import Delivery, annotation_rows
from corpus.annotations.pseudonyms import Pseudonyms

HEADER = """
name: made
raters: {Anna: {type: human}, all: {type: vote}, net: {type: machine}}
schemes:
  emotion: {dtype: str, labels: [joy, no, fear]}
  stars: {dtype: int, minimum: 1, maximum: 5}
tables:
  segments.Anna:
    type: segmented
    columns:
      emotion: {scheme_id: emotion, rater_id: Anna}
      intensity: {scheme_id: stars, rater_id: Anna}
"""
CSV = "file,start,end,emotion,intensity\n"
ROW = "film1.mp4,0 days 00:00:01.500000,0 days 00:00:04.200000,joy,3\n"

Read = Callable[..., Delivery]


def files(rows: str = ROW, header: str = HEADER) -> dict[str, bytes]:
    return {"db.segments.Anna.csv": (CSV + rows).encode(), "db.yaml": header.encode()}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_files(delivered: dict[str, bytes], told: Told | None = None) -> Delivery:
        delivery = IMPORTER.read(delivered, Pseudonyms(tmp_path / "a.json"), told or Told())
        assert delivery.rows_read == len(delivery.judgements) + len(delivery.refusals)
        return delivery

    return read_files


def test_a_row_is_a_judgement_of_its_columns_rater_on_the_schemes_scale(read: Read, tmp_path: Path):
    (judgement,) = read(files()).judgements
    assert (judgement.film_id, judgement.start_ms, judgement.end_ms, judgement.emotion) == ("film1", 1500, 4200, "joy")
    assert judgement.annotator_id == Pseudonyms(tmp_path / "b.json").of("Anna")
    assert {row["dimension"]: row.get("value") for row in annotation_rows(judgement, "b", "t", "0")} == {"category": None, "intensity": 0.5}


def test_a_scale_that_the_scheme_lacks_may_be_told(read: Read):
    header = HEADER.replace(", minimum: 1, maximum: 5", "")
    assert read(files(header=header), Told(scales={"intensity": (0, 6)})).judgements[0].scales == {"intensity": (0, 6)}
    assert read(files(header=header)).judgements[0].scales == {}


def test_a_table_of_several_raters_is_a_judgement_each(read: Read):
    columns = "".join(f"      emotion.{rater}: {{scheme_id: emotion, rater_id: {rater}}}\n" for rater in ("Anna", "Bo", "all", "net"))
    shared = "      character: {}\n      note: {rater_id: Bo}\n      speed: {}\n"
    header = HEADER[: HEADER.index("      emotion:")] + columns + shared
    table = "file,start,end,emotion.Anna,emotion.Bo,emotion.all,emotion.net,character,note,speed\n"
    row = "film1.mp4,0 days 00:00:01,0 days 00:00:02,joy,fear,joy,fear,Carol,n,5\n"
    delivery = read({"x/db.yaml": header.encode(), "x/db.segments.Anna.csv": (table + row).encode()})
    assert [(j.emotion, j.character_id, j.note) for j in delivery.judgements] == [("joy", "Carol", None), ("fear", "Carol", "n")]
    assert [refusal.reason.split(":")[0] for refusal in delivery.refusals] == [
        "its rater is a vote and no person",
        "its rater is a machine and no person",
    ]
    assert delivery.unknown_columns == ("speed",)


def test_columns_without_a_rater_are_of_the_one_told(read: Read):
    header = HEADER.replace(", rater_id: Anna", "")
    assert len(read(files(header=header), Told(annotator="Bo")).judgements) == 1
    assert "--annotator" in read(files(header=header)).refusals[0].reason


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("film1.mp4,0 days 00:00:01,,joy,3", "its end is empty, which means the file's"),
        ("film1.mp4,0 days 00:00:01,NaT,joy,3", "its end is empty"),
        ("film1.mp4,0 days 00:00:02,0 days 00:00:01,joy,3", "it ends at 1000 ms, and starts at 2000 ms"),
        ("film1.mp4,0 days 00:00:01,0 days 00:00:01.0004,joy,3", "it ends at 1000 ms"),
        ("film1.mp4,-1 days +23:59:59,0 days 00:00:01,joy,3", "'-1 days +23:59:59' is no time"),
        ("film1.mp4,1.5,2.5,joy,3", "'1.5' is no time"),
        ("film1.mp4,0 days 00:00:01,0 days 00:61:00,joy,3", "is no time"),
        ("film1.mp4,0 days 00:00:01,0 days 00:00:02,,", "nothing is judged"),
        ("film1.mp4,0 days 00:00:01,0 days 00:00:02,joy,nan", "intensity 'nan' is not a finite number"),
        ("film1.mp4,0 days 00:00:01,0 days 00:00:02,joy,1e999", "not a finite number"),
        (",0 days 00:00:01,0 days 00:00:02,joy,3", "no film is named"),
        ("film1.mp4,0 days 00:00:01,0 days 00:00:02,joy", "more or fewer cells"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_by_table_and_line(read: Read, row: str, reason: str):
    delivery = read(files(ROW + row + "\n" + ROW))
    assert [(refusal.ref, reason in refusal.reason) for refusal in delivery.refusals] == [("table 1, line 3", True)]
    assert len(delivery.judgements) == 2


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("0 days 00:00:01.5", 1500), ("1 days 01:02:03.000400", 90_123_000), ("00:00:00.0006", 1), ("2 days 00:00:00", 172_800_000)],
)
def test_times_are_pandas_timedeltas(read: Read, text: str, milliseconds: int):
    assert abs(pd.Timedelta(text) / pd.Timedelta(milliseconds=1) - milliseconds) <= 0.5
    (judgement,) = read(files(f"film1.mp4,{text},3 days 00:00:00,joy,3\n")).judgements
    assert judgement.start_ms == milliseconds


def test_words_stay_words(read: Read):
    row = "film1.mp4,0 days 00:00:01,0 days 00:00:02,no,\n"
    assert read(files(row)).judgements[0].emotion == "no"
    assert read_yaml(b"{no: 1:30:00, x: [yes, 007, NA, 2001-01-01], y: , z: ~, q: 'null'}") == {
        "no": "1:30:00",
        "x": ["yes", "007", "NA", "2001-01-01"],
        "y": None,
        "z": None,
        "q": "null",
    }


def test_filewise_tables_are_refused_and_misc_tables_told(read: Read):
    header = HEADER.replace("segmented", "filewise") + "misc_tables: {films: {levels: {film: str}}}\n"
    delivery = read({"db.yaml": header.encode(), "db.segments.Anna.csv": b"file,emotion,intensity\nfilm1.mp4,joy,3\nfilm2.mp4,fear,\n"})
    assert ["whole file" in refusal.reason for refusal in delivery.refusals] == [True, True]
    assert delivery.unknown_columns == ("misc table films",)


def test_two_columns_for_one_thing_are_refused(read: Read):
    header = HEADER + "      first: {scheme_id: emotion, rater_id: Anna}\n"
    content = f"{CSV.strip()},first\n{ROW.strip()},fear\n"
    delivery = read({"db.yaml": header.encode(), "db.segments.Anna.csv": content.encode()})
    assert "two columns hold the category" in delivery.refusals[0].reason


def parquet(table: pd.DataFrame) -> bytes:
    stored = io.BytesIO()
    table.to_parquet(stored)
    return stored.getvalue()


@pytest.mark.parametrize("dtype", ["str", "category"])
def test_parquet_tables_are_read_as_csv_is(read: Read, dtype: str):
    table = pd.DataFrame(
        {
            "file": pd.Series(["film1.mp4", "film1.mp4", "film1.mp4"], dtype=dtype),
            "start": pd.to_timedelta([1500, 4200, -1], unit="ms"),
            "end": pd.to_timedelta([4200, None, 1], unit="ms"),
            "emotion": pd.Series(["joy", "fear", "joy"], dtype=dtype),
            "intensity": pd.Series([3, None, 1], dtype="Int64"),
        }
    )
    delivery = read({"db.yaml": HEADER.encode(), "db.segments.Anna.parquet": parquet(table)})
    (of_csv,) = read(files()).judgements
    assert [(j.start_ms, j.end_ms, j.emotion, j.values) for j in delivery.judgements] == [
        (of_csv.start_ms, of_csv.end_ms, of_csv.emotion, of_csv.values)
    ]
    assert [refusal.ref for refusal in delivery.refusals] == ["table 1, row 2", "table 1, row 3"]


def test_a_small_parquet_file_of_a_large_table_is_a_fault(read: Read):
    table = pd.DataFrame(dict.fromkeys(CSV.strip().split(","), pd.Series(["x"] * 600_000)))
    assert "600000 rows" in str(read({"db.yaml": HEADER.encode(), "db.segments.Anna.parquet": parquet(table)}).fault)


def test_raters_names_are_nowhere_in_what_is_read(read: Read):
    delivery = read(files(ROW + "film1.mp4,x,y,joy,3\n"))
    assert "Anna" not in repr(delivery)
    assert "Anna" not in str(read({"db.yaml": HEADER.encode()}).fault)


LEVELS = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00", "cut short"),
        (b"[1, 2]", "no mapping"),
        (b"name: x", "declares no tables"),
        (b"tables: [x]", "tables is no mapping"),
        (b"tables: {x: {type: other}}", "neither segmented nor filewise"),
        (b"a: 1\na: 2", "a key twice"),
        (b"? [a]\n: 1", "no plain word"),
        (b"a: &a {b: 1}\nc: {<<: *a}", "no plain word"),
        (b"a: [", "no YAML"),
        (b"a: 1\n---\nb: 2", "several documents"),
        (b"a: !!python/object/apply:os.system [true]", "a tag"),
        (b"a: !!binary aGk=", "a tag"),
        (b"a: &a [*a]", "or of itself"),
        (b"a: *b", "no"),
        (("a0: &a0 [" + "x, " * 10 + "]\n" + LEVELS).encode(), f"more than {MOST_NODES}"),
        (b"- x\n" * 240_000, f"more than {MOST_NODES}"),
        (b"[" * 900_000, "db.yaml"),
        (b"- " * 400_000, "db.yaml"),
        (b"x" * 1_000_001, "are the most"),
        (HEADER.replace("maximum: 5", "maximum: 1").encode(), "no scale"),
        (HEADER.replace("maximum: 5", "maximum: many").encode(), "no scale"),
    ],
)
def test_a_header_that_is_broken_or_hostile_is_a_fault_at_once(read: Read, header: bytes, fault: str):
    start = time.process_time()
    assert fault in str(read({"db.yaml": header}).fault)
    assert time.process_time() - start < 3


def test_an_alias_stands_for_what_it_names():
    assert read_yaml(b"a: &a {b: [1, 2]}\nc: *a\nd: [*a, *a]") == {
        "a": {"b": ["1", "2"]},
        "c": {"b": ["1", "2"]},
        "d": [{"b": ["1", "2"]}] * 2,
    }


@pytest.mark.parametrize(
    ("delivered", "fault"),
    [
        ({"db.yaml": HEADER.encode()}, "table 1 is not in the delivery: pack the whole folder"),
        ({"db.yaml": HEADER.encode(), "db.segments.Anna.pkl": b"\x80"}, "could run code"),
        ({"db.yaml": HEADER.encode(), "x/db.segments.Anna.csv": b""}, "is not in the delivery"),
        ({"db.yaml": HEADER.encode(), "db.segments.Anna.csv": b""}, "empty"),
        ({"db.yaml": HEADER.encode(), "db.segments.Anna.csv": b"file,start,end,emotion\n"}, "lacks 1 columns"),
        ({"db.yaml": HEADER.encode(), "db.segments.Anna.csv": f"{CSV.strip()},end\n".encode()}, "has one twice"),
        ({"db.yaml": HEADER.encode(), "db.segments.Anna.csv": f'{CSV}"film1'.encode()}, "cut short"),
        ({"db.yaml": HEADER.encode(), "db.segments.Anna.parquet": b"PAR1PAR1"}, "Parquet file of table 1 cannot be read"),
        ({"x/db.yaml": b"", "y/db.yaml": b""}, "2 headers"),
        ({"x.csv": b""}, "0 headers"),
    ],
)
def test_a_database_that_is_not_whole_is_a_fault(read: Read, delivered: dict[str, bytes], fault: str):
    assert fault in str(read(delivered).fault)


def test_a_database_is_known_by_its_header():
    assert IMPORTER.recognises(files()) and IMPORTER.recognises({"x/db.yaml": b""})
    assert not IMPORTER.recognises({"db.csv": b""})


def test_the_sample_is_read_but_for_votes_and_empty_rows(read: Read, shared_data: Path):
    folder = shared_data / "annotation_samples" / "audformat"
    delivery = read({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    assert (delivery.rows_read, len(delivery.judgements)) == (9, 4)
    assert [(j.start_ms, j.end_ms, j.emotion, j.values) for j in delivery.judgements[:2]] == [
        (1000, 4200, "joy", {"intensity": 0.5}),
        (4200, 9000, "sadness", {"intensity": 0.7}),
    ]
    assert [(refusal.ref, "vote" in refusal.reason) for refusal in delivery.refusals] == [
        ("table 1, line 2", True),
        ("table 1, line 3", True),
        ("table 1, line 4", True),
        ("table 2, line 4", False),
        ("table 3, line 4", False),
    ]


LINES = st.lists(st.sampled_from([line + "\n" for line in HEADER.splitlines()]) | st.text(max_size=8), max_size=20).map("".join)


@settings(deadline=None)
@given(
    st.just(HEADER.encode()) | st.binary(max_size=200) | LINES.map(str.encode),
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (CSV + ROW + text).encode()),
    st.sampled_from(["csv", "parquet"]),
)
def test_no_content_whatever_raises(tmp_path_factory: pytest.TempPathFactory, header: bytes, table: bytes, suffix: str):
    delivered = {"db.yaml": header, f"db.segments.Anna.{suffix}": table}
    delivery = IMPORTER.read(delivered, Pseudonyms(tmp_path_factory.getbasetemp() / "any.json"), Told())
    assert delivery.fault is not None or len(delivery.judgements) + len(delivery.refusals) == delivery.rows_read
