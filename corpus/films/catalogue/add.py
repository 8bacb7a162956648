"""Films into the catalogue: what can be measured is measured, what names tell is guessed, and the same film is not taken twice.

A film is known again by the content of its file and by its dialogue, so that another encode or a second id is noticed before a split
could put one film on both sides. What a film.yaml or films.yaml says, or the command line, goes before what was guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from corpus.chunks import ChunkStore, Work, content_digest
from corpus.dialogue.duplicates import RUN_WORDS, fingerprint, twins_of
from corpus.dialogue.language import base_code, guess_language
from corpus.dialogue.subtitles.read import read_subtitles
from corpus.films.catalogue.entries import Film, film_from_entry, year_of
from corpus.films.catalogue.entry import put_entry
from corpus.films.catalogue.measure import Measured, measure
from corpus.films.catalogue.names import (
    SCREENPLAY_SUFFIXES,
    SUBTITLE_SUFFIXES,
    VIDEO_SUFFIXES,
    find_beside,
    guess_name,
    language_of_name,
    slug,
)
from corpus.films.catalogue.reading import CatalogueError, choice, load_yaml
from corpus.films.catalogue.sources import Source
from corpus.films.catalogue.store import MOST_KEPT, locked, read_catalogue
from corpus.paths import Home, file_digest
from corpus.terms import DeclaredUse, FeelmError, Rights, check_film_id

FOR_ONE_FILM = ("film_id", "title", "year", "subtitles", "screenplay", "cut_id")
"""Details that fit a single film."""

_NOTHING_SAID = np.empty(0, dtype=np.uint32)
_PRINT = Work("runs of words in subtitles", "1", {"run_words": RUN_WORDS})


@dataclass(frozen=True)
class Addition:
    """A film as it now stands in the catalogue; `measured` is null for one that waits to be fetched, `warnings` are sentences."""

    film: Film
    measured: Measured | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Candidate:
    """A film to be added; `stated` are the fields that somebody wrote, the others of `film` are guessed."""

    film: Film
    stated: dict[str, Any]
    measured: Measured | None


def add_films(catalogue: Path, media: Path, **given: Any) -> list[Addition]:
    """Add a film file, a film.yaml or films.yaml or the folder of one, or every such folder and film file in a folder.

    `given` are fields of Film that hold for what is added (film_id, title, year, subtitles, screenplay, language, country, genres,
    rights, rights_ref, declared_use, cut_id, series). Adding again updates what is stated and keeps the rest; a film of which
    anything is wrong is not written, and holds up no other.

    Raises:
        CatalogueError: there is no film, details are given for several, an id belongs to another film, the same film has another id.
        FeelmError: not a film, a film id that is no slug, a file that is not there.
    """
    stated = _checked(given)
    found = list(_found_in(media, catalogue.resolve().parent / "films"))
    if not found:
        raise CatalogueError(f"no film in {media}: give a film file, or a folder of films with a film.yaml each or a films.yaml")
    if len(found) > 1 and any(name in stated for name in FOR_ONE_FILM):
        raise CatalogueError(f"{media} holds {len(found)} films: give title, id and files for one film at a time")
    return _each(catalogue, found, stated)


def _each(catalogue: Path, found: list[Path | Film], stated: dict[str, Any]) -> list[Addition]:
    added, refused = [], []
    for one in found:
        try:
            added.append(_enter(catalogue, _candidate(one, stated)))
        except FeelmError as error:
            if len(found) == 1:
                raise
            refused.append(str(error))
    if refused:
        raise CatalogueError(f"{len(added)} of {len(found)} films were added; not added: {'; '.join(refused)}")
    return added


def enter_film(catalogue: Path, film: Film) -> Addition:
    """Enter a film whose every field is stated, such as one that was fetched."""
    return _enter(catalogue, _Candidate(film, _said(film), measure(film.video)))


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    stated = {name: value for name, value in given.items() if value is not None}
    checks: dict[str, Callable[[Any], Any]] = {
        "film_id": check_film_id,
        "year": year_of,
        "subtitles": lambda path: Path(path).resolve(),
        "screenplay": lambda path: Path(path).resolve(),
        "rights": lambda value: choice(Rights, value, "rights"),
        "declared_use": lambda value: choice(DeclaredUse, value, "declared use"),
    }
    return {name: checks[name](value) if name in checks else value for name, value in stated.items()}


def _found_in(media: Path, store: Path) -> Iterator[Path | Film]:
    """What is to be added: films that an entry describes, and film files; fetched ones are expected in `store`."""
    if media.is_file() and media.suffix.lower() in (".yaml", ".yml"):
        content = load_yaml(media)
        one = isinstance(content, dict) and "id" in content
        yield from [film_from_entry(content, media.resolve().parent, str(media), store)] if one else read_catalogue(media, store)
    elif (media / "films.yaml").is_file():
        yield from _found_in(media / "films.yaml", store)
    elif (media / "film.yaml").is_file():
        yield from _found_in(media / "film.yaml", store)
    elif not media.is_dir():
        yield media
    else:
        for child in sorted(media.iterdir()):
            if (child / "film.yaml").is_file() or (child / "films.yaml").is_file():
                yield from _found_in(child, store)
            elif child.is_file() and child.suffix.lower() in VIDEO_SUFFIXES:
                yield child


def _candidate(found: Path | Film, given: dict[str, Any]) -> _Candidate:
    if isinstance(found, Path):
        return _guessed(found, given)
    film = replace(found, **given)
    if film.waits:
        return _Candidate(film, _said(film), None)
    measured = measure(film.video)
    return _Candidate(film if film.language else replace(film, language=_language(film, _spoken(measured))), _said(film), measured)


def _spoken(measured: Measured) -> str | None:
    return base_code(measured.language) if measured.language else None


def _said(film: Film) -> dict[str, Any]:
    """Fields that differ from what an entry that says nothing would have."""
    return {field.name: value for field in fields(Film) if (value := getattr(film, field.name)) != field.default}


def _guessed(media: Path, given: dict[str, Any]) -> _Candidate:
    """A film from its file alone."""
    if not media.is_file():
        raise CatalogueError(f"no file at {media}: give the path of a film")
    video = media.resolve()
    measured = measure(video)
    name = guess_name(video.stem)
    title = (measured.title if not any(sign.isalpha() for sign in name.title) else None) or name.title or video.stem
    spoken = _spoken(measured)
    film = Film(
        film_id=slug(title),
        title=title,
        video=video,
        year=name.year or measured.year,
        cut_id=name.cut_id or "main",
        subtitles=find_beside(video, SUBTITLE_SUFFIXES, given.get("language") or spoken),
        screenplay=find_beside(video, SCREENPLAY_SUFFIXES),
    )
    film = replace(film, **given)
    return _Candidate(film if film.language else replace(film, language=_language(film, spoken)), given, measured)


def _language(film: Film, spoken: str | None) -> str | None:
    """The sound track's tag, else what the subtitles' name says, else what their words are."""
    if spoken is not None or film.subtitles is None:
        return spoken
    return language_of_name(film.subtitles) or _language_of_words(film.subtitles)


def _language_of_words(subtitles: Path) -> str | None:
    guess = guess_language(_lines(subtitles, _stamp(subtitles))) if _readable(subtitles) is None else None
    return guess.code if guess else None


@lru_cache(maxsize=8)
def _lines(subtitles: Path, stamp: tuple[int, int]) -> tuple[str, ...]:
    return tuple(cue.text for cue in read_subtitles(subtitles).cues)


@lru_cache(maxsize=MOST_KEPT)
def _print_of(subtitles: Path, stamp: tuple[int, int], folder: Path) -> np.ndarray:
    """The runs of words in subtitles, none where they cannot be read; kept in the store in `folder`: reading a thousand takes a minute.

    More are remembered than a catalogue has films: of a longer one, which is gone through from its beginning each time, none would be met.
    """
    store, key = ChunkStore(folder), _PRINT.key(content_digest(str(subtitles), str(stamp)))
    kept = store.read(key)
    if kept is not None:
        return kept["runs"]
    said = _lines(subtitles, stamp) if _readable(subtitles) is None else ()
    runs = np.sort(np.fromiter(fingerprint(said), dtype=np.uint32))
    if runs.size:
        store.write(key, {"runs": runs})
    return runs


def _stamp(path: Path) -> tuple[int, int]:
    """What tells a file altered, so that each is read once however many films are added."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _readable(subtitles: Path) -> str | None:
    """Why subtitles cannot be read, None where they can."""
    try:
        _lines(subtitles, _stamp(subtitles))
    except (FeelmError, OSError) as error:
        return str(error)
    return None


