"""The rules of judgements: whether a delivered batch can be trusted, and whether its raters agree, work honestly, and judge as before.

What contradicts itself or the catalogue refuses a batch; disagreement, haste and drift are told, for people to decide. Floors are those of
emotion in films (honest raters reach an alpha of 0.28 to 0.6), and how much labels may drift is what films differ by anyway.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from corpus import statistics
from corpus.annotations.agreement import products
from corpus.annotations.decisions import Example
from corpus.annotations.judgements import label_codes
from corpus.annotations.reliability import nominal_alpha_interval
from corpus.annotations.spam import rate_raters
from corpus.annotations.vocabulary import canonical
from corpus.films.media.damage import clock
from corpus.terms import EMOTIONS
from quality.findings import Finding, rows_where

SPAN = ["film_id", "unit_id", "start_ms", "end_ms", "character_id", "perspective"]
"""What a rater judged, where no tool names it."""

JUDGED = [*SPAN, "annotator_id", "label", "lead_time_ms", "created_at"]

DRAWS = 1000

WORST = 10
"""How many of the worst places are told."""


def judgements_present(table: pd.DataFrame, traces: pd.DataFrame) -> Finding:
    """There is a judgement or a sample of a trace; Great Expectations passes empty tables elsewhere."""
    return Finding(len(table) + len(traces) > 0, f"{len(table)} rows, {traces['trace_id'].nunique()} traces")


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


def judgement_unique(table: pd.DataFrame) -> Finding:
    """Rater, pass, span, person, perspective, dimension, label and rank do not repeat: each of several emotions may have its own values."""
    named = table["label"].where(table["label"].notna(), table["label_raw"])
    key = table[[*SPAN, "annotator_id", "pass_no", "dimension", "rank"]].assign(named=named)
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


class _Latest:
    """The judged rows of the table that was asked for last: most rules of a suite begin with them."""

    def __init__(self) -> None:
        self._table: weakref.ref[pd.DataFrame] | None = None
        self._judged = pd.DataFrame()

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """Category rows with an `item`, the span judged; not to be written to."""
        if self._table is None or self._table() is not table:
            judged = table.loc[(table["dimension"] == "category") & table["label"].isin(EMOTIONS), JUDGED]
            self._judged, self._table = judged.assign(item=_items(judged)), weakref.ref(table, self._forget)
        return self._judged

    def _forget(self, table: object) -> None:
        if table is self._table:
            self._table, self._judged = None, pd.DataFrame()


def _items(judged: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Number of each row's span, from 0 in order of appearance."""
    item = np.zeros(len(judged), dtype=np.int64)
    for name in SPAN:
        codes = pd.factorize(judged[name], use_na_sentinel=False)[0]
        # Numbered anew after each column, so that their product never overflows.
        item = pd.factorize(item * (codes.max(initial=0) + 1) + codes)[0].astype(np.int64)
    return item


_categories = _Latest().of


def rater_coverage(table: pd.DataFrame, least: int) -> Finding:
    """Every span judged has at least `least` raters; a delivery of a single rater is not measured."""
    judged = _categories(table)
    if judged["annotator_id"].nunique() < 2:
        return Finding(True, "one rater delivers alone: coverage shows in the gold labels")
    raters = judged.groupby("item")["annotator_id"].nunique()
    thin = int((raters < least).sum())
    return Finding(thin == 0, f"{thin} of {len(raters)} spans have fewer than {least} raters")


def agreement_floor(table: pd.DataFrame, floor: float, minimum_items: int) -> Finding:
    """Nominal alpha reaches `floor`, where at least `minimum_items` spans have two raters; with its interval by film."""
    found = _agreement(_categories(table), minimum_items)
    if not found:
        return Finding(True, f"fewer than {minimum_items} spans have two raters: too few to measure")
    return Finding(not found["alpha"] < floor, f"alpha {found['alpha']:.3f} over {found['spans']:.0f} spans", figures=found)


def _agreement(judged: pd.DataFrame, minimum_items: int) -> dict[str, float]:
    """Nominal alpha with its 95 % interval by film (where there are several), and the number of spans with two raters."""
    items = judged["item"].to_numpy(np.int64)
    counts = statistics.label_counts(items, label_codes(judged), int(items.max(initial=-1)) + 1, len(EMOTIONS))
    pairable = counts.sum(axis=1) >= 2
    if pairable.sum() < minimum_items:
        return {}
    film = judged.drop_duplicates("item").sort_values("item")["film_id"].to_numpy()[pairable]
    counts = counts[pairable]
    alpha = statistics.nominal_alpha(counts)
    found = {"spans": float(len(counts))} | ({"alpha": alpha} if np.isfinite(alpha) else {})
    interval = nominal_alpha_interval(counts, film)
    return found | ({"alpha_low": interval[0], "alpha_high": interval[1]} if interval and found else {})


