"""The workspace as its stamps tell it, for questions that are asked every half minute.

Hashing every artifact says for certain what is stale, and reads the whole home. Here an artifact has the version that the last finished run
of its stage recorded, and sources the version of their size and time; so nothing big is read, and what was altered by hand is noticed only
by `feelm run`. A process that looks again reads only the stamps that were written since, and judges only films of which anything changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assets.chain import MADE_BY, STAGES, Scope, needs_of, output_path
from assets.stamps import Facts, Told, entries, facts_of, read_told
from assets.workspace import ABSENT, Versions, Workspace, stamp_digest
from corpus.dialogue.recognise import recogniser
from corpus.films.catalogue.entries import Film
from corpus.paths import Home


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

    stamps: Mapping[str, Mapping[str, Told]] = field(default_factory=dict)
    """By link and key."""

    others: Mapping[Path, str] = field(default_factory=dict)
    """Versions of what is not of a film, by path."""

    def of(self, path: Path) -> str:
        """The recorded version; `ABSENT` when nothing is there, by content where no stage made it."""
        version = self._of_film(path) or self.others.get(path)
        if version is None:
            return super().of(path)
        return version if path.exists() else self.of_evicted(path)

    def _of_film(self, path: Path) -> str | None:
        """Of a film's artifact, which lies in the folder of all of its name."""
        folder = path.parent
        told = self.stamps.get(_FILM_LINKS.get(folder.name, ""), {}).get(path.name)
        return told.outputs.get(folder.name) if told is not None and folder.parent == self.home.data else None

    def of_stamp(self, stage: str, key: str) -> str:
        """As it was when this process looked."""
        told = self.stamps[stage].get(key)
        return told.digest if told is not None else ABSENT


_FILM_LINKS = {output: link for output, link in MADE_BY.items() if STAGES[link].scope is Scope.FILM}
_STAMPS: dict[Path, dict[str, dict[str, Told]]] = {}
_JUDGED: dict[tuple[object, ...], dict[str, _Judged]] = {}
"""By home (and links) what this process saw last: nothing rests on it but the time that a look takes."""


def recorded(home: Home, links: Collection[str] = tuple(STAGES)) -> Workspace:
    """A view of the home in which what these links made has the version in its stamp, and all else that of its content."""
    workspace, before = Workspace(home), _STAMPS.get(home.root, {})
    found = {link: read_told(home, STAGES[link], before.get(link)) for link in links}
    _STAMPS[home.root] = {**before, **found}
    of_films = set(_FILM_LINKS.values())
    others = {
        output_path(workspace, STAGES[link], output, key): version
        for link in found.keys() - of_films
        for key, told in found[link].items()
        for output, version in told.outputs.items()
    }
    workspace.versions = _Recorded(home, stamps=found, others=others)
    return workspace


def has_stamp(view: Workspace, link: str, key: str) -> bool:
    """Whether a run of the link has finished for the key."""
    assert isinstance(view.versions, _Recorded)
    return key in view.versions.stamps[link]


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
    stamps = [view.versions.stamps[link] for link in links]
    folders = [{entry.name for entry in entries(view.home.artifact(out))} for link in links for out in STAGES[link].outputs]
    for film_id in film_ids:
        film = view.film(film_id)
        of_stamps = [told.facts if (told := of_link.get(film_id)) else None for of_link in stamps]
        yield film_id, (film, *_of_files(film), *of_stamps, *(film_id in folder for folder in folders))


def _of_files(film: Film) -> list[Facts | None]:
    return [_of_file(path) for path in (film.video, film.subtitles, film.screenplay) if path is not None]


def _of_file(path: Path) -> Facts | None:
    try:
        return facts_of(path.stat())
    except OSError:
        return None


def first_stale(view: Workspace, links: Sequence[str], key: str = "") -> Stale | None:
    """The first of the links, in the order in which they run, that is stale for a key; None where all stand."""
    link = next((name for name in links if not _is_fresh(view, name, key)), None)
    if link is None:
        return None
    needs = json.dumps(needs_of(view, link, key), sort_keys=True, default=str)
    return Stale(link, hashlib.sha256(f"{link} {key} {needs}".encode()).hexdigest()[:32])


def _is_fresh(view: Workspace, name: str, key: str) -> bool:
    """As `is_fresh` finds it, by the digest of the stamp, which itself is not read."""
    assert isinstance(view.versions, _Recorded)
    stage, told = STAGES[name], view.versions.stamps[name].get(key)
    if told is None:
        return False
    outputs = {output: view.versions.of(output_path(view, stage, output, key)) for output in stage.outputs}
    return told.digest == stamp_digest({**needs_of(view, name, key), "outputs": outputs})
