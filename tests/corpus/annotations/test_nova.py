"""Pairs of NOVA and SSI: text and binary, segments and samples."""

import struct
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.annotations.importers.nova import IMPORTER
from corpus.annotations.importers.reading import Told
from corpus.annotations.judgements import Delivery, annotation_rows, trace_table
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.contracts import ANNOTATIONS, TRACES

NAME = "made-1-01.mara.emotion.Anna Alm.annotation"
ITEMS = '<item id="0" name="joy" color="#FF00FF00"/><item id="1" name="sadness"/><item id="5" name="REST"/>'


def header(name: str = "emotion", kind: str = "DISCRETE", size: int | None = None, ftype: str = "ASCII", more: str = "") -> bytes:
    counted = "" if size is None else f' size="{size}"'
    items = ITEMS if kind == "DISCRETE" else ""
    return (
        f'<?xml version="1.0" ?>\n<annotation ssi-v="3"><info ftype="{ftype}"{counted}/><meta annotator="Anna Alm" role="mara"/>'
        f'<scheme name="{name}" type="{kind}" {more}>{items}</scheme></annotation>'
    ).encode()


VALENCE = header("valence", "CONTINUOUS", more='sr="25" min="-1" max="1"')


@pytest.fixture
def read(tmp_path: Path):
    def read_pair(head: bytes, data: bytes | str, name: str | None = None, told: Told | None = None) -> Delivery:
        content = data.encode() if isinstance(data, str) else data
        name = name or (NAME.replace("emotion", "valence") if b'name="valence"' in head else NAME)
        return IMPORTER.read({name: head, f"{name}~": content}, Pseudonyms(tmp_path / "a.json"), told or Told())

    return read_pair


def accounted(delivery: Delivery) -> bool:
    return delivery.rows_read == len(delivery.judgements) + len(delivery.traces) + len(delivery.refusals)


def spans(delivery: Delivery) -> list[tuple[int | None, int | None, str | None, float | None]]:
    return [(j.start_ms, j.end_ms, j.emotion, j.confidence) for j in delivery.judgements]


def test_the_samples_import_whole(shared_data: Path, tmp_path: Path):
    files = {path.name: path.read_bytes() for path in sorted((shared_data / "annotation_samples/nova").iterdir())}
    assert IMPORTER.recognises(files)
    pseudonyms = Pseudonyms(tmp_path / "a.json")
    delivery = IMPORTER.read(files, pseudonyms, Told())
    assert spans(delivery) == [(1000, 4200, "joy", 1), (4200, 9000, "sadness", 0.8)]
    (trace,) = delivery.traces
    assert (trace.dimension, trace.times_ms, trace.values) == ("valence", (0, 40, 80, 120), (0.10, 0.12, 0.15, -0.20))
    assert (trace.scale, trace.rate_hz, trace.confidences) == ((-1, 1), 25, (1, 1, 0.9, 1))
    whose = {(item.film_id, item.annotator_id, item.character_id) for item in (*delivery.judgements, trace)}
    assert whose == {("film1", pseudonyms.of("r1"), "spk")}
    assert (delivery.rows_read, delivery.refusals, delivery.repairs, delivery.fault) == (3, (), (), None)


def test_discrete_binary_says_what_discrete_text_says(read):
    records = [(1.0, 4.2, 0, 1.0), (4.2, 9.0, 1, 0.75)]
    text = read(header(size=2), "".join(f"{a};{b};{c};{d}\n" for a, b, c, d in records))
    binary = read(header(size=2, ftype="BINARY"), b"".join(struct.pack("<ddIf", *record) for record in records))
    assert spans(binary) == spans(text) == [(1000, 4200, "joy", 1), (4200, 9000, "sadness", 0.75)]
    assert [j.source_ref for j in binary.judgements] == ["file 2, record 1", "file 2, record 2"]


def test_continuous_binary_is_float32_pairs(read):
    values = np.array([(0.25, 1.0), (-0.5, 0.5), (1.0, 0.0)], dtype="<f4")
    (trace,) = read(VALENCE.replace(b"ASCII", b"BINARY"), values.tobytes()).traces
    assert (trace.times_ms, trace.values, trace.confidences) == ((0, 40, 80), (0.25, -0.5, 1.0), (1.0, 0.5, 0.0))


