"""Label Studio's exports, as the tool writes them and as its server lets them become, and our tasks for it."""

import json
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import defusedxml.ElementTree as SafeTree
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.annotations.exporters.label_studio import CONFIG_FILE, EXPORTER, TASKS_FILE
from corpus.annotations.exporters.writing import FilmMedia, Judged
from corpus.annotations.importers.copies import copy_of
from corpus.annotations.importers.label_studio import IMPORTER
from corpus.annotations.importers.reading import Told
from corpus.annotations.judgements import Delivery, Judgement, annotation_rows
from corpus.annotations.label_studio_config import asked_by, labelling_config, stars
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.contracts import ANNOTATIONS, TRACES
from corpus.terms import EMOTIONS, FeelmError

Read = Callable[..., Delivery]
DATA = {"film_id": "f1", "fps": 25}
UNIT_DATA = {"film_id": "f1", "unit_id": "f1.u00007"}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_tasks(tasks: object, told: Told | None = None) -> Delivery:
        content = tasks if isinstance(tasks, bytes) else json.dumps(tasks).encode()
        return IMPORTER.read({"export.json": content}, Pseudonyms(tmp_path / "a.json"), told or Told())

    return read_tasks


def region(start: object, end: object, label: str = "joy", region_id: str = "r1") -> dict[str, Any]:
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": [label]}
    return {"id": region_id, "from_name": "emotion", "to_name": "video", "type": "timelinelabels", "origin": "manual", "value": value}


def answer(control: str, kind: str, value: object, item_id: str | None = "c1", **more: object) -> dict[str, Any]:
    key = "text" if kind == "textarea" else kind
    return {"id": item_id, "from_name": control, "to_name": "video", "type": kind, "value": {key: value, **more}}


def annotation(*items: object, number: int = 5, **more: object) -> dict[str, Any]:
    common = {"id": number, "completed_by": 1, "was_cancelled": False, "unique_id": f"uuid-{number}", "created_at": "2026-01-01T00:00:00Z"}
    return common | {"result": list(items)} | more


def task(*annotations: dict[str, Any], data: dict[str, Any] | None = None, number: int = 9) -> dict[str, Any]:
    return {"id": number, "data": DATA if data is None else data, "annotations": list(annotations), "predictions": [], "drafts": []}


def accounted(delivery: Delivery) -> bool:
    return delivery.rows_read == len(delivery.judgements) + len(delivery.refusals) + len(delivery.repairs)


def spans(delivery: Delivery) -> list[tuple[int | None, int | None]]:
    return [(judgement.start_ms, judgement.end_ms) for judgement in delivery.judgements]


class TestSamples:
    def test_json_is_read_where_frames_have_a_rate_and_refuses_what_has_no_part_of_the_film(self, shared_data: Path, tmp_path: Path):
        name = "export_json.json"
        files = {name: (shared_data / "annotation_samples" / "label_studio" / name).read_bytes()}
        assert IMPORTER.recognises(files)
        delivery = IMPORTER.read(files, Pseudonyms(tmp_path / "a.json"), Told(fps=25))
        found = [(j.emotion, j.start_ms, j.end_ms, j.time_basis, j.fps_used) for j in delivery.judgements]
        assert found == [
            ("sadness", 1000, 3000, "frame", 25),
            ("joy", 2360, 5000, "frame", 25),
            ("joy", 1040, 3000, "ms", None),
        ]
        assert delivery.rows_read == 4
        (refusal,) = delivery.refusals
        assert refusal.ref == "task 2004, annotation 102, whole task"
        assert "unit_id, or start_ms and end_ms" in refusal.reason
        # 12.3 s for four answers.
        assert {j.lead_time_ms for j in delivery.judgements} == {3075}
        assert {j.film_id for j in delivery.judgements} == {"f1"}

    def test_json_min_says_the_same_of_what_it_can_say(self, shared_data: Path, tmp_path: Path):
        folder, told = shared_data / "annotation_samples" / "label_studio", Told(fps=25)
        full, least = (
            IMPORTER.read({name: (folder / name).read_bytes()}, Pseudonyms(tmp_path / "a.json"), told)
            for name in ("export_json.json", "export_json_min.json")
        )
        facts = [[(j.annotator_id, j.emotion, j.start_ms, j.end_ms, j.created_at) for j in d.judgements] for d in (full, least)]
        assert facts[0] == facts[1]
        assert (least.rows_read, len(least.refusals)) == (4, 1)

    def test_csv_is_recognised_and_refused_with_what_to_export_instead(self, shared_data: Path, tmp_path: Path):
        files = {"export_csv.csv": (shared_data / "annotation_samples" / "label_studio" / "export_csv.csv").read_bytes()}
        assert IMPORTER.recognises(files)
        assert "export the project as JSON" in str(IMPORTER.read(files, Pseudonyms(tmp_path / "a.json"), Told()).fault)


