"""What the stamps of a home tell, kept in one file for each link, so that a process need not open thousands of them.

A stamp is known again by its file's size, time of writing and inode; one that is new or was written since is read. What is kept can be
deleted at any time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from assets.chain import Scope, Stage
from assets.workspace import read_json, stamp_digest
from corpus.paths import Home, write_text

Facts = tuple[int, int, int]
"""Size, time of the last writing (ns) and inode of a file: other content has others."""

WORTH_KEEPING = 100
"""Stamps that had to be read before what they tell is kept: fewer are read again as fast."""

FORMAT = 1


@dataclass(frozen=True)
class Told:
    """What a stamp tells: a digest of what was made of what, the versions of its outputs, and what it cost, in seconds."""

    facts: Facts
    digest: str
    outputs: dict[str, str]
    wall_s: float
    cpu_s: float


def read_told(home: Home, stage: Stage, before: Mapping[str, Told] | None = None) -> dict[str, Told]:
    """By key ('' for the whole) what the stamps of a link tell; `before` is what this process saw last, if it did."""
    known = _kept(home, stage.name) if before is None else before
    found, n_read = {}, 0
    for entry in entries(home.stamp(stage.name).parent):
        if not entry.name.endswith(".json"):
            continue
        key, facts = "" if stage.scope is Scope.WHOLE else entry.name.removesuffix(".json"), facts_of(entry.stat())
        told = known.get(key)
        if told is None or told.facts != facts:
            told, n_read = _read(Path(entry.path), facts), n_read + 1
        found[key] = told
    if n_read >= WORTH_KEEPING:
        _keep(home, stage.name, found)
    return found


def _read(path: Path, facts: Facts) -> Told:
    stamp = json.loads(path.read_text(encoding="utf-8"))
    return Told(facts, stamp_digest(stamp), stamp["outputs"], stamp["cost"]["wall_s"], stamp["cost"]["cpu_s"])


def _file(home: Home, link: str) -> Path:
    return home.root / "cache" / "stamps" / f"{link}-{FORMAT}.json"


def _kept(home: Home, link: str) -> dict[str, Told]:
    rows = read_json(_file(home, link)) or []
    return {key: Told((size, written_ns, inode), *told) for key, size, written_ns, inode, *told in rows}


def _keep(home: Home, link: str, found: Mapping[str, Told]) -> None:
    rows = [[key, *one.facts, one.digest, one.outputs, one.wall_s, one.cpu_s] for key, one in found.items()]
    write_text(_file(home, link), json.dumps(rows, separators=(",", ":")))


def entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What lies in a folder; nothing where there is none."""
    try:
        with os.scandir(folder) as found:
            yield from found
    except FileNotFoundError:
        return


def facts_of(stat: os.stat_result) -> Facts:
    """What a file's content is known by without reading it."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ino
