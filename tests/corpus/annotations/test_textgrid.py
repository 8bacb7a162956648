"""Praat's TextGrids in both of its text forms."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.annotations.importers.reading import Told
from corpus.annotations.importers.textgrid import IMPORTER
from corpus.annotations.judgements import Delivery, Judgement
from corpus.annotations.pseudonyms import Pseudonyms

Mark = tuple[float, float, str] | tuple[float, str]
"""Start, end and text of an interval, or time and text of a point."""

TIERS: list[tuple[str, list[Mark]]] = [
    ("emotion@Anna", [(0, 1, ""), (1, 4.2, "joy"), (4.2, 9, "sadness")]),
    ("intensity@Anna", [(0, 1, ""), (1, 4.2, "0.7"), (4.2, 9, " ")]),
    ("note@Anna", [(1, 4.2, 'says "run, Forrest"\nand smiles! <exists> 7')]),
    ("emotion@Bo", [(2.0004, "fear"), (3, "")]),
    ("Mary", [(0, 9, "hello")]),
]


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def long_form(tiers: list[tuple[str, list[Mark]]]) -> str:
    """As Praat's "Save as text file" writes it."""
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0 ",
        "xmax = 9 ",
        "tiers? <exists> ",
        f"size = {len(tiers)} ",
        "item []: ",
    ]
    for number, (name, marks) in enumerate(tiers, start=1):
        points = bool(marks) and len(marks[0]) == 2
        kind, list_name = ("TextTier", "points") if points else ("IntervalTier", "intervals")
        lines += [
            f"    item [{number}]:",
            f'        class = "{kind}" ',
            f"        name = {quoted(name)} ",
            "        xmin = 0 ",
            "        xmax = 9 ",
        ]
        lines += [f"        {list_name}: size = {len(marks)} "]
        for index, (*times, text) in enumerate(marks, start=1):
            names = ["number"] if points else ["xmin", "xmax"]
            lines += [f"        {list_name} [{index}]:"]
            lines += [f"            {key} = {value!r} " for key, value in zip(names, times, strict=True)]
            lines += [f"            {'mark' if points else 'text'} = {quoted(str(text))} "]
    return "\n".join(lines) + "\n"


def short_form(tiers: list[tuple[str, list[Mark]]]) -> str:
    """As Praat's "Save as short text file" writes it."""
    lines = ['File type = "ooTextFile"', '"TextGrid"', "", "0", "9", "<exists>", str(len(tiers))]
    for name, marks in tiers:
        kind = "TextTier" if marks and len(marks[0]) == 2 else "IntervalTier"
        lines += [f'"{kind}"', quoted(name), "0", "9", str(len(marks))]
        lines += [line for *times, text in marks for line in [*map(repr, times), quoted(str(text))]]
    return "\n".join(lines) + "\n"


FORMS = {"long": long_form, "short": short_form}


@pytest.fixture
def pseudonyms(tmp_path: Path) -> Pseudonyms:
    return Pseudonyms(tmp_path / "annotators.json")


@pytest.fixture
def read(pseudonyms: Pseudonyms):
    def read_text(content: str | bytes, name: str = "films/The Film.TextGrid", **told: object) -> Delivery:
        return IMPORTER.read({name: content.encode() if isinstance(content, str) else content}, pseudonyms, Told(**told))

    return read_text


def accounted(delivery: Delivery) -> bool:
    return delivery.rows_read == len(delivery.judgements) + len(delivery.refusals)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_both_forms_give_spans_and_points_of_each_rater(read, pseudonyms: Pseudonyms, form, encoding: str):
    anna, bo = pseudonyms.of("Anna"), pseudonyms.of("Bo")
    delivery = read(form(TIERS).encode(encoding))
    assert delivery.judgements == (
        Judgement(
            film_id="the-film",
            annotator_id=anna,
            source_ref="tier 1 interval 2, tier 2 interval 2, tier 3 interval 1",
            start_ms=1000,
            end_ms=4200,
            emotion="joy",
            values={"intensity": 0.7},
            note='says "run, Forrest"\nand smiles! <exists> 7',
        ),
        Judgement("the-film", anna, "tier 1 interval 3", start_ms=4200, end_ms=9000, emotion="sadness"),
        Judgement("the-film", bo, "tier 4 point 1", start_ms=2000, end_ms=None, emotion="fear"),
    )
    assert (delivery.rows_read, delivery.refusals, delivery.unknown_columns) == (3, (), ("tier Mary",))