def agreement_kept(table: pd.DataFrame, before: dict[str, float], most: float, minimum_items: int) -> Finding:
    """Nominal alpha is not more than `most` below that of the batch accepted last, and its interval by film lies below it.

    `before` holds the figures of `agreement_floor` then; it is empty where nothing was accepted or measured.
    """
    now = _agreement(_categories(table), minimum_items)
    if not now or "alpha" not in before:
        return Finding(True, "nothing to hold it against" if now else "too few spans to measure", figures=now)
    drop = before["alpha"] - now["alpha"]
    surely = now.get("alpha_high", now["alpha"]) < before["alpha"]
    return Finding(not (drop > most and surely), f"alpha {now['alpha']:.3f}, {before['alpha']:.3f} before", figures={**now, "drop": drop})


def labels_as_before(table: pd.DataFrame, reference: pd.DataFrame, minimum_films: int, quantile: float) -> Finding:
    """No film's labels differ more from those accepted before than films differ among themselves.

    `reference` (n_films, 7) counts the accepted labels of each film, by film id. For each film of the batch the divergence (JSD, bits) of
    its label shares from the reference is held against the `quantile` of what films of the reference reach against the others, each drawn
    with as many labels as the film has: nature and chance together. Below `minimum_films` films nothing is measured.
    """
    own = label_counts_by_film(table)
    if len(reference) < minimum_films or own.empty:
        return Finding(True, f"{len(reference)} films accepted before: too few to measure" if len(own) else "no emotions judged")
    whole = reference.to_numpy(np.float64)
    overall = whole.sum(axis=0) / whole.sum()
    found = {str(film_id): float(statistics.jensen_shannon_bits(counts / counts.sum(), overall)) for film_id, counts in _rows(own)}
    bounds = {str(film_id): _natural_divergence(whole, int(counts.sum()), quantile) for film_id, counts in _rows(own)}
    far = sorted((film_id for film_id in found if found[film_id] > bounds[film_id]), key=lambda film_id: bounds[film_id] - found[film_id])
    worst = tuple(Example(film_id, f"{found[film_id]:.3f} bits, {bounds[film_id]:.3f} are usual") for film_id in far[:WORST])
    told = (
        f"{len(far)} of {len(found)} films differ more than films do: {', '.join(far[:5])}" if far else f"{len(found)} films, none unusual"
    )
    return Finding(not far, told, figures={"largest_bits": max(found.values())}, worst=worst)


def _rows(counts: pd.DataFrame) -> list[tuple[object, np.ndarray]]:
    return list(zip(counts.index, counts.to_numpy(np.float64), strict=True))


def label_counts_by_film(table: pd.DataFrame) -> pd.DataFrame:
    """How often each emotion was given, (n_films, 7), by film id."""
    judged = table[(table["dimension"] == "category") & table["label"].isin(EMOTIONS)]
    return pd.crosstab(judged["film_id"], judged["label"]).reindex(columns=list(EMOTIONS), fill_value=0)


