"""The rules of film data that no library knows, as plain functions on tables.

Each rule takes a table and its parameters and returns a finding: whether it holds, which rows break it, and one observation in words.
Great Expectations runs them as custom expectations; a test or a notebook calls them directly.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from corpus import statistics
from corpus.annotations.spam import rate_raters
from corpus.annotations.vocabulary import canonical
from corpus.contracts import EMOTIONS
from quality.findings import Finding, Rule, rows_where

SPAN = ["film_id", "unit_id", "start_ms", "end_ms", "character_id", "perspective"]
"""What a rater judged, where no tool names it."""


def file_readable(table: pd.DataFrame, fault: str | None) -> Finding:
    """The importer could read the file."""
    return Finding(fault is None, fault or "read")


def columns_known(table: pd.DataFrame, unknown_columns: list[str]) -> Finding:
    """The delivered file has no column that nobody reads."""
    return Finding(not unknown_columns, f"unknown: {', '.join(unknown_columns)}" if unknown_columns else "all known")


def rows_refused(table: pd.DataFrame, refused: list[dict[str, str]], rows_read: int, most: float) -> Finding:
    """At most the share `most` of the delivered rows was refused."""
    told = "; ".join(f"{row['ref']}: {row['reason']}" for row in refused[:5])
    more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
    observed = f"{len(refused)} of {rows_read} rows refused" + (f" ({told}{more})" if refused else "")
    return Finding(len(refused) <= most * rows_read, observed)


def label_in_vocabulary(table: pd.DataFrame, vocabulary: list[str]) -> Finding:
    """Category rows have a label of the vocabulary; the raw ones that have none are named."""
    broken = (table["dimension"] == "category") & ~table["label"].isin(vocabulary)
    broken[broken] = ~_known_without_place(table[broken])
    raw = sorted({str(label) for label in table.loc[broken, "label_raw"].dropna()})
    return rows_where(broken, f"judgements outside the vocabulary: {', '.join(map(repr, raw[:10]))}", "all in the vocabulary")


def _known_without_place(table: pd.DataFrame) -> pd.Series:
    """Rows whose label its scheme knows, though it is none of the seven."""
    pairs = table[["vocabulary_id", "label_raw"]].drop_duplicates().dropna()
    known = {(scheme, raw) for scheme, raw in pairs.itertuples(index=False) if canonical(raw, scheme).known}
    return pd.Series([pair in known for pair in zip(table["vocabulary_id"], table["label_raw"], strict=True)], index=table.index)


def value_in_scale(table: pd.DataFrame, scales: dict[str, list[float]]) -> Finding:
    """Rows of a scale's dimension have a finite value within its bounds."""
    broken = np.zeros(len(table), dtype=bool)
    value = table["value"].to_numpy(np.float64, na_value=np.nan)
    for dimension, (low, high) in scales.items():
        broken |= (table["dimension"] == dimension).to_numpy() & ~((value >= low) & (value <= high))
    return rows_where(broken, "values outside their scale")


def film_known(table: pd.DataFrame, film_durations: dict[str, int | None]) -> Finding:
    """Every film is among those known."""
    broken = ~table["film_id"].isin(list(film_durations))
    unknown = sorted(table.loc[broken, "film_id"].unique())
    return rows_where(broken, f"rows of films not in the catalogue: {', '.join(unknown[:10])}", "all films known")


def film_measured(table: pd.DataFrame, film_durations: dict[str, int | None]) -> Finding:
    """Every known film has a duration, so that its spans can be held against it."""
    unmeasured = {film_id for film_id, duration in film_durations.items() if duration is None}
    broken = table["film_id"].isin(unmeasured)
    named = sorted(table.loc[broken, "film_id"].unique())
    return rows_where(broken, f"rows of films that could not be scanned: {', '.join(named[:10])}", "all films measured")


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


def judgement_unique(table: pd.DataFrame) -> Finding:
    """Rater, pass, span, person, perspective, dimension and label do not repeat."""
    named = table["label"].where(table["label"].notna(), table["label_raw"])
    key = table[[*SPAN, "annotator_id", "pass_no", "dimension"]].assign(named=named)
    return rows_where(key.duplicated(keep="first"), "judgements repeat an earlier one of the same rater")


def same_label_overlap(table: pd.DataFrame) -> Finding:
    """Spans of one rater, pass, person, perspective and emotion do not overlap; the later one is told."""
    judged = table[(table["dimension"] == "category") & table["start_ms"].notna()]
    key = ["film_id", "annotator_id", "pass_no", "character_id", "perspective", "label"]
    position = pd.Series(np.arange(len(table)), index=table.index)
    ordered = judged.assign(position=position).sort_values([*key, "start_ms", "end_ms"], kind="stable")
    group = ordered.groupby(key, dropna=False, sort=False).ngroup()
    latest = ordered.groupby(group)["end_ms"].cummax().groupby(group).shift()
    overlaps = (ordered["start_ms"] < latest).to_numpy(dtype=bool, na_value=False)
    rows = sorted(ordered.loc[overlaps, "position"].tolist())
    return Finding(not rows, f"{len(rows)} spans overlap one of the same rater, person and emotion" if rows else "none overlap", rows)


