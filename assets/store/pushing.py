"""Which artifacts go to the store, and when: what DVC records, once a link made it, and again where the store could not be reached then.

What would show a film again that may not be exported stays here, as it does for DVC's remote. Files are sent from links to them in a folder
of their own, so that what is sent is what was hashed, whoever replaces the artifact meanwhile.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from assets.chain import RECORDED, STAGES, keys_of, output_path, read_stamp
from assets.snapshot import stays_here
from assets.store.cache import bound_bytes, evict
from assets.store.manifest import Manifest
from assets.store.objects import Store
from assets.store.places import artifact_name, read_note, stored_note, unsent_note
from assets.workspace import Workspace
from corpus.paths import Home, write_bytes, write_json
from corpus.terms import FeelmError

log = logging.getLogger("feelm.store")


@dataclass(frozen=True)
class Stamped:
    """An artifact as its link's stamp tells it."""

    link: str
    key: str
    folder: Path
    version: str


@dataclass
class Pushed:
    """What an upload did: artifacts sent and how many bytes of them the store did not have; why others were not, by artifact."""

    artifacts: list[str] = field(default_factory=list)
    sent_bytes: int = 0
    held_back: dict[str, str] = field(default_factory=dict)
    altered: list[str] = field(default_factory=list)


def stamped(workspace: Workspace) -> Iterator[Stamped]:
    """Every artifact that DVC records and a link has made."""
    for name in RECORDED:
        stage = STAGES[name]
        for key in keys_of(workspace, stage):
            stamp = read_stamp(workspace, name, key)
            for output, version in stamp["outputs"].items() if stamp else ():
                yield Stamped(name, key, output_path(workspace, stage, output, key), version)


def held_back(workspace: Workspace) -> Callable[[Stamped], str | None]:
    """Tells why an artifact may not leave, None where it may."""
    reasons = workspace.not_exported()
    stays = stays_here(workspace, reasons)
    return lambda one: reasons.get(one.key, "it holds words of films that may not leave") if stays(one.link, one.key) else None


def push(workspace: Workspace, store: Store) -> Pushed:
    """Send every artifact that the store has not.

    Raises:
        FeelmError: the store cannot be reached, or does not keep what it is given.
    """
    done, refused = Pushed(), held_back(workspace)
    for one in stamped(workspace):
        if not is_stored(workspace, one) and one.folder.exists():
            _push(workspace, store, one, refused, done)
    return done


def is_stored(workspace: Workspace, one: Stamped) -> bool:
    """Whether this version was read back from the store."""
    note = read_note(stored_note(workspace.home, artifact_name(workspace.home, one.folder)))
    return note is not None and note.version == one.version


def _push(workspace: Workspace, store: Store, one: Stamped, refused: Callable[[Stamped], str | None], done: Pushed) -> None:
    name = artifact_name(workspace.home, one.folder)
    if reason := refused(one):
        done.held_back[name] = reason
        return
    with _pinned(workspace, one.folder) as folder:
        manifest = Manifest.of_folder(name, folder)
        if manifest.version != one.version:
            done.altered.append(name)
            return
        done.sent_bytes += store.put(manifest, folder)
    write_bytes(stored_note(workspace.home, name), manifest.to_bytes())
    unsent_note(workspace.home, name).unlink(missing_ok=True)
    done.artifacts.append(name)


@contextmanager
def _pinned(workspace: Workspace, folder: Path) -> Iterator[Path]:
    """Links to the files of an artifact, which stay when it is replaced."""
    sending = workspace.home.root / "cache" / "sending"
    sending.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=sending) as out:
        yield _linked(folder, Path(out) / "files")


def _linked(folder: Path, target: Path) -> Path:
    """A tree of links; empty where the folder is just being replaced: that is not what was to be sent."""
    try:
        shutil.copytree(folder, target, copy_function=os.link)
    except (FileNotFoundError, shutil.Error):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
    return target


def settle(workspace: Workspace, name: str, key: str, made: Mapping[Path, str]) -> None:
    """Send what a link made (version by folder), then come down to FEELM_CACHE_GB.

    A store that does not do it is told, and asked again when the next link is made; what was made stays made.
    """
    try:
        store, bound = Store.from_environment(), bound_bytes()
        if store is not None and name in RECORDED:
            _offer(workspace, store, [Stamped(name, key, folder, version) for folder, version in made.items()])
        if bound is not None:
            evict(workspace, bound)
    except (FeelmError, OSError) as error:
        log.warning("%s %s is made, but not yet safe in the store: %s", name, key, error)


def _offer(workspace: Workspace, store: Store, made: list[Stamped]) -> None:
    """Send artifacts, and those that could not be sent before: all are noted as unsent until they are."""
    for one in made:
        note = {"link": one.link, "key": one.key, "version": one.version}
        write_json(unsent_note(workspace.home, artifact_name(workspace.home, one.folder)), note)
    refused, done = held_back(workspace), Pushed()
    for path, one in unsent(workspace.home):
        if one.folder.exists():
            _push(workspace, store, one, refused, done)
        path.unlink(missing_ok=True)


def unsent(home: Home) -> Iterator[tuple[Path, Stamped]]:
    """Notes of artifacts that were made and not yet sent."""
    root = home.root / "unsent"
    for path in sorted(root.rglob("*.json")):
        with suppress(FileNotFoundError):  # another process has just sent it
            note = json.loads(path.read_text(encoding="utf-8"))
            folder = home.data / path.relative_to(root).with_suffix("")
            yield path, Stamped(note["link"], note["key"], folder, note["version"])
