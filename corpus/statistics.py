"""Agreement, distance and doubt: the statistics that raters and models are both measured with.

Judgements come in long form, one entry a vote: integer arrays of items, raters and labels of equal length, so that missing votes need no
placeholder. Intervals and tests resample whole clusters (films), since lines of one film are no independent draws; naive intervals are
2.6 times too narrow. Everything random takes a seed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from corpus.terms import FeelmError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

EXACT_CLUSTERS = 16
"""Up to this many clusters all 2^n sign flips are counted; above, they are drawn."""

TINY = 1e-12

SETTLED = 1e-4
"""A fit is done when no rater's competence moves further; it is read to two places."""

PSEUDO_VOTES = 0.5
"""What a flat prior counts in all."""

POOLED_VOTES = 20.0
"""On each true label, by which a rater's confusions are drawn towards those of all raters together."""

CONFUSION_ROUNDS = 50
SIGN_DRAWS = 100_000

CORRELATED_ITEMS = 10
"""Items that a rater shares with others, for a correlation with them."""

PARTNER_ITEMS = 5
"""Raters who share that many items tell of each other how often raters agree."""


@dataclass(frozen=True)
class RaterAgreement:
    """How each rater agrees with the others on shared items.

    `by_rater` is the mean share (n_raters,), NaN for a rater who shares no item; `compared` counts the items behind it; `overall` is the
    mean over all compared votes: the accuracy a person reaches against the mode of the others, the human ceiling.
    """

    by_rater: FloatArray
    compared: IntArray
    overall: float


@dataclass(frozen=True)
class Mace:
    """A fitted MACE: `competence` (n_raters,) is the probability of not guessing, `posterior` (n_items, n_labels) the true label's."""

    competence: FloatArray
    posterior: FloatArray
    log_likelihood: float


@dataclass(frozen=True)
class Pairs:
    """Pairs of raters who share items, and how far the answers of one come from the other.

    `raters` (n, 2) holds each pair's numbers, the lesser first; `copied` (n,) the share of their shared answers that agree beyond what
    independent raters would: 0 for these, 1 for a copy. `chance` bounds the probability that independent raters agree as often;
    `second_later` is the share of shared items on which the second judged after the first.
    """

    raters: IntArray
    items: IntArray
    copied: FloatArray
    chance: FloatArray
    second_later: FloatArray


def label_counts(items: IntArray, labels: IntArray, n_items: int, n_labels: int, weights: FloatArray | None = None) -> FloatArray:
    """Votes per item and label (n_items, n_labels), each vote counting `weights` (default 1)."""
    flat = np.bincount(items * n_labels + labels, weights=weights, minlength=n_items * n_labels)
    return flat.reshape(n_items, n_labels).astype(np.float64)


def smoothed_shares(counts: FloatArray) -> FloatArray:
    """Vote shares (n_items, n_labels) under a flat Dirichlet prior of PSEUDO_VOTES in all; a row without votes becomes uniform."""
    n_labels = counts.shape[1]
    return (counts + PSEUDO_VOTES / n_labels) / (counts.sum(axis=1, keepdims=True) + PSEUDO_VOTES)


def nominal_alpha(counts: FloatArray) -> float:
    """Krippendorff's nominal alpha from votes per item and label (n_items, n_labels); NaN where nothing can be compared.

    Source: Krippendorff, Content Analysis (2004), ch. 11, by coincidences of votes on the same item.
    """
    votes = counts.sum(axis=1)
    pairable, votes = counts[votes >= 2], votes[votes >= 2]
    totals, n = pairable.sum(axis=0), float(votes.sum())
    expected = n * n - float((totals**2).sum())
    if expected <= 0:
        return float("nan")
    observed = float(((votes**2 - (pairable**2).sum(axis=1)) / (votes - 1)).sum())
    return 1.0 - (n - 1) * observed / expected


