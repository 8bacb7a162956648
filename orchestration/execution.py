"""Running selections of assets in worker processes, and what came of it.

Each selection is one Dagster run, so that events, checks and versions are in the UI whoever started it. Workers are fresh processes
(two threads materialising at once in one process were seen to hang), write what libraries print to a log, and end themselves when
their parent is gone.
"""

import multiprocessing
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import dagster as dg

from assets.snapshot import write_stage_list
from assets.telling import ONLY_STALE_TAG
from assets.workspace import Workspace
from corpus.processes import end_with_parent
from orchestration.instance import dagster_instance, prepare_dagster_home, sync_partitions

if TYPE_CHECKING:
    from dagster._core.execution.plan.objects import StepFailureData

HOST_TAG, PID_TAG = "feelm/host", "feelm/pid"


@dataclass(frozen=True)
class Job:
    """Assets to materialise in one run, for one partition where they have one, and tags of the run."""

    assets: tuple[str, ...]
    partition: str = ""
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What a run did: `failures` holds one line per failed step or blocking check."""

    job: Job
    run_id: str
    failures: tuple[str, ...] = field(default=())

    @property
    def succeeded(self) -> bool:
        """No step and no blocking check failed."""
        return not self.failures


def execute(job: Job) -> Outcome:
    """Materialise the job's assets with their checks, on the instance of DAGSTER_HOME; for a process of its own."""
    from orchestration.definitions import defs

    with dagster_instance() as instance:
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(name) for name in job.assets],
            partition_key=job.partition or None,
            run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
            tags={**dict(job.tags), ONLY_STALE_TAG: "true", HOST_TAG: platform.node(), PID_TAG: str(os.getpid())},
            raise_on_error=False,
        )
    return Outcome(job, result.run_id, tuple(failures_of(result.all_events)))


def failures_of(events: Sequence[dg.DagsterEvent]) -> Iterator[str]:
    """One line a blocking check that failed and a step that failed otherwise, of a run's events."""
    for evaluation in failed_checks(events):
        yield f"{evaluation.asset_key.to_user_string()}, {evaluation.check_name}: {evaluation.description}"
    yield from other_failures(events)


def failed_checks(events: Iterable[dg.DagsterEvent]) -> list[dg.AssetCheckEvaluation]:
    """The blocking checks that failed with ERROR, and so stopped the run whose events these are."""
    checks = [event.asset_check_evaluation_data for event in events if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION]
    return [check for check in checks if not check.passed and check.blocking and check.severity is dg.AssetCheckSeverity.ERROR]


def other_failures(events: Iterable[dg.DagsterEvent]) -> list[str]:
    """One line a step that failed otherwise than by its checks."""
    told = [(event.step_key, _message(event.step_failure_data)) for event in events if event.is_step_failure]
    return [f"{step}: {message}" for step, message in told if "DagsterAssetCheckFailedError" not in message]


def _message(failure: "StepFailureData") -> str:
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error.cause if failure.error and failure.error.cause else failure.error
    return error.message.strip().splitlines()[0] if error else "unknown error"


Readiness = Callable[[Sequence[Job]], Iterable[Job]]
"""Gives jobs in whatever order they can be run."""


def execute_all(jobs: Sequence[Job], workers: int, log: Path, ready: Readiness = iter) -> Iterator[Outcome]:
    """Run jobs in up to `workers` processes, each when it is `ready`, yielding outcomes as they come; what the processes print is added
    to `log`.
    """
    if not jobs:
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    threads = max(1, (os.cpu_count() or 1) // min(workers, len(jobs)))
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_start_worker, initargs=(log, threads)) as pool:
        finished: SimpleQueue[Future[Outcome]] = SimpleQueue()
        under_way = 0
        for job in ready(jobs):
            pool.submit(execute, job).add_done_callback(finished.put)
            under_way += 1
            while not finished.empty():
                under_way -= 1
                yield finished.get().result()
        for _ in range(under_way):
            yield finished.get().result()


def _start_worker(log: Path, threads: int) -> None:
    """Share the cores, and send what is printed to the log at the level of file descriptors: native libraries print too."""
    # Before torch is loaded: more threads than cores make them wait for each other in a loop.
    os.environ |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    end_with_parent()


@contextmanager
def ready_instance(workspace: Workspace) -> Iterator[dg.DagsterInstance]:
    """The home's instance once no dead run holds it up, which knows the films and batches of today; DVC's list of links does too."""
    prepare_dagster_home(workspace)
    with dagster_instance() as instance:
        close_dead_runs(instance)
        sync_partitions(workspace, instance)
        write_stage_list(workspace)
        yield instance


def close_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs of this machine's `feelm` processes that are gone as failed, and free what they held of pools; returns how many.

    On Postgres others run beside us, and the number of a process says nothing there.
    """
    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]
    dead = [
        run
        for run in instance.get_runs(filters=dg.RunsFilter(statuses=unfinished))
        if PID_TAG in run.tags and run.tags.get(HOST_TAG, platform.node()) == platform.node() and not _alive(int(run.tags[PID_TAG]))
    ]
    for run in dead:
        instance.report_run_failed(run, "the process was ended before the run was finished")
        # The daemon would do it some minutes later; without one the next run would wait for the slot for ever.
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(dead)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
