"""Bringing a home up to date: what is stale, in which order, and nothing else.

Films run side by side, each in one Dagster run from its first stale link on; then batches through their gate, corpora, the chain of
the whole, and the pages. A film or batch that fails is told and left out, and the others go on; only a film that would teach although
its checks fail keeps the model from being trained.
"""

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from assets.chain import STAGES, Scope, Stage, is_fresh, keys_of, read_stamp
from assets.snapshot import write_stage_list
from assets.workspace import Workspace
from corpus.annotations.decisions import read_decision
from corpus.datasets.registry import CORPORA
from corpus.terms import FeelmError
from orchestration.execution import Job, Outcome, close_dead_runs, execute_all
from orchestration.instance import prepare_dagster_home, sync_partitions
from orchestration.launching import failing_checks, failing_films
from orchestration.wanted import FILM_LINKS, GOLD_LINKS, MODEL_LINKS, failing_words

Progress = Callable[[str, int, int], None]
"""Called with a phase's name, jobs done and jobs in all."""


def log_path(workspace: Workspace) -> Path:
    """What the worker processes print."""
    return workspace.home.root / "logs" / "workers.log"


@dataclass
class RunReport:
    """What a run did: `computed` counts the jobs that had work to do, `failures` holds lines by job, `refused` reasons by batch.

    `rejected` says by batch when people rejected it and why: nobody waits for it. `waiting` says by film how to get what is in the
    catalogue and not here; such films are passed over.
    """

    computed: int = 0
    fresh: int = 0
    failures: dict[str, tuple[str, ...]] = field(default_factory=dict)
    refused: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rejected: dict[str, tuple[str, ...]] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)


def assets_of(stage: Stage, key: str) -> dict[str, str]:
    """The Dagster assets that a link materialises, by output."""
    if stage.scope is Scope.CORPUS:
        return CORPORA[key].assets
    return {output: "report" if stage.name == "report" else output for output in stage.outputs}


def run_chain(workspace: Workspace, film_ids: Sequence[str] | None = None, workers: int = 2, progress: Progress | None = None) -> RunReport:
    """Bring films, annotations, model and pages up to date.

    With `film_ids` only those films' links and pages are looked at, and nothing about the whole.

    Raises:
        FeelmError: a film is not in the catalogue, there is none, or another run works on this home.
    """
    named = list(film_ids) if film_ids is not None else sorted(workspace.films)
    waiting = {film_id: told for film_id in named if (told := workspace.film(film_id).waits)}
    wanted = [film_id for film_id in named if film_id not in waiting]
    if not named:
        raise FeelmError("no film in the catalogue: add one with `feelm films add FILE`, or make some with `feelm films make`")
    if not wanted or (film_ids is not None and waiting):
        raise FeelmError("; ".join(waiting.values()))
    with _single_flight(workspace), _instance(workspace) as instance:
        pass_ = _Pass(workspace, instance, workers, progress or (lambda *_: None), RunReport(waiting=waiting))
        pass_.phase("films", [(FILM_LINKS, film_id) for film_id in wanted], again=failing_checks(instance, wanted))
        pass_.note_faults(wanted)
        if film_ids is None:
            pass_.phase("annotations", [(("annotation_batches",), batch) for batch in sorted(workspace.inbox)])
            pass_.note_refused()
            pass_.phase("corpora", [(("corpus",), name) for name in sorted(workspace.corpora)])
            pass_.train()
        if workspace.home.artifact("champion").is_dir():
            pass_.phase(
                "film pages", [(("film_report",), film_id) for film_id in wanted if f"films {film_id}" not in pass_.report.failures]
            )
            pass_.phase("report", [(("report",), "")])
        return pass_.report


