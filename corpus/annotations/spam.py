"""Finds raters whose votes carry no information: too fast, always the same, another's, or unrelated to everyone else's.

Reliability is used to leave spam out, not to rank honest people: among honest raters neither MACE's competence nor agreement predicts who
is right. Copies are told first, since they count one rater's errors several times and make honest people look like guessers.
`benchmarks/results/aggregation.md` has what these rules find, and whom they flag wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from corpus import statistics
from corpus.annotations.judgements import label_codes
from corpus.contracts import RATERS
from corpus.statistics import FloatArray, IntArray
from corpus.terms import EMOTIONS


@dataclass(frozen=True)
class SpamRules:
    """When a rater is flagged; none applies below `minimum_votes` votes on items that others judged too (speed and runs: votes at all).

    A copy has `copied_share` of its answers from one other rater, which would happen with `copied_chance` at most among all pairs.
    """

    minimum_votes: int = 20
    lead_time_ms: int = 700
    run_length: int = 25
    top_label_share: float = 0.9
    competence: float = 0.1
    agreement: float = 0.3
    copied_share: float = 0.6
    copied_chance: float = 0.001


@dataclass(frozen=True)
class _Votes:
    items: IntArray
    raters: IntArray
    labels: IntArray
    names: list[str]


def rate_raters(votes: pd.DataFrame, rules: SpamRules | None = None) -> pd.DataFrame:
    """The table RATERS from category votes in the order of judging.

    `votes` has the columns item, annotator_id, label (one of EMOTIONS) and lead_time_ms (null where unknown). A flagged rater has weight
    0 and a reason; the others have weight 1. Of raters with the same answers the one who judged first stays. MACE sees no copies, and
    agreement is measured against those whom the other rules did not flag.
    """
    rules = rules or SpamRules()
    if votes.empty:
        return RATERS.empty()
    coded = _coded(votes)
    shared = _shared(coded)
    copies = _copies(shared, rules)
    original = np.array([copy is None for copy in copies])
    competence = _competence(_only(shared, original), len(coded.names), rules)
    own = _by_rater(votes, coded)
    habits = [_habit(rows, rules) for rows in own]
    guessing = [_below(competence[r], rules.competence, "guesses: MACE competence") for r in range(len(coded.names))]
    sound = np.array([not habit and guess is None for habit, guess in zip(habits, guessing, strict=True)])
    trusted = (sound & original).astype(np.float64)
    agreement = _agreement(shared, trusted, rules)
    alone = [_below(share, rules.agreement, "agrees with nobody: share agreeing with the others' mode") for share in agreement]
    rows = []
    for r, (habit, copy, guess, apart) in enumerate(zip(habits, copies, guessing, alone, strict=True)):
        reasons = [reason for reason in (*habit, copy, guess, apart) if reason is not None]
        rows.append(_row(coded.names[r], own[r], agreement[r], competence[r], "; ".join(reasons) or None))
    return RATERS.frame(rows)


def _coded(votes: pd.DataFrame) -> _Votes:
    items, _ = pd.factorize(votes["item"], sort=True)
    raters, names = pd.factorize(votes["annotator_id"], sort=True)
    return _Votes(items.astype(np.int64), raters.astype(np.int64), label_codes(votes), list(names))


def _by_rater(votes: pd.DataFrame, coded: _Votes) -> list[pd.DataFrame]:
    """Each rater's votes in the order of judging."""
    order = np.argsort(coded.raters, kind="stable")
    ends = np.cumsum(np.bincount(coded.raters, minlength=len(coded.names)))
    ordered = votes.iloc[order]
    return [ordered.iloc[first:last] for first, last in zip([0, *ends[:-1]], ends, strict=True)]


def _shared(votes: _Votes) -> _Votes:
    """The votes on items that at least two raters judged."""
    pairs = np.unique(np.stack([votes.items, votes.raters]), axis=1)
    several = np.bincount(pairs[0], minlength=votes.items.max() + 1)[votes.items] >= 2
    items = np.unique(votes.items[several], return_inverse=True)[1]
    return _Votes(items.astype(np.int64), votes.raters[several], votes.labels[several], votes.names)


def _only(votes: _Votes, kept: npt.NDArray[np.bool_]) -> _Votes:
    """The votes of the raters kept, on items that two of them judged."""
    chosen = kept[votes.raters]
    return _shared(_Votes(votes.items[chosen], votes.raters[chosen], votes.labels[chosen], votes.names)) if chosen.any() else votes


