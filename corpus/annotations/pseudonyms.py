"""Turns raters' names into pseudonyms before anything is hashed or stored.

A pseudonym is a keyed hash of the name, so that the same person has the same one in every delivery and data versions reproduce. The map
back to names lives outside the versioned data, in `annotators.json` of FEELM_HOME, readable by its owner alone: a person who is forgotten
is gone from there, and no artifact changes. A team that must withstand guessing of names sets `key` in that file before its first import.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import unicodedata
from pathlib import Path

from corpus.paths import write_json
from corpus.terms import FeelmError

_PSEUDONYM = re.compile(r"r-[0-9a-f]{8}(?:[0-9a-f]{4}){0,14}")


class Pseudonyms:
    """The raters met so far; `of` adds those not yet met, `save` writes the map."""

    def __init__(self, path: Path) -> None:
        """Read the map at `path`, or start an empty one.

        Raises:
            FeelmError: the file is not such a map.
        """
        self._path = path
        try:
            stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            self._key: str = stored.get("key", "")
            self._names: dict[str, str] = dict(stored.get("names", {}))
            self._forgotten: set[str] = set(stored.get("forgotten", ()))
        except (ValueError, AttributeError, TypeError) as error:
            raise FeelmError(f"the annotators' map {path} cannot be read ({error}): restore it or move it away") from error
        self._changed = False

    def of(self, name: str) -> str:
        """`r-` and eight hex digits (more where two names would share them); a pseudonym, as exports have them, stays itself."""
        folded = unicodedata.normalize("NFC", name).strip()
        if _PSEUDONYM.fullmatch(folded):
            return folded
        digest = hmac.new(self._key.encode(), folded.encode(), hashlib.sha256).hexdigest()
        for length in range(8, len(digest) + 1, 4):
            pseudonym = f"r-{digest[:length]}"
            if pseudonym in self._forgotten:
                return pseudonym
            if self._names.setdefault(pseudonym, folded) == folded:
                self._changed = True
                return pseudonym
        raise FeelmError(f"two raters share one whole digest in {self._path}: the file was edited by hand, restore it")

    def forget(self, name: str) -> tuple[str, str]:
        """Drop a rater, given by name or pseudonym, from the map, never to be added again; the pseudonym and the name.

        Raises:
            FeelmError: nobody of that name was met.
        """
        folded = unicodedata.normalize("NFC", name).strip()
        found = next((pseudonym for pseudonym, known in self._names.items() if folded in (pseudonym, known)), None)
        if found is None:
            raise FeelmError("no rater of that name or pseudonym was met: the names are those that the delivered files give")
        self._forgotten.add(found)
        self._changed = True
        return found, self._names.pop(found)

    def save(self) -> None:
        """Write the map atomically when a rater was met or forgotten."""
        if self._changed:
            write_json(self._path, {"key": self._key, "names": self._names, "forgotten": sorted(self._forgotten)})
            self._path.chmod(0o600)
