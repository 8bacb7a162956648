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
from corpus.annotations.importers.long_csv import KNOWN, NUMBERS
from corpus.annotations.judgements import VALUE_RANGES, Judgement

FILE = "annotations.csv"
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def guarded(text: str) -> str:
    """`text` as a spreadsheet may hold it: with an apostrophe before what it would take for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def write_long_csv(judged: Judged) -> dict[str, bytes]:
    """The table as UTF-8 CSV (RFC 4180) with the columns of the long template and all optional ones."""
    rows = (_row(judgement) for judgement in judgements_of(judged.annotations))
    return {FILE: csv_table(list(KNOWN), rows)}


_FIELDS = {"annotator": "annotator_id", "character": "character_id"}
"""Fields of a judgement whose columns have another name."""


def _row(judgement: Judgement) -> Mapping[str, object]:
    said = {name: getattr(judgement, _FIELDS.get(name, name)) for name in KNOWN if name not in VALUE_RANGES}
    said |= {"cues": ",".join(judgement.cues), "scheme": judgement.scheme if judgement.emotion is not None else None}
    words = {name: guarded(text) if text else None for name, text in said.items() if name not in NUMBERS}
    return said | words | {name: judgement.values.get(name) for name in VALUE_RANGES}


LEAVES_OUT = (
    "traces; the tool's own groups, status and time of the last change; values on the rater's own scale. Read again, a judgement of "
    "unknown modality counts as seen and heard, and a point in time is refused, as the long table asks for an end"
)

EXPORTER = Exporter("long", "Feelm's own table (CSV)", write_long_csv, LEAVES_OUT)
