"""The films behind a model told together: how many are under which rights, and which code made their artifacts.

Of thousands of films a tree names none by itself, so nodes need not be made of each of their artifacts: what was kept beside the model is
gone through once. Where anything of it was not kept, nothing is told here, and the whole graph tells what is missing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assets.ancestry import FILM_OUTPUTS
from assets.history import film_lines
from assets.workspace import ABSENT

GONE = "no longer in the catalogue"

Versions = Mapping[str, Sequence[str]]
"""By film the artifacts of it that were read, as `name@version`."""


@dataclass(frozen=True)
class ManyFilms:
    """Ids by the rights and the declared use of when the film was taken in, and the rights of today; code digests by artifact."""

    alike: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    code: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def n_films(self) -> int:
        """How many there are."""
        return sum(map(len, self.alike.values()))


def read_many(beside: Path, read: Versions, today: Mapping[str, str]) -> ManyFilms | None:
    """What was kept beside a model of the films of which it `read` something; None where not all was. `today` are their rights now."""
    found, seen = ManyFilms(), 0
    for line in film_lines(beside):
        kept = json.loads(line)
        film_id = kept["film_id"]
        if film_id in read:
            rights = _rights(kept, found.code, read[film_id])
            if rights is None:
                return None
            found.alike[*rights, today.get(film_id, GONE)].append(film_id)
            seen += 1
    return found if seen == len(read) else None


def _rights(kept: dict[str, Any], code: dict[str, set[str]], wanted: Sequence[str]) -> tuple[str, str] | None:
    """Rights and declared use of a film; adds the code of all that lies behind what is wanted. None where something was not kept."""
    made = {f"{name}@{version}": stamp for stamp in kept["stamps"] for name, version in stamp["outputs"].items()}
    films = {f"film@{film['version']}": (film["rights"], film["declared_use"]) for film in kept["films"]}
    behind, waiting = set(wanted), list(wanted)
    for artifact in waiting:
        if artifact not in made:
            return None
        new = set(_artifacts(made[artifact])) - behind
        behind |= new
        waiting += new
    for artifact, stamp in made.items():
        if artifact in behind:
            code[artifact.partition("@")[0]].add(stamp["code"])
    return next((rights for film, rights in films.items() if film in behind), None)


def _artifacts(stamp: dict[str, Any]) -> Iterator[str]:
    """The artifacts of the same film that a run read; the link `film` itself reads files."""
    read = stamp["inputs"].items() if stamp["stage"] != "film" else ()
    return (f"{label}@{version}" for label, version in read if label in FILM_OUTPUTS and version != ABSENT)