def _enter(catalogue: Path, candidate: _Candidate) -> Addition:
    film = candidate.film
    if not film.film_id:
        raise CatalogueError(f"no id can be made from the name {film.video.name!r}: give one with --id")
    check_film_id(film.film_id)
    if candidate.measured is not None:
        _check_files(film)
        film = replace(film, sha256=file_digest(film.video))
    with locked(catalogue):
        films = {known.film_id: known for known in read_catalogue(catalogue)}
        known = films.pop(film.film_id, None)
        _check_content(film, films.values())
        if known is not None:
            film = _updated(known, film, candidate.stated, catalogue)
        if known is None or known.subtitles != film.subtitles or known.series != film.series:
            _check_dialogue(film, films.values(), Home(catalogue.resolve().parent).chunks)
        if film != known:
            put_entry(catalogue, film, films.values())
    return Addition(film, candidate.measured, tuple(_warnings(film, candidate.measured)))


def _check_files(film: Film) -> None:
    for path in (film.subtitles, film.screenplay):
        if path is not None and not path.is_file():
            raise CatalogueError(f"film {film.film_id}: no file at {path}")


def _check_content(film: Film, others: Iterable[Film]) -> None:
    for other in others:
        if film.sha256 is not None and other.sha256 == film.sha256:
            raise CatalogueError(f"{film.video} is already in the catalogue as {other.film_id!r}: the same film is not taken twice")