def test_free_binary_holds_labels_of_any_length_in_bytes(read):
    labels = ["joy", "", "größer; als"]
    data = b"".join(struct.pack("<ddI", 1, 2, len(label.encode())) + label.encode() + struct.pack("<f", 0.5) for label in labels)
    delivery = read(header(kind="FREE", size=3, ftype="BINARY"), data)
    assert spans(delivery) == [(1000, 2000, "joy", 0.5), (1000, 2000, "größer; als", 0.5)]
    assert [(r.ref, r.reason) for r in delivery.refusals] == [("file 2, record 2", "the label is empty")]


def test_a_label_whose_length_counts_letters_is_told_and_not_misread(read):
    label = "größer"
    data = struct.pack("<ddI", 1, 2, len(label)) + label.encode() + struct.pack("<f", 0.5)
    assert "save it as ASCII" in str(read(header(kind="FREE", ftype="BINARY"), data).fault)


def test_free_labels_keep_their_words_and_novas_colour_is_none_of_them(read):
    delivery = read(header(kind="FREE"), "0.00;1.00;happyish;1.00\n1.00;2.00;joy;0.50;color=#FF0000\n2;3;a;b;1\n")
    assert spans(delivery) == [(0, 1000, "happyish", 1), (1000, 2000, "joy", 0.5)]
    assert [(r.ref, "5 cells" in r.reason) for r in delivery.refusals] == [("file 2, line 3", True)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1;2;-1;1", "garbage class"),
        ("1;2;4294967295;1", "garbage class"),
        ("1;2;5;1", "'REST' is no judgement"),
        ("1;2;3;1", "is no class of the scheme"),
        ("1;2;nan;1", "is no class of the scheme"),
        ("1;2;0;1.5", "confidence '1.5'"),
        ("1;2;0;nan", "not a finite number"),
        ("-1;2;0;1", "outside any film"),
        ("nan;2;0;1", "not a finite number"),
        ("1;2;0", "3 cells"),
        ("1,234;2000;0;1", "may be thousands or decimals"),
    ],
)
def test_a_row_that_is_no_judgement_is_refused_by_line(read, row: str, reason: str):
    delivery = read(header(size=3), f"0;1;0;1\n{row}\n2;3;1;1\n")
    assert [(r.ref, reason in r.reason) for r in delivery.refusals] == [("file 2, line 2", True)]
    assert len(delivery.judgements) == 2 and accounted(delivery)


@pytest.mark.parametrize(
    ("start", "ms"), [("1,234.50", 1_234_500), ("1.234,50", 1_234_500), ("0,50", 500), ("12,345,678.00", 12_345_678_000)]
)
def test_numbers_are_read_as_any_language_of_nova_writes_them(read, start: str, ms: int):
    assert read(header(), f"{start};12345678.5;0;1\n").judgements[0].start_ms == ms


def test_samples_without_a_value_are_left_out_and_told(read):
    delivery = read(VALENCE, "0.1;1\nNaN;0\n0.3;1\n")
    assert delivery.traces[0].times_ms == (0, 80)
    assert "1 of 3 samples" in delivery.repairs[0].reason
    assert delivery.rows_read == 1


@pytest.mark.parametrize(
    ("head", "data", "reason"),
    [
        (VALENCE, "0.1;1\n1.5;1\n", "file 2, line 2: 1.5 is outside the scale -1 to 1"),
        (VALENCE, "0.1;1\nx;1\n", "file 2, line 2: 'x' is not a number"),
        (VALENCE, "0.1\n", "1 cells where value and confidence belong"),
        (VALENCE, "nan;1\n", "no sample has a value"),
        (VALENCE.replace(b'sr="25"', b'sr="0"'), "0.1;1\n", "no rate between"),
        (VALENCE.replace(b'sr="25"', b""), "0.1;1\n", "no rate between"),
        (VALENCE.replace(b"valence", b"emotion"), "0.1;1\n", "not the emotion"),
    ],
)
def test_a_trace_that_cannot_be_is_refused_whole(read, head: bytes, data: str, reason: str):
    delivery = read(head, data)
    assert (delivery.traces, delivery.rows_read) == ((), 1)
    assert reason in delivery.refusals[0].reason


def test_a_trace_without_ends_is_unbounded_unless_they_are_told(read):
    head = VALENCE.replace(b'min="-1" max="1"', b"")
    assert read(head, "5;1\n").traces[0].scale is None
    assert read(head, "5;1\n", told=Told(scales={"valence": (1, 9)})).traces[0].scale == (1, 9)


