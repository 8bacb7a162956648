"""The site as files: it opens from a disk and stands on any host of static files, with or without the films themselves.

What is written is what the service shows, made by the same functions. An earlier export in the folder is replaced as a whole; a folder that
holds anything else is left alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpus.paths import Home, write_json, write_text, writing
from corpus.terms import FeelmError
from pages.service.assets import asset
from pages.site.compare import Beside, compare_page, nearest
from pages.site.film import film_page, read_parts
from pages.site.library import library_page
from pages.site.places import Written, pair_file
from pages.site.shelf import Holding, Shelf, read_shelf

MARK = "feelm-pages.json"
"""Tells an export from a folder that somebody else filled."""

ASSETS = ("style.css", "site.css", "film.js", "library.js", "compare.js")
MOST_PAIRS = 1000
NO_VIDEOS = "The film itself is not in this copy of the pages."


@dataclass(frozen=True)
class Exported:
    """What was written: film pages, pairs of films, videos; films kept back by their rights, and those that have no page yet."""

    folder: str
    films: int
    pairs: int
    videos: int
    bytes: int
    kept_back: tuple[str, ...]
    without_page: tuple[str, ...]


def export_pages(home: Home, folder: Path, with_videos: bool = False, most_pairs: int = MOST_PAIRS) -> Exported:
    """Write library, film pages and comparisons into `folder`.

    Of more films than make `most_pairs` pairs, each is laid beside those whose arcs are nearest.

    Raises:
        FeelmError: the folder holds something else, or there is no film that may be shown.
    """
    folder = folder.resolve()
    _check(home, folder)
    shelf = read_shelf(home)
    shown = [one for one in shelf.holdings if one.has_page]
    if not shown:
        raise FeelmError("there is no film page to write: add films (`feelm films add FOLDER`), state their rights, and run `feelm run`")
    pairs = nearest(shelf.comparable, most_pairs)
    with writing(folder) as out:
        for name in ASSETS:
            write_text(out / "assets" / name, asset(name).text)
        # Whoever gets the pages is not told of films that they do not show.
        write_text(out / "index.html", library_page(Shelf(tuple(shown), ()), Written()))
        videos = sum(_write_film(one, out, with_videos) for one in shown)
        n_pairs = _write_pairs(shelf.comparable, pairs, out)
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        told = Exported(
            str(folder),
            len(shown),
            n_pairs,
            videos,
            size,
            tuple(one.reason for one in shelf.kept_back),
            tuple(one.film.film_id for one in shelf.holdings if not one.has_page),
        )
        write_json(out / MARK, {"films": told.films, "pairs": told.pairs, "videos": told.videos})
    return told


def _check(home: Home, folder: Path) -> None:
    if home.root.resolve().is_relative_to(folder) or (folder.is_relative_to(home.data.resolve())):
        raise FeelmError(f"{folder} holds the home, or is its data: write the pages somewhere else")
    if folder.exists() and not folder.is_dir():
        raise FeelmError(f"{folder} is a file: name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise FeelmError(f"{folder} holds something that is no export of pages: name an empty folder, or a new one")


def _write_film(holding: Holding, out: Path, with_videos: bool) -> bool:
    """A film's page with what it needs; whether its video was written too."""
    film, places, parts = holding.film, Written("../"), read_parts(holding)
    video, no_video = None, NO_VIDEOS
    if with_videos:
        no_video = holding.no_video or ""
        if not no_video:
            suffix = film.video.suffix.lower()
            video = places.video(film.film_id, suffix)
            _copy(film.video, out / "videos" / f"{film.film_id}{suffix}")
    write_text(out / "films" / f"{film.film_id}.css", parts.sheet)
    write_text(out / "films" / f"{film.film_id}.html", film_page(holding, parts, places, video, no_video))
    if holding.still is not None:
        _copy(holding.still, out / "films" / f"{film.film_id}.jpg")
    return video is not None


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write_pairs(films: Sequence[Holding], pairs: Sequence[Beside], out: Path) -> int:
    """The page where two films are chosen, and one for each pair; how many of these."""
    write_text(out / "compare.html", compare_page(films, Written(), pairs=pairs))
    done: set[str] = set()
    for one, others in pairs:
        for other in others:
            first, second = sorted((one.film.film_id, other.film.film_id))
            name = pair_file(first, second)
            if name not in done:
                done.add(name)
                write_text(out / name, compare_page((one, other), Written("../../"), first, second))
    return len(done)
