"""Simulated raters whose confusions are CREMA-D's, with spam of four kinds among them; the truth of every item is known.

Honest raters answer by the confusions of the crowd, each with confusions of their own about them, or by the votes of one real clip, which
keeps that some clips are hard and some mislead. Spam comes on top of the honest answers until it is the share asked for, so that the
answers without it are those of the honest condition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corpus.datasets.crema_d import EMOTIONS as VOTED
from corpus.datasets.crema_d import Votes
from corpus.statistics import FloatArray, IntArray
from corpus.terms import EMOTIONS

KINDS = ("constant", "random", "fast", "copy")
NEUTRAL = VOTED.index("neutral")
CODES = np.array([EMOTIONS.index(emotion) for emotion in VOTED], dtype=np.int64)
OWN_CONFUSIONS = 30.0
"""How many votes the crowd's confusions weigh in a rater's own: a Dirichlet's concentration."""
COPIED = 0.9
VICTIMS = 4
HONEST_MS, FAST_MS = 4000, 400


@dataclass(frozen=True)
class Crowd:
    """Votes in the order of judging, labels as positions in EMOTIONS; `truth` (n_items,) and `kinds` (n_raters,) are what is known."""

    truth: IntArray
    items: IntArray
    raters: IntArray
    labels: IntArray
    lead_ms: IntArray
    kinds: tuple[str, ...]

    @property
    def is_spam(self) -> np.ndarray:
        return np.array([kind != "honest" for kind in self.kinds])


@dataclass(frozen=True)
class Size:
    """How large a crowd is: items, honest votes on each, honest raters; `neutral` is that emotion's share of items, None as it falls."""

    items: int = 600
    votes: int = 5
    raters: int = 20
    neutral: float | None = None


Answers = tuple[IntArray, IntArray, IntArray]
"""Items, raters and labels of some votes."""


def crowd(votes: Votes, seed: int, *, clips: bool, size: Size, spam: dict[str, float]) -> Crowd:
    """`spam` gives each kind's share of all answers; with `clips` the items are real clips, else every clip of an emotion is alike."""
    rng = np.random.default_rng(seed)
    truth, of_item = _items(votes, size, clips, rng)
    items, raters = _assigned(size, rng)
    labels = _answers(truth, of_item, items, raters, size.raters, rng)
    parts: list[Answers] = [(items, raters, labels)]
    kinds = ["honest"] * size.raters
    honest_share = 1 - sum(spam.values())
    for kind, share in spam.items():
        for number in range(round(size.raters * share / honest_share)):
            parts.append(_spam(kind, number, len(kinds), parts[0], truth, of_item, size, rng))
            kinds.append(kind)
    return _in_order(truth, parts, kinds, rng)


def _items(votes: Votes, size: Size, clips: bool, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """True labels, as positions in VOTED, and the probabilities (n_items, 6) of a vote on each item."""
    if clips:
        chosen = _chosen_clips(votes.intended, size, rng)
        return votes.intended[chosen], votes.counts[chosen] / votes.counts[chosen].sum(axis=1, keepdims=True)
    truth = rng.integers(len(VOTED), size=size.items)
    if size.neutral is not None:
        others = [code for code in range(len(VOTED)) if code != NEUTRAL]
        truth = np.where(rng.random(size.items) < size.neutral, NEUTRAL, rng.choice(others, size.items))
    return truth, votes.confusion()[truth]


def _chosen_clips(intended: IntArray, size: Size, rng: np.random.Generator) -> IntArray:
    if size.neutral is None:
        return rng.choice(len(intended), size.items, replace=False)
    is_neutral = intended == NEUTRAL
    n_neutral = round(size.items * size.neutral)
    parts = [
        rng.choice(np.flatnonzero(which), n, replace=False) for which, n in ((is_neutral, n_neutral), (~is_neutral, size.items - n_neutral))
    ]
    return rng.permutation(np.concatenate(parts))


def _assigned(size: Size, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Each item to as many different raters as it gets votes, all raters to equally many items."""
    turns = np.concatenate([rng.permutation(size.raters) for _ in range(-(-size.items * size.votes // size.raters))])
    raters = turns[: size.items * size.votes].reshape(size.items, size.votes)
    for row in raters:
        missing = np.setdiff1d(np.arange(size.raters), row)
        _, first = np.unique(row, return_index=True)
        twice = np.setdiff1d(np.arange(size.votes), first)
        row[twice] = rng.choice(missing, len(twice), replace=False)
    return np.repeat(np.arange(size.items), size.votes), raters.ravel()


def _answers(truth: IntArray, of_item: FloatArray, items: IntArray, raters: IntArray, n_raters: int, rng: np.random.Generator) -> IntArray:
    """What honest raters answer: by the item, tilted by what each takes the emotions for."""
    crowd_wide = np.stack([of_item[truth == emotion].mean(axis=0) for emotion in range(len(VOTED))]) + 1e-3
    own = np.stack([[rng.dirichlet(OWN_CONFUSIONS * row) for row in crowd_wide] for _ in range(n_raters)])
    tilt = own / crowd_wide
    p = of_item[items] * tilt[raters % n_raters, truth[items]] + 1e-9
    p /= p.sum(axis=1, keepdims=True)
    return np.minimum((p.cumsum(axis=1) < rng.random(len(p))[:, None]).sum(axis=1), len(VOTED) - 1)


def _spam(
    kind: str, number: int, rater: int, honest: Answers, truth: IntArray, of_item: FloatArray, size: Size, rng: np.random.Generator
) -> Answers:
    items = rng.choice(size.items, size.items * size.votes // size.raters, replace=False)
    if kind == "copy":
        own = honest[1] == number % VICTIMS
        items = honest[0][own]
        itself = _answers(truth, of_item, items, np.zeros_like(items), 1, rng)
        labels = np.where(rng.random(len(items)) < COPIED, honest[2][own], itself)
    elif kind == "constant":
        labels = np.full(len(items), rng.integers(len(VOTED)))
    elif kind == "random":
        labels = rng.integers(len(VOTED), size=len(items))
    else:
        # Answers as good as anybody's: only the speed tells.
        labels = _answers(truth, of_item, items, np.zeros_like(items), 1, rng)
    return items, np.full(len(items), rater), labels


def _in_order(truth: IntArray, parts: list[Answers], kinds: list[str], rng: np.random.Generator) -> Crowd:
    """Everybody at random times, but copies after their originals."""
    items, raters, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    is_copy = np.array([kind == "copy" for kind in kinds])
    order = np.argsort(rng.random(len(items)) + is_copy[raters], kind="stable")
    median = np.where([kind == "fast" for kind in kinds], FAST_MS, HONEST_MS)[raters[order]]
    lead = (median * rng.lognormal(0, 0.5, len(order))).astype(np.int64)
    return Crowd(CODES[truth], items[order], raters[order], CODES[labels[order]], lead, tuple(kinds))
