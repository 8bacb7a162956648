"""The rules that tables of any kind share, and those of dialogue and features, as plain functions on tables.

Each rule takes a table and its parameters and returns a finding: whether it holds, which rows break it, and one observation in words.
Great Expectations runs them as custom expectations; a test or a notebook calls them directly.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from quality.findings import Finding, rows_where


def file_readable(table: pd.DataFrame, fault: str | None) -> Finding:
    """The importer could read the file."""
    return Finding(fault is None, fault or "read")


def interval_ordered(table: pd.DataFrame) -> Finding:
    """0 <= start < end, or a point that only starts; rows without times need a unit."""
    started, ended = table["start_ms"].notna(), table["end_ms"].notna()
    named = table["unit_id"].notna() if "unit_id" in table else pd.Series(False, index=table.index)
    backwards = ended & ~((table["start_ms"] >= 0) & (table["end_ms"] > table["start_ms"]))
    broken = (started & (table["start_ms"] < 0)) | backwards | (~started & ~named)
    return rows_where(broken, "spans that do not end after they start")


def interval_inside_film(table: pd.DataFrame, film_durations: dict[str, int | None], tolerance_ms: int) -> Finding:
    """The span ends at most `tolerance_ms` after the film, where that was measured."""
    beyond = table["end_ms"].fillna(table["start_ms"]) - table["film_id"].map(film_durations).astype("float64")
    broken = (beyond > tolerance_ms).to_numpy(dtype=bool, na_value=False)
    if not broken.any():
        return Finding(True, "all inside")
    worst = beyond.where(broken).idxmax()
    film_id = table.loc[worst, "film_id"]
    farthest = f"the farthest {int(beyond[worst])} ms after {film_id}, which lasts {film_durations[film_id]} ms"
    return rows_where(broken, f"spans beyond the film's end, {farthest}")


def rows_or_reason(table: pd.DataFrame, missing: str | None) -> Finding:
    """The table has rows, or the stage told why not."""
    if len(table):
        return Finding(True, f"{len(table)} rows")
    return Finding(missing is not None, missing or "no rows, and no reason told")


def columns_present(table: pd.DataFrame, columns: list[str]) -> Finding:
    """Every column of the contract is there."""
    lacking = [column for column in columns if column not in table.columns]
    return Finding(not lacking, f"lacking: {', '.join(lacking)}" if lacking else "all there")


def sync_not_refused(table: pd.DataFrame, verdict: str | None) -> Finding:
    """The subtitles' synchronisation did not end in a refusal."""
    return Finding(verdict != "refused", verdict or "no subtitles")


def text_not_blank(table: pd.DataFrame) -> Finding:
    """Every row says something."""
    return rows_where(table["text"].astype("str").str.strip().fillna("") == "", "blank utterances")


def units_covered(table: pd.DataFrame, unit_ids: list[str]) -> Finding:
    """The rows are exactly the film's units."""
    lacking, foreign = set(unit_ids) - set(table["unit_id"]), set(table["unit_id"]) - set(unit_ids)
    rows = np.flatnonzero(table["unit_id"].isin(foreign)).tolist()
    return Finding(not lacking and not foreign, f"{len(lacking)} units without a row, {len(foreign)} rows without a unit", rows)


def _feature_columns(table: pd.DataFrame) -> list[str]:
    return [column for column in table.columns if column not in ("unit_id", "present")]


def features_finite(table: pd.DataFrame) -> Finding:
    """No feature is infinite."""
    values = table[_feature_columns(table)].to_numpy(np.float64, na_value=np.nan)
    return rows_where(np.isinf(values).any(axis=1) if values.size else np.zeros(len(table)), "units with infinite features")


def modality_present(table: pd.DataFrame, missing: str | None) -> Finding:
    """Some unit has the modality, or the stage told why none has."""
    share = float(table["present"].mean()) if len(table) else 0.0
    return Finding(
        share > 0 or missing is not None, f"present in {share:.0%} of the units" if share else missing or "absent without a reason"
    )


def features_vary(table: pd.DataFrame, minimum_rows: int) -> Finding:
    """Over units that have the modality more than half of the features vary.

    In a short or simple film some are rightly null or the same throughout (no interrobang, no hands in the picture, one shot): they are
    named and do no harm. An extractor that has broken gives the same for nearly all.
    """
    present = table[table["present"].astype(bool)]
    if len(present) < minimum_rows:
        return Finding(True, f"{len(present)} units have the modality: too few to measure")
    columns = _feature_columns(table)
    dull = [column for column in columns if present[column].nunique() < 2]
    more = f" and {len(dull) - 10} more" if len(dull) > 10 else ""
    told = f"{len(dull)} of {len(columns)} do not: {', '.join(dull[:10])}{more}" if dull else "all vary"
    return Finding(2 * len(dull) < len(columns), told)