def interval_alpha(items: IntArray, values: FloatArray) -> float:
    """Krippendorff's interval alpha of values in long form; NaN where nothing can be compared.

    The squared differences within items against those over all pairable values, in closed form: it takes any number of distinct
    values, where the coincidence matrix of the package grows with their square.
    """
    _, item, size = np.unique(items, return_inverse=True, return_counts=True)
    kept = size[item] >= 2
    item, value = item[kept], values[kept]
    total = len(value)
    if total < 2:
        return float("nan")
    sums, squares = (np.bincount(item, power, len(size)) for power in (value, value**2))
    several = size >= 2
    within = (2 * (size * squares - sums**2)[several] / (size[several] - 1)).sum()
    between = 2 * (total * (value**2).sum() - value.sum() ** 2) / (total - 1)
    return float(1 - within / between) if between > TINY else float("nan")


def concordance(a: FloatArray, b: FloatArray) -> float:
    """Lin's concordance correlation coefficient of two equally long series, -1..1; NaN when both are constant and equal.

    Source: Lin, Biometrics 45 (1989), 255-268.
    """
    scale = a.var() + b.var() + (a.mean() - b.mean()) ** 2
    return float(2 * ((a - a.mean()) * (b - b.mean())).mean() / scale) if scale > TINY else float("nan")


def entropy_bits(p: FloatArray) -> FloatArray:
    """Shannon entropy in bits along the last axis; zeros contribute nothing."""
    return -(p * np.log2(np.where(p > 0, p, 1.0))).sum(axis=-1)


def jensen_shannon_bits(p: FloatArray, q: FloatArray) -> FloatArray:
    """Jensen-Shannon divergence in bits (0..1) along the last axis."""
    return np.maximum(entropy_bits((p + q) / 2) - (entropy_bits(p) + entropy_bits(q)) / 2, 0.0)


def sign_flip_test(differences: FloatArray) -> float:
    """One-sided p-value that the mean of `differences` (one per cluster) is above zero, under random signs.

    Exact up to 16 clusters, drawn above (the observed signs count as one draw, so p is never 0). 1.0 where there is no cluster.
    """
    if not len(differences):
        return 1.0
    threshold = differences.sum() - 1e-9 * np.abs(differences).sum()
    if len(differences) <= EXACT_CLUSTERS:
        sums = np.zeros(1)
        for difference in differences:
            sums = np.concatenate([sums + difference, sums - difference])
        return float((sums >= threshold).mean())
    signs = np.random.default_rng(0).integers(0, 2, size=(SIGN_DRAWS, len(differences)), dtype=np.int8) * 2 - 1
    return float((1 + (signs @ differences >= threshold).sum()) / (SIGN_DRAWS + 1))


def leave_one_rater_out(
    items: IntArray, raters: IntArray, labels: IntArray, n_labels: int, weights: FloatArray | None = None
) -> RaterAgreement:
    """Agreement of each vote with the mode of the other raters' votes on its item; a vote that meets a tie of k modes counts 1/k.

    `weights` (n_raters,) of 0 take a rater's votes out of the others' mode, not out of the comparison.
    """
    n_items, n_raters = int(items.max(initial=-1)) + 1, int(raters.max(initial=-1)) + 1
    weight = np.ones(n_raters) if weights is None else weights
    counts = label_counts(items, labels, n_items, n_labels, weight[raters])
    own = _own_counts(items, raters, labels, n_labels, weight)
    others = counts[items] - own
    top = others.max(axis=1, initial=0.0)
    is_mode = others >= top[:, None] - TINY
    compared = top > TINY
    hit = is_mode[np.arange(len(items)), labels] / is_mode.sum(axis=1) * compared
    n = np.bincount(raters[compared], minlength=n_raters)
    by_rater = np.divide(np.bincount(raters, hit, n_raters), n, out=np.full(n_raters, np.nan), where=n > 0)
    overall = float(hit[compared].mean()) if compared.any() else float("nan")
    return RaterAgreement(by_rater, n.astype(np.int64), overall)


def _own_counts(items: IntArray, raters: IntArray, labels: IntArray, n_labels: int, weight: FloatArray) -> FloatArray:
    """For each vote, all votes of the same rater on the same item (n_votes, n_labels), weighted."""
    _, pair = np.unique(items * (int(raters.max(initial=0)) + 1) + raters, return_inverse=True)
    return label_counts(pair, labels, int(pair.max(initial=-1)) + 1, n_labels, weight[raters])[pair]


