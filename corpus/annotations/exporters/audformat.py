"""Writes judgements as an audformat database: a header db.yaml and one segmented table for each rater.

audformat knows a segment once in a table, so what a rater says further of the same segment (a second emotion, another person) goes to a
second table of the rater, `segments.<rater>.2`, and so on. Values stand on our scales, which the header declares; details of a judgement
have columns of our own.

Source: audEERING, audformat 1.4 (database specification).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from corpus.annotations.details import DETAILS, details_of
from corpus.annotations.exporters.rows import in_our_words, judgements_of
from corpus.annotations.exporters.writing import Exporter, FilmMedia, Judged, csv_table
from corpus.annotations.judgements import VALUE_RANGES, Judgement
from corpus.terms import EMOTIONS

HEADER = "db.yaml"
LEVELS = ("file", "start", "end")
_NUMBERS: dict[str, dict[str, object]] = {
    "pass_no": {"dtype": "int", "minimum": 1},
    "rank": {"dtype": "int", "minimum": 1},
    "lead_time_ms": {"dtype": "int", "minimum": 0},
    "confidence": {"dtype": "float", "minimum": 0, "maximum": 1},
}

Row = Mapping[str, str]


def write_audformat(judged: Judged) -> dict[str, bytes]:
    """The header and the tables; judgements without a span in time are left out."""
    tables = _tables(judged)
    return {HEADER: _header(tables)} | {f"db.{name}.csv": csv_table([*LEVELS, *_columns(rows)], rows) for name, (_, rows) in tables.items()}


def _tables(judged: Judged) -> dict[str, tuple[str, list[Row]]]:
    """Rater and rows of each table by its name."""
    tables: dict[str, tuple[str, list[Row]]] = {}
    met: Counter[tuple[object, ...]] = Counter()
    for judgement in map(in_our_words, judgements_of(judged.annotations)):
        if judgement.start_ms is None or judgement.end_ms is None:
            continue
        row, rater = _row(judgement, judged.films[judgement.film_id]), judgement.annotator_id
        segment = (rater, *(row[level] for level in LEVELS))
        met[segment] += 1
        name = f"segments.{rater}" + (f".{met[segment]}" if met[segment] > 1 else "")
        tables.setdefault(name, (rater, []))[1].append(row)
    return tables


def _row(judgement: Judgement, film: FilmMedia) -> Row:
    span = {"file": film.media, "start": _time(judgement.start_ms or 0), "end": _time(judgement.end_ms or 0)}
    emotion = {"emotion": judgement.emotion} if judgement.emotion is not None else {}
    return span | emotion | {name: f"{value:.9g}" for name, value in judgement.values.items()} | details_of(judgement)


def _time(milliseconds: int) -> str:
    """As pandas writes a Timedelta."""
    seconds, rest = divmod(milliseconds, 1000)
    days, seconds = divmod(seconds, 86_400)
    return f"{days} days {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}000"


def _columns(rows: Iterable[Row]) -> list[str]:
    """The columns that hold something, in one order everywhere."""
    held = {name for row in rows for name in row}
    return [name for name in ("emotion", *VALUE_RANGES, *DETAILS) if name in held]


def _header(tables: Mapping[str, tuple[str, list[Row]]]) -> bytes:
    used = _columns(row for _, rows in tables.values() for row in rows)
    header = {
        "name": "feelm",
        "description": "Judgements of emotion in films, exported by Feelm.",
        "source": "Feelm",
        "usage": "other",
        "raters": {rater: {"type": "human"} for rater, _ in tables.values()},
        "schemes": {name: _scheme(name) for name in used},
        "tables": {
            name: {"type": "segmented", "columns": {column: {"scheme_id": column, "rater_id": rater} for column in _columns(rows)}}
            for name, (rater, rows) in tables.items()
        },
    }
    return yaml.safe_dump(header, sort_keys=False, allow_unicode=True).encode()


def _scheme(name: str) -> dict[str, Any]:
    if name == "emotion":
        return {"dtype": "str", "labels": list(EMOTIONS)}
    if name in VALUE_RANGES:
        low, high = VALUE_RANGES[name]
        return {"dtype": "float", "minimum": low, "maximum": high}
    return dict(_NUMBERS.get(name, {"dtype": "str"}))


LEAVES_OUT = (
    "traces; points in time and judgements of a unit without times; the word and scheme in which the rater named an emotion (its one of "
    "the seven stands), values on the rater's own scale, frame numbers. audformat itself takes texts such as NA and null for missing"
)

EXPORTER = Exporter("audformat", "audformat database (db.yaml with CSV tables)", write_audformat, LEAVES_OUT)
