"""Reads an audformat database: a header db.yaml and segmented tables of (file, start, end), whose columns say their scheme and rater.

The header is read as plain text by name, never as objects, within bounds of size, depth and of what its aliases stand for. A row of a
table is one judgement for each rater whose columns it holds; votes and machines are no raters, whole files no spans, and an empty end,
which means the file's own, is not known here: these are refused, row by row, while the others go on.

Source: audEERING, audformat 1.4 (database specification).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from corpus.annotations.details import DETAILS, with_details
from corpus.annotations.importers.numbers import MOST_VALUE, decimal
from corpus.annotations.importers.reading import (
    Files,
    Importer,
    Told,
    UnreadableFile,
    UnreadableRow,
    decode,
    delivery_of,
    dimension_of,
)
from corpus.annotations.judgements import Delivery, Judgement, Refusal
from corpus.annotations.pseudonyms import Pseudonyms

TOOL = "audformat/1"
HEADER = "db.yaml"
MOST_HEADER_BYTES = 1_000_000
MOST_NODES = 200_000
MOST_DEPTH = 20
MOST_ROWS = 500_000
MOST_PARQUET_BYTES = 64 * 1024 * 1024
NO_PERSON = ("vote", "machine")
"""Types of raters whose judgements are none of a person."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAP, _LIST, _TEXT = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:str"
_TIME = re.compile(r"(?:(\d{1,5}) days? )?(\d{1,5}):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?")


@dataclass(frozen=True)
class Column:
    """A column of a table: what of a judgement it holds (a dimension, or one of DETAILS), of whom, and the ends of its scale."""

    name: str
    holds: str
    rater: str | None
    scale: tuple[float, float] | None

    @property
    def judges(self) -> bool:
        """Whether it holds a judgement, and not a detail of one."""
        return self.holds not in DETAILS


@dataclass(frozen=True)
class Table:
    """A table of the header; `raters` holds those whose columns it has, None where a column names none."""

    number: int
    name: str
    segmented: bool
    columns: tuple[Column, ...]

    @property
    def raters(self) -> list[str | None]:
        """The raters of the columns that judge, in order."""
        return list(dict.fromkeys(column.rater for column in self.columns if column.judges))


@dataclass(frozen=True)
class Header:
    """What db.yaml says; `unread` names the columns and tables that are not read."""

    tables: tuple[Table, ...]
    no_persons: Mapping[str, str]
    unread: frozenset[str]


def is_audformat(files: Files) -> bool:
    """Whether a header is among the files."""
    return any(PurePosixPath(name).name == HEADER for name in files)


