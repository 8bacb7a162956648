"""Which films the team may use: `films.yaml`, what lies beside each film, and what may be done with it.

An entry names the film, its files and its rights; files stay where they are and are known by sha256, so the same film is not taken
twice under two names. `add_film` measures what can be measured and guesses the rest from names; a film of unknown rights may be
analysed and never trained on, and the refusal names it. YAML is read without aliases, tags or more nodes than a catalogue has.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from corpus.contracts import DeclaredUse, FeelmError, Rights, check_film_id
from corpus.paths import file_digest, write_json, write_text

SCHEMA_VERSION = 1
NODE_LIMIT = 200_000
DEPTH_LIMIT = 20
SIZE_LIMIT_BYTES = 20 * 1024 * 1024
TRAINABLE = (Rights.PUBLIC_DOMAIN, Rights.CC0, Rights.CC_BY, Rights.LICENSED)

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".ogv", ".flv", ".wmv")
SUBTITLE_SUFFIXES = (".srt", ".vtt", ".ass", ".ssa", ".sub", ".ttml", ".dfxp", ".xml")
SCREENPLAY_SUFFIXES = (".fountain", ".fdx", ".spmd", ".txt")
NAME_NOISE = re.compile(r"(?:[-_. ](?:\d{3,4}p|\d{3,4}x\d{3,4}|x26[45]|h26[45]|hevc|web|bluray|hd|uhd|4k|surround))+$", re.IGNORECASE)


class CatalogueError(FeelmError):
    """The catalogue, or an entry in it, cannot be used."""


@dataclass(frozen=True)
class Film:
    """One film in one cut. Paths are absolute here, and relative to the catalogue's folder in the file where they lie inside it.

    `language` and `country` are ISO codes (`en`, `US`); `cut_id` names the version that every time refers to; `series` joins films
    that a split must not separate; `rights_ref` says where the permission is written, `attribution` what a page must show.
    """

    film_id: str
    title: str
    video: Path
    year: int | None = None
    language: str | None = None
    country: str | None = None
    genres: tuple[str, ...] = ()
    cut_id: str = "main"
    subtitles: Path | None = None
    screenplay: Path | None = None
    rights: Rights = Rights.UNKNOWN
    rights_ref: str | None = None
    attribution: str | None = None
    declared_use: DeclaredUse = DeclaredUse.RESEARCH
    series: str | None = None
    sha256: str | None = None
    source: str | None = None


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
    missing: str | None


PATH_FIELDS = ("video", "subtitles", "screenplay")
SOURCE_NAMES = ("subtitles", "screenplay")


# libyaml's parser and writer are ten times faster where PyYAML has them.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def load_yaml(path: Path) -> Any:
    """Parse a YAML file that people write.

    Raises:
        CatalogueError: not readable, not YAML, with aliases (they expand without end), or beyond 20 MiB, 200,000 nodes or 20 levels.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT_BYTES:
            raise CatalogueError(f"{path} is larger than {SIZE_LIMIT_BYTES} bytes: it is no catalogue")
        text = path.read_text(encoding="utf-8-sig")
        _check_events(text)
        return yaml.load(text, Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CatalogueError(f"{path} cannot be read as YAML ({reason}): mend it by hand or restore it") from error


def _check_events(text: str) -> None:
    """Look through the flat events before anything recursive sees them."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_LOADER):
        nodes += isinstance(event, yaml.events.NodeEvent)
        depth += isinstance(event, yaml.events.CollectionStartEvent)
        depth -= isinstance(event, yaml.events.CollectionEndEvent)
        if nodes > NODE_LIMIT or depth > DEPTH_LIMIT or isinstance(event, yaml.events.AliasEvent):
            raise ValueError("aliases, or more or deeper entries than a catalogue has")


def film_from_entry(entry: object, folder: Path, where: str) -> Film:
    """A film from one mapping of a catalogue; `where` names it in messages, relative paths start at `folder`.

    Raises:
        CatalogueError: a key is unknown, missing, or of another type.
        FeelmError: the film id is not a slug.
    """
    if not isinstance(entry, dict):
        raise CatalogueError(f"{where}: a film must be a mapping of keys to values, not {type(entry).__name__}")
    values: dict[str, Any] = {("film_id" if key == "id" else str(key)): value for key, value in entry.items() if value is not None}
    known = {field.name for field in fields(Film)}
    unknown = sorted(set(values) - known)
    missing = sorted({"film_id", "video"} - set(values))
    if unknown or missing:
        raise CatalogueError(f"{where}: unknown keys {unknown}, missing keys {missing} (keys are id and {', '.join(sorted(known))})")
    return _typed(values, folder, where)


def _typed(values: dict[str, Any], folder: Path, where: str) -> Film:
    typed: dict[str, Any] = {}
    for name, value in values.items():
        if name == "year":
            typed[name] = _whole(value, where)
        elif name == "genres":
            typed[name] = _texts(value, where)
        elif not isinstance(value, str):
            raise CatalogueError(f"{where}: {name} must be text, not {value!r} (put it in quotes)")
        else:
            typed[name] = value
    check_film_id(typed["film_id"])
    for name in PATH_FIELDS:
        if name in typed:
            typed[name] = Path(os.path.normpath(folder / typed[name]))
    typed["rights"] = _choice(Rights, typed.get("rights", Rights.UNKNOWN), where)
    typed["declared_use"] = _choice(DeclaredUse, typed.get("declared_use", DeclaredUse.RESEARCH), where)
    typed.setdefault("title", typed["film_id"])
    return Film(**typed)


def _whole(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1870 <= value <= 2200:
        raise CatalogueError(f"{where}: year must be a whole number from 1870 to 2200, not {value!r}")
    return value


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise CatalogueError(f"{where}: genres must be a list of texts, not {value!r}")
    return tuple(value)


def _choice(kind: type[Rights] | type[DeclaredUse], value: str, where: str) -> Rights | DeclaredUse:
    try:
        return kind(value)
    except ValueError as error:
        raise CatalogueError(f"{where}: {value!r} is not one of {', '.join(kind)}") from error


def film_entry(film: Film, folder: Path) -> dict[str, Any]:
    """The mapping that is written for a film: no nulls, paths relative where they lie inside `folder`."""
    entry: dict[str, Any] = {"id": film.film_id}
    for name, value in asdict(film).items():
        if name == "film_id" or value is None or value == ():
            continue
        entry[name] = _shown_path(value, folder) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
    return {name: str(value) if isinstance(value, (Rights, DeclaredUse)) else value for name, value in entry.items()}


def _shown_path(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def read_catalogue(path: Path) -> list[Film]:
    """All films of `films.yaml`, in order of id; none where there is no file yet.

    Raises:
        CatalogueError: the file or an entry cannot be used, or an id stands twice.
    """
    if not path.exists():
        return []
    content = load_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("films", []), list):
        raise CatalogueError(f"{path} is not a catalogue: it must hold a list under `films:`")
    folder = path.resolve().parent
    films = [film_from_entry(entry, folder, f"{path}, film {n}") for n, entry in enumerate(content.get("films") or [], start=1)]
    ids = [film.film_id for film in films]
    twice = sorted({film_id for film_id in ids if ids.count(film_id) > 1})
    if twice:
        raise CatalogueError(f"{path}: {', '.join(twice)} stands there more than once: give each cut its own id")
    return sorted(films, key=lambda film: film.film_id)


def write_catalogue(path: Path, films: Iterable[Film]) -> None:
    """Write `films.yaml` atomically, in order of id."""
    folder = path.resolve().parent
    entries = [film_entry(film, folder) for film in sorted(films, key=lambda film: film.film_id)]
    content = {"version": SCHEMA_VERSION, "films": entries}
    write_text(path, yaml.dump(content, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=120))


def find_film(catalogue: Path, film_id: str) -> Film:
    """The film of that id.

    Raises:
        CatalogueError: there is none.
    """
    films = {film.film_id: film for film in read_catalogue(catalogue)}
    if film_id not in films:
        raise CatalogueError(f"film {film_id!r} is not in {catalogue}: add it with `feelm films add`, or see `feelm films list`")
    return films[film_id]


def may_train(film: Film, allowed: Collection[str] = TRAINABLE) -> str | None:
    """Why a film may not be trained on or exported, naming it; None where it may."""
    if film.rights in tuple(allowed):
        return None
    return (
        f"film {film.film_id} ({film.title}) has rights {film.rights.value!r}: it may be analysed, not trained on "
        f"(state its rights in films.yaml, or allow {film.rights.value!r} in params.yaml)"
    )


def slug(text: str) -> str:
    """A film id from a file name: lower case, ASCII, runs of anything else as one hyphen, at most 64 characters; may be empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].strip("-")