class TestTimes:
    def test_both_ends_of_a_range_are_in_it_and_the_first_frame_is_1(self, read: Read):
        assert spans(read([task(annotation(region(1, 1), region(2, 3, region_id="r2")))])) == [(0, 40), (40, 120)]

    def test_the_first_frame_may_be_told_to_be_0(self, read: Read):
        assert spans(read([task(annotation(region(0, 0)))], Told(first_frame=0))) == [(0, 40)]

    def test_the_tasks_rate_goes_before_the_told_one(self, read: Read):
        assert read([task(annotation(region(1, 25)))], Told(fps=50)).judgements[0].end_ms == 1000
        assert read([task(annotation(region(1, 25)), data={"film_id": "f1"})], Told(fps=50)).judgements[0].end_ms == 500

    def test_frames_without_a_rate_are_refused_and_the_seconds_of_a_sound_are_not(self, read: Read):
        sound = answer("speech_emotion", "labels", ["anger"], "a1", start=0.5, end=1.25, channel=0)
        delivery = read([task(annotation(region(1, 25), sound), data={"film_id": "f1"})])
        assert spans(delivery) == [(500, 1250)]
        assert "--fps" in delivery.refusals[0].reason
        assert delivery.refusals[0].ref == "task 9, annotation 5, region r1"

    @pytest.mark.parametrize("fps", [0, -25, "many", True, 0.04, 1001, [25]])
    def test_a_rate_that_cannot_be_is_refused_and_not_replaced(self, read: Read, fps: object):
        delivery = read([task(annotation(region(1, 2)), data={"film_id": "f1", "fps": fps})], Told(fps=25))
        assert "fps" in delivery.refusals[0].reason and not delivery.judgements

    def test_a_place_in_a_text_is_no_time(self, read: Read):
        of_text = answer("emotion", "labels", ["joy"], "t1", start=0, end=4, text="Well", channel=0)
        unclear = answer("emotion", "labels", ["joy"], "t2", start=0, end=4)
        delivery = read([task(annotation(of_text, unclear))])
        assert ["not seconds of a sound" in refusal.reason for refusal in delivery.refusals] == [True, True]


class TestWhatServersLetIn:
    @pytest.mark.parametrize(
        ("item", "reason"),
        [
            (region(-5, 10), "start -5 is before the film's first frame, 1"),
            (region(0, 10), "start 0 is before"),
            (region(10, 9), "frame 9 is its end and 10 its start"),
            (region(1.5, 9), "start 1.5 is not the whole number"),
            (region(None, 9), "start None is not the whole number"),
            (region(True, 9), "start True is not the whole number"),
            (region(1, 10**29), "is no span of a film"),
            (region("1", 2), "start '1' is not"),
            ({**region(1, 2), "value": {"ranges": [], "timelinelabels": ["joy"]}}, "one range of frames"),
            ({**region(1, 2), "value": {"ranges": 7, "timelinelabels": ["joy"]}}, "one range of frames"),
            ({**region(1, 2), "value": {"ranges": [{"start": 1, "end": 2}], "timelinelabels": []}}, "does not name emotions"),
            ({**region(1, 2), "value": {"ranges": [{"start": 1, "end": 2}], "timelinelabels": [["joy"]]}}, "does not name emotions"),
            ({**region(1, 2), "from_name": "mood"}, "control 'mood' is not known"),
            ({**region(1, 2), "type": "videorectangle"}, "type 'videorectangle' does not name emotions"),
            ({**region(1, 2), "value": None}, "no result item"),
            (7, "no result item"),
            (answer("speech_emotion", "labels", ["joy"], start=-1, end=2, channel=0), "-1 to 2 is not a time in seconds"),
            (answer("speech_emotion", "labels", ["joy"], start=3, end=2, channel=0), "3 to 2 is not a time"),
            (answer("speech_emotion", "labels", ["joy"], start="0:01", end=2, channel=0), "'0:01' to 2 is not a time"),
            (answer("speech_emotion", "labels", ["joy"], start=1e300, end=2e300, channel=0), "is not a time in seconds"),
        ],
    )
    def test_one_item_is_refused_with_its_reason_and_the_rest_accepted(self, read: Read, item: object, reason: str):
        delivery = read([task(annotation(region(1, 25, region_id="before"), item, region(1, 25, region_id="after")))])
        assert [(r.ref.startswith("task 9, annotation 5, "), reason in r.reason) for r in delivery.refusals] == [(True, True)]
        assert len(delivery.judgements) == 2 and delivery.rows_read == 3

    @pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 400, b'"0.5"', b"null", b"true", b"7"])
    def test_a_number_that_cannot_be_costs_only_its_item(self, read: Read, number: bytes):
        value = answer("valence", "number", 12345, "r1", ranges=[{"start": 1, "end": 2}])
        content = json.dumps([task(annotation(region(1, 2), value))]).encode().replace(b"12345", number)
        delivery = read(content)
        assert [(j.emotion, j.values) for j in delivery.judgements] == [("joy", {})]
        assert [refusal.ref for refusal in delivery.refusals] == ["task 9, annotation 5, region r1, valence"]

    def test_a_label_outside_the_scheme_stays_as_it_was_given(self, read: Read):
        (judgement,) = read([task(annotation(region(1, 2, "happyish")))]).judgements
        rows = list(annotation_rows(judgement, "b", "t", "0"))
        assert [(row["label"], row["label_raw"]) for row in rows] == [(None, "happyish")]

    @pytest.mark.parametrize(
        ("broken", "reason"),
        [
            ({"lead_time": -3}, "lead_time -3 is not a time"),
            ({"lead_time": 1e300}, "lead_time 1e+300"),
            ({"created_at": "yesterday"}, "created_at 'yesterday' is not an ISO 8601 time"),
            ({"updated_at": 5}, "updated_at 5"),
            ({"completed_by": None}, "say who with --annotator"),
            ({"completed_by": {"id": None}}, "say who with --annotator"),
            ({"result": []}, "the result is empty"),
            ({"result": None}, "no annotation with a result"),
        ],
    )
    def test_an_annotation_that_cannot_be_is_refused_whole_and_the_others_are_not(self, read: Read, broken: dict[str, Any], reason: str):
        delivery = read([task(annotation(region(1, 2)) | broken, annotation(region(1, 2), number=6))])
        assert [(r.ref, reason in r.reason) for r in delivery.refusals] == [("task 9, annotation 5", True)]
        assert len(delivery.judgements) == 1

    @pytest.mark.parametrize("broken", [7, None, [], {}, {"data": {}}, {"data": [], "annotations": []}, {"data": {}, "annotations": {}}])
    def test_what_is_no_task_is_refused_by_its_place(self, read: Read, broken: object):
        delivery = read([task(annotation(region(1, 2))), broken])
        assert [refusal.ref for refusal in delivery.refusals] == ["task #2"]
        assert len(delivery.judgements) == 1

    def test_85_annotations_by_one_user_are_passes_in_the_order_of_their_making(self, read: Read):
        made = [annotation(region(1, 2), number=n, created_at=f"2026-01-01T00:{85 - n:02d}:00Z") for n in range(26, 86)]
        made += [annotation(region(1, 2), number=n, created_at=f"2026-01-02T00:{n:02d}:00Z") for n in range(1, 26)]
        delivery = read([task(*made)])
        by_time = sorted(delivery.judgements, key=lambda j: str(j.created_at))
        assert [judgement.pass_no for judgement in by_time] == list(range(1, 86))
        assert len({judgement.key for judgement in delivery.judgements}) == 85
        again = read([task(*reversed(made))])
        assert {j.key: j.pass_no for j in again.judgements} == {j.key: j.pass_no for j in delivery.judgements}

    def test_predictions_and_drafts_are_nobodys_judgement(self, read: Read):
        whole = task(annotation(region(1, 2)))
        suggested = {"model_version": "m", "result": [region(30, 40, "fear")]}
        delivery = read([whole | {"predictions": [suggested], "drafts": [suggested]}])
        assert (delivery.rows_read, [j.emotion for j in delivery.judgements]) == (1, ["joy"])

    def test_tasks_that_nobody_annotated_hold_no_rows(self, read: Read):
        assert (read([task()]).rows_read, read([]).rows_read) == (0, 0)


