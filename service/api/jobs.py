"""Long work that is asked for now and fetched later, told of in files, so that a restart loses the work and not the knowledge of it.

Each process of a service holds a lock of its own while it lives. A job whose process is gone before the job ended is lost, and says so to
whoever asks for it; what ended is kept for a while.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from corpus.paths import write_json


class JobState(StrEnum):
    """How far a job is; `lost` is one whose service was stopped before it ended."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"


ENDED = (JobState.DONE, JobState.FAILED, JobState.LOST)


@dataclass(frozen=True)
class Job:
    """A job: the name of the key that asked for it (None without keys), the process that does it, and as JSON what came of it."""

    id: str
    owner: str | None
    process: str
    state: JobState
    created_at: str
    ended_at: str | None = None
    result: Any = None
    problem: Any = None


class Jobs:
    """The jobs of a home's service, written by several processes of which each has a `process` name and holds its lock."""

    def __init__(self, folder: Path, kept_s: float, most: int) -> None:
        self.jobs, self.uploads, self.processes = folder / "jobs", folder / "uploads", folder / "processes"
        self.kept_s, self.most = kept_s, most
        self.process = uuid.uuid4().hex
        self._lock: TextIO | None = None

    def open(self) -> None:
        """Take this process' lock, and put away what others left behind."""
        for path in (self.jobs, self.uploads, self.processes):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (self.processes / self.process).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.sweep()

    def close(self) -> None:
        """Give the lock back: what has not ended is lost from here on."""
        (self.processes / self.process).unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def begin(self, owner: str | None) -> Job:
        """A new job, waiting."""
        self.sweep()
        job = Job(uuid.uuid4().hex, owner, self.process, JobState.WAITING, _now())
        self.write(job)
        return job

    def write(self, job: Job) -> None:
        """Have a job be as it is told."""
        write_json(self._path(job.id), asdict(job))

    def end(self, job: Job, state: JobState, result: Any = None, problem: Any = None) -> Job:
        """Have a job be over."""
        ended = replace(job, state=state, ended_at=_now(), result=result, problem=problem)
        if self._path(job.id).is_file():  # it may have been removed meanwhile
            self.write(ended)
        return ended

    def get(self, job_id: str, owner: str | None) -> Job | None:
        """A job of this owner; None where there is none."""
        job = self._read(self._path(job_id)) if job_id.isalnum() else None
        if job is None or job.owner != owner:
            return None
        return self.end(job, JobState.LOST) if self._is_lost(job) else job

    def remove(self, job: Job) -> None:
        """Forget a job and what came of it."""
        self._path(job.id).unlink(missing_ok=True)

    def waiting(self) -> int:
        """How many jobs of all processes have not ended."""
        return sum(job.state not in ENDED and not self._is_lost(job) for job in self._all())

    def sweep(self) -> None:
        """Forget what ended long ago, all but the last `most`, and remove what processes that are gone left behind."""
        for path in self.uploads.iterdir():
            if not self._lives(path.name.split("-")[0]):
                shutil.rmtree(path, ignore_errors=True)
        for path in self.processes.iterdir():
            if not self._lives(path.name):
                path.unlink(missing_ok=True)
        oldest_first = sorted(self._all(), key=lambda job: job.created_at)
        for place, job in enumerate(oldest_first):
            too_many = len(oldest_first) - place > self.most
            if job.state in ENDED and (too_many or _age_s(job.ended_at or job.created_at) > self.kept_s):
                self.remove(job)
            elif self._is_lost(job):
                self.end(job, JobState.LOST)

    def upload_folder(self) -> Path:
        """A fresh folder for what is uploaded; removed at the next start where this process cannot."""
        path = self.uploads / f"{self.process}-{uuid.uuid4().hex}"
        path.mkdir(mode=0o700)
        return path

    def _path(self, job_id: str) -> Path:
        return self.jobs / f"{job_id}.json"

    def _all(self) -> Iterator[Job]:
        for path in self.jobs.glob("*.json"):
            if path.name.startswith("."):
                continue
            job = self._read(path)
            if job is not None:
                yield job

    def _read(self, path: Path) -> Job | None:
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Job(**{**raw, "state": JobState(raw["state"])})

    def _is_lost(self, job: Job) -> bool:
        return job.state not in ENDED and not self._lives(job.process)

    def _lives(self, process: str) -> bool:
        """Whether a process of the service still holds its lock."""
        if process == self.process:
            return self._lock is not None
        try:
            with (self.processes / process).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _age_s(moment: str) -> float:
    return time.time() - datetime.fromisoformat(moment).timestamp()