@dataclass
class _Pass:
    workspace: Workspace
    instance: dg.DagsterInstance
    workers: int
    progress: Progress
    report: RunReport = field(default_factory=RunReport)

    def phase(self, name: str, links: list[tuple[tuple[str, ...], str]], again: Collection[str] = ()) -> None:
        """Run what is stale of the given (links, key) pairs; the keys in `again` are gone through whole, so that they are checked anew."""
        planned = [self._job(stages, key, key in again) for stages, key in links]
        jobs = [job for job in planned if job is not None]
        self.report.fresh += len(planned) - len(jobs)
        self.report.computed += len(jobs)
        self.progress(name, 0, len(jobs))
        for done, outcome in enumerate(execute_all(jobs, self.workers, log_path(self.workspace)), start=1):
            self._note(name, outcome)
            self.progress(name, done, len(jobs))
        self.workspace.refresh()

    def train(self) -> None:
        """Gold labels, and the model's chain unless it would learn from a film whose blocking checks fail, in whatever run that was."""
        home = self.workspace.home
        teach = [film_id for film_id in sorted(self.workspace.films) if (home.artifact("scenes", film_id) / "units.parquet").is_file()]
        unsound = failing_films(self.instance, teach)
        self.phase("model", [(GOLD_LINKS if unsound else (*GOLD_LINKS, *MODEL_LINKS), "")])
        if unsound:
            self.report.failures["model"] = (*self.report.failures.get("model", ()), failing_words(unsound))

    def _job(self, names: tuple[str, ...], key: str, again: bool) -> Job | None:
        stale = 0 if again else next((index for index, name in enumerate(names) if not self._done(STAGES[name], key)), None)
        if stale is None:
            return None
        assets = tuple(asset for name in names[stale:] for asset in assets_of(STAGES[name], key).values())
        partition = key if STAGES[names[0]].scope in (Scope.FILM, Scope.BATCH) else ""
        return Job(assets, partition)

    def note_refused(self) -> None:
        """Tell the batches in quarantine, and those that were rejected; a batch that was refused is no failure of the run."""
        for batch_id in sorted(self.workspace.inbox):
            decision = read_decision(self.workspace.home.batch(batch_id))
            if decision is not None and not decision.accepted and is_fresh(self.workspace, "annotation_gate", batch_id):
                if decision.rejected is None:
                    self.report.refused[batch_id] = decision.reasons
                else:
                    self.report.rejected[batch_id] = (decision.rejected.words,)
                self.report.failures.pop(f"annotations {batch_id}", None)

    def note_faults(self, film_ids: Sequence[str]) -> None:
        """Tell subtitles that cannot be used, in every run until they are replaced: the film went on without words."""
        for film_id in film_ids:
            path = self.workspace.home.artifact("dialogue", film_id) / "summary.json"
            if path.is_file() and (fault := json.loads(path.read_text(encoding="utf-8")).get("fault")):
                self.report.failures[f"subtitles {film_id}"] = (fault,)

    def _done(self, stage: Stage, key: str) -> bool:
        gated = stage.name != "annotation_batches" or is_fresh(self.workspace, "annotation_gate", key)
        return is_fresh(self.workspace, stage.name, key) and gated and self._recorded(stage, key)

    def _recorded(self, stage: Stage, key: str) -> bool:
        """Dagster knows the versions that are on disk."""
        stamp = read_stamp(self.workspace, stage.name, key) or {}
        partitions = [key] if stage.scope in (Scope.FILM, Scope.BATCH) else None
        for output, asset in assets_of(stage, key).items():
            filters = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=partitions)
            records = self.instance.fetch_materializations(filters, limit=1).records
            tags = records[0].asset_materialization.tags if records and records[0].asset_materialization else None
            if not tags or tags.get("dagster/data_version") != stamp["outputs"][output]:
                return False
        return True

    def _note(self, phase: str, outcome: Outcome) -> None:
        if not outcome.succeeded:
            self.report.failures[f"{phase} {outcome.job.partition}".strip()] = outcome.failures


@contextmanager
def _single_flight(workspace: Workspace) -> Iterator[None]:
    path = workspace.home.root / "locks" / "run.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            raise FeelmError(
                f"another run (process {stream.read().strip()}) works on {workspace.home.root}: wait for it, or end it"
            ) from error
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield


@contextmanager
def _instance(workspace: Workspace) -> Iterator[dg.DagsterInstance]:
    prepare_dagster_home(workspace)
    with dg.DagsterInstance.get() as instance:
        close_dead_runs(instance)
        sync_partitions(workspace, instance)
        write_stage_list(workspace)
        yield instance


def costs(workspace: Workspace) -> dict[str, tuple[int, float, float]]:
    """Per link: how many times it stands computed, wall seconds and CPU seconds in all, from the stamps."""
    table: dict[str, tuple[int, float, float]] = {}
    for stage in STAGES.values():
        stamps = [stamp for key in keys_of(workspace, stage) if (stamp := read_stamp(workspace, stage.name, key))]
        if stamps:
            spent = [stamp["cost"] for stamp in stamps]
            table[stage.name] = (len(spent), sum(cost["wall_s"] for cost in spent), sum(cost["cpu_s"] for cost in spent))
    return table
