"""Gold labels from several raters: the smoothed vote share of each unit, spam left out, the doubt kept.

A judgement counts for a unit when it covers half of the unit or lies within it, and when it is about the unit's speaker where both name a
person. Each rater has one vote a unit, shared among the emotions given; flagged raters weigh nothing, with the reason recorded. The
posteriors of rater models are badly over-confident (calibration error 0.33 against 0.13 for the vote share), so the share is the label;
one model finds the spam, and what another makes of everybody's confusions is named beside the share.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from corpus import statistics
from corpus.annotations.delay import GLOBAL_LAG_MS, lags_ms, unit_values
from corpus.annotations.judgements import label_codes
from corpus.annotations.reliability import nominal_alpha_interval
from corpus.annotations.spam import rate_raters
from corpus.contracts import ANNOTATIONS, GOLD_LABELS, RATERS, TRACES, UNITS, VOTES
from corpus.paths import write_json
from corpus.statistics import FloatArray, IntArray
from corpus.terms import EMOTIONS, MINIMUM_RATERS, PROBABILITY_COLUMNS, GoldStatus, UnitLevel

MINIMUM_TOP_SHARE = 0.5
MINIMUM_MODELLED = 50
"""Units with enough raters that a fit of everybody's confusions takes; on fewer it names noise."""
COVERED_SHARE = 0.5
TIE = 1e-9
SCALES = ("intensity", "valence", "arousal")
COUNTED = ("submitted", "adjudicated")
"""Judgements of these statuses count; what a rater skipped or a reviewer rejected does not."""


@dataclass(frozen=True)
class GoldSummary:
    """How many judgements found a unit, what became of the units, and who was flagged."""

    judgements: int
    placed: int
    about_others: int
    units: int
    by_status: dict[str, int]
    by_label: dict[str, int]
    raters: int
    flagged: dict[str, str]
    alpha: dict[str, float | None]
    human_ceiling: float | None
    missing: str | None


@dataclass(frozen=True)
class Agreement:
    """How far the raters agree, over the units of `level`.

    `alpha` is Krippendorff's by dimension (nominal for category, interval else) over all raters, `alpha_unflagged` without the flagged;
    `alpha_by_emotion` that emotion against the rest. `human_ceiling` is the share of unflagged votes that hit the mode of the other
    raters, `noise_floor_bits` the JSD between the shares of two halves of the raters.
    """

    level: str
    units: int
    n_raters: int
    n_judgements: int
    alpha: dict[str, float | None]
    alpha_unflagged: dict[str, float | None]
    alpha_by_emotion: dict[str, float | None]
    alpha_by_film: dict[str, float | None]
    alpha_interval: tuple[float, float] | None
    human_ceiling: float | None
    noise_floor_bits: float | None
    flagged: dict[str, str]


@dataclass(frozen=True)
class GoldTables:
    """What people's judgements come to: GOLD_LABELS, VOTES and RATERS, how far the raters agree, and the summary."""

    gold: pd.DataFrame
    votes: pd.DataFrame
    raters: pd.DataFrame
    agreement: Agreement
    summary: GoldSummary


def build_gold(annotations_dir: Path, units_paths: dict[str, Path], out: Path, global_lag_ms: int = GLOBAL_LAG_MS) -> GoldSummary:
    """Make gold from annotations.parquet, traces.parquet and each film's units.parquet (film_id -> path).

    Writes gold.parquet (GOLD_LABELS; units that nobody judged are not in it), votes.parquet (VOTES), raters.parquet (RATERS),
    agreement.json (Agreement) and summary.json.
    """
    annotations = ANNOTATIONS.read(annotations_dir / "annotations.parquet")
    traces = TRACES.read(annotations_dir / "traces.parquet")
    tables = [UNITS.read(path) for _, path in sorted(units_paths.items())]
    made = make_gold(annotations, traces, pd.concat(tables, ignore_index=True) if tables else UNITS.empty(), global_lag_ms)
    VOTES.write(made.votes, out / "votes.parquet")
    GOLD_LABELS.write(made.gold, out / "gold.parquet")
    RATERS.write(made.raters, out / "raters.parquet")
    write_json(out / "agreement.json", dataclasses.asdict(made.agreement))
    write_json(out / "summary.json", dataclasses.asdict(made.summary))
    return made.summary