def _categories(table: pd.DataFrame) -> pd.DataFrame:
    """Category rows with an `item`, the span judged."""
    judged = table[(table["dimension"] == "category") & table["label"].isin(EMOTIONS)]
    return judged.assign(item=judged.groupby(SPAN, dropna=False, sort=False).ngroup())


def rater_coverage(table: pd.DataFrame, least: int) -> Finding:
    """Every span judged has at least `least` raters; a delivery of a single rater is not measured."""
    judged = _categories(table)
    if judged["annotator_id"].nunique() < 2:
        return Finding(True, "one rater delivers alone: coverage shows in the gold labels")
    raters = judged.groupby("item")["annotator_id"].nunique()
    thin = int((raters < least).sum())
    return Finding(thin == 0, f"{thin} of {len(raters)} spans have fewer than {least} raters")


def agreement_floor(table: pd.DataFrame, floor: float, minimum_items: int) -> Finding:
    """Nominal alpha reaches `floor`, where at least `minimum_items` spans have two raters."""
    judged = _categories(table)
    label = pd.Categorical(judged["label"], categories=EMOTIONS).codes.astype(np.int64)
    items = judged["item"].to_numpy(np.int64)
    counts = statistics.label_counts(items, label, int(items.max(initial=-1)) + 1, len(EMOTIONS))
    pairable = int((counts.sum(axis=1) >= 2).sum())
    if pairable < minimum_items:
        return Finding(True, f"{pairable} spans have two raters: too few to measure")
    alpha = statistics.nominal_alpha(counts)
    return Finding(not alpha < floor, f"alpha {alpha:.3f} over {pairable} spans")


def raters_not_spam(table: pd.DataFrame) -> Finding:
    """No rater breaks the rules of corpus.annotations.spam; those who do are named with the reason."""
    judged = _categories(table).sort_values(["created_at"], kind="stable")
    raters = rate_raters(judged[["item", "annotator_id", "label", "lead_time_ms"]])
    flagged = raters[raters["flagged"].astype(bool)]
    told = "; ".join(f"{row.annotator_id} {row.reason}" for row in flagged.itertuples())
    return Finding(flagged.empty, told or f"{len(raters)} raters, none flagged")


def raters_independent(table: pd.DataFrame, most: float, minimum_items: int) -> Finding:
    """No pair of raters gives the same label on more than the share `most` of at least `minimum_items` shared spans."""
    judged = _categories(table).drop_duplicates(["item", "annotator_id"])
    if judged.empty:
        return Finding(True, "no emotions judged")
    rater, names = pd.factorize(judged["annotator_id"], sort=True)
    labels = pd.Categorical(judged["label"], categories=EMOTIONS).codes
    shared, same = _pairs(rater, judged["item"].to_numpy(np.int64), labels.astype(np.int64))
    share = np.divide(same, shared, out=np.zeros_like(same), where=shared >= minimum_items)
    alike = np.argwhere(np.triu(share, k=1) > most)
    pairs = [f"{names[a]} and {names[b]} {share[a, b]:.0%}" for a, b in alike]
    more = f" and {len(pairs) - 10} pairs more" if len(pairs) > 10 else ""
    return Finding(not pairs, f"same answers: {'; '.join(pairs[:10])}{more}" if pairs else "no two raters alike")


def _pairs(rater: np.ndarray, item: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each pair of raters, how many items both judged and on how many they gave the same label (n_raters, n_raters)."""
    from scipy import sparse

    one = np.ones(len(rater), dtype=np.float64)
    judged = sparse.csr_array((one, (rater, item)))
    labelled = sparse.csr_array((one, (rater, item * len(EMOTIONS) + label)))
    return (judged @ judged.T).toarray(), (labelled @ labelled.T).toarray()


def note_printable(table: pd.DataFrame) -> Finding:
    """Notes hold no control characters but line ends and tabs."""
    broken = table["note"].astype("str").str.contains(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", regex=True, na=False)
    return rows_where(broken, "notes with control characters")


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
    """Over units that have the modality no feature is null throughout or constant."""
    present = table[table["present"].astype(bool)]
    if len(present) < minimum_rows:
        return Finding(True, f"{len(present)} units have the modality: too few to measure")
    dull = [column for column in _feature_columns(table) if present[column].nunique() < 2]
    return Finding(not dull, f"dull: {', '.join(dull[:10])}" if dull else "all vary")


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        file_readable,
        columns_known,
        rows_refused,
        label_in_vocabulary,
        value_in_scale,
        film_known,
        film_measured,
        interval_ordered,
        interval_inside_film,
        judgement_unique,
        same_label_overlap,
        rater_coverage,
        agreement_floor,
        raters_not_spam,
        raters_independent,
        note_printable,
        rows_or_reason,
        columns_present,
        sync_not_refused,
        text_not_blank,
        units_covered,
        features_finite,
        modality_present,
        features_vary,
    )
}
