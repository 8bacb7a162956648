"""Where a home notes which of its artifacts are in the store, and which are there alone.

Both notes are the artifact's manifest: `stored/` holds those that were read back from the store after the upload, `evicted/` those of
artifacts whose folder was removed here. An artifact whose folder lies here is here, whatever a note says, so that a process may be killed
between any two steps.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

from assets.store.manifest import Manifest
from corpus.paths import Home
from corpus.remote import Remote

HEAVY = ("faces", "soundtrack", "face_features", "voice_features")
"""What may be evicted: per film, nearly all of its bytes, and read by links alone. All else is small, and pages and the service read it."""


def artifact_name(home: Home, folder: Path) -> str:
    """The artifact's place in the data folder, which is its name in the store."""
    return folder.relative_to(home.data).as_posix()


def _stored(home: Home) -> Path:
    """Notes of what is in the present store: another one has none of it."""
    remote = Remote.from_environment()
    told = f"{remote.url} {remote.endpoint}" if remote else ""
    return home.root / "stored" / hashlib.sha256(told.encode()).hexdigest()[:12]


def stored_note(home: Home, artifact: str) -> Path:
    """The manifest that was read back from the store, where it was."""
    return _stored(home) / f"{artifact}.json"


def unsent_note(home: Home, artifact: str) -> Path:
    """Which link made an artifact that is yet to be sent, and in which version."""
    return home.root / "unsent" / f"{artifact}.json"


def evicted_note(home: Home, artifact: str) -> Path:
    """The manifest of an artifact that was removed here."""
    return home.root / "evicted" / f"{artifact}.json"


def read_note(path: Path) -> Manifest | None:
    """The manifest in a note, None where there is none."""
    try:
        return Manifest.from_bytes(path.read_bytes())
    except FileNotFoundError:
        return None


def evicted(home: Home, folder: Path) -> Manifest | None:
    """What an artifact consists of that lies in the store alone; None where it is here, or was never evicted."""
    if folder.exists() or not folder.is_relative_to(home.data):
        return None
    return read_note(evicted_note(home, artifact_name(home, folder)))


def evicted_folders(home: Home, name: str) -> list[Path]:
    """Folders of the artifacts of one kind that lie in the store alone."""
    keys = sorted(path.stem for path in (home.root / "evicted" / name).glob("*.json"))
    return [folder for key in keys if not (folder := home.data / name / key).exists()]


def listing_away(home: Home, folder: Path) -> Manifest | None:
    """What an artifact, or the folder of all artifacts of a kind, consists of, where some of it lies in the store alone; else None."""
    if (whole := evicted(home, folder)) is not None:
        return whole
    if folder.parent != home.data or not (away := evicted_folders(home, folder.name)):
        return None
    files = list(Manifest.of_folder(folder.name, folder).files)
    for one in away:
        manifest = read_note(evicted_note(home, artifact_name(home, one)))
        assert manifest is not None
        files += [dataclasses.replace(file, name=f"{one.name}/{file.name}") for file in manifest.files]
    return Manifest(folder.name, tuple(sorted(files, key=lambda file: file.name)))


def stored_artifacts(home: Home) -> Iterator[str]:
    """Names of the artifacts that were read back from the store."""
    root = _stored(home)
    yield from sorted(path.relative_to(root).as_posix().removesuffix(".json") for path in root.rglob("*.json"))
