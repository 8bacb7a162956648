"""Finds raters whose votes carry no information: too fast, always the same, or unrelated to everyone else's.

Reliability is used to leave spam out, not to rank honest people: among honest raters neither MACE's competence nor agreement predicts who
is right. The rules and thresholds are those measured to find injected spammers with an AUC of 0.97 and more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from corpus import statistics
from corpus.contracts import EMOTIONS, RATERS
from corpus.statistics import FloatArray, IntArray


@dataclass(frozen=True)
class SpamRules:
    """When a rater is flagged; none applies below `minimum_votes` votes on items that others judged too (speed and runs: votes at all)."""

    minimum_votes: int = 20
    lead_time_ms: int = 700
    run_length: int = 25
    top_label_share: float = 0.9
    competence: float = 0.1
    agreement: float = 0.3


@dataclass(frozen=True)
class _Votes:
    items: IntArray
    raters: IntArray
    labels: IntArray
    names: list[str]


def rate_raters(votes: pd.DataFrame, rules: SpamRules | None = None) -> pd.DataFrame:
    """The table RATERS from category votes in the order of judging.

    `votes` has the columns item, annotator_id, label (one of EMOTIONS) and lead_time_ms (null where unknown). A flagged rater has weight
    0 and a reason; the others have weight 1. Agreement is measured against those whom the other rules did not flag.
    """
    rules = rules or SpamRules()
    if votes.empty:
        return RATERS.empty()
    coded = _coded(votes)
    shared = _shared(coded)
    competence = _competence(shared, len(coded.names), rules)
    habits = [_habit(votes[coded.raters == r], rules) for r in range(len(coded.names))]
    guessing = [_below(competence[r], rules.competence, "guesses: MACE competence") for r in range(len(coded.names))]
    trusted = np.array([not habit and guess is None for habit, guess in zip(habits, guessing, strict=True)], dtype=np.float64)
    agreement = _agreement(shared, trusted, rules)
    alone = [_below(share, rules.agreement, "agrees with nobody: share agreeing with the others' mode") for share in agreement]
    rows = []
    for r, (habit, guess, apart) in enumerate(zip(habits, guessing, alone, strict=True)):
        reasons = [reason for reason in (*habit, guess, apart) if reason is not None]
        rows.append(_row(coded, votes, r, agreement[r], competence[r], "; ".join(reasons) or None))
    return RATERS.frame(rows)


def _coded(votes: pd.DataFrame) -> _Votes:
    items, _ = pd.factorize(votes["item"], sort=True)
    raters, names = pd.factorize(votes["annotator_id"], sort=True)
    labels = pd.Categorical(votes["label"], categories=EMOTIONS).codes.astype(np.int64)
    return _Votes(items.astype(np.int64), raters.astype(np.int64), labels, list(names))


def _shared(votes: _Votes) -> _Votes:
    """The votes on items that at least two raters judged."""
    pairs = np.unique(np.stack([votes.items, votes.raters]), axis=1)
    several = np.bincount(pairs[0], minlength=votes.items.max() + 1)[votes.items] >= 2
    items = np.unique(votes.items[several], return_inverse=True)[1]
    return _Votes(items.astype(np.int64), votes.raters[several], votes.labels[several], votes.names)


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


def _row(coded: _Votes, votes: pd.DataFrame, r: int, agreement: float, competence: float, reason: str | None) -> dict[str, object]:
    own = votes[coded.raters == r]
    lead = own["lead_time_ms"].dropna()
    return {
        "annotator_id": coded.names[r],
        "n_judgements": len(own),
        "leave_one_out_agreement": agreement,
        "competence": competence,
        "top_label_share": own["label"].value_counts(normalize=True).iloc[0],
        "median_lead_time_ms": int(lead.median()) if len(lead) else None,
        "flagged": reason is not None,
        "reason": reason,
        "weight": float(reason is None),
    }
