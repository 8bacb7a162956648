"""ELAN documents as people and other programs write them, and as they are written here."""

import re
import time
import tracemalloc
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.annotations.exporters.elan import EXPORTER
from corpus.annotations.exporters.writing import FilmMedia, Judged
from corpus.annotations.importers.elan import IMPORTER
from corpus.annotations.importers.reading import Told
from corpus.annotations.judgements import Delivery, Judgement, annotation_rows
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.contracts import ANNOTATIONS, TRACES
from corpus.terms import EMOTIONS

MEDIA = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///home/anna/The%20Film.mp4" MIME_TYPE="video/mp4"/>'


def eaf(*tiers: str, slots: dict[str, int | None] | None = None, header: str = MEDIA, more: str = "", author: str = "") -> str:
    """A document; without `slots` there is one for each second, named by it."""
    given_slots = {f"s{second}": second * 1000 for second in range(11)} if slots is None else slots
    order = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="{name}"' + ("/>" if value is None else f' TIME_VALUE="{value}"/>') for name, value in given_slots.items()
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><ANNOTATION_DOCUMENT AUTHOR={quoteattr(author)} FORMAT="3.0">'
        f'<HEADER TIME_UNITS="milliseconds">{header}</HEADER><TIME_ORDER>{order}</TIME_ORDER>{"".join(tiers)}{more}</ANNOTATION_DOCUMENT>'
    )


def tier(name: str, *annotations: str, kind: str = "plain", **facts: str) -> str:
    """A tier; `facts` are further attributes."""
    more = "".join(f" {key}={quoteattr(value)}" for key, value in facts.items())
    inside = "".join(f"<ANNOTATION>{annotation}</ANNOTATION>" for annotation in annotations)
    return f'<TIER TIER_ID={quoteattr(name)} LINGUISTIC_TYPE_REF="{kind}"{more}>{inside}</TIER>'


def aligned(own: str, start: str, end: str, text: str, entry: str = "") -> str:
    """An annotation between two slots."""
    cve = f' CVE_REF="{entry}"' if entry else ""
    facts = f'ANNOTATION_ID="{own}" TIME_SLOT_REF1="{start}" TIME_SLOT_REF2="{end}"{cve}'
    return f"<ALIGNABLE_ANNOTATION {facts}><ANNOTATION_VALUE>{escape(text)}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>"


def part(own: str, parent: str, text: str, previous: str = "") -> str:
    """An annotation that refers to another one."""
    before = f' PREVIOUS_ANNOTATION="{previous}"' if previous else ""
    facts = f'ANNOTATION_ID="{own}" ANNOTATION_REF="{parent}"{before}'
    return f"<REF_ANNOTATION {facts}><ANNOTATION_VALUE>{escape(text)}</ANNOTATION_VALUE></REF_ANNOTATION>"


JOY = tier("emotion@Anna", aligned("a1", "s1", "s2", "joy"))


@pytest.fixture
def pseudonyms(tmp_path: Path) -> Pseudonyms:
    return Pseudonyms(tmp_path / "annotators.json")


@pytest.fixture
def read(pseudonyms: Pseudonyms):
    def read_text(content: str | bytes, **told: object) -> Delivery:
        return IMPORTER.read({"x.eaf": content.encode() if isinstance(content, str) else content}, pseudonyms, Told(**told))

    return read_text


def ids_told(delivery: Delivery) -> list[str]:
    """The annotations that ended up in judgements or refusals."""
    refs = [judgement.source_ref for judgement in delivery.judgements] + [refusal.ref for refusal in delivery.refusals]
    return sorted(name.removeprefix("annotation ") for ref in refs for name in ref.split(", "))


def accounted(delivery: Delivery) -> bool:
    return delivery.rows_read == len(delivery.judgements) + len(delivery.refusals)


def test_tiers_of_one_rater_and_span_are_one_judgement(read, pseudonyms: Pseudonyms):
    delivery = read(
        eaf(
            tier("emotion@Anna", aligned("a1", "s1", "s3", "joy"), PARTICIPANT="Forrest"),
            tier("intensity@Anna", aligned("a2", "s1", "s3", "0.7")),
            tier("Valence@Anna", aligned("a3", "s1", "s3", "-.25"), PARTICIPANT="Forrest"),
            tier("note@Anna", aligned("a4", "s1", "s3", "smiles, then looks away")),
        ),
        perspective="felt",
        modality_seen="v",
        scales={"intensity": (0, 10), "arousal": (1, 9)},
    )
    assert delivery.judgements == (
        Judgement(
            film_id="the-film",
            annotator_id=pseudonyms.of("Anna"),
            source_ref="annotation a1, annotation a3, annotation a2, annotation a4",
            start_ms=1000,
            end_ms=3000,
            character_id="Forrest",
            perspective="felt",
            emotion="joy",
            values={"intensity": 0.7, "valence": -0.25},
            scales={"intensity": (0, 10)},
            modality_seen="v",
            note="smiles, then looks away",
        ),
    )
    assert (delivery.rows_read, delivery.refusals, delivery.repairs, delivery.unknown_columns) == (1, (), (), ())


