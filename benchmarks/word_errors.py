"""Word error rate: how many words of a recogniser's text are wrong, missing or made up, and which of its words are right.

Both texts are brought to bare words first (case, punctuation, figures up to twelve), then aligned by edit distance (Levenshtein), as
is usual for speech recognition.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve"
FIGURES = {str(number): word for number, word in enumerate(NUMBERS.split())}
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@dataclass(frozen=True)
class WordErrors:
    """Counts of words; `right` tells of each recognised word whether it stands in the reference at its place."""

    substituted: int
    deleted: int
    inserted: int
    reference: int
    right: tuple[bool, ...]

    @property
    def errors(self) -> int:
        """All three together."""
        return self.substituted + self.deleted + self.inserted

    @property
    def rate(self) -> float:
        """Errors by words of the reference; above 1 where more is made up than was said.

        Raises:
            ZeroDivisionError: the reference has no word.
        """
        return self.errors / self.reference


def bare_words(text: str) -> list[str]:
    """Lower case, no punctuation, `10` as `ten`."""
    return [FIGURES.get(word, word) for word in WORD.findall(text.lower().replace("’", "'"))]


def word_errors(reference: Sequence[str], heard: Sequence[str]) -> WordErrors:
    """Align bare words; of alignments with equally few errors the one that keeps most words."""
    error = len(reference) + 1
    costs = _costs(reference, heard, error)
    i, j = len(reference), len(heard)
    counts = {"substituted": 0, "deleted": 0, "inserted": 0}
    right = [False] * len(heard)
    while i or j:
        same = bool(i and j) and reference[i - 1] == heard[j - 1]
        if i and j and costs[i][j] == costs[i - 1][j - 1] + (-1 if same else error):
            i, j = i - 1, j - 1
            right[j] = same
            counts["substituted"] += not same
        elif j and costs[i][j] == costs[i][j - 1] + error:
            j -= 1
            counts["inserted"] += 1
        else:
            i -= 1
            counts["deleted"] += 1
    return WordErrors(**counts, reference=len(reference), right=tuple(right))


def _costs(reference: Sequence[str], heard: Sequence[str], error: int) -> list[list[int]]:
    """For every pair of beginnings the least of `error` an error, less one a kept word; all kept words weigh less than one error."""
    costs = [[error * j for j in range(len(heard) + 1)]]
    for i, word in enumerate(reference, start=1):
        row = [error * i]
        for j, other in enumerate(heard, start=1):
            row.append(min(costs[-1][j - 1] + (-1 if word == other else error), costs[-1][j] + error, row[-1] + error))
        costs.append(row)
    return costs
