"""What Dagster does by itself: the right things, once, and nothing lost."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import ANY

import dagster as dg
import pytest

import quality.gate
from assets.chain import STAGES, is_fresh, run_stage
from assets.recorded import first_stale, recorded
from assets.workspace import Workspace
from corpus.paths import Home, content_version
from corpus.terms import FeelmError
from orchestration.definitions import defs
from orchestration.launching import ATTEMPTS, batch_requests, given_up, run_requests
from orchestration.sensors import annotation_inbox, film_library, retraining, weekly_retraining
from orchestration.wanted import BATCH_LINKS, GOLD_LINKS, MODEL_LINKS, Wanted, films_wanted, gold_wanted, new_gold, pages_wanted
from tests.orchestration.serving import counting_film
from tests.orchestration.stub_chain import put_stand_ins, stub_home, work_through, work_through_films
from tests.orchestration.ticks import tick
from tests.simulated_raters import Simulated, write_csv
from tests.storage import rarely_on_postgres

pytestmark = pytest.mark.long

Sensor = dg.SensorDefinition


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    put_stand_ins(monkeypatch)
    made = stub_home(tmp_path, 3)
    monkeypatch.setenv("FEELM_HOME", str(made.root))
    work_through_films(made)
    return made


def launch(request: dg.RunRequest, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Run what was asked for, to its end."""
    assert request.job_name is not None
    job = defs.resolve_job_def(request.job_name)
    return job.execute_in_process(instance=instance, partition_key=request.partition_key, tags=dict(request.tags), raise_on_error=False)


def computed(result: dg.ExecuteInProcessResult) -> set[str]:
    """Assets that were made anew, and not only found fresh."""
    events = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {event.asset_key.to_user_string() for event in events if event.metadata["computed"].value}


def settle(instance: dg.DagsterInstance, rounds: int = 12) -> list[str]:
    """Tick and run until nothing is wanted any more; the jobs that ran, with their partitions."""
    ran: list[str] = []
    for _ in range(rounds):
        asked = [request for sensor in (film_library, annotation_inbox, retraining) for request in tick(sensor, instance)]
        if not asked:
            return ran
        for request in asked:
            assert launch(request, instance).success
            ran.append(f"{request.job_name} {request.partition_key or ''}".strip())
    pytest.fail(f"after {rounds} rounds there is still something to run: {ran}")


def deliver(home: Home, name: str, rows: list[dict[str, object]]) -> Path:
    """A file in the inbox."""
    return write_csv(home.inbox / name, rows)