class TestRegions:
    def test_items_with_one_id_are_one_judgement(self, read: Read):
        frames = {"ranges": [{"start": 1, "end": 25}]}
        delivery = read(
            [
                task(
                    annotation(
                        region(1, 25),
                        answer("intensity", "rating", 4, "r1", **frames),
                        answer("valence", "number", -0.4, "r1", **frames),
                        answer("arousal", "number", 0.5, "r1"),
                        answer("character", "textarea", ["anna"], "r1", **frames),
                        answer("note", "textarea", ["smile hides", "sadness"], "r1", **frames),
                    )
                )
            ]
        )
        (judgement,) = delivery.judgements
        assert (judgement.start_ms, judgement.end_ms) == (0, 1000)
        assert judgement.values == {"intensity": 4, "valence": -0.4, "arousal": 0.5}
        assert judgement.scales == {"intensity": (1, 5)}
        assert (judgement.character_id, judgement.note) == ("anna", "smile hides\nsadness")
        rows = {str(row["dimension"]): row for row in annotation_rows(judgement, "b", "t", "0")}
        assert rows["intensity"]["value"] == 0.75

    def test_two_labels_of_a_region_are_two_judgements_of_one_group(self, read: Read):
        both = region(1, 25) | {"value": {"ranges": [{"start": 1, "end": 25}], "timelinelabels": ["sadness", "joy"]}}
        delivery = read([task(annotation(both, answer("intensity", "rating", 2, "r1")))])
        assert [(j.emotion, j.rank, j.values) for j in delivery.judgements] == [("sadness", 1, {"intensity": 2}), ("joy", 2, {})]
        assert len({judgement.key for judgement in delivery.judgements}) == 1
        assert delivery.rows_read == 2

    def test_values_stand_without_an_emotion_and_a_note_does_not(self, read: Read):
        delivery = read([task(annotation(answer("valence", "number", 1, "r1", ranges=[{"start": 1, "end": 2}])))])
        assert [(j.emotion, j.values) for j in delivery.judgements] == [(None, {"valence": 1})]
        noted = read([task(annotation(answer("note", "textarea", ["hm"], "r1", ranges=[{"start": 1, "end": 2}])))])
        assert "nothing is judged" in noted.refusals[0].reason

    @pytest.mark.parametrize(
        ("item", "reason"),
        [
            (answer("intensity", "rating", 9, "r1"), "intensity 9 is outside its scale, 1 to 5"),
            (answer("intensity", "rating", 0, "r1"), "intensity 0 is outside"),
            (answer("valence", "number", 3.2, "r1"), "valence 3.2 is outside its scale, -1 to 1"),
            (answer("arousal", "rating", 3, "r1"), "say it with --scale arousal=1:5"),
            (answer("intensity", "choices", ["much"], "r1"), "where a rating or number is needed"),
            (answer("note", "textarea", ["x" * 4001], "r1"), "4001 characters, 4000 are the most"),
            (answer("note", "number", 3, "r1"), "holds no text for note"),
            (answer("note", "textarea", [3], "r1"), "holds no text for note"),
            (answer("character", "textarea", ["anna", "bo"], "r1"), "2 characters are named"),
            (answer("category", "number", 3, "r1"), "does not name emotions"),
        ],
    )
    def test_an_answer_that_cannot_be_is_refused_and_the_regions_others_stand(self, read: Read, item: dict[str, Any], reason: str):
        delivery = read([task(annotation(region(1, 2), item))])
        assert [(r.ref, reason in r.reason) for r in delivery.refusals] == [(f"task 9, annotation 5, region r1, {item['from_name']}", True)]
        assert [judgement.emotion for judgement in delivery.judgements] == ["joy"]
        assert accounted(delivery)

    def test_a_told_scale_goes_before_ours(self, read: Read):
        answers = (answer("intensity", "rating", 9, "r1"), answer("arousal", "rating", 3, "r1"))
        delivery = read([task(annotation(region(1, 2), *answers))], Told(scales={"intensity": (0, 10), "arousal": (1, 9)}))
        values = {r["dimension"]: r.get("value") for r in annotation_rows(delivery.judgements[0], "b", "t", "0")}
        assert (values["intensity"], values["arousal"]) == (0.9, -0.5)

    def test_an_answer_given_twice_is_refused_the_second_time(self, read: Read):
        delivery = read([task(annotation(region(1, 2), answer("valence", "number", 1, "r1"), answer("valence", "number", 0, "r1")))])
        assert delivery.judgements[0].values == {"valence": 1}
        assert "answered twice" in delivery.refusals[0].reason

    def test_items_of_one_region_with_different_times_are_refused(self, read: Read):
        delivery = read([task(annotation(region(1, 2), region(1, 3)))])
        assert [refusal.reason for refusal in delivery.refusals] == ["its items tell different times"]

    def test_an_edited_export_is_the_same_judgement_revised(self, read: Read):
        first = read([task(annotation(region(1, 25, "joy"), updated_at="2026-01-01T00:00:00Z"))]).judgements[0]
        later = read([task(annotation(region(5, 30, "fear"), updated_at="2026-01-02T12:00:00+02:00"))]).judgements[0]
        assert first.key == later.key
        assert (first.updated_at, later.updated_at) == ("2026-01-01T00:00:00.000Z", "2026-01-02T10:00:00.000Z")


