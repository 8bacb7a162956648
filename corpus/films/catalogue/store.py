"""Which films the team may use: `films.yaml`, and the film artifact that the chain begins with.

Files stay where they are and are known by sha256. What an entry may say is in `entries`, what may be done with a film in `rights`;
films come in by `add` and `fetch`, all beside this module.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from corpus.films.catalogue.entries import SCHEMA_VERSION, Film, film_entry, film_from_entry, film_list
from corpus.films.catalogue.reading import CatalogueError, dump_yaml, load_yaml, parse_yaml, yaml_text
from corpus.films.catalogue.sources import ROLES
from corpus.paths import file_digest, write_json, write_text
from corpus.terms import FeelmError

HEAD, FILMS = f"version: {SCHEMA_VERSION}", "\nfilms:\n"
FIRST_ENTRY = f"{FILMS}- "
MOST_KEPT = 16_384
"""Films whose entries are kept as they were read."""

SOURCE_NAMES = ("subtitles", "screenplay")
OF_THE_COLLECTION = ("sources", "arc", "arc_notes", "characters", "culture")
"""What a curator notes for the collection's sake: no stage reads it, so that a note makes no film stale."""


@dataclass(frozen=True)
class FilmSummary:
    """Figures of the film artifact."""

    film_id: str
    title: str
    rights: str
    video_bytes: int
    video_sha256: str
    subtitles: str | None
    screenplay: str | None
    altered: str | None
    missing: str | None


def read_catalogue(path: Path, store: Path | None = None) -> list[Film]:
    """All films of a `films.yaml`, in order of id; none where there is no file yet.

    Films that were never fetched are expected in `store` (`films` beside the catalogue unless given).

    Raises:
        CatalogueError: the file or an entry cannot be used, or an id stands twice.
    """
    if not path.exists():
        return []
    return list(_films(yaml_text(path), path, path.resolve().parent, store))


@lru_cache(maxsize=8)
def _films(content: str, path: Path, folder: Path, store: Path | None) -> tuple[Film, ...]:
    """The films of a catalogue by what stands in it: every stage asks for them, and a thousand take a fifth of a second to parse."""
    films = _by_entry(content, folder, store)
    if films is None:
        entries = film_list(parse_yaml(content, path), str(path))
        films = [film_from_entry(entry, folder, f"{path}, film {n}", store) for n, entry in enumerate(entries, start=1)]
    twice = sorted(film_id for film_id, times in Counter(film.film_id for film in films).items() if times > 1)
    if twice:
        raise CatalogueError(f"{path}: {', '.join(twice)} stands there more than once: give each cut its own id")
    return tuple(sorted(films, key=lambda film: film.film_id))


def _by_entry(content: str, folder: Path, store: Path | None) -> list[Film] | None:
    """The films of a catalogue that is set as `write_catalogue` sets it, entry by entry: those that were read before are not parsed again.

    None where it is set otherwise, or anything in it is wrong: read as a whole, it tells what.
    """
    if not is_written(content):
        return None
    try:
        return [film_of(f"- {entry}", folder, store) for entry in content.removeprefix(HEAD + FIRST_ENTRY).split("\n- ")]
    except (FeelmError, ValueError):
        return None


def is_written(content: str) -> bool:
    """Whether a catalogue with films is set as `write_catalogue` sets it, and one document."""
    return content.startswith(HEAD + FIRST_ENTRY) and "\n..." not in content and "\n---" not in content


@lru_cache(maxsize=MOST_KEPT)
def film_of(entry: str, folder: Path, store: Path | None) -> Film:
    """The film of a list of one entry; FeelmError where that is none, ValueError where there are several."""
    (own,) = film_list({"films": parse_yaml(entry, Path("an entry"))}, "an entry")
    return film_from_entry(own, folder, "an entry", store)


def write_catalogue(path: Path, films: Iterable[Film]) -> None:
    """Write `films.yaml` atomically, in order of id."""
    folder = path.resolve().parent
    entries = [written(film, folder) for film in sorted(films, key=lambda film: film.film_id)]
    write_text(path, HEAD + (FILMS + "".join(entries) if entries else "\nfilms: []\n"))