def add_films(catalogue: Path, media: Path, **given: Any) -> list[Film]:
    """Add one film, or every film folder below a folder; what is `given` for `add_film` only fits a single film.

    Raises:
        CatalogueError: there is no film, or details are given for several.
    """
    found = list(_media_below(media))
    if not found:
        raise CatalogueError(f"no film in {media}: give a film file, or a folder of films with a film.yaml each")
    if len(found) > 1 and any(value is not None for name, value in given.items() if name not in ("rights", "language", "declared_use")):
        raise CatalogueError(f"{media} holds {len(found)} films: give title, id and files for one film at a time")
    return [add_film(catalogue, one, **given) for one in found]


def _media_below(media: Path) -> Iterator[Path]:
    if not media.is_dir() or (media / "film.yaml").is_file():
        yield media
        return
    for child in sorted(media.iterdir()):
        if (child / "film.yaml").is_file() or (child.is_file() and child.suffix.lower() in VIDEO_SUFFIXES):
            yield child


def add_film(
    catalogue: Path,
    media: Path,
    *,
    film_id: str | None = None,
    title: str | None = None,
    year: int | None = None,
    subtitles: Path | None = None,
    screenplay: Path | None = None,
    language: str | None = None,
    country: str | None = None,
    genres: tuple[str, ...] | None = None,
    rights: Rights | str | None = None,
    rights_ref: str | None = None,
    declared_use: DeclaredUse | str | None = None,
    cut_id: str | None = None,
    series: str | None = None,
) -> Film:
    """Add a film file, or a folder with a film.yaml, to the catalogue; what is not given is measured or guessed from names.

    Adding the same film again updates what is given and keeps the rest. Nothing is written when anything is wrong.

    Raises:
        FeelmError: not a film, a film id that is no slug, the same content under another id, a file that is not there.
    """
    given = {
        "film_id": check_film_id(film_id) if film_id is not None else None,
        "title": title,
        "year": _whole(year, "year") if year is not None else None,
        "subtitles": subtitles.resolve() if subtitles else None,
        "screenplay": screenplay.resolve() if screenplay else None,
        "language": language,
        "country": country,
        "genres": genres,
        "rights": _choice(Rights, rights, "rights") if rights is not None else None,
        "rights_ref": rights_ref,
        "declared_use": _choice(DeclaredUse, declared_use, "declared use") if declared_use is not None else None,
        "cut_id": cut_id,
        "series": series,
    }
    stated: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    film = replace(_described(media), **stated)
    return _enter(catalogue, film, stated)


