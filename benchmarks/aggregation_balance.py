"""Aggregation where emotions are as rare as in films, and over more seeds: who is ahead of whom, and by how much more than chance.

In CREMA-D every emotion is acted about as often; of a film's lines half and more are neutral. Each row is the mean over the seeds, and
the paired difference from crowd-kit's Dawid-Skene tells with its standard error whether it is one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.aggregation_peer import AGGREGATORS, ONE_START, Peer
from benchmarks.aggregation_raters import Size, crowd
from benchmarks.common import table
from corpus import statistics
from corpus.datasets.crema_d import Votes
from corpus.statistics import FloatArray, IntArray
from corpus.terms import EMOTIONS

NEUTRAL = (None, 0.5, 0.7)
OWN = ("vote share (gold without spam)", "Dawid-Skene, pooled")
RIVAL = "crowd-kit DawidSkene"
CRASHING = ("Wawa", "ZeroBasedSkill")


def balance_told(votes: Votes, peer: Peer, seeds: Sequence[int]) -> str:
    """The section of the page; honest raters alone, since gold leaves the spam out and comes to the same."""
    columns = {
        f"{'clips' if clips else 'alike'}, {'as acted' if neutral is None else f'{neutral:.0%} neutral'}": [
            _accuracies(votes, peer, seed, clips, neutral) for seed in seeds
        ]
        for neutral in NEUTRAL
        for clips in (False, True)
    }
    names = list(next(iter(columns.values()))[0])
    rows = [[name, *(_mean([trial[name] for trial in trials]) for trials in columns.values())] for name in names]
    gaps = [[f"{name} minus {RIVAL}", *(_gap(trials, name) for trials in columns.values())] for name in OWN]
    return "\n\n".join(
        [
            "## As rare as in films, and over more seeds",
            f"Accuracy in percent over seeds {seeds[0]} to {seeds[-1]} of the honest condition; differences are paired, with their standard"
            " error. CREMA-D's emotions are acted about equally often, a film's lines are half and more neutral.",
            table(["accuracy, %", *columns], rows + gaps),
        ]
    )


def _accuracies(votes: Votes, peer: Peer, seed: int, clips: bool, neutral: float | None) -> dict[str, float]:
    simulated = crowd(votes, seed, clips=clips, size=Size(neutral=neutral), spam={})
    truth, n = simulated.truth, len(EMOTIONS)
    counts = statistics.label_counts(simulated.items, simulated.labels, len(truth), n)
    fitted = statistics.dawid_skene(simulated.items, simulated.raters, simulated.labels, n)
    wanted = {name: ONE_START if name == "MACE" else {} for name in AGGREGATORS if name not in CRASHING}
    answers = peer.aggregate(simulated, wanted)
    others = {f"crowd-kit {name}": float((answer.labels == truth).mean()) for name, answer in answers.items() if answer.labels is not None}
    return {OWN[0]: _hit(counts, truth), OWN[1]: _hit(fitted, truth), **others}


def _hit(scores: FloatArray, truth: IntArray) -> float:
    """Share of items whose greatest score is the truth's; of k equal ones each counts 1/k."""
    top = scores >= scores.max(axis=1, keepdims=True) - 1e-9
    return float((top[np.arange(len(truth)), truth] / top.sum(axis=1)).mean())


def _mean(values: Sequence[float]) -> str:
    return f"{100 * np.mean(values):.1f}"


def _gap(trials: list[dict[str, float]], name: str) -> str:
    gaps = 100 * np.array([trial[name] - trial[RIVAL] for trial in trials])
    return f"{gaps.mean():+.1f} ± {gaps.std(ddof=1) / np.sqrt(len(gaps)):.1f}"