def test_values_without_an_emotion_are_a_judgement_and_a_note_alone_is_none(read):
    delivery = read(
        eaf(
            tier("valence@Anna", aligned("a1", "s1", "s2", "0.5")),
            tier("arousal@Anna", aligned("a2", "s1", "s2", "1e-1")),
            tier("note@Anna", aligned("a3", "s1", "s2", "hm"), aligned("a4", "s2", "s3", "alone"), aligned("a5", "s3", "s4", "")),
        )
    )
    assert [(one.emotion, one.values, one.note) for one in delivery.judgements] == [(None, {"valence": 0.5, "arousal": 0.1}, "hm")]
    assert [(refusal.ref, "note without a judgement" in refusal.reason) for refusal in delivery.refusals] == [("annotation a4", True)]
    assert accounted(delivery)


def test_a_value_that_two_emotions_may_have_is_refused_unless_it_hangs_on_one(read):
    emotions = (
        tier("emotion@Anna", aligned("a1", "s1", "s2", "joy"), PARTICIPANT="Forrest"),
        tier("emotion@Anna", aligned("a2", "s1", "s2", "fear"), PARTICIPANT="Jenny"),
    )
    unclear = read(eaf(*emotions, tier("intensity@Anna", aligned("a3", "s1", "s2", "0.7"))))
    assert [refusal.ref for refusal in unclear.refusals] == ["annotation a3"]
    assert "participant" in unclear.refusals[0].reason
    assert [one.values for one in unclear.judgements] == [{}, {}]
    for clear in (
        tier("intensity@Anna", aligned("a3", "s1", "s2", "0.7"), PARTICIPANT="Jenny"),
        tier("intensity@Anna", part("a3", "a2", "0.7")),
    ):
        assert [(one.emotion, one.values) for one in read(eaf(*emotions, clear)).judgements] == [("joy", {}), ("fear", {"intensity": 0.7})]


def test_valence_of_mixed_emotions_is_of_the_span_and_their_intensity_of_each(read):
    mixed = tier("emotion@Anna", aligned("a1", "s1", "s2", "joy")) + tier(
        "emotion@Anna (2)", aligned("a2", "s1", "s2", "fear"), ANNOTATOR="Anna"
    )
    delivery = read(
        eaf(mixed, tier("valence@Anna", aligned("a3", "s1", "s2", "0.1")), tier("intensity@Anna", aligned("a4", "s1", "s2", "0.7")))
    )
    assert [(one.emotion, one.values) for one in delivery.judgements] == [("joy", {"valence": 0.1}), ("fear", {})]
    assert [refusal.ref for refusal in delivery.refusals] == ["annotation a4"]


def test_a_second_value_of_a_judgement_is_refused(read):
    delivery = read(eaf(JOY, tier("intensity@Anna", part("a2", "a1", "0.7")), tier("intensity@Anna ", part("a3", "a1", "0.8"))))
    assert [one.values for one in delivery.judgements] == [{"intensity": 0.7}]
    assert "judged twice" in delivery.refusals[0].reason and accounted(delivery)


def test_raters_do_not_mix(read, pseudonyms: Pseudonyms):
    delivery = read(eaf(JOY, tier("intensity@Bo", part("a2", "a1", "0.7"), ANNOTATOR="Anna")))
    assert [(one.annotator_id, one.emotion, one.values) for one in delivery.judgements] == [
        (pseudonyms.of("Anna"), "joy", {}),
        (pseudonyms.of("Bo"), None, {"intensity": 0.7}),
    ]


@pytest.mark.parametrize(
    ("name", "facts", "author", "told", "rater"),
    [
        ("emotion@Anna", {"ANNOTATOR": "Bo"}, "Cleo", "Dan", "Anna"),
        ("emotion@anna@uni.example", {}, "Cleo", "Dan", "anna@uni.example"),
        ("emotion@Anna (Forrest)", {"ANNOTATOR": "Anna"}, "Cleo", "Dan", "Anna"),
        ("emotion@Anna (Forrest)", {"ANNOTATOR": "Bo"}, "Cleo", "Dan", "Anna (Forrest)"),
        ("emotion@", {"ANNOTATOR": "Bo"}, "Cleo", "Dan", "Bo"),
        ("emotion", {"ANNOTATOR": "Bo"}, "Cleo", "Dan", "Bo"),
        ("emotion", {}, "Cleo", "Dan", "Cleo"),
        ("emotion", {}, "", "Dan", "Dan"),
        ("emotion", {}, "unspecified", "Dan", "Dan"),
        ("emotion", {}, "pympi", "Dan", "Dan"),
    ],
)
def test_the_rater_is_named_by_tier_annotator_author_or_told(read, pseudonyms: Pseudonyms, name, facts, author, told, rater):
    delivery = read(eaf(tier(name, aligned("a1", "s1", "s2", "joy"), **facts), author=author), annotator=told)
    assert [one.annotator_id for one in delivery.judgements] == [pseudonyms.of(rater)]


def test_rater_and_character_of_a_child_tier_are_those_of_its_parent(read, pseudonyms: Pseudonyms):
    parent = tier("talk@Anna", aligned("a1", "s1", "s2", "hello"), PARTICIPANT="Forrest")
    child = tier("emotion", part("a2", "a1", "joy"), PARENT_REF="talk@Anna")
    (judgement,) = read(eaf(parent, child, author="Cleo")).judgements
    assert (judgement.annotator_id, judgement.character_id) == (pseudonyms.of("Anna"), "Forrest")
    around = tier("emotion", aligned("a1", "s1", "s2", "joy"), PARENT_REF="emotion")
    assert "--annotator" in read(eaf(around)).refusals[0].reason