def _described(media: Path) -> Film:
    """What the file or the folder itself says of the film."""
    if media.is_dir():
        entry = media / "film.yaml"
        if not entry.is_file():
            raise CatalogueError(f"{media} has no film.yaml: give the film file itself")
        return film_from_entry(load_yaml(entry), media.resolve(), str(entry))
    if not media.is_file():
        raise CatalogueError(f"no file at {media}: give the path of a film")
    video = media.resolve()
    beside = _beside(video, SUBTITLE_SUFFIXES)
    stem = NAME_NOISE.sub("", video.stem)
    return Film(
        film_id=slug(stem),
        title=stem.replace("_", " ").replace(".", " ").strip(),
        video=video,
        subtitles=beside,
        screenplay=_beside(video, SCREENPLAY_SUFFIXES),
        language=_language_of(beside, video) if beside else None,
    )


def _beside(video: Path, suffixes: tuple[str, ...]) -> Path | None:
    """A file that is named like the film: `name.srt`, `name.en.srt`, or both without the resolution in the film's name."""
    stems = {video.stem.lower(), NAME_NOISE.sub("", video.stem).lower()}
    near = [
        path
        for path in sorted(video.parent.iterdir())
        if path.suffix.lower() in suffixes and path.is_file() and (path.stem.lower() in stems or _bare(path).lower() in stems)
    ]
    # The plain name first, then English, then whatever comes first in the alphabet.
    return min(near, key=lambda p: (p.stem.lower() not in stems, not p.stem.lower().endswith(".en"), p.name), default=None)


