"""What every exporter is given, and what it gives: tables of judgements in, the files of a tool out.

Raters stand in exports as pseudonyms, which a later import keeps, so that export and import give equal tables for what a format holds.
What a format cannot hold is said in `leaves_out`, never dropped in silence.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML has no place for."""


@dataclass(frozen=True)
class FilmMedia:
    """What exports say of a film: the name of its media file, its picture rate (1/s) and its length, None where nobody knows them."""

    film_id: str
    media: str
    fps: float | None
    duration_ms: int | None


@dataclass(frozen=True)
class Judged:
    """The tables ANNOTATIONS and TRACES of one export, and the films they are about."""

    annotations: pd.DataFrame
    traces: pd.DataFrame
    films: Mapping[str, FilmMedia]


@dataclass(frozen=True)
class Exporter:
    """A format: `write` gives its files by name; `leaves_out` tells what of a judgement the format cannot hold."""

    name: str
    what: str
    write: Callable[[Judged], Mapping[str, bytes]]
    leaves_out: str


def csv_table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """Rows under a header as UTF-8 CSV (RFC 4180)."""
    lines = io.StringIO(newline="")
    writer = csv.DictWriter(lines, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return lines.getvalue().encode()
