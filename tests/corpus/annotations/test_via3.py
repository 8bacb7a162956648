"""Projects of VIA 3: what in them is a judgement and what is not."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.annotations.importers.copies import copy_of
from corpus.annotations.importers.reading import Told
from corpus.annotations.importers.via3 import IMPORTER
from corpus.annotations.judgements import Delivery, annotation_rows
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.contracts import ANNOTATIONS

TOLD = Told(annotator="Anna Alm")
OPTIONS = {"1": "joy", "2": "sadness", "3": " anger ", "4": ""}
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "1": {"aname": "Emotion", "anchor_id": "FILE1_Z2_XY0", "type": 4, "options": OPTIONS},
    "2": {"aname": "emotions", "type": 2, "options": OPTIONS},
    "3": {"aname": "valence", "type": 1, "options": {}},
    "4": {"aname": "Intensity", "type": 3, "options": {"a": "0.25", "b": "strong"}},
    "5": {"aname": "Activity", "type": 1, "options": {}},
    "6": {"aname": "arousal", "type": 5, "options": {"1": "1.png"}},
    "7": {"aname": "label", "type": 1, "options": {}},
}


def project(regions: dict[str, Any], attributes: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "project": {"pname": "made", "vid_list": ["1", "2"]},
        "attribute": ATTRIBUTES if attributes is None else attributes,
        "file": {"1": {"fid": 1, "fname": "Made One.mp4"}, "2": {"fid": 2, "fname": "C:\\films\\two.mkv"}, "3": {"fid": 3}},
        "view": {"1": {"fid_list": [1]}, "2": {"fid_list": ["2"]}, "3": {"fid_list": [1, 2]}, "4": {"fid_list": [3]}},
        "metadata": regions,
    }


def region(av: dict[str, Any], z: Any = (2, 6.5), vid: Any = "1", xy: Any = ()) -> dict[str, Any]:
    return {"vid": vid, "flg": 0, "z": z, "xy": xy, "av": av}


@pytest.fixture
def read(tmp_path: Path):
    def read_regions(regions: dict[str, Any], told: Told = TOLD, attributes: dict[str, Any] | None = None) -> Delivery:
        content = json.dumps(project(regions, attributes)).encode()
        return IMPORTER.read({"via.json": content}, Pseudonyms(tmp_path / "a.json"), told)

    return read_regions


def accounted(delivery: Delivery) -> bool:
    return delivery.rows_read == len(delivery.judgements) + len(delivery.refusals)


def test_the_sample_holds_no_judgement_and_says_what_it_holds(shared_data: Path, tmp_path: Path):
    files = {"via3_project.json": (shared_data / "annotation_samples/via3/via3_project.json").read_bytes()}
    assert IMPORTER.recognises(files)
    delivery = IMPORTER.read(files, Pseudonyms(tmp_path / "a.json"), TOLD)
    assert (delivery.fault, delivery.rows_read) == (None, 0)
    assert delivery.unknown_columns == ("attribute Activity", "attribute Object")


def test_the_sample_with_its_activity_named_emotion_is_read_whole(shared_data: Path, tmp_path: Path):
    content = (shared_data / "annotation_samples/via3/via3_project.json").read_bytes().replace(b'"aname":"Activity"', b'"aname":"Emotion"')
    delivery = IMPORTER.read({"v.json": content}, Pseudonyms(tmp_path / "a.json"), TOLD)
    assert [(j.film_id, j.start_ms, j.end_ms, j.emotion, j.tool_id) for j in delivery.judgements] == [
        ("alioli", 2000, 6500, "Break Egg", "-glfwaaX"),
        ("alioli", 9000, 20_000, "Pour Liquid", "+mHHT-tg"),
        ("alioli", 24_000, 26_000, "Pour Liquid", "ed+wsOZZ"),
    ]
    assert (delivery.rows_read, delivery.unknown_columns) == (3, ("attribute Object",))


def test_a_segment_is_a_judgement_by_the_told_rater_of_the_views_file(read, tmp_path: Path):
    told = Told(annotator="Anna Alm", character="mara", scheme="ekman", modality_seen="v", perspective="felt")
    (judgement,) = read({"m1": region({"1": "2", "3": "-0.5", "5": "walks"}, vid="2")}, told).judgements
    assert (judgement.film_id, judgement.start_ms, judgement.end_ms) == ("two", 2000, 6500)
    assert (judgement.emotion, judgement.values, judgement.rank, judgement.tool_id) == ("sadness", {"valence": -0.5}, 1, "m1")
    assert (judgement.scheme, judgement.character_id, judgement.modality_seen, judgement.perspective) == ("ekman", "mara", "v", "felt")
    assert judgement.annotator_id == Pseudonyms(tmp_path / "b.json").of("Anna Alm")


def test_a_time_without_end_is_a_point(read):
    assert [(j.start_ms, j.end_ms) for j in read({"m": region({"1": "1"}, z=[0.917])}).judgements] == [(917, None)]


def test_a_box_is_a_judgement_only_where_a_judging_attribute_has_a_value(read):
    delivery = read({"m": region({"1": "1"}, z=[1], xy=[2, 1, 1, 5, 5]), "n": region({"5": "egg"}, z=[1], xy=[2, 1, 1, 5, 5])})
    assert (delivery.rows_read, [j.tool_id for j in delivery.judgements]) == (1, ["m"])
    assert delivery.unknown_columns == ("attribute Activity",)


@pytest.mark.parametrize("values", [{}, {"1": ""}, {"2": "", "5": ""}, {"7": "  "}])
def test_a_segment_left_empty_is_refused(read, values: dict[str, str]):
    refusals = read({"m": region(values)}).refusals
    assert [(r.ref, "nothing is judged" in r.reason) for r in refusals] == [("region m", True)]


def test_empty_boxes_and_segments_of_projects_that_judge_nothing_are_not_counted(read):
    assert read({"m": region({}, z=[], xy=[2, 1, 1, 5, 5])}).rows_read == 0
    assert read({"m": region({})}, attributes={"5": ATTRIBUTES["5"]}).rows_read == 0


def test_several_checked_emotions_are_one_group_in_the_order_of_checking(read):
    delivery = read({"m": region({"2": "3,1", "3": "0,5"})})
    assert [(j.emotion, j.rank, j.values) for j in delivery.judgements] == [("anger", 1, {"valence": 0.5}), ("joy", 2, {})]
    assert delivery.rows_read == 2
    rows = [row for judgement in delivery.judgements for row in annotation_rows(judgement, "batch", "via3/1", "0" * 64)]
    table = ANNOTATIONS.frame(rows)
    assert table["group_id"].nunique() == 1
    assert sorted(zip(table["dimension"], table["label"].fillna("-"), strict=True)) == [
        ("category", "anger"),
        ("category", "joy"),
        ("valence", "-"),
    ]


def test_words_stay_as_the_rater_wrote_them(read):
    assert [j.emotion for j in read({"m": region({"7": " Freude "})}).judgements] == ["Freude"]


def test_values_are_on_the_told_scale(read):
    told = Told(annotator="A", scales={"valence": (1, 9), "arousal": (1, 9)})
    (judgement,) = read({"m": region({"3": "7"})}, told).judgements
    assert (judgement.values, judgement.scales) == ({"valence": 7}, {"valence": (1, 9)})


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (region({"1": "9"}), "'9' is no option of its category"),
        (region({"1": "4"}), "'4' is no option"),
        (region({"1": 1}), "no text"),
        (region({"1": "1", "7": "joy"}), "two attributes say its category"),
        (region({"2": "1,2", "4": "a"}), "one intensity for 2 emotions"),
        (region({"4": "b"}), "'strong' is not a number"),
        (region({"3": "NaN"}), "not a finite number"),
        (region({"6": "1"}), "of a type that is not read"),
        (region({"1": "1"}, z=[]), "neither a time nor a start and an end"),
        (region({"1": "1"}, z=[1, 2, 3]), "neither a time nor a start and an end"),
        (region({"1": "1"}, z=["1", "2"]), "neither a time nor a start and an end"),
        (region({"1": "1"}, z=[True, 2]), "neither a time nor a start and an end"),
        (region({"1": "1"}, z=[-1, 2]), "outside any film"),
        (region({"1": "1"}, z=[1, 1e29]), "outside any film"),
        (region({"1": "1"}, vid="3"), "--film"),
        (region({"1": "1"}, vid="4"), "--film"),
        (region({"1": "1"}, vid="9"), "--film"),
        ({"z": [1, 2]}, "no attribute values"),
        ("x", "no attribute values"),
    ],
)
def test_an_unreadable_region_is_refused_by_its_id_and_the_others_go_on(read, bad: Any, reason: str):
    delivery = read({"first": region({"1": "1"}), "bad": bad, "last": region({"1": "2"})})
    assert [(r.ref, reason in r.reason) for r in delivery.refusals] == [("region bad", True)]
    assert [j.tool_id for j in delivery.judgements] == ["first", "last"]
    assert accounted(delivery)


def test_without_a_rater_every_judgement_is_refused_with_the_option_that_mends_it(read):
    delivery = read({"m": region({"1": "1"}), "n": region({"5": "egg"})}, Told())
    assert [("--annotator" in r.reason, r.ref) for r in delivery.refusals] == [(True, "region m")]


def test_the_told_film_is_that_of_views_of_several_files_too(read):
    assert [j.film_id for j in read({"m": region({"1": "1"}, vid="3")}, Told(annotator="A", film_id="told")).judgements] == ["told"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "empty"),
        (b"[1]", "not the parts"),
        (b'{"attribute": {}, "file": {}, "view": {}}', "not the parts"),
        (json.dumps(project({}, {"1": {"type": 1}})).encode(), "no aname"),
        (json.dumps(project({}))[:-5].encode(), "cut short"),
        (b'{"a": ' + b"[" * 100_000, "nested too deep"),
        (b'{"a": NaN}', "NaN"),
        (json.dumps(project({"m": region({"7": "\ud800"})})).encode(), "half of a letter"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, fault: str):
    delivery = IMPORTER.read({"via.json": content}, Pseudonyms(tmp_path / "a.json"), TOLD)
    assert fault in str(delivery.fault)


def test_the_raters_name_is_nowhere(read):
    delivery = read({"m": region({"1": "1"}), "n": region({"1": "9"})})
    copy = copy_of(delivery)
    assert copy is not None
    assert "Anna" not in repr(delivery) and b"Anna" not in copy


@pytest.mark.parametrize(
    ("name", "content", "recognised"),
    [
        ("via.json", json.dumps(project({})).encode(), True),
        ("via.txt", json.dumps(project({})).encode(), False),
        ("ls.json", b'[{"id": 1, "annotations": [], "data": {}}]', False),
        ("ls.json", b"", False),
    ],
)
def test_only_projects_are_recognised(name: str, content: bytes, recognised: bool):
    assert IMPORTER.recognises({name: content}) is recognised


LEAVES = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8
)
IDS = st.sampled_from(["1", "2", "3", "4", "5", "6", "7", "8"])
REGIONS = st.fixed_dictionaries(
    {
        "vid": IDS | JSON,
        "z": st.lists(st.floats(-1, 1e6) | st.integers(-1, 10**29), max_size=3) | JSON,
        "xy": st.just([]) | JSON,
        "av": st.dictionaries(IDS, st.sampled_from(["", "1", "1,2", "0.5", "joy"]) | JSON, max_size=4) | JSON,
    }
)


@given(st.dictionaries(st.text(max_size=5), REGIONS | JSON, max_size=4), st.dictionaries(IDS, JSON, max_size=3))
def test_no_project_whatever_raises(tmp_path_factory: pytest.TempPathFactory, regions: dict[str, Any], odd: dict[str, Any]):
    pseudonyms = Pseudonyms(tmp_path_factory.getbasetemp() / "any.json")
    for part in ("file", "view"):
        content = json.dumps(project(regions) | {part: project({})[part] | odd}).encode("utf-8", "surrogatepass")
        delivery = IMPORTER.read({"via.json": content}, pseudonyms, TOLD)
        assert delivery.fault is not None or accounted(delivery)
        rows = [row for judgement in delivery.judgements for row in annotation_rows(judgement, "batch", "via3/1", "0" * 64)]
        ANNOTATIONS.frame({row["annotation_id"]: row for row in rows}.values())


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    delivery = IMPORTER.read({"via.json": content}, Pseudonyms(tmp_path_factory.getbasetemp() / "any.json"), TOLD)
    assert delivery.fault is not None