def make_gold(annotations: pd.DataFrame, traces: pd.DataFrame, units: pd.DataFrame, global_lag_ms: int = GLOBAL_LAG_MS) -> GoldTables:
    """Gold of `units` from the tables ANNOTATIONS and TRACES; `global_lag_ms` is how far continuous traces lag behind the film."""
    annotations = annotations[annotations["status"].isin(COUNTED)]
    placed, about_others = place(annotations, units)
    categories = placed[(placed["dimension"] == "category") & placed["label"].notna()]
    raters = rate_raters(_rated(categories).rename(columns={"unit_key": "item"}))
    weights = raters.set_index("annotator_id")["weight"].astype("float64")
    judged = pd.concat([placed, _from_traces(traces, units, global_lag_ms)], ignore_index=True)
    votes, gold = _votes(categories, placed, weights), _gold(categories, judged, weights)
    agreement = measure_agreement(placed, raters)
    summary = _summary(annotations, placed, about_others, gold, raters, agreement, len(judged))
    return GoldTables(gold, votes, raters, agreement, summary)


def _from_traces(traces: pd.DataFrame, units: pd.DataFrame, global_lag_ms: int) -> pd.DataFrame:
    """The values that units get from continuous traces, as placed judgements."""
    values = unit_values(traces, units, lags_ms(traces, global_lag_ms))
    return values.assign(unit_key=values["unit_id"] + "|" + values["perspective"])


