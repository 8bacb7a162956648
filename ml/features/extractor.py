"""What every extractor of features is: it takes one chunk of a film after the other and gives rows with true times.

An extractor names itself and its version; `extract_all` runs it over the chunks, takes what the store already holds and tells how far it
is. A chunk has a fixed length, so memory is flat in the length of the film, and a run that was killed repeats at most the chunk that it
was in.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from corpus.chunks import Arrays, ChunkStore, Progress, Tell, Work
from corpus.threads import one_torch_thread
from corpus.weights import weight

ChunkT = TypeVar("ChunkT")
TakenT = TypeVar("TakenT", contravariant=True)


@dataclass(frozen=True)
class Dimension:
    """One measure: its name, unit ("" for a share or a probability), what it means, and its bounds where it has some."""

    name: str
    unit: str
    meaning: str
    lowest: float | None = None
    highest: float | None = None


@dataclass(frozen=True)
class Block:
    """What was found in one chunk, in the order of time.

    `start_ms` and `end_ms` are int64 (n,), half-open, from the first frame of the film's cut; `values` is float32 (n, n_dimensions), NaN
    where there is nothing to measure; `confidence` is float32 (n,) in 0..1. `more` holds what is no row of numbers (crops, embeddings).
    """

    start_ms: np.ndarray
    end_ms: np.ndarray
    values: np.ndarray
    confidence: np.ndarray
    more: Arrays = field(default_factory=dict)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it by name, as a store keeps it."""
        named = {name: getattr(self, name) for name in _OWN}
        return named | {f"more.{name}": array for name, array in self.more.items()}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Block:
        """The block that `arrays` made them of."""
        more = {name.removeprefix("more."): array for name, array in arrays.items() if name.startswith("more.")}
        return cls(arrays["start_ms"], arrays["end_ms"], arrays["values"], arrays["confidence"], more)


_OWN = ("start_ms", "end_ms", "values", "confidence")


class FeatureExtractor(Protocol[TakenT]):
    """Computes features of one modality.

    `version` must change whenever the same chunk would give other numbers; `settings` are what the caller chose.
    """

    @property
    def name(self) -> str:
        """Name of the modality, as a file is named after it."""
        ...

    @property
    def version(self) -> str:
        """Version of the code and of the weights."""
        ...

    @property
    def settings(self) -> Mapping[str, object]:
        """What the caller chose, as far as it changes the numbers."""
        ...

    def digest(self, chunk: TakenT) -> str:
        """Digest of all of the chunk that the features follow from, its place in the film included."""
        ...

    def extract(self, chunk: TakenT) -> Block:
        """The chunk's features."""
        ...


def version_of(code: int, *weights: str) -> str:
    """A version out of the code's number and what the weights of these names hold."""
    return "-".join([str(code), *(member.sha256[:12] for name in weights for member in weight(name).members)])


def computing(device: str) -> AbstractContextManager[None]:
    """What a network computes in: on a CPU one thread, elsewhere as it is."""
    return one_torch_thread() if device.startswith("cpu") else nullcontext()


def batches(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """An array in parts of at most `size` rows."""
    return (rows[start : start + size] for start in range(0, len(rows), size))


def extract_all(
    extractor: FeatureExtractor[ChunkT],
    chunks: Iterable[ChunkT],
    store: ChunkStore | None = None,
    total_ms: int = 0,
    tell: Tell | None = None,
) -> Iterator[Block]:
    """Each chunk's features, from the store where it has them; what is computed is kept there before it is given out."""
    work = Work(extractor.name, extractor.version, extractor.settings)
    started, stored = time.perf_counter(), 0
    for done, chunk in enumerate(chunks, start=1):
        key = work.key(extractor.digest(chunk)) if store else ""
        kept = store.read(key) if store else None
        if kept is None:
            block = extractor.extract(chunk)
            if store:
                store.write(key, block.arrays())
        else:
            block, stored = Block.from_arrays(kept), stored + 1
        if tell:
            until = int(block.end_ms.max(initial=0))
            tell(Progress(until, total_ms, time.perf_counter() - started, done, stored))
        yield block


def joined(blocks: Iterable[Block], n_dimensions: int) -> Block:
    """The blocks one after the other; `more` is joined by name along the first axis."""
    found = list(blocks)
    if not found:
        empty = np.zeros(0, np.int64)
        return Block(empty, empty, np.zeros((0, n_dimensions), np.float32), np.zeros(0, np.float32))
    parts = [block.arrays() for block in found]
    return Block.from_arrays({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