class TestWholeTasks:
    def test_answers_about_the_whole_task_are_one_judgement_of_its_unit(self, read: Read):
        answers = (
            answer("unit_emotion", "choices", ["fear", "surprise"], "c1"),
            answer("unit_intensity", "rating", 5, "c2"),
            answer("unit_note", "textarea", ["dark"], "c3"),
        )
        delivery = read([task(annotation(*answers, lead_time=4.5), data=UNIT_DATA)])
        found = [(j.unit_id, j.start_ms, j.emotion, j.rank, j.values, j.note, j.lead_time_ms) for j in delivery.judgements]
        assert found == [
            ("f1.u00007", None, "fear", 1, {"intensity": 5}, "dark", 4500),
            ("f1.u00007", None, "surprise", 2, {}, "dark", 4500),
        ]
        assert len({judgement.key for judgement in delivery.judgements}) == 1

    @pytest.mark.parametrize(
        ("data", "place"),
        [
            ({"start_ms": 100, "end_ms": 900}, (None, 100, 900)),
            ({"start_ms": "0", "end_ms": "900"}, (None, 0, 900)),
            ({"unit_id": "007"}, ("007", None, None)),
            ({"unit_id": 7, "start_ms": 1, "end_ms": 2}, ("7", 1, 2)),
        ],
    )
    def test_the_tasks_data_say_what_the_whole_is(self, read: Read, data: dict[str, Any], place: tuple[object, ...]):
        (judgement,) = read([task(annotation(answer("emotion", "choices", ["joy"])), data={"film_id": "f1"} | data)]).judgements
        assert (judgement.unit_id, judgement.start_ms, judgement.end_ms) == place

    @pytest.mark.parametrize(
        "data", [{}, {"start_ms": 5}, {"unit_id": ""}, {"unit_id": ["u"]}, {"start_ms": 9, "end_ms": 9}, {"start_ms": -1, "end_ms": 9}]
    )
    def test_a_whole_that_is_no_known_part_of_the_film_is_refused(self, read: Read, data: dict[str, Any]):
        delivery = read([task(annotation(answer("emotion", "choices", ["joy"]), region(1, 2)), data=DATA | data)])
        assert [refusal.ref for refusal in delivery.refusals] == ["task 9, annotation 5, whole task"]
        assert len(delivery.judgements) == 1


