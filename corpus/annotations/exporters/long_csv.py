"""Writes judgements as Feelm's own table, one a row, for people's spreadsheets.

Spreadsheets take a cell that begins with =, +, -, @, a tab or a carriage return for a formula and would run it, so such text gets an
apostrophe before it, which spreadsheets do not show. Text that already begins with apostrophes and then such a sign gets one more, so
that taking off one undoes it exactly; numbers stay numbers.

Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from corpus.annotations.exporters.rows import judgements_of
from corpus.annotations.exporters.writing import Exporter, Judged, csv_table
from corpus.annotations.importers.long_csv import COLUMNS, OPTIONAL_COLUMNS
from corpus.annotations.judgements import VALUE_RANGES, Judgement

FILE = "annotations.csv"
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def guarded(text: str) -> str:
    """`text` as a spreadsheet may hold it: with an apostrophe before what it would take for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def write_long_csv(judged: Judged) -> dict[str, bytes]:
    """The table as UTF-8 CSV (RFC 4180) with the columns of the long template and all optional ones."""
    rows = (_row(judgement) for judgement in judgements_of(judged.annotations))
    return {FILE: csv_table([*COLUMNS, *OPTIONAL_COLUMNS], rows)}


def _row(judgement: Judgement) -> Mapping[str, object]:
    numbers = {
        "start_ms": judgement.start_ms,
        "end_ms": judgement.end_ms,
        "pass_no": judgement.pass_no,
        "rank": judgement.rank,
        "confidence": judgement.confidence,
        "lead_time_ms": judgement.lead_time_ms,
        **{name: judgement.values.get(name) for name in VALUE_RANGES},
    }
    words = {
        "film_id": judgement.film_id,
        "annotator": judgement.annotator_id,
        "character": judgement.character_id,
        "perspective": judgement.perspective,
        "emotion": judgement.emotion,
        "cues": ",".join(judgement.cues),
        "modality_seen": judgement.modality_seen,
        "note": judgement.note,
        "created_at": judgement.created_at,
        "unit_id": judgement.unit_id,
        "direction": judgement.direction,
        "cut_id": judgement.cut_id,
        "scheme": judgement.scheme if judgement.emotion is not None else None,
    }
    return numbers | {name: guarded(text) if text else None for name, text in words.items()}


LEAVES_OUT = (
    "traces; the tool's own groups, status and time of the last change; values on the rater's own scale. Read again, a judgement of "
    "unknown modality counts as seen and heard, and a point in time is refused, as the long table asks for an end"
)

EXPORTER = Exporter("long", "Feelm's own table (CSV)", write_long_csv, LEAVES_OUT)
