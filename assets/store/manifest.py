"""What an artifact consists of, as it is noted in the store: the name, size and digests of each of its files.

Files are kept by their sha256, so that the same bytes are kept once. A manifest is written when all of them are there, and its version is
computed from what it lists: it is the version that the artifact has in its stamp, in Dagster and in DVC.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from corpus.paths import file_digest
from corpus.terms import FeelmError


class ManifestError(FeelmError):
    """What lies there as a manifest is none, or was altered."""


@dataclass(frozen=True)
class StoredFile:
    """A file of an artifact: its place in the folder, size and digests. `md5` is what DVC's version of the folder is made of."""

    name: str
    size_bytes: int
    sha256: str
    md5: str


@dataclass(frozen=True)
class Manifest:
    """An artifact's files, by name; `artifact` is its place in the home's data folder (`faces/film-1`)."""

    artifact: str
    files: tuple[StoredFile, ...]

    @classmethod
    def of_folder(cls, artifact: str, folder: Path) -> Manifest:
        """What lies in a folder."""
        paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        return cls(artifact, tuple(_file(name, path) for name, path in sorted(paths.items())))

    @classmethod
    def from_bytes(cls, content: bytes) -> Manifest:
        """As `to_bytes` wrote it.

        Raises:
            ManifestError: it is no manifest, names a file outside of its folder, or does not have the version that it says.
        """
        try:
            told: dict[str, Any] = json.loads(content)
            manifest = cls(str(told["artifact"]), tuple(StoredFile(**one) for one in told["files"]))
        except (ValueError, TypeError, KeyError) as error:
            raise ManifestError(f"a manifest in the store cannot be read ({error})") from error
        outside = [name for name in (manifest.artifact, *(one.name for one in manifest.files)) if not _stays_inside(name)]
        if outside or manifest.version != told["version"]:
            raise ManifestError(f"the manifest of {manifest.artifact} in the store was altered: its version does not follow from its list")
        return manifest

    def to_bytes(self) -> bytes:
        """JSON, the same bytes for the same files."""
        told = {"artifact": self.artifact, "version": self.version, "files": [dataclasses.asdict(one) for one in self.files]}
        return json.dumps(told, indent=1, sort_keys=True).encode()

    @property
    def version(self) -> str:
        """`corpus.paths.content_version` of the folder."""
        listing = json.dumps([{"md5": one.md5, "relpath": one.name} for one in self.files], sort_keys=True)
        return hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest() + ".dir"

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(one.size_bytes for one in self.files)


def _file(name: str, path: Path) -> StoredFile:
    return StoredFile(name, path.stat().st_size, file_digest(path), file_digest(path, "md5"))


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and str(path) == name