def test_without_a_rater_each_annotation_is_refused_with_the_option_that_mends_it(read):
    delivery = read(eaf(tier("emotion", aligned("a1", "s1", "s2", "joy"), aligned("a2", "s2", "s3", "fear"))))
    assert [(refusal.ref, "--annotator" in refusal.reason) for refusal in delivery.refusals] == [
        ("annotation a1", True),
        ("annotation a2", True),
    ]
    assert delivery.rows_read == 2


@pytest.mark.parametrize(
    ("header", "told", "film"),
    [
        (MEDIA, None, "the-film"),
        (MEDIA, "other", "other"),
        ('<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/x/A.wav" MIME_TYPE="audio/x-wav" RELATIVE_MEDIA_URL="../films/B.wav"/>', None, "b"),
        ('<MEDIA_DESCRIPTOR MEDIA_URL="mix.wav" MIME_TYPE="audio/x-wav"/>' + MEDIA, None, "the-film"),
        (MEDIA + MEDIA.replace("mp4", "mkv"), None, "the-film"),
        ('<PROPERTY NAME="feelm.film_id">made_1</PROPERTY>' + MEDIA, None, "made_1"),
    ],
)
def test_the_film_is_the_media_file_unless_told(read, header: str, told: str | None, film: str):
    assert [one.film_id for one in read(eaf(JOY, header=header), film_id=told).judgements] == [film]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "--film"),
        ('<MEDIA_DESCRIPTOR MEDIA_URL="" MIME_TYPE="video/mp4"/>', "--film"),
        (MEDIA + MEDIA.replace("Film", "Sequel"), "several films: say which with --film"),
        ('<PROPERTY NAME="feelm.film_id">../x</PROPERTY>', "'../x' is not allowed"),
        (MEDIA.replace("/>", ' TIME_ORIGIN="soon"/>'), "TIME_ORIGIN 'soon'"),
        (MEDIA.replace("/>", ' TIME_ORIGIN="-1001"/>'), "1 ms before the film begins"),
        (MEDIA + MEDIA.replace("/>", ' TIME_ORIGIN="40"/>'), "begin at different times"),
    ],
)
def test_a_film_that_is_not_clear_refuses_each_annotation(read, header: str, reason: str):
    delivery = read(eaf(JOY, header=header))
    assert [(refusal.ref, reason in refusal.reason) for refusal in delivery.refusals] == [("annotation a1", True)]
    assert delivery.fault is None


def test_times_are_of_the_film_where_its_beginning_was_cut_off_in_elan(read):
    (judgement,) = read(eaf(JOY, header=MEDIA.replace("/>", ' TIME_ORIGIN="250"/>'))).judgements
    assert (judgement.start_ms, judgement.end_ms) == (1250, 2250)


def test_open_slots_lie_evenly_between_their_aligned_neighbours_and_are_told(read):
    slots = {"s1": 1000, "o1": None, "o2": None, "s2": 2000, "o3": None, "s3": 2101}
    parts = [("a1", "s1", "o1"), ("a2", "o1", "o2"), ("a3", "o2", "s2"), ("a4", "s2", "o3"), ("a5", "o3", "s3")]
    delivery = read(eaf(tier("emotion@Anna", *(aligned(*names, "joy") for names in parts)), slots=slots))
    assert [(one.start_ms, one.end_ms) for one in delivery.judgements] == [
        (1000, 1333),
        (1333, 1666),
        (1666, 2000),
        (2000, 2050),
        (2050, 2101),
    ]
    assert [repair.ref for repair in delivery.repairs] == [f"annotation {name}" for name, _, _ in parts]
    assert "set evenly between 1000 and 2000 ms" in delivery.repairs[0].reason
    assert (delivery.rows_read, delivery.refusals) == (5, ())


def test_open_slots_of_a_parent_tier_that_is_not_ours_are_set_too(read):
    slots = {"s1": 0, "o1": None, "s2": 3000}
    talk = tier("talk", aligned("a1", "s1", "o1", "hello"), aligned("a2", "o1", "s2", "you"))
    delivery = read(eaf(talk, tier("emotion@Anna", part("a3", "a2", "joy")), slots=slots))
    assert [(one.start_ms, one.end_ms) for one in delivery.judgements] == [(1500, 3000)]
    assert [repair.ref for repair in delivery.repairs] == ["annotation a3"]


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        ("s1", "open", "'open' has no time"),
        ("s1", "missing", "'missing' is not in the file"),
        ("negative", "s1", "'-5' of its slot 'negative'"),
        ("s1", "long", "no whole number"),
    ],
)
def test_times_that_are_not_there_refuse_the_annotation_and_the_others_go_on(read, start: str, end: str, reason: str):
    slots = {"s1": 1000, "s2": 2000, "open": None, "negative": -5, "long": 10**30}
    delivery = read(eaf(tier("emotion@Anna", aligned("a1", start, end, "joy"), aligned("a2", "s1", "s2", "fear")), slots=slots))
    assert [(refusal.ref, reason in refusal.reason) for refusal in delivery.refusals] == [("annotation a1", True)]
    assert [one.emotion for one in delivery.judgements] == ["fear"]