def test_classes_that_are_numbers_are_values_on_the_told_scale(read):
    head = header("valence").replace(b'name="joy"', b'name="7"')
    delivery = read(head, "0;1;0;1\n1;2;1;1\n", told=Told(scales={"valence": (1, 9)}))
    (judgement,) = delivery.judgements
    assert (judgement.values, judgement.scales, judgement.emotion) == ({"valence": 7}, {"valence": (1, 9)}, None)
    assert "'sadness' is not a number" in delivery.refusals[0].reason


@pytest.mark.parametrize(
    ("name", "told", "film"),
    [
        (NAME, Told(), "made-1-01"),
        ("deep/er/made-1-01.mara.emotion.Anna Alm.annotation", Told(), "made-1-01"),
        ("Made.One.mara.emotion.Anna.Alm.annotation", Told(), "made-one"),
        ("base/made-1-01/mara.emotion.Anna Alm.annotation", Told(), "made-1-01"),
        ("speech.annotation", Told(film_id="told"), "told"),
        (NAME, Told(film_id="told"), "told"),
    ],
)
def test_the_film_is_told_or_the_session_by_the_files_name(read, name: str, told: Told, film: str):
    (judgement,) = read(header(), "0;1;0;1\n", name, told).judgements
    assert (judgement.film_id, judgement.character_id) == (film, "mara")


@pytest.mark.parametrize("name", ["speech.annotation", "made-1-01.other.emotion.Anna.annotation", "mara.emotion.Anna Alm.annotation"])
def test_without_a_session_each_row_is_refused_with_the_option_that_mends_it(read, name: str):
    delivery = read(header(), "0;1;0;1\n1;2;1;1\n", name)
    assert [("--film" in r.reason, r.ref) for r in delivery.refusals] == [(True, "file 2, line 1"), (True, "file 2, line 2")]


def test_role_and_rater_come_from_the_files_name_where_the_header_has_none(read, tmp_path: Path):
    bare = header().replace(b' role="mara"', b"").replace(b'annotator="Anna Alm"', b"")
    (judgement,) = read(bare, "0;1;0;1\n").judgements
    assert (judgement.character_id, judgement.annotator_id) == ("mara", Pseudonyms(tmp_path / "b.json").of("Anna Alm"))
    assert "--annotator" in read(bare, "0;1;0;1\n", "speech.annotation", Told(film_id="f")).refusals[0].reason


def test_halves_without_the_other_are_refused_without_a_raters_name(tmp_path: Path):
    files = {"a.x.emotion.Anna Alm.annotation": header(), "b.x.emotion.Zelda.annotation~": b"0;1;0;1\n", "notes.txt": b"x"}
    delivery = IMPORTER.read(files, Pseudonyms(tmp_path / "a.json"), Told())
    assert [(r.ref, r.reason) for r in delivery.refusals] == [
        ("file 1", "the data file (.annotation~) of this header is missing"),
        ("file 2", "the header (.annotation) of this data file is missing"),
    ]
    assert [(r.ref, "left out" in r.reason) for r in delivery.repairs] == [("file 3", True)]
    assert "Anna" not in repr(delivery) and "Zelda" not in repr(delivery)
    assert accounted(delivery)


@pytest.mark.parametrize("kind", ["POINT", "DISCRETE_POLYGON", "POLYGON", "GRAPH", "SEGMENTATION"])
def test_other_types_of_tiers_are_refused_by_name(read, kind: str):
    delivery = read(header(kind=kind), "0;1;0;1\n")
    assert [r.ref for r in delivery.refusals] == ["file 1"]
    assert kind in delivery.refusals[0].reason


def test_schemes_of_other_things_are_told_and_not_counted(read):
    delivery = read(header("gesture"), "0;1;0;1\n")
    assert (delivery.unknown_columns, delivery.rows_read, delivery.fault) == (("scheme gesture",), 0, None)