def split_half_noise_bits(items: IntArray, labels: IntArray, n_labels: int, *, seed: int = 0) -> float:
    """Mean JSD in bits between the vote shares of two random halves of each item's votes: the noise floor of soft-label scores.

    Items with fewer than two votes are left out; NaN where none is left.
    """
    order = np.random.default_rng(seed).permutation(len(items))
    order = order[np.argsort(items[order], kind="stable")]
    item, label = items[order], labels[order]
    start = np.searchsorted(item, item)
    half = (np.arange(len(item)) - start) % 2
    n_items = int(items.max(initial=-1)) + 1
    first, second = (label_counts(item[half == side], label[half == side], n_items, n_labels) for side in (0, 1))
    kept = (first.sum(axis=1) > 0) & (second.sum(axis=1) > 0)
    if not kept.any():
        return float("nan")
    shares = [part[kept] / part[kept].sum(axis=1, keepdims=True) for part in (first, second)]
    return float(jensen_shannon_bits(shares[0], shares[1]).mean())


def mace(items: IntArray, raters: IntArray, labels: IntArray, n_labels: int, *, restarts: int = 4, iterations: int = 60) -> Mace:
    """Fit MACE by expectation-maximisation: each rater either knows the true label or draws from a spamming distribution of their own.

    The first start gives every rater the same competence, the others random ones; the most likely fit wins.

    Raises:
        FeelmError: there is no vote.

    Source: Hovy et al., Learning Whom to Trust with MACE, NAACL 2013.
    """
    if not len(items):
        raise FeelmError("MACE needs at least one vote: no category judgement was given")
    n_raters = int(raters.max()) + 1
    rng = np.random.default_rng(0)
    starts = [np.full(n_raters, 0.7), *(rng.uniform(0.2, 0.95, n_raters) for _ in range(restarts - 1))]
    fits = [_fit_mace(items, raters, labels, n_labels, start, iterations) for start in starts]
    return max(fits, key=lambda fit: fit.log_likelihood)


def _fit_mace(items: IntArray, raters: IntArray, labels: IntArray, n_labels: int, competence: FloatArray, iterations: int) -> Mace:
    n_items, n_raters = int(items.max()) + 1, len(competence)
    spamming = np.full((n_raters, n_labels), 1.0 / n_labels)
    votes = np.bincount(raters, minlength=n_raters)
    for _ in range(iterations):
        posterior, knows, _ = _mace_expectation(items, raters, labels, n_items, competence, spamming)
        sure = posterior[items, labels] * knows
        before, competence = competence, (np.bincount(raters, sure, n_raters) + 0.5) / (votes + 1.0)
        guesses = label_counts(raters, labels, n_raters, n_labels, 1.0 - sure) + 0.1 / n_labels
        spamming = guesses / guesses.sum(axis=1, keepdims=True)
        if np.abs(competence - before).max() < SETTLED:
            break
    posterior, _, likelihood = _mace_expectation(items, raters, labels, n_items, competence, spamming)
    return Mace(competence, posterior, likelihood)


