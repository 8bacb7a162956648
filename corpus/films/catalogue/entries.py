"""What an entry of a catalogue says of a film, read strictly and written back as it was meant.

People write these entries by hand, so every key and value is checked and a fault is told with its place. A film may name sources instead of
files: it then stands in the catalogue before anybody fetched it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from corpus.films.catalogue.reading import KEYS, WRITTEN, CatalogueError, check_keys, choice, mappings, text, texts
from corpus.films.catalogue.sources import ROLES, Source, read_sources
from corpus.terms import EMOTIONS, ArcShape, DeclaredUse, Rights, check_film_id

SCHEMA_VERSION = 1
CLOCK = re.compile(r"(?:(\d{1,2}):)?([0-5]?\d):([0-5]\d(?:\.\d+)?)")


@dataclass(frozen=True)
class ArcNote:
    """What a curator noted at one place of the film: `at` from 0 (start) to 1 (end), or `at_s` in seconds; exactly one is given."""

    emotion: str
    note: str | None = None
    at: float | None = None
    at_s: float | None = None


@dataclass(frozen=True)
class Character:
    """Somebody in the film and who plays them; `gender` as the film or its makers say, in the team's own word, never guessed."""

    name: str
    actor: str | None = None
    gender: str | None = None


@dataclass(frozen=True)
class Film:
    """One film in one cut. Paths are absolute here, and relative to the catalogue's folder in the file where they lie inside it.

    `language` and `country` are ISO codes (`en`, `US`); `culture` overrides what coverage takes from the country; `cut_id` names the
    version that every time refers to; `series` joins films that a split must not separate (parts, cuts, versions); `rights_ref` says
    where the permission is written, `attribution` what a page must show. `sha256` is the video's.
    """

    film_id: str
    title: str
    video: Path
    year: int | None = None
    language: str | None = None
    country: str | None = None
    culture: str | None = None
    genres: tuple[str, ...] = ()
    cut_id: str = "main"
    subtitles: Path | None = None
    screenplay: Path | None = None
    rights: Rights = Rights.UNKNOWN
    rights_ref: str | None = None
    attribution: str | None = None
    declared_use: DeclaredUse = DeclaredUse.RESEARCH
    series: str | None = None
    arc: ArcShape | None = None
    arc_notes: tuple[ArcNote, ...] = ()
    characters: tuple[Character, ...] = ()
    sources: tuple[Source, ...] = ()
    sha256: str | None = None

    @property
    def group(self) -> str:
        """What a split keeps together: the series, else the film alone."""
        return self.series or self.film_id

    @property
    def waits(self) -> str | None:
        """What to do when a file that a source would give is not here; None where all are."""
        if all(getattr(self, source.role).is_file() for source in self.sources):
            return None
        return f"film {self.film_id} is not here yet: `feelm films fetch {self.film_id}` gets it"