def test_what_is_told_is_taken(read, pseudonyms: Pseudonyms):
    told = {"film_id": "made-1", "annotator": "Cleo", "character": "Forrest", "perspective": "felt", "modality_seen": "a"}
    (judgement,) = read(long_form([("emotion", [(0, 1, "joy")])]), **told).judgements
    assert (judgement.film_id, judgement.annotator_id, judgement.character_id) == ("made-1", pseudonyms.of("Cleo"), "Forrest")
    assert (judgement.perspective, judgement.modality_seen) == ("felt", "a")


@pytest.mark.parametrize(
    ("tier", "interval", "name", "reason"),
    [
        ("emotion", (0, 1, "joy"), "x.TextGrid", "--annotator"),
        ("emotion@Anna", (0, 1, "joy"), ".TextGrid", "--film"),
        ("emotion@Anna", (-1, 1, "joy"), "x.TextGrid", "-1 s is no time of a film"),
        ("emotion@Anna", (0, 1e300, "joy"), "x.TextGrid", "1e+300 s"),
        ("intensity@Anna", (0, 1, "0,7"), "x.TextGrid", "'0,7' is not a finite number"),
        ("intensity@Anna", (0, 1, "nan"), "x.TextGrid", "'nan' is not a finite number"),
        ("note@Anna", (0, 1, "hm"), "x.TextGrid", "a note without a judgement"),
        ("note@Anna", (0, 1, "x" * 4001), "x.TextGrid", "a note without a judgement"),
    ],
)
def test_an_interval_that_cannot_be_read_is_refused_and_the_others_go_on(read, tier: str, interval: Mark, name: str, reason: str):
    delivery = read(long_form([(tier, [interval]), ("valence@Bo", [(0, 1, "0.1")])]), name)
    assert [refusal.ref for refusal in delivery.refusals][:1] == ["tier 1 interval 1"]
    assert reason in delivery.refusals[0].reason
    assert accounted(delivery) and delivery.rows_read == 2


def test_two_emotions_of_one_span_leave_no_place_for_one_intensity(read):
    tiers = [("emotion@Anna", [(0, 1, "joy")]), ("emotion@Anna", [(0, 1, "fear")]), ("intensity@Anna", [(0, 1, "0.7")])]
    delivery = read(short_form(tiers))
    assert [one.emotion for one in delivery.judgements] == ["joy", "fear"]
    assert [refusal.ref for refusal in delivery.refusals] == ["tier 3 interval 1"]


def test_a_textgrid_without_tiers_has_no_rows(read):
    delivery = read('File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n9\n<absent>\n')
    assert (delivery.fault, delivery.rows_read) == (None, 0)