def _mace_expectation(
    items: IntArray, raters: IntArray, labels: IntArray, n_items: int, competence: FloatArray, spamming: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Posterior of the true label (n_items, n_labels), per vote the chance that a right vote was known, and the log likelihood."""
    n_labels = spamming.shape[1]
    guess = np.maximum((1 - competence[raters]) * spamming[raters, labels], TINY)
    right = competence[raters] + guess
    log_p = label_counts(items, labels, n_items, n_labels, np.log(right) - np.log(guess))
    log_p += np.bincount(items, np.log(guess), n_items)[:, None] - np.log(n_labels)
    peak = log_p.max(axis=1, keepdims=True)
    evidence = peak[:, 0] + np.log(np.exp(log_p - peak).sum(axis=1))
    return np.exp(log_p - evidence[:, None]), competence[raters] / right, float(evidence.sum())


def dawid_skene(items: IntArray, raters: IntArray, labels: IntArray, n_labels: int, weights: FloatArray | None = None) -> FloatArray:
    """Posterior of the true label (n_items, n_labels) by expectation-maximisation over what raters take each label for.

    Each rater's confusions are drawn towards those of all raters together, which weigh as POOLED_VOTES votes on each true label: without
    that a rater of a hundred votes is fitted to noise. `weights` (n_votes,) are parts of a vote, 0 for one that does not count; leave spam
    out, since pooling spreads it over everybody. The posteriors are over-confident.

    Source: Dawid and Skene, Applied Statistics 28 (1979), 20-28; pooled as in Paun et al., TACL 6 (2018).
    """
    n_items, n_raters = int(items.max(initial=-1)) + 1, int(raters.max(initial=-1)) + 1
    weight = np.ones(len(items)) if weights is None else weights
    posterior = smoothed_shares(label_counts(items, labels, n_items, n_labels, weight))
    for _ in range(CONFUSION_ROUNDS):
        prior = (posterior.sum(axis=0) + 1) / (n_items + n_labels)
        votes = [label_counts(raters, labels, n_raters, n_labels, weight * posterior[items, true]) for true in range(n_labels)]
        log_confusion = np.log(_confusions(np.stack(votes, axis=1)))
        log_votes = [np.bincount(items, weight * log_confusion[raters, true, labels], n_items) for true in range(n_labels)]
        log_p = np.stack(log_votes, axis=1) + np.log(prior)
        p = np.exp(log_p - log_p.max(axis=1, keepdims=True, initial=-np.inf))
        posterior = p / p.sum(axis=1, keepdims=True)
    return posterior


def _confusions(votes: FloatArray) -> FloatArray:
    """Confusions (n_raters, true, given) of `votes` of the same shape; the prior of the pool leans to the true label."""
    n_labels = votes.shape[1]
    pool = votes.sum(axis=0) + 0.5 + np.eye(n_labels)
    drawn = votes + POOLED_VOTES * pool / pool.sum(axis=1, keepdims=True)
    return drawn / drawn.sum(axis=2, keepdims=True)


def copied_answers(items: IntArray, raters: IntArray, labels: IntArray, n_labels: int, *, minimum_items: int = 20) -> Pairs:
    """For each pair of raters with `minimum_items` in common how far one's answers come from the other's.

    The votes stand in the order of judging; of several of one rater on an item the first counts. Independent raters are taken to agree as
    the two do with their usual partners (the lower median, so that neither spam nor a ring of copies below half of all moves
    it), or more where the others agree more on the items that these two share. Only items that a third rater judged count.
    """
    n_raters = int(raters.max(initial=-1)) + 1
    _, first = np.unique(items * n_raters + raters, return_index=True)
    order = np.sort(first)
    order = order[np.argsort(items[order], kind="stable")]
    item, rater, label = items[order], raters[order], labels[order]
    counts = label_counts(item, label, int(item.max(initial=-1)) + 1, n_labels)
    pair, *facts = _pairs_of_votes(item, rater, label, counts, n_raters)
    found, index, shared = np.unique(pair, return_inverse=True, return_counts=True)
    agreed, others, second = (np.bincount(index, part, len(found)) / shared for part in facts)
    ends = np.stack([found // max(n_raters, 1), found % max(n_raters, 1)], axis=1)
    met = shared >= PARTNER_ITEMS
    ends, shared, agreed, others, second = ends[met], shared[met], agreed[met], others[met], second[met]
    expected = _independent(ends, agreed, others)
    pairs = Pairs(ends, shared.astype(np.int64), (agreed - expected) / (1 - expected), _chernoff(agreed, expected, shared), second)
    enough = shared >= minimum_items
    return Pairs(*(getattr(pairs, entry.name)[enough] for entry in fields(Pairs)))


def _independent(ends: IntArray, agreed: FloatArray, others: FloatArray) -> FloatArray:
    """How often each pair would agree if its raters were independent, at most 0.97."""
    usual = _lower_medians(ends, agreed)[ends] * np.maximum(1.0, others[:, None] / np.maximum(_lower_medians(ends, others)[ends], TINY))
    return np.clip(usual.mean(axis=1), 0.01, 0.97)


def _lower_medians(ends: IntArray, of_pair: FloatArray) -> FloatArray:
    """For each rater the lower median over the pairs that it belongs to (n_raters,)."""
    rater, value = ends.ravel(), np.repeat(of_pair, 2)
    order = np.lexsort((value, rater))
    size = np.bincount(rater)
    middle = np.cumsum(size) - size + (np.maximum(size, 1) - 1) // 2
    medians = np.zeros(len(size))
    medians[size > 0] = value[order][middle[size > 0]]
    return medians


def _pairs_of_votes(
    item: IntArray, rater: IntArray, label: IntArray, counts: FloatArray, n_raters: int
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Of each two votes on an item: pair, whether they agree, the others' share that agrees with either, whether the second is later."""
    votes = counts.sum(axis=1)[item]
    parts: list[tuple[IntArray, FloatArray, FloatArray, FloatArray]] = []
    for step in range(1, int(votes.max(initial=0))):
        a = np.flatnonzero((item[:-step] == item[step:]) & (votes[:-step] >= 3))
        b = a + step
        same = label[a] == label[b]
        others = counts[item[a], label[a]] + counts[item[b], label[b]] - 2 - 2 * same
        low, high = np.minimum(rater[a], rater[b]), np.maximum(rater[a], rater[b])
        parts.append((low * n_raters + high, same.astype(np.float64), others / (2 * (votes[a] - 2)), (rater[b] == high).astype(np.float64)))
    if not parts:
        return np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), np.zeros(0)
    pair, same_all, expected, later = (np.concatenate(column) for column in zip(*parts, strict=True))
    return pair, same_all, expected, later


