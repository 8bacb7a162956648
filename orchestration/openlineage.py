"""`feelm openlineage`: Dagster's event log and the stamps, as OpenLineage events for whoever asks.

The log is read as it is, whoever started the runs; a home in which nothing ran under Dagster gives no event, nor do steps that found their
artifact fresh. Nothing is sent by itself.
"""

import json
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEventType

from assets.ancestry import Stamp, Thing, products
from assets.chain import MADE_BY
from assets.lineage import read_known
from assets.openlineage import Made, Step, run_events
from assets.workspace import Workspace
from corpus.datasets.registry import CORPORA
from corpus.paths import Home, write_text
from corpus.terms import FeelmError
from orchestration.instance import dagster_instance, prepare_dagster_home
from orchestration.launching import PARTITION_TAG

TIMEOUT_S = 30.0
PAGE = 1000
"""Events read at once."""

PRODUCTS: dict[str, tuple[str, str]] = {
    "report": ("reports", ""),
    **{asset: (output, name) for name, corpus in CORPORA.items() for output, asset in corpus.assets.items()},
}
"""Output and key of the assets that are not called after their output."""


@dataclass(frozen=True)
class _Materialisation:
    """One event of an asset that was computed; `at_s` are seconds since 1970."""

    run_id: str
    step_key: str
    partition: str
    at_s: float
    made: Made


def read_events(home: Home) -> list[str]:
    """The events of every finished step that Dagster remembers, each as JSON, in order of time."""
    workspace = Workspace(home)
    steps = list(read_steps(workspace))
    return [json.dumps(event, ensure_ascii=False, sort_keys=True) for event in run_events(workspace, steps, stamps_by_product(workspace))]


def stamps_by_product(workspace: Workspace) -> dict[Thing, Stamp]:
    """By artifact and version how it was made, as the home and its registered models remember it."""
    histories = read_known(workspace).histories
    return {product: stamp for history in reversed(histories) for stamp in history.stamps for product in products(stamp)}


def read_steps(workspace: Workspace) -> Iterator[Step]:
    """Each step that made something, by run and partition, then each that failed."""
    if not workspace.home.dagster.is_dir():
        return
    prepare_dagster_home(workspace)
    with dagster_instance() as instance:
        steps: dict[tuple[str, str, str], list[_Materialisation]] = defaultdict(list)
        for key in instance.all_asset_keys():
            for event in _computed(instance, key):
                steps[event.run_id, event.step_key, event.partition].append(event)
        runs = {run.run_id: run for run in instance.get_runs()}
        starts = {run_id: _starts(instance, run_id) for run_id in runs}
        for (run_id, step_key, _), events in steps.items():
            if run_id in runs:
                yield _step(runs[run_id].job_name, starts[run_id].get(step_key), events)
        for run in runs.values():
            yield from _failures(instance, run, starts[run.run_id])


def _computed(instance: dg.DagsterInstance, key: dg.AssetKey) -> Iterator[_Materialisation]:
    """What an asset was computed to, the newest first."""
    cursor, has_more = None, True
    while has_more:
        page = instance.fetch_materializations(key, limit=PAGE, cursor=cursor)
        found = (_materialisation(key.to_user_string(), record) for record in page.records)
        yield from (one for one in found if one is not None)
        cursor, has_more = page.cursor, page.has_more


def _materialisation(asset: str, record: dg.EventLogRecord) -> _Materialisation | None:
    """None where the run only recorded what it found, and of an asset that this graph has no more."""
    event = record.asset_materialization
    version = (event.tags or {}).get("dagster/data_version") if event is not None else None
    if event is None or version is None or _figure(event, "computed") is False:
        return None
    thing = Thing(*PRODUCTS.get(asset, (asset, event.partition or "")), version)
    made = Made(thing, _figure(event, "dagster/row_count"), _figure(event, "written_bytes"))
    step_key = record.event_log_entry.step_key or asset
    return _Materialisation(record.run_id, step_key, event.partition or "", record.timestamp, made) if thing.name in MADE_BY else None


def _figure(event: dg.AssetMaterialization, name: str) -> Any:
    value = event.metadata.get(name)
    return None if value is None else value.value


def _starts(instance: dg.DagsterInstance, run_id: str) -> dict[str, float]:
    return {step.step_key: step.start_time for step in instance.get_run_step_stats(run_id) if step.start_time is not None}


def _step(job: str, started_s: float | None, events: Sequence[_Materialisation]) -> Step:
    first, ended_s = events[0], max(event.at_s for event in events)
    made = tuple(event.made if len(events) == 1 else replace(event.made, n_bytes=None) for event in events)
    return Step(
        first.run_id, job, MADE_BY[first.made.thing.name], first.partition, ended_s if started_s is None else started_s, ended_s, made
    )


def _failures(instance: dg.DagsterInstance, run: dg.DagsterRun, starts: dict[str, float]) -> Iterator[Step]:
    """The steps of a run that failed, by their own names: checks too."""
    partition = run.tags.get(PARTITION_TAG, "")
    for record in instance.get_records_for_run(run.run_id, of_type=DagsterEventType.STEP_FAILURE).records:
        entry = record.event_log_entry
        event = entry.get_dagster_event()
        error = event.step_failure_data.error
        message = (error.cause or error).message.strip() if error is not None else "not noted"
        name = entry.step_key or run.job_name
        yield Step(run.run_id, run.job_name, name, partition, starts.get(name, entry.timestamp), entry.timestamp, (), message)


def write_events(events: Sequence[str], path: Path) -> None:
    """One event a line."""
    write_text(path, "".join(f"{event}\n" for event in events))


def post(events: Sequence[str], url: str) -> None:
    """Post each event to an OpenLineage server's address (`.../api/v1/lineage`).

    Raises:
        FeelmError: the server cannot be reached, or refuses an event.
    """
    if not url.startswith(("http://", "https://")):
        raise FeelmError(f"{url!r} is no address of a server: give one such as http://localhost:5000/api/v1/lineage")
    for number, event in enumerate(events, start=1):
        request = urllib.request.Request(url, event.encode(), {"Content-Type": "application/json"}, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S):
                pass
        except OSError as error:
            raise FeelmError(f"{url} did not take event {number} of {len(events)}: {error}") from error
