"""Judgements of any file or folder, without a catalogue, an inbox or anything that stays behind.

What `feelm annotations check`, `agreement`, `gold` and `export` work on when they are given a path: the same importers, the same tables.
A film lasts as long as its last judgement there, for want of the film.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from corpus.annotations.batches import Batch, tables_of
from corpus.annotations.exporters.writing import FilmMedia, Judged
from corpus.annotations.importers.reading import Told
from corpus.annotations.importers.registry import read_delivery
from corpus.annotations.judgements import Delivery
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.contracts import UNITS
from corpus.terms import FeelmError, UnitLevel


@dataclass(frozen=True)
class Handful:
    """What a path holds: the delivery as it was read, and its tables."""

    delivery: Delivery
    batch: Batch

    def durations_ms(self) -> dict[str, int]:
        """Film id -> end of its last judgement or sample."""
        annotations, traces = self.batch.annotations, self.batch.traces
        ends = [annotations.groupby("film_id")[["start_ms", "end_ms"]].max().max(axis=1), traces.groupby("film_id")["t_ms"].max() + 1]
        return {str(film_id): int(max(end.get(film_id, 0) or 0 for end in ends)) for film_id in self.batch.summary.films}

    def units(self, every_ms: int | None) -> pd.DataFrame:
        """What gold is made for, as the table UNITS: the spans and units as they were judged, or stretches of `every_ms` of each film."""
        if every_ms is not None:
            ends = self.durations_ms().items()
            return UNITS.frame(_stretch(film, at, min(at + every_ms, end)) for film, end in ends for at in range(0, end, every_ms))
        spans = self.batch.annotations[["film_id", "unit_id", "start_ms", "end_ms"]].drop_duplicates()
        spans = spans.assign(end_ms=spans["end_ms"].fillna(spans["start_ms"] + 1)).sort_values(["film_id", "start_ms", "end_ms"])
        return UNITS.frame(_judged_span(span) for span in spans.to_dict("records")).drop_duplicates("unit_id")

    def judged(self, fps: float | None) -> Judged:
        """For an exporter: the films named as their ids, at `fps` pictures a second where that is said."""
        films = {film_id: FilmMedia(film_id, f"{film_id}.mp4", fps, end) for film_id, end in self.durations_ms().items()}
        return Judged(self.batch.annotations, self.batch.traces, films)


def read_by_hand(path: Path, told: Told) -> Handful:
    """Read a file, an archive or a folder.

    Raises:
        FeelmError: it cannot be read as a whole, or holds no judgement.
    """
    with tempfile.TemporaryDirectory(prefix="feelm-annotations-") as nowhere:
        delivery = read_delivery(path, Pseudonyms(Path(nowhere) / "annotators.json"), told)
    if delivery.fault is not None:
        raise FeelmError(f"{path}: {delivery.fault}")
    batch = tables_of(delivery, "by-hand")
    if batch.annotations.empty and batch.traces.empty:
        first = f", the first at {batch.refusals[0].ref}: {batch.refusals[0].reason}" if batch.refusals else ""
        foreign = f"; not read: {', '.join(delivery.unknown_columns[:10])}" if delivery.unknown_columns else ""
        raise FeelmError(f"{path} holds no judgement: {batch.summary.rows_read} read, {batch.summary.refused} refused{first}{foreign}")
    return Handful(delivery, batch)


def _stretch(film_id: str, start_ms: int, end_ms: int) -> dict[str, object]:
    unit_id = f"{film_id}.{start_ms}-{end_ms}"
    return {"unit_id": unit_id, "film_id": film_id, "level": UnitLevel.SPAN.value, "start_ms": start_ms, "end_ms": end_ms}


def _judged_span(span: dict[str, Any]) -> dict[str, object]:
    if not pd.isna(span["unit_id"]):
        return {"unit_id": span["unit_id"], "film_id": span["film_id"], "level": UnitLevel.SPAN.value}
    return _stretch(str(span["film_id"]), int(span["start_ms"]), int(span["end_ms"]))
