"""A home of thousands of films that are up to date, with the history that Dagster would have of them, made within minutes.

Artifacts are the stand-ins of `tests/orchestration/stub_chain.py`, stamped as `run_stage` stamps them; gold, registered models and the page
of the whole are made as in `benchmarks.lineage`. One film goes through real runs of its chain and its page, and every other film gets
copies of that film's rows in Dagster's tables, with its own id, runs and content versions: nothing tells them from films that ran.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as db
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetEventTagsTable, SqlEventLogStorageTable
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable

from assets.chain import STAGES, needs_of, output_path, read_stamp, run_stage
from assets.workspace import Workspace
from benchmarks.lineage import teach_home
from corpus.paths import Home, write_json
from orchestration.due import assets_of_film
from orchestration.execution import Job, execute
from orchestration.instance import dagster_instance, prepare_dagster_home, sync_partitions
from orchestration.wanted import FILM_LINKS, GOLD_LINKS, MODEL_LINKS
from tests.orchestration.stub_chain import record_in_dagster, stub_home

PAGE = "film_report"
LINES = 2
COST = {"wall_s": 0.1, "cpu_s": 0.1, "gpu_s": 0.0, "written_bytes": 1000}
OF_TIMES = ("face_features", "voice_features", "scene_features")
"""Links whose stand-ins read the units' times alone, which are the same in all films."""

AT_ONCE = 100
"""Films whose rows are written in one statement."""

Row = dict[str, Any]
KEPT_EVENTS = {str(kind.value) for kind in (*ASSET_EVENTS, *ASSET_CHECK_EVENTS, *EVENT_TYPE_TO_PIPELINE_RUN_STATUS)}
"""What questions across runs read; the log of each step, which only its run's page shows, is not copied."""
EVENT_IDS = ("event_id", "evaluation_event_storage_id", "materialization_event_storage_id")


def seed_home(root: Path, films: int) -> None:
    """The films' files, artifacts and stamps, and what is about the whole; on a disk that is not waited for."""
    setattr(os, "fsync", lambda _: None)  # noqa: B010 (mypy takes no assignment to a function)
    home = stub_home(root, films, LINES, sources=root / ".feelm" / "films")
    _work_through(home, FILM_LINKS)
    teach_home(home, LINES)
    _work_through(home, (PAGE,))
    run_stage(Workspace(home), "report")


def _work_through(home: Home, links: Sequence[str]) -> None:
    """As `run_stage` does it, without its locks and its fresh look at everything that was read."""
    workspace = Workspace(home)
    first = sorted(workspace.films)[0]
    for film_id in sorted(workspace.films):
        for link in links:
            stage, needs = STAGES[link], needs_of(workspace, link, film_id)
            outs = {output: output_path(workspace, stage, output, film_id) for output in stage.outputs}
            for out in outs.values():
                out.mkdir(parents=True)
            if link == "scenes" and film_id != first:
                _copy_units(home, first, film_id)
            elif link in OF_TIMES and film_id != first:
                shutil.copytree(home.artifact(link, first), outs[link], dirs_exist_ok=True)
            else:
                stage.build(workspace, film_id, outs)
            versions = {output: workspace.versions.of(out) for output, out in outs.items()}
            stamp = {**needs, "outputs": versions, "cost": COST, "dagster_run": None}
            write_json(home.stamp(link, film_id), stamp)


def _copy_units(home: Home, source: str, target: str) -> None:
    """The units of another film: writing a table anew takes ten times as long."""
    units = pq.read_table(home.artifact("scenes", source) / "units.parquet", memory_map=True)
    for index, column in enumerate(units.schema):
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            units = units.set_column(index, column, pc.replace_substring(units.column(index), source, target))
    pq.write_table(units, home.artifact("scenes", target) / "units.parquet")


def seed_history(home: Home) -> None:
    """Have Dagster, in the storage of the environment, know the home."""
    setattr(os, "fsync", lambda _: None)  # noqa: B010
    workspace = Workspace(home)
    first, *others = sorted(workspace.films)
    prepare_dagster_home(workspace)
    with dagster_instance() as instance:
        sync_partitions(workspace, instance)
        for job in (Job(assets_of_film(), first), Job((PAGE,), first)):
            outcome = execute(job)
            assert outcome.succeeded, outcome.failures
        record_in_dagster(home, instance, (*GOLD_LINKS, *MODEL_LINKS), [""])
        record_in_dagster(home, instance, ("annotation_batches", "annotation_gate"), ["first"])
        _copy_history(workspace, instance, first, others)


