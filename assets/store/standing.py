"""How a home and its store stand to each other, and bringing back what is in the store alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from assets.chain import STAGES, Scope
from assets.store.cache import bound_bytes, cached_bytes, fetch, restore
from assets.store.objects import Store
from assets.store.places import artifact_name, evicted, read_note, stored_note
from assets.store.pushing import Stamped, held_back, is_stored, stamped, unsent
from assets.workspace import Workspace
from corpus.remote import Remote


@dataclass(frozen=True)
class Standing:
    """Where the store is, and how many artifacts are in it, in it alone, held back by rights, and still to be sent.

    `cached_bytes` is what `bound_bytes` bounds: the heavy artifacts that lie here, and pieces of finished work.
    """

    store: str | None
    stored: int
    stored_bytes: int
    evicted: int
    evicted_bytes: int
    held_back: int
    to_send: int
    failed_to_send: int
    cached_bytes: int
    bound_bytes: int | None


def standing(workspace: Workspace) -> Standing:
    """What the notes here tell; the store is not asked."""
    home, remote, refused = workspace.home, Remote.from_environment(), held_back(workspace)
    made = list(stamped(workspace))
    stored = [one for one in made if is_stored(workspace, one)]
    notes = [note for one in stored if (note := read_note(stored_note(home, artifact_name(home, one.folder))))]
    away = [manifest for one in made if (manifest := evicted(home, one.folder))]
    others = [one for one in made if one not in stored]
    return Standing(
        store=remote.url if remote else None,
        stored=len(stored),
        stored_bytes=sum(note.size_bytes for note in notes),
        evicted=len(away),
        evicted_bytes=sum(manifest.size_bytes for manifest in away),
        held_back=sum(refused(one) is not None for one in others),
        to_send=sum(refused(one) is None for one in others),
        failed_to_send=sum(1 for _ in unsent(home)),
        cached_bytes=cached_bytes(home),
        bound_bytes=bound_bytes(),
    )


def fetch_all(workspace: Workspace, store: Store, film_ids: Collection[str] | None = None) -> list[str]:
    """Bring back evicted artifacts, and those that were lost here and of which the store has the version that was made; which these were.

    Raises:
        FeelmError: the store cannot be reached, or does not give one back.
    """
    wanted = [one for one in stamped(workspace) if film_ids is None or (STAGES[one.link].scope is Scope.FILM and one.key in film_ids)]
    return [artifact_name(workspace.home, one.folder) for one in wanted if not one.folder.exists() and _fetch(workspace, store, one)]


def _fetch(workspace: Workspace, store: Store, one: Stamped) -> bool:
    if fetch(workspace, one.folder):
        return True
    manifest = store.read(artifact_name(workspace.home, one.folder), one.version)
    if manifest is None:
        return False
    restore(workspace, store, manifest)
    return True
