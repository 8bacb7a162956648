"""What people say of a delivered file, kept in hidden files beside it and bound to its bytes.

What a format does not hold (its film, its pictures a second) is told at delivery; a delivery that the checks refused may be rejected by
name. Either is about one content: another file that comes under the same name is a new delivery, of which nothing was said yet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from corpus.annotations.importers.reading import Told
from corpus.paths import file_digest, write_json
from corpus.terms import FeelmError

OPTIONS = {
    "format": "--format",
    "film_id": "--film",
    "annotator": "--annotator",
    "character": "--character",
    "perspective": "--perspective",
    "scheme": "--scheme",
    "modality_seen": "--modality-seen",
    "fps": "--fps",
    "first_frame": "--first-frame",
    "scales": "--scale",
}
"""By which option each field of Told is told."""

Said = TypeVar("Said")


@dataclass(frozen=True)
class Rejection:
    """A delivery that people will not mend: when they said so (ISO 8601, UTC) and why, where they said it."""

    rejected_at: str
    reason: str | None = None

    @property
    def words(self) -> str:
        """The rejection in a line."""
        return f"rejected by name on {self.rejected_at[:10]}: {self.reason or 'no reason was given'}"


def told_path(source: Path) -> Path:
    """Where what was told of the delivered file `source` is kept."""
    return source.with_name(f".{source.name}.told.json")


def rejection_path(source: Path) -> Path:
    """Where the rejection of the delivered file `source` is kept."""
    return source.with_name(f".{source.name}.rejected.json")


def write_told(source: Path, told: Told, sha256: str) -> None:
    """Keep what is told of the file `source` of digest `sha256`; before the file itself comes, so that nobody reads it without."""
    write_json(told_path(source), {"of_sha256": sha256, **asdict(told)})


def read_told(source: Path) -> Told:
    """What was told of `source` as it lies there, nothing where nothing was or another file lay there.

    Raises:
        FeelmError: the record is damaged.
    """
    of_sha256, told = _record(source)
    return told if of_sha256 == _sha256(source) else Told()


def told_of_another(source: Path) -> tuple[str, ...]:
    """The options that were told of another file which lay there under the name of `source`.

    Raises:
        FeelmError: the record is damaged.
    """
    of_sha256, told = _record(source)
    return () if of_sha256 == _sha256(source) else tuple(o for name, o in OPTIONS.items() if getattr(told, name) != getattr(Told(), name))


def write_rejection(source: Path, rejection: Rejection) -> None:
    """Reject `source` as it lies there, with what is told of it."""
    write_json(rejection_path(source), {"file": source.name, **_content(source), **asdict(rejection)})


def read_rejection(source: Path) -> Rejection | None:
    """The rejection of `source` as it lies there; None where another file, or one of which other things were told, was rejected.

    Raises:
        FeelmError: the record is damaged.
    """
    found = _read(rejection_path(source), _rejection)
    return found[1] if found is not None and found[0] == _content(source) else None


def drop_dead_records(inbox: Path) -> None:
    """Remove what was told of files that are gone or were replaced by hand: it may hold a rater's name.

    Raises:
        FeelmError: a record is damaged.
    """
    for path in inbox.glob(".*.told.json"):
        source = path.with_name(path.name[1:].removesuffix(".told.json"))
        if _record(source)[0] != _sha256(source):
            path.unlink()


def _record(source: Path) -> tuple[str | None, Told]:
    return _read(told_path(source), _told) or (None, Told())


def _content(source: Path) -> dict[str, str | None]:
    told = json.dumps(asdict(read_told(source)), sort_keys=True)
    return {"of_sha256": _sha256(source), "told_sha256": hashlib.sha256(told.encode()).hexdigest()}


def _sha256(path: Path) -> str | None:
    return file_digest(path) if path.is_file() else None


def _told(raw: dict[str, Any]) -> tuple[str, Told]:
    of_sha256 = str(raw.pop("of_sha256"))
    scales = {name: (float(low), float(high)) for name, (low, high) in (raw.pop("scales") or {}).items()}
    return of_sha256, Told(**raw, scales=scales or None)


def _rejection(raw: dict[str, Any]) -> tuple[dict[str, str | None], Rejection]:
    content = {name: raw.pop(name) for name in ("of_sha256", "told_sha256")}
    raw.pop("file")
    return content, Rejection(**raw)


def _read(path: Path, parse: Callable[[dict[str, Any]], Said]) -> Said | None:
    if not path.is_file():
        return None
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FeelmError(f"what was said of a delivery, {path}, is damaged ({error}): delete it, and say it again") from error