def test_references_are_followed_to_any_depth(read):
    depth = 20_000
    chain = tier("talk", aligned("r0", "s2", "s4", "x")), *(tier(f"t{i}", part(f"r{i}", f"r{i - 1}", "x")) for i in range(1, 5))
    deep = tier("deep", *(part(f"r{i}", f"r{i - 1}", "x") for i in range(5, depth)))
    delivery = read(eaf(*chain, deep, tier("emotion@Anna", part("a1", f"r{depth - 1}", "joy"))))
    assert [(one.start_ms, one.end_ms) for one in delivery.judgements] == [(2000, 4000)]


def test_a_value_hangs_on_an_emotion_through_annotations_between(read):
    other = tier("emotion@Anna (2)", aligned("a2", "s1", "s2", "fear"), ANNOTATOR="Anna")
    delivery = read(eaf(JOY, other, tier("why", part("a3", "a2", "x")), tier("intensity@Anna", part("a4", "a3", "0.3"))))
    assert [(one.emotion, one.values) for one in delivery.judgements] == [("joy", {}), ("fear", {"intensity": 0.3})]


def test_circles_and_dangling_references_are_refused_by_id(read):
    delivery = read(
        eaf(
            tier("emotion@Anna", part("a1", "a2", "joy"), part("a2", "a3", "joy"), part("a3", "a1", "joy"), part("a4", "a4", "joy")),
            tier("Emotion@Anna", part("a5", "a1", "joy"), part("a6", "gone", "joy"), aligned("a7", "s1", "s2", "joy")),
        )
    )
    reasons = {refusal.ref.removeprefix("annotation "): refusal.reason for refusal in delivery.refusals}
    assert sorted(reasons) == ["a1", "a2", "a3", "a4", "a5", "a6"]
    assert [name for name, reason in reasons.items() if "in a circle at annotation" in reason] == ["a1", "a2", "a3", "a4", "a5"]
    assert "'gone'" in reasons["a6"]
    assert len(delivery.judgements) == 1


def test_a_symbolic_subdivision_shares_its_parents_time_in_its_order(read):
    talk = tier("talk", aligned("t1", "s0", "s1", "x"), aligned("t2", "s1", "s2", "x"))
    parts = (part("a2", "t1", "fear", "a1"), part("a1", "t1", "joy"), part("a3", "t1", "anger", "a2"), part("a4", "t2", "disgust"))
    delivery = read(eaf(talk, tier("emotion@Anna", *parts)))
    times = {one.emotion: (one.start_ms, one.end_ms) for one in delivery.judgements}
    assert times == {"joy": (0, 333), "fear": (333, 666), "anger": (666, 1000), "disgust": (1000, 2000)}
    assert sorted(repair.ref for repair in delivery.repairs) == ["annotation a1", "annotation a2", "annotation a3"]


def test_parts_whose_order_is_broken_are_refused_and_unordered_ones_are_of_the_whole(read):
    talk = tier("talk", aligned("t1", "s0", "s1", "x"))
    broken = read(eaf(talk, tier("emotion@Anna", part("a1", "t1", "joy"), part("a2", "t1", "fear", "gone"))))
    assert [refusal.reason for refusal in broken.refusals] == ["the order of the parts of annotation t1 is not told whole"] * 2
    mixed = read(eaf(talk, tier("emotion@Anna", part("a1", "t1", "joy"), part("a2", "t1", "fear"))))
    assert [(one.start_ms, one.end_ms, one.emotion) for one in mixed.judgements] == [(0, 1000, "joy"), (0, 1000, "fear")]


VOCABULARY = (
    '<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="chosen" CONTROLLED_VOCABULARY_REF="cv"/><CONTROLLED_VOCABULARY CV_ID="cv">'
    '<CV_ENTRY_ML CVE_ID="c1"><CVE_VALUE LANG_REF="deu">Freude</CVE_VALUE><CVE_VALUE LANG_REF="eng">joy</CVE_VALUE></CV_ENTRY_ML>'
    '</CONTROLLED_VOCABULARY><CONTROLLED_VOCABULARY CV_ID="other"><CV_ENTRY_ML CVE_ID="c2"><CVE_VALUE>fear</CVE_VALUE></CV_ENTRY_ML>'
    "</CONTROLLED_VOCABULARY>"
)


@pytest.mark.parametrize(
    ("text", "entry", "emotion"),
    [
        ("", "c1", "joy"),
        ("Freude", "c1", "joy"),
        ("joy", "c1", "joy"),
        ("Freude", "", "Freude"),
        ("Freude", "c2", "Freude"),
        ("happyish", "", "happyish"),
    ],
)
def test_an_entry_of_the_vocabulary_is_read_in_the_wording_that_the_scheme_knows(read, text: str, entry: str, emotion: str):
    delivery = read(eaf(tier("emotion@Anna", aligned("a1", "s1", "s2", text, entry), kind="chosen"), more=VOCABULARY))
    assert [one.emotion for one in delivery.judgements] == [emotion]


