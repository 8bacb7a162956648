"""Bringing a home up to date: what is stale, in which order, and nothing else.

Films run side by side, each in one Dagster run from its first stale link on; then batches through their gate, corpora, the chain of
the whole, and the pages. A film or batch that fails is told and left out, and the others go on; only a film that would teach although
its checks fail keeps the model from being trained.
"""

import fcntl
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg

from assets.chain import STAGES, is_fresh
from assets.partitions import PARTITIONS
from assets.telling import assets_of
from assets.workspace import Workspace, read_json
from corpus.annotations.decisions import read_decision
from corpus.terms import FeelmError
from orchestration.ahead import readiness
from orchestration.due import Known, Row, due_links, films_here, judged_by, phases, unsound_films
from orchestration.execution import Job, Outcome, execute_all, ready_instance
from orchestration.launching import failing_checks
from orchestration.wanted import failing_words

OF_FILMS = ("films", "film pages")
"""Phases whose jobs are of one film each."""

Progress = Callable[[str, int, int], None]
"""Called with a phase's name, jobs done and jobs in all."""


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


def run_chain(workspace: Workspace, film_ids: Sequence[str] | None = None, workers: int = 2, progress: Progress | None = None) -> RunReport:
    """Bring films, annotations, model and pages up to date.

    With `film_ids` only those films' links and pages are looked at, and nothing about the whole.

    Raises:
        FeelmError: a film is not in the catalogue, there is none, or another run works on this home.
    """
    wanted, waiting = films_here(workspace, film_ids)
    if not (wanted or waiting):
        raise FeelmError("no film in the catalogue: add one with `feelm films add FILE`, or make some with `feelm films make`")
    if not wanted or (film_ids is not None and waiting):
        raise FeelmError("; ".join(waiting.values()))
    with _single_flight(workspace), ready_instance(workspace) as instance:
        pass_ = _Pass(workspace, instance, film_ids is None, workers, progress or (lambda *_: None), RunReport(waiting=waiting))
        failing = failing_checks(instance, wanted)
        for name, rows in phases(workspace, instance, wanted, whole=film_ids is None):
            sound = [row for row in rows if name != "film pages" or f"films {row[1]}" not in pass_.report.failures]
            pass_.phase(name, sound, again=failing if name == "films" else ())
            if name == "films":
                pass_.note_faults(wanted)
            if name == "annotations":
                pass_.note_refused()
            if name == "model":
                pass_.note_unsound()
        return pass_.report


@dataclass
class _Pass:
    workspace: Workspace
    instance: dg.DagsterInstance
    whole: bool
    workers: int
    progress: Progress
    report: RunReport = field(default_factory=RunReport)

    def phase(self, name: str, rows: list[Row], again: Collection[str] = ()) -> None:
        """Run what is due of the given rows; the keys in `again` are gone through whole, so that they are checked anew."""
        known, view = Known(self.instance, rows), judged_by(self.workspace, name, self.whole)
        planned = [_job(view, known, names, key, key in again) for names, key in rows]
        jobs = [job for job in planned if job is not None]
        self.report.fresh += len(planned) - len(jobs)
        self.report.computed += len(jobs)
        self.progress(name, 0, len(jobs))
        ready = readiness(self.workspace) if name in OF_FILMS else iter
        for done, outcome in enumerate(execute_all(jobs, self.workers, self.workspace.home.worker_log, ready), start=1):
            self._note(name, outcome)
            self.progress(name, done, len(jobs))
        if jobs:
            self.workspace.refresh()

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
            summary = read_json(self.workspace.home.artifact("dialogue", film_id) / "summary.json")
            if summary and (fault := summary.get("fault")):
                self.report.failures[f"subtitles {film_id}"] = (fault,)

    def note_unsound(self) -> None:
        """Tell the films on which no model was trained, in every run until their checks pass."""
        if unsound := unsound_films(self.workspace, self.instance):
            self.report.failures["model"] = (*self.report.failures.get("model", ()), failing_words(unsound))

    def _note(self, phase: str, outcome: Outcome) -> None:
        if not outcome.succeeded:
            self.report.failures[f"{phase} {outcome.job.partition}".strip()] = outcome.failures


def _job(view: Workspace, known: Known, names: tuple[str, ...], key: str, again: bool) -> Job | None:
    stale = (index for index, name in enumerate(names) if next(due_links(view, known, name, key), None))
    due = 0 if again else next(stale, None)
    if due is None:
        return None
    assets = tuple(asset for name in names[due:] for asset in assets_of(STAGES[name], key).values())
    return Job(assets, key if STAGES[names[0]].scope in PARTITIONS else "")


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
