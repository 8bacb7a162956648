"""A folder of any store that fsspec reaches, in which artifacts are kept: an S3-compatible server, another cloud, a mounted disk.

Each file lies once, under its sha256 (`objects/<first two digits>/<sha256>`); an artifact's manifest
(`artifacts/<artifact>/<version>.json`) is written when all of its files are there and have their size. So an upload that was cut off
leaves no manifest, and the next one goes on from the files that arrived. A file shows only when it is whole: object stores do so by
themselves, elsewhere it is renamed.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from assets.store.manifest import Manifest, StoredFile
from corpus.paths import file_digest
from corpus.remote import ENDPOINT, STORE, Remote
from corpus.terms import FeelmError
from corpus.together import side_by_side

ABANDONED = timedelta(days=1)
"""An upload that began so long ago and is not at its end is none any more."""

WHOLE_AT_ONCE = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}
"""Protocols of stores that show a file only when all of it is there."""

PART = ".part"
CONNECTING = {"connect_timeout": 10, "retries": {"max_attempts": 3, "mode": "standard"}}
UNCACHED = {"use_listings_cache": False, "skip_instance_cache": True}
"""Others write there too, and credentials change."""

BLOCK_BYTES = 1 << 23


class StoreError(FeelmError):
    """The store does not answer, or not with what was given to it."""


@dataclass(frozen=True)
class Unfinished:
    """An upload that was begun and not ended; `upload_id` is the server's number of one in parts, None where it is a file itself."""

    path: str
    begun_at: datetime
    upload_id: str | None


