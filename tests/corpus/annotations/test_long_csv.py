"""The long template as people's spreadsheets write it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.annotations.importers.copies import copy_of
from corpus.annotations.importers.long_csv import COLUMNS, template
from corpus.annotations.importers.registry import read_delivery
from corpus.annotations.judgements import Delivery
from corpus.annotations.pseudonyms import Pseudonyms
from tests.simulated_raters import Simulated, csv_text

HEADER = "film_id,start_ms,end_ms,annotator,emotion,intensity"
ROW = "made-1-01,0,1000,Anna,joy,0.5"


@pytest.fixture
def read(tmp_path: Path):
    def read_bytes(content: bytes | str) -> Delivery:
        path = tmp_path / "delivered.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_delivery(path, Pseudonyms(tmp_path / "annotators.json"))

    return read_bytes


def test_the_template_is_read_and_has_no_rows(read):
    assert template().strip().split(",") == list(COLUMNS)
    delivery = read(template())
    assert (delivery.fault, delivery.rows_read) == (None, 0)


def test_numbers_that_look_otherwise_stay_text(read):
    rows = "\n".join(f"made-1-01,0,1000,{name},joy,0.5" for name in ("NA", "null", "007", "7", "12345678901234567890123"))
    delivery = read(f"{HEADER}\n{rows}\n")
    assert len({judgement.annotator_id for judgement in delivery.judgements}) == 5


@pytest.mark.parametrize("label", ["None", "NA", "null", "nan", "N/A", "-"])
def test_a_label_that_looks_like_nothing_is_a_label(read, label: str):
    assert [judgement.emotion for judgement in read(f"{HEADER}\nmade-1-01,0,1000,Anna,{label},0.5\n").judgements] == [label]


def test_spaces_around_an_id_fall_off_and_capitals_in_a_films_id_are_refused_by_line(read):
    delivery = read(f"{HEADER}\n made-1-01 ,0,1000, Anna ,joy,0.5\nMade-1-01,0,1000,Anna,joy,0.5\n{ROW}\n")
    assert {(judgement.film_id, judgement.annotator_id) for judgement in delivery.judgements} == {
        ("made-1-01", delivery.judgements[1].annotator_id)
    }
    assert [(refusal.ref, "'Made-1-01' is not allowed" in refusal.reason) for refusal in delivery.refusals] == [("line 3", True)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_with_a_mark_are_detected(read, encoding: str):
    delivery = read(f"{HEADER},note\n{ROW},Ärger – größer\n".encode(encoding))
    assert delivery.judgements[0].note == "Ärger – größer"


def test_latin_1_is_refused_with_its_line_and_a_hint(read):
    delivery = read(f"{HEADER},note\n{ROW},ok\n{ROW},größer\n".encode("latin-1"))
    assert delivery.fault is not None
    assert "line 3" in delivery.fault and "save it as UTF-8" in delivery.fault


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(read, delimiter: str):
    delivery = read(csv_text(Simulated(lines=3, films=("made-1-01",)).rows(), delimiter))
    assert len(delivery.judgements) == 12
    assert delivery.judgements[0].cues == ("face", "voice")


def test_a_decimal_comma_counts_only_where_the_comma_does_not_part_cells(read):
    delivery = read(f"{HEADER};".replace(",", ";")[:-1] + "\nmade-1-01;0;1000;Anna;joy;0,5\n")
    assert delivery.judgements[0].values == {"intensity": 0.5}
    quoted = read(f'{HEADER}\nmade-1-01,0,1000,Anna,joy,"0,5"\n')
    assert "intensity '0,5' is not a number" in quoted.refusals[0].reason


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("made-1-01,0,1000,Anna,joy", "5 cells where the first line has 6"),
        (ROW + ",extra", "7 cells"),
        ("made-1-01,0,1000,Anna,joy,NaN", "not a finite number"),
        ("made-1-01,0,1000,Anna,joy,inf", "not a finite number"),
        ("made-1-01,0,1000,Anna,joy,1e999", "not a finite number"),
        ("made-1-01,-5,1000,Anna,joy,0.5", "start_ms '-5' is not a whole number"),
        ("made-1-01,0,00:00:01,Anna,joy,0.5", "end_ms '00:00:01'"),
        ("made-1-01,,1000,Anna,joy,0.5", "start_ms is empty"),
        ("../x,0,1000,Anna,joy,0.5", "film id '../x' is not allowed"),
        ("made-1-01,0,1000,,joy,0.5", "annotator is empty"),
        ("made-1-01,0,1000,Anna,,", "nothing is judged"),
    ],
)
def test_an_unreadable_row_is_refused_by_line_and_the_others_go_on(read, row: str, reason: str):
    delivery = read(f"{HEADER}\n{ROW}\n{row}\nmade-1-01,0,1000,Bo,joy,0.5\n")
    assert [(refusal.ref, reason in refusal.reason) for refusal in delivery.refusals] == [("line 3", True)]
    assert len(delivery.judgements) == 2


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("start_ms,end_ms,annotator,emotion\n", "no column film_id"),
        ("film_id,start_ms,end_ms,annotator\n", "no column with a judgement"),
        (f"{HEADER},emotion\n", "'emotion' stands twice"),
        (f'{HEADER}\n{ROW}\nmade-1-01,0,1000,"Anna,joy', "cut short"),
        (f"{HEADER}\n{ROW}\n".encode("utf-16-le"), "NUL"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(read, content: bytes | str, fault: str):
    delivery = read(content)
    assert fault in str(delivery.fault)
    assert (delivery.judgements, copy_of(delivery)) == ((), None)


def test_unknown_columns_are_told(read):
    assert read(f"{HEADER},intesity\n{ROW},0.4\n").unknown_columns == ("intesity",)


def test_line_numbers_count_lines_inside_quotes(read):
    delivery = read(f'{HEADER},note\n{ROW},"two\nlines"\nmade-1-01,0,1000,Anna,joy,x,n\n')
    assert delivery.refusals[0].ref == "line 4"
    assert delivery.judgements[0].note == "two\nlines"


def test_names_are_nowhere_in_the_copy_even_in_refused_rows(read, tmp_path: Path):
    delivery = read(f"{HEADER}\n{ROW}\nmade-1-01,x,1000,Zelda,joy,0.5\nAnna,0\nmade-1-01,0,1000,Yorick,joy\n")
    copy = copy_of(delivery)
    assert copy is not None and len(delivery.refusals) == 3
    assert not [name for name in (b"Anna", b"Zelda", b"Yorick") if name in copy]


def test_a_pseudonym_is_the_persons_in_every_delivery(tmp_path: Path):
    first, second = Pseudonyms(tmp_path / "a.json"), Pseudonyms(tmp_path / "b.json")
    assert first.of("Anna Alm") == second.of(" Anna Alm ")
    assert first.of("Anna Alm") != first.of("anna alm")
    first.save()
    assert "Anna Alm" in (tmp_path / "a.json").read_text()
    assert Pseudonyms(tmp_path / "a.json").of("Anna Alm") == first.of("Anna Alm")


def test_a_foreign_format_is_a_delivery_with_a_fault(tmp_path: Path):
    path = tmp_path / "x.docx"
    path.write_bytes(b"PK")
    assert "no importer reads the file (.docx)" in str(read_delivery(path, Pseudonyms(tmp_path / "a.json")).fault)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_content_whatever_raises(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "any.csv"
    path.write_bytes(f"{HEADER}\n".encode() + content)
    delivery = read_delivery(path, Pseudonyms(folder / "any.json"))
    assert delivery.fault is not None or len(delivery.judgements) + len(delivery.refusals) == delivery.rows_read


def test_the_apostrophe_that_exports_put_before_formulas_is_taken_off(read):
    delivery = read(f"{HEADER},note\n{ROW},'=1+1\n{ROW.replace('joy', 'fear')},'plain\n")
    assert [judgement.note for judgement in delivery.judgements] == ["=1+1", "'plain"]


def test_a_pass_that_no_table_can_hold_is_refused(read):
    assert "pass_no '99999999999' is not between" in read(f"{HEADER},pass_no\n{ROW},99999999999\n").refusals[0].reason
