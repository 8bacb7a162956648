"""Reads continuous traces: tables of times and values, as ANNEMO, GTrace, CARMA, DARMA and PAGAN write them, or any tool with such columns.

The names of the columns say which one is the time and in what unit, and which dimension a value is of; where a value has no name of its
own, a part of the file's name says it. All rows of one film and rater in one column are one trace, which is kept as given: without ends of
a scale, told or declared by the tool, it stays unbounded, and a trace whose times do not rise is refused.

Sources: the writers of CARMA and DARMA (github.com/jmgirard: fig_collect*.m) and of PAGAN (github.com/davidmelhart/PAGAN:
util/fetch_log.php, static/js/annotation.js, which counts VideoTime in milliseconds).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from corpus.annotations.importers.numbers import check_within, number, time_ms
from corpus.annotations.importers.reading import (
    Files,
    Importer,
    Told,
    UnreadableFile,
    UnreadableRow,
    csv_rows,
    decode,
    dimension_of,
    each_file,
    known_film_id,
)
from corpus.annotations.judgements import VALUE_RANGES, Delivery, Refusal, Trace
from corpus.annotations.pseudonyms import Pseudonyms

TOOL = "traces/1"

TIME_COLUMNS: dict[str, int] = {
    **dict.fromkeys(("time", "t", "s", "sec", "second", "seconds", "time_s", "t_s", "time_sec", "time_second", "time_seconds"), 1000),
    **dict.fromkeys(("ms", "millisecond", "milliseconds", "time_ms", "t_ms", "time_millisecond", "time_milliseconds", "videotime"), 1),
}
"""Milliseconds in the unit of a time column, by its name in lower case with `_` for anything else."""

VALUE_COLUMNS = ("value", "rating", "score")
RATER_COLUMNS = ("annotator", "rater", "participant")
FILM_COLUMNS = ("film_id",)
MEDIA_COLUMNS = ("filename", "originalname")
SPAN_COLUMNS = frozenset({"start_ms", "end_ms", "start", "end", "onset", "offset", "duration", "unit_id"})
"""A table with one of these judges spans; it is not a trace."""

DELIMITERS = ";\t, "
HEADER_WITHIN = 60
"""Lines before the names of the columns at most."""

HEAD = 65_536
"""Characters by which a table is recognised."""

_WORDS = re.compile(r"[a-z0-9]+")
_NAME_PARTS = re.compile(r"[._/\-]")


@dataclass(frozen=True)
class Table:
    """A decoded file: rows as (line, cells) after the header, `notes` the tool's lines before it by key, `skipped` the lines left out."""

    delimiter: str
    header: list[str]
    rows: list[tuple[int, list[str]]]
    notes: Mapping[str, str]
    skipped: tuple[int, ...] = ()


@dataclass(frozen=True)
class Columns:
    """Positions in the header; `values` by dimension, `unit` the milliseconds in one of `time`."""

    time: int
    unit: int
    values: Mapping[str, int]
    rater: int | None
    film: int | None
    media: int | None
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """One row's value in one column."""

    line: int
    t_ms: int
    value: float


Whose = tuple[str, str, str]
"""What the cells of film, media and rater say; empty where there is no such column."""


def is_traces(files: Files) -> bool:
    """Whether all files are tables that have a column of times and one of values, and none of spans."""
    return all(name.casefold().endswith((".csv", ".tsv", ".txt")) and _is_table(name, content) for name, content in files.items())


def _is_table(name: str, content: bytes) -> bool:
    try:
        text = decode(content)
        table = _table(text if len(text) <= HEAD else text[:HEAD].rpartition("\n")[0], name)
    except UnreadableFile:
        return False
    return not SPAN_COLUMNS & set(table.header)