def film_list(content: object, where: str) -> list[Any]:
    """The entries of a catalogue's content.

    Raises:
        CatalogueError: it is no catalogue, or one of another schema version.
    """
    if not isinstance(content, dict) or not isinstance(content.get("films") or [], list):
        raise CatalogueError(f"{where} is not a catalogue: it must hold a list under `films:`")
    check_keys(content, ("version", "films"), where)
    version = content.get("version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise CatalogueError(f"{where} is of version {version!r}, this Feelm reads version {SCHEMA_VERSION}: update Feelm or mend it")
    return content.get("films") or []


def film_from_entry(entry: object, folder: Path, where: str, store: Path | None = None) -> Film:
    """A film from one mapping of a catalogue; `where` names it in messages, relative paths start at `folder`.

    What only has a source is expected at <store>/<film id>/<name>, where a fetch puts it; `store` is `films` in `folder` unless given.

    Raises:
        CatalogueError: a key is unknown, missing, or of another type.
        FeelmError: the film id is not a slug.
    """
    if not isinstance(entry, dict):
        raise CatalogueError(f"{where}: a film must be a mapping of keys to values, not {type(entry).__name__}")
    values = {KEYS.get(str(key), str(key)): value for key, value in entry.items() if value is not None}
    check_keys(values, [field.name for field in fields(Film)], where)
    typed = {name: _READERS.get(name, text)(value, f"{where}: {WRITTEN.get(name, name)}") for name, value in values.items()}
    if "film_id" not in typed:
        raise CatalogueError(f"{where}: missing keys: id")
    check_film_id(typed["film_id"])
    typed = _placed(typed, folder, (store or folder / "films") / typed["film_id"])
    if "video" not in typed:
        raise CatalogueError(f"{where}: missing keys: video, or a source whose role is video")
    typed.setdefault("title", typed["film_id"])
    return Film(**typed)


def _placed(typed: dict[str, Any], folder: Path, store: Path) -> dict[str, Any]:
    """Paths made absolute, and those that only a source names."""
    lying, fetched = typed.pop("sources", ((), ()))
    paths = {source.role: store / source.name for source in fetched}
    paths |= {role: Path(os.path.normpath(folder / path)) for role, path in lying}
    paths |= {role: Path(os.path.normpath(folder / typed[role])) for role in ROLES if role in typed}
    return typed | paths | {"sources": fetched}


def year_of(value: object, where: str = "year") -> int:
    """The year of a film.

    Raises:
        CatalogueError: not a whole number from 1870 to 2200.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 1870 <= value <= 2200:
        raise CatalogueError(f"{where} must be a whole number from 1870 to 2200, not {value!r}")
    return value


def _chosen(kind: type[StrEnum]) -> Callable[[object, str], Any]:
    return lambda value, where: choice(kind, value, where)


def _characters(value: object, where: str) -> tuple[Character, ...]:
    made = []
    for item, place in mappings(value, where):
        check_keys(item, ("name", "actor", "gender"), place)
        if "name" not in item:
            raise CatalogueError(f"{place}: missing keys: name")
        made.append(Character(**{key: text(one, f"{place}: {key}") for key, one in item.items() if one is not None}))
    return tuple(made)


def _arc_notes(value: object, where: str) -> tuple[ArcNote, ...]:
    return tuple(_arc_note(item, place) for item, place in mappings(value, where))


def _arc_note(item: dict[str, Any], where: str) -> ArcNote:
    check_keys(item, ("at", "emotion", "note"), where)
    emotion = item.get("emotion")
    if emotion not in EMOTIONS:
        raise CatalogueError(f"{where}: emotion {emotion!r} is not one of {', '.join(EMOTIONS)}")
    note = text(item["note"], f"{where}: note") if item.get("note") is not None else None
    return ArcNote(emotion, note, **_place_in_film(item.get("at"), where))


def _place_in_film(value: object, where: str) -> dict[str, float]:
    """A share from 0 to 1, or a time: YAML itself reads 1:02:03 without quotes as the number 3723."""
    clock = CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if clock:
        return {"at_s": int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3])}
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 24 * 3600:
        return {"at" if value <= 1 else "at_s": float(value)}
    raise CatalogueError(f"{where}: at must be a share from 0 to 1, or a time such as 0:25:08, not {value!r}")


_READERS: dict[str, Callable[[object, str], Any]] = {
    "year": year_of,
    "genres": texts,
    "rights": _chosen(Rights),
    "declared_use": _chosen(DeclaredUse),
    "arc": _chosen(ArcShape),
    "arc_notes": _arc_notes,
    "characters": _characters,
    "sources": read_sources,
}


def film_entry(film: Film, folder: Path) -> dict[str, Any]:
    """The mapping that is written for a film: no nulls, paths relative where they lie inside `folder`."""
    entry: dict[str, Any] = {}
    for field in fields(Film):
        value = _shown(getattr(film, field.name), folder)
        if value not in (None, []):
            entry[WRITTEN.get(field.name, field.name)] = value
    return entry


def _shown(value: Any, folder: Path) -> Any:
    if value is None:
        return None
    if isinstance(value, Path):
        return str(value).removeprefix(f"{folder}{os.sep}")
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_shown(item, folder) for item in value]
    if isinstance(value, ArcNote):
        return {"at": _clock(value), "emotion": value.emotion} | ({"note": value.note} if value.note else {})
    if isinstance(value, (Character, Source)):
        shown = {field.name: _shown(getattr(value, field.name), folder) for field in fields(value)}
        defaults = {field.name: field.default for field in fields(value)}
        return {key: one for key, one in shown.items() if one not in (None, []) and one != defaults[key]}
    return value


def _clock(note: ArcNote) -> float | str:
    if note.at_s is None:
        return note.at if note.at is not None else 0.0
    seconds = math.floor(note.at_s)
    rest = f"{note.at_s - seconds:.3f}".lstrip("0").rstrip("0").rstrip(".")
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}{rest}"