def _chernoff(observed: FloatArray, expected: FloatArray, n: IntArray) -> FloatArray:
    """Upper bound of the probability of a share `observed` or more in `n` draws of probability `expected`."""
    p, q = np.clip(observed, TINY, 1 - TINY), np.clip(expected, TINY, 1 - TINY)
    divergence = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    return np.where(p > q, np.exp(-n * divergence), 1.0)


def evaluator_weights(items: IntArray, raters: IntArray, values: FloatArray) -> FloatArray:
    """Weights of the evaluator-weighted estimator (n_raters,): each rater's correlation with the mean of the others, never below 0.

    A rater with fewer than CORRELATED_ITEMS shared items, or without variance, gets the mean weight of the measured raters (1 if none).

    Source: Grimm and Kroschel, ASRU 2005.
    """
    n_items, n_raters = int(items.max(initial=-1)) + 1, int(raters.max(initial=-1)) + 1
    sums, counts = np.bincount(items, values, n_items), np.bincount(items, minlength=n_items)
    others_n = counts[items] - 1
    others = np.divide(sums[items] - values, others_n, out=np.full(len(items), np.nan), where=others_n > 0)
    weights = np.array([_correlation(values[raters == r], others[raters == r]) for r in range(n_raters)])
    measured = weights[~np.isnan(weights)]
    return np.where(np.isnan(weights), measured.mean() if len(measured) else 1.0, weights)


def _correlation(own: FloatArray, others: FloatArray) -> float:
    shared = ~np.isnan(others)
    if shared.sum() < CORRELATED_ITEMS or own[shared].std() < TINY or others[shared].std() < TINY:
        return float("nan")
    return max(float(np.corrcoef(own[shared], others[shared])[0, 1]), 0.0)


def exact_interval(right: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Bounds (0..1) of a share of which `right` of `of` were seen, exact (Clopper-Pearson); (0, 1) where nothing was seen.

    Source: Clopper and Pearson, Biometrika 26 (1934), 404-413.
    """
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, right, of - right + 1)) if right else 0.0
    high = float(beta.ppf(1 - tail, right + 1, of - right)) if right < of else 1.0
    return low, high
