"""Misspelt words of the rules, found by bounded edit distance.

A keyword of five letters or more is recognised with one letter wrong, left out, put in or exchanged with its neighbour, one of eight or
more with two. All ways to leave letters out of the keywords are listed once, so that a word costs a few looks and no comparison with every
keyword (symmetric deletion: W. Garbe, SymSpell, 2012; distance: optimal string alignment, Boytsov, JEA 16, 2011).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from itertools import combinations

LEAST_LETTERS = 5
TWO_WRONG_FROM = 8
LEAST_MASKED = 3
"""Letters of a word that is recognised though stars cover some of them (doubled letters are one)."""

LONGEST = 18
"""A longer word is not looked up."""


class Keywords:
    """The words that typos are put right to; `known` are words that are right as they are."""

    def __init__(self, words: Collection[str], known: Collection[str]) -> None:
        self.words = frozenset(word for word in words if len(word) >= LEAST_LETTERS)
        self._maskable = sorted(word for word in words if len(word) >= LEAST_MASKED)
        self.known = frozenset(known) | self.words
        self._without: dict[str, list[str]] = {}
        self._doubled: dict[str, list[str]] = {}
        for word in sorted(self.words):
            for shorter in _shorter(word, allowed(word)):
                self._without.setdefault(shorter, []).append(word)
            for spelling in _doubled(word):
                self._doubled.setdefault(spelling, []).append(word)
        self.meant = lru_cache(maxsize=20_000)(self._meant)

    def _meant(self, word: str) -> tuple[str, ...]:
        """Keywords that a word may be meant to be, the nearest first, at most three; none where it is a known word."""
        if "*" in word:
            return self._masked(word)
        if word in self.known or not LEAST_LETTERS - 1 <= len(word) <= LONGEST:
            return ()
        near = {
            found for shorter in _shorter(word, 2 if len(word) >= TWO_WRONG_FROM - 2 else 1) for found in self._without.get(shorter, ())
        }
        ranked = sorted((distance(word, found), found[0] != word[0], found) for found in near)
        meant = (found for away, other, found in ranked if away <= (1 if other else allowed(found)))
        return tuple(dict.fromkeys((*self._doubled.get(word, ()), *meant)))[:3]

    def _masked(self, word: str) -> tuple[str, ...]:
        """Keywords whose letters are partly covered by stars."""
        pieces = (f".{{1,{len(piece) + 1}}}" if piece.startswith("*") else re.escape(piece) for piece in re.findall(r"\*+|[^*]+", word))
        covered = re.compile("".join(pieces))
        return tuple(found for found in self._maskable if covered.fullmatch(found))[:3]


def allowed(word: str) -> int:
    """How many letters of a keyword may be wrong."""
    return 2 if len(word) >= TWO_WRONG_FROM else 1


def _doubled(word: str) -> set[str]:
    """What is left of a word without a letter between two of a kind, since doubled letters are folded into one: two letters less, by one
    typo ("suiide" is read as "suide").
    """
    short = {word[:place] + word[place + 2 :] for place in range(1, len(word) - 1) if word[place - 1] == word[place + 1]}
    return {spelling for spelling in short if len(spelling) >= LEAST_LETTERS - 1}


def _shorter(word: str, letters: int) -> set[str]:
    """The word with up to so many letters left out."""
    kept = (combinations(range(len(word)), len(word) - left_out) for left_out in range(letters + 1))
    return {"".join(word[place] for place in places) for ways in kept for places in ways}


def distance(one: str, other: str) -> int:
    """Letters put in, left out, changed or exchanged with a neighbour to come from one word to the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        two_before, before, row = before, row, [i]
        for j, against in enumerate(other, 1):
            best = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                best = min(best, two_before[j - 2] + 1)
            row.append(best)
    return row[-1]
