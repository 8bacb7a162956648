"""Tells that two films are one: another encode, another cut, another id, but the same words said.

Runs of four words are compared as sets, so that neither timing, nor where cues begin, nor a few words heard differently matter. Of
different films hardly any runs agree (at most 0.10 of the shorter among made films, whose sentences come from common templates; less
among real ones); with one word in five altered 0.43 still do.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from corpus.dialogue.language import folded

RUN_WORDS = 4
LEAST_SHARE = 0.25
LEAST_RUNS = 20
"""Fewer common runs are too little to tell by."""

_TABLE_BITS = 20

# Scripts that put no space between words count by the sign.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+")


@dataclass(frozen=True)
class Twins:
    """Two films with near-equal dialogue: `share` (0..1) of the shorter one's runs of words stands in the other as well."""

    first: str
    second: str
    share: float


def fingerprint(texts: Iterable[str]) -> frozenset[int]:
    """The runs of words in a film's lines, in order of time, each as a 32-bit checksum."""
    words = _WORD.findall(re.sub(r"['’]", "", folded(" ".join(texts))))
    runs = (" ".join(words[start : start + RUN_WORDS]) for start in range(len(words) - RUN_WORDS + 1))
    return frozenset(zlib.crc32(run.encode()) for run in runs)


def find_twins(prints: Mapping[str, frozenset[int]]) -> list[Twins]:
    """Every pair of films whose dialogue is near-equal, by their fingerprints; in order of ids, in time linear in the words."""
    holders: dict[int, list[str]] = defaultdict(list)
    for film_id in sorted(prints):
        for run in prints[film_id]:
            holders[run].append(film_id)
    common = Counter(pair for film_ids in holders.values() for pair in combinations(film_ids, 2))
    return [
        Twins(first, second, round(share, 4))
        for (first, second), n in sorted(common.items())
        if n >= LEAST_RUNS and (share := n / min(len(prints[first]), len(prints[second]))) >= LEAST_SHARE
    ]


def twins_of(runs: np.ndarray, others: Iterable[tuple[str, np.ndarray]]) -> Iterator[tuple[str, float]]:
    """Which of the others a film is near-equal to, with the share (0..1) that `find_twins` tells.

    Runs are a fingerprint as uint32, each value once. A table of their lower bits first passes over films with too little in common, for
    that is all of them but twins: a thousand films take some twenty milliseconds.
    """
    table = np.zeros(1 << _TABLE_BITS, dtype=bool)
    table[runs & (table.size - 1)] = True
    for film_id, theirs in others:
        least = max(LEAST_RUNS, LEAST_SHARE * min(runs.size, theirs.size))
        if np.count_nonzero(table[theirs & (table.size - 1)]) >= least:
            common = np.intersect1d(runs, theirs, assume_unique=True).size
            if common >= least:
                yield film_id, round(common / min(runs.size, theirs.size), 4)
