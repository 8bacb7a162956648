"""How far raters agree beyond chance: the coefficients that the field reports, each from its source.

Krippendorff's alpha takes any number of raters and missing judgements and is what Feelm decides by; Fleiss' kappa and the intraclass
correlations stand beside it because papers give them. Values come in long form, so that a missing judgement is simply not there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from corpus.statistics import FloatArray, IntArray

TINY = 1e-12
TAILS = ((1 - 0.95) / 2, (1 + 0.95) / 2)


@dataclass(frozen=True)
class IntraclassCorrelation:
    """ICC of one judgement and of the mean of `k` (the mean number of judgements an item); NaN where nothing varies.

    One-way random effects, ICC(1,1) and ICC(1,k): any rater may have judged any item, as in Feelm.
    """

    single: float
    average: float
    k: float


def ordinal_alpha(items: IntArray, levels: IntArray, n_levels: int) -> float:
    """Krippendorff's ordinal alpha of levels 0..n_levels-1 in long form; NaN where nothing can be compared.

    The distance between two levels is the share of judgements between them, half of their own included.

    Source: Krippendorff, Content Analysis (2004), ch. 11.
    """
    counts = np.zeros((int(items.max(initial=-1)) + 1, n_levels))
    np.add.at(counts, (items, levels), 1.0)
    votes = counts.sum(axis=1)
    counts, votes = counts[votes >= 2], votes[votes >= 2]
    if not len(counts):
        return float("nan")
    totals = counts.sum(axis=0)
    middle = np.cumsum(totals) - totals / 2
    distance = (middle[:, None] - middle) ** 2
    coincidences = (counts / (votes - 1)[:, None]).T @ counts - np.diag((counts / (votes - 1)[:, None]).sum(axis=0))
    n = totals.sum()
    expected = float(totals @ distance @ totals) / (n - 1)
    return 1 - float((coincidences * distance).sum()) / expected if expected > TINY else float("nan")


def nominal_alpha_interval(counts: FloatArray, clusters: npt.NDArray[np.generic], *, draws: int = 1000) -> tuple[float, float] | None:
    """95 % percentile interval of Krippendorff's nominal alpha under resampling of whole clusters (films).

    `counts` (n_items, n_labels) are votes, `clusters` (n_items,) what each item belongs to. Alpha rests on sums over items, so a drawn
    sample costs as much as there are clusters, however many items they hold. None where there are fewer than two clusters.
    """
    votes = counts.sum(axis=1)
    pairable = votes >= 2
    counts, votes = counts[pairable], votes[pairable]
    names, member = np.unique(clusters[pairable], return_inverse=True)
    if len(names) < 2:
        return None
    disagreement = (votes**2 - (counts**2).sum(axis=1)) / (votes - 1)
    observed = np.bincount(member, disagreement, len(names))
    totals = np.stack([np.bincount(member, counts[:, label], len(names)) for label in range(counts.shape[1])], axis=1)
    times = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws).astype(np.float64)
    drawn_totals, drawn_observed = times @ totals, times @ observed
    n = drawn_totals.sum(axis=1)
    expected = n**2 - (drawn_totals**2).sum(axis=1)
    alphas = 1 - (n - 1) * np.divide(drawn_observed, expected, out=np.full(draws, np.nan), where=expected > TINY)
    if np.isnan(alphas).all():
        return None
    low, high = np.nanquantile(alphas, TAILS)
    return float(low), float(high)


def fleiss_kappa(counts: FloatArray) -> float:
    """Fleiss' kappa from votes per item and label (n_items, n_labels); items with one vote are left out, NaN where none is left.

    Where items have different numbers of votes, each counts by the pairs of votes it has.

    Source: Fleiss, Psychological Bulletin 76 (1971), 378-382.
    """
    votes = counts.sum(axis=1)
    counts, votes = counts[votes >= 2], votes[votes >= 2]
    if not len(counts):
        return float("nan")
    pairs = votes * (votes - 1)
    agreeing = float((counts * (counts - 1)).sum() / pairs.sum())
    shares = counts.sum(axis=0) / counts.sum()
    by_chance = float((shares**2).sum())
    return (agreeing - by_chance) / (1 - by_chance) if by_chance < 1 - TINY else float("nan")


def intraclass_correlation(items: IntArray, values: FloatArray) -> IntraclassCorrelation:
    """One-way intraclass correlation of values in long form; items may have different numbers of judgements, one is left out.

    Source: Shrout and Fleiss, Psychological Bulletin 86 (1979), 420-428; the mean number of judgements for unequal groups as in
    Donner, International Statistical Review 54 (1986), 67-82.
    """
    _, item, size = np.unique(items, return_inverse=True, return_counts=True)
    kept = size[item] >= 2
    _, item, size = np.unique(item[kept], return_inverse=True, return_counts=True)
    value = values[kept]
    n_items, n = len(size), len(value)
    if n_items < 2:
        return IntraclassCorrelation(float("nan"), float("nan"), float("nan"))
    k = (n - (size**2).sum() / n) / (n_items - 1)
    means = np.bincount(item, value) / size
    between = float((size * (means - value.mean()) ** 2).sum()) / (n_items - 1)
    within = float(((value - means[item]) ** 2).sum()) / (n - n_items)
    if between + (k - 1) * within < TINY:
        return IntraclassCorrelation(float("nan"), float("nan"), float(k))
    single = (between - within) / (between + (k - 1) * within)
    return IntraclassCorrelation(single, (between - within) / between if between > TINY else float("nan"), float(k))
