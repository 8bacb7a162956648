"""One team's workspace: its home folder, settings, films, batches and corpora, and the versions of its artifacts.

Everything a stage may know comes through here, so that a Dagster step, `feelm stage` and a test see the same. Versions are content
hashes, computed when asked and remembered for one pass only, so that an artifact deleted or altered by hand is noticed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from assets.params import Params
from assets.store.places import evicted
from corpus.annotations.batches import scan_inbox
from corpus.annotations.decisions import accepted_folders
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.entry import read_entry, read_ids, read_rights
from corpus.films.catalogue.rights import Use, refusal
from corpus.films.catalogue.store import read_catalogue
from corpus.paths import Home, content_version, file_digest, write_json, write_text
from corpus.terms import FeelmError, Rights

ABSENT = "0" * 32
"""Version of an input that is not there."""

A_FEW = 20
"""Films that are looked up one by one; who asks for more asks for all, and these are read at once."""


def read_json(path: Path) -> Any:
    """What a JSON file holds, None where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder; 0 where there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def stamp_digest(stamp: dict[str, Any]) -> str:
    """Digest of a stamp's code, inputs, settings and outputs."""
    made = {part: stamp[part] for part in ("code", "inputs", "params", "outputs")}
    return hashlib.md5(json.dumps(made, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


@dataclass
class Versions:
    """Content versions of paths, each computed once until forgotten."""

    home: Home
    _known: dict[Path, str] = field(default_factory=dict)

    def of(self, path: Path) -> str:
        """DVC's md5 of a file or folder, also of an artifact that lies in the store alone; `ABSENT` when nothing is there."""
        if path not in self._known:
            self._known[path] = content_version(path) if path.exists() else self.of_evicted(path)
        return self._known[path]

    def of_evicted(self, path: Path) -> str:
        """The version of an artifact that lies in the store alone, `ABSENT` of anything else."""
        manifest = evicted(self.home, path)
        return manifest.version if manifest else ABSENT

    def forget(self, path: Path) -> None:
        """The path was written: compute again when asked."""
        self._known.pop(path, None)

    def of_stamp(self, stage: str, key: str) -> str:
        """Digest of what a stamp says was made of what, whatever it cost and in which run; `ABSENT` before the stage's first run."""
        stamp = read_json(self.home.stamp(stage, key))
        return stamp_digest(stamp) if stamp else ABSENT

    def of_source(self, path: Path) -> str:
        """md5 of a (large) source file, remembered across runs by its size, time and inode."""
        if not path.is_file():
            return ABSENT
        stat = path.stat()
        facts = f"{stat.st_size}-{stat.st_mtime_ns}-{stat.st_ino}"
        entry = self.home.root / "stamps" / "sources" / (hashlib.sha256(str(path).encode()).hexdigest() + ".json")
        known = read_json(entry)
        if known is not None and known["facts"] == facts:
            return str(known["md5"])
        digest = file_digest(path, "md5")
        write_json(entry, {"facts": facts, "md5": digest, "path": str(path)})
        return digest


@dataclass
class Workspace:
    """The home folder and what is in it."""

    home: Home

    def __post_init__(self) -> None:
        self.versions = Versions(self.home)
        self._entries: dict[str, Film | None] = {}

    @classmethod
    def from_environment(cls) -> Workspace:
        """FEELM_HOME's workspace."""
        return cls(Home.from_environment())

    @cached_property
    def params(self) -> Params:
        """The team's settings."""
        return Params.read(self.home)

    @cached_property
    def films(self) -> dict[str, Film]:
        """The catalogue, by film id; empty before the first film is added."""
        return {film.film_id: film for film in read_catalogue(self.home.catalogue)}

    @cached_property
    def film_ids(self) -> list[str]:
        """The ids of `films` in order; thousands of entries are not read for them where the file is as Feelm writes it."""
        ids = read_ids(self.home.catalogue)
        return sorted(self.films) if ids is None else ids

    @property
    def rights_today(self) -> dict[str, Rights]:
        """What the catalogue says of each film's rights, by id, read as `film_ids` is."""
        rights = read_rights(self.home.catalogue)
        return {film_id: film.rights for film_id, film in self.films.items()} if rights is None else rights

    def film(self, film_id: str) -> Film:
        """One film of the catalogue; the others are not read for it."""
        if (film := self.find_film(film_id)) is None:
            raise FeelmError(f"no film {film_id!r} in {self.home.catalogue}: see `feelm films list`, add it with `feelm films add`")
        return film

    def find_film(self, film_id: str) -> Film | None:
        """As `film`; None where the catalogue has none of that id."""
        if "films" not in self.__dict__ and len(self._entries) < A_FEW:
            if film_id not in self._entries:
                self._entries[film_id] = read_entry(self.home.catalogue, film_id)
            if (film := self._entries[film_id]) is not None:
                return film
        return self.films.get(film_id)

    def not_exported(self) -> dict[str, str]:
        """Films whose rights keep them here, by id, with the reason."""
        allowed = self.params.export_rights
        refusals = {film.film_id: refusal(Use.EXPORT, film.film_id, film.title, film.rights, allowed) for film in self.films.values()}
        return {film_id: reason for film_id, reason in sorted(refusals.items()) if reason is not None}

    def source_path(self, film_id: str, kind: str) -> Path | None:
        """Absolute path of a film's `video`, `subtitles` or `screenplay`, None where it has none."""
        path: Path | None = getattr(self.film(film_id), kind)
        return path

    def unit_tables(self) -> dict[str, Path]:
        """The table of units of each film that has one, by id."""
        tables = {film_id: self.home.artifact("scenes", film_id) / "units.parquet" for film_id in self.film_ids}
        return {film_id: path for film_id, path in tables.items() if path.is_file()}

    def stream(self, film_id: str) -> dict[str, Any] | None:
        """Facts of a film's picture and time as they were scanned (stream.json), None before that."""
        found: dict[str, Any] | None = read_json(self.home.artifact("shots", film_id) / "stream.json")
        return found

    @cached_property
    def inbox(self) -> dict[str, Path]:
        """Delivered annotation files by batch id."""
        return {item.batch_id: item.path for item in scan_inbox(self.home)}

    def accepted_batches(self) -> list[Path]:
        """Folders of the annotations that the gate let into use, in order of delivery."""
        return accepted_folders(self.home)

    @property
    def corpora_file(self) -> Path:
        """Where added public corpora are listed."""
        return self.home.root / "corpora.yaml"

    @cached_property
    def corpora(self) -> dict[str, Path]:
        """Folders of the public corpora that were added, by name."""
        if not self.corpora_file.is_file():
            return {}
        return {name: Path(path) for name, path in yaml.safe_load(self.corpora_file.read_text(encoding="utf-8")).items()}

    def add_corpus(self, name: str, path: Path) -> None:
        """Remember where a public corpus lies."""
        listing = {**{n: str(p) for n, p in self.corpora.items()}, name: str(path.resolve())}
        write_text(self.corpora_file, yaml.safe_dump(listing, sort_keys=True))
        del self.corpora

    def refresh(self) -> None:
        """Forget what was read: the catalogue, inbox or list of corpora changed."""
        for name in ("films", "film_ids", "inbox", "corpora", "params"):
            self.__dict__.pop(name, None)
        self.versions._known.clear()
        self._entries.clear()
