"""Files that people drop into a folder: which are whole, and which films among them are new.

Whoever copies a film writes for minutes, so a file counts when nothing was written to it for a while and its name is not that of an
unfinished copy. Nothing is remembered: what is in the catalogue is known, and what is not is new.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.names import VIDEO_SUFFIXES

SETTLED_S = 10.0
"""A file to which nothing was written for this long is taken for whole."""

UNFINISHED = (".part", ".tmp", ".crdownload", ".partial", ".swp")
ENTRIES = ("film.yaml", "films.yaml")


@dataclass(frozen=True)
class Refused:
    """What could not be added, as it lay there (`stamp` changes with its files), and why."""

    stamp: str
    reason: str


def stamp_of(path: Path) -> str:
    """What tells a file, or a folder's files, altered."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    facts = [(file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.md5(str(facts).encode(), usedforsecurity=False).hexdigest()


def is_named_whole(path: Path) -> bool:
    """Whether the name is not that of a hidden or unfinished file."""
    return not path.name.startswith((".", "~")) and path.suffix.casefold() not in UNFINISHED


def is_settled(path: Path, now_s: float) -> bool:
    """Whether nothing was written to a file, or into a folder, in the last SETTLED_S seconds before `now_s` (epoch).

    The time of its last change counts beside that of its last writing: a copy that keeps times sets them at its end.
    """
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    if any(file.suffix.casefold() in UNFINISHED for file in files):
        return False
    facts = [file.stat() for file in files]
    return all(max(fact.st_mtime, fact.st_ctime) <= now_s - SETTLED_S for fact in facts)


def new_films(folder: Path, known: Iterable[Film], now_s: float) -> Iterator[Path]:
    """Film files, and folders with a film.yaml or films.yaml, that are whole and of which the catalogue holds nothing, by name."""
    if not folder.is_dir():
        return
    videos = [film.video for film in known]
    named = _names_within(folder, videos)
    unnamed = sorted(path for path in folder.iterdir() if path.name not in named)
    new = [path for path in unnamed if _is_film(path)]
    held = _held(videos) if new else set()
    yield from (path for path in new if path.resolve() not in held and is_settled(path, now_s))


def _held(videos: Sequence[Path]) -> set[Path]:
    """Where the videos really lie, and every folder above them; a folder is looked up once, however many lie in it."""
    folders = {folder: folder.resolve() for folder in {video.parent for video in videos}}
    files = {video.resolve() if video.is_symlink() else folders[video.parent] / video.name for video in videos}
    return files | {above for folder in {file.parent for file in files} for above in (folder, *folder.parents)}


def _names_within(folder: Path, videos: Iterable[Path]) -> set[str]:
    """Names of the folder's entries that are, or hold, one of the videos; by their text, for this is asked of thousands twice a minute."""
    inside = f"{folder}{os.sep}"
    return {text[len(inside) :].partition(os.sep)[0] for video in videos if (text := str(video)).startswith(inside)}


def _is_film(path: Path) -> bool:
    if path.is_dir():
        return any((path / name).is_file() for name in ENTRIES)
    return is_named_whole(path) and path.suffix.lower() in VIDEO_SUFFIXES
