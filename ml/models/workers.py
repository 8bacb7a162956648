"""Training jobs side by side, each kept as soon as it is finished: a run that was killed goes on where it was.

Jobs run in processes of their own, here when one is enough, or wherever a given pool runs them; results come in the order of the jobs. What
a job gave is found again by everything that it followed from: the units, what it was to learn, the settings and this version's code.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from corpus.chunks import Arrays, ChunkStore, Work, content_digest
from corpus.processes import worker_pool
from corpus.sources import source_digest
from ml.models.context import ContextParams, ContextRun, Opinions, train_context
from ml.models.dataset import IntArray, UnitArrays
from ml.models.experts import ExpertJob, ExpertParams, ExpertRun, train_expert
from ml.models.networks import NetworkConfig


class Run(Protocol):
    """What a job gives: kept as arrays, and made of them again."""

    def arrays(self) -> Arrays:
        """All of it by name."""

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """The run that `arrays` made them of."""


RunT = TypeVar("RunT", bound=Run)


@dataclass(frozen=True)
class ContextJob:
    """One context network to train: the opinions to learn from, the rows, and the seed."""

    opinions: Opinions
    train_rows: IntArray
    validation_rows: IntArray
    seed: int

    @property
    def digest(self) -> str:
        """Of all that the network learns from, but for the units."""
        said = self.opinions
        parts = (said.log_p, said.levels, said.present, said.prior, self.train_rows, self.validation_rows)
        return content_digest(*parts, str(self.seed))


@lru_cache(maxsize=1)
def _load_arrays(path: Path) -> UnitArrays:
    return UnitArrays.load(path)


def _run_expert(units: UnitArrays | Path, job: ExpertJob, params: ExpertParams, config: NetworkConfig) -> ExpertRun:
    return train_expert(_load_arrays(units) if isinstance(units, Path) else units, job, params, config)


def _run_context(units: UnitArrays | Path, job: ContextJob, params: ContextParams, config: NetworkConfig) -> ContextRun:
    data = _load_arrays(units) if isinstance(units, Path) else units
    return train_context(data, job.opinions, job.train_rows, job.validation_rows, params, config, job.seed)


class Workers:
    """Trains in `pool` where one is given, else in `count` processes, or here when that is one; finished jobs are kept in `store` where
    there is one. A given pool's machines see the folder of the store.
    """

    def __init__(
        self, data: UnitArrays, count: int, config: NetworkConfig, store: ChunkStore | None = None, pool: Executor | None = None
    ) -> None:
        self.data, self.count, self.config, self.store = data, count, config, store
        self.folder = tempfile.TemporaryDirectory(prefix="feelm-training-", dir=store.made() if pool and store else None)
        self.path = Path(self.folder.name) / "units.npz"
        self.pool = pool
        self._own: Executor | None = None
        self.units = content_digest(*(getattr(data, field.name) for field in dataclasses.fields(data))) if store else ""

    def __enter__(self) -> Workers:
        if self.pool is None and self.count > 1:
            # spawn: a forked child of a process that already ran torch's threads can hang
            self.pool = self._own = worker_pool(self.count)
        if self.pool is not None:
            self.data.save(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            self._own.shutdown(cancel_futures=True)
        _load_arrays.cache_clear()
        self.folder.cleanup()

    def experts(self, jobs: Sequence[ExpertJob], params: Callable[[int], ExpertParams]) -> Iterator[ExpertRun]:
        """Train experts; `params` gives a modality's."""
        asked = [(job.digest, (job, params(job.modality), self.config)) for job in jobs]
        return self._each(ExpertRun, "expert", _run_expert, asked)

    def contexts(self, jobs: Sequence[ContextJob], params: ContextParams) -> Iterator[ContextRun]:
        """Train context networks."""
        asked = [(job.digest, (job, params, self.config)) for job in jobs]
        return self._each(ContextRun, "context network", _run_context, asked)

    def _each(self, kind: type[RunT], name: str, run: Callable[..., RunT], asked: Sequence[tuple[str, tuple[Any, ...]]]) -> Iterator[RunT]:
        """Each job's run, from the store or computed; jobs are all handed out before the first result is waited for."""
        keys = [self._key(name, digest, arguments[1:]) for digest, arguments in asked]
        kept = [self.store.read(key) if self.store else None for key in keys]
        coming: list[Future[RunT] | None] = [
            self.pool.submit(run, self.path, *arguments) if self.pool and found is None else None
            for found, (_, arguments) in zip(kept, asked, strict=True)
        ]
        for key, found, future, (_, arguments) in zip(keys, kept, coming, asked, strict=True):
            if found is not None:
                yield kind.from_arrays(found)
                continue
            made = future.result() if future else run(self.data, *arguments)
            if self.store:
                self.store.write(key, made.arrays())
            yield made

    def _key(self, name: str, digest: str, settings: tuple[object, ...]) -> str:
        return Work(name, source_digest(), {"settings": repr(settings)}).key(content_digest(self.units, digest)) if self.store else ""
