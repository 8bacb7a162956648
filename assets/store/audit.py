"""What is wrong in the store, and mending it: files that are missing, cut short or damaged, and uploads that nobody will end.

A file is sent again from an artifact that lies here and has its digest. What cannot be mended that way is told; a damaged file is removed,
so that whoever has it sends it anew, and an artifact that was evicted here counts as gone, so that `feelm run` makes it again.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from assets.store.manifest import Manifest, ManifestError
from assets.store.objects import ABANDONED, Store
from assets.store.places import evicted_note, read_note, stored_artifacts, stored_note
from assets.workspace import Workspace
from corpus.paths import Home, file_digest
from corpus.together import side_by_side


class Wrong(StrEnum):
    """What is wrong with a file or a manifest."""

    MISSING = "missing"
    SIZE = "wrong size"
    CONTENT = "wrong content"
    NO_MANIFEST = "no manifest"
    ALTERED = "manifest altered"


@dataclass(frozen=True)
class Fault:
    """A file of an artifact's version that is not as it should be, and whether it was mended; `file` is '' of the manifest itself."""

    artifact: str
    version: str
    file: str
    wrong: Wrong
    mended: bool


@dataclass(frozen=True)
class Audit:
    """What was found: how many artifacts (versions) and files there are, what is wrong, and which uploads were ended.

    Files that are `unclaimed` belong to no artifact: they are of uploads that were cut off, and the next one goes on from them.
    """

    n_artifacts: int
    n_files: int
    n_bytes: int
    faults: tuple[Fault, ...]
    ended_uploads: tuple[str, ...]
    n_unclaimed: int

    @property
    def lost(self) -> list[Fault]:
        """What could not be mended."""
        return [fault for fault in self.faults if not fault.mended]


def audit(workspace: Workspace, store: Store, deep: bool = False, older_than: timedelta = ABANDONED) -> Audit:
    """Look at all that the store holds, mend what can be mended, and end uploads that began longer ago than `older_than`.

    `deep` reads every file to compare its digest; else its size is.

    Raises:
        FeelmError: the store cannot be reached.
    """
    faults = _mend_manifests(workspace, store)
    manifests, altered = _manifests(workspace.home, store)
    sizes = store.objects()
    wanted = {one.sha256: one.size_bytes for manifest in manifests for one in manifest.files}
    found = side_by_side(lambda sha256: _wrong(store, sha256, wanted[sha256], sizes.get(sha256), deep), wanted)
    wrong = {sha256: why for sha256, why in zip(wanted, found, strict=True) if why is not None}
    mended = {sha256: _mend(workspace.home, store, sha256, manifests) for sha256 in wrong}
    for sha256 in [sha256 for sha256, why in wrong.items() if not mended[sha256] and why is not Wrong.MISSING]:
        store.remove_object(sha256)
    faults += altered
    for manifest in manifests:
        bad = [one for one in manifest.files if one.sha256 in wrong]
        faults += [Fault(manifest.artifact, manifest.version, one.name, wrong[one.sha256], mended[one.sha256]) for one in bad]
        if not all(mended[one.sha256] for one in bad):
            _forget(workspace.home, manifest)
    ended = store.unfinished(datetime.now(UTC) - older_than)
    for upload in ended:
        store.abort(upload)
    _sweep_sending(workspace.home, older_than)
    unclaimed = sizes.keys() - wanted.keys()
    return Audit(len(manifests), len(sizes), sum(sizes.values()), tuple(faults), tuple(one.path for one in ended), len(unclaimed))


def _mend_manifests(workspace: Workspace, store: Store) -> list[Fault]:
    """Write manifests again that were read back once and are not there any more: the note here is the manifest."""
    faults, there = [], set(store.manifests())
    for artifact in stored_artifacts(workspace.home):
        note = read_note(stored_note(workspace.home, artifact))
        if note is not None and (artifact, note.version) not in there:
            store.put_manifest(note)
            faults.append(Fault(artifact, note.version, "", Wrong.NO_MANIFEST, mended=True))
    return faults


def _manifests(home: Home, store: Store) -> tuple[list[Manifest], list[Fault]]:
    """Those that can be read, and those that were altered; one that was noted here when it was read back is written again."""
    read, altered, there = [], [], store.manifests()
    for (artifact, version), manifest in zip(there, side_by_side(lambda one: _read(store, *one), there), strict=True):
        if manifest is None:
            manifest = _noted(home, store, artifact, version)
            altered.append(Fault(artifact, version, "", Wrong.ALTERED, mended=manifest is not None))
        if manifest is not None:
            read.append(manifest)
    return read, altered


def _read(store: Store, artifact: str, version: str) -> Manifest | None:
    """None where it is not what its name says."""
    try:
        manifest = store.read(artifact, version)
    except ManifestError:
        return None
    return manifest if manifest and (manifest.artifact, manifest.version) == (artifact, version) else None


def _noted(home: Home, store: Store, artifact: str, version: str) -> Manifest | None:
    note = read_note(stored_note(home, artifact))
    if note is None or note.version != version:
        return None
    store.put_manifest(note)
    return note


def _wrong(store: Store, sha256: str, size: int, there: int | None, deep: bool) -> Wrong | None:
    if there is None:
        return Wrong.MISSING
    if there != size:
        return Wrong.SIZE
    return Wrong.CONTENT if deep and store.digest(sha256) != sha256 else None


def _mend(home: Home, store: Store, sha256: str, manifests: list[Manifest]) -> bool:
    """Send a file again from an artifact that lies here; whether one had it."""
    places = (home.data / manifest.artifact / one.name for manifest in manifests for one in manifest.files if one.sha256 == sha256)
    source = next((path for path in places if path.is_file() and file_digest(path) == sha256), None)
    if source is not None:
        store.put_object(sha256, source)
    return source is not None


def _forget(home: Home, manifest: Manifest) -> None:
    """Note no more that an artifact's version is in the store, as it is not."""
    for note in (stored_note(home, manifest.artifact), evicted_note(home, manifest.artifact)):
        known = read_note(note)
        if known is not None and known.version == manifest.version:
            note.unlink()


def _sweep_sending(home: Home, older_than: timedelta) -> None:
    """Remove links that an upload left which was killed."""
    before = datetime.now(UTC) - older_than
    for folder in (home.root / "cache" / "sending").glob("*"):
        if datetime.fromtimestamp(folder.stat().st_mtime, UTC) < before:
            shutil.rmtree(folder, ignore_errors=True)
