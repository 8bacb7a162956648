"""All films that may be shown, each with what it is, what it does to feeling, and by how many it was judged.

Films are sorted and found by text in the browser alone; without script all stand there by title.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from pages.arcs import SHAPES
from pages.charts import arcs
from pages.digest import FilmDigest
from pages.render import clock, figure, percent, plural
from pages.site.places import Places
from pages.site.shelf import Holding, Shelf
from pages.site.shell import render_site

ARC_HEIGHT = 46
UNKNOWN = -1.0
"""Sorts films without a figure last."""


@dataclass(frozen=True)
class Card:
    """A film of the library."""

    holding: Holding

    @property
    def film_id(self) -> str:
        """Its id."""
        return self.holding.film.film_id

    @property
    def title(self) -> str:
        """Its title, told apart from others."""
        return self.holding.name

    @property
    def digest(self) -> FilmDigest | None:
        """Its figures; None until it has a page."""
        return self.holding.digest if self.holding.has_page else None

    @property
    def facts(self) -> str:
        """Year, length, language and lines, as far as they are known."""
        film, digest = self.holding.film, self.digest
        length = clock(digest.duration_ms) if digest and digest.duration_ms else None
        units = plural(digest.units, digest.level) if digest else None
        return " · ".join(str(one) for one in (film.year, length, film.language, units) if one)

    @property
    def waits(self) -> str:
        """What to do for it to have a page."""
        return self.holding.film.waits or f"No page yet: `feelm run --film {self.film_id}` makes it."

    @property
    def arc(self) -> Markup | None:
        """The valence of model and raters from the first line to the last, small."""
        digest = self.digest
        told = [(arc, css) for arc, css in ((digest.gold, "of-raters"), (digest.model, "of-model")) if arc] if digest else []
        if not told:
            return None
        shape = told[-1][0].shape
        label = f"Arc of {self.title}, from displeased to pleased{f': it {SHAPES[shape]}' if shape else ''}"
        return arcs([arc.curve(css) for arc, css in told], ARC_HEIGHT, label)

    @property
    def raters(self) -> str:
        """Who judged it, and how far they agree."""
        digest = self.digest
        if digest is None or not digest.raters:
            return "nobody judged it"
        agreement = f", alpha {figure(digest.alpha)}" if digest.alpha is not None else ""
        return plural(digest.raters, "rater") + agreement

    @property
    def agreement(self) -> str | None:
        """How often the model names what raters name; None where that cannot be said."""
        digest = self.digest
        return percent(digest.agreeing / digest.compared) if digest and digest.compared else None

    @property
    def order(self) -> dict[str, float]:
        """What it is sorted by."""
        digest = self.digest
        told = digest.told if digest else None
        return {
            "year": float(self.holding.film.year or UNKNOWN),
            "length": float(digest.duration_ms) if digest else UNKNOWN,
            "lines": float(digest.units) if digest else UNKNOWN,
            "valence": round(told.valence, 4) if told else 2 * UNKNOWN,
            "raters": float(digest.raters) if digest else UNKNOWN,
        }


@dataclass(frozen=True)
class LibraryPage:
    """Everything the template shows."""

    shelf: Shelf
    cards: tuple[Card, ...]


def library_page(shelf: Shelf, places: Places) -> str:
    """The page of all films."""
    return render_site("library.html", LibraryPage(shelf, tuple(map(Card, shelf.holdings))), places, "Films")
