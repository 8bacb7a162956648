"""Which films may be shown: those of the catalogue as it is now, under rights that the team lists for showing a film again.

A film that was taken out of the catalogue is not there, whatever artifacts it left; one whose rights forbid it is kept back with the
reason. Both are asked anew each time, so that a right that is taken back counts at once.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.rights import Use, allowed_rights, refusal
from corpus.films.catalogue.store import read_catalogue
from corpus.paths import Home
from corpus.terms import Rights
from pages.digest import FilmDigest
from pages.film_cards import film_html
from pages.render import plural
from pages.rights import RIGHTS

VIDEO_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".ogv": "video/ogg",
    ".ogg": "video/ogg",
}
PLAYED = {
    "video/mp4": ("h264", "av1", "vp9", "hevc"),
    "video/webm": ("vp8", "vp9", "av1"),
    "video/x-matroska": ("h264", "vp8", "vp9", "av1"),
    "video/ogg": ("theora",),
}
"""Codecs that browsers play in a container (libavcodec's names): each of some, none of all."""


@dataclass(frozen=True)
class Holding:
    """A film that may be shown, its figures (None until `feelm run` made its page), and where its files lie.

    `name` is its title, with the id where the shelf has another of that title and year.
    """

    film: Film
    digest: FilmDigest | None
    page: Path
    still: Path | None
    name: str

    @property
    def has_page(self) -> bool:
        """Whether its page was made by a version of Feelm that tells it in figures too."""
        return self.digest is not None and self.page.is_file()

    @property
    def credit(self) -> str:
        """Rights, and what every page must show."""
        return ", ".join(filter(None, [RIGHTS.get(self.film.rights.value, self.film.rights.value), self.film.attribution]))

    @property
    def media_type(self) -> str:
        """Of the video's container; one that no browser knows is told as bytes."""
        return VIDEO_TYPES.get(self.film.video.suffix.lower(), "application/octet-stream")

    @property
    def no_video(self) -> str | None:
        """Why the film cannot play beside its page; None where a browser may play it."""
        video = self.film.video
        if not video.is_file():
            return self.film.waits or f"The film’s file {video.name} is not where the catalogue says: put it back, or add the film again."
        codec = self.digest.video_codec if self.digest else None
        if codec and codec not in PLAYED.get(self.media_type, ()):
            return f"No browser is known to play {codec} in a {video.suffix or 'nameless'} file, so the film cannot be seen here."
        return None


@dataclass(frozen=True)
class KeptBack:
    """A film of the catalogue that may not be shown, and why, with what to do."""

    film: Film
    reason: str


@dataclass(frozen=True)
class Shelf:
    """The catalogue as it may be shown, each by title."""

    holdings: tuple[Holding, ...]
    kept_back: tuple[KeptBack, ...]

    @property
    def comparable(self) -> tuple[Holding, ...]:
        """Films of which something can be laid beside another."""
        return tuple(one for one in self.holdings if one.digest is not None and one.digest.told is not None)

    def find(self, film_id: str) -> Holding | KeptBack | None:
        """The film of this id; None where the catalogue has none."""
        known: Sequence[Holding | KeptBack] = (*self.holdings, *self.kept_back)
        return next((one for one in known if one.film.film_id == film_id), None)

    @property
    def words(self) -> str:
        """How many films, lines and spans there are."""
        units = Counter[str]()
        for one in self.holdings:
            units.update({one.digest.level: one.digest.units} if one.digest else {})
        return ", ".join(plural(count, what) for what, count in (("film", len(self.holdings)), *units.items()))


def read_shelf(home: Home) -> Shelf:
    """All films of the home's catalogue, by title.

    Raises:
        FeelmError: the catalogue, the settings or a film's figures cannot be read.
    """
    allowed = allowed_rights(home, Use.EXPORT)
    films = sorted(read_catalogue(home.catalogue), key=lambda film: (film.title.casefold(), film.film_id))
    found = [_placed(home, film, allowed) for film in films]
    return Shelf(
        _told_apart([one for one in found if isinstance(one, Holding)]),
        tuple(one for one in found if isinstance(one, KeptBack)),
    )


def read_holding(home: Home, film_id: str) -> Holding | KeptBack | None:
    """One film of the catalogue, without reading the others' figures; None where there is none of this id."""
    film = next((film for film in read_catalogue(home.catalogue) if film.film_id == film_id), None)
    return None if film is None else _placed(home, film, allowed_rights(home, Use.EXPORT))


def _placed(home: Home, film: Film, allowed: frozenset[Rights]) -> Holding | KeptBack:
    reason = refusal(Use.EXPORT, film.film_id, film.title, film.rights, allowed)
    if reason is not None:
        return KeptBack(film, reason)
    digest = FilmDigest.read(home.artifact("film_report", film.film_id))
    still = home.artifact("shots", film.film_id) / digest.still if digest and digest.still else None
    return Holding(film, digest, film_html(home, film.film_id), still if still and still.is_file() else None, film.title)


def _told_apart(holdings: Sequence[Holding]) -> tuple[Holding, ...]:
    often = Counter((one.film.title, one.film.year) for one in holdings)
    alike = [one for one in holdings if often[one.film.title, one.film.year] > 1]
    names = {one.film.film_id: f"{one.film.title} [{one.film.film_id}]" for one in alike}
    return tuple(dataclasses.replace(one, name=names.get(one.film.film_id, one.name)) for one in holdings)