def read_table(name: str, content: bytes, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """Read one table. A cell without a value is refused alone, a row without a time as a whole, and neither ends a trace.

    Lines that the tool writes for people, and the samples by which PAGAN marks start and end, are left out and told.
    """
    try:
        table = _table(decode(content), name)
        columns = _columns(table.header, name)
    except UnreadableFile as error:
        return Delivery(TOOL, fault=str(error))
    samples, refusals = _samples(table, columns)
    repairs = [_skipped(table.skipped)] if table.skipped else []
    traces: list[Trace] = []
    for (whose, dimension), course in samples.items():
        ref = f"lines {course[0].line}-{course[-1].line}, {dimension}"
        kept = _without_marks(course) if table.header[columns.time] == "videotime" else course
        if len(kept) < len(course):
            repairs.append(Refusal(ref, f"{len(course) - len(kept)} samples by which PAGAN marks start and end are left out"))
        try:
            traces.append(_trace(whose, dimension, kept, ref, table, pseudonyms, told))
        except UnreadableRow as error:
            refusals.append(Refusal(ref, str(error)))
    counted = len(traces) + len(refusals)
    return Delivery(
        TOOL, rows_read=counted, traces=tuple(traces), refusals=tuple(refusals), repairs=tuple(repairs), unknown_columns=columns.unknown
    )


def _skipped(lines: tuple[int, ...]) -> Refusal:
    numbers = ", ".join(map(str, lines[:10])) + (f" and {len(lines) - 10} more" if len(lines) > 10 else "")
    return Refusal(f"lines {numbers}", "notes of the tool and no samples: left out")


def _table(text: str, name: str) -> Table:
    lines = text.splitlines()[:HEADER_WITHIN]
    delimiter = next((mark for mark in DELIMITERS if any(_is_header(_words(line.split(mark))) for line in lines)), None)
    if delimiter is None:
        return _bare_table(text, name)
    rows = list(_rows(text, delimiter))
    at = next((at for at, (_, cells) in enumerate(rows[:HEADER_WITHIN]) if _is_header(_words(cells))), None)
    if at is None:
        raise UnreadableFile("the names of the columns cannot be told from the lines before them: leave those out")
    before, after = rows[:at], rows[at + 1 :]
    notes = {_word(cells[0]): cells[1] for _, cells in before if len(cells) > 1}
    samples = [(line, cells) for line, cells in after if not _is_note(cells)]
    skipped = [line for line, _ in before] + [line for line, cells in after if _is_note(cells)]
    return Table(delimiter, _words(rows[at][1]), samples, notes, tuple(skipped))


def _bare_table(text: str, name: str) -> Table:
    """Times in seconds and values without any names, as GTrace has them: only where the file's name says what the values are."""
    for delimiter in DELIMITERS:
        rows = list(_rows(text, delimiter))
        samples = [(line, cells) for line, cells in rows if not _is_note(cells)]
        if samples and _dimensions_named(name) and len(samples[0][1]) == 2 and _are_numbers(samples[0][1], delimiter):
            skipped = tuple(line for line, cells in rows if _is_note(cells))
            return Table(delimiter, ["time", "value"], samples, {}, skipped)
    raise UnreadableFile(
        f"no columns of a time and a value are named in the first {HEADER_WITHIN} lines: name them time (or time_ms) and {_listed()}, "
        "and give each rater a file, or a column annotator"
    )


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    by_spaces = delimiter == " "
    for line, cells in csv_rows(text, delimiter, skipinitialspace=by_spaces):
        stripped = [cell.strip() for cell in cells]
        yield line, [cell for cell in stripped if cell] if by_spaces else stripped


def _word(text: str) -> str:
    return "_".join(_WORDS.findall(text.strip().casefold()))


def _words(cells: list[str]) -> list[str]:
    return [_word(cell) for cell in cells]


def _is_header(words: list[str]) -> bool:
    return any(word in TIME_COLUMNS for word in words) and any(word in VALUE_COLUMNS or word in VALUE_RANGES for word in words)


def _is_note(cells: list[str]) -> bool:
    return cells[0].startswith(("#", "%"))


def _are_numbers(cells: list[str], delimiter: str) -> bool:
    try:
        for cell in cells:
            number(cell, delimiter != ",")
    except UnreadableRow:
        return False
    return True


def _columns(header: list[str], name: str) -> Columns:
    times = [at for at, word in enumerate(header) if word in TIME_COLUMNS]
    if len(times) > 1:
        raise UnreadableFile(f"columns {', '.join(header[at] for at in times)} are all times: keep one")
    values = _value_columns(header, name)
    rater, film, media = (_column(header, names) for names in (RATER_COLUMNS, FILM_COLUMNS, MEDIA_COLUMNS))
    read = {times[0], rater, film, media, *values.values()}
    unknown = tuple(word for at, word in enumerate(header) if at not in read and word)
    return Columns(times[0], TIME_COLUMNS[header[times[0]]], values, rater, film, media, unknown)


def _value_columns(header: list[str], name: str) -> dict[str, int]:
    named = [(word, at) for at, word in enumerate(header) if word in VALUE_RANGES]
    if not named:
        named = [(_dimension_of_file(name), at) for at, word in enumerate(header) if word in VALUE_COLUMNS]
    dimensions = [dimension for dimension, _ in named]
    if len(set(dimensions)) < len(dimensions):
        raise UnreadableFile(f"several columns are of {max(dimensions, key=dimensions.count)}: keep one")
    return dict(named)


def _dimensions_named(name: str) -> set[str]:
    return {part for part in map(dimension_of, _NAME_PARTS.split(name)) if part in VALUE_RANGES}


def _dimension_of_file(name: str) -> str:
    named = _dimensions_named(name)
    if len(named) != 1:
        raise UnreadableFile(f"it is not said what the values are of: name their column, or a part of the file's name, {_listed()}")
    return named.pop()


def _listed() -> str:
    *first, last = VALUE_RANGES
    return f"{', '.join(first)} or {last}"


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    found = [at for at, word in enumerate(header) if word in names]
    if len(found) > 1:
        raise UnreadableFile(f"columns {', '.join(header[at] for at in found)} say the same: keep one")
    return found[0] if found else None


def _samples(table: Table, columns: Columns) -> tuple[dict[tuple[Whose, str], list[Sample]], list[Refusal]]:
    samples: dict[tuple[Whose, str], list[Sample]] = {}
    refusals: list[Refusal] = []
    comma = table.delimiter != ","
    for line, cells in table.rows:
        try:
            if len(cells) != len(table.header):
                raise UnreadableRow(f"{len(cells)} cells where the columns are {len(table.header)}")
            t_ms = time_ms(cells[columns.time], columns.unit, comma)
        except UnreadableRow as error:
            refusals.append(Refusal(f"line {line}", str(error)))
            continue
        whose = (_cell(cells, columns.film), _cell(cells, columns.media), _cell(cells, columns.rater))
        for dimension, at in columns.values.items():
            try:
                sample = Sample(line, t_ms, number(cells[at], comma))
                samples.setdefault((whose, dimension), []).append(sample)
            except UnreadableRow as error:
                refusals.append(Refusal(f"line {line}, {dimension}", str(error)))
    return samples, refusals


def _cell(cells: list[str], at: int | None) -> str:
    return "" if at is None else cells[at]


def _without_marks(course: list[Sample]) -> list[Sample]:
    """PAGAN sends a 0 at the time of the first and of the last sample, which nobody has given."""
    return course[:1] + [sample for earlier, sample in pairwise(course) if sample.t_ms != earlier.t_ms or sample.value != 0]


def _trace(whose: Whose, dimension: str, course: list[Sample], ref: str, table: Table, pseudonyms: Pseudonyms, told: Told) -> Trace:
    film_cell, media_cell, rater = whose
    film_id = told.film_id or (known_film_id(film_cell) if film_cell else told.film_of(_media(media_cell, table)))
    annotator = rater or told.annotator
    if not annotator:
        raise UnreadableRow("no rater is named: say who it is with --annotator, or in a column annotator")
    _check_rising(course)
    scale = (told.scales or {}).get(dimension) or _declared_scale(table.notes)
    check_within({f"line {sample.line}": sample.value for sample in course}, scale, dimension)
    return Trace(
        film_id=film_id,
        annotator_id=pseudonyms.of(annotator),
        source_ref=ref,
        dimension=dimension,
        times_ms=tuple(sample.t_ms for sample in course),
        values=tuple(sample.value for sample in course),
        scale=scale,
        character_id=told.character,
        perspective=told.perspective,
    )


def _media(cell: str, table: Table) -> str | None:
    """The name of the media file; PAGAN writes ` - ` and the length behind it."""
    name = cell.rsplit(" - ", 1)[0] if "originalname" in table.header else cell
    return name or table.notes.get("multimedia_file")


def _check_rising(course: list[Sample]) -> None:
    for earlier, later in pairwise(course):
        if later.t_ms <= earlier.t_ms:
            raise UnreadableRow(f"times do not rise: line {later.line} is at {later.t_ms} ms, line {earlier.line} at {earlier.t_ms} ms")


def _declared_scale(notes: Mapping[str, str]) -> tuple[float, float] | None:
    """The ends that CARMA (minimum and maximum) or DARMA (magnitude) writes above its columns; None where none are, or they are none."""
    try:
        if "magnitude" in notes:
            low, high = -number(notes["magnitude"]), number(notes["magnitude"])
        else:
            low, high = number(notes["minimum_value"]), number(notes["maximum_value"])
    except (KeyError, UnreadableRow):
        return None
    return (low, high) if low < high else None


IMPORTER = Importer("traces", "Continuous traces (CSV, TSV): ANNEMO, GTrace, CARMA, DARMA, PAGAN", is_traces, each_file(read_table))
