"""What orchestration costs with 10, 100, 1,000 and 10,000 films, on SQLite and on Postgres, as curves with their exponents.

Run as `python -m benchmarks.catalogue` (half an hour to an hour; `--sizes 10 100` to try it). Compute is stood in for, homes and Dagster's
history are those of `benchmarks.catalogue_home`; every piece is measured in a process of its own. What may grow with the catalogue may grow
as n log n, what is asked about one film may not, and pages and queries have two seconds with 10,000 films on Postgres.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
import sqlalchemy as db
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

from assets.chain import STAGES, run_stage
from assets.workspace import Workspace
from benchmarks import lineage
from benchmarks.catalogue_home import KEPT_EVENTS, LINES, PAGE, seed_history, seed_home
from benchmarks.common import CpuClock, peak_rss_mb, table, write_result
from benchmarks.definitions import LOADED, cost_of
from benchmarks.orchestration import drop_film
from corpus.paths import Home
from orchestration.due import assets_of_film, plan
from orchestration.execution import Job, execute
from orchestration.instance import dagster_instance, prepare_dagster_home, sync_partitions
from tests.orchestration.ticks import tick
from tests.storage import FILES, Storage, running_postgres

SIZES = (10, 100, 1000, 10_000)
MOST_EXPONENT = 1.0 + math.log10(math.log(10_000) / math.log(1000))
"""Of n log n between the last two sizes."""
LIMIT_S = 2.0
MOST_MORE = 1.2
"""By how much adding a film may cost more in the largest catalogue than in the smallest."""
NOISE_S = 0.02
"""Differences below are none: the exponent of what takes so little is not told."""
PACKAGES = ("dagster", "dagster-postgres", "sqlalchemy", "mlflow", "pyyaml")
LONGEST_S = 900
FIRST_RUNS = 10
"""Of a backfill, as many as the smallest catalogue has films."""

MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Spent:
    """Seconds of one piece of work by the clock and of this process and its children, and its highest memory until then, MB of 10^6."""

    wall_s: float
    cpu_s: float
    memory_mb: float


Found = dict[str, Spent]


@contextmanager
def _clock(found: Found, name: str) -> Iterator[None]:
    began = time.perf_counter()
    with CpuClock() as clock:
        yield
    found[name] = Spent(time.perf_counter() - began, clock.seconds, peak_rss_mb())


# What the processes of the benchmark do


def open_home(root: Path) -> Home:
    """The home in the storage of the environment, with stand-ins in the place of compute."""
    import orchestration.sensors
    from benchmarks import stub_definitions

    assert stub_definitions.defs
    lineage.put_teaching_stand_ins(pytest.MonkeyPatch())  # never undone
    orchestration.sensors.now_s = lambda: time.time() + 60  # files count at once
    home = Home(root / ".feelm")
    prepare_dagster_home(Workspace(home))
    return home


def load(root: Path) -> Found:
    """The definitions, as every process of Dagster loads them."""
    open_home(root)
    costs = [cost_of(LOADED["the definitions"]) for _ in range(3)]
    best = min(costs, key=lambda cost: cost.cpu_s)
    return {"definitions": Spent(best.clock_s, best.cpu_s, best.memory_mb)}


def look(root: Path) -> Found:
    """Sensors and `feelm run --dry-run` at a home in which nothing is due."""
    from orchestration.sensors import annotation_inbox, film_library, retraining

    home, found = open_home(root), Found()
    with dagster_instance() as instance:
        for which in ("first", "later"):
            for sensor in (film_library, annotation_inbox, retraining):
                with _clock(found, f"{sensor.name} {which}"):
                    assert not tick(sensor, instance)
    with _clock(found, "dry run"):
        assert {due.phase for due in plan(Workspace(home)).due} <= {"report"}
    return found


def add(root: Path) -> Found:
    """Two films are added, of which the second is counted; in one process, as the daemon's code server has seen the home before."""
    from orchestration.sensors import film_library, retraining

    home, found, settings = open_home(root), Found(), root / "params.yaml"
    settings.write_text(settings.read_text().replace("min_new_gold: 1}", "min_new_gold: 1000000}"))  # no model is trained for it
    with dagster_instance() as instance:
        for _ in range(2):
            drop_film(home)
            with _clock(found, "tick"):
                (request,) = tick(film_library, instance)
            film_id = str(request.partition_key)
            with _clock(found, "run"):
                assert execute(Job(assets_of_film(), film_id)).succeeded
            _bring_gold_up_to_date(home)
            with _clock(found, "page tick"):
                (page,) = tick(retraining, instance)
            assert (page.job_name, page.partition_key) == ("film_pages", film_id)
            with _clock(found, "page"):
                assert execute(Job((PAGE,), film_id)).succeeded
    return found