class Store:
    """A connection to the folder that `remote` names.

    Every method raises StoreError where the store cannot be reached or refuses.
    """

    def __init__(self, remote: Remote) -> None:
        self.remote = remote

    @classmethod
    def from_environment(cls) -> Store | None:
        """FEELM_STORE's, None where it is not set."""
        remote = Remote.from_environment()
        return cls(remote) if remote is not None else None

    @classmethod
    def required(cls) -> Store:
        """FEELM_STORE's.

        Raises:
            FeelmError: it is not set.
        """
        store = cls.from_environment()
        if store is None:
            raise FeelmError(f"{STORE} is not set: it names the folder in which artifacts are kept (docs/scaling.md)")
        return store

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """fsspec's file system and the folder in it."""
        from fsspec.core import url_to_fs

        options: dict[str, Any] = {}
        if self.remote.url.partition("://")[0] in ("s3", "s3a"):
            options = {"endpoint_url": self.remote.endpoint, "config_kwargs": CONNECTING, **UNCACHED}
        try:
            return url_to_fs(self.remote.url, **options)
        except (ImportError, ValueError) as error:
            raise StoreError(f"{STORE}={self.remote.url} cannot be used: {error}; `make s3` installs what S3 needs") from error

    @contextmanager
    def _answering(self) -> Iterator[Any]:
        """The file system; whatever it says against what is asked in the block is a StoreError."""
        fs, _ = self._place
        try:
            yield fs
        except StoreError:
            raise
        except _failures() as error:
            at = f" at {self.remote.endpoint}" if self.remote.endpoint else ""
            raise StoreError(f"the store {self.remote.url}{at} does not do it: {error}; check {STORE}, {ENDPOINT}, credentials") from error

    def _at(self, name: str) -> str:
        return f"{self._place[1]}/{name}"

    def _object(self, sha256: str) -> str:
        return self._at(f"objects/{sha256[:2]}/{sha256}")

    def _manifest(self, artifact: str, version: str) -> str:
        return self._at(f"artifacts/{artifact}/{version}.json")

    def put(self, manifest: Manifest, folder: Path) -> int:
        """Keep an artifact whose files lie in `folder`, and read its manifest back; how many bytes were sent, 0 where all were there."""
        sizes = {one.sha256: one.size_bytes for one in manifest.files}
        places = {one.sha256: folder / one.name for one in manifest.files}
        lacking = self._lacking(sizes)
        side_by_side(lambda sha256: self.put_object(sha256, places[sha256]), lacking)
        if still := self._lacking({sha256: sizes[sha256] for sha256 in lacking}):
            raise StoreError(f"{self.remote.url} did not keep {len(still)} of the files of {manifest.artifact} that were sent to it")
        self.put_manifest(manifest)
        return sum(sizes[sha256] for sha256 in lacking)

    def put_manifest(self, manifest: Manifest) -> None:
        """Write the manifest of an artifact whose files are there, and read it back."""
        path = self._manifest(manifest.artifact, manifest.version)
        with self._showing_whole(path) as target, self._answering() as fs:
            fs.pipe_file(target, manifest.to_bytes())
        if self.read(manifest.artifact, manifest.version) != manifest:
            raise StoreError(f"{self.remote.url} did not give back the manifest of {manifest.artifact} as it was written")

    def _lacking(self, sizes: dict[str, int]) -> list[str]:
        """Objects that are not there with their size."""
        found = side_by_side(lambda sha256: self._size(self._object(sha256)), sizes)
        return [sha256 for sha256, size in zip(sizes, found, strict=True) if size != sizes[sha256]]

    def _size(self, path: str) -> int | None:
        with self._answering() as fs:
            try:
                return int(fs.info(path)["size"])
            except FileNotFoundError:
                return None

    def put_object(self, sha256: str, source: Path) -> None:
        """Send one file, in the place of whatever is there under its digest."""
        path = self._object(sha256)
        with self._showing_whole(path) as target, self._answering() as fs:
            fs.put_file(str(source), target)

    @contextmanager
    def _showing_whole(self, path: str) -> Iterator[str]:
        """Where to write what is to be at `path` when the block is done."""
        with self._answering() as fs:
            if self.remote.url.partition("://")[0] in WHOLE_AT_ONCE:
                yield path
                return
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            part = f"{path}.{uuid.uuid4().hex}{PART}"
            yield part
            fs.mv(part, path)

    def get(self, manifest: Manifest, out: Path) -> None:
        """Fill a folder with an artifact's files.

        Raises:
            StoreError: one is not there or not what was kept.
        """
        side_by_side(lambda one: self._get_file(manifest.artifact, one, out / one.name), manifest.files)

    def _get_file(self, artifact: str, one: StoredFile, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._answering() as fs:
            try:
                fs.get_file(self._object(one.sha256), str(target))
            except FileNotFoundError:
                raise StoreError(
                    f"{one.name} of {artifact} is gone from {self.remote.url}: `feelm store verify` tells and mends it"
                ) from None
        if file_digest(target) != one.sha256:
            raise StoreError(f"{one.name} of {artifact} in {self.remote.url} is damaged: `feelm store verify --deep` mends it")

    def read(self, artifact: str, version: str) -> Manifest | None:
        """The manifest of an artifact's version, None where none is there.

        Raises:
            FeelmError: it was altered.
        """
        with self._answering() as fs:
            try:
                return Manifest.from_bytes(fs.cat_file(self._manifest(artifact, version)))
            except FileNotFoundError:
                return None

    def holds(self, manifest: Manifest) -> bool:
        """Whether the manifest is there as it is, and each file with its size."""
        return self.read(manifest.artifact, manifest.version) == manifest and not self._lacking(
            {one.sha256: one.size_bytes for one in manifest.files}
        )

    def manifests(self) -> list[tuple[str, str]]:
        """Artifact and version of all that are there."""
        root = self._at("artifacts")
        names = [path.removeprefix(f"{root}/").removesuffix(".json") for path in self._found(root) if path.endswith(".json")]
        return sorted((name.rpartition("/")[0], name.rpartition("/")[2]) for name in names)

    def objects(self) -> dict[str, int]:
        """Sizes of all files by sha256."""
        found = self._found(self._at("objects"))
        return {path.rpartition("/")[2]: int(info["size"]) for path, info in found.items() if not path.endswith(PART)}

    def _found(self, folder: str) -> dict[str, dict[str, Any]]:
        with self._answering() as fs:
            try:
                found: dict[str, dict[str, Any]] = fs.find(folder, detail=True)
            except FileNotFoundError:
                return {}
        return found

    def digest(self, sha256: str) -> str:
        """The digest that an object really has."""
        digest = hashlib.sha256()
        with self._answering() as fs, fs.open(self._object(sha256), "rb", block_size=BLOCK_BYTES) as stream:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()

    def remove_object(self, sha256: str) -> None:
        """Remove a file that is not what its name says."""
        with self._answering() as fs:
            fs.rm_file(self._object(sha256))

    def unfinished(self, before: datetime) -> list[Unfinished]:
        """Uploads that began before a moment and did not come to their end."""
        begun = [*self._unfinished_files(), *self._unfinished_parts()]
        return [one for one in begun if one.begun_at < before]

    def _unfinished_files(self) -> Iterator[Unfinished]:
        with self._answering() as fs:
            shows_whole = self.remote.url.partition("://")[0] in WHOLE_AT_ONCE
            for path in [] if shows_whole else [path for path in self._found(self._place[1]) if path.endswith(PART)]:
                yield Unfinished(path, _aware(fs.modified(path)), None)

    def _unfinished_parts(self) -> list[Unfinished]:
        """Of files that a server takes in parts, each of which it keeps, and bills, until it is told that no more will come."""
        with self._answering() as fs:
            if not hasattr(fs, "list_multipart_uploads"):
                return []
            bucket, _, prefix = self._place[1].partition("/")
            found = fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=f"{prefix}/".lstrip("/")).get("Uploads", [])
        return [Unfinished(f"{bucket}/{one['Key']}", _aware(one["Initiated"]), one["UploadId"]) for one in found]

    def abort(self, upload: Unfinished) -> None:
        """Remove what arrived of an unfinished upload."""
        with self._answering() as fs:
            if upload.upload_id is None:
                fs.rm_file(upload.path)
            else:
                bucket, _, key = upload.path.partition("/")
                fs.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=upload.upload_id)


def _failures() -> tuple[type[Exception], ...]:
    """What a file system of fsspec raises; botocore's own faults are no OSError."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return (OSError,)
    return OSError, BotoCoreError, ClientError


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
