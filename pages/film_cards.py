"""Every film as a card: what it is, how far raters agree in it, how often the model is right, and what could not be read.

A film without a page is a card without a link. Pictures are kept within a budget, so that a page of a hundred films stays small.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpus.contracts import UNITS
from corpus.paths import Home
from ml.evaluation.report import ValidationReport
from pages.material import is_partial, read_missing
from pages.render import picture
from pages.stored import film_title, raters_agreement, read_json
from pages.systems import FILMS, fused

THUMBNAIL_BUDGET = 600_000
"""Bytes of base64 that the cards' pictures may take together; films beyond it get a blank."""


@dataclass(frozen=True)
class FilmCard:
    """One film on the page; `thumbnail` is a data URI, `href` null where the film has no page yet."""

    film_id: str
    title: str
    duration_ms: int
    units: int
    agreement: float | None
    accuracy: float | None
    missing: tuple[str, ...]
    thumbnail: str | None
    href: str | None


def film_html(home: Home, film_id: str) -> Path:
    """Where the film's own page lies, if there is one."""
    return home.artifact("film_report", film_id) / "film.html"


def read_cards(home: Home, film_ids: Sequence[str], report: ValidationReport) -> tuple[FilmCard, ...]:
    """The films' cards from what the stages left, with pictures as long as they fit."""
    corpus = report.corpus(FILMS)
    score = fused(corpus) if corpus else None
    accuracies = score.by_film if score else {}
    agreements = raters_agreement(home).get("alpha_by_film", {})
    return budgeted([_read_card(home, film_id, agreements.get(film_id), accuracies.get(film_id)) for film_id in film_ids])


def _read_card(home: Home, film_id: str, agreement: float | None, accuracy: float | None) -> FilmCard:
    units = home.artifact("scenes", film_id) / "units.parquet"
    return FilmCard(
        film_id=film_id,
        title=film_title(home, film_id),
        duration_ms=int(read_json(home.artifact("shots", film_id) / "stream.json").get("duration_ms") or 0),
        units=_lines(units) if units.is_file() else 0,
        agreement=None if agreement is None else float(agreement),
        accuracy=accuracy,
        missing=_missing_words(read_missing(home, film_id)),
        thumbnail=_thumbnail(home.artifact("shots", film_id)),
        href=f"films/{film_id}.html" if film_html(home, film_id).is_file() else None,
    )


def _lines(units: Path) -> int:
    levels = UNITS.read(units)["level"]
    return int((levels == "utterance").sum() or (levels == "span").sum())


def _missing_words(missing: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reason for reasons in missing.values() for reason in reasons if not is_partial(reason)))


def _thumbnail(shots: Path) -> str | None:
    """The shot a third into the film: the first one is often a title or black."""
    names = sorted((shots / "thumbs").glob("*.jpg"))
    return picture(names[len(names) // 3]) if names else None


def budgeted(cards: Sequence[FilmCard]) -> tuple[FilmCard, ...]:
    """The cards, with pictures as long as they fit."""
    kept, size = [], 0
    for card in cards:
        size += len(card.thumbnail or "")
        kept.append(card if size <= THUMBNAIL_BUDGET else dataclasses.replace(card, thumbnail=None))
    return tuple(kept)