def _bring_gold_up_to_date(home: Home) -> None:
    """The gold of a home in which no judgement is new: as it was."""
    folder = home.artifact("gold_labels")

    def keep(_: Workspace, __: str, outs: dict[str, Path]) -> Path:
        return Path(shutil.copytree(folder, outs["gold_labels"], dirs_exist_ok=True))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(STAGES, "gold_labels", dataclasses.replace(STAGES["gold_labels"], build=keep))
        run_stage(Workspace(home), "gold_labels")


def add_in_a_fresh_process(root: Path) -> Found:
    """A film is added by a process that has seen nothing of the home, and taken out again."""
    from corpus.films.catalogue.add import add_films

    home, found = open_home(root), Found()
    before = home.catalogue.read_text()
    drop_film(home)
    dropped = max(home.made_films.glob("*.mkv"), key=lambda path: path.stat().st_mtime_ns)
    with _clock(found, "films add"):
        add_films(home.catalogue, dropped)
    home.catalogue.write_text(before)
    dropped.unlink()
    dropped.with_suffix(".srt").unlink()
    return found


def run_a_film(root: Path) -> Found:
    """The run of one film's chain as a worker makes it that has seen nothing of the home; the links are fresh, so that none computes."""
    home, found = open_home(root), Found()
    with _clock(found, "run in a fresh process"):
        assert execute(Job(assets_of_film(), "film-000")).succeeded
    with _clock(found, "film's look"):
        assert plan(Workspace(home), ["film-000"]).fresh
    return found


def launch(root: Path) -> Found:
    """What asking for runs costs where every film is stale, by settings that changed: planned, one run each, in batches, given up."""
    from assets.recorded import recorded
    from orchestration.launching import batch_requests, given_up, run_requests
    from orchestration.wanted import films_wanted

    home, found, settings = open_home(root), Found(), root / "params.yaml"
    before = settings.read_text()
    settings.write_text(before.replace("encoder: minilm", "encoder: multilingual-e5"))
    try:
        with dagster_instance() as instance:
            with _clock(found, "films wanted"):
                wanted = films_wanted(recorded(home))
            assert len(wanted) >= len(Workspace(home).films) - 5
            with _clock(found, "run requests"):
                assert run_requests(instance, wanted)[0]
            with _clock(found, "batch requests"):
                assert batch_requests(instance, wanted)[0]
            with _clock(found, "given up"):
                assert not given_up(instance, wanted)
        with _clock(found, "dry run, all stale"):
            assert len(plan(Workspace(home)).due) >= len(wanted)
    finally:
        settings.write_text(before)
    return found


def ask(root: Path, what: str) -> Found:
    """One question of the command line, in a process of its own; the process' start is not counted."""
    home, found = open_home(root), Found()
    with _clock(found, what):
        _QUESTIONS[what](home)
    return found


def _report(home: Home) -> None:
    from orchestration.summary import result_json

    assert result_json(Workspace(home))["stages"]["film"]["jobs"]


def _list_films(home: Home) -> None:
    from orchestration.summary_films import film_table

    film_table("Films", list(Workspace(home).films.values()))


def _health(home: Home) -> None:
    from orchestration.health import read_health

    read_health(home)


def _whole_page(home: Home) -> None:
    """The page of the whole by its real code, of stand-ins."""
    from pages.report import build_report_page

    with tempfile.TemporaryDirectory() as folder:
        done = build_report_page(home, home.artifact("validation_report"), sorted(Workspace(home).films), Path(folder))
        assert done.film_pages


_QUESTIONS = {"feelm report": _report, "feelm films list": _list_films, "feelm health": _health, "page of the whole": _whole_page}
_LINEAGE = {f"feelm lineage {what}{' --impact' if impact else ''}": (what, impact) for what, impact in lineage.QUESTIONS}


def ask_lineage(root: Path, what: str) -> Found:
    """A question of `benchmarks.lineage`."""
    os.environ["FEELM_HOME"] = str(root / ".feelm")
    told = lineage.ask_home(*_LINEAGE[what])
    return {what: Spent(told["answer_s"] + told["print_s"], told["cpu_s"], told["memory_mb"])}


