"""The home as a bounded cache: heavy artifacts that are safe in the store may go, and come back before anything reads them.

Whoever reads a heavy artifact does so within `at_hand`, which fetches it and holds it; `evict` removes what nobody holds, the longest
unused first, once it has seen in the store what it removes here. Pieces of finished work (`corpus.chunks`) follow from what went into
them: they are under the same bound, and go without a copy.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assets.store.manifest import Manifest
from assets.store.objects import Store
from assets.store.places import HEAVY, artifact_name, evicted, evicted_folders, evicted_note, read_note, stored_note
from assets.workspace import Workspace, size_of
from corpus.paths import Home, content_version, write_bytes, writing
from corpus.terms import FeelmError

CACHE_GB = "FEELM_CACHE_GB"
GONE = ".evicted"
"""Ends the name of a folder that is being removed."""

WHOLE = "whole"
"""Name of the lock that whoever reads the artifacts of all films holds."""

TRY = fcntl.LOCK_EX | fcntl.LOCK_NB


@dataclass(frozen=True)
class Eviction:
    """What was removed to come down to a bound, and what is left; `kept` says why of each artifact that should have gone and could not."""

    artifacts: tuple[str, ...]
    n_pieces: int
    freed_bytes: int
    left_bytes: int
    bound_bytes: int
    kept: dict[str, str]


def bound_bytes() -> int | None:
    """FEELM_CACHE_GB in bytes, None where nothing is bounded.

    Raises:
        FeelmError: it is no number, or negative.
    """
    told = os.environ.get(CACHE_GB)
    if not told:
        return None
    try:
        bound = float(told)
    except ValueError:
        raise FeelmError(f"{CACHE_GB}={told} is no number; docs/scaling.md tells what it bounds") from None
    if not 0 <= bound < float("inf"):
        raise FeelmError(f"{CACHE_GB}={told}: give a number that is not negative")
    return int(bound * 1e9)


@contextmanager
def at_hand(workspace: Workspace, names: Collection[str], film_id: str = "") -> Iterator[None]:
    """Have artifacts of a film, or of all films, lie here and stay for as long as the block lasts.

    Raises:
        FeelmError: one is in the store alone, and cannot be had from there.
    """
    heavy = [name for name in HEAVY if name in names]
    if not heavy:
        yield
        return
    home = workspace.home
    with held(home, film_id):
        for name in heavy:
            for folder in [home.artifact(name, film_id)] if film_id else evicted_folders(home, name):
                fetch(workspace, folder)
        for folder in [home.artifact(name, film_id) for name in heavy if film_id]:
            if folder.is_dir():
                os.utime(folder)  # when it was used last
        yield


@contextmanager
def held(home: Home, film_id: str = "") -> Iterator[None]:
    """Nothing of a film, or of any film, is evicted for as long as the block lasts."""
    with _holding(home, f"film-{film_id}" if film_id else WHOLE, fcntl.LOCK_SH):
        yield


def fetch(workspace: Workspace, folder: Path) -> bool:
    """Bring an artifact back that lies in the store alone; whether it did.

    Raises:
        FeelmError: FEELM_STORE is not set, or the store does not give it back.
    """
    home = workspace.home
    if evicted(home, folder) is None:
        return False
    name = artifact_name(home, folder)
    with _holding(home, f"fetch-{name.replace('/', '-')}", fcntl.LOCK_EX):
        manifest = evicted(home, folder)
        if manifest is None:  # another process was faster
            return False
        restore(workspace, Store.required(), manifest)
        evicted_note(home, name).unlink()
    return True


def restore(workspace: Workspace, store: Store, manifest: Manifest) -> None:
    """Have an artifact lie here as its manifest lists it, whole or not at all."""
    folder = workspace.home.data / manifest.artifact
    with writing(folder) as out:
        store.get(manifest, out)
    workspace.versions.forget(folder)


def evict(workspace: Workspace, bound: int) -> Eviction:
    """Come down to `bound` bytes, the longest unused first.

    Nothing goes that is being read, that the store does not hold whole as it lies here, or that was altered here.
    """
    home, removed, kept, n_pieces = workspace.home, [], {}, 0
    with _holding(home, "evicting", fcntl.LOCK_EX):
        _sweep(home)
        cached = sorted([*_artifacts(home), *_pieces(home)], key=lambda one: one.used_s)
        whole = left = sum(one.size_bytes for one in cached)
        store = Store.from_environment()
        for one in cached:
            if left <= bound:
                break
            if one.artifact is None:
                one.path.unlink(missing_ok=True)
                n_pieces += 1
            elif why := _evict(workspace, store, one.path, one.artifact):
                kept[one.artifact] = why
                continue
            else:
                removed.append(one.artifact)
            left -= one.size_bytes
    return Eviction(tuple(removed), n_pieces, whole - left, left, bound, kept)


def cached_bytes(home: Home) -> int:
    """What FEELM_CACHE_GB bounds: heavy artifacts and pieces of finished work."""
    return sum(one.size_bytes for one in [*_artifacts(home), *_pieces(home)])


@dataclass(frozen=True)
class _Cached:
    """Something that may go; `artifact` is None of a piece of work. `used_s` is the Unix time of its last use."""

    path: Path
    artifact: str | None
    size_bytes: int
    used_s: float


def _artifacts(home: Home) -> Iterator[_Cached]:
    for folder in (folder for name in HEAVY for folder in sorted((home.data / name).glob("[!.]*"))):
        yield _Cached(folder, artifact_name(home, folder), size_of(folder), folder.stat().st_mtime)


def _pieces(home: Home) -> Iterator[_Cached]:
    for path in home.chunks.glob("*/*.chunk"):
        stat = path.stat()
        yield _Cached(path, None, stat.st_size, max(stat.st_mtime, stat.st_atime))


def _evict(workspace: Workspace, store: Store | None, folder: Path, artifact: str) -> str | None:
    """Remove an artifact; else why it stays. It is noted as evicted before it goes: while its folder is here, it is here."""
    home, note = workspace.home, read_note(stored_note(workspace.home, artifact))
    if store is None or note is None:
        return "not in the store"
    try:
        with _holding(home, f"film-{folder.name}", TRY), _holding(home, WHOLE, TRY):
            if content_version(folder) != note.version:
                return "not the version that is in the store"
            if not store.holds(note):
                return "not whole in the store: `feelm store verify`"
            write_bytes(evicted_note(home, artifact), note.to_bytes())
            gone = folder.with_name(f".{folder.name}{GONE}")
            folder.rename(gone)
            workspace.versions.forget(folder)
            shutil.rmtree(gone)
    except BlockingIOError:
        return "being read"
    return None


def _sweep(home: Home) -> None:
    """Remove what a process left that was killed while it evicted."""
    for name in HEAVY:
        for folder in (home.data / name).glob(f".*{GONE}"):
            shutil.rmtree(folder)


@contextmanager
def _holding(home: Home, name: str, how: int) -> Iterator[None]:
    """A lock among those of the cache, which ends with the process."""
    path = home.root / "locks" / "cache" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, how)
        yield