class TestWhoAndWhich:
    @pytest.mark.parametrize(
        ("completed_by", "name"),
        [
            (3, "label-studio-user-3"),
            ({"id": 3, "email": "anna@example.org", "first_name": "Anna"}, "anna@example.org"),
            ({"id": 3, "email": ""}, "label-studio-user-3"),
            ("anna@example.org", "anna@example.org"),
            (None, "Bo"),
        ],
    )
    def test_raters_become_pseudonyms(self, read: Read, tmp_path: Path, completed_by: object, name: str):
        delivery = read([task(annotation(region(1, 2), completed_by=completed_by))], Told(annotator="Bo"))
        assert [j.annotator_id for j in delivery.judgements] == [Pseudonyms(tmp_path / "b.json").of(name)]

    def test_names_are_nowhere_in_what_is_kept(self, read: Read):
        who = {"id": 3, "email": "zelda@example.org"}
        made = [annotation(region(1, 2), region(9, 2, region_id="r2"), completed_by=who), annotation(number=6, completed_by=who)]
        delivery = read([task(*made) | {"updated_by": who, "comment_authors": [who]}])
        kept = copy_of(delivery)
        assert kept is not None and len(delivery.refusals) == 2
        assert "zelda" not in kept.decode() + repr(delivery)

    @pytest.mark.parametrize(
        ("data", "told", "film_id"),
        [
            ({"film_id": "f1"}, None, "f1"),
            ({"film_id": "f1"}, "other", "other"),
            ({"film_id": 12}, None, "12"),
            ({"video": "/data/local-files/?d=media/My Film.mp4"}, None, "my-film"),
            ({"video": "https://host/media/film1.mp4?sig=a/b"}, None, "film1"),
            ({"audio": "film2.wav"}, None, "film2"),
        ],
    )
    def test_the_film_is_the_told_one_the_tasks_or_its_mediums(self, read: Read, data: dict[str, Any], told: str | None, film_id: str):
        delivery = read([task(annotation(region(1, 2)), data={"fps": 25} | data)], Told(film_id=told))
        assert [judgement.film_id for judgement in delivery.judgements] == [film_id]

    @pytest.mark.parametrize("data", [{}, {"film_id": "../x"}, {"film_id": ["f1"]}, {"perspective": "mine", "film_id": "f1"}])
    def test_a_task_of_no_film_or_perspective_is_refused(self, read: Read, data: dict[str, Any]):
        delivery = read([task(annotation(region(1, 2)), data={"fps": 25} | data)])
        assert (len(delivery.judgements), len(delivery.refusals)) == (0, 1)

    def test_the_tasks_perspective_goes_before_the_told_one(self, read: Read):
        tasks = [task(annotation(region(1, 2)), data=DATA | {"perspective": "felt"}), task(annotation(region(1, 2)), number=10)]
        assert [j.perspective for j in read(tasks, Told(perspective="perceived")).judgements] == ["felt", "perceived"]

    def test_skipped_tasks_are_skipped_judgements_or_none(self, read: Read):
        delivery = read([task(annotation(region(1, 2), was_cancelled=True), annotation(was_cancelled=True, number=6))])
        assert ([j.status for j in delivery.judgements], delivery.rows_read) == (["skipped"], 1)

    def test_ground_truth_is_a_flag_of_the_tool_and_no_adjudication(self, read: Read):
        assert read([task(annotation(region(1, 2), ground_truth=True))]).judgements[0].status == "submitted"


FLAT = {"id": 9, "film_id": "f1", "fps": 25, "annotator": 1, "annotation_id": 5, "created_at": None, "lead_time": 2.0}


class TestJsonMin:
    def test_answers_about_the_same_time_belong_together(self, read: Read):
        first, second = ({"ranges": [{"start": start, "end": start + 24}]} for start in (1, 26))
        flat = FLAT | {
            "emotion": [first | {"timelinelabels": ["joy"]}, second | {"timelinelabels": ["fear"]}],
            "intensity": [second | {"rating": 5}],
        }
        delivery = read([flat])
        found = [(j.emotion, j.start_ms, j.values, j.lead_time_ms) for j in delivery.judgements]
        assert found == [("joy", 0, {}, 1000), ("fear", 1000, {"intensity": 5}, 1000)]

    @pytest.mark.parametrize("name", ["emotion", "note", "unit_valence"])
    def test_a_bare_value_may_be_the_tasks_own_and_is_refused(self, read: Read, name: str):
        labelled = {"speech_emotion": [{"start": 0, "end": 1, "channel": 0, "labels": ["joy"]}]}
        delivery = read([FLAT | labelled | {name: "joy", "unit_id": "u1"}])
        assert ["JSON_MIN does not say" in refusal.reason for refusal in delivery.refusals] == [True]
        assert [judgement.emotion for judgement in delivery.judgements] == ["joy"]

    def test_annotations_of_one_task_are_passes(self, read: Read):
        said = FLAT | {"unit_id": "u", "emotion": {"choices": ["joy"]}}
        rows = [said | {"annotation_id": number, "created_at": f"2026-01-0{number}T00:00:00Z"} for number in (3, 2)]
        assert [j.pass_no for j in read(rows).judgements] == [2, 1]

    def test_rows_without_an_annotation_hold_nothing(self, read: Read):
        assert read([FLAT | {"annotation_id": None}]).rows_read == 0


