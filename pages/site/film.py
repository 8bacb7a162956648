"""A film's page within the site: what the chain stored, and the film itself beside its timeline."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from corpus.terms import FeelmError
from pages.film import FILM_ITSELF
from pages.render import environment
from pages.site.places import Places
from pages.site.shelf import Holding
from pages.site.shell import FilmParts, film_parts, render_site


@dataclass(frozen=True)
class SitePage:
    """What the template shows; `sheet` is where the page's own style lies."""

    film_id: str
    title: str
    credit: str
    sheet: str
    content: Markup
    foot: Markup
    comparable: bool


@dataclass(frozen=True)
class Player:
    """Where the film and a picture of it lie; without a `video`, `no_video` says why."""

    title: str
    credit: str
    still: str | None
    video: str | None
    no_video: str | None


def read_parts(holding: Holding) -> FilmParts:
    """The stored page of a film.

    Raises:
        FeelmError: it was not made yet, or by an earlier version of Feelm.
    """
    if not holding.has_page:
        raise FeelmError(f"film {holding.film.film_id} has no page yet: `feelm run --film {holding.film.film_id}` makes it")
    return film_parts(holding.page.read_text(encoding="utf-8"))


def film_page(holding: Holding, parts: FilmParts, places: Places, video: str | None, no_video: str | None = None) -> str:
    """The page; `video` is where the film lies, else `no_video` says why it is not there."""
    film = holding.film
    still = places.still(film.film_id) if holding.still else None
    player = environment().get_template("site/player.html").render(page=Player(film.title, holding.credit, still, video, no_video))
    view = SitePage(
        film_id=film.film_id,
        title=film.title,
        credit=holding.credit,
        sheet=places.sheet(film.film_id),
        content=Markup(str(parts.content).replace(FILM_ITSELF, player, 1)),
        foot=parts.foot,
        comparable=holding.digest is not None and holding.digest.told is not None,
    )
    return render_site("film.html", view, places, "")