# Dagster's own


_NODES = "query { assetNodes { assetKey { path } %s } }"
_NODE = "query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { %s } } }"
_UI = {
    "assets": _NODES % "partitionStats { numPartitions numMaterialized numFailed } assetMaterializations(limit: 1) { runId timestamp }",
    "staleness": _NODES % "staleStatus staleCauses { reason }",
    "partitions": _NODE % "partitionKeysByDimension { partitionKeys } assetPartitionStatuses { ... on DefaultPartitionStatuses { "
    "materializedPartitions failedPartitions unmaterializedPartitions } }",
    "partition": _NODE % 'assetMaterializations(partitions: ["film-000"], limit: 1) { runId timestamp metadataEntries { label } '
    "tags { key value } }",
    "checks": _NODE % "assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status runId } } } }",
    "runs": "query { runsOrError(limit: 25) { ... on Runs { count results { runId status jobName tags { key value } } } } }",
}
"""What pages of the webserver ask of all assets, of one asset and of runs."""


def show_ui(root: Path) -> Found:
    """The questions that pages of Dagster's webserver ask, each the first time and again."""
    from dagster._core.test_utils import create_test_daemon_workspace_context
    from dagster._core.workspace.load_target import ModuleTarget
    from dagster_graphql.test.utils import execute_dagster_graphql

    found = Found()
    open_home(root)
    variables = {"key": {"path": ["dialogue"]}}
    target = ModuleTarget("benchmarks.stub_definitions", None, str(Path.cwd()), "feelm")
    with dagster_instance() as instance, create_test_daemon_workspace_context(target, instance) as context:
        for which in ("first", "later"):
            for name, query in _UI.items():
                with _clock(found, f"{name} {which}"):
                    told = execute_dagster_graphql(context.create_request_context(), query, variables=variables)
                assert not told.errors and told.data, told.errors
    return found


def backfill(root: Path) -> Found:
    """A backfill of a film's links over all films, as the UI launches it: what the daemon takes to plan it, and for its first runs."""
    from dagster._core.execution import asset_backfill
    from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
    from dagster._core.test_utils import create_test_daemon_workspace_context
    from dagster._core.workspace.load_target import ModuleTarget
    from dagster._daemon.backfill import execute_backfill_iteration

    from orchestration.definitions import defs

    home, found = open_home(root), Found()
    graph = defs.resolve_asset_graph()
    chosen = [dg.AssetKey(name) for name in assets_of_film()]
    target = ModuleTarget("benchmarks.stub_definitions", None, str(Path.cwd()), "feelm")
    with dagster_instance() as instance, create_test_daemon_workspace_context(target, instance) as context:
        sync_partitions(Workspace(home), instance)  # with the films that were added in the other storage
        named = f"benchmark-{time.time_ns()}"
        with _clock(found, "backfill is asked for"):
            made = PartitionBackfill.from_asset_partitions(
                backfill_id=named, asset_graph=graph, partition_names=sorted(Workspace(home).films), asset_selection=chosen,
                backfill_timestamp=time.time(), tags={}, dynamic_partitions_store=instance, all_partitions=False, title=None,
                description=None, run_config=None,
            )  # fmt: skip
            instance.add_backfill(made)
        submit, submitted = asset_backfill.submit_asset_run, []

        async def submit_some(*given: Any) -> Any:
            submitted.append(time.perf_counter())
            if len(submitted) == FIRST_RUNS:  # a backfill that was cancelled asks for no more
                instance.update_backfill(made.with_status(BulkActionStatus.CANCELING))
            return await submit(*given)

        with pytest.MonkeyPatch.context() as patch, CpuClock() as clock:
            patch.setattr(asset_backfill, "submit_asset_run", submit_some)
            patch.setenv("DAGSTER_ASSET_BACKFILL_RUN_CHUNK_SIZE", str(FIRST_RUNS))
            began = time.perf_counter()
            list(execute_backfill_iteration(context, logging.getLogger("backfill")))
            ended = time.perf_counter()
        found["planned"] = Spent(submitted[0] - began, clock.seconds * (submitted[0] - began) / (ended - began), peak_rss_mb())
        found["first runs"] = Spent(ended - submitted[0], clock.seconds * (ended - submitted[0]) / (ended - began), peak_rss_mb())
        instance.update_backfill(made.with_status(BulkActionStatus.CANCELED))
        for run in instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": named})):
            instance.delete_run(run.run_id)
    return found