class TestWholeFiles:
    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            (b"", "empty"),
            (b"{}", "not a list of tasks"),
            (b'[{"id": 1,', "cut short"),
            (b'[{"id": 1, "id": 2}]', "key twice"),
            (b"[" * 100_000, "nested too deep"),
            (b'[{"data": {"film_id": "\\ud800"}, "annotations": []}]', "half a character"),
            (b"\xff\xfe\x00", "utf-16"),
        ],
    )
    def test_what_is_no_export_is_a_fault(self, read: Read, content: bytes, fault: str):
        delivery = read(content)
        assert fault in str(delivery.fault) and delivery.rows_read == 0

    def test_other_formats_are_not_taken_for_it(self):
        others = [b"film_id,start_ms,end_ms,annotator,emotion\n", b'{"project": {}, "metadata": {}}', b"<xml/>", b"", b"[1, 2]"]
        assert not any(IMPORTER.recognises({"x": content}) for content in others)
        assert IMPORTER.recognises({"x": b"\xef\xbb\xbf" + json.dumps([task(annotation(region(1, 2)))]).encode()})

    def test_a_large_export_is_read_in_time(self, read: Read):
        items = [region(n, n + 10, region_id=f"r{n}") for n in range(1, 10_001)]
        began = time.monotonic()
        assert len(read([task(annotation(*items))]).judgements) == 10_000
        assert time.monotonic() - began < 20


KINDS = ["timelinelabels", "labels", "choices", "rating", "number", "textarea"]
KEYS = ["start", "end", "ranges", "labels", "choices", "rating", "number", "text", "id"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 99) | st.floats() | st.sampled_from(["joy", "u1", "", "\x00"]) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)
ITEM = st.fixed_dictionaries(
    {"from_name": st.sampled_from(["emotion", "valence", "unit_intensity", "note", "character", "x"]) | JSON, "value": JSON},
    optional={"id": st.sampled_from(["a", "b"]) | JSON, "type": st.sampled_from(KINDS) | JSON, "original_length": JSON},
)
ANNOTATION = st.fixed_dictionaries(
    {"result": st.lists(ITEM | JSON, max_size=4)},
    optional=dict.fromkeys(("id", "completed_by", "created_at", "lead_time", "unique_id", "was_cancelled"), JSON),
)
DATA_OF_ANY_KIND = st.fixed_dictionaries({}, optional=dict.fromkeys(("film_id", "fps", "unit_id", "start_ms", "end_ms", "video"), JSON))
TASK = st.fixed_dictionaries({"data": DATA_OF_ANY_KIND, "annotations": st.lists(ANNOTATION | JSON, max_size=3)})


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_whatever_raise(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    pseudonyms = Pseudonyms(tmp_path_factory.getbasetemp() / "none.json")
    for made in (content, b"[" + content, b'[{"data": {}, "annotations": [' + content):
        delivery = IMPORTER.read({"x.json": made}, pseudonyms, Told())
        assert delivery.fault is not None or accounted(delivery)
        IMPORTER.recognises({"x.json": made})


@given(st.lists(TASK | JSON, max_size=4))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_no_json_whatever_raises_and_what_is_read_fits_the_tables(tmp_path_factory: pytest.TempPathFactory, tasks: list[Any]):
    told = Told(film_id="f", annotator="Bo", fps=25)
    content = json.dumps(tasks).encode()
    delivery = IMPORTER.read({"x.json": content}, Pseudonyms(tmp_path_factory.getbasetemp() / "none.json"), told)
    assert delivery.fault is not None or accounted(delivery)
    for judgement in delivery.judgements:
        ANNOTATIONS.frame(annotation_rows(judgement, "b", "t", "0"))


CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"])
WORDS = st.text(CHARACTERS, min_size=1, max_size=20).map(lambda text: unicodedata.normalize("NFC", text))
FILMS = {"f1": FilmMedia("f1", "f1.mp4", 25.0, 10_000_000), "f2": FilmMedia("f2", "f2.mkv", 24_000 / 1001, 10_000_000)}


@st.composite
def judgement_groups(draw: st.DrawFn) -> list[Judgement]:
    """One judgement as the tool can hold it, as one or more emotions."""
    start = draw(st.integers(0, 9_000_000))
    of_unit = draw(st.booleans())
    values = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "intensity": st.integers(0, 4).map(lambda quarters: quarters / 4),
                "valence": st.floats(-1, 1, width=32),
                "arousal": st.floats(-1, 1, width=32),
            },
        )
    )
    emotions: list[str | None] = list(draw(st.lists(st.sampled_from(EMOTIONS), max_size=3, unique=True)))
    if not emotions and not values:
        emotions = ["joy"]
    common: dict[str, Any] = {
        "film_id": draw(st.sampled_from(sorted(FILMS))),
        "annotator_id": draw(st.sampled_from(["r-00000001", "r-00000002"])),
        "source_ref": "made",
        "unit_id": draw(st.sampled_from(["u1", "u2"])) if of_unit else None,
        "character_id": draw(st.none() | st.sampled_from(["anna", "bo"])),
        "perspective": draw(st.sampled_from(["portrayed", "felt"])),
        "note": draw(st.none() | WORDS),
    }
    if not of_unit or draw(st.booleans()):
        common |= {"start_ms": start, "end_ms": start + draw(st.integers(1, 60_000))}
    first = Judgement(**common, emotion=emotions[0] if emotions else None, values=values)
    return [first, *(Judgement(**common, emotion=emotion, rank=rank) for rank, emotion in enumerate(emotions[1:], start=2))]


