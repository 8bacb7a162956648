"""Continuous traces as ANNEMO, GTrace, CARMA, DARMA and PAGAN write them, and as people make them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.annotations.importers.copies import copy_of
from corpus.annotations.importers.reading import Told
from corpus.annotations.importers.traces import IMPORTER
from corpus.annotations.judgements import Delivery, trace_table
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.contracts import TRACES

TOLD = Told(film_id="made-1-01", annotator="Anna Alm")
CARMA = """Time of Rating,01-Mar-2017 10:00:00
Multimedia File,Made One.mp4
Lower Label,very negative
Upper Label,very positive
Minimum Value,-100
Maximum Value,100
Number of Steps,9
Second,Rating
%%%%%%,%%%%%%
1,0
2,27.7778
3,NaN
4,-50
"""
DARMA = """Time of Rating,01-Mar-2017 10:00:00,,
Multimedia File,Made One.mp4,,
Magnitude,1000,,
Second,Valence,Arousal,Button
%%%%%%,%%%%%%,%%%%%%,%%%%%%
0.5,-250,500,0
1,0,1000,1
"""
PAGAN = """OriginalName,DatabaseName,Participant,SessionID,Timestamp,VideoTime,Value
made-1-01.mp4 - 63.5,p_1,Anna Alm,s1,1600000000000,0,0
made-1-01.mp4 - 63.5,p_1,Anna Alm,s1,1600000000001,0,0
made-1-01.mp4 - 63.5,p_1,Anna Alm,s1,1600000001000,1017,3
made-1-01.mp4 - 63.5,p_1,Bo,s2,1600000001000,500,-2
made-1-01.mp4 - 63.5,p_1,Anna Alm,s1,1600000002000,2034,7
made-1-01.mp4 - 63.5,p_1,Anna Alm,s1,1600000002001,2034,0
"""


@pytest.fixture
def read(tmp_path: Path):
    def read_text(text: str | bytes, name: str = "delivered.csv", told: Told = TOLD) -> Delivery:
        content = text.encode() if isinstance(text, str) else text
        return IMPORTER.read({name: content}, Pseudonyms(tmp_path / "a.json"), told)

    return read_text


def accounted(delivery: Delivery) -> bool:
    return delivery.rows_read == len(delivery.judgements) + len(delivery.traces) + len(delivery.refusals)


def courses(delivery: Delivery) -> dict[str, tuple[tuple[int, ...], tuple[float, ...]]]:
    return {trace.dimension: (trace.times_ms, trace.values) for trace in delivery.traces}


def test_a_wide_table_is_a_trace_of_each_dimension(read):
    delivery = read("time,valence,arousal\n0,0.1,-0.5\n0.04,0.2,-0.4\n")
    assert courses(delivery) == {"valence": ((0, 40), (0.1, 0.2)), "arousal": ((0, 40), (-0.5, -0.4))}
    assert {(t.film_id, t.perspective, t.scale) for t in delivery.traces} == {("made-1-01", "portrayed", None)}
    assert accounted(delivery) and delivery.rows_read == 2


@pytest.mark.parametrize(
    ("column", "cell", "ms"),
    [
        ("time", "1.5", 1500),
        ("t", "1.5", 1500),
        ("Time (s)", "1.5", 1500),
        ("time_s", "1.5", 1500),
        ("Second", "1.5", 1500),
        ("seconds", "1e1", 10_000),
        ("time_ms", "1500", 1500),
        ("Time [ms]", "1500", 1500),
        ("t_ms", "1500.4", 1500),
    ],
)
def test_times_are_seconds_unless_their_column_says_milliseconds(read, column: str, cell: str, ms: int):
    assert read(f"{column},valence\n{cell},0\n").traces[0].times_ms == (ms,)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " "])
def test_the_delimiter_is_found(read, delimiter: str):
    text = "time,valence\n0.0,0.1\n0.5,-0.2\n".replace(",", delimiter)
    assert courses(read(text)) == {"valence": ((0, 500), (0.1, -0.2))}


def test_a_decimal_comma_counts_only_where_the_comma_does_not_part_cells(read):
    assert courses(read("time;valence\n0,5;-0,25\n")) == {"valence": ((500,), (-0.25,))}
    quoted = read('time,valence\n0,"0,5"\n1,0.5\n')
    assert [(r.ref, "'0,5' is not a number" in r.reason) for r in quoted.refusals] == [("line 2, valence", True)]


def test_the_files_name_says_the_dimension_of_a_nameless_value(read):
    assert [t.dimension for t in read("time,value\n0,1\n", "film1_arousal.anna.csv").traces] == ["arousal"]
    assert [t.dimension for t in read("time;value\n0;1\n", "valence/P16.csv").traces] == ["valence"]


@pytest.mark.parametrize("name", ["delivered.csv", "arousals.csv", "valence_arousal.csv"])
def test_without_one_dimension_in_name_or_column_the_file_is_refused(read, name: str):
    assert "it is not said what the values are of" in str(read("time,value\n0,1\n", name).fault)


def test_gtrace_files_without_names_of_columns_need_the_dimension_in_their_name(read):
    assert courses(read("0.00 0.10\n0.04  0.12\n", "s1_valence.txt")) == {"valence": ((0, 40), (0.1, 0.12))}
    assert "no columns of a time and a value" in str(read("0.00 0.10\n", "s1.txt").fault)


def test_carma_declares_film_and_scale_and_its_lines_are_told(read):
    delivery = read(CARMA, "valence.csv", Told(annotator="Anna Alm"))
    (trace,) = delivery.traces
    assert (trace.film_id, trace.scale, trace.times_ms, trace.values) == ("made-one", (-100, 100), (1000, 2000, 4000), (0, 27.7778, -50))
    assert [(r.ref, "not a finite number" in r.reason) for r in delivery.refusals] == [("line 12, valence", True)]
    assert [r.ref for r in delivery.repairs] == ["lines 1, 2, 3, 4, 5, 6, 7, 9"]
    assert accounted(delivery)


def test_darma_declares_a_magnitude_for_both_axes(read):
    delivery = read(DARMA, told=Told(annotator="Anna Alm"))
    assert courses(delivery) == {"valence": ((500, 1000), (-250, 0)), "arousal": ((500, 1000), (500, 1000))}
    assert {t.scale for t in delivery.traces} == {(-1000, 1000)}
    assert delivery.unknown_columns == ("button",)


def test_pagan_logs_hold_many_raters_and_marks_of_start_and_end(read):
    delivery = read(PAGAN, "arousal.csv", Told())
    assert {(t.film_id, t.times_ms, t.values, t.scale) for t in delivery.traces} == {
        ("made-1-01", (0, 1017, 2034), (0, 3, 7), None),
        ("made-1-01", (500,), (-2,), None),
    }
    assert "2 samples by which PAGAN marks" in delivery.repairs[1 if delivery.repairs[0].ref.startswith("lines 1") else 0].reason
    assert delivery.unknown_columns == ("databasename", "sessionid", "timestamp")


def test_the_told_scale_bounds_a_trace_and_its_values_become_the_dimensions_own(read):
    (trace,) = read("time,valence\n0,1\n1,9\n2,5\n", told=Told(film_id="f", annotator="A", scales={"valence": (1, 9)})).traces
    table = TRACES.to_arrow(trace_table([trace], "batch", "traces/1", "0" * 64)).to_pandas()
    np.testing.assert_allclose(table["value"], [-1, 1, 0])
    assert table["bounded"].all()


def test_a_value_outside_its_scale_refuses_the_trace_by_line(read):
    told = Told(film_id="f", annotator="A", scales={"valence": (-1, 1)})
    delivery = read("time,valence,arousal\n0,0.5,3\n1,50,3\n", told=told)
    assert [t.dimension for t in delivery.traces] == ["arousal"]
    assert "line 3: 50 is outside the scale -1 to 1" in delivery.refusals[0].reason
    assert "--scale valence=" in delivery.refusals[0].reason


def test_columns_of_rater_and_film_part_the_rows_into_traces(read):
    rows = "f1,Anna,0,0.1\nf1,Bo,0,0.2\nf2,Anna,0,0.3\nf1,Anna,1,0.4\n"
    delivery = read("film_id,annotator,time,valence\n" + rows, told=Told())
    assert {(t.film_id, t.times_ms, t.values) for t in delivery.traces} == {
        ("f1", (0, 1000), (0.1, 0.4)),
        ("f1", (0,), (0.2,)),
        ("f2", (0,), (0.3,)),
    }
    assert len({t.annotator_id for t in delivery.traces}) == 2


@pytest.mark.parametrize(
    ("told", "reason"),
    [(Told(annotator="A"), "--film"), (Told(film_id="f"), "--annotator")],
)
def test_a_trace_without_film_or_rater_is_refused_with_the_option_that_mends_it(read, told: Told, reason: str):
    delivery = read("time,valence\n0,0.1\n1,0.2\n", told=told)
    assert (delivery.traces, delivery.rows_read) == ((), 1)
    assert reason in delivery.refusals[0].reason


@pytest.mark.parametrize("second", ["1", "0.5", "1.0004"])
def test_times_that_do_not_rise_refuse_the_trace_by_line(read, second: str):
    delivery = read(f"time,valence\n1,0.1\n{second},0.2\n3,0.3\n")
    assert delivery.traces == ()
    assert "times do not rise: line 3" in delivery.refusals[0].reason


@pytest.mark.parametrize(
    ("row", "ref", "reason"),
    [
        ("-1,0.5", "line 3", "outside any film"),
        ("1e300,0.5", "line 3", "not a finite number"),
        ("NaN,0.5", "line 3", "not a finite number"),
        ("00:01,0.5", "line 3", "is not a number"),
        ("1,NaN", "line 3, valence", "not a finite number"),
        ("1,", "line 3, valence", "is not a number"),
        ("1,1e39", "line 3, valence", "not a finite number"),
        ("1,0.5,9", "line 3", "3 cells where the columns are 2"),
        ("1", "line 3", "1 cells"),
    ],
)
def test_an_unreadable_row_is_refused_by_line_and_the_trace_goes_on(read, row: str, ref: str, reason: str):
    delivery = read(f"time,valence\n0,0.1\n{row}\n2,0.3\n")
    assert courses(delivery) == {"valence": ((0, 2000), (0.1, 0.3))}
    assert [(r.ref, reason in r.reason) for r in delivery.refusals] == [(ref, True)]
    assert accounted(delivery) and delivery.rows_read == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        ("a,b\n1,2\n", "no columns of a time and a value"),
        ("time,FM1,FM2\n0,1,2\n", "give each rater a file"),
        ("time,t_ms,valence\n0,0,1\n", "are all times: keep one"),
        ("time,valence,Valence\n0,0,1\n", "several columns are of valence"),
        ("time,valence,annotator,rater\n0,0,A,B\n", "say the same: keep one"),
        ('time,valence\n0,"0.1\n', "cut short"),
        (b"time,valence,note\n0,1,gr\xf6\xdfer\n", "save it as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(read, text: str | bytes, fault: str):
    assert fault in str(read(text).fault)


def test_names_of_raters_are_nowhere_in_what_is_read(read):
    delivery = read("time,valence,annotator\n0,0.1,Anna Alm\n0,0.1,Anna Alm\n1,x,Zelda\n", "valence.csv")
    assert copy_of(delivery) is not None
    assert not [name for name in ("Anna", "Zelda") if name in repr(delivery)]


@pytest.mark.parametrize(
    ("name", "text", "recognised"),
    [
        ("a.csv", "time,valence\n0,1\n", True),
        ("valence.csv", CARMA, True),
        ("a.csv", DARMA, True),
        ("arousal.csv", PAGAN, True),
        ("valence.txt", "0.0 1\n", True),
        ("a.txt", "0.0 1\n", False),
        ("a.json", "time,valence\n0,1\n", False),
        ("a.csv", "film_id,start_ms,end_ms,annotator,valence\nf,0,1,A,0\n", False),
        ("a.csv", "start_ms,time,annotator,valence\n0,1,A,0\n", False),
        ("a.csv", "start,end,character,arousal,valence,direction,emotion,oncue,offcue\n1,2,F,LOW,POS,SELF,,,\n", False),
        ("a.csv", "", False),
    ],
)
def test_only_tables_of_times_and_values_are_recognised(name: str, text: str, recognised: bool):
    assert IMPORTER.recognises({name: text.encode()}) is recognised


def test_real_tables_of_spans_are_not_taken_for_traces(shared_data: Path):
    paths = [path for path in (shared_data / "studyforrest").rglob("*.?sv") if path.is_file()]
    assert paths
    assert not [path.name for path in paths if IMPORTER.recognises({path.name: path.read_bytes()})]


@given(
    times=st.lists(st.integers(0, 10_000_000), min_size=1, max_size=50, unique=True).map(sorted),
    seed=st.integers(0, 2**32 - 1),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, times: list[int], seed: int, delimiter: str):
    values = [float(value) for value in np.random.default_rng(seed).normal(0, 10, len(times)).round(6)]
    rows = [f"{time / 1000}{delimiter}{value}" for time, value in zip(times, values, strict=True)]
    content = "\n".join([f"time{delimiter}valence", *rows]).encode()
    delivery = IMPORTER.read({"t.csv": content}, Pseudonyms(tmp_path_factory.getbasetemp() / "a.json"), TOLD)
    assert courses(delivery) == {"valence": (tuple(times), tuple(values))}


@given(
    st.binary(max_size=300) | st.text(max_size=300).map(str.encode),
    st.sampled_from(["", "time,valence\n", "t_ms;value;annotator\n", CARMA]),
)
def test_no_content_whatever_raises(tmp_path_factory: pytest.TempPathFactory, content: bytes, head: str):
    files = {"valence.csv": head.encode() + content}
    IMPORTER.recognises(files)
    delivery = IMPORTER.read(files, Pseudonyms(tmp_path_factory.getbasetemp() / "any.json"), TOLD)
    assert delivery.fault is not None or accounted(delivery)
    TRACES.to_arrow(trace_table(delivery.traces, "batch", "traces/1", "0" * 64))