def measure_size(root: Path) -> dict[str, int]:
    """Bytes of Dagster's databases, and of the log of one film's two runs, which the copies of its history lack."""
    home = open_home(root)
    with dagster_instance() as instance, instance.event_log_storage.index_connection() as connection:
        runs = [run.run_id for run in instance.get_runs(dg.RunsFilter(tags={"dagster/partition": "film-000"}))][-2:]
        if connection.dialect.name == "postgresql":
            log = SqlEventLogStorageTable
            whole = connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
            lacking = db.select(db.func.sum(db.func.length(log.c.event))).where(
                log.c.run_id.in_(runs), db.or_(log.c.dagster_event_type.is_(None), log.c.dagster_event_type.not_in(KEPT_EVENTS))
            )
            return {"databases": whole, "log": connection.execute(lacking).scalar_one()}
    history = home.dagster / "history"
    whole = sum(path.stat().st_size for path in (history / "runs.db", history / "runs" / "index.db"))
    return {"databases": whole, "log": sum((history / "runs" / f"{run_id}.db").stat().st_size for run_id in runs)}


# The benchmark itself


class Bound(StrEnum):
    """What is asked of a piece."""

    SAME = "the same cost at every size"
    GROWTH = "no faster than n log n"
    QUERY = "no faster than n log n, and 2 s"


@dataclass(frozen=True)
class Piece:
    """Something measured: by which task and under which name there, what is asked of it, and what it is in words."""

    task: str
    name: str
    bound: Bound
    words: str


def _pieces(task: str, bound: Bound, named: dict[str, str]) -> list[Piece]:
    return [Piece(task, name, bound, words) for name, words in named.items()]


PIECES: dict[str, list[Piece]] = {
    "Definitions": _pieces("load", Bound.SAME, {"definitions": "Dagster's definitions in a fresh process"}),
    "Sensors' ticks": _pieces(
        "look",
        Bound.GROWTH,
        {
            "film_library first": "`film_library`, first tick of a code server: every film is judged",
            "film_library later": "`film_library`, a later tick",
            "annotation_inbox later": "`annotation_inbox`, a later tick",
            "retraining first": "`retraining`, first tick: gold, model and pages are judged",
            "retraining later": "`retraining`, a later tick",
        },
    ),
    "Adding one film": [
        *_pieces(
            "add",
            Bound.SAME,
            {
                "tick": "tick of `film_library` that takes it into the catalogue and asks for its run",
                "run": "its run in Dagster up to its features, compute stood in for",
                "page tick": "tick of `retraining` that asks for its page",
                "page": "the run of its page",
            },
        ),
        Piece("fresh add", "films add", Bound.SAME, "`feelm films add FILE`, a process that has seen nothing"),
        Piece("fresh run", "run in a fresh process", Bound.SAME, "the run of a film by a worker that has seen nothing"),
        Piece("fresh run", "film's look", Bound.SAME, "`feelm run --film ID --dry-run` after it"),
    ],
    "Backfill": [
        *_pieces(
            "launch",
            Bound.GROWTH,
            {
                "films wanted": "all films are stale: found by a process that has seen nothing",
                "run requests": "the runs that one tick asks for",
                "batch requests": "the batch that one tick asks for",
                "given up": "which of them were tried too often",
            },
        ),
        *_pieces(
            "backfill",
            Bound.GROWTH,
            {
                "backfill is asked for": "Dagster: a backfill of a film's links over all films is stored",
                "planned": "Dagster: the daemon plans it, up to its first run",
                "first runs": f"Dagster: its first {FIRST_RUNS} runs are put into the queue, and the plan is written down again",
            },
        ),
    ],
    "Staleness": [
        Piece("look", "dry run", Bound.QUERY, "`feelm run --dry-run`, nothing stale: every artifact is hashed"),
        Piece("launch", "dry run, all stale", Bound.QUERY, "the same, all films stale"),
        *_pieces("ui", Bound.QUERY, {"staleness first": "Dagster: staleness of all assets", "staleness later": "the same again"}),
    ],
    "Reports and lineage": [
        *[Piece(f"ask {what}", what, Bound.QUERY, f"`{what}`") for what in _LINEAGE],
        *[Piece(f"ask {what}", what, Bound.QUERY, f"`{what}`") for what in list(_QUESTIONS)[:-1]],
        Piece(
            "ask page of the whole", "page of the whole", Bound.GROWTH, "the page of the whole is made, with a copy of every film's page"
        ),
    ],
    "Pages of Dagster's webserver": _pieces(
        "ui",
        Bound.QUERY,
        {
            "assets first": "all assets with their partitions' counts, first time",
            "assets later": "the same again",
            "partitions first": "an asset's partitions, each with its state",
            "partitions later": "the same again",
            "partition later": "what one film's artifact was made of",
            "checks later": "an asset's checks",
            "runs later": "the last 25 runs",
        },
    ),
}