@pytest.mark.parametrize(
    ("head", "data", "fault"),
    [
        (header(size=3), "0;1;0;1\n", "the header counts 3, file 2 holds 1"),
        (header(ftype="BINARY"), b"\x00" * 25, "25 bytes, which are no whole number of 24"),
        (header(ftype="BINARY", kind="FREE"), b"\x00" * 5, "breaks off in record 1"),
        (header()[:-20], "0;1;0;1\n", "file 1: the header is no XML"),
        (b"", "0;1;0;1\n", "file 1: the file is empty"),
        (b"<other/>", "0;1;0;1\n", "no scheme in an annotation"),
        (header(ftype="LZ4"), "0;1;0;1\n", "'LZ4' is neither ASCII nor BINARY"),
        (header().replace(b'id="1"', b'id="0"'), "0;1;0;1\n", "a number twice"),
        (header().replace(b'id="1"', b'id="one"'), "0;1;0;1\n", "a class without a number"),
        (header(kind="FREE"), "0;1;gr\xf6\xdfer;1\n".encode("latin-1"), "file 2: the file is not utf-8 at line 1"),
    ],
)
def test_a_damaged_half_is_a_fault_that_says_which(read, head: bytes, data: bytes | str, fault: str):
    delivery = read(head, data)
    assert fault in str(delivery.fault)
    assert (delivery.judgements, delivery.traces) == ((), ())


BOMB = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    "hostile",
    [
        f'<!DOCTYPE x [<!ENTITY a0 "ha">{BOMB}]><annotation><scheme name="&a9;"/></annotation>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation><scheme name="emotion">&a;</scheme></annotation>',
        '<!DOCTYPE annotation SYSTEM "http://127.0.0.1:9/x.dtd"><annotation><scheme name="emotion"/></annotation>',
        "<annotation>" * 100_000,
        "<annotation>" * 100_000 + "</annotation>" * 100_000,
        "<annotation>" + " " * 5_000_000,
    ],
    ids=["bomb", "external", "dtd", "deep", "deep and closed", "large"],
)
def test_a_hostile_header_is_a_fault_at_once(read, hostile: str):
    began = time.process_time()
    delivery = read(hostile.encode(), "0;1;0;1\n")
    assert delivery.fault is not None and delivery.fault.startswith("file 1")
    assert time.process_time() - began < 3


def test_only_deliveries_of_pairs_are_recognised():
    assert IMPORTER.recognises({NAME: b"", f"{NAME}~": b""})
    assert not IMPORTER.recognises({NAME: b"", "x.json": b""})


def test_what_is_read_fits_the_tables(read):
    delivery = read(header(), "0;1;0;1\n0.5;2;1;0.8\n")
    rows = [row for judgement in delivery.judgements for row in annotation_rows(judgement, "batch", "nova/1", "0" * 64)]
    assert list(ANNOTATIONS.frame(rows)["label"]) == ["joy", "sadness"]


@given(
    st.sampled_from([header(), header(kind="FREE"), VALENCE, header(ftype="BINARY"), header(kind="FREE", ftype="BINARY"), b""]),
    st.binary(max_size=100),
    st.binary(max_size=300) | st.text(";.,-0123456789nan\n", max_size=300).map(str.encode),
)
def test_no_content_whatever_raises(tmp_path_factory: pytest.TempPathFactory, head: bytes, more: bytes, data: bytes):
    files = {NAME: head + more, f"{NAME}~": data, "b.annotation~": data}
    delivery = IMPORTER.read(files, Pseudonyms(tmp_path_factory.getbasetemp() / "any.json"), Told())
    assert delivery.fault is not None or accounted(delivery)
    TRACES.to_arrow(trace_table(delivery.traces, "batch", "nova/1", "0" * 64))


@given(st.sampled_from(["ASCII", "BINARY"]), st.binary(max_size=200) | st.text(";.,-0123456789nan\n", max_size=200).map(str.encode))
def test_no_data_whatever_raises(tmp_path_factory: pytest.TempPathFactory, ftype: str, data: bytes):
    pseudonyms = Pseudonyms(tmp_path_factory.getbasetemp() / "any.json")
    for kind, name in (("DISCRETE", "emotion"), ("FREE", "arousal"), ("CONTINUOUS", "valence")):
        head = header(name, kind, ftype=ftype, more='sr="25"')
        delivery = IMPORTER.read({NAME: head, f"{NAME}~": data}, pseudonyms, Told(film_id="f"))
        assert delivery.fault is not None or accounted(delivery)
        ANNOTATIONS.to_arrow(ANNOTATIONS.frame(_unique(delivery)))
        TRACES.to_arrow(trace_table(delivery.traces, "batch", "nova/1", "0" * 64))


def _unique(delivery: Delivery) -> list[dict[str, object]]:
    rows = [row for judgement in delivery.judgements for row in annotation_rows(judgement, "batch", "nova/1", "0" * 64)]
    return list({row["annotation_id"]: row for row in rows}.values())