def read_audformat(files: Files, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """Read a database; references say the number of a table and not its name, which often is the rater's."""
    try:
        folder, content = _header_file(files)
        header = _header(content)
        read = [
            item
            for table in header.tables
            for line, cells in _rows(table, files, folder)
            for item in _judgements(table, f"table {table.number}, {line}", cells, header, pseudonyms, told)
        ]
    except UnreadableFile as error:
        return Delivery(TOOL, fault=str(error))
    return delivery_of(TOOL, read, sorted(header.unread))


def _header_file(files: Files) -> tuple[str, bytes]:
    names = [name for name in files if PurePosixPath(name).name == HEADER]
    if len(names) != 1:
        raise UnreadableFile(f"{len(names)} headers {HEADER} are in the delivery: deliver one database, with its folder packed")
    return names[0].removesuffix(HEADER), files[names[0]]


def _header(content: bytes) -> Header:
    tree = _mapping(read_yaml(content), "the header")
    schemes, tables = (_mapping(tree.get(name), name) for name in ("schemes", "tables"))
    raters = {name: _mapping(rater, "a rater") for name, rater in _mapping(tree.get("raters"), "raters").items()}
    if not tables:
        raise UnreadableFile(f"{HEADER} declares no tables")
    read = [_table(number, name, _mapping(table, "a table"), schemes) for number, (name, table) in enumerate(tables.items(), start=1)]
    unread = {column for _, columns in read for column in columns}
    unread |= {f"misc table {name}" for name in _mapping(tree.get("misc_tables"), "misc_tables")}
    no_persons = {name: str(rater["type"]) for name, rater in raters.items() if rater.get("type") in NO_PERSON}
    return Header(tuple(table for table, _ in read), no_persons, frozenset(unread))


def _mapping(tree: object, what: str) -> Mapping[str, Any]:
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UnreadableFile(f"{HEADER} is no header of audformat: {what} is no mapping")
    return tree


def _table(number: int, name: str, tree: Mapping[str, Any], schemes: Mapping[str, Any]) -> tuple[Table, list[str]]:
    """The table, and its columns that are not read, by their schemes where they have one."""
    kind = tree.get("type")
    if kind not in ("segmented", "filewise"):
        raise UnreadableFile(f"table {number} of {HEADER} is neither segmented nor filewise")
    columns, unread = [], []
    for column, said in _mapping(tree.get("columns"), "the columns of a table").items():
        entry = _mapping(said, "a column")
        scheme, rater = entry.get("scheme_id"), entry.get("rater_id")
        holds = _holds(column) or _holds(str(scheme))
        if holds is None:
            unread.append(str(scheme or column))
        else:
            columns.append(Column(column, holds, None if rater is None else str(rater), _scale(schemes.get(str(scheme)))))
    return Table(number, name, kind == "segmented", tuple(columns)), unread


def _holds(name: str) -> str | None:
    return dimension_of(name) or (name if name in DETAILS else None)


def _scale(scheme: object) -> tuple[float, float] | None:
    if not isinstance(scheme, dict) or scheme.get("minimum") is None or scheme.get("maximum") is None:
        return None
    ends = str(scheme["minimum"]), str(scheme["maximum"])
    low, high = (decimal(end) for end in ends)
    if low is None or high is None or not -MOST_VALUE < low < high < MOST_VALUE:
        raise UnreadableFile(f"a scheme of {HEADER} goes from {ends[0][:40]!r} to {ends[1][:40]!r}, which is no scale")
    return low, high


def _rows(table: Table, files: Files, folder: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Line or row by its number, and its cells as text by column.

    Raises:
        UnreadableFile: the table's file is absent or damaged, or lacks a column.
    """
    stem = f"{folder}db.{table.name}"
    if f"{stem}.parquet" in files:
        names, rows = _parquet_rows(files[f"{stem}.parquet"], table)
    elif f"{stem}.csv" in files:
        names, rows = _csv_rows(files[f"{stem}.csv"], table)
    else:
        hint = "it is only there as .pkl, which could run code: save it as csv" if f"{stem}.pkl" in files else "pack the whole folder"
        raise UnreadableFile(f"the file of table {table.number} is not in the delivery: {hint}")
    needed = ["file", *(("start", "end") if table.segmented else ()), *(column.name for column in table.columns)]
    missing = [name for name in needed if name not in names]
    if missing or len(set(names)) < len(names):
        raise UnreadableFile(f"the file of table {table.number} lacks {len(missing)} columns that {HEADER} names, or has one twice")
    for number, (line, cells) in enumerate(rows):
        if number >= MOST_ROWS:
            raise UnreadableFile(f"table {table.number} has more than {MOST_ROWS} rows: deliver it in parts")
        yield line, cells


def _csv_rows(content: bytes, table: Table) -> tuple[list[str], Iterator[tuple[str, dict[str, str]]]]:
    reader = csv.reader(io.StringIO(decode(content), newline=""), strict=True)
    try:
        names = next(reader, [])
    except csv.Error as error:
        raise UnreadableFile(f"the first line of table {table.number} cannot be split into cells ({error})") from error
    return names, _csv_cells(reader, names, table)


def _csv_cells(reader: Any, names: list[str], table: Table) -> Iterator[tuple[str, dict[str, str]]]:
    line = reader.line_num + 1
    try:
        for cells in reader:
            if len(cells) == len(names):
                yield f"line {line}", dict(zip(names, (cell.strip() for cell in cells), strict=True))
            elif cells:
                yield f"line {line}", {}
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableFile(f"line {line} of table {table.number} cannot be split into cells ({error}): it may be cut short") from error


def _parquet_rows(content: bytes, table: Table) -> tuple[list[str], Iterator[tuple[str, dict[str, str]]]]:
    try:
        stored = pq.ParquetFile(io.BytesIO(content))
        names, said = stored.schema_arrow.names, stored.metadata
        bytes_said = sum(said.row_group(group).total_byte_size for group in range(said.num_row_groups))
        if said.num_rows > MOST_ROWS or bytes_said > MOST_PARQUET_BYTES:
            raise UnreadableFile(f"table {table.number} has {said.num_rows} rows and {bytes_said} bytes: deliver it in parts")
        wanted = [name for name in names if name in ("file", "start", "end", *(column.name for column in table.columns))]
        # Repeated text stays a dictionary: a small file could stand for a large table.
        columns = pq.read_table(io.BytesIO(content), columns=wanted, read_dictionary=wanted)
        texts = [_texts(columns.column(position)) for position in range(len(wanted))]
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
        raise UnreadableFile(f"the Parquet file of table {table.number} cannot be read: it may be cut short") from error
    rows = zip(*texts, strict=True)
    return names, ((f"row {number}", dict(zip(wanted, row, strict=True))) for number, row in enumerate(rows, start=1))


def _texts(column: pa.ChunkedArray) -> list[str]:
    """A column as CSV would have it: missing as empty, times as their text."""
    texts: list[str] = []
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            words = [_as_text(word) for word in chunk.dictionary.to_pylist()]
            texts += ["" if index is None else words[index] for index in chunk.indices.to_pylist()]
        elif pa.types.is_duration(chunk.type):
            texts += ["" if ns is None else _time_text(ns) for ns in chunk.cast(pa.duration("ns")).cast(pa.int64()).to_pylist()]
        else:
            texts += [_as_text(cell) for cell in chunk.to_pylist()]
    return texts


def _as_text(cell: object) -> str:
    return "" if cell is None or cell != cell else str(cell).strip()


def _time_text(nanoseconds: int) -> str:
    """Nanoseconds as pandas writes them; below 0 as what no time is."""
    if nanoseconds < 0:
        return f"{nanoseconds} ns"
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:09d}"


def _judgements(
    table: Table, ref: str, cells: Mapping[str, str], header: Header, pseudonyms: Pseudonyms, told: Told
) -> Iterator[Judgement | Refusal]:
    """What each rater says in a row."""
    if not cells:
        yield Refusal(ref, "the row has more or fewer cells than the first line")
        return
    for rater in table.raters:
        try:
            columns = _columns_of(table, rater)
            yield _judgement(table, columns, cells, _common(rater, ref, header, pseudonyms, told), told)
        except UnreadableRow as error:
            yield Refusal(ref, str(error))


def _columns_of(table: Table, rater: str | None) -> dict[str, Column]:
    """The rater's columns by what they hold, with those that say something of every rater's."""
    found: dict[str, Column] = {}
    for column in table.columns:
        if column.rater == rater or (column.rater is None and not column.judges):
            if column.holds in found:
                raise UnreadableRow(f"two columns hold the {column.holds} of one rater: deliver them as two tables")
            found[column.holds] = column
    return found


def _common(rater: str | None, ref: str, header: Header, pseudonyms: Pseudonyms, told: Told) -> Judgement:
    """What is known of a rater's judgement before its row is read."""
    if rater is not None and rater in header.no_persons:
        raise UnreadableRow(f"its rater is a {header.no_persons[rater]} and no person: only persons' own judgements are imported")
    name = rater or told.annotator
    if name is None:
        raise UnreadableRow("its columns name no rater: say who judged with --annotator")
    return told.judgement("", pseudonyms.of(name), ref)


def _span(table: Table, cells: Mapping[str, str]) -> tuple[int, int]:
    """Start and end (ms)."""
    if not table.segmented:
        raise UnreadableRow("it judges a whole file: only segments, with start and end, are imported")
    start_ms = _milliseconds(cells["start"])
    if cells["end"] in ("", "NaT"):
        raise UnreadableRow("its end is empty, which means the file's: write the end itself")
    end_ms = _milliseconds(cells["end"])
    if end_ms <= start_ms:
        raise UnreadableRow(f"it ends at {end_ms} ms, and starts at {start_ms} ms")
    return start_ms, end_ms


def _milliseconds(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise UnreadableRow(f"{text[:40]!r} is no time as 0 days 00:00:01.500")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:4])
    nanoseconds = int((match[5] or "0").ljust(9, "0"))
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + round(nanoseconds / 1_000_000)


def _judgement(table: Table, columns: Mapping[str, Column], cells: Mapping[str, str], common: Judgement, told: Told) -> Judgement:
    given = {holds: cells[column.name] for holds, column in columns.items() if cells[column.name]}
    values = {holds: _number(text, holds) for holds, text in given.items() if holds not in DETAILS and holds != "category"}
    if "category" not in given and not values:
        raise UnreadableRow("nothing is judged: emotion, intensity, valence, arousal and dominance are empty")
    start_ms, end_ms = _span(table, cells)
    details = {holds: text for holds, text in given.items() if holds in DETAILS and (holds != "film_id" or told.film_id is None)}
    judgement = replace(
        common,
        film_id="" if "film_id" in details else told.film_of(cells["file"]),
        start_ms=start_ms,
        end_ms=end_ms,
        emotion=given.get("category"),
        values=values,
        scales={holds: scale for holds in values if (scale := columns[holds].scale or (told.scales or {}).get(holds))},
    )
    return with_details(judgement, details)


def _number(text: str, name: str) -> float:
    value = decimal(text)
    if value is None:
        raise UnreadableRow(f"{name} {text[:40]!r} is not a finite number")
    return value


def read_yaml(content: bytes) -> object:
    """A YAML document as text, lists and mappings of text; what is empty or null is None.

    Nothing is taken for a truth value, number or date by its look. Tags, repeated or composed keys, merges, and what is larger or deeper
    than MOST_NODES or MOST_DEPTH, aliases counted as what they stand for, are refused.

    Raises:
        UnreadableFile: it is no such document.
    """
    if len(content) > MOST_HEADER_BYTES:
        raise UnreadableFile(f"{HEADER} has {len(content)} bytes, {MOST_HEADER_BYTES} are the most")
    try:
        events = yaml.parse(decode(content), Loader=_LOADER)
        tree = next((_Reader(events).node(event, 0) for event in events if isinstance(event, yaml.NodeEvent)), None)
        if any(isinstance(event, yaml.DocumentStartEvent) for event in events):
            raise UnreadableFile(f"{HEADER} holds several documents")
        return tree
    except yaml.YAMLError as error:
        raise UnreadableFile(f"{HEADER} is no YAML ({' '.join(str(error).split())[:200]}): it may be cut short") from error


class _Reader:
    """Builds the tree of a stream of events."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._left = MOST_NODES
        self._anchors: dict[str, tuple[object, int]] = {}

    def node(self, event: Any, depth: int) -> object:
        """The node that begins with `event`."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._left
        self._spend(1)
        if depth > MOST_DEPTH or event.tag not in (None, "!", _MAP, _LIST, _TEXT):
            raise UnreadableFile(f"{HEADER} holds a tag, or is deeper than {MOST_DEPTH} levels: audformat writes neither")
        node = self._content(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, before - self._left)
        return node

    def _content(self, event: Any, depth: int) -> object:
        if isinstance(event, yaml.ScalarEvent):
            return None if event.implicit[0] and event.value in ("", "~", "null", "Null", "NULL") else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(depth)
        return self._dict(depth)

    def _list(self, depth: int) -> list[object]:
        found = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self.node(event, depth + 1))
        return found

    def _dict(self, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            if not isinstance(key, str) or key == "<<" or key in found:
                raise UnreadableFile(f"{HEADER} has a key twice in one mapping, or one that is no plain word")
            found[key] = self.node(next(self._events), depth + 1)
        return found

    def _alias(self, event: Any) -> object:
        if event.anchor not in self._anchors:
            raise UnreadableFile(f"{HEADER} holds an alias of what is not there, or of itself")
        node, size = self._anchors[event.anchor]
        self._spend(size)
        return node

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise UnreadableFile(f"{HEADER} stands for more than {MOST_NODES} entries")


IMPORTER = Importer("audformat", "audformat database (db.yaml with CSV or Parquet tables)", is_audformat, read_audformat)