def test_comments_are_passed_over(read):
    content = short_form([("emotion@Anna", [(0, 1, "joy")])]).replace('"TextGrid"', '! written by hand, 3 "times"\n"TextGrid"')
    assert [one.emotion for one in read(content).judgements] == ["joy"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "empty"),
        (b"ooBinaryFile\x08TextGrid", "binary: save it in Praat as a text file"),
        ('"Praat chronological TextGrid text file"\n0 9\n', "chronological"),
        ('File type = "ooTextFile"\nObject class = "Collection"\n2', "'Collection', not a TextGrid"),
        ('File type = "xTextFile"\n"TextGrid"', "'xTextFile'"),
        ("joy", "line 1: the file type should stand here in quotes"),
        (short_form(TIERS).replace("9\n3\n", "9\n3.5\n", 1), "3.5, no whole number"),
        (short_form(TIERS).replace("9\n3\n", "9\n1e999\n", 1), "inf, no whole number"),
        (short_form(TIERS).replace("9\n3\n", "9\n4\n", 1), "the start of the interval should stand here as a number"),
        (short_form(TIERS) + '"more"', "more than the file says"),
        (short_form(TIERS).replace("IntervalTier", "PitchTier", 1), "neither 'IntervalTier' nor 'TextTier'"),
        (long_form(TIERS).replace('"joy"', '"joy'), "should stand here"),
        (long_form(TIERS)[:-4], "a quoted text has no end"),
        (short_form(TIERS).replace("sadness", "Überdruss").encode("latin-1"), "save it as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(read, content: str | bytes, fault: str):
    delivery = read(content)
    assert fault in str(delivery.fault)
    assert (delivery.rows_read, delivery.judgements) == (0, ())


def test_no_raters_name_is_in_what_is_kept(read):
    delivery = read(long_form([("emotion@Zelda", [(0, 1, "joy")]), ("intensity@Zelda", [(0, 1, "x")]), ("gaze@Zelda", [(0, 1, "up")])]))
    assert "Zelda" not in repr(delivery)


@pytest.mark.parametrize("content", ['"' * 300_001, '"a""b ' * 100_000, "<" * 500_000, "1 " * 300_000, "!" * 500_000, '""' * 300_000])
def test_reading_costs_no_more_than_the_length(read, content: str):
    head = 'File type = "ooTextFile"\n"TextGrid"\n0 9 <exists> 1 "IntervalTier" "emotion@Anna" 0 9 1000000000000 '
    started = time.process_time()
    assert read(head + content).fault is not None
    assert time.process_time() - started < 4


def test_the_sample(shared_data: Path, read, pseudonyms: Pseudonyms):
    content = (shared_data / "annotation_samples/praat/film1_r1.TextGrid").read_bytes()
    delivery = read(content, "film1_r1.TextGrid")
    facts = [(one.film_id, one.annotator_id, one.start_ms, one.end_ms, one.emotion, one.values) for one in delivery.judgements]
    rater = pseudonyms.of("r1")
    assert facts == [("film1-r1", rater, 1000, 4200, "joy", {"intensity": 0.7}), ("film1-r1", rater, 4200, 9000, "sadness", {})]
    assert (delivery.rows_read, delivery.refusals, delivery.unknown_columns) == (2, (), ())
    assert {one.film_id for one in read(content, "film1_r1.TextGrid", film_id="film1").judgements} == {"film1"}


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 10**6), TEXTS), max_size=6), st.sampled_from(sorted(FORMS)))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int, str]], form: str):
    marks: list[Mark] = [(start / 1000, (start + length) / 1000, text) for start, length, text in spans]
    content = FORMS[form]([("emotion@Anna", marks)]).encode()
    delivery = IMPORTER.read({"x.TextGrid": content}, Pseudonyms(tmp_path_factory.getbasetemp() / "any.json"), Told())
    assert delivery.fault is None
    assert [(one.start_ms, one.end_ms) for one in delivery.judgements] == [
        (start, start + length) for start, length, text in spans if text.strip()
    ]
    assert accounted(delivery)


@settings(max_examples=300)
@given(st.sampled_from(sorted(FORMS)), st.integers(0, 3000))
def test_a_file_cut_short_is_a_fault_or_whole(tmp_path_factory: pytest.TempPathFactory, form: str, length: int):
    whole = FORMS[form](TIERS).encode()
    pseudonyms = Pseudonyms(tmp_path_factory.getbasetemp() / "any.json")
    delivery = IMPORTER.read({"x.TextGrid": whole[:length]}, pseudonyms, Told())
    assert delivery.fault is not None or delivery == IMPORTER.read({"x.TextGrid": whole}, pseudonyms, Told())


TOKENS = st.sampled_from(
    ['"IntervalTier"', '"TextTier"', '"emotion@Anna"', '"intensity@Bo"', '"0.5"', '""', "0", "1", "2.5", "-3", "<exists>", '"']
)


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(str.encode)
    | st.lists(TOKENS, max_size=30).map(lambda words: " ".join(words).encode())
)
def test_no_content_whatever_raises(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    pseudonyms = Pseudonyms(tmp_path_factory.getbasetemp() / "any.json")
    for head in (
        b"",
        b'"ooTextFile" "TextGrid" 0 9 <exists> 1 ',
        b'"ooTextFile" "TextGrid" 0 9 <exists> 1 "IntervalTier" "emotion@Anna" 0 9 1 ',
    ):
        delivery = IMPORTER.read({"x.TextGrid": head + content}, pseudonyms, Told())
        assert delivery.fault is not None or accounted(delivery)
