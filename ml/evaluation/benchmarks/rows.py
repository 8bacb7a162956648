"""The rows of a benchmark: one trained system on one fold with one seed, kept as soon as it is there.

A run that was ended goes on at the row it was in, and within it at the last finished round. The folder is named after everything that a row
depends on (data, code, settings), so that no row of another run is ever taken for its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save

from corpus.paths import write_bytes, write_text
from corpus.processes import worker_pool
from corpus.sources import source_digest
from ml.models.dataset import FloatArray
from ml.models.loop import TellRound

TellRow = Callable[[str, float], None]
"""Called with a row's name and the share of it that is done, 0..1."""

POLL_S = 1.0


@dataclass(frozen=True)
class Job:
    """One row to make: `run` gets its checkpoint file and whom to tell of rounds, and gives logits (n, classes).

    It is sent to another process, so it is a function of a module, or a `partial` of one.
    """

    name: str
    run: Callable[[Path, TellRound], FloatArray]


@dataclass(frozen=True)
class Rows:
    """Rows in `folder`, made by so many processes side by side."""

    folder: Path
    workers: int
    tell: TellRow

    def make(self, jobs: Sequence[Job]) -> dict[str, FloatArray]:
        """Logits of every job by name: those that are kept, the others made now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        waiting = [job for job in jobs if not _path(self.folder, job.name).is_file()]
        for job in jobs:
            self.tell(job.name, 0.0 if job in waiting else 1.0)
        if self.workers > 1 and len(waiting) > 1:
            self._make_aside(waiting)
        else:
            for job in waiting:
                _make(self.folder, job, self.tell)
        return {job.name: load_file(_path(self.folder, job.name))["logits"] for job in jobs}

    def _make_aside(self, jobs: Sequence[Job]) -> None:
        with worker_pool(min(self.workers, len(jobs))) as pool:
            running: dict[Future[None], str] = {pool.submit(_make, self.folder, job): job.name for job in jobs}
            try:
                while running:
                    done, _ = wait(running, POLL_S, FIRST_COMPLETED)
                    for name in running.values():
                        self.tell(name, _share(self.folder, name))
                    for future in done:
                        future.result()
                        self.tell(running.pop(future), 1.0)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def seconds(self, names: Sequence[str]) -> dict[str, float]:
        """How long each row took when it was made."""
        return {name: float(_metadata(_path(self.folder, name))["seconds"]) for name in names}


def _make(folder: Path, job: Job, tell: TellRow | None = None) -> None:
    """Make one row and write it; without somebody to tell, its share is written beside it."""
    from threadpoolctl import threadpool_limits

    started, told = monotonic(), folder / f"{job.name}.share"
    checkpoint = folder / f"{job.name}.checkpoint"

    def rounds(done: int, total: int, loss: float) -> None:
        if tell is None:
            write_text(told, str(done / total))
        else:
            tell(job.name, done / total)

    with threadpool_limits(1):  # what scikit-learn computes with; torch's threads are the loop's own affair
        logits = np.ascontiguousarray(job.run(checkpoint, rounds), np.float32)
    write_bytes(_path(folder, job.name), save({"logits": logits}, {"seconds": f"{monotonic() - started:.1f}"}))
    for path in (checkpoint, told):
        path.unlink(missing_ok=True)
    if tell is not None:
        tell(job.name, 1.0)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"


def _share(folder: Path, name: str) -> float:
    """What the row's worker has written; the whole where it has put that away because the row is there."""
    try:
        return float((folder / f"{name}.share").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return float(_path(folder, name).is_file())


def _metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "numpy") as stored:
        return dict(stored.metadata() or {})


def run_key(*parts: str) -> str:
    """Name of a run's folder: a digest of what it depends on, this version's code included."""
    return hashlib.sha256("\n".join((source_digest(), *parts)).encode()).hexdigest()[:16]


def data_digest(*paths: Path) -> str:
    """Of files, and of all files under folders, by name, size and content."""
    digest = hashlib.sha256()
    for path in paths:
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        for file in files:
            name = file.name if path.is_file() else file.relative_to(path).as_posix()
            digest.update(f"{name} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.hexdigest()
