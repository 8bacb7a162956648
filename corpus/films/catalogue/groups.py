"""To which groups a film and its characters belong, by what the catalogue declares and by nothing else.

The report tells how well the model reads each group. Nothing is inferred about anybody: what an entry does not say is no group.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corpus.films.catalogue.entries import Film

KINDS = ("genre", "language", "decade", "country", "culture")


@dataclass(frozen=True)
class FilmGroups:
    """A film's values by kind of group (one of KINDS), and by the slug of its characters their declared gender and who plays them."""

    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    genders: dict[str, str] = field(default_factory=dict)
    actors: dict[str, str] = field(default_factory=dict)


def film_groups(film: Film) -> FilmGroups:
    """The groups of a film by its entry."""
    from corpus.dialogue.screenplay.read import character_slug
    from corpus.films.catalogue.coverage import UNKNOWN, culture_of, decade_of

    culture = culture_of(film)
    values = {
        "genre": film.genres,
        "language": (film.language,) if film.language else (),
        "decade": (decade_of(film),) if film.year is not None else (),
        "country": (film.country,) if film.country else (),
        "culture": (culture,) if culture != UNKNOWN else (),
    }
    genders = {character_slug(one.name): one.gender for one in film.characters if one.gender}
    actors = {character_slug(one.name): one.actor for one in film.characters if one.actor}
    return FilmGroups({kind: names for kind, names in values.items() if names}, genders, actors)
