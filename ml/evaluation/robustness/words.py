"""Words as a recogniser mishears them or a hasty hand types them: a stated share of a film's words is wrong.

The seed puts all words of a film in one order, and a dose takes the first of them: a stronger dose changes the same words and more. What
is around a word (marks, capitals) stays, so that a line is still read as a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

SUBSTITUTED, DELETED = 0.6, 0.25
"""Of a recogniser's errors so many are another word and a word missed; in the rest a word is heard that nobody said."""

NEAREST = 5
"""A word is taken for one of so many that are spelled most like it."""

LETTERS = 12
LEAST_TYPED = 3
"""Shorter words are typed right."""

_WORD = re.compile(r"[^\W_](?:[\w'’-]*[^\W_])?")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")

Change = Callable[[str, float, float], str]
"""A word, which kind of error (0..1) and which of its kind (0..1), to what stands there instead."""


def misheard(lines: Sequence[str], share: float, vocabulary: Sequence[str], seed: Sequence[int]) -> list[str]:
    """The lines with `share` (0..1, to the nearest word) of their words substituted, missed, or followed by another.

    `vocabulary` are the words to mishear for, at least two.
    """
    near = _Likeness(sorted(set(vocabulary)))
    return _changed(lines, share, 1, seed, near.heard)


def mistyped(lines: Sequence[str], share: float, seed: Sequence[int]) -> list[str]:
    """The lines with one slip in `share` (0..1, to the nearest word) of their words of three letters or more: two letters turned round, one
    left out, one twice, or the key beside it.
    """
    return _changed(lines, share, LEAST_TYPED, seed, _typed)


def vocabulary_of(lines: Sequence[str]) -> list[str]:
    """The words of the lines in small letters, each once, sorted."""
    return sorted({word.lower() for line in lines for word in _WORD.findall(line)})


def _changed(lines: Sequence[str], share: float, least: int, seed: Sequence[int], change: Change) -> list[str]:
    """Change the first `share` of all words of at least `least` letters in the seed's order."""
    places = [(number, found) for number, line in enumerate(lines) for found in _WORD.finditer(line) if len(found[0]) >= least]
    rng = np.random.default_rng(list(seed))
    order, kind, which = rng.permutation(len(places)), rng.random(len(places)), rng.random(len(places))
    changed = list(lines)
    for at in sorted(order[: round(share * len(places))].tolist(), reverse=True):
        number, found = places[at]
        line, word = changed[number], change(found[0], float(kind[at]), float(which[at]))
        changed[number] = line[: found.start()] + word + line[found.end() :]
    return [re.sub(r"\s{2,}", " ", after).strip() if after != before else before for before, after in zip(lines, changed, strict=True)]


@dataclass(frozen=True)
class _Likeness:
    """Words by how they are spelled."""

    words: list[str]

    @cached_property
    def spelled(self) -> npt.NDArray[np.int32]:
        return np.stack([_spelled(word) for word in self.words])

    def heard(self, word: str, kind: float, which: float) -> str:
        """What is heard where the word was said."""
        if SUBSTITUTED <= kind < SUBSTITUTED + DELETED:
            return ""
        if kind < SUBSTITUTED:
            return _as(word, self._like(word.lower(), which))
        return f"{word} {self.words[int(which * len(self.words))]}"

    def _like(self, word: str, which: float) -> str:
        same = (self.spelled == _spelled(word)) & (self.spelled > 0)
        order = np.argsort(-same.sum(axis=1), kind="stable")[: NEAREST + 1]
        near = [self.words[at] for at in order.tolist() if self.words[at] != word][:NEAREST]
        return near[int(which * len(near))]


def _spelled(word: str) -> npt.NDArray[np.int32]:
    """A word's first and last letters as numbers (2 LETTERS,), 0 where it has no more of them."""
    codes = np.zeros(2 * LETTERS, np.int32)
    own = [ord(letter) for letter in word[:LETTERS]]
    codes[: len(own)] = own
    codes[2 * LETTERS - len(own) :] = [ord(letter) for letter in word[-LETTERS:]]
    return codes


def _as(word: str, other: str) -> str:
    """Another word with the capital that this one has."""
    return other[:1].upper() + other[1:] if word[:1].isupper() else other


def _typed(word: str, kind: float, which: float) -> str:
    """A word with one slip; letters that are alike cannot be turned round, so that one of them is doubled."""
    at = int(which * (len(word) - 1))
    if kind < 0.25 and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind < 0.5:
        return word[: at + 1] + word[at:]
    if kind < 0.75:
        return word[:at] + word[at + 1 :]
    return word[:at] + _beside(word[at]) + word[at + 1 :]


def _beside(letter: str) -> str:
    """The letter on the key to the right, or to the left at the end of a row; a sign that has no such key is typed twice."""
    for row in _KEYS:
        at = row.find(letter.lower())
        if at >= 0:
            other = row[at + 1] if at + 1 < len(row) else row[at - 1]
            return other.upper() if letter.isupper() else other
    return letter * 2
