"""Where each artifact lives under the data root, and its content hash.

One folder is one artifact, is one output of a stage in dvc.yaml, is one Dagster asset (or one partition of it). The hash of an
artifact is the md5 that DVC 3 records for the same folder, so that Dagster's DataVersion, DVC's status and the truth agree.
Writers fill a temporary sibling and rename it, so that a reader never sees half an artifact.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from corpus.terms import FeelmError, check_film_id


@dataclass(frozen=True)
class Home:
    """The folder FEELM_HOME (default `./.feelm`): data, catalogue, inbox, Dagster's and MLflow's homes, reports."""

    root: Path

    @classmethod
    def from_environment(cls) -> Home:
        """FEELM_HOME, else `.feelm` in the current directory."""
        return cls(Path(os.environ.get("FEELM_HOME", ".feelm")).resolve())

    @cached_property
    def data(self) -> Path:
        """Every versioned artifact."""
        return self.root / "data"

    @property
    def catalogue(self) -> Path:
        """The films the team may use (`films.yaml`)."""
        return self.root / "films.yaml"

    @property
    def made_films(self) -> Path:
        """Films made by corpus.maker for the demo."""
        return self.root / "films"

    @property
    def inbox(self) -> Path:
        """Where annotation files are dropped."""
        return self.root / "inbox"

    @property
    def reports(self) -> Path:
        """Pages people look at; `report.html` is the first."""
        return self.root / "reports"

    @property
    def worker_log(self) -> Path:
        """What processes that compute for a command print."""
        return self.root / "logs" / "workers.log"

    @property
    def chunks(self) -> Path:
        """Finished pieces of long work by their content (`corpus.chunks`); it can be deleted at any time."""
        return self.root / "cache" / "chunks"

    @property
    def benchmarks(self) -> Path:
        """Finished rows of benchmarks."""
        return self.root / "benchmarks"

    def unfinished(self, stage: str, key: str) -> Path:
        """What a stage that was killed leaves behind to go on from."""
        return self.root / "cache" / "unfinished" / stage / (key or "all")

    def stamp(self, stage: str, key: str = "") -> Path:
        """What the last finished run of a stage noted, for a film, a batch, a corpus or ('') the whole."""
        return self.root / "stamps" / stage / f"{key or 'all'}.json"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.root / "dagster"

    @property
    def mlflow(self) -> Path:
        """MLflow's database and artifacts."""
        return self.root / "mlflow"

    def artifact(self, name: str, film_id: str | None = None) -> Path:
        """Folder of the artifact `name`, of one film where it is per film: all of one kind lie together, as one DVC dependency."""
        return self.data.joinpath(name, check_film_id(film_id)) if film_id is not None else self.data / name

    def batch(self, batch_id: str) -> Path:
        """Folder of one annotation batch (batch ids follow the rule of film ids)."""
        return self.data / "annotation_batches" / check_film_id(batch_id)

    def corpus(self, name: str) -> Path:
        """Folder of one public corpus."""
        return self.data / "corpora" / check_film_id(name)


RETIRED = ".old"
"""Ends the name of a folder that is being replaced where folders cannot be exchanged (NFS, some FUSE)."""


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """Yield a fresh temporary folder beside `target`; on success it replaces `target` at once, on error it is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        _flush(temporary)
        if not target.exists():
            temporary.rename(target)
        elif not _exchanged(temporary, target):
            retired = temporary.with_suffix(RETIRED)
            target.rename(retired)
            temporary.rename(target)
            shutil.rmtree(retired)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Let two folders change their names at once (renameat2, Linux); False where the system or the file system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return rename is not None and rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            _flush_file(path)


def _flush_file(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield where to write a file, beside `path`; on success it replaces that, on error it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        _flush_file(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically, keys sorted, so that the same value gives the same bytes. NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The JSON that a stage wrote.

    Raises:
        FeelmError: there is no such file.
    """
    if not path.is_file():
        raise FeelmError(f"{path.name} is not at {path}: run the stage that makes it (feelm run)")
    return json.loads(path.read_text(encoding="utf-8"))


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def content_version(path: Path) -> str:
    """DVC 3's hash: md5 of a file, or `md5.dir` over the sorted listing of a folder.

    Raises:
        FileNotFoundError: nothing is there.
    """
    if path.is_file():
        return file_digest(path, "md5")
    if not path.is_dir():
        raise FileNotFoundError(f"no artifact at {path}")
    entries = [
        {"md5": file_digest(file, "md5"), "relpath": file.relative_to(path).as_posix()} for file in path.rglob("*") if file.is_file()
    ]
    entries.sort(key=lambda entry: entry["relpath"])
    listing = json.dumps(entries, sort_keys=True).encode()
    return hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir"