def _copies(shared: _Votes, rules: SpamRules) -> list[str | None]:
    """Why a rater is taken for another's copy; None for the others, and for the first of those who answer alike."""
    reasons: list[str | None] = [None] * len(shared.names)
    if not len(shared.items):
        return reasons
    pairs = statistics.copied_answers(shared.items, shared.raters, shared.labels, len(EMOTIONS), minimum_items=rules.minimum_votes)
    alike = (pairs.copied >= rules.copied_share) & (pairs.chance * len(pairs.items) <= rules.copied_chance)
    originals: set[int] = set()
    links = _links(pairs, alike)
    for rater in sorted(links, key=lambda rater: (sum(later for _, later in links[rater].values()), shared.names[rater])):
        source = max(originals & links[rater].keys(), key=lambda other: links[rater][other][0], default=None)
        if source is None:
            originals.add(rater)
        else:
            reasons[rater] = f"copies {shared.names[source]}: {links[rater][source][0]:.0%} of the answers on items of both"
    return reasons


def _links(pairs: statistics.Pairs, alike: npt.NDArray[np.bool_]) -> dict[int, dict[int, tuple[float, bool]]]:
    """For each rater of a pair alike the others, with the share copied and whether this one judged later on most items."""
    links: dict[int, dict[int, tuple[float, bool]]] = {}
    for (first, second), copied, later in zip(pairs.raters[alike], pairs.copied[alike], pairs.second_later[alike], strict=True):
        links.setdefault(int(first), {})[int(second)] = (float(copied), bool(later < 0.5))
        links.setdefault(int(second), {})[int(first)] = (float(copied), bool(later > 0.5))
    return links


def _competence(shared: _Votes, n_raters: int, rules: SpamRules) -> FloatArray:
    """MACE's competence per rater; NaN for raters with too few shared votes."""
    if not len(shared.items):
        return np.full(n_raters, np.nan)
    fitted = statistics.mace(shared.items, shared.raters, shared.labels, len(EMOTIONS)).competence
    measured = np.full(n_raters, np.nan)
    measured[: len(fitted)] = fitted
    measured[np.bincount(shared.raters, minlength=n_raters) < rules.minimum_votes] = np.nan
    return measured


def _agreement(shared: _Votes, weights: FloatArray, rules: SpamRules) -> FloatArray:
    if not len(shared.items):
        return np.full(len(weights), np.nan)
    result = statistics.leave_one_rater_out(shared.items, shared.raters, shared.labels, len(EMOTIONS), weights)
    measured = np.full(len(weights), np.nan)
    enough = result.compared >= rules.minimum_votes
    measured[: len(enough)] = np.where(enough, result.by_rater, np.nan)
    return measured


def _habit(own: pd.DataFrame, rules: SpamRules) -> list[str]:
    """Why a rater's way of working is taken for spam; empty where it is not."""
    if len(own) < rules.minimum_votes:
        return []
    reasons = []
    lead = own["lead_time_ms"].dropna()
    if len(lead) >= rules.minimum_votes and lead.median() < rules.lead_time_ms:
        reasons.append(f"too fast: median {lead.median():.0f} ms a judgement, {rules.lead_time_ms} ms is the least")
    top = own["label"].value_counts(normalize=True)
    run = _longest_run(own["label"].to_numpy())
    if top.iloc[0] > rules.top_label_share:
        reasons.append(f"always the same: {top.iloc[0]:.0%} of the judgements are {top.index[0]}")
    elif run > rules.run_length:
        reasons.append(f"straight-lining: {run} times the same label in a row")
    return reasons


def _longest_run(labels: np.ndarray) -> int:
    changes = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    return int(np.diff(np.concatenate([[0], changes, [len(labels)]])).max())


def _below(figure: float, least: float, words: str) -> str | None:
    return f"{words} {figure:.2f}, {least} is the least" if figure < least else None


def _row(name: str, own: pd.DataFrame, agreement: float, competence: float, reason: str | None) -> dict[str, object]:
    lead = own["lead_time_ms"].dropna()
    return {
        "annotator_id": name,
        "n_judgements": len(own),
        "leave_one_out_agreement": agreement,
        "competence": competence,
        "top_label_share": own["label"].value_counts(normalize=True).iloc[0],
        "median_lead_time_ms": int(lead.median()) if len(lead) else None,
        "flagged": reason is not None,
        "reason": reason,
        "weight": float(reason is None),
    }
