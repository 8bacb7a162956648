"""The workspace as its stamps tell it, for questions that are asked every half minute.

Hashing every artifact says for certain what is stale, and reads the whole home. Here an artifact has the version that the last finished run
of its stage recorded, and sources the version of their size and time; so nothing big is read, and what was altered by hand is noticed only
by `feelm run`. A process that looks again reads only the stamps that were written since, and judges only films of which anything changed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assets.chain import MADE_BY, STAGES, Scope, Stage, is_fresh, needs_of, output_path
from assets.workspace import ABSENT, Versions, Workspace, stamp_digest
from corpus.dialogue.recognise import recogniser
from corpus.films.catalogue.entries import Film
from corpus.paths import Home

Facts = tuple[int, int, int]
"""Size, time of the last writing (ns) and inode of a file: other content has others."""


@dataclass(frozen=True)
class _Stamped:
    """A stamp's file as it lay there, the digest of what was made of what, and the versions that it tells of its outputs."""

    facts: Facts
    digest: str
    versions: dict[Path, str]


@dataclass(frozen=True)
class Stale:
    """The first link of a row of them that is not up to date, and a digest of what it would be made of."""

    link: str
    needs: str


@dataclass(frozen=True)
class _Judged:
    """What was found of a film's links, and all that it rests on."""

    facts: tuple[object, ...]
    stale: Stale | None


@dataclass
class _Recorded(Versions):
    """Versions of artifacts as stamped; of all else by content."""

    stamps: Mapping[tuple[str, str], _Stamped] = field(default_factory=dict)
    others: Mapping[Path, str] = field(default_factory=dict)
    """Versions of what is not of a film, by path."""

    def of(self, path: Path) -> str:
        """The recorded version; `ABSENT` when nothing is there, by content where no stage made it."""
        stamp = self.stamps.get((_FILM_LINKS.get(path.parent.name, ""), path.name))
        version = stamp.versions.get(path) if stamp else self.others.get(path)
        if version is None:
            return super().of(path)
        return version if path.exists() else self.of_evicted(path)

    def of_stamp(self, path: Path) -> str:
        """As it was when this process looked."""
        stage, name = path.parent.name, path.stem
        stamp = self.stamps.get((stage, "" if STAGES[stage].scope is Scope.WHOLE else name))
        return stamp.digest if stamp else ABSENT


_FILM_LINKS = {output: link for output, link in MADE_BY.items() if STAGES[link].scope is Scope.FILM}
_STAMPS: dict[Path, dict[tuple[str, str], _Stamped]] = {}
_JUDGED: dict[tuple[object, ...], dict[str, _Judged]] = {}
"""By home (and links) what this process saw last: nothing rests on it but the time that a look takes."""


def recorded(home: Home) -> Workspace:
    """A view of the home whose artifacts have the versions in their stamps."""
    workspace, before = Workspace(home), _STAMPS.get(home.root, {})
    found = {(stage.name, key): one for stage in STAGES.values() for key, one in _stamps(workspace, stage, before)}
    _STAMPS[home.root] = found
    of_films = set(_FILM_LINKS.values())
    others = {path: version for (link, _), one in found.items() if link not in of_films for path, version in one.versions.items()}
    workspace.versions = _Recorded(home, stamps=found, others=others)
    return workspace


def _stamps(workspace: Workspace, stage: Stage, before: Mapping[tuple[str, str], _Stamped]) -> Iterator[tuple[str, _Stamped]]:
    for entry in _entries(workspace.home.root / "stamps" / stage.name):
        if entry.name.endswith(".json"):
            key, facts = "" if stage.scope is Scope.WHOLE else entry.name.removesuffix(".json"), _facts(entry.stat())
            known = before.get((stage.name, key))
            yield key, known if known is not None and known.facts == facts else _read(workspace, stage, key, Path(entry.path), facts)


def _read(workspace: Workspace, stage: Stage, key: str, path: Path, facts: Facts) -> _Stamped:
    stamp = json.loads(path.read_text(encoding="utf-8"))
    outputs = {output_path(workspace, stage, output, key): version for output, version in stamp["outputs"].items()}
    return _Stamped(facts, stamp_digest(stamp), outputs)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _facts(stat: os.stat_result) -> Facts:
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def has_stamp(view: Workspace, link: str, key: str) -> bool:
    """Whether a run of the link has finished for the key."""
    assert isinstance(view.versions, _Recorded)
    return (link, key) in view.versions.stamps


def stale_films(
    view: Workspace, links: Sequence[str], film_ids: Sequence[str], after: Sequence[str] = (), whole: Sequence[str] = ()
) -> dict[str, Stale]:
    """By film the first of the links that is stale; films of which all stand are left out.

    The links must read nothing but the films' entries and files, settings, outputs of each other and of the film's links `after` which they
    come, and the artifacts of the `whole`: a film of which none of these changed since this process looked last is not judged again.
    """
    settings = json.dumps({section: view.params.raw[section] for link in links for section in STAGES[link].sections}, sort_keys=True)
    code = [STAGES[link].code_version for link in links]
    common = (settings, *code, recogniser(), *(view.versions.of(view.home.artifact(name)) for name in whole))
    before, judged = _JUDGED.get((view.home.root, *links), {}), {}
    for film_id, facts in _film_facts(view, [*after, *links], film_ids):
        facts, known = (*common, *facts), before.get(film_id)
        judged[film_id] = known if known is not None and known.facts == facts else _Judged(facts, first_stale(view, links, film_id))
    _JUDGED[(view.home.root, *links)] = judged
    return {film_id: one.stale for film_id, one in judged.items() if one.stale is not None}


def _film_facts(view: Workspace, links: Sequence[str], film_ids: Sequence[str]) -> Iterator[tuple[str, tuple[object, ...]]]:
    """By film its entry, its files' facts, those of its links' stamps, and which of their outputs are there; no file is opened."""
    assert isinstance(view.versions, _Recorded)
    stamps = view.versions.stamps
    folders = [{entry.name for entry in _entries(view.home.artifact(out))} for link in links for out in STAGES[link].outputs]
    for film_id in film_ids:
        film = view.film(film_id)
        of_stamps = [stamp.facts if (stamp := stamps.get((link, film_id))) else None for link in links]
        yield film_id, (film, *_of_files(film), *of_stamps, *(film_id in folder for folder in folders))


def _of_files(film: Film) -> list[Facts | None]:
    return [_of_file(path) for path in (film.video, film.subtitles, film.screenplay) if path is not None]


def _of_file(path: Path) -> Facts | None:
    try:
        return _facts(path.stat())
    except OSError:
        return None


def first_stale(view: Workspace, links: Sequence[str], key: str = "") -> Stale | None:
    """The first of the links, in the order in which they run, that is stale for a key; None where all stand."""
    link = next((name for name in links if not is_fresh(view, name, key)), None)
    if link is None:
        return None
    needs = json.dumps(needs_of(view, link, key), sort_keys=True, default=str)
    return Stale(link, hashlib.sha256(f"{link} {key} {needs}".encode()).hexdigest()[:32])