@pytest.mark.parametrize(
    ("text", "entry", "more", "reason"),
    [
        ("", "", "", "the annotation is empty"),
        ("", "c9", VOCABULARY, "the annotation is empty"),
        ("", "c9", VOCABULARY.replace('"cv">', '"cv" EXT_REF="er1">'), "external vocabulary"),
        ("fear", "c1", VOCABULARY, "says 'fear'"),
    ],
)
def test_an_emotion_that_is_not_in_the_file_is_refused(read, text: str, entry: str, more: str, reason: str):
    delivery = read(eaf(tier("emotion@Anna", aligned("a1", "s1", "s2", text, entry), kind="chosen"), more=more))
    assert [(refusal.ref, reason in refusal.reason) for refusal in delivery.refusals] == [("annotation a1", True)]
    assert accounted(delivery)


@pytest.mark.parametrize("text", ["", "NaN", "inf", "1e999", "0,7", "1_0", "٣", "high", "0.5.", "1" * 100, "0x1", "--1"])
def test_only_finite_decimal_numbers_are_values(read, text: str):
    delivery = read(eaf(JOY, tier("intensity@Anna", part("a2", "a1", text))))
    assert [refusal.ref for refusal in delivery.refusals] == ["annotation a2"]
    assert [(one.emotion, one.values) for one in delivery.judgements] == [("joy", {})]


def test_tiers_about_nothing_known_are_told_without_raters_names_and_not_counted(read):
    foreign = (
        tier("gesture@Zelda", aligned("a2", "s1", "s2", "nods")),
        tier("Yorick's gaze", aligned("a3", "s1", "s2", "up"), ANNOTATOR="Yorick"),
    )
    delivery = read(eaf(JOY, *foreign))
    assert delivery.unknown_columns == ("tier gesture", "tier …'s gaze")
    assert (delivery.rows_read, ids_told(delivery)) == (1, ["a1"])


def test_no_raters_name_is_in_what_is_kept(read):
    tiers = (
        tier("emotion@Zelda", aligned("a1", "s1", "s2", "joy"), aligned("a2", "s1", "none", "joy")),
        tier("note@Zelda", part("a3", "a2", "hm")),
    )
    delivery = read(eaf(*tiers, tier("emotion", aligned("a4", "s2", "s3", "fear"), ANNOTATOR="Yorick"), author="Xaver"))
    assert not re.findall("Zelda|Yorick|Xaver", repr(delivery))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "empty"),
        ("joy", "broken"),
        (eaf(JOY)[:-30], "cut short"),
        ("<svg/>", "not ELAN's ANNOTATION_DOCUMENT"),
        (eaf(JOY, JOY), "'a1' of an annotation of tier 2 stands twice"),
        (eaf(JOY.replace('"a1"', '""')), "has no id"),
        (eaf(JOY.replace('"a1"', f'"{"a" * 101}"')), "an id of 101 characters"),
        (eaf(header="").replace("milliseconds", "NTSC-frames"), "'NTSC-frames'"),
        (
            eaf(JOY, slots={"s1": 1}).replace("</TIME_ORDER>", '<TIME_SLOT TIME_SLOT_ID="s1"/></TIME_ORDER>'),
            "'s1' of an entry of the time order",
        ),
        (eaf(JOY).replace("milliseconds", "PAL-frames"), "'PAL-frames'"),
        (eaf(tier("emotion@Jörg")).encode("latin-1"), "save it as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(read, content: str | bytes, fault: str):
    delivery = read(content)
    assert fault in str(delivery.fault)
    assert (delivery.rows_read, delivery.judgements, delivery.refusals) == (0, (), ())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_with_a_mark_are_detected(read, encoding: str):
    assert [one.emotion for one in read(eaf(tier("emotion@Jörg", aligned("a1", "s1", "s2", "悲しみ"))).encode(encoding)).judgements] == [
        "悲しみ"
    ]


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 30))
DOCTYPES = {
    "an entity of a file": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "an entity of the network": '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/e">]>',
    "a billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}<!ENTITY e "&l29;">]>',
    "a large entity": f'<!DOCTYPE x [<!ENTITY e "{"ha" * 50_000}">]>',
    "an external document type": '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><!-- &e; -->',
    "a parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
}


@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES)
def test_hostile_xml_is_a_fault_within_a_second(read, doctype: str):
    content = eaf(tier("emotion@Anna", aligned("a1", "s1", "s2", "JOY"))).replace("JOY", "&e;" * 1000).replace("?>", f"?>{doctype}", 1)
    started = time.process_time()
    delivery = read(content)
    assert time.process_time() - started < 3
    assert "document type or entities" in str(delivery.fault)


@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES)
def test_hostile_xml_takes_less_than_200_mb(read, doctype: str):
    content = eaf(tier("emotion@Anna", aligned("a1", "s1", "s2", "JOY"))).replace("JOY", "&e;" * 1000).replace("?>", f"?>{doctype}", 1)
    tracemalloc.start()
    try:
        assert read(content).fault
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()


def converging(size: int) -> str:
    """Annotations that all lead into one long chain of open slots."""
    chain = [aligned(f"c{i}", f"o{i}", f"o{i + 1}", "joy") for i in range(size)]
    heads = [aligned(f"h{i}", f"x{i}", "o0", "joy") for i in range(size)]
    return eaf(tier("emotion@Anna", *chain, *heads), slots={f"o{i}": None for i in range(size + 1)} | {f"x{i}": None for i in range(size)})


