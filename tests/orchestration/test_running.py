"""How runs are run: what is tried again, what waits for what, how long things are kept."""

import multiprocessing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import RunFailureReason
from dagster._core.execution.retries import auto_reexecution_should_retry_run
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._core.scheduler.instigation import InstigatorType, TickStatus
from dagster._core.utils import make_new_run_id
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import TagConcurrencyLimitsCounter

from assets import running
from assets.workspace import Workspace
from corpus.devices import best_device
from corpus.paths import Home
from orchestration.definitions import ALL_ASSETS, defs
from orchestration.instance import prepare_dagster_home
from tests.orchestration.killed_once import execute
from tests.storage import Storage, rarely_on_postgres

DAY_S = 86400


@pytest.fixture
def folder(storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGSTER_HOME."""
    for name in ("FEELM_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")  # put back at the end: preparing a home sets them
    return prepare_dagster_home(Workspace(Home(tmp_path / "root" / ".feelm")))


@rarely_on_postgres
@pytest.mark.long
def test_a_step_whose_process_is_killed_is_tried_again_and_succeeds(folder: Path, tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=execute, args=(str(tmp_path / "mark"),))
    process.start()
    process.join()
    with dg.DagsterInstance.get() as instance:
        (done,) = instance.get_runs()
        assert done.is_success
        told = [entry.dagster_event for entry in instance.all_logs(done.run_id) if entry.dagster_event]
        kinds = [event.event_type for event in told if event.step_key == "killed_once"]
        assert dg.DagsterEventType.STEP_UP_FOR_RETRY in kinds and dg.DagsterEventType.STEP_SUCCESS in kinds
        (record,) = instance.fetch_materializations(dg.AssetKey("killed_once"), limit=2).records
        assert record.asset_materialization is not None
        metadata = record.asset_materialization.metadata
        assert metadata["first"].value != metadata["second"].value


def run(tags: dict[str, str] | None = None, status: dg.DagsterRunStatus = dg.DagsterRunStatus.NOT_STARTED) -> dg.DagsterRun:
    return dg.DagsterRun(job_name="j", run_id=make_new_run_id(), tags=tags or {}, status=status)


def test_a_run_whose_process_was_killed_is_started_again_twice_and_one_that_failed_is_not(folder: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        assert instance.run_retries_enabled
        first = instance.add_run(run(status=dg.DagsterRunStatus.FAILURE))
        assert auto_reexecution_should_retry_run(instance, first, RunFailureReason.UNKNOWN)
        assert not auto_reexecution_should_retry_run(instance, first, RunFailureReason.STEP_FAILURE)
        group = {"dagster/root_run_id": first.run_id, "dagster/parent_run_id": first.run_id}
        repeats = [
            instance.add_run(
                dg.DagsterRun(
                    job_name="j",
                    run_id=make_new_run_id(),
                    tags=group,
                    root_run_id=first.run_id,
                    parent_run_id=first.run_id,
                    status=dg.DagsterRunStatus.FAILURE,
                )
            )
            for _ in range(2)
        ]
        assert not auto_reexecution_should_retry_run(instance, repeats[-1], RunFailureReason.UNKNOWN)


def test_of_two_trainings_and_of_two_backfills_the_second_waits_and_holds_up_nothing_else(folder: Path) -> None:
    training = defs.resolve_job_def("retrain").tags
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        limits = instance.get_concurrency_config().run_queue_config
    assert limits is not None and limits.max_concurrent_runs == 2
    counter = TagConcurrencyLimitsCounter(limits.tag_concurrency_limits, [run(dict(training)), run({"dagster/backfill": "a"})])
    assert counter.is_blocked(run(dict(training)))
    assert counter.is_blocked(run({"dagster/backfill": "b"}))
    assert not counter.is_blocked(run())
    assert not counter.is_blocked(run({"feelm/one_at_a_time": "another kind"}))


def test_runs_have_an_end_and_ticks_are_not_kept_for_ever(folder: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == DAY_S
        days = instance.get_tick_retention_settings(InstigatorType.SENSOR)
        assert days[TickStatus.SKIPPED] == 7 and set(days.values()) <= set(range(1, 91))


def test_one_writes_with_dvc_at_a_time_wherever_the_runs_are() -> None:
    pools = {key.to_user_string(): asset.op.pool for asset in ALL_ASSETS for key in asset.keys}
    assert pools["dataset_snapshot"] == "dvc"
    assert {name for name, pool in pools.items() if pool} == {"dataset_snapshot"} | ({"face_features"} if running.gpu_pool() else set())


def test_the_pool_gpu_is_for_machines_whose_networks_run_on_one() -> None:
    assert (running.gpu_pool() == "gpu") == (best_device() == "cuda")


@pytest.mark.parametrize(
    ("driver", "torch", "visible", "pool"),
    [
        (True, "2.13.0", None, "gpu"),
        (True, "2.13.0", "0", "gpu"),
        (True, "2.13.0", "", None),
        (True, "2.13.0+cpu", None, None),
        (False, "2.13.0", None, None),
    ],
)
def test_a_machine_whose_gpu_is_absent_hidden_or_not_used_has_no_such_pool(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, driver: bool, torch: str, visible: str | None, pool: str | None
) -> None:
    monkeypatch.setattr(running, "DRIVER", tmp_path if driver else tmp_path / "none")
    monkeypatch.setattr(running, "version", {"torch": torch}.__getitem__)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert running.gpu_pool() == pool
