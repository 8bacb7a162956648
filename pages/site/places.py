"""Where the parts of the site lie: addresses of a service, or files that lead to each other from any folder.

A page asks its `Places` for every link, so that nothing else of it depends on how it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

SERVED_NAV = (
    ("Films", "/films"),
    ("Compare", "/compare"),
    ("Talk", "/talk"),
    ("Script", "/script"),
    ("Hand-overs", "/escalations"),
    ("API", "/v1/docs"),
)


class Places(Protocol):
    """Where everything is, as seen from one page."""

    @property
    def served(self) -> bool:
        """Whether a service answers, so that a form may ask it."""

    @property
    def nav(self) -> tuple[tuple[str, str], ...]:
        """The pages to go to, as (name, link)."""

    def asset(self, name: str) -> str:
        """A script or style."""

    def library(self) -> str:
        """All films."""

    def film(self, film_id: str) -> str:
        """A film's page."""

    def sheet(self, film_id: str) -> str:
        """The style that only this film's page needs."""

    def still(self, film_id: str) -> str:
        """A picture of the film."""

    def compare(self, first: str = "", second: str = "") -> str:
        """Two films beside each other; without them, where they are chosen."""


@dataclass(frozen=True)
class Served:
    """Addresses of the service. Film ids are slugs, so that they need no quoting."""

    served: bool = True
    nav: tuple[tuple[str, str], ...] = SERVED_NAV

    def asset(self, name: str) -> str:
        """Under `/assets/`."""
        return f"/assets/{name}"

    def library(self) -> str:
        """`/films`."""
        return "/films"

    def film(self, film_id: str) -> str:
        """Under `/films/`."""
        return f"/films/{film_id}"

    def sheet(self, film_id: str) -> str:
        """Under the film's own address."""
        return f"/films/{film_id}/film.css"

    def still(self, film_id: str) -> str:
        """Under the film's own address."""
        return f"/films/{film_id}/still.jpg"

    def video(self, film_id: str) -> str:
        """Under the film's own address."""
        return f"/films/{film_id}/video"

    def compare(self, first: str = "", second: str = "") -> str:
        """`/compare`, with both films as its query."""
        return f"/compare?a={first}&b={second}" if first and second else "/compare"


@dataclass(frozen=True)
class Written:
    """Files; `up` leads from the page's folder to the site's own (``, `../`, `../../`)."""

    up: str = ""
    served: bool = False

    @property
    def nav(self) -> tuple[tuple[str, str], ...]:
        """Films and comparisons: all else needs a service."""
        return (("Films", self.library()), ("Compare", self.compare()))

    def asset(self, name: str) -> str:
        """In `assets/`."""
        return f"{self.up}assets/{name}"

    def library(self) -> str:
        """The first page."""
        return f"{self.up}index.html"

    def film(self, film_id: str) -> str:
        """In `films/`."""
        return f"{self.up}films/{film_id}.html"

    def sheet(self, film_id: str) -> str:
        """Beside the film's page."""
        return f"{self.up}films/{film_id}.css"

    def still(self, film_id: str) -> str:
        """Beside the film's page."""
        return f"{self.up}films/{film_id}.jpg"

    def video(self, film_id: str, suffix: str) -> str:
        """In `videos/`."""
        return f"{self.up}videos/{film_id}{suffix}"

    def compare(self, first: str = "", second: str = "") -> str:
        """In `compare/`, by both ids in their order; without them the page where they are chosen."""
        if not (first and second):
            return f"{self.up}compare.html"
        return f"{self.up}{pair_file(first, second)}"


def pair_file(first: str, second: str) -> str:
    """The file of two films, whichever is named first."""
    a, b = sorted((first, second))
    return f"compare/{a}/{b}.html"
