"""From what is wanted to runs that Dagster starts: each content in flight once, and given up after some attempts.

The runs themselves are the memory: a tag says what a run was for, so that a daemon that was killed between starting a run and noting it
finds it again. What failed ATTEMPTS times waits until its content, code or settings change, and is told by name.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from assets.telling import ONLY_STALE_TAG
from orchestration.wanted import FILM_JOB, Wanted

NEEDS_TAG = "feelm/needs"
LINK_TAG = "feelm/stale_link"
PARTITION_TAG = "dagster/partition"
BATCH_TAG = "feelm/batch"
"""Of a film's run that a batch recorded it by: the batch's run."""
ATTEMPTS = 3
AT_MOST = 25
"""Runs that one tick asks for; the next tick asks for the rest, as the queue gets free."""

NAMED = 10
"""Runs under way that a tick names."""

FILM_BATCH_JOB, FILM_BATCH_OP = "film_batch", "make_films"
MOST_OF_A_BATCH = 200
"""Films that one run hands to a cluster: what is new meanwhile gets a batch of its own beside it."""

UNFINISHED = [
    status
    for status in dg.DagsterRunStatus
    if status not in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
]


def run_requests(instance: dg.DagsterInstance, wanted: Sequence[Wanted], at_most: int = AT_MOST) -> tuple[list[dg.RunRequest], list[str]]:
    """The runs to ask for now, and what is given up or waits, in words."""
    free, left, told = _free(instance, wanted, at_most)
    more = [f"{left} more wait for the next tick"] if left else []
    return [_request(one, tried) for one, tried in free], told + more


def batch_requests(instance: dg.DagsterInstance, wanted: Sequence[Wanted]) -> tuple[list[dg.RunRequest], list[str]]:
    """As `run_requests` for films that a cluster computes: those that are not in a batch already, in one run."""
    free, _, told = _free(instance, wanted, MOST_OF_A_BATCH)
    if not free:
        return [], told
    batch = {one.partition: one.needs for one, _ in free}
    whole = Wanted(FILM_BATCH_JOB, "", hashlib.sha256(json.dumps(batch, sort_keys=True).encode()).hexdigest(), free[0][0].link)
    tried = _tried(instance, whole)
    if tried >= ATTEMPTS:
        return [], [*told, _given_up_words(whole, tried)]
    return [_request(whole, tried, {"ops": {FILM_BATCH_OP: {"config": {"films": batch}}}})], told


def _free(instance: dg.DagsterInstance, wanted: Sequence[Wanted], at_most: int) -> tuple[list[tuple[Wanted, int]], int, list[str]]:
    """What may run now, with how often it was tried; how many are left for later; and what runs or is given up, in words."""
    free: list[tuple[Wanted, int]] = []
    waiting, told = _not_in_flight(instance, wanted)
    for one in waiting:
        if len(free) >= at_most:
            return free, len(waiting) - len(free), told
        if (tried := _tried(instance, one)) >= ATTEMPTS:
            told.append(_given_up_words(one, tried))
        else:
            free.append((one, tried))
    return free, 0, told


def _not_in_flight(instance: dg.DagsterInstance, wanted: Sequence[Wanted]) -> tuple[list[Wanted], list[str]]:
    """What does not run yet, and the rest in words; each tick keeps these, so that of thousands only some are named."""
    running = in_flight(instance, wanted)
    told = [f"{_named(one)} runs" for one in wanted if one in running]
    more = [f"{len(told) - NAMED} more run"] if len(told) > NAMED else []
    return [one for one in wanted if one not in running], told[:NAMED] + more


def _in_batches(instance: dg.DagsterInstance) -> set[str]:
    """Films of batches that are not finished."""
    runs = instance.get_runs(dg.RunsFilter(job_name=FILM_BATCH_JOB, statuses=UNFINISHED))
    configs: list[Any] = [run.run_config for run in runs]
    return {film_id for config in configs for film_id in config["ops"][FILM_BATCH_OP]["config"]["films"]}


def given_up(instance: dg.DagsterInstance, wanted: Sequence[Wanted]) -> list[Wanted]:
    """What is wanted, not in flight, and was tried often enough."""
    if not wanted:
        return []
    running, ever = in_flight(instance, wanted), dict(instance.run_storage.get_run_tags([NEEDS_TAG])).get(NEEDS_TAG, set())
    return [one for one in wanted if one.needs in ever and one not in running and _tried(instance, one) >= ATTEMPTS]


def _tried(instance: dg.DagsterInstance, one: Wanted) -> int:
    """How many runs there were for this content."""
    return instance.get_runs_count(dg.RunsFilter(tags={NEEDS_TAG: one.needs}))


def failing_films(instance: dg.DagsterInstance, film_ids: Sequence[str]) -> list[str]:
    """Films of which a blocking check failed on what stands there now, each with the first of them: "film (asset: check)"."""
    return [f"{film_id} ({check})" for film_id, check in sorted(failing_checks(instance, film_ids).items())]


def failing_checks(instance: dg.DagsterInstance, film_ids: Sequence[str]) -> dict[str, str]:
    """By film the first blocking check that failed on what stands there now, as "asset: check"."""
    from orchestration.checks import FILM_CHECKS

    keys = [spec.key for definition in FILM_CHECKS for spec in definition.check_specs if spec.blocking]
    found = instance.event_log_storage.get_asset_check_partition_info(keys, partition_keys=film_ids)
    failed = [info for info in found if info.latest_execution_status is AssetCheckExecutionRecordStatus.FAILED and info.is_current]
    first: dict[str, str] = {}
    for info in failed:
        if info.partition_key is not None and info.partition_key not in first and _stops(instance, info.check_key, info.partition_key):
            first[info.partition_key] = f"{info.check_key.asset_key.to_user_string()}: {info.check_key.name}"
    return first


def _stops(instance: dg.DagsterInstance, check: dg.AssetCheckKey, partition: str | None) -> bool:
    """Whether the check's last evaluation was an error, and no warning."""
    of_film = PartitionKeyFilter(key=partition)
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([check], partition_filter=of_film)[check]
    evaluation = record.event.asset_check_evaluation if record.event else None
    return evaluation is not None and evaluation.severity is dg.AssetCheckSeverity.ERROR


