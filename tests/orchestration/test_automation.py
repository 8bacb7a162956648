"""What Dagster does by itself: the right things, once, and nothing lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.recorded import recorded
from assets.telling import ONLY_STALE_TAG
from assets.workspace import Workspace
from corpus.paths import Home
from orchestration.definitions import defs
from orchestration.launching import ATTEMPTS, NEEDS_TAG, run_requests
from orchestration.sensors import annotation_inbox, film_library, retraining, weekly_retraining
from orchestration.wanted import FILM_LINKS, Wanted, films_wanted, gold_wanted, new_gold, pages_wanted
from tests.orchestration.stub_chain import stub_home, work_through_films
from tests.simulated_raters import Simulated, write_csv

Sensor = dg.SensorDefinition


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = stub_home(tmp_path, 3, monkeypatch)
    work_through_films(made)
    return made


def tick(sensor: Sensor, instance: dg.DagsterInstance, cursor: str | None = None) -> list[dg.RunRequest]:
    """One tick as the daemon makes it: partitions are added, and the runs that are asked for are returned."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor, definitions=defs)
    found = sensor.evaluate_tick(context)
    for request in found.dynamic_partitions_requests or []:
        assert isinstance(request, dg.AddDynamicPartitionsRequest)
        instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    return list(found.run_requests or [])


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


def deliver(home: Home, name: str, rows: list[dict[str, object]], age_s: float = 60) -> Path:
    """A file in the inbox to which nothing was written for a while."""
    path = write_csv(home.inbox / name, rows)
    old(path, age_s)
    return path


def old(path: Path, age_s: float) -> None:
    os.utime(path, (time.time() - age_s,) * 2)


@pytest.fixture(autouse=True)
def times_by_writing_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test cannot set back when a file was changed: so only when it was written counts here."""
    monkeypatch.setattr("corpus.arrivals.SETTLED_S", 5.0)


RATERS = Simulated(lines=2, films=("film-000", "film-001", "film-002"))


def test_nothing_is_wanted_of_a_home_that_is_up_to_date(home: Home, instance: dg.DagsterInstance) -> None:
    assert films_wanted(recorded(home)) == []
    assert tick(film_library, instance) == []


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


def test_a_tick_asks_for_a_bounded_number_of_runs(instance: dg.DagsterInstance) -> None:
    many = [Wanted("film_chain", f"film-{number}", str(number), "film") for number in range(10)]
    asked, told = run_requests(instance, many, at_most=4)
    assert len(asked) == 4 and told == ["6 more wait for the next tick"]
