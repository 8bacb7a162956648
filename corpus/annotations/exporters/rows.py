"""Puts the rows of ANNOTATIONS together again to the judgements they came of.

A judgement is spread over one row for each dimension; the rows that say the same of everything else are one, and each emotion among them
is one of its own. Values stand on Feelm's scales and no longer on the rater's; single-precision numbers come back as the shortest decimal
that gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from corpus.annotations.judgements import AS_COLUMNS, Judgement, identifier
from corpus.annotations.vocabulary import canonical
from corpus.contracts import ANNOTATIONS

_OF_ONE_DIMENSION = frozenset(
    ("annotation_id", "dimension", "vocabulary_id", "label", "label_raw", "value", "value_raw", "scale_min", "scale_max")
)
_OF_THE_WHOLE = tuple(name for name in ANNOTATIONS.names if name not in _OF_ONE_DIMENSION)

Row = Mapping[str, Any]


def judgements_of(annotations: pd.DataFrame) -> list[Judgement]:
    """The judgements of a table ANNOTATIONS, in order of their first rows, with labels as the rater gave them.

    `tool_id` is the group's id where the tool had grouped judgements of its own, None where span and person say what belongs together.
    Rows without a label or value that holds are left out.
    """
    plain = annotations.astype(object).where(annotations.notna(), None)
    names = list(plain.columns)
    wholes: dict[tuple[object, ...], list[Row]] = {}
    for cells in plain.itertuples(index=False, name=None):
        row = dict(zip(names, cells, strict=True))
        wholes.setdefault(tuple(row[name] for name in _OF_THE_WHOLE), []).append(row)
    return [judgement for rows in wholes.values() for judgement in _judgements(rows)]


def in_our_words(judgement: Judgement) -> Judgement:
    """`judgement` with its emotion as one of EMOTIONS, where its scheme knows it."""
    if judgement.emotion is None:
        return judgement
    return replace(judgement, emotion=canonical(judgement.emotion, judgement.scheme).emotion or judgement.emotion, scheme="feelm")


def shortest(number: float) -> float:
    """A single-precision number as the shortest decimal that gives it: 0.3 and not 0.30000001192092896."""
    return float(str(np.float32(number)))


def _judgements(rows: list[Row]) -> Iterator[Judgement]:
    """The emotions of one whole, the first with the values that are of none; or these values alone."""
    common = _common(rows[0])
    intensities = {row["label_raw"]: shortest(row["value"]) for row in rows if row["dimension"] == "intensity" and row["value"] is not None}
    of_none = {row["dimension"]: shortest(row["value"]) for row in rows if _is_of_none(row)}
    for row in rows:
        if row["dimension"] == "category":
            named = row["label_raw"]
            intensity = {"intensity": intensities.pop(named)} if named in intensities else {}
            yield replace(common, emotion=named, scheme=row["vocabulary_id"] or "feelm", values=intensity | of_none)
            of_none = {}
    for value in intensities.values():
        of_none["intensity"] = value
    if of_none:
        yield replace(common, values=of_none)


def _is_of_none(row: Row) -> bool:
    return row["dimension"] not in ("category", "intensity") and row["value"] is not None


_NUMBERS: dict[str, Callable[[float], float]] = {
    **dict.fromkeys(("start_ms", "end_ms", "pass_no", "rank", "lead_time_ms"), int),
    **dict.fromkeys(("fps_used", "confidence"), shortest),
}
"""How the columns of numbers are read, of which pandas makes floats where one is missing."""


def _common(row: Row) -> Judgement:
    told = {name: row[name] for name in AS_COLUMNS}
    told |= {name: read(row[name]) for name, read in _NUMBERS.items() if row[name] is not None}
    found = Judgement(**told, cues=tuple(row["cues"].split(",")) if row["cues"] else ())
    return found if identifier(*found.key) == row["group_id"] else replace(found, tool_id=row["group_id"])