@dataclass(frozen=True)
class _Table:
    """Rows of one film in one of Dagster's tables."""

    table: db.Table
    rows: list[Row]


def _copy_history(workspace: Workspace, instance: dg.DagsterInstance, source: str, targets: Sequence[str]) -> None:
    runs = [run.run_id for run in instance.get_runs(dg.RunsFilter(tags={"dagster/partition": source}))]
    events, stride = _events_of(instance, runs)
    of_runs = _runs_of(instance, runs)
    for start in range(0, len(targets), AT_ONCE):
        these = list(enumerate(targets[start : start + AT_ONCE], start=start + 1))
        swaps = [(_swaps(workspace, source, target, runs), stride * number) for number, target in these]
        with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            _insert(connection, of_runs, swaps)
        with instance.event_log_storage.index_connection() as connection:
            _insert(connection, events, swaps)
    with instance.event_log_storage.index_connection() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(db.text("SELECT setval('event_logs_id_seq', (SELECT max(id) FROM event_logs))"))
            connection.execute(db.text("ANALYZE"))


def _events_of(instance: dg.DagsterInstance, runs: Sequence[str]) -> tuple[list[_Table], int]:
    """What the runs left in the event log, and a step by which the numbers of copies are kept apart."""
    log, tags, checks = SqlEventLogStorageTable, AssetEventTagsTable, AssetCheckExecutionsTable
    with instance.event_log_storage.index_connection() as connection:
        events = _rows(connection, db.select(log).where(log.c.run_id.in_(runs), log.c.dagster_event_type.in_(KEPT_EVENTS)))
        of_tags = _rows(connection, db.select(tags).where(tags.c.event_id.in_([row["id"] for row in events])))
        of_checks = _rows(connection, db.select(checks).where(checks.c.run_id.in_(runs)))
        stride = connection.execute(db.select(db.func.max(log.c.id))).scalar_one()
    return [_Table(log, events), _Table(tags, _unnumbered(of_tags)), _Table(checks, _unnumbered(of_checks))], stride


def _runs_of(instance: dg.DagsterInstance, runs: Sequence[str]) -> list[_Table]:
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        tables = [(table, _rows(connection, db.select(table).where(table.c.run_id.in_(runs)))) for table in (RunsTable, RunTagsTable)]
    return [_Table(table, _unnumbered(rows)) for table, rows in tables]


def _rows(connection: db.Connection, query: db.Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _unnumbered(rows: list[Row]) -> list[Row]:
    """Rows that get numbers of their own."""
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]


def _swaps(workspace: Workspace, source: str, target: str, runs: Sequence[str]) -> dict[str, str]:
    """What stands for what in the history of another film: its id, its runs, and each content version."""
    swaps = {source: target} | {run_id: str(uuid.uuid4()) for run_id in runs}
    for link in (*FILM_LINKS, PAGE):
        ours, theirs = (read_stamp(workspace, link, key) for key in (source, target))
        assert ours is not None and theirs is not None
        for part in ("inputs", "outputs"):
            swaps |= {version: theirs[part][name] for name, version in ours[part].items()}
    return {before: now for before, now in swaps.items() if before != now}


def _insert(connection: db.Connection, tables: Sequence[_Table], swaps: Sequence[tuple[dict[str, str], int]]) -> None:
    for one in tables:
        connection.execute(one.table.insert(), [row for swap, offset in swaps for row in _copies(one.rows, swap, offset)])


def _copies(rows: Sequence[Row], swaps: dict[str, str], offset: int) -> Iterator[Row]:
    """The rows with all texts swapped at once, and their numbers of events moved on."""
    text = "\0".join(value for row in rows for value in row.values() if isinstance(value, str))
    for before, now in swaps.items():
        text = text.replace(before, now)
    texts = iter(text.split("\0"))
    for row in rows:
        copied = {name: next(texts) if isinstance(value, str) else value for name, value in row.items()}
        moved = {name: value + offset for name, value in row.items() if name in ("id", *EVENT_IDS) and value is not None}
        yield copied | moved
