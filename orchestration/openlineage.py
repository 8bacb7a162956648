"""`feelm openlineage`: Dagster's event log and the stamps, as OpenLineage events for whoever asks.

Nothing is sent by itself. Steps that found their artifact fresh made nothing and give no event.
"""

import json
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
from dagster import DagsterEventType

from assets.ancestry import Stamp, Thing, products
from assets.lineage import read_known
from assets.openlineage import Made, Step, run_events
from assets.workspace import Workspace
from corpus.paths import Home, write_text
from corpus.terms import FeelmError
from orchestration.instance import prepare_dagster_home
from orchestration.materialisations import Materialisation, link_of, read_materialisations, thing_of

TIMEOUT_S = 30.0


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
    steps: dict[tuple[str, str, str], list[Materialisation]] = {}
    for event in read_materialisations(workspace):
        if event.computed and link_of(event) is not None:
            steps.setdefault((event.run_id, event.step_key, event.partition), []).append(event)
    if not workspace.home.dagster.is_dir():
        return
    prepare_dagster_home(workspace)
    with dg.DagsterInstance.get() as instance:
        runs = {run.run_id: run for run in instance.get_runs()}
        starts = {run_id: _starts(instance, run_id) for run_id in runs}
        for (run_id, step_key, partition), events in steps.items():
            if run_id in runs:
                yield _step(runs[run_id].job_name, partition, starts[run_id].get(step_key), events)
        for run in runs.values():
            yield from _failures(instance, run, starts[run.run_id])


def _starts(instance: dg.DagsterInstance, run_id: str) -> dict[str, float]:
    return {step.step_key: step.start_time for step in instance.get_run_step_stats(run_id) if step.start_time is not None}


def _step(job: str, partition: str, started_s: float | None, events: Sequence[Materialisation]) -> Step:
    first, ended_s = events[0], max(event.at_s for event in events)
    link = link_of(first)
    made = tuple(Made(thing_of(event), event.n_rows, event.n_bytes if len(events) == 1 else None) for event in events)
    name = link[0].name if link is not None else first.step_key
    return Step(first.run_id, job, name, partition, ended_s if started_s is None else started_s, ended_s, made)


def _failures(instance: dg.DagsterInstance, run: dg.DagsterRun, starts: dict[str, float]) -> Iterator[Step]:
    """The steps of a run that failed, by their own names: checks too."""
    partition = run.tags.get("dagster/partition", "")
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