def table(judgements: list[Judgement]) -> pd.DataFrame:
    return ANNOTATIONS.frame(row for judgement in judgements for row in annotation_rows(judgement, "b", "t", "0"))


def judged(judgements: list[Judgement]) -> Judged:
    return Judged(table(judgements), TRACES.empty(), FILMS)


def as_the_tool_exports(tasks: bytes) -> bytes:
    """What the tool's JSON export is after each rater took over the prediction with the own pseudonym and submitted it unchanged."""
    exported = []
    for number, loaded in enumerate(json.loads(tasks), start=1):
        annotations = [
            annotation(
                *prediction["result"],
                number=1000 * number + order,
                completed_by={"id": 1, "email": prediction["model_version"].split()[0]},
                created_at=f"2026-01-01T00:00:00.{order:06d}Z",
            )
            for order, prediction in enumerate(loaded["predictions"])
        ]
        exported.append({"id": number, "data": loaded["data"], "annotations": annotations, "predictions": loaded["predictions"]})
    return json.dumps(exported).encode()


def said(rows: pd.DataFrame) -> dict[str, Any]:
    """What a group of rows says, without its times and ids."""
    rows = rows.astype(object).where(rows.notna(), None)
    named = ("film_id", "annotator_id", "perspective", "unit_id", "character_id", "note", "pass_no")
    return {name: rows[name].iloc[0] for name in named} | {
        "says": {(r["dimension"], r["label"], r["rank"] if r["dimension"] == "category" else 0): r["value"] for _, r in rows.iterrows()}
    }


def place(rows: pd.DataFrame) -> list[int]:
    return [-1 if pd.isna(rows[name].iloc[0]) else int(rows[name].iloc[0]) for name in ("start_ms", "end_ms")]


@given(st.lists(judgement_groups(), min_size=1, max_size=6, unique_by=lambda group: group[0].key))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_what_is_exported_is_imported_again(tmp_path_factory: pytest.TempPathFactory, groups: list[list[Judgement]]):
    original = table([judgement for group in groups for judgement in group])
    files = EXPORTER.write(Judged(original, TRACES.empty(), FILMS))
    pseudonyms = Pseudonyms(tmp_path_factory.getbasetemp() / "none.json")
    delivery = IMPORTER.read({"x.json": as_the_tool_exports(files[TASKS_FILE])}, pseudonyms, Told())
    assert not delivery.refusals and delivery.fault is None
    again = table(list(delivery.judgements))
    before, after = ([rows for _, rows in whole.groupby("group_id")] for whole in (original, again))
    units = [sorted((repr(said(rows)), place(rows)) for rows in groups if rows["unit_id"].notna().all()) for groups in (before, after)]
    assert units[0] == units[1]
    # A region has the id of the judgement that it was made of.
    regions = {rows["source_ref"].iloc[0].split("region ")[-1]: rows for rows in after if rows["unit_id"].isna().all()}
    for rows in (rows for rows in before if rows["unit_id"].isna().all()):
        found = regions.pop(rows["group_id"].iloc[0])
        assert said(rows) == said(found)
        frame = 1000 / FILMS[found["film_id"].iloc[0]].fps
        assert all(abs(old - new) <= frame + 1 for old, new in zip(place(rows), place(found), strict=True))
    assert not regions