def place(annotations: pd.DataFrame, units: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Each row of ANNOTATIONS beside each unit that it counts for, and how many groups were about another person than the speaker.

    Adds unit_id, level and unit_key (unit and perspective); the order is that of film, unit, then judging.
    """
    spans = annotations.drop_duplicates("group_id")[["group_id", "film_id", "unit_id", "start_ms", "end_ms", "character_id"]]
    pairs = pd.concat([_pairs_by_name(spans, units), _pairs_by_time(spans, units)], ignore_index=True)
    others = _is_about_another(pairs, spans, units)
    kept = pairs.loc[~others, ["group_id", "unit_id"]].drop_duplicates()
    unit_facts = units[["unit_id", "level"]].assign(unit_order=np.arange(len(units)))
    placed = annotations.drop(columns="unit_id").merge(kept, on="group_id").merge(unit_facts, on="unit_id")
    placed["unit_key"] = placed["unit_id"] + "|" + placed["perspective"]
    placed = placed.sort_values(["unit_order", "created_at", "annotation_id"], kind="stable", ignore_index=True)
    return placed, int(pairs.loc[others, "group_id"].nunique())


def _pairs_by_name(spans: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    named = spans[spans["unit_id"].isin(units["unit_id"])]
    facts = units[["unit_id", "character_id", "level"]].rename(columns={"character_id": "speaker"})
    return named[["group_id", "film_id", "unit_id", "character_id"]].merge(facts, on="unit_id")


def _pairs_by_time(spans: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    timed = spans[spans["start_ms"].notna() & ~spans["unit_id"].isin(units["unit_id"])]
    by_film = dict(iter(units[units["start_ms"].notna()].groupby("film_id")))
    found = [_film_pairs(group, by_film[film_id]) for film_id, group in timed.groupby("film_id") if film_id in by_film]
    columns = ["group_id", "film_id", "unit_id", "character_id", "speaker", "level"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def _film_pairs(spans: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """All pairs of one film's spans and units that count; compared once per distinct span."""
    # A point in time counts for what stands around it.
    times = spans[["start_ms"]].assign(end_ms=spans["end_ms"].fillna(spans["start_ms"] + 1))
    distinct, index = np.unique(times.to_numpy(np.float64), axis=0, return_inverse=True)
    counts = counts_for(distinct[:, 0], distinct[:, 1], units["start_ms"].to_numpy(np.float64), units["end_ms"].to_numpy(np.float64))
    row, unit = np.nonzero(counts[index.reshape(-1)])
    left = spans[["group_id", "film_id", "character_id"]].iloc[row].reset_index(drop=True)
    right = units[["unit_id", "character_id", "level"]].iloc[unit].reset_index(drop=True)
    return pd.concat([left, right.rename(columns={"character_id": "speaker"})], axis=1)


def counts_for(start: FloatArray, end: FloatArray, unit_start: FloatArray, unit_end: FloatArray) -> np.ndarray:
    """Whether each span (rows) counts for each unit (columns): it covers half of the unit, or lies within it."""
    overlap = np.minimum(end[:, None], unit_end) - np.maximum(start[:, None], unit_start)
    covers = overlap >= COVERED_SHARE * (unit_end - unit_start)
    within = (start[:, None] >= unit_start) & (end[:, None] <= unit_end)
    return (overlap > 0) & (covers | within)


def _is_about_another(pairs: pd.DataFrame, spans: pd.DataFrame, units: pd.DataFrame) -> pd.Series:
    """Pairs where rater and screenplay name different people, in films where their names can be compared (they share at least one)."""
    judged = spans["film_id"] + "/" + _slugs(spans["character_id"])
    spoken = units["film_id"] + "/" + _slugs(units["character_id"])
    comparable = {name.split("/")[0] for name in set(judged.dropna()) & set(spoken.dropna())}
    about, speaker = _slugs(pairs["character_id"]), _slugs(pairs["speaker"])
    named = about.notna() & speaker.notna() & pairs["film_id"].isin(comparable)
    return named & (about != speaker) & (pairs["level"] == UnitLevel.UTTERANCE)


def _slugs(names: pd.Series) -> pd.Series:
    return names.map(lambda name: re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-"), na_action="ignore").astype("str")


def _one_level(placed: pd.DataFrame) -> pd.DataFrame:
    """The finest level that was judged: lines or spans, else scenes; a scene's votes repeat those of its lines."""
    fine = placed[placed["level"] != UnitLevel.SCENE]
    return fine if len(fine) else placed


def _rated(categories: pd.DataFrame) -> pd.DataFrame:
    """The votes by which each rater is rated: those on the finest level, and of whoever has none there those on scenes."""
    fine = _one_level(categories)
    return pd.concat([fine, categories[~categories["annotator_id"].isin(fine["annotator_id"])]])


def _votes(categories: pd.DataFrame, placed: pd.DataFrame, weights: pd.Series) -> pd.DataFrame:
    intensity = placed[placed["dimension"] == "intensity"].drop_duplicates(["unit_key", "group_id", "label"])
    intensity = intensity[["unit_key", "group_id", "label", "value"]].rename(columns={"value": "intensity"})
    votes = categories.drop_duplicates(["unit_key", "group_id", "label"]).merge(intensity, on=["unit_key", "group_id", "label"], how="left")
    votes["weight"] = votes["annotator_id"].map(weights).astype("float64") / votes.groupby(["unit_key", "annotator_id"])["label"].transform(
        "size"
    )
    return votes[VOTES.names]


def _gold(categories: pd.DataFrame, judged: pd.DataFrame, weights: pd.Series) -> pd.DataFrame:
    facts = judged.drop_duplicates("unit_key")[["unit_key", "unit_id", "film_id", "perspective"]].reset_index(drop=True)
    if facts.empty:
        return GOLD_LABELS.empty()
    keys = pd.Index(facts["unit_key"])
    shares, n_raters = _vote_shares(categories, keys.get_indexer(categories["unit_key"]).astype(np.int64), len(keys), weights)
    smoothed = statistics.smoothed_shares(shares * n_raters[:, None])
    status = _status(shares, n_raters)
    facts["status"] = status
    facts["label"] = np.where(status == GoldStatus.GOLD, np.array(EMOTIONS)[shares.argmax(axis=1)], None)
    facts[list(PROBABILITY_COLUMNS)] = smoothed
    facts["rater_model_label"] = _rater_model_labels(_one_level(categories), keys, n_raters, weights)
    facts["n_raters"] = n_raters
    facts["top_share"] = np.where(n_raters > 0, shares.max(axis=1), 0.0)
    facts["entropy_bits"] = statistics.entropy_bits(smoothed)
    for scale in SCALES:
        facts[scale] = _scale_means(judged[judged["dimension"] == scale], keys, weights)
    return facts[GOLD_LABELS.names]


def _rater_model_labels(categories: pd.DataFrame, keys: pd.Index, n_raters: IntArray, weights: pd.Series) -> np.ndarray:
    """What pooled Dawid-Skene names for each unit with enough raters; None everywhere where too few units have them for a fit."""
    labels = np.full(len(keys), None, dtype=object)
    counted = categories[categories["annotator_id"].map(weights).to_numpy(np.float64) > 0]
    named = keys.get_indexer(counted["unit_key"])
    counted, named = counted[n_raters[named] >= MINIMUM_RATERS], named[n_raters[named] >= MINIMUM_RATERS]
    place, item = np.unique(named, return_inverse=True)
    if len(place) < MINIMUM_MODELLED:
        return labels
    part = 1 / counted.groupby(["unit_key", "annotator_id"])["label"].transform("size").to_numpy(np.float64)
    rater = pd.factorize(counted["annotator_id"], sort=True)[0].astype(np.int64)
    fitted = statistics.dawid_skene(item.astype(np.int64), rater, label_codes(counted), len(EMOTIONS), part)
    labels[place] = np.array(EMOTIONS, dtype=object)[fitted.argmax(axis=1)]
    return labels


def _vote_shares(categories: pd.DataFrame, item: IntArray, n_items: int, weights: pd.Series) -> tuple[FloatArray, IntArray]:
    """Weighted vote share per unit (n_items, 7), 0 where no vote counts, and the number of raters whose vote counts."""
    weight = categories["annotator_id"].map(weights).to_numpy(np.float64)
    share = weight / categories.groupby(["unit_key", "annotator_id"])["label"].transform("size").to_numpy(np.float64)
    counts = statistics.label_counts(item, label_codes(categories), n_items, len(EMOTIONS), share)
    voting = categories.assign(item=item)[weight > 0].drop_duplicates(["item", "annotator_id"])["item"].to_numpy(np.int64)
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    return shares, np.bincount(voting, minlength=n_items).astype(np.int64)


def _status(shares: FloatArray, n_raters: IntArray) -> np.ndarray:
    ranked = np.sort(shares, axis=1)
    unclear = (ranked[:, -1] < MINIMUM_TOP_SHARE - TIE) | (ranked[:, -1] - ranked[:, -2] < TIE)
    status = np.where(unclear, GoldStatus.AMBIGUOUS.value, GoldStatus.GOLD.value)
    return np.where(n_raters < MINIMUM_RATERS, GoldStatus.INSUFFICIENT.value, status)


def _scale_means(judged: pd.DataFrame, keys: pd.Index, weights: pd.Series) -> FloatArray:
    """Evaluator-weighted mean per unit in the order of `keys`, NaN where nobody judged.

    Weighted by each rater's correlation with the others; where no weight is left, the plain mean.
    """
    judged = judged[judged["value"].notna() & judged["unit_key"].isin(keys)]
    if judged.empty:
        return np.full(len(keys), np.nan)
    means = judged.groupby(["unit_key", "annotator_id"], as_index=False)["value"].mean()
    item = keys.get_indexer(means["unit_key"]).astype(np.int64)
    rater, names = pd.factorize(means["annotator_id"], sort=True)
    value = means["value"].to_numpy(np.float64)
    trust = statistics.evaluator_weights(item, rater.astype(np.int64), value) * weights.reindex(names).fillna(1.0).to_numpy()
    sums, totals = (np.bincount(item, trust[rater] * factor, len(keys)) for factor in (value, np.ones_like(value)))
    plain = np.bincount(item, value, len(keys)) / np.maximum(np.bincount(item, minlength=len(keys)), 1)
    judged_at_all = np.bincount(item, minlength=len(keys)) > 0
    weighted = np.divide(sums, totals, out=plain.copy(), where=totals > TIE)
    return np.where(judged_at_all, weighted, np.nan)


def measure_agreement(placed: pd.DataFrame, raters: pd.DataFrame) -> Agreement:
    """Agreement over the finest level judged, from the placed judgements and the table RATERS."""
    level = _one_level(placed)
    categories = level[(level["dimension"] == "category") & level["label"].notna()]
    trusted = set(raters.loc[~raters["flagged"].astype(bool), "annotator_id"])
    honest, honest_votes = level[level["annotator_id"].isin(trusted)], categories[categories["annotator_id"].isin(trusted)]
    flagged = raters[raters["flagged"].astype(bool)]
    return Agreement(
        level=",".join(sorted(level["level"].unique())),
        units=int(categories["unit_key"].nunique()),
        n_raters=int(categories["annotator_id"].nunique()),
        n_judgements=len(categories),
        alpha={"category": _nominal(categories), **_scales(level)},
        alpha_unflagged={"category": _nominal(honest_votes), **_scales(honest)},
        alpha_by_emotion={emotion: _nominal(honest_votes, emotion) for emotion in EMOTIONS},
        alpha_by_film={str(film): _nominal(votes) for film, votes in honest_votes.groupby("film_id")},
        alpha_interval=_alpha_interval(honest_votes),
        human_ceiling=_ceiling(honest_votes),
        noise_floor_bits=_noise_floor(honest_votes),
        flagged=dict(zip(flagged["annotator_id"], flagged["reason"], strict=True)),
    )


def _counts(categories: pd.DataFrame) -> FloatArray:
    item, keys = pd.factorize(categories["unit_key"])
    return statistics.label_counts(item.astype(np.int64), label_codes(categories), len(keys), len(EMOTIONS))


def _nominal(categories: pd.DataFrame, emotion: str | None = None) -> float | None:
    counts = _counts(categories)
    if emotion is not None:
        chosen = counts[:, [EMOTIONS.index(emotion)]]
        counts = np.hstack([chosen, counts.sum(axis=1, keepdims=True) - chosen])
    return _finite(statistics.nominal_alpha(counts))


def _scales(level: pd.DataFrame) -> dict[str, float | None]:
    found = {}
    for scale in SCALES:
        judged = level[(level["dimension"] == scale) & level["value"].notna()]
        if len(judged):
            item = pd.factorize(judged["unit_key"])[0].astype(np.int64)
            found[scale] = _finite(statistics.interval_alpha(item, judged["value"].to_numpy(np.float64)))
    return found


def _alpha_interval(categories: pd.DataFrame) -> tuple[float, float] | None:
    """95 % interval of the unflagged raters' category alpha, by film."""
    counts = _counts(categories)
    films = categories.drop_duplicates("unit_key")["film_id"].to_numpy(dtype=object).astype(str)
    interval = nominal_alpha_interval(counts, films)
    return None if interval is None else (round(interval[0], 6), round(interval[1], 6))


def _ceiling(categories: pd.DataFrame) -> float | None:
    item, rater = (pd.factorize(categories[name])[0].astype(np.int64) for name in ("unit_key", "annotator_id"))
    return _finite(statistics.leave_one_rater_out(item, rater, label_codes(categories), len(EMOTIONS)).overall)


def _noise_floor(categories: pd.DataFrame) -> float | None:
    item = pd.factorize(categories["unit_key"])[0].astype(np.int64)
    return _finite(statistics.split_half_noise_bits(item, label_codes(categories), len(EMOTIONS)))


def _finite(figure: float) -> float | None:
    return None if np.isnan(figure) else round(float(figure), 6)


def _summary(
    annotations: pd.DataFrame,
    placed: pd.DataFrame,
    about_others: int,
    gold: pd.DataFrame,
    raters: pd.DataFrame,
    agreement: Agreement,
    n_placed: int,
) -> GoldSummary:
    return GoldSummary(
        judgements=int(annotations["group_id"].nunique()),
        placed=int(placed["group_id"].nunique()),
        about_others=about_others,
        units=len(gold),
        by_status={status.value: int((gold["status"] == status.value).sum()) for status in GoldStatus},
        by_label={emotion: int((gold["label"] == emotion).sum()) for emotion in EMOTIONS},
        raters=len(raters),
        flagged=agreement.flagged,
        alpha=agreement.alpha_unflagged,
        human_ceiling=agreement.human_ceiling,
        missing=None if n_placed else "no judgement lies on a unit of these films",
    )
