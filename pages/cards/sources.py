"""What a model or data set is made of, as rows of a card: film sets of one licence and credit, public corpora, pretrained weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from corpus.terms import GoldStatus
from ml.models.grounds import Ground, GroundKind
from ml.models.training_set import FILMS
from pages.cards.document import CardTable
from pages.render import plural
from pages.rights import RIGHTS

if TYPE_CHECKING:
    import pandas as pd

MOST_TITLES = 12
"""Titles of a film set that are named."""

HUB_LICENCES = {"cc0": "cc0-1.0", "CC-BY 4.0": "cc-by-4.0", "CC BY-NC-SA 4.0": "cc-by-nc-sa-4.0", "GPL-3.0": "gpl-3.0"}
"""Licences that model hubs have a name for; all others are `other` there."""

LICENCE_ADDRESSES = {
    "cc0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC BY-NC-SA 4.0": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    "GPL-3.0": "https://www.gnu.org/licenses/gpl-3.0.html",
}
"""Where licences stand, for programs."""


@dataclass(frozen=True)
class SourceSet:
    """Films of one licence, declared use and credit, or one corpus: what it is, its units and how many of them have gold."""

    what: str
    licence: str
    declared_use: str
    credit: str
    n_units: int
    n_gold: int


def source_sets(grounds: Sequence[Ground], rows: pd.DataFrame) -> list[SourceSet]:
    """The films and corpora among `grounds`; `rows` are TRAINING_UNITS."""
    films: dict[tuple[str, str, str], list[Ground]] = {}
    for ground in grounds:
        if ground.kind is GroundKind.FILM:
            films.setdefault((ground.licence, ground.declared_use, ground.credit), []).append(ground)
    found = [_film_set(own, rows) for own in films.values()]
    return found + [_corpus(ground, rows) for ground in grounds if ground.kind is GroundKind.CORPUS]


def _film_set(films: Sequence[Ground], rows: pd.DataFrame) -> SourceSet:
    own = rows[(rows["source"] == FILMS) & rows["film_id"].isin([film.name for film in films])]
    titles = [film.about for film in films[:MOST_TITLES]]
    more = f" and {len(films) - MOST_TITLES} more" if len(films) > MOST_TITLES else ""
    return _set(f"{plural(len(films), 'film')}: {', '.join(titles)}{more}", films[0], own)


def _corpus(ground: Ground, rows: pd.DataFrame) -> SourceSet:
    own = rows[rows["source"] == ground.name]
    return _set(f"{ground.name}, {ground.about} ({plural(int(own['film_id'].nunique()), 'film')})", ground, own)


def _set(what: str, ground: Ground, own: pd.DataFrame) -> SourceSet:
    n_gold = int((own["status"] == GoldStatus.GOLD.value).sum())
    return SourceSet(what, RIGHTS.get(ground.licence, ground.licence), ground.declared_use, ground.credit, len(own), n_gold)


def sources_table(sets: Sequence[SourceSet]) -> CardTable:
    """Film sets and corpora with their terms."""
    head = ("Data", "Units", "Of them gold", "Licence", "Declared use", "Credit and reference")
    rows = tuple((s.what, f"{s.n_units:,}", f"{s.n_gold:,}", s.licence, s.declared_use, s.credit or "–") for s in sets)
    return CardTable(head, rows)


def weights_table(grounds: Sequence[Ground]) -> CardTable:
    """Pretrained weights with their terms."""
    own = [ground for ground in grounds if ground.kind is GroundKind.WEIGHT]
    rows = tuple((weight.name, weight.about, weight.licence, weight.declared_use, weight.credit) for weight in own)
    return CardTable(("Weight", "What it does", "Licence", "Declared use", "Origin"), rows)


def languages(grounds: Sequence[Ground]) -> list[str]:
    """Languages of what is said in the data, as far as it is known."""
    return sorted({ground.language for ground in grounds if ground.language})


def hub_licences(grounds: Sequence[Ground]) -> list[str]:
    """The licences of the data as model hubs call them, `other` where they have no name."""
    return sorted({HUB_LICENCES.get(ground.licence, "other") for ground in grounds if ground.kind is not GroundKind.WEIGHT})