TASKS: dict[str, Callable[[Path], Any]] = {
    "load": load,
    "look": look,
    **{f"ask {what}": partial(ask, what=what) for what in _QUESTIONS},
    **{f"ask {what}": partial(ask_lineage, what=what) for what in _LINEAGE},
    "ui": show_ui,
    "launch": launch,
    "fresh add": add_in_a_fresh_process,
    "fresh run": run_a_film,
    "size": measure_size,
    "add": add,
    "backfill": backfill,
}
"""In the order in which they are measured: what leaves something in the home comes last."""

OF_FILES = {"load", "fresh add", *(task for task in TASKS if task.startswith("ask ") and task != "ask feelm health")}
"""Tasks that Dagster's storage has no part in: measured once."""


def main() -> None:
    """Seed homes, measure in processes of their own, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of films, growing")
    parser.add_argument("--task", choices=["home", "history", *TASKS])
    parser.add_argument("--root", type=Path)
    given = parser.parse_args()
    if given.task:
        sys.stdout.write("\n" + json.dumps(_work(given.task, given.root, given.sizes[0]), default=asdict) + "\n")
        return
    with tempfile.TemporaryDirectory(prefix="feelm-catalogue-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        curves = _measured(Path(folder), given.sizes)
    page = write_result("catalogue", "Ten thousand films", _page(curves), PACKAGES)
    sys.stdout.write(f"{page}\n")


def _work(task: str, root: Path, films: int) -> Any:
    if task == "home":
        from benchmarks import stub_definitions

        assert stub_definitions.defs
        lineage.put_teaching_stand_ins(pytest.MonkeyPatch())
        return seed_home(root, films)
    if task == "history":
        return seed_history(open_home(root))
    return TASKS[task](root)


@dataclass
class Curves:
    """Seconds by piece's task and name, storage and number of films; bytes likewise."""

    sizes: list[int]
    seconds: dict[tuple[str, str, str, int], Spent] = field(default_factory=dict)
    n_bytes: dict[tuple[str, str, int], int] = field(default_factory=dict)


def _measured(folder: Path, sizes: list[int]) -> Curves:
    curves = Curves(sizes)
    data = Path(tempfile.mkdtemp(prefix="feelm-pg-"))  # no folder of ours: as root the server runs as another user
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, data, ignore_errors=True)
        server = stack.enter_context(running_postgres(data))
        for films in sizes:
            root = folder / str(films)
            _task("home", root, films)
            storages = [server.fresh(), FILES]
            for storage in storages:
                _task("history", root, films, storage)
            for task in TASKS:
                for storage in [FILES] if task in OF_FILES else storages:
                    _note(curves, task, films, storage, _task(task, root, films, storage))
            shutil.rmtree(root)
    return curves


def _note(curves: Curves, task: str, films: int, storage: Storage, found: dict[str, Any]) -> None:
    for name, value in found.items():
        if task == "size":
            curves.n_bytes[name, storage.kind, films] = value
        else:
            curves.seconds[task, name, storage.kind, films] = Spent(**value)


def _task(task: str, root: Path, films: int, storage: Storage = FILES) -> Any:
    command = [sys.executable, "-m", "benchmarks.catalogue", "--task", task, "--root", str(root), "--sizes", str(films)]
    began = time.perf_counter()
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **storage.variables}, timeout=LONGEST_S
        )
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"{task}, {films} films, {storage.kind}: given up after {LONGEST_S} s\n")
        return {}
    if done.returncode:
        raise SystemExit(f"{task}, {films} films, {storage.kind}, failed:\n{done.stderr[-4000:]}")
    told = next(line for line in reversed(done.stdout.splitlines()) if line.startswith(("{", "null")))  # code servers print too
    sys.stderr.write(f"{task}, {films} films, {storage.kind}, {time.perf_counter() - began:.0f} s: {told}\n")
    return json.loads(told)