@pytest.mark.parametrize(
    "content",
    [
        "<x>" * 200_000,
        eaf("<TIER>" * 100_000 + "</TIER>" * 100_000),
        eaf(tier("emotion@Anna", *(part(f"a{i}", f"a{(i + 1) % 10_000}", "joy") for i in range(10_000)))),
        eaf(JOY, tier("emotion@Anna", *(part(f"b{i}", "a1", "joy", f"b{i - 1}" if i else "") for i in range(10_000)))),
        eaf(*(f'<TIER TIER_ID="t{i}" PARENT_REF="t{i + 1}"/>' for i in range(10_000))),
        converging(5_000),
    ],
    ids=["unclosed", "nested", "one circle", "one subdivision", "tiers in tiers", "converging chains"],
)
def test_depth_and_numbers_cost_no_more_than_their_length(read, content: str):
    started = time.process_time()
    assert accounted(read(content))
    assert time.process_time() - started < 3


def test_a_file_of_too_many_tags_is_refused(read, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("corpus.annotations.importers.elan.MOST_TAGS", 20)
    assert "more than 20 tags" in str(read(eaf(JOY)).fault)


def test_a_folder_of_elan_is_read_without_its_preferences(pseudonyms: Pseudonyms):
    files = {"a.eaf": eaf(JOY).encode(), "a.pfsx": b"<preferences/>", "b.EAF": eaf(JOY.replace("Anna", "Bo")).encode()}
    assert IMPORTER.recognises(files)
    assert [one.source_ref for one in IMPORTER.read(files, pseudonyms, Told()).judgements] == [
        "file 1, annotation a1",
        "file 2, annotation a1",
    ]
    assert not IMPORTER.recognises({"a.pfsx": b""}) and not IMPORTER.recognises({"a.eaf": b"", "b.csv": b""})


def test_the_sample_with_emotions(shared_data: Path, read, pseudonyms: Pseudonyms):
    delivery = read((shared_data / "annotation_samples/elan/film1_r1.eaf").read_bytes())
    facts = [(one.film_id, one.start_ms, one.end_ms, one.character_id, one.emotion, one.values) for one in delivery.judgements]
    assert facts == [("film1", 1000, 4200, "FORREST", "joy", {"intensity": 0.7}), ("film1", 4200, 9000, "FORREST", "sadness", {})]
    assert {one.annotator_id for one in delivery.judgements} == {pseudonyms.of("r1")}
    assert (delivery.rows_read, delivery.refusals, delivery.unknown_columns) == (2, (), ())


def test_the_sample_without_emotions_says_so(shared_data: Path, read):
    delivery = read((shared_data / "annotation_samples/elan/test.eaf").read_bytes())
    assert (delivery.fault, delivery.rows_read) == (None, 0)
    assert delivery.unknown_columns[:2] == ("tier Person1 (Utterance)", "tier marker") and len(delivery.unknown_columns) == 5


def test_a_tier_of_references_in_the_real_sample_has_its_parents_times(shared_data: Path, read, pseudonyms: Pseudonyms):
    content = (shared_data / "annotation_samples/elan/test.eaf").read_text(encoding="utf-8").replace("Person1 (ChunkLanguage)", "emotion")
    delivery = read(content)
    assert (delivery.rows_read, len(delivery.unknown_columns)) == (12, 4)
    first = delivery.judgements[0]
    assert (first.film_id, first.annotator_id, first.character_id) == ("test", pseudonyms.of("tuananh"), "P001")
    assert (first.start_ms, first.end_ms, first.emotion) == (1040, 2330, "en")


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_content_whatever_raises(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    pseudonyms = Pseudonyms(tmp_path_factory.getbasetemp() / "any.json")
    inside = eaf(JOY).encode().replace(b"joy", content)
    for whole in (content, inside):
        delivery = IMPORTER.read({"x.eaf": whole}, pseudonyms, Told())
        assert delivery.fault is not None or accounted(delivery)


SLOTS = st.sampled_from(["s1", "s2", "s3", "o1", "o2", "none"])
NAMES = st.sampled_from(["a0", "a1", "a2", "a3", "a4", "a5", "none"])
TEXTS = st.sampled_from(["joy", "fear", "0.5", "-1", "nan", ""])
BODIES = st.one_of(st.tuples(st.just("aligned"), SLOTS, SLOTS, TEXTS), st.tuples(st.just("part"), NAMES, TEXTS, st.just("") | NAMES))
TIERS = st.tuples(
    st.sampled_from(["emotion@Anna", "intensity@Anna", "valence@Anna", "note@Anna", "emotion@Bo", "intensity", "talk"]),
    st.sampled_from([{}, {"PARTICIPANT": "Forrest"}, {"PARENT_REF": "emotion@Anna"}, {"ANNOTATOR": "Anna"}]),
    st.lists(BODIES, max_size=5),
)


def document(tiers: Iterable[tuple[str, dict[str, str], list[tuple[str, ...]]]]) -> tuple[str, list[str]]:
    """A document of any tiers, and the ids of annotations that should be told of."""
    written, expected, number = [], [], 0
    for name, facts, bodies in tiers:
        annotations = []
        for kind, *body in bodies:
            own = f"a{number}"
            number += 1
            annotations.append(aligned(own, *body) if kind == "aligned" else part(own, *body))
            text = body[2] if kind == "aligned" else body[1]
            if name != "talk" and (text or not name.startswith("note")):
                expected.append(own)
        written.append(tier(name, *annotations, **facts))
    return eaf(*written, slots={"s1": 1000, "o1": None, "s2": 2000, "o2": None, "s3": 3000}), sorted(expected)


@settings(max_examples=200, deadline=None)
@given(st.lists(TIERS, max_size=5))
def test_every_annotation_is_in_one_judgement_or_one_refusal(tmp_path_factory: pytest.TempPathFactory, tiers):
    content, expected = document(tiers)
    delivery = IMPORTER.read({"x.eaf": content.encode()}, Pseudonyms(tmp_path_factory.getbasetemp() / "any.json"), Told())
    assert delivery.fault is None and accounted(delivery)
    assert ids_told(delivery) == expected


# The writing.

FILMS = {name: FilmMedia(name, media, 25.0, 60_000) for name, media in (("made_1", "Made & 1.mp4"), ("made-2", "ä #2?.mkv"))}
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12).map(
    lambda text: unicodedata.normalize("NFC", text)
)
NUMBERS = st.integers(0, 1000).map(lambda number: number / 1000)
JUDGEMENTS = st.builds(
    Judgement,
    film_id=st.sampled_from(sorted(FILMS)),
    annotator_id=st.sampled_from(["r-00000001", "r-0000000a"]),
    source_ref=st.just(""),
    start_ms=st.integers(0, 6),
    end_ms=st.integers(7, 12),
    character_id=st.none() | st.sampled_from(["Forrest", "nobody", 'A "B" <C> & (D) 2', "Forrest 2"]),
    emotion=st.none() | st.sampled_from(EMOTIONS),
    values=st.dictionaries(st.sampled_from(["intensity", "valence", "arousal", "dominance"]), NUMBERS),
    note=st.none() | WORDS,
)


def annotations(judgements: Iterable[Judgement]) -> pd.DataFrame:
    """ANNOTATIONS of those judgements that hold something and contradict no earlier one."""
    rows: dict[object, dict[str, object]] = {}
    for number, judgement in enumerate(judgements):
        own = list(annotation_rows(replace(judgement, source_ref=f"line {number}"), "b", "t", "0"))
        if not any(row["annotation_id"] in rows for row in own):
            rows.update((row["annotation_id"], row) for row in own)
    return ANNOTATIONS.frame(rows.values())


def written(table: pd.DataFrame) -> dict[str, bytes]:
    return dict(EXPORTER.write(Judged(table, TRACES.empty(), FILMS)))


KEPT = ["annotation_id", "film_id", "start_ms", "end_ms", "annotator_id", "character_id", "dimension", "label", "value", "note"]


def facts(table: pd.DataFrame) -> list[tuple[object, ...]]:
    """What the format holds, in order of the ids."""
    return sorted(map(tuple, table[KEPT].astype(object).where(table[KEPT].notna(), None).to_numpy()), key=str)


@settings(max_examples=60, deadline=None)
@given(st.lists(JUDGEMENTS, max_size=12))
def test_export_and_import_give_the_same_rows(tmp_path_factory: pytest.TempPathFactory, judgements: list[Judgement]):
    table = annotations(judgements)
    files = written(table)
    assert set(files) == {f"{film_id}.eaf" for film_id in table["film_id"]}
    pseudonyms = Pseudonyms(tmp_path_factory.getbasetemp() / "any.json")
    deliveries = [IMPORTER.read({name: content}, pseudonyms, Told()) for name, content in files.items()]
    assert [(one.fault, one.refusals, one.repairs, one.unknown_columns) for one in deliveries] == [(None, (), (), ())] * len(files)
    assert facts(annotations(one for delivery in deliveries for one in delivery.judgements)) == facts(table)
    assert written(table) == files


ORDER = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LANGUAGE", "CONSTRAINT", "CONTROLLED_VOCABULARY"]
REQUIRED = {
    "ANNOTATION_DOCUMENT": {"DATE", "AUTHOR", "VERSION"},
    "MEDIA_DESCRIPTOR": {"MEDIA_URL", "MIME_TYPE"},
    "TIME_SLOT": {"TIME_SLOT_ID"},
    "TIER": {"TIER_ID", "LINGUISTIC_TYPE_REF"},
    "ALIGNABLE_ANNOTATION": {"ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2"},
    "REF_ANNOTATION": {"ANNOTATION_ID", "ANNOTATION_REF"},
    "LINGUISTIC_TYPE": {"LINGUISTIC_TYPE_ID"},
    "CONSTRAINT": {"STEREOTYPE"},
    "LANGUAGE": {"LANG_ID"},
    "CONTROLLED_VOCABULARY": {"CV_ID"},
    "DESCRIPTION": {"LANG_REF"},
    "CV_ENTRY_ML": {"CVE_ID"},
    "CVE_VALUE": {"LANG_REF"},
}
KEYS = [("TIME_SLOT", "TIME_SLOT_ID"), ("TIER", "TIER_ID"), ("LINGUISTIC_TYPE", "LINGUISTIC_TYPE_ID"), ("CONTROLLED_VOCABULARY", "CV_ID")]
REFERENCES = [
    ("TIER", "LINGUISTIC_TYPE_REF", "LINGUISTIC_TYPE", "LINGUISTIC_TYPE_ID"),
    ("TIER", "PARENT_REF", "TIER", "TIER_ID"),
    ("LINGUISTIC_TYPE", "CONTROLLED_VOCABULARY_REF", "CONTROLLED_VOCABULARY", "CV_ID"),
    ("LINGUISTIC_TYPE", "CONSTRAINTS", "CONSTRAINT", "STEREOTYPE"),
    ("ALIGNABLE_ANNOTATION", "TIME_SLOT_REF1", "TIME_SLOT", "TIME_SLOT_ID"),
    ("ALIGNABLE_ANNOTATION", "TIME_SLOT_REF2", "TIME_SLOT", "TIME_SLOT_ID"),
    ("ALIGNABLE_ANNOTATION", "CVE_REF", "CV_ENTRY_ML", "CVE_ID"),
]


def attributes(root: ElementTree.Element, tag: str, name: str) -> list[str]:
    return [element.attrib[name] for element in root.iter(tag) if name in element.attrib]


@settings(max_examples=40, deadline=None)
@given(st.lists(JUDGEMENTS, min_size=1, max_size=12))
def test_what_is_written_has_the_structure_of_eaf_3_0(judgements: list[Judgement]):
    """Order, required attributes, keys and references of the schema EAFv3.0.xsd, and ELAN's own rules for tiers."""
    for content in written(annotations(judgements)).values():
        root = ElementTree.fromstring(content)
        tags = [child.tag for child in root]
        assert tags == sorted(tags, key=ORDER.index)
        assert not [element for element in root.iter() if REQUIRED.get(element.tag, set()) - element.attrib.keys()]
        for tag, name in KEYS:
            assert len(set(attributes(root, tag, name))) == len(list(root.iter(tag)))
        for tag, name, other, key in REFERENCES:
            assert set(attributes(root, tag, name)) <= set(attributes(root, other, key))
        check_times(root)
        check_parts(root)


def check_times(root: ElementTree.Element) -> None:
    """Slots rise and are of one annotation each; the annotations of a tier follow one another."""
    slots = {slot.attrib["TIME_SLOT_ID"]: int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    used = attributes(root, "ALIGNABLE_ANNOTATION", "TIME_SLOT_REF1") + attributes(root, "ALIGNABLE_ANNOTATION", "TIME_SLOT_REF2")
    assert sorted(used) == sorted(slots)
    for element in root.iter("TIER"):
        pairs = [(slots[one.attrib["TIME_SLOT_REF1"]], slots[one.attrib["TIME_SLOT_REF2"]]) for one in element.iter("ALIGNABLE_ANNOTATION")]
        times = [time_ms for pair in pairs for time_ms in pair]
        assert times == sorted(times) and all(start < end for start, end in pairs)


def check_parts(root: ElementTree.Element) -> None:
    """Annotations' ids are unique; each part refers to an annotation of its tier's parent, and to one only once."""
    ids = attributes(root, "ALIGNABLE_ANNOTATION", "ANNOTATION_ID") + attributes(root, "REF_ANNOTATION", "ANNOTATION_ID")
    assert len(set(ids)) == len(ids)
    by_name = {element.attrib["TIER_ID"]: element for element in root.iter("TIER")}
    for element in by_name.values():
        parents = attributes(element, "REF_ANNOTATION", "ANNOTATION_REF")
        assert len(set(parents)) == len(parents)
        assert bool(parents) == ("PARENT_REF" in element.attrib)
        if parents:
            assert set(parents) <= set(attributes(by_name[element.attrib["PARENT_REF"]], "ALIGNABLE_ANNOTATION", "ANNOTATION_ID"))


def test_what_elan_has_no_place_for_is_left_out(tmp_path: Path):
    whole = Judgement("made_1", "r-00000001", "", start_ms=0, end_ms=9, emotion="joy", note="bell \x07 and \x00 zero")
    others = [
        replace(whole, emotion="fear", start_ms=20, end_ms=None),
        replace(whole, emotion="fear", start_ms=None, end_ms=None, unit_id="u1"),
        replace(whole, emotion="fear", start_ms=30, end_ms=40, status="skipped"),
    ]
    (content,) = written(annotations([whole, *others])).values()
    delivery = IMPORTER.read({"x.eaf": content}, Pseudonyms(tmp_path / "a.json"), Told())
    assert [(one.emotion, one.note) for one in delivery.judgements] == [("joy", "bell  and  zero")]
    assert not [word for word in ("traces", "units", "points", "skipped") if word not in EXPORTER.leaves_out]


def test_ratings_of_other_scales_are_written_on_ours():
    judgement = Judgement(
        "made_1", "r-00000001", "", start_ms=0, end_ms=9, emotion="happy", values={"intensity": 4}, scales={"intensity": (1, 5)}
    )
    (content,) = written(annotations([judgement])).values()
    texts = [element.text for element in ElementTree.fromstring(content).iter("ANNOTATION_VALUE")]
    assert texts == ["joy", str(np.float32(0.75))]
