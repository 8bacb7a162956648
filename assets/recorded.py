"""The workspace as its stamps tell it, for questions that are asked every half minute.

Hashing every artifact says for certain what is stale, and reads the whole home. Here an artifact has the version that the last finished run
of its stage recorded, and sources the version of their size and time; so nothing big is read, and what was altered by hand is noticed only
by `feelm run`. A link is stale here when its sources, settings, code or upstream versions changed since, or it never ran.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assets.ancestry import read_stamps
from assets.chain import STAGES, is_fresh, needs_of, output_path
from assets.workspace import ABSENT, Versions, Workspace
from corpus.paths import Home


@dataclass
class _Recorded(Versions):
    """Versions of artifacts as stamped; of all else by content."""

    stamped: dict[Path, str] = field(default_factory=dict)

    def of(self, path: Path) -> str:
        """The recorded version; `ABSENT` when nothing is there, by content where no stage made it."""
        if path not in self.stamped:
            return super().of(path)
        return self.stamped[path] if path.exists() else ABSENT


def recorded(home: Home) -> Workspace:
    """A view of the home whose artifacts have the versions in their stamps."""
    workspace = Workspace(home)
    stamped: dict[Path, str] = {}
    for stamp in read_stamps(home):
        stage = STAGES[stamp.stage]
        stamped |= {output_path(workspace, stage, output, stamp.key): version for output, version in stamp.outputs.items()}
    workspace.versions = _Recorded(workspace.versions.source_cache, stamped=stamped)
    return workspace


@dataclass(frozen=True)
class Stale:
    """The first link of a row of them that is not up to date, and a digest of what it would be made of."""

    link: str
    needs: str


def first_stale(view: Workspace, links: Sequence[str], key: str = "") -> Stale | None:
    """The first of the links, in the order in which they run, that is stale for a key; None where all stand."""
    link = next((name for name in links if not is_fresh(view, name, key)), None)
    if link is None:
        return None
    needs = json.dumps(needs_of(view, link, key), sort_keys=True, default=str)
    return Stale(link, hashlib.sha256(f"{link} {key} {needs}".encode()).hexdigest()[:32])
