"""Tells one annotation of Label Studio that was delivered twice, so that nobody counts twice.

The export JSON knows a judgement again by its region's id, JSON_MIN has none and knows it by its span; delivered in both forms the same
judgement has two ids. What both forms hold is the annotation: its task's number, its own, and the instant at which it was made. Every
export holds an annotation whole, so the later one stands for all of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pandas as pd

from corpus.annotations.importers.label_studio import TOOL
from corpus.annotations.judgements import Judgement

REFERENCE = re.compile(r"(?:(?P<file>file \d+), )?(?P<annotation>task [A-Za-z0-9_-]+, annotation [A-Za-z0-9_-]+), ")
"""How a `source_ref` begins where the tool numbered task and annotation."""

_KEY = ["film_id", "annotation", "created_at"]


def of_older_exports(united: pd.DataFrame) -> pd.Series:
    """Which rows of accepted batches are of an annotation that another batch holds in a later export.

    `united` holds ANNOTATIONS and `order`, the place of the batch in order of delivery. Later is the export of an annotation that was
    changed last, and of equally old ones the one delivered last. Annotations without a time of making are never taken for one another.
    """
    rows = united.loc[united["source_tool"].str.contains(TOOL, regex=False), ["film_id", "created_at", "updated_at", "source_ref", "order"]]
    rows["annotation"] = rows["source_ref"].str.extract(REFERENCE)["annotation"]
    rows = rows.dropna(subset=_KEY)
    rows["changed"] = rows["updated_at"].fillna(rows["created_at"])
    last = rows.sort_values(["changed", "order"], kind="stable").drop_duplicates(_KEY, keep="last")[[*_KEY, "order"]]
    kept = rows[_KEY].merge(last, on=_KEY, how="left")["order"].to_numpy()
    return (rows["order"] != kept).reindex(united.index, fill_value=False)


@dataclass
class Exports:
    """The files of one delivery by the annotations that they hold: JSON, whose regions have ids, or JSON_MIN."""

    _seen: dict[tuple[str, ...], tuple[str, bool]] = field(default_factory=dict)

    def other(self, judgement: Judgement) -> str | None:
        """The file of the delivery that holds the annotation of `judgement` in the other form, if one was met before."""
        found = REFERENCE.match(judgement.source_ref)
        if found is None or found["file"] is None or judgement.created_at is None:
            return None
        key = (judgement.film_id, found["annotation"], judgement.created_at)
        file, has_ids = self._seen.setdefault(key, (found["file"], judgement.tool_id is not None))
        return file if file != found["file"] and has_ids != (judgement.tool_id is not None) else None