# The page


def _page(curves: Curves) -> str:
    rows = {head: [row for piece in pieces for row in _rows(curves, piece)] for head, pieces in PIECES.items()}
    head = ["piece", "storage", *(f"{films:,} films" for films in curves.sizes), "exponent", "between the last two", "asked for", "holds"]
    parts = [f"## {name}\n\n{table(head, found)}" for name, found in rows.items()]
    failing = [f"{row[0]} ({row[1]})" for found in rows.values() for row in found if row[-1] != "yes"]
    words = (
        "Wall seconds, in brackets CPU seconds of the process (of Postgres' own none), each in a process of its own, with whatever else "
        f"the machine did; compute is stood in for. A film has {LINES} lines that four raters judged; {lineage.VERSIONS} models are "
        "registered. *Exponent*: the slope of log cost over log n by least squares over all sizes, and between the last two alone. Asked "
        f"for: what may grow grows no faster than n log n (between the last two {MOST_EXPONENT:.2f}); what is about one film costs at most "
        f"{MOST_MORE:g} times as much in the largest catalogue as in the smallest; pages and queries take at most {LIMIT_S:g} s with "
        f"{curves.sizes[-1]:,} films on Postgres."
    )
    told = f"Does not hold: {'; '.join(failing)}." if failing else "All of it holds."
    return "\n\n".join([words, told, *parts, f"## Size of Dagster's databases\n\n{_sizes(curves)}"])


def _rows(curves: Curves, piece: Piece) -> Iterator[list[str]]:
    for storage in ("sqlite", "postgres"):
        spent = [curves.seconds.get((piece.task, piece.name, storage, films)) for films in curves.sizes]
        if any(spent):
            named = "files" if piece.task in OF_FILES else storage
            cells = ["" if one is None else f"{one.wall_s:.3g} ({one.cpu_s:.3g})" for one in spent]
            walls = {films: one.wall_s for films, one in zip(curves.sizes, spent, strict=True) if one is not None}
            verdict = _verdict(piece.bound, walls, complete=None not in spent, bounded=named != "sqlite")
            yield [piece.words, named, *cells, *_exponents(walls), piece.bound.value, verdict]


def _exponents(costs: dict[int, float]) -> list[str]:
    if len(costs) < 2:
        return ["", ""]
    x, y = np.log(list(costs)), np.log(list(costs.values()))
    return [f"{np.polyfit(x, y, 1)[0]:.2f}", f"{(y[-1] - y[-2]) / (x[-1] - x[-2]):.2f}"]


def _verdict(bound: Bound, walls: dict[int, float], *, complete: bool, bounded: bool) -> str:
    """Whether what is asked for holds; seconds are asked for on Postgres alone."""
    costs = list(walls.values())
    if not complete:
        return f"no: more than {LONGEST_S} s"
    if bound is Bound.SAME:
        more = costs[-1] / costs[0]
        return "yes" if more <= MOST_MORE or costs[-1] - costs[0] < NOISE_S else f"no: {more:.2f} times"
    told = []
    if costs[-1] - costs[-2] > NOISE_S and float(_exponents(walls)[1]) > MOST_EXPONENT:
        told.append("exponent")
    if bound is Bound.QUERY and bounded and costs[-1] > LIMIT_S:
        told.append(f"{costs[-1]:.1f} s")
    return f"no: {', '.join(told)}" if told else "yes"


def _sizes(curves: Curves) -> str:
    rows = []
    for storage in ("sqlite", "postgres"):
        sizes = {films: curves.n_bytes["databases", storage, films] / 1e6 for films in curves.sizes}
        log_kb = curves.n_bytes["log", storage, curves.sizes[-1]] / 1e3
        rows.append([storage, *(f"{size:.1f}" for size in sizes.values()), *_exponents(sizes), f"{log_kb:.0f}"])
    head = ["storage", *(f"{films:,} films, MB" for films in curves.sizes), "exponent", "between the last two", "log of a film's runs, kB"]
    words = (
        "Of films that ran once: materialisations, checks, runs and their tags. What a film's two runs log beside it (steps and their "
        "messages) was not copied and comes on top, per film and per run of it."
    )
    return f"{words}\n\n{table(head, rows)}"


if __name__ == "__main__":
    main()
