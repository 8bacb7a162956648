"""Reads the long template: a CSV or TSV with one judgement a row.

It is what people make in a spreadsheet, so encodings, delimiters and decimal commas are detected or refused with a hint, every cell is
text until its column says otherwise ("NA" is a name, "007" an id), and each row that cannot be read is refused with its line and reason
while the others go on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from corpus.annotations.details import instant, note
from corpus.annotations.importers.numbers import number
from corpus.annotations.importers.reading import (
    Files,
    Importer,
    Told,
    UnreadableFile,
    UnreadableRow,
    csv_rows,
    decode,
    delivery_of,
    each_file,
    known_film_id,
)
from corpus.annotations.judgements import CUES, VALUE_RANGES, Delivery, Judgement, Refusal
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.annotations.vocabulary import SCHEMES
from corpus.terms import EMOTIONS, MODALITIES_SEEN, PERSPECTIVES

TOOL = "long-csv/1"

COLUMNS: dict[str, str] = {
    "film_id": "the film's id in the catalogue",
    "start_ms": "start of what is judged, whole milliseconds from the film's first frame",
    "end_ms": "its end",
    "annotator": "the rater's name or id; stored as a pseudonym",
    "pass_no": "which pass of this rater, from 1 (empty: 1)",
    "character": "who is judged (empty: nobody in particular)",
    "perspective": "portrayed, intended, perceived or felt (empty: portrayed)",
    "emotion": f"{', '.join(EMOTIONS[:-1])} or {EMOTIONS[-1]}",
    "intensity": "0 to 1",
    "valence": "-1 to 1",
    "arousal": "-1 to 1",
    "cues": "what it rests on, of " + ", ".join(CUES),
    "modality_seen": "what the rater saw and heard: a, v, t, av, at, vt or avt (empty: unknown)",
    "note": "free text, at most 4000 characters",
    "lead_time_ms": "time that the judgement took",
    "created_at": "ISO 8601; without an offset it is UTC",
}
OPTIONAL_COLUMNS: dict[str, str] = {
    "unit_id": "the unit, instead of start and end",
    "dominance": "-1 to 1",
    "direction": "self or other: towards whom the emotion goes",
    "rank": "1 for the emotion that comes first, 2 for the second (empty: 1)",
    "confidence": "how sure you are, 0 to 1",
    "cut_id": "the cut that the times are of",
    "scheme": "the scheme of `emotion`: " + ", ".join(sorted(SCHEMES)) + " (empty: feelm)",
}
KNOWN = {**COLUMNS, **OPTIONAL_COLUMNS}
DELIMITERS = ",;\t"
NUMBERS = ("start_ms", "end_ms", "pass_no", "rank", "lead_time_ms", "confidence", *VALUE_RANGES)
MOST_PASSES = 1_000_000
_GUARD = re.compile(r"^'(?='*[=+\-@\t\r])")
_WHOLE = re.compile(r"\d{1,15}(\.0+)?")


@dataclass(frozen=True)
class Sheet:
    """A decoded file: rows as (line number, cells), without the header."""

    delimiter: str
    header: list[str]
    rows: list[tuple[int, list[str]]]


def template() -> str:
    """The header line of the long template."""
    return ",".join(COLUMNS) + "\n"


def is_long_csv(files: Files) -> bool:
    """Whether all files end as tables do."""
    return all(name.casefold().endswith((".csv", ".tsv", ".txt")) for name in files)


def read_long_csv(name: str, content: bytes, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """Read one table; faults of the whole file and of single rows are told in the delivery, never raised."""
    try:
        sheet = _sheet(decode(content))
    except UnreadableFile as error:
        return Delivery(TOOL, fault=str(error))
    read: list[Judgement | Refusal] = []
    for line, cells in sheet.rows:
        ref = f"line {line}"
        try:
            read.append(_judgement(_row(sheet, cells), ref, pseudonyms, sheet.delimiter))
        except UnreadableRow as error:
            read.append(Refusal(ref, str(error)))
    return delivery_of(TOOL, read, [column for column in sheet.header if column not in KNOWN])


def _sheet(text: str) -> Sheet:
    first = text.lstrip("\r\n").splitlines()[0]
    delimiter = max(DELIMITERS, key=lambda mark: len(KNOWN.keys() & set(_header(first, mark))))
    header = _header(first, delimiter)
    _check_header(header, first)
    return Sheet(delimiter, header, list(csv_rows(text, delimiter))[1:])


def _header(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"').strip().casefold() for cell in line.split(delimiter)]


def _check_header(header: list[str], line: str) -> None:
    required = ["film_id", "annotator"] + ([] if "unit_id" in header else ["start_ms", "end_ms"])
    missing = [column for column in required if column not in header]
    if missing:
        raise UnreadableFile(f"no column {', '.join(missing)} in the first line {line[:120]!r}: see `feelm annotations template`")
    if not {"emotion", *VALUE_RANGES} & set(header):
        raise UnreadableFile("no column with a judgement: one of emotion, intensity, valence, arousal is needed")
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise UnreadableFile(f"column {', '.join(map(repr, repeated))} stands twice in the first line: keep one")


def _row(sheet: Sheet, cells: list[str]) -> dict[str, str]:
    if len(cells) != len(sheet.header):
        raise UnreadableRow(f"{len(cells)} cells where the first line has {len(sheet.header)}")
    return {column: _unguarded(column, cell).strip() for column, cell in zip(sheet.header, cells, strict=True)}


def _unguarded(column: str, cell: str) -> str:
    """A text cell without the apostrophe that exports put before what a spreadsheet would take for a formula."""
    return cell if column in NUMBERS else _GUARD.sub("", cell)


def _judgement(row: dict[str, str], ref: str, pseudonyms: Pseudonyms, delimiter: str) -> Judgement:
    annotator_id = pseudonyms.of(_needed(row, "annotator"))
    start_ms, end_ms, unit_id = _span(row)
    values = {name: _number(row[name], name, delimiter) for name in VALUE_RANGES if row.get(name)}
    emotion = row.get("emotion") or None
    if emotion is None and not values:
        raise UnreadableRow("nothing is judged: emotion, intensity, valence and arousal are empty")
    return Judgement(
        film_id=known_film_id(_needed(row, "film_id")),
        annotator_id=annotator_id,
        source_ref=ref,
        unit_id=unit_id,
        start_ms=start_ms,
        end_ms=end_ms,
        pass_no=_place(row.get("pass_no") or "1", "pass_no"),
        character_id=row.get("character") or None,
        perspective=_one_of(row.get("perspective") or "portrayed", "perspective", PERSPECTIVES),
        direction=_one_of(row["direction"], "direction", ("self", "other")) if row.get("direction") else None,
        cut_id=row.get("cut_id") or None,
        rank=_place(row.get("rank") or "1", "rank"),
        confidence=_confidence(row.get("confidence", ""), delimiter),
        emotion=emotion,
        scheme=_one_of(row.get("scheme") or "feelm", "scheme", tuple(SCHEMES)),
        values=values,
        cues=_cues(row.get("cues", "")),
        modality_seen=_one_of(row["modality_seen"], "modality_seen", MODALITIES_SEEN) if row.get("modality_seen") else None,
        note=note("note", row.get("note", "")) or None,
        lead_time_ms=_whole(row["lead_time_ms"], "lead_time_ms") if row.get("lead_time_ms") else None,
        created_at=instant("created_at", row["created_at"]) if row.get("created_at") else None,
    )


def _span(row: dict[str, str]) -> tuple[int | None, int | None, str | None]:
    unit_id = row.get("unit_id") or None
    if not row.get("start_ms") and not row.get("end_ms") and unit_id:
        return None, None, unit_id
    return _whole(_needed(row, "start_ms"), "start_ms"), _whole(_needed(row, "end_ms"), "end_ms"), unit_id


def _needed(row: dict[str, str], column: str) -> str:
    if not row.get(column):
        raise UnreadableRow(f"{column} is empty")
    return row[column]


def _whole(text: str, column: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise UnreadableRow(f"{column} {text!r} is not a whole number of 0 or more")
    return int(text.split(".")[0])


def _place(text: str, column: str) -> int:
    value = _whole(text, column)
    if not 1 <= value <= MOST_PASSES:
        raise UnreadableRow(f"{column} {text!r} is not between 1 and {MOST_PASSES}")
    return value


def _number(text: str, column: str, delimiter: str) -> float:
    try:
        return number(text, comma=delimiter != ",")
    except UnreadableRow as error:
        raise UnreadableRow(f"{column} {error}") from error


def _confidence(text: str, delimiter: str) -> float | None:
    if not text:
        return None
    value = _number(text, "confidence", delimiter)
    if not 0 <= value <= 1:
        raise UnreadableRow(f"confidence {text!r} is not between 0 and 1")
    return value


def _one_of(text: str, column: str, allowed: tuple[str, ...]) -> str:
    folded = text.casefold()
    if folded not in allowed:
        raise UnreadableRow(f"{column} {text!r} is none of {', '.join(allowed)}")
    return folded


def _cues(text: str) -> tuple[str, ...]:
    given = {cue.casefold() for cue in re.split(r"[,;|+\s]+", text) if cue}
    unknown = sorted(given - set(CUES))
    if unknown:
        raise UnreadableRow(f"cue {unknown[0]!r} is none of {', '.join(CUES)}")
    return tuple(cue for cue in CUES if cue in given)


IMPORTER = Importer("long", "Feelm's own table (CSV, TSV)", is_long_csv, each_file(read_long_csv))