def written(film: Film, folder: Path) -> str:
    """A film as it stands in the list of a catalogue in `folder`: a list of one."""
    return dump_yaml([film_entry(film, folder)])


@contextmanager
def locked(catalogue: Path) -> Iterator[None]:
    """Two commands that add films at once would otherwise each write a catalogue without the other's film."""
    catalogue.parent.mkdir(parents=True, exist_ok=True)
    with catalogue.with_name(f".{catalogue.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_film(film: Film, out: Path) -> FilmSummary:
    """Write the film artifact: film.json with each source's sha256 and size, and verbatim copies of subtitles and screenplay.

    The film itself stays where it is. Its path is kept relative to the artifact where both lie under one data root.

    Raises:
        CatalogueError: the film was never fetched, or a file of it is gone.
    """
    if film.waits:
        raise CatalogueError(film.waits)
    sources = {name: path for name in ROLES if (path := getattr(film, name)) is not None}
    for name, path in sources.items():
        if not path.is_file():
            raise CatalogueError(f"film {film.film_id}: its {name} is not at {path}: put it back, or add the film again")
    digests = {name: file_digest(path) for name, path in sources.items()}
    left_out = (*ROLES, *OF_THE_COLLECTION)
    described: dict[str, Any] = {name: value for name, value in film_entry(film, Path("/nowhere")).items() if name not in left_out}
    described["film_id"] = described.pop("id")
    described["sha256"] = digests["video"]
    described["video"] = _video_reference(film.video, out)
    described["sources"] = {name: {"sha256": digests[name], "bytes": path.stat().st_size} for name, path in sources.items()}
    for name in SOURCE_NAMES:
        if name in sources:
            described[name] = f"{name}{sources[name].suffix.lower()}"
            shutil.copyfile(sources[name], out / described[name])
    write_json(out / "film.json", described)
    summary = _film_summary(film, described)
    write_json(out / "summary.json", asdict(summary))
    return summary


def build_video(film: Film, out: Path) -> None:
    """Write the video artifact: what a scan needs of a film and nothing else, so that other subtitles or another title ask for no new scan.

    It is a film.json that `read_film` reads, whose title is the id.
    """
    described = {
        "film_id": film.film_id,
        "title": film.film_id,
        "language": film.language,
        "sha256": file_digest(film.video),
        "video": _video_reference(film.video, out),
    }
    write_json(out / "film.json", {name: value for name, value in described.items() if value is not None})


def _video_reference(video: Path, out: Path) -> str:
    home = out.resolve().parents[min(3, len(out.resolve().parents) - 1)]
    return os.path.relpath(video, out.resolve()) if video.is_relative_to(home) else str(video)


def _film_summary(film: Film, described: dict[str, Any]) -> FilmSummary:
    absent = [name for name in SOURCE_NAMES if name not in described]
    video = described["sources"]["video"]
    return FilmSummary(
        film_id=film.film_id,
        title=film.title,
        rights=film.rights.value,
        video_bytes=video["bytes"],
        video_sha256=video["sha256"],
        subtitles=described.get("subtitles"),
        screenplay=described.get("screenplay"),
        altered=_altered(film, video["sha256"]),
        missing="; ".join(f"no {name}" for name in absent) or None,
    )


def _altered(film: Film, digest: str) -> str | None:
    if film.sha256 in (None, digest):
        return None
    return f"{film.video.name} is no longer the file that was added (sha256 differs): restore it, or add it again if the change is meant"


def read_film(film_dir: Path) -> Film:
    """The film of a `film` artifact: paths of subtitles and screenplay are those of the copies, the video's is absolute.

    Raises:
        CatalogueError: the artifact is missing or damaged.
    """
    path = film_dir / "film.json"
    if not path.is_file():
        raise CatalogueError(f"no film at {film_dir}: run the stage that makes it (feelm run)")
    entry = load_yaml(path)
    if isinstance(entry, dict):
        entry.pop("sources", None)
    return film_from_entry(entry, film_dir.resolve(), str(path))