@pytest.fixture(autouse=True)
def a_minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sensors look a minute after whatever was written."""
    monkeypatch.setattr("orchestration.sensors.now_s", lambda: time.time() + 60)


RATERS = Simulated(lines=2, films=("film-000", "film-001", "film-002"))


@rarely_on_postgres
def test_nothing_is_wanted_of_a_home_that_is_up_to_date(home: Home, instance: dg.DagsterInstance) -> None:
    assert films_wanted(recorded(home)) == []
    assert tick(film_library, instance) == []


def test_a_film_that_is_dropped_is_taken_in_and_one_that_is_none_is_told_once(home: Home, instance: dg.DagsterInstance) -> None:
    home.made_films.mkdir()
    counting_film(home.made_films / "a new film.mkv")
    (home.made_films / "broken.mkv").write_bytes(b"no film")
    found = film_library(dg.build_sensor_context(instance=instance))
    assert isinstance(found, dg.SensorResult) and found.cursor is not None
    assert [request.partition_key for request in found.run_requests or []] == ["a-new-film"]
    assert list(json.loads(found.cursor)) == ["broken.mkv"]
    again = film_library(dg.build_sensor_context(instance=instance, cursor=found.cursor))
    assert isinstance(again, dg.SensorResult) and again.cursor == found.cursor


@rarely_on_postgres
def test_other_subtitles_make_that_films_words_anew_and_no_scan(home: Home, instance: dg.DagsterInstance) -> None:
    subtitles = Workspace(home).films["film-001"].subtitles
    assert subtitles is not None
    subtitles.write_text("another line\nand another")
    (request,) = tick(film_library, instance)
    assert (request.job_name, request.partition_key) == ("film_chain", "film-001")
    made = computed(launch(request, instance))
    assert {"film", "dialogue", "scenes", "text_features"} <= made
    assert not {"shots", "faces", "soundtrack"} & made
    assert tick(film_library, instance) == []


def test_a_run_that_is_under_way_is_not_asked_for_again(home: Home, instance: dg.DagsterInstance) -> None:
    wanted = Wanted("film_chain", "film-001", "content", "dialogue")
    (request,), _ = run_requests(instance, [wanted])
    job = defs.resolve_job_def("film_chain")
    tags = {**request.tags, "dagster/partition": "film-001"}
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    asked, told = run_requests(instance, [wanted, Wanted("film_chain", "film-001", "later content", "dialogue")])
    assert asked == [] and told == ["film_chain film-001 runs"] * 2
    instance.report_run_failed(run)
    assert len(run_requests(instance, [wanted])[0]) == 1


def test_what_fails_time_and_again_waits_until_it_changes_and_holds_up_no_other(home: Home, instance: dg.DagsterInstance) -> None:
    wanted = Wanted("film_chain", "film-001", "content", "dialogue")
    for attempt in range(ATTEMPTS):
        (request,), _ = run_requests(instance, [wanted])
        assert str(request.run_key).endswith(str(attempt + 1))
        run = instance.create_run_for_job(defs.resolve_job_def("film_chain"), tags=dict(request.tags))
        instance.report_run_failed(run)
    asked, told = run_requests(instance, [wanted, Wanted("film_chain", "film-002", "other", "film")])
    assert [request.partition_key for request in asked] == ["film-002"]
    assert told == ["film_chain film-001 failed 3 times at dialogue: see its runs; it is tried again when something of it changes"]
    assert len(run_requests(instance, [Wanted("film_chain", "film-001", "mended", "dialogue")])[0]) == 1


@rarely_on_postgres
@pytest.mark.parametrize("look", [run_requests, batch_requests, given_up])
def test_a_look_asks_the_instance_no_more_often_the_more_films_are_in_flight(
    look: Callable[[dg.DagsterInstance, list[Wanted]], object], instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = {f"film-{number}": str(number) for number in range(40)}
    batch, config = defs.resolve_job_def("film_batch"), {"ops": {"make_films": {"config": {"films": films}}}}
    instance.create_run_for_job(batch, status=dg.DagsterRunStatus.STARTED, run_config=config)
    asked: list[object] = []
    for name in ("get_runs", "get_runs_count"):
        question = getattr(instance, name)
        monkeypatch.setattr(instance, name, lambda *about, question=question: (asked.append(about), question(*about))[1])
    many = [Wanted("film_chain", film_id, needs, "film") for film_id, needs in films.items()]
    look(instance, many[:2])
    of_two = len(asked)
    found = look(instance, many)
    assert len(asked) == 2 * of_two
    assert found == [] or found == ([], [*(f"film_chain film-{number} runs" for number in range(10)), "30 more run"])


@rarely_on_postgres
def test_a_tick_asks_for_a_bounded_number_of_runs(instance: dg.DagsterInstance) -> None:
    many = [Wanted("film_chain", f"film-{number}", str(number), "film") for number in range(10)]
    asked, told = run_requests(instance, many, at_most=4)
    assert len(asked) == 4 and told == ["6 more wait for the next tick"]


@rarely_on_postgres
def test_a_delivered_batch_ends_in_a_model_and_its_pages_each_once(home: Home, instance: dg.DagsterInstance) -> None:
    deliver(home, "first.csv", RATERS.rows())
    assert settle(instance) == [
        "annotation_intake first",
        "gold",
        "retrain",
        *(f"film_pages film-00{number}" for number in range(3)),
        "report_page",
    ]


def test_two_batches_in_one_tick_give_one_gold_and_one_model(home: Home, instance: dg.DagsterInstance) -> None:
    deliver(home, "first.csv", RATERS.rows())
    deliver(home, "second.csv", Simulated(lines=2, films=("film-001",), seed=5).rows())
    ran = settle(instance)
    assert [name for name in ran if not name.startswith(("film_pages", "report"))] == [
        "annotation_intake first", "annotation_intake second", "gold", "retrain",
    ]  # fmt: skip


@rarely_on_postgres
def test_the_same_file_again_starts_nothing(home: Home, instance: dg.DagsterInstance) -> None:
    path = deliver(home, "first.csv", RATERS.rows())
    settle(instance)
    content = path.read_bytes()
    path.write_bytes(content)
    assert settle(instance) == []


def test_the_same_judgements_under_another_name_change_no_gold_and_train_no_model(home: Home) -> None:
    path = deliver(home, "first.csv", RATERS.rows())
    work_through(home, BATCH_LINKS, ["first"])
    work_through(home, (*GOLD_LINKS, *MODEL_LINKS), [""])
    gold = content_version(home.artifact("gold_labels"))
    shutil.copyfile(path, home.inbox / "renamed.csv")
    work_through(home, BATCH_LINKS, ["renamed"])
    work_through(home, GOLD_LINKS, [""])
    assert content_version(home.artifact("gold_labels")) == gold
    assert all(is_fresh(Workspace(home), link) for link in ("training_set", "emotion_model", "validation_report"))


@rarely_on_postgres
def test_a_clock_that_jumps_asks_for_no_run_of_a_delivery_twice(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(home, "first.csv", RATERS.rows())
    asked = []
    for jump_s in (60, 3600, 86_400, -86_400, 60, 0):
        monkeypatch.setattr("orchestration.sensors.now_s", lambda jump_s=jump_s: time.time() + jump_s)
        asked.append([(request.run_key, request.partition_key) for request in tick(annotation_inbox, instance)])
    assert asked == [asked[0], asked[0], asked[0], [], asked[0], []] and len(asked[0]) == 1, "Dagster launches a run key once"
    work_through(home, BATCH_LINKS, ["first"])
    work_through(home, GOLD_LINKS, [""])
    for jump_s in (60, 86_400, -86_400):
        monkeypatch.setattr("orchestration.sensors.now_s", lambda jump_s=jump_s: time.time() + jump_s)
        assert tick(annotation_inbox, instance) == []


@rarely_on_postgres
def test_annotations_that_are_made_again_with_the_same_content_train_nothing(home: Home, instance: dg.DagsterInstance) -> None:
    deliver(home, "first.csv", RATERS.rows())
    settle(instance)
    by_hand = defs.resolve_job_def("gold").execute_in_process(instance=instance)
    assert computed(by_hand) == set(GOLD_LINKS)
    assert settle(instance) == []


@rarely_on_postgres
def test_a_batch_that_is_accepted_while_the_model_trains_is_learned_from_next(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(home, "first.csv", RATERS.rows())
    for _ in range(2):
        for request in tick(annotation_inbox, instance):
            launch(request, instance)
    whole = STAGES["emotion_model"]

    def trains_while_others_judge(workspace: Workspace, key: str, outs: dict[str, Path]) -> object:
        deliver(home, "second.csv", Simulated(lines=2, films=("film-001",), seed=5).rows())
        work_through(home, BATCH_LINKS, ["second"])
        work_through(home, GOLD_LINKS, [""])
        return whole.build(workspace, key, outs)

    (request,) = tick(retraining, instance)
    with monkeypatch.context() as meanwhile:
        meanwhile.setitem(STAGES, "emotion_model", dataclasses.replace(whole, build=trains_while_others_judge))
        assert launch(request, instance).success
    (request,) = tick(retraining, instance)
    assert request.job_name == "retrain"
    assert launch(request, instance).success
    assert first_stale(recorded(home), (*GOLD_LINKS, *MODEL_LINKS)) is None
    assert [one.job_name for one in tick(retraining, instance)] == ["film_pages"] * 3


@rarely_on_postgres
def test_changed_code_makes_its_own_link_anew_and_what_comes_out_the_same_makes_nothing_after_it(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = STAGES["film_scan"]
    monkeypatch.setitem(STAGES, "film_scan", dataclasses.replace(scan, modules=(*scan.modules, "pages.film")))
    asked = tick(film_library, instance)
    assert [request.partition_key for request in asked] == ["film-000", "film-001", "film-002"]
    for request in asked:
        assert computed(launch(request, instance)) == {"shots", "faces", "soundtrack"}
    assert tick(film_library, instance) == []


@rarely_on_postgres
def test_a_file_that_is_still_written_is_left_for_later(home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(home, "first.csv", RATERS.rows())
    deliver(home, "second.csv.part", RATERS.rows())
    with monkeypatch.context() as now:
        now.setattr("orchestration.sensors.now_s", time.time)
        assert tick(annotation_inbox, instance) == []
    assert [request.partition_key for request in tick(annotation_inbox, instance)] == ["first"]


@rarely_on_postgres
def test_a_file_that_grows_from_tick_to_tick_is_read_once_and_whole(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = RATERS.rows()
    monkeypatch.setattr("orchestration.sensors.now_s", lambda: time.time() + 9)
    for upto in (1, len(rows) // 2, len(rows)):
        deliver(home, "first.csv", rows[:upto])
        assert tick(annotation_inbox, instance) == []
    monkeypatch.setattr("orchestration.sensors.now_s", lambda: time.time() + 11)
    (request,) = tick(annotation_inbox, instance)
    assert launch(request, instance).success
    told = json.loads((home.batch("first") / "summary.json").read_text())
    assert told["judgements"] == len(rows) and tick(annotation_inbox, instance)[0].job_name == "gold"


def test_a_refused_batch_teaches_nothing_and_is_not_judged_again(home: Home, instance: dg.DagsterInstance) -> None:
    rows = [{**row, "emotion": "hunger"} for row in RATERS.rows()]
    deliver(home, "bad.csv", rows)
    (request,) = tick(annotation_inbox, instance)
    assert not launch(request, instance).success
    assert settle(instance) == []
    assert new_gold(recorded(home)) == 0


@rarely_on_postgres
def test_too_few_new_judgements_wait_for_more_or_for_the_week_to_end(home: Home, instance: dg.DagsterInstance) -> None:
    deliver(home, "first.csv", RATERS.rows())
    settle(instance)
    settings = home.root.parent / "params.yaml"
    settings.write_text(settings.read_text().replace("min_new_gold: 1", "min_new_gold: 3"))
    deliver(home, "second.csv", Simulated(lines=2, films=("film-001",), seed=5).rows())
    assert all(not name.startswith("retrain") for name in settle(instance))
    weekly = weekly_retraining(dg.build_schedule_context(instance=instance))
    assert isinstance(weekly, dg.RunRequest)
    assert launch(weekly, instance).success
    assert isinstance(weekly_retraining(dg.build_schedule_context(instance=instance)), dg.SkipReason)


def test_the_weekly_schedule_alone_makes_gold_of_what_was_accepted_and_trains(home: Home, instance: dg.DagsterInstance) -> None:
    deliver(home, "first.csv", RATERS.rows())
    work_through(home, BATCH_LINKS, ["first"])  # as `feelm annotations import` does, with every sensor off
    deliver(home, "never-read.csv", RATERS.rows())
    weekly = weekly_retraining(dg.build_schedule_context(instance=instance))
    assert isinstance(weekly, dg.RunRequest)
    assert computed(launch(weekly, instance)) == {*GOLD_LINKS, *MODEL_LINKS}
    assert isinstance(weekly_retraining(dg.build_schedule_context(instance=instance)), dg.SkipReason)


def test_a_model_waits_for_films_that_are_under_way_and_not_for_those_that_were_given_up(home: Home, instance: dg.DagsterInstance) -> None:
    deliver(home, "first.csv", RATERS.rows())
    for request in tick(annotation_inbox, instance):
        launch(request, instance)
    for request in tick(annotation_inbox, instance):
        launch(request, instance)
    subtitles = Workspace(home).films["film-002"].subtitles
    assert subtitles is not None
    subtitles.write_text("other words\nin two lines")
    assert tick(retraining, instance) == []
    (film,) = tick(film_library, instance)
    for _ in range(ATTEMPTS):
        run = instance.create_run_for_job(defs.resolve_job_def("film_chain"), tags=dict(film.tags))
        instance.report_run_failed(run)
    assert [request.job_name for request in tick(retraining, instance)] == ["retrain"]


def test_nothing_is_trained_while_a_blocking_check_of_a_film_fails(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(home, "first.csv", RATERS.rows())
    for _ in range(2):
        for request in tick(annotation_inbox, instance):
            launch(request, instance)
    passing = quality.gate.check_features
    monkeypatch.setattr("quality.gate.check_features", lambda *_: [dataclasses.replace(one, passed=False) for one in passing()])
    text = home.artifact("text_features", "film-001")
    shutil.rmtree(text)
    (request,) = tick(film_library, instance)
    assert not launch(request, instance).success
    found = retraining(dg.build_sensor_context(instance=instance))
    assert isinstance(found, dg.SkipReason) and "checks fail of film-001 (" in str(found.skip_message)
    assert isinstance(weekly_retraining(dg.build_schedule_context(instance=instance)), dg.SkipReason)
    monkeypatch.setattr("quality.gate.check_features", passing)
    shutil.rmtree(text)
    (request,) = tick(film_library, instance)
    assert launch(request, instance).success
    assert [one.job_name for one in tick(retraining, instance)] == ["retrain"]


@rarely_on_postgres
@pytest.mark.parametrize("cut", ["training_set", "emotion_model", "validation_report", "model_card", "dataset_snapshot", "champion"])
def test_a_chain_that_was_cut_off_is_finished_without_beginning_anew(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    deliver(home, "first.csv", RATERS.rows())
    for _ in range(2):
        for request in tick(annotation_inbox, instance):
            launch(request, instance)
    whole = STAGES[cut]

    def fails(*_: object) -> object:
        raise FeelmError("the disk is full")

    monkeypatch.setitem(STAGES, cut, dataclasses.replace(whole, build=fails))
    (request,) = tick(retraining, instance)
    assert not launch(request, instance).success
    assert not home.artifact("champion").exists(), "nothing after the link that failed is made"
    monkeypatch.setitem(STAGES, cut, whole)
    (request,) = tick(retraining, instance)
    made = computed(launch(request, instance))
    beside = {"dataset_card"} if cut != "training_set" else set()  # it rests on the training set alone
    assert made == set(MODEL_LINKS[MODEL_LINKS.index(cut) :]) - beside
    assert [one.job_name for one in tick(retraining, instance)] == ["film_pages"] * 3


@rarely_on_postgres
def test_with_150_films_one_films_subtitles_make_its_words_and_page_stale_and_then_the_model_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    put_stand_ins(monkeypatch)
    home = stub_home(tmp_path, 150)
    monkeypatch.setenv("FEELM_HOME", str(home.root))
    work_through_films(home)
    deliver(home, "first.csv", Simulated(lines=2, films=tuple(f"film-{i:03d}" for i in range(150))).rows())
    for link, key in (("annotation_batches", "first"), ("annotation_gate", "first"), *((link, "") for link in (*GOLD_LINKS, *MODEL_LINKS))):
        run_stage(Workspace(home), link, key)
    for film_id in sorted(Workspace(home).films):
        run_stage(Workspace(home), "film_report", film_id)
    run_stage(Workspace(home), "report")
    assert settle(instance) == []

    settings = home.root.parent / "params.yaml"
    settings.write_text(settings.read_text().replace("min_new_gold: 1", "min_new_gold: 0"))
    subtitles = Workspace(home).films["film-077"].subtitles
    assert subtitles is not None
    subtitles.write_text("changed words\nin two lines")
    (request,) = tick(film_library, instance)
    assert request.partition_key == "film-077"
    made = computed(launch(request, instance))
    assert not {"shots", "faces", "soundtrack"} & made and {"dialogue", "text_features"} <= made
    assert films_wanted(recorded(home)) == [] and gold_wanted(recorded(home)) == [Wanted("gold", "", ANY, "gold_labels")]
    for expected in ("gold", "retrain"):
        (request,) = [*tick(annotation_inbox, instance), *tick(retraining, instance)]
        assert request.job_name == expected
        launch(request, instance)
    view = recorded(home)
    assert len(pages_wanted(view)) == 150  # each shows the model in use
    assert films_wanted(view) == gold_wanted(view) == [] and first_stale(view, MODEL_LINKS) is None


@rarely_on_postgres
def test_annotations_make_gold_and_all_after_it_stale_and_no_feature(home: Home, instance: dg.DagsterInstance) -> None:
    deliver(home, "first.csv", RATERS.rows())
    settle(instance)
    deliver(home, "second.csv", Simulated(lines=2, films=("film-001",), seed=5).rows())
    for request in tick(annotation_inbox, instance):
        launch(request, instance)
    view = recorded(home)
    assert films_wanted(view) == []
    assert [one.link for one in gold_wanted(view)] == ["annotations"]