def _check_dialogue(film: Film, others: Iterable[Film], store: Path) -> None:
    """Refuse a film that says what another one says, unless both are declared to be of one series. `store` keeps what is read of each."""
    own = _runs_of(film, store)
    if not own.size:
        return
    apart = {other.film_id: other for other in others if other.group != film.group}
    for twin, share in twins_of(own, ((film_id, _runs_of(other, store)) for film_id, other in apart.items())):
        raise CatalogueError(
            f"{film.film_id!r} says what {twin!r} in the catalogue says ({share:.0%} of its runs of words): the same "
            f"film is not taken twice; another cut or version comes in with `--series {apart[twin].group}`, so that no split parts them"
        )


def _runs_of(film: Film, store: Path) -> np.ndarray:
    try:
        return _print_of(film.subtitles, _stamp(film.subtitles), store) if film.subtitles is not None else _NOTHING_SAID
    except FileNotFoundError:
        return _NOTHING_SAID


def _updated(known: Film, film: Film, stated: dict[str, Any], catalogue: Path) -> Film:
    """The known entry with what is stated now; what was guessed before and may have been edited by hand is kept."""
    if known.sha256 not in (None, film.sha256) and known.video != film.video:
        raise CatalogueError(
            f"film id {film.film_id!r} belongs to {known.video} in {catalogue}: give another id with --id, or take that entry out first"
        )
    empty = (None, (), Rights.UNKNOWN)
    filled = {field.name: getattr(film, field.name) for field in fields(Film) if getattr(known, field.name) in empty}
    found = {"video": film.video, "sha256": film.sha256 or known.sha256}
    updated = replace(known, **(filled | stated | found))
    return replace(updated, sources=tuple(_pinned(source, known.sources) for source in updated.sources))


def _pinned(source: Source, known: tuple[Source, ...]) -> Source:
    """The source with the digest that a first fetch pinned, where it is the same source."""
    return next((one for one in known if replace(one, sha256=None) == source), source)


def _warnings(film: Film, measured: Measured | None) -> Iterator[str]:
    if film.waits:
        yield film.waits
    if measured is not None and measured.cut_off:
        yield f"{film.video.name} {measured.cut_off}"
    if film.subtitles is not None and film.subtitles.is_file():
        yield from _subtitle_warnings(film, film.subtitles)
    if film.rights is Rights.UNKNOWN:
        yield "rights unknown: analysed, never trained on or exported; --rights and --rights-ref state them"


def _subtitle_warnings(film: Film, subtitles: Path) -> Iterator[str]:
    if reason := _readable(subtitles):
        yield f"its subtitles cannot be used: {reason}"
        return
    told = _language_of_words(subtitles)
    if told is not None and film.language is not None and told != base_code(film.language):
        yield f"its language is {film.language}, its subtitles {subtitles.name} read as {told}: --subtitles or --language puts it right"