def _bare(path: Path) -> str:
    """The stem without a language or remark after its last dot (`film.en`, `film.forced`)."""
    return re.sub(r"\.[A-Za-z]{2,3}(?:-[A-Za-z]{2,4})?$", "", path.stem)


def _language_of(subtitles: Path, video: Path) -> str | None:
    tail = re.search(r"\.([A-Za-z]{2})(?:-[A-Za-z]{2,4})?$", subtitles.stem)
    return tail[1].lower() if tail and subtitles.stem.lower() != video.stem.lower() else None


def _enter(catalogue: Path, film: Film, stated: dict[str, Any]) -> Film:
    from corpus.films.probe import probe

    if not film.film_id:
        raise CatalogueError(f"no id can be made from the name {film.video.name!r}: give one with --id")
    check_film_id(film.film_id)
    for path in (film.subtitles, film.screenplay):
        if path is not None and not path.is_file():
            raise CatalogueError(f"film {film.film_id}: no file at {path}")
    probe(film.video)
    film = replace(film, sha256=file_digest(film.video))
    with _locked(catalogue):
        films = {known.film_id: known for known in read_catalogue(catalogue)}
        _check_duplicate(film, films.values())
        known = films.get(film.film_id)
        if known is not None:
            film = _updated(known, film, stated, catalogue)
        if film != known:
            write_catalogue(catalogue, [*(films | {film.film_id: film}).values()])
    return film


@contextmanager
def _locked(catalogue: Path) -> Iterator[None]:
    """Two commands that add films at once would otherwise each write a catalogue without the other's film."""
    catalogue.parent.mkdir(parents=True, exist_ok=True)
    with catalogue.with_name(f".{catalogue.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_duplicate(film: Film, others: Iterable[Film]) -> None:
    for other in others:
        if other.sha256 == film.sha256 and other.film_id != film.film_id:
            raise CatalogueError(f"{film.video} is already in the catalogue as {other.film_id!r}: the same film is not taken twice")


def _updated(known: Film, film: Film, stated: dict[str, Any], catalogue: Path) -> Film:
    """The known entry with what is stated now; what was guessed before and may have been edited by hand is kept."""
    if known.sha256 not in (None, film.sha256) and known.video != film.video:
        raise CatalogueError(
            f"film id {film.film_id!r} belongs to {known.video} in {catalogue}: give another id with --id, or take that entry out first"
        )
    filled = {field.name: getattr(film, field.name) for field in fields(Film) if getattr(known, field.name) in (None, (), Rights.UNKNOWN)}
    return replace(known, **(filled | stated | {"video": film.video, "sha256": film.sha256}))


def build_film(film: Film, out: Path) -> FilmSummary:
    """Write the film artifact: film.json with each source's sha256 and size, and verbatim copies of subtitles and screenplay.

    The film itself stays where it is. Its path is kept relative to the artifact where both lie under one data root.

    Raises:
        CatalogueError: a file of the film is gone.
    """
    sources = {name: path for name in PATH_FIELDS if (path := getattr(film, name)) is not None}
    for name, path in sources.items():
        if not path.is_file():
            raise CatalogueError(f"film {film.film_id}: its {name} is not at {path}: put it back, or add the film again")
    digests = {name: file_digest(path) for name, path in sources.items()}
    described: dict[str, Any] = {name: value for name, value in film_entry(film, Path("/nowhere")).items() if name not in PATH_FIELDS}
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
        missing="; ".join(f"no {name}" for name in absent) or None,
    )


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
