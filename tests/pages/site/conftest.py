"""A catalogue over the sample home: films that may be shown, one that may not, one without a page; hostile words wherever people write."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import write_catalogue
from corpus.maker.encode import encode
from corpus.paths import Home, write_text
from corpus.terms import Rights
from pages.digest import FilmDigest
from pages.film import build_film_page
from tests.pages import sample

OTHER, SECRET, NEW = "other-film", "secret", "not-run-yet"
TITLE = f"The second cup {sample.HOSTILE}"
FPS, RATE = 4, 44_100


def film_of(home: Home, film_id: str, title: str, rights: Rights = Rights.CC0, **fields: object) -> Film:
    video = home.root / "media" / f"{film_id}.mp4"
    return dataclasses.replace(Film(film_id, title, video, language="en", rights=rights), **fields)  # type: ignore[arg-type]


def make_site(root: Path) -> Home:
    """TALK and its mirror OTHER can be compared, SILENT has a page alone, NEW has none, SECRET is of unknown rights."""
    home = sample.make_home(root / ".feelm")
    write_text(root / "params.yaml", "rights: {train: [cc0], export: [cc0, cc_by]}\n")
    for film_id in (sample.TALK, sample.SILENT):
        folder = home.artifact("film_report", film_id)
        build_film_page(home, film_id, folder / "predictions.parquet", folder)
    _mirror(home)
    shutil.copytree(home.artifact("film_report", sample.TALK), home.artifact("film_report", SECRET))
    films = [
        film_of(home, sample.TALK, TITLE, year=2031, attribution=f"Made by {sample.HOSTILE_MARKUP}"),
        film_of(home, OTHER, "Another cup", Rights.CC_BY, year=1999, attribution="Somebody"),
        film_of(home, sample.SILENT, "Élise, silent"),
        film_of(home, NEW, "Not run yet"),
        film_of(home, SECRET, "A secret film", Rights.UNKNOWN),
    ]
    write_catalogue(home.catalogue, films)
    play(home, sample.TALK, seconds=sample.N_LINES * 3 + 2)
    shutil.copyfile(films[0].video, films[-1].video)
    return home


def _mirror(home: Home) -> None:
    """A film whose arcs run backwards."""
    source, target = (home.artifact("film_report", film_id) for film_id in (sample.TALK, OTHER))
    shutil.copytree(source, target)
    told = FilmDigest.read(source)
    assert told is not None and told.model is not None
    mirrored = dataclasses.replace(told.model, course=tuple(-v for v in told.model.course))
    dataclasses.replace(told, film_id=OTHER, model=mirrored, duration_ms=2 * told.duration_ms).write(target)


def play(home: Home, film_id: str, seconds: int) -> Path:
    """A film that browsers play: grey that grows lighter, in silence."""
    path = home.root / "media" / f"{film_id}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = (np.full((360, 640, 3), 40 + 200 * k // (seconds * FPS), np.uint8) for k in range(seconds * FPS))
    encode(path, frames, np.zeros((seconds * RATE, 2), np.float32), FPS, RATE)
    return path


@pytest.fixture(scope="session")
def site_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Nothing may be written into it."""
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def own_site(site_home: Home, tmp_path: Path) -> Home:
    """A copy that a test may change."""
    shutil.copytree(site_home.root.parent, tmp_path / "own")
    home = Home(tmp_path / "own" / ".feelm")
    write_catalogue(
        home.catalogue, [dataclasses.replace(film, video=home.root / "media" / film.video.name) for film in films_of(site_home)]
    )
    return home


def films_of(home: Home) -> list[Film]:
    from corpus.films.catalogue.store import read_catalogue

    return read_catalogue(home.catalogue)