def in_flight(instance: dg.DagsterInstance, wanted: Collection[Wanted]) -> set[Wanted]:
    """What is wanted of which a run of the same job and partition, or a batch with the film, is not finished, for whatever content.

    The runs are read once: thousands of films may be wanted, and as many may run.
    """
    jobs = {one.job for one in wanted}
    runs = [run for job in sorted(jobs) for run in instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNFINISHED))]
    partitions = {(run.job_name, partition) for run in runs for partition in ("", run.tags.get(PARTITION_TAG))}
    batched = _in_batches(instance) if FILM_JOB in jobs else set()
    return {one for one in wanted if (one.job, one.partition) in partitions or (one.job == FILM_JOB and one.partition in batched)}


def _request(one: Wanted, tried: int, config: dict[str, Any] | None = None) -> dg.RunRequest:
    # The key keeps two ticks from starting one run each before the first is stored.
    return dg.RunRequest(
        run_key=f"{one.job} {one.partition} {one.needs} {tried + 1}",
        job_name=one.job,
        partition_key=one.partition or None,
        run_config=config,
        tags={NEEDS_TAG: one.needs, LINK_TAG: one.link, ONLY_STALE_TAG: "true"},
    )


def _given_up_words(one: Wanted, tried: int) -> str:
    return f"{_named(one)} failed {tried} times at {one.link}: see its runs; it is tried again when something of it changes"


def _named(one: Wanted) -> str:
    return f"{one.job} {one.partition}".strip()
