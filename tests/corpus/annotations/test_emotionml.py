"""EmotionML as the W3C's recommendation has it, and as hostile or careless hands write it."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.annotations.importers.emotionml import IMPORTER, NAMESPACE
from corpus.annotations.importers.reading import Told
from corpus.annotations.judgements import Delivery, Trace, annotation_rows, trace_table
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.contracts import ANNOTATIONS

W3C = "http://www.w3.org/TR/emotion-voc/xml"
SETS = f'category-set="{W3C}#big6" dimension-set="{W3C}#pad-dimensions"'
PLACE = '<reference uri="file:///films/Film%20One.mp4#t=1,4.2"/>'
JOY = '<category name="happiness"/>'
ANNA = Told(annotator="Anna")

Read = Callable[..., Delivery]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_text(content: str | bytes, told: Told = ANNA) -> Delivery:
        content = content.encode() if isinstance(content, str) else content
        delivery = IMPORTER.read({"a.emotionml": content}, Pseudonyms(tmp_path / "a.json"), told)
        assert delivery.rows_read == len(delivery.judgements) + len(delivery.traces) + len(delivery.refusals)
        return delivery

    return read_text


def document(*emotions: str, sets: str = SETS) -> str:
    return f'<emotionml version="1.0" xmlns="{NAMESPACE}" {sets}>{"".join(emotions)}</emotionml>'


def emotion(inside: str, place: str = PLACE, attributes: str = "") -> str:
    return f"<emotion {attributes}>{inside}{place}</emotion>"


def test_a_category_stands_with_its_intensity_confidence_cues_film_and_time(read: Read):
    inside = '<category name="happiness" value="0.7" confidence="0.8"/>'
    (judgement,) = read(document(emotion(inside, attributes='expressed-through="voice face"'))).judgements
    assert (judgement.film_id, judgement.start_ms, judgement.end_ms, judgement.perspective) == ("film-one", 1000, 4200, "portrayed")
    assert (judgement.emotion, judgement.scheme, judgement.values, judgement.confidence) == ("happiness", "ekman", {"intensity": 0.7}, 0.8)
    assert judgement.cues == ("face", "voice")
    assert [row["label"] for row in annotation_rows(judgement, "b", "t", "0")] == ["joy", "joy"]


def test_dimensions_go_from_0_1_to_our_scales(read: Read):
    inside = '<dimension name="pleasure" value="0.75"/><dimension name="arousal" value="0"/><dimension name="dominance" value="1"/>'
    (judgement,) = read(document(emotion(inside))).judgements
    rows = {row["dimension"]: row["value"] for row in annotation_rows(judgement, "b", "t", "0")}
    assert rows == {"valence": 0.5, "arousal": -1.0, "dominance": 1.0}


def test_several_categories_are_one_group_in_order(read: Read):
    delivery = read(document(emotion('<category name="fear" value="0.2"/><category name="anger"/><dimension name="arousal" value="1"/>')))
    assert [(j.emotion, j.rank) for j in delivery.judgements] == [("fear", 1), ("anger", 2)]
    assert delivery.judgements[0].values == {"intensity": 0.2, "arousal": 1.0}
    assert len({judgement.key for judgement in delivery.judgements}) == 1


def test_values_of_another_confidence_are_another_judgement_of_the_group(read: Read):
    dimensions = '<dimension name="arousal" value="1"/><dimension name="dominance" value="0" confidence="0.9"/>'
    inside = '<category name="fear" confidence="0.9"/>' + dimensions
    first, second = read(document(emotion(inside))).judgements
    assert (first.values, first.confidence) == ({"dominance": 0.0}, 0.9)
    assert (second.emotion, second.values, second.confidence) == (None, {"arousal": 1.0}, None)
    assert first.key == second.key


@pytest.mark.parametrize("element", ["<intensity value='0.4'/>", "<dimension name='intensity' value='0.4'/>"])
def test_an_intensity_is_of_the_one_category_beside_it(read: Read, element: str):
    assert read(document(emotion(JOY + element))).judgements[0].values == {"intensity": 0.4}
    two = read(document(emotion(JOY + '<category name="fear"/>' + element)))
    assert [judgement.values for judgement in two.judgements] == [{}, {}]
    assert "which category" in two.refusals[0].reason
    assert read(document(emotion(element))).judgements[0].values == {"intensity": 0.4}


def test_a_trace_counts_from_its_reference_on(read: Read):
    inside = '<dimension name="arousal" confidence="0.5"><trace freq="2.5Hz" samples=" 0.1 0.2\n1 "/></dimension>'
    (trace,) = read(document(emotion(inside))).traces
    assert (trace.dimension, trace.times_ms, trace.values) == ("arousal", (1000, 1400, 1800), (0.1, 0.2, 1.0))
    assert (trace.scale, trace.rate_hz, trace.confidences) == ((0.0, 1.0), 2.5, (0.5, 0.5, 0.5))
    assert trace_table([trace], "b", "t", "0")["value"].tolist() == pytest.approx([-0.8, -0.6, 1.0])


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        ('freq="1Hz" samples=""', "no samples"),
        ('freq="1Hz" samples="0.1 1.2"', "not from 0 to 1"),
        ('freq="1Hz" samples="0.1 nan"', "'nan' is not a number"),
        ('freq="0Hz" samples="0.1"', "no rate"),
        ('freq="1001Hz" samples="0.1"', "no rate"),
        ('freq="10" samples="0.1"', "no rate"),
        ('samples="0.1"', "no rate"),
        ('freq="1Hz" samples="0 0 0 0 0"', "ends at 5000 ms, after what it refers to"),
    ],
)
def test_a_trace_that_cannot_be_is_refused(read: Read, trace: str, reason: str):
    delivery = read(document(emotion(f'{JOY}<dimension name="arousal"><trace {trace}/></dimension>')))
    assert (delivery.refusals[0].ref, reason in delivery.refusals[0].reason) == ("emotion 1, dimension", True)
    assert len(delivery.judgements) == 1


@pytest.mark.parametrize(
    ("fragment", "span"),
    [
        ("t=1,4.2", (1000, 4200)),
        ("t=npt:0.0005,2", (0, 2000)),
        ("t=,5", (0, 5000)),
        ("xywh=0,0,5,5&amp;t=1,2", (1000, 2000)),
        ("t=1%2C2", (1000, 2000)),
        ("t=8,9&amp;t=1,2", (1000, 2000)),
        ("t=01:02:03.5,01:02:04", (3_723_500, 3_724_000)),
        ("t=59:59,60:00", None),
        ("t=0:59,1:00", None),
        ("t=00:59,01:00", (59_000, 60_000)),
        ("t=00:59,00:60", None),
        ("t=5:00,75", None),
    ],
)
def test_media_fragments_are_normal_play_time(read: Read, fragment: str, span: tuple[int, int] | None):
    delivery = read(document(emotion(JOY, f'<reference uri="film.mp4#{fragment}"/>')))
    assert [(judgement.start_ms, judgement.end_ms) for judgement in delivery.judgements] == ([span] if span else [])


@pytest.mark.parametrize(
    ("place", "attributes", "reason"),
    [
        ("", "", "no time of a film is given"),
        ('<reference uri="film.mp4"/>', "", "no time of a film is given"),
        ("", 'start="1268647200000" end="1268647330000"', "of the clock"),
        ('<reference uri="film.mp4#t=10"/>', "", "has no end"),
        ('<reference uri="film.mp4#t=4,4"/>', "", "ends before or where it begins"),
        ('<reference uri="film.mp4#t=5,4"/>', "", "ends before or where it begins"),
        ('<reference uri="film.mp4#t=smpte:00:00:01:00,00:00:02:00"/>', "", "no time in seconds"),
        ('<reference uri="film.mp4#t=clock:2009-07-26T11:19:01Z,2009-07-26T11:20:01Z"/>', "", "no time in seconds"),
        ('<reference uri="film.mp4#t=-1,4"/>', "", "no time in seconds"),
        ('<reference uri="#t=1,4"/>', "", "no film is named: say which with --film"),
        ('<reference uri="http://films.example#t=1,4"/>', "", "no film is named"),
        ('<reference role="triggeredBy" uri="film.mp4#t=1,4"/>', "", "only as 'triggeredBy'"),
        ('<reference role="targetedAt" uri="film.mp4#t=1,4"/>', "", "use expressedBy or experiencedBy"),
        ("", 'time-ref-uri="#session" offset-to-start="5" duration="9"', "counted from a part"),
        ("", 'time-ref-uri="film.mp4" time-ref-anchor-point="end" offset-to-start="5" duration="9"', "counted from a part"),
        ("", 'time-ref-uri="film.mp4" offset-to-start="5"', "not both whole milliseconds"),
        ("", 'time-ref-uri="film.mp4" offset-to-start="-5" duration="9"', "not both whole milliseconds"),
    ],
)
def test_an_emotion_without_a_place_in_a_film_is_refused(read: Read, place: str, attributes: str, reason: str):
    delivery = read(document(emotion(JOY, place, attributes), emotion(JOY)))
    assert [(refusal.ref, reason in refusal.reason) for refusal in delivery.refusals] == [("emotion 1", True)]
    assert len(delivery.judgements) == 1


def test_times_relative_to_the_film_are_spans_and_points(read: Read):
    times = 'time-ref-uri="film.mp4" offset-to-start="1500" duration='
    delivery = read(document(emotion(JOY, "", times + '"500"'), emotion(JOY, "", times + '"0"')))
    assert [(judgement.start_ms, judgement.end_ms) for judgement in delivery.judgements] == [(1500, 2000), (1500, None)]


def test_roles_are_perspectives_and_what_they_leave_out_is_told(read: Read):
    felt = '<reference role="experiencedBy" uri="film.mp4#t=1,2"/><reference role="triggeredBy" uri="other.mp4#t=3,4"/>'
    delivery = read(document(emotion(JOY, felt, 'expressed-through="gaze face"')))
    assert [(judgement.perspective, judgement.film_id) for judgement in delivery.judgements] == [("felt", "film")]
    assert delivery.unknown_columns == ("expressed-through gaze", "reference triggeredBy")


def test_each_place_is_judged_once(read: Read):
    places = "".join(f'<reference uri="{uri}#t=1,2"/>' for uri in ("film.mp4", "sound/film.wav", "second.mp4"))
    assert [judgement.film_id for judgement in read(document(emotion(JOY, places))).judgements] == ["film", "second"]


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [(f"{W3C}#big6", "ekman"), (f"{W3C.replace('http', 'https')}#big6", "ekman"), (f"{W3C}#occ-categories", "xed"), ("#big6", "xed")],
)
def test_only_the_big_six_name_our_emotions(read: Read, uri: str, scheme: str):
    told = Told(annotator="Anna", scheme="xed")
    for sets, attributes in ((f'category-set="{uri}"', ""), ("", f'category-set="{uri}"')):
        (judgement,) = read(document(emotion('<category name="disappointment"/>', attributes=attributes), sets=sets), told).judgements
        assert (judgement.emotion, judgement.scheme) == ("disappointment", scheme)


def test_pleasure_is_valence_only_in_the_pad_vocabulary(read: Read):
    inside = '<dimension name="pleasure" value="1"/><dimension name="valence" value="1"/>'
    delivery = read(document(emotion(inside), sets=f'dimension-set="{W3C}#fsre-dimensions"'))
    assert [judgement.values for judgement in delivery.judgements] == [{"valence": 1.0}]
    assert "'pleasure' has no place" in delivery.refusals[0].reason
    twice = read(document(emotion(inside)))
    assert "'valence' stands twice" in twice.refusals[0].reason


@pytest.mark.parametrize(
    ("inside", "ref", "reason"),
    [
        ("", "emotion 1", "nothing is judged"),
        ("<category/>", "emotion 1, category", "no name"),
        (JOY + JOY, "emotion 1, category", "stands twice"),
        ('<category name="fear" value="high"/>', "emotion 1, category", "'high' is not a number"),
        ('<category name="fear" value="1e400"/>', "emotion 1, category", "not a number"),
        ('<category name="fear" confidence="1.5"/>', "emotion 1, category", "not between 0 and 1"),
        ('<dimension name="arousal"/>', "emotion 1, dimension", "is not a number"),
        ('<dimension name="potency" value="0.1"/>', "emotion 1, dimension", "has no place"),
        ('<appraisal name="suddenness" value="0.1"/>', "emotion 1, appraisal", "has no place"),
        ('<action-tendency name="approach" value="0.1"/>', "emotion 1, action-tendency", "has no place"),
        ('<category name="fear"><trace freq="1Hz" samples="0 1"/></category>', "emotion 1, category", "trace of a category"),
    ],
)
def test_what_cannot_be_read_is_refused_by_emotion_and_element(read: Read, inside: str, ref: str, reason: str):
    delivery = read(document(emotion(inside), emotion('<category name="disgust"/>')))
    assert [(refusal.ref, reason in refusal.reason) for refusal in delivery.refusals] == [(ref, True)]
    assert "disgust" in [judgement.emotion for judgement in delivery.judgements]


def test_a_value_outside_its_scale_is_kept_for_the_gate(read: Read):
    (judgement,) = read(document(emotion('<dimension name="arousal" value="1.5"/>'))).judgements
    (row,) = annotation_rows(judgement, "b", "t", "0")
    assert (row["value"], row["value_raw"]) == (None, 1.5)


def test_who_judged_must_be_said(read: Read):
    delivery = read(document(emotion(JOY)), Told())
    assert "--annotator" in delivery.refusals[0].reason


def test_our_own_info_names_rater_and_character_and_no_name_remains(read: Read):
    said = 'annotator="Zelda" character="Ö" perspective="intended" rank="2"'
    own = f'<info><f:judgement xmlns:f="https://feelm.invalid/emotionml" {said}/></info>'
    delivery = read(document(emotion(JOY + own), emotion(JOY + own.replace('rank="2"', 'rank="two"'))), Told())
    (judgement,) = delivery.judgements
    assert (judgement.character_id, judgement.perspective, judgement.rank) == ("Ö", "intended", 2)
    assert judgement.annotator_id.startswith("r-")
    assert "rank 'two'" in delivery.refusals[0].reason
    assert "Zelda" not in repr(delivery)


def test_another_encoding_and_a_bare_emotion_are_read(read: Read):
    bare = f'<?xml version="1.0" encoding="iso-8859-1"?><emotion xmlns="{NAMESPACE}"><category name="ärger"/>{PLACE}</emotion>'
    assert read(bare.encode("latin-1")).judgements[0].emotion == "ärger"
    assert read(bare.replace("iso-8859-1", "utf-16").encode("utf-16")).judgements[0].emotion == "ärger"


BOMB = "<!DOCTYPE e [<!ENTITY a 'aaaaaaaaaa'>" + "".join(f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9)) + "]>"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "broken"),
        (b"<emotionml", "cut short"),
        (document(emotion(JOY))[:-9].encode(), "cut short"),
        (b"<html/>", "no EmotionML"),
        (b"<emotionml/>", "no EmotionML"),
        ((BOMB + document(emotion("&j;"))).encode(), "document type or entities"),
        (b'<!DOCTYPE e SYSTEM "file:///etc/passwd"><e/>', "document type or entities"),
        (b'<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/passwd">]><e>&x;</e>', "document type or entities"),
        (b"<a>" * 1_000_000, "50 levels"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "save it as UTF-8"),
        (b'<?xml version="1.0" encoding="rot13"?><a/>', "save it as UTF-8"),
    ],
)
def test_a_file_that_is_broken_or_hostile_is_a_fault_at_once(read: Read, content: bytes, fault: str):
    start = time.process_time()
    assert fault in str(read(content).fault)
    assert time.process_time() - start < 3


def test_emotionml_is_known_by_name_or_namespace():
    assert IMPORTER.recognises({"a.EmotionML": b""}) and IMPORTER.recognises({"a.xml": document().encode()})
    assert not IMPORTER.recognises({"a.xml": document().encode(), "b.xml": b"<ANNOTATION_DOCUMENT/>"})


def test_the_sample_is_read_whole(read: Read, shared_data: Path):
    delivery = read((shared_data / "annotation_samples" / "emotionml" / "film1.emotionml").read_bytes())
    assert (delivery.rows_read, len(delivery.judgements), len(delivery.refusals)) == (4, 3, 0)
    assert delivery.traces == (
        Trace(
            "film1",
            delivery.judgements[0].annotator_id,
            "emotion 2",
            "arousal",
            (4200, 5200, 6200, 7200),
            (0.1, 0.2, 0.4, 0.4),
            (0.0, 1.0),
            1.0,
            perspective="felt",
        ),
    )


PIECES = (
    "<emotion>",
    "</emotion>",
    '<category name="fear"/>',
    '<category value="x">',
    "</category>",
    '<dimension name="arousal" value="',
    '0.5"/>',
    '<trace freq="1Hz" samples="0 1"/>',
    PLACE,
    '<reference uri="%#t=,&amp;t=',
    '"/>',
    "<info/>",
    "&#0;",
)


@settings(deadline=None)
@given(st.binary(max_size=300) | st.lists(st.sampled_from(PIECES) | st.text(max_size=5)).map(lambda parts: document(*parts).encode()))
def test_no_content_whatever_raises(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    delivery = IMPORTER.read({"a.emotionml": content}, Pseudonyms(tmp_path_factory.getbasetemp() / "any.json"), ANNA)
    counted = len(delivery.judgements) + len(delivery.traces) + len(delivery.refusals)
    assert delivery.fault is not None or counted == delivery.rows_read
    ANNOTATIONS.frame(
        row for judgement in delivery.judgements for row in annotation_rows(judgement, "b", "t", "0") if row["dimension"] != "category"
    )