def _natural_divergence(whole: np.ndarray, n: int, quantile: float) -> float:
    """The `quantile` of the divergence of a film drawn from `whole` (n_films, 7), its labels drawn `n` times, from the other films."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(whole), size=DRAWS)
    others = whole.sum(axis=0) - whole[drawn]
    shares = whole[drawn] / whole[drawn].sum(axis=1, keepdims=True)
    sampled = rng.multinomial(n, shares) / n
    return float(np.quantile(statistics.jensen_shannon_bits(sampled, others / others.sum(axis=1, keepdims=True)), quantile))


def classes_covered(table: pd.DataFrame, minimum_labels: int) -> Finding:
    """Every emotion was given at least once, where the batch is large enough to expect it."""
    counts = label_counts_by_film(table).sum()
    absent = [emotion for emotion in EMOTIONS if not counts.get(emotion, 0)]
    if counts.sum() < minimum_labels:
        return Finding(True, f"{int(counts.sum())} labels: too few to expect every emotion")
    return Finding(not absent, f"never given: {', '.join(absent)}" if absent else "all seven given")


def traces_steady(table: pd.DataFrame, traces: pd.DataFrame, first_ms: int, gap_ms: int, flat_ms: int) -> Finding:
    """Traces begin within `first_ms`, have no gap above `gap_ms` and are never the same for longer than `flat_ms`.

    Source: the checks of ANNEMO (Ringeval et al., EmoSPACE 2013) for the first two.
    """
    told: list[Example] = []
    for trace_id, samples in traces.groupby("trace_id", sort=True):
        where = f"{samples['film_id'].iloc[0]}, {samples['dimension'].iloc[0]} of {samples['annotator_id'].iloc[0]} ({str(trace_id)[:8]})"
        told += [Example(where, what) for what in _unsteady(samples, first_ms, gap_ms, flat_ms)]
    n = traces["trace_id"].nunique()
    return Finding(not told, f"{len(told)} faults in {n} traces" if told else f"{n} traces, all steady", worst=tuple(told[:WORST]))


def _unsteady(samples: pd.DataFrame, first_ms: int, gap_ms: int, flat_ms: int) -> Iterator[str]:
    t_ms, value = samples["t_ms"].to_numpy(np.int64), samples["value_raw"].to_numpy(np.float64)
    if t_ms[0] > first_ms:
        yield f"begins at {clock(int(t_ms[0]))}"
    gaps = np.diff(t_ms)
    if len(gaps) and gaps.max() > gap_ms:
        yield f"nothing for {gaps.max() / 1000:.1f} s from {clock(int(t_ms[gaps.argmax()]))}"
    changes = np.flatnonzero(np.diff(value)) + 1
    begins, ends = np.concatenate([[0], changes]), np.concatenate([changes, [len(t_ms)]]) - 1
    lasting = t_ms[ends] - t_ms[begins]
    if lasting.max() > flat_ms:
        yield f"the same for {lasting.max() / 1000:.0f} s from {clock(int(t_ms[begins[lasting.argmax()]]))}"


def raters_not_spam(table: pd.DataFrame) -> Finding:
    """No rater breaks the rules of corpus.annotations.spam; those who do are named with the reason."""
    judged = _categories(table).sort_values(["created_at"], kind="stable")
    raters = rate_raters(judged[["item", "annotator_id", "label", "lead_time_ms"]])
    flagged = raters[raters["flagged"].astype(bool)]
    told = "; ".join(f"{row.annotator_id} {row.reason}" for row in flagged.itertuples())
    return Finding(flagged.empty, told or f"{len(raters)} raters, none flagged")


def raters_independent(table: pd.DataFrame, most: float, minimum_items: int) -> Finding:
    """No pair of raters gives the same label on more than the share `most` of at least `minimum_items` shared spans.

    The shared spans must be half of what one of them judged: of raters who mark spans freely only copies share so many, and on the few
    that others share by chance they agree anyway.
    """
    judged = _categories(table).drop_duplicates(["item", "annotator_id"])
    if judged.empty:
        return Finding(True, "no emotions judged")
    rater, names = pd.factorize(judged["annotator_id"], sort=True)
    shared, same = _pairs(rater, judged["item"].to_numpy(np.int64), label_codes(judged))
    judged_by = shared.diagonal()
    enough = (shared >= minimum_items) & (shared >= 0.5 * np.minimum(judged_by[:, None], judged_by))
    share = np.divide(same, shared, out=np.zeros_like(same), where=enough)
    alike = np.argwhere(np.triu(share, k=1) > most)
    pairs = [f"{names[a]} and {names[b]} {share[a, b]:.0%}" for a, b in alike]
    more = f" and {len(pairs) - 10} pairs more" if len(pairs) > 10 else ""
    return Finding(not pairs, f"same answers: {'; '.join(pairs[:10])}{more}" if pairs else "no two raters alike")


def _pairs(rater: np.ndarray, item: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each pair of raters, how many items both judged and on how many they gave the same label (n_raters, n_raters)."""
    n_raters, n_items = int(rater.max()) + 1, int(item.max()) + 1
    judged = rater * n_items + item
    return products(judged, n_raters, n_items), products(judged * len(EMOTIONS) + label, n_raters, n_items * len(EMOTIONS))


def note_printable(table: pd.DataFrame) -> Finding:
    """Notes hold no control characters but line ends and tabs."""
    broken = table["note"].astype("str").str.contains(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", regex=True, na=False)
    return rows_where(broken, "notes with control characters")
