"""Of twenty films three are missing and two failed: whoever asks, exactly these five are computed, some at a time, and never twice."""

import dataclasses
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from assets.chain import STAGES
from assets.partitions import films
from assets.recorded import recorded
from assets.telling import BACKFILL_TAG, ONLY_STALE_TAG, passes_over_fresh
from assets.workspace import Workspace
from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.instance import prepare_dagster_home, sync_partitions
from orchestration.launching import PARTITION_TAG, run_requests
from orchestration.wanted import FILM_LINKS, films_wanted
from tests.conftest import REPOSITORY
from tests.orchestration.in_process_definitions import defs
from tests.orchestration.stub_chain import put_stand_ins, record_in_dagster, stub_home, work_through

FILMS = [f"film-{number:03d}" for number in range(20)]
MISSING, FAILED = ["film-003", "film-010", "film-019"], ["film-007", "film-012"]
DONE = [film for film in FILMS if film not in (*MISSING, *FAILED)]
SLOTS = 2


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance of such a home with the project's settings, but that runs which leave the queue run at once, in this process."""
    put_stand_ins(monkeypatch)
    for name in ("FEELM_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")  # put back at the end: preparing a home sets them
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        home = stub_home(Path(folder), len(FILMS))
        work_through(home, FILM_LINKS, DONE)
        work_through(home, FILM_LINKS[:2], FAILED)
        settings = prepare_dagster_home(Workspace(home)) / "dagster.yaml"
        launcher = {"module": "dagster._core.launcher.sync_in_memory_run_launcher", "class": "SyncInMemoryRunLauncher"}
        settings.write_text(yaml.safe_dump(yaml.safe_load(settings.read_text()) | {"run_launcher": launcher}))
        with dg.DagsterInstance.get() as made:
            sync_partitions(Workspace(home), made)
            record_in_dagster(home, made, ("dialogue",), DONE)
            fail(made, monkeypatch)
            yield made


def fail(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two films whose dialogue could not be made."""

    def no_room(*_: object) -> object:
        raise FeelmError("the disk is full")

    with monkeypatch.context() as full:
        full.setitem(STAGES, "dialogue", dataclasses.replace(STAGES["dialogue"], build=no_room))
        for film in FAILED:
            launch(instance, film, {ONLY_STALE_TAG: "true"})


def launch(instance: dg.DagsterInstance, film: str, tags: dict[str, str]) -> None:
    job = defs.resolve_job_def("film_chain")
    job.execute_in_process(instance=instance, partition_key=film, tags=tags, raise_on_error=False)


def computed(instance: dg.DagsterInstance, runs: list[dg.DagsterRun]) -> dict[str, set[str]]:
    """By film the assets that runs made anew."""
    made: dict[str, set[str]] = {}
    for run in runs:
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
            event = entry.asset_materialization
            if event is not None and event.metadata["computed"].value:
                made.setdefault(run.tags[PARTITION_TAG], set()).add(event.asset_key.to_user_string())
    return made


def test_the_sensor_asks_for_what_is_missing_or_failed_some_at_a_time_and_then_for_nothing(instance: dg.DagsterInstance) -> None:
    home, batches = Home.from_environment(), []
    before = {run.run_id for run in instance.get_runs()}
    while asked := run_requests(instance, films_wanted(recorded(home)), at_most=SLOTS)[0]:
        batches.append([str(request.partition_key) for request in asked])
        for request in asked:
            launch(instance, str(request.partition_key), dict(request.tags))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert sorted(film for batch in batches for film in batch) == sorted([*MISSING, *FAILED])
    made = computed(instance, [run for run in instance.get_runs() if run.run_id not in before])
    assert made.keys() == {*MISSING, *FAILED}
    assert all("shots" in made[film] for film in MISSING) and not any("shots" in made[film] for film in FAILED)


def backfill(instance: dg.DagsterInstance, films: list[str], name: str) -> list[dg.DagsterRun]:
    """A backfill of all links of these films as the UI launches it, worked through by the daemon's own loops; its runs."""
    graph = defs.resolve_asset_graph()
    chosen = [key for key in graph.get_all_asset_keys() if graph.get(key).group_name in ("films", "dialogue", "features")]
    instance.add_backfill(
        PartitionBackfill.from_asset_partitions(
            backfill_id=name, asset_graph=graph, partition_names=films, asset_selection=chosen, backfill_timestamp=1e9, tags={},
            dynamic_partitions_store=instance, all_partitions=False, title=None, description=None, run_config=None,
        )
    )  # fmt: skip
    target = ModuleTarget("tests.orchestration.in_process_definitions", None, str(REPOSITORY), "feelm")
    queue = QueuedRunCoordinatorDaemon(interval_seconds=1)
    with create_test_daemon_workspace_context(target, instance) as context:
        for _ in range(3 * len(films)):
            list(execute_backfill_iteration(context, logging.getLogger("backfill")))
            finished = count(instance, name, dg.DagsterRunStatus.SUCCESS)
            list(queue.run_iteration(context))
            assert count(instance, name, dg.DagsterRunStatus.SUCCESS) - finished <= 1, "a backfill holds one slot of the queue"
            found = instance.get_backfill(name)
            if found is not None and found.status is BulkActionStatus.COMPLETED_SUCCESS:
                break
    return list(instance.get_runs(dg.RunsFilter(tags={BACKFILL_TAG: name})))


def count(instance: dg.DagsterInstance, name: str, status: dg.DagsterRunStatus) -> int:
    return instance.get_runs_count(dg.RunsFilter(tags={BACKFILL_TAG: name}, statuses=[status]))


@pytest.mark.slow
def test_a_backfill_over_all_films_computes_the_five_and_a_second_one_none(instance: dg.DagsterInstance) -> None:
    first = backfill(instance, FILMS, "first")
    assert len(first) == len(FILMS) and {run.status for run in first} == {dg.DagsterRunStatus.SUCCESS}
    made = computed(instance, first)
    assert made.keys() == {*MISSING, *FAILED}
    assert not any("shots" in made[film] for film in FAILED)
    assert computed(instance, backfill(instance, [*MISSING, *FAILED], "second")) == {}


def test_dagster_knows_the_five_as_failed_or_missing_so_that_its_ui_can_ask_for_them_alone(instance: dg.DagsterInstance) -> None:
    status = get_and_update_asset_status_cache_value(instance, dg.AssetKey("dialogue"), films)
    assert status is not None
    failed = set(status.deserialize_failed_partition_subsets(films).get_partition_keys())
    made = set(status.deserialize_materialized_partition_subsets(films).get_partition_keys())
    assert sorted(failed) == FAILED
    assert sorted(set(FILMS) - made - failed) == MISSING


@pytest.mark.parametrize(
    ("tags", "passes"),
    [
        ({}, False),
        ({ONLY_STALE_TAG: "true"}, True),
        ({BACKFILL_TAG: "abc"}, True),
        ({BACKFILL_TAG: "abc", ONLY_STALE_TAG: "false"}, False),
    ],
)
def test_a_backfill_passes_over_what_is_fresh_unless_told_otherwise_and_one_partition_by_hand_is_done(
    tags: dict[str, str], passes: bool
) -> None:
    assert passes_over_fresh(tags) is passes
