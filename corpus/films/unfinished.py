"""A scan on its way, kept on disk chunk by chunk, so that one that was killed goes on at the last finished chunk.

A chunk's entry holds what each worker of the scan added to its log and what it goes on with; pictures lie in files that grow beside the
entries, which know their lengths and digests. An entry is written after everything that it speaks of, and checked before it is believed:
the scan goes on after the last chunk up to which all is whole, and what lies behind it is cut off.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from corpus.chunks import Arrays, ChunkStore, Work, content_digest
from corpus.terms import FeelmError

_BLOCK = 1 << 20
_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Saved:
    """What a worker saves at the end of a chunk: `log` is what the chunk added to what it knows, `now` what it goes on with."""

    log: Arrays
    now: Arrays


class Spool:
    """Pieces of bytes one behind the other in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab+")
        self._ends = array("q", [0])
        self._saved = 0
        self._digest = hashlib.sha256()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, piece: bytes) -> int:
        """Append a piece; its row."""
        self._file.write(piece)
        self._digest.update(piece)
        self._ends.append(self._ends[-1] + len(piece))
        return len(self) - 1

    def size(self, row: int) -> int:
        """Bytes of a piece."""
        return self._ends[row + 1] - self._ends[row]

    def piece(self, row: int) -> bytes:
        """A piece.

        Raises:
            FeelmError: it is not whole on disk.
        """
        self._file.flush()
        begin, end = self._ends[row], self._ends[row + 1]
        content = os.pread(self._file.fileno(), end - begin, begin)
        if len(content) != end - begin:
            raise FeelmError(f"{self._path}: what was written while scanning is gone (is the disk full?): free some space and run again")
        return content

    def save(self) -> Saved:
        """Put everything on disk; sizes of the pieces since the last `save`, and their digest."""
        self._file.flush()
        os.fsync(self._file.fileno())
        sizes = np.diff(np.array(self._ends[self._saved :], np.int64))
        digest = np.frombuffer(self._digest.digest(), np.uint8)
        self._saved, self._digest = len(self), hashlib.sha256()
        return Saved({"sizes": sizes, "digest": digest}, {})

    def holds(self, log: Arrays) -> bool:
        """Whether the pieces that another spool of this file saved next lie whole on disk."""
        digest, place, left = hashlib.sha256(), self._ends[-1], int(log["sizes"].sum())
        while left and (block := os.pread(self._file.fileno(), min(_BLOCK, left), place)):
            digest.update(block)
            place, left = place + len(block), left - len(block)
        return digest.digest() == log["digest"].tobytes()

    def take(self, log: Arrays) -> None:
        """Take those pieces over."""
        self._ends.extend((self._ends[-1] + np.cumsum(log["sizes"], dtype=np.int64)).tolist())
        self._saved = len(self)

    def cut(self) -> None:
        """Drop what lies behind the pieces that are known."""
        self._file.truncate(self._ends[-1])

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


class Unfinished:
    """The chunks of one scan; use it as a context.

    `folder` is for this film's scans alone: what lies there of another version of it is removed, and a second scan waits for the first.
    `work` and `content` say which scan it is, `spools` are the files that grow.
    """

    def __init__(self, folder: Path, work: Work, content: str, spools: Iterable[str]) -> None:
        self._root = folder
        self._folder = folder / work.key(content)
        self._store = ChunkStore(self._folder / "chunks")
        self._names = tuple(spools)
        self._logs: dict[str, list[Arrays]] = {}
        self._now: dict[str, Arrays] = {}
        self.n_chunks = 0

    def __enter__(self) -> Unfinished:
        self._root.mkdir(parents=True, exist_ok=True)
        self._lock = (self._root / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        for other in self._root.iterdir():
            if _KEY.fullmatch(other.name) and other != self._folder:
                shutil.rmtree(other)
        self._folder.mkdir(exist_ok=True)
        self.spools = {name: Spool(self._folder / name) for name in self._names}
        self._read()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for spool in self.spools.values():
            spool.close()
        self._lock.close()

    def logs(self, worker: str) -> list[Arrays]:
        """What a worker added to its log, chunk by chunk."""
        return self._logs[worker]

    def log(self, worker: str, name: str) -> np.ndarray:
        """One array of a worker's log over all chunks, of which there must be one."""
        return np.concatenate([part[name] for part in self._logs[worker]])

    def now(self, worker: str) -> Arrays:
        """What a worker goes on with after the last chunk."""
        return self._now[worker]

    def keep(self, saved: Mapping[str, Saved]) -> None:
        """One more chunk is finished."""
        every = {**saved, **{name: spool.save() for name, spool in self.spools.items()}}
        self._store.write(self._entry(), _flat(every))
        self._add(every)

    def forget(self) -> None:
        """Be as if nothing had been kept."""
        self._logs, self._now, self.n_chunks = {}, {}, 0
        shutil.rmtree(self._store.folder, ignore_errors=True)
        for name, spool in self.spools.items():
            spool.close()
            self.spools[name] = Spool(self._folder / name)
            self.spools[name].cut()

    def _read(self) -> None:
        while (arrays := self._store.read(self._entry())) is not None:
            every = _saved(arrays)
            if not all(spool.holds(every[name].log) for name, spool in self.spools.items()):
                break
            for name, spool in self.spools.items():
                spool.take(every[name].log)
            self._add(every)
        for spool in self.spools.values():
            spool.cut()

    def _entry(self) -> str:
        return content_digest(self._folder.name, str(self.n_chunks))

    def _add(self, every: Mapping[str, Saved]) -> None:
        for worker, saved in every.items():
            self._logs.setdefault(worker, []).append(saved.log)
        self._now = {worker: saved.now for worker, saved in every.items()}
        self.n_chunks += 1


def _flat(every: Mapping[str, Saved]) -> dict[str, np.ndarray]:
    kinds = [(f"{worker}/{kind}", arrays) for worker, saved in every.items() for kind, arrays in (("log", saved.log), ("now", saved.now))]
    return {f"{kind}/{name}": array for kind, arrays in kinds for name, array in arrays.items()}


def _saved(flat: Arrays) -> dict[str, Saved]:
    """What `_flat` made `flat` of."""
    found: dict[str, tuple[dict[str, np.ndarray], dict[str, np.ndarray]]] = {}
    for path, values in flat.items():
        worker, kind, name = path.split("/")
        log, now = found.setdefault(worker, ({}, {}))
        (log if kind == "log" else now)[name] = values
    return {worker: Saved(*parts) for worker, parts in found.items()}