class TestExport:
    def test_spans_become_one_task_of_their_film_and_units_one_each(self):
        spans = [Judgement("f1", "r-00000001", "x", start_ms=1000 * n, end_ms=1000 * n + 400, emotion="joy") for n in range(3)]
        units = [Judgement("f1", "r-00000001", "x", unit_id=f"u{n}", start_ms=n, end_ms=n + 9, emotion="fear") for n in range(2)]
        tasks = json.loads(EXPORTER.write(judged([*spans, *units]))[TASKS_FILE])
        film = {"film_id": "f1", "video": "f1.mp4", "perspective": "portrayed", "fps": 25.0}
        units_data = [{"unit_id": "u0", "start_ms": 0, "end_ms": 9}, {"unit_id": "u1", "start_ms": 1, "end_ms": 10}]
        assert [loaded["data"] for loaded in tasks] == [film, *(film | named for named in units_data)]
        assert all("annotations" not in loaded for loaded in tasks)
        ranges = [item["value"]["ranges"] for item in tasks[0]["predictions"][0]["result"]]
        assert ranges == [[{"start": 1 + 25 * n, "end": 10 + 25 * n}] for n in range(3)]

    def test_passes_keep_their_order(self, read: Read):
        passes = {2: "joy", 4: "fear", 11: "anger"}
        made = [Judgement("f1", "r-00000001", "x", start_ms=0, end_ms=400, pass_no=n, emotion=emotion) for n, emotion in passes.items()]
        delivery = read(as_the_tool_exports(EXPORTER.write(judged(made))[TASKS_FILE]))
        assert [(j.pass_no, j.emotion) for j in delivery.judgements] == [(1, "joy"), (2, "fear"), (3, "anger")]

    def test_what_the_tool_cannot_hold_is_left_out(self):
        made = [
            Judgement("f1", "r-00000001", "x", start_ms=5, emotion="joy"),
            Judgement("f1", "r-00000001", "x", start_ms=5, end_ms=9, emotion="joy", status="skipped"),
            Judgement("f1", "r-00000001", "x", start_ms=6, end_ms=9, emotion="joy", status="rejected"),
            Judgement("f1", "r-00000001", "x", start_ms=7, end_ms=9, emotion="happyish"),
            Judgement("f1", "r-00000001", "x", start_ms=8, end_ms=9, values={"dominance": 0.5}),
        ]
        assert json.loads(EXPORTER.write(judged(made))[TASKS_FILE]) == []

    def test_the_intensity_of_a_second_emotion_is_not_given_to_the_first(self):
        both = [
            Judgement("f1", "r-00000001", "x", unit_id="u", emotion="joy"),
            Judgement("f1", "r-00000001", "x", unit_id="u", emotion="fear", rank=2, values={"intensity": 1.0}),
        ]
        (loaded,) = json.loads(EXPORTER.write(judged(both))[TASKS_FILE])
        assert [item["from_name"] for item in loaded["predictions"][0]["result"]] == ["unit_emotion"]

    def test_frames_without_a_rate_ask_for_it(self):
        films = {"f1": FilmMedia("f1", "f1.mp4", None, None)}
        spans = table([Judgement("f1", "r-00000001", "x", start_ms=0, end_ms=400, emotion="joy")])
        with pytest.raises(FeelmError, match="--fps"):
            EXPORTER.write(Judged(spans, TRACES.empty(), films))
        units = table([Judgement("f1", "r-00000001", "x", unit_id="u", emotion="joy")])
        assert "fps" not in json.loads(EXPORTER.write(Judged(units, TRACES.empty(), films))[TASKS_FILE])[0]["data"]

    @given(st.floats(0, 1))
    def test_an_intensity_is_kept_within_half_a_star(self, intensity: float):
        assert 1 <= stars(intensity) <= 5
        assert abs((stars(intensity) - 1) / 4 - intensity) <= 0.125

    def test_the_same_rows_in_any_order_give_the_same_files(self):
        rows = table([Judgement("f1", f"r-0000000{n % 2}", "x", start_ms=n, end_ms=n + 400, emotion="joy") for n in range(9)])
        shuffled = rows.sample(frac=1, random_state=3)
        first, second = (EXPORTER.write(Judged(made, TRACES.empty(), FILMS)) for made in (rows, shuffled))
        assert first == second


class TestLabellingConfig:
    def test_every_control_is_one_that_the_importer_knows(self):
        controls = [element for element in SafeTree.fromstring(labelling_config()).iter() if element.get("toName")]
        assert all(asked_by(element.get("name")) for element in controls)
        assert {element.get("toName") for element in controls} == {"video"}
        names = [element.get("name") for element in controls]
        assert len(set(names)) == len(names) == 12

    def test_it_asks_for_the_seven_and_five_stars_at_the_tasks_rate(self):
        config = SafeTree.fromstring(labelling_config())
        assert [label.get("value") for label in config.iter("Label")] == list(EMOTIONS)
        assert {rating.get("maxRating") for rating in config.iter("Rating")} == {"5"}
        assert [video.get("frameRate") for video in config.iter("Video")] == ["$fps"]
        assert EXPORTER.write(judged([]))[CONFIG_FILE] == labelling_config()

    @pytest.mark.parametrize(
        ("control", "asked"),
        [
            ("emotion", "category"),
            ("Unit_Emotion", "category"),
            ("speech_emotion", "category"),
            ("film_valence", "valence"),
            ("notes", "note"),
            ("unit_character", "character"),
            ("mood", None),
            ("unit_", None),
            ("unit_unit_emotion", None),
        ],
    )
    def test_names_are_known_exactly(self, control: str, asked: str | None):
        assert asked_by(control) == asked
