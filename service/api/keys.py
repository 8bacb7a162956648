"""API keys: who may ask the service, told by a name and known by a digest.

A key is 256 random bits, shown once when it is made; the home keeps its SHA-256, which needs no salt and no slow hash since nobody can
guess through 256 bits. The file is read again when it changes, so that a key that is added or revoked counts at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from corpus.paths import write_json
from corpus.terms import FeelmError

PREFIX = "feelm_"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ApiKey:
    """A key by name: hex SHA-256 of it, and when it was made (ISO 8601, UTC)."""

    name: str
    sha256: str
    created_at: str


@dataclass(frozen=True)
class NewKey:
    """A key as it is shown once to whoever made it."""

    name: str
    key: str


class KeyRing:
    """The keys of a home; for any number of threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keys.json"
        self._seen: tuple[int, int, int] | None = None
        self._keys: tuple[ApiKey, ...] = ()
        self._lock = Lock()

    def keys(self) -> tuple[ApiKey, ...]:
        """All keys, the oldest first.

        Raises:
            FeelmError: the file is damaged. Nobody is let in by what cannot be read.
        """
        seen = _stamp(self.path)
        with self._lock:
            if seen != self._seen:
                self._keys = _read(self.path) if seen is not None else ()
                self._seen = seen
            return self._keys

    def name_of(self, key: str) -> str | None:
        """Whose key that is, None where it is nobody's. Every key is compared, so that the time taken tells nothing."""
        digest, found = _digest(key), None
        for known in self.keys():
            if hmac.compare_digest(known.sha256, digest):
                found = known.name
        return found

    def add(self, name: str) -> NewKey:
        """Make a key.

        Raises:
            FeelmError: the name is taken or not allowed.
        """
        if not NAME.fullmatch(name):
            raise FeelmError(f"{name!r} cannot name a key: use 1-64 letters, digits, '.', '_' or '-', beginning with a letter or digit")
        key = PREFIX + secrets.token_urlsafe(32)
        with self._changing():
            if any(known.name == name for known in self.keys()):
                raise FeelmError(f"there is a key {name!r} already: revoke it first (feelm serve keys revoke {name}), or take another name")
            now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            self._write((*self.keys(), ApiKey(name, _digest(key), now)))
        return NewKey(name, key)

    def revoke(self, name: str) -> None:
        """Take a key back; who has it is refused from the next request on.

        Raises:
            FeelmError: there is none of that name.
        """
        with self._changing():
            left = tuple(known for known in self.keys() if known.name != name)
            if len(left) == len(self.keys()):
                raise FeelmError(f"there is no key {name!r}: see `feelm serve keys list`")
            self._write(left)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, keys: tuple[ApiKey, ...]) -> None:
        before = os.umask(0o077)
        try:
            write_json(self.path, [asdict(key) for key in keys])
        finally:
            os.umask(before)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _read(path: Path) -> tuple[ApiKey, ...]:
    try:
        return tuple(ApiKey(**one) for one in json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise FeelmError(f"{path} holds no API keys ({error}): restore it, or remove it and make new ones") from error
