"""The model's worst errors as cards: the moment, who says what, what raters and modalities made of it, and the way to the film's page.

The report knows units by their ids alone; their words and pictures are read from the films' own artifacts, which stay where they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from corpus.contracts import SHOTS, UNITS
from corpus.paths import Home
from ml.evaluation.findings import Said, WorstError
from ml.evaluation.report import ValidationReport
from pages.lines import anchor, known_text, shot_picture, shown_units
from pages.stored import film_title
from pages.systems import FILMS, system_name

THUMBNAIL_BUDGET = 250_000
"""Bytes of base64 that the errors' pictures may take together."""


@dataclass(frozen=True)
class ErrorCard:
    """One error: the report's own figures, and what the film's artifacts tell of the moment."""

    error: WorstError
    title: str
    href: str | None
    text: str | None
    speaker: str | None
    thumbnail: str | None

    @property
    def model(self) -> Said:
        """What the fused system said."""
        return self.error.said[0]

    @property
    def channels(self) -> list[tuple[str, Said]]:
        """What each modality said, by its name for people."""
        return [(system_name(said.system), said) for said in self.error.said[1:]]


def read_errors(home: Home, report: ValidationReport, hrefs: Mapping[str, str | None]) -> tuple[ErrorCard, ...]:
    """The films' worst errors; `hrefs` leads from a film to its page, null where there is none."""
    corpus = report.corpus(FILMS)
    cards, size = [], 0
    for error in corpus.errors if corpus else []:
        thumbnail = _thumbnail(home, error)
        size += len(thumbnail or "")
        cards.append(_card(home, error, hrefs.get(error.film_id), thumbnail if size <= THUMBNAIL_BUDGET else None))
    return tuple(cards)


def _card(home: Home, error: WorstError, page: str | None, thumbnail: str | None) -> ErrorCard:
    path = home.artifact("scenes", error.film_id) / "units.parquet"
    units = UNITS.read(path) if path.is_file() else UNITS.empty()
    own = units[units["unit_id"] == error.unit_id].to_dict("records")
    return ErrorCard(
        error=error,
        title=film_title(home, error.film_id),
        href=None if page is None else f"{page}#{place}" if (place := _place(units, error.unit_id)) else page,
        text=_text(own, "text"),
        speaker=_text(own, "character_id"),
        thumbnail=thumbnail,
    )


def _place(units: pd.DataFrame, unit_id: str) -> str | None:
    shown = shown_units(units)
    ids = [] if shown is None else shown["unit_id"].tolist()
    return anchor(ids.index(unit_id)) if unit_id in ids else None


def _text(rows: list[dict[str, object]], column: str) -> str | None:
    return known_text(rows[0][column]) if rows else None


def _thumbnail(home: Home, error: WorstError) -> str | None:
    """The picture of the shot in the middle of the unit."""
    folder = home.artifact("shots", error.film_id)
    if error.start_ms is None or error.end_ms is None or not (folder / "shots.parquet").is_file():
        return None
    return shot_picture(SHOTS.read(folder / "shots.parquet"), folder, (error.start_ms + error.end_ms) / 2)
