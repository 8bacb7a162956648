"""Films for a cluster: one run for many, each film asked for once, recorded and told by a run of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg
import pytest

from assets.chain import AHEAD, read_stamp
from assets.compute.cluster import Compute
from assets.compute.work import FilmDone, FilmWork, make_film
from assets.workspace import Workspace
from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.definitions import defs
from orchestration.instance import prepare_dagster_home
from orchestration.launching import ATTEMPTS, BATCH_TAG, NEEDS_TAG, in_flight
from orchestration.run import run_chain
from orchestration.sensors import film_library
from orchestration.wanted import Wanted
from tests.orchestration.stub_chain import stub_home
from tests.orchestration.test_run import home_of_stand_ins, one_after_another
from tests.orchestration.ticks import tick
from tests.storage import FILES, using

pytestmark = pytest.mark.long

FILMS = ("film-000", "film-001")
LOST = "the worker was lost 3 times"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home of two films in which nothing was run, whose films a cluster computes: this process stands for it."""
    monkeypatch.setenv("FEELM_COMPUTE", "ray")
    monkeypatch.setattr("orchestration.ahead.on_cluster", made_here)
    monkeypatch.setattr("orchestration.execution.execute_all", one_after_another)
    with using(FILES), home_of_stand_ins() as made:
        prepare_dagster_home(Workspace(made))
        yield made


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.get() as found:
        yield found


def made_here(workspace: Workspace, works: Sequence[FilmWork], show_logs: bool) -> Iterator[FilmDone]:
    yield from (make_film(workspace, work) for work in works)


def loses_the_second(workspace: Workspace, works: Sequence[FilmWork], show_logs: bool) -> Iterator[FilmDone]:
    for work in works:
        yield FilmDone(work.film_id, failure=LOST) if work.film_id == FILMS[1] else make_film(workspace, work)


def launch(request: dg.RunRequest, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = defs.resolve_job_def(str(request.job_name))
    return job.execute_in_process(instance=instance, run_config=request.run_config, tags=dict(request.tags))


def runs_of(film_id: str, instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    return list(instance.get_runs(dg.RunsFilter(tags={"dagster/partition": film_id})))


def test_all_stale_films_are_asked_for_in_one_run_and_then_no_more(home: Home, instance: dg.DagsterInstance) -> None:
    (request,) = tick(film_library, instance)
    assert request.job_name == "film_batch" and set(request.run_config["ops"]["make_films"]["config"]["films"]) == set(FILMS)
    assert launch(request, instance).success
    assert tick(film_library, instance) == []


def test_what_is_new_while_a_batch_runs_gets_a_batch_of_its_own(home: Home, instance: dg.DagsterInstance) -> None:
    (first,) = tick(film_library, instance)
    batch = defs.resolve_job_def("film_batch")
    instance.create_run_for_job(batch, status=dg.DagsterRunStatus.STARTED, tags=dict(first.tags), run_config=dict(first.run_config))
    assert tick(film_library, instance) == []
    other = stub_home(home.root.parent / "other", 3)
    (home.root / "films.yaml").write_text(other.catalogue.read_text())
    assert in_flight(instance, [Wanted("film_chain", FILMS[0], "other content", "film")]), "the weekly schedule waits for it too"
    (second,) = tick(film_library, instance)
    assert set(second.run_config["ops"]["make_films"]["config"]["films"]) == {"film-002"}


def test_each_film_of_a_batch_has_a_run_that_tells_versions_and_cost_and_names_the_batch(home: Home, instance: dg.DagsterInstance) -> None:
    (request,) = tick(film_library, instance)
    batch = launch(request, instance)
    needs = request.run_config["ops"]["make_films"]["config"]["films"]
    for film_id in FILMS:
        (run,) = runs_of(film_id, instance)
        assert (run.status, run.tags[BATCH_TAG], run.tags[NEEDS_TAG]) == (dg.DagsterRunStatus.SUCCESS, batch.run_id, needs[film_id])
        stamp = read_stamp(Workspace(home), "text_features", film_id)
        record = instance.fetch_materializations(dg.AssetRecordsFilter(dg.AssetKey("text_features"), [film_id]), limit=1).records[0]
        event = record.asset_materialization
        assert stamp is not None and event is not None and event.tags is not None
        assert event.tags["dagster/data_version"] == stamp["outputs"]["text_features"] and stamp["dagster_run"] == run.run_id
        assert event.metadata["computed"].value is True and event.metadata["written_bytes"].value == stamp["cost"]["written_bytes"] > 0


def test_a_later_run_over_the_same_film_tells_no_cost(home: Home, instance: dg.DagsterInstance) -> None:
    (request,) = tick(film_library, instance)
    launch(request, instance)
    launch(request, instance)
    records = instance.fetch_materializations(dg.AssetRecordsFilter(dg.AssetKey("scenes"), [FILMS[0]]), limit=2).records
    assert [bool(record.asset_materialization.metadata["computed"].value) for record in records if record.asset_materialization] == [
        False,
        True,
    ]


def test_a_film_that_the_cluster_loses_fails_in_its_own_run_and_is_not_computed_there(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.ahead.on_cluster", loses_the_second)
    (request,) = tick(film_library, instance)
    assert launch(request, instance).success
    assert [run.status for run in runs_of(FILMS[0], instance)] == [dg.DagsterRunStatus.SUCCESS]
    assert [run.status for run in runs_of(FILMS[1], instance)] == [dg.DagsterRunStatus.FAILURE]
    assert read_stamp(Workspace(home), "film", FILMS[1]) is None
    for _ in range(ATTEMPTS - 1):
        (request,) = tick(film_library, instance)
        assert set(request.run_config["ops"]["make_films"]["config"]["films"]) == {FILMS[1]}
        launch(request, instance)
    assert tick(film_library, instance) == [], "what failed often enough waits until it changes"


def test_feelm_run_tells_which_film_the_cluster_lost_and_records_the_others(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.ahead.on_cluster", loses_the_second)
    report = run_chain(Workspace(home))
    (told,) = report.failures[f"films {FILMS[1]}"]
    assert told.endswith(LOST) and f"films {FILMS[0]}" not in report.failures


def test_what_a_cluster_made_and_nobody_recorded_is_recorded_by_the_next_run(home: Home, instance: dg.DagsterInstance) -> None:
    make_film(Workspace(home), FilmWork(FILMS[0], ("film", "film_scan"), dagster_run=AHEAD))
    run_chain(Workspace(home))
    stamp = read_stamp(Workspace(home), "film_scan", FILMS[0])
    assert stamp is not None and stamp["dagster_run"] in {run.run_id for run in runs_of(FILMS[0], instance)}


def test_a_place_to_compute_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_COMPUTE", "cloud")
    with pytest.raises(FeelmError, match="FEELM_COMPUTE=cloud: there are local, ray"):
        Compute.current()
