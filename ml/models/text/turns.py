"""A line in its dialogue as tokens: the line itself first, then what was said before, then what was said after.

The speaker's name goes before each line, as a screenplay writes it. The nearest lines come first into what room there is, and a line
that does not fit whole is left out with all that lie beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
Tokenise = Callable[[Sequence[str], int], list[list[int]]]
"""Token ids of texts, at most so many each, with the encoder's first and last token around them."""


@dataclass(frozen=True)
class Lines:
    """n lines of text: `speakers` are names (empty: unknown), `dialogue` numbers the dialogues, whose lines stand in their order."""

    texts: Sequence[str]
    speakers: Sequence[str]
    dialogue: IntArray

    def __len__(self) -> int:
        return len(self.texts)

    def alone(self) -> Lines:
        """The same lines without neighbours."""
        return Lines(self.texts, self.speakers, np.arange(len(self), dtype=np.int64))


@dataclass(frozen=True)
class Reach:
    """How much of the dialogue is read with a line: turns `before` and `after` it, all within `longest` tokens, a line cut at `line`."""

    before: int = 3
    after: int = 1
    longest: int = 96
    line: int = 64


@dataclass(frozen=True)
class Laid:
    """Token ids of each line with its neighbours, and how many of them (from the first on) are the line's own."""

    tokens: list[list[int]]
    own: IntArray


def lay_out(lines: Lines, tokenise: Tokenise, reach: Reach) -> Laid:
    """Each line's tokens in its dialogue."""
    said = tokenise([f"{who}: {text}" if who else text for who, text in zip(lines.speakers, lines.texts, strict=True)], reach.line)
    first, last = tokenise([""], 2)[0]
    bare = [tokens[1:-1] for tokens in said]
    laid = []
    for row in range(len(lines)):
        room = reach.longest - len(bare[row]) - 2
        before, room = _neighbours(bare, lines.dialogue, range(row - 1, row - 1 - reach.before, -1), row, room)
        after, _ = _neighbours(bare, lines.dialogue, range(row + 1, row + 1 + reach.after), row, room - 1)
        laid.append([first, *bare[row], last, *_joined(before[::-1], last), *([last] if after else []), *_joined(after, last)])
    return Laid(laid, np.array([len(tokens) + 2 for tokens in bare], np.int64))


def _neighbours(bare: list[list[int]], dialogue: IntArray, rows: range, of: int, room: int) -> tuple[list[list[int]], int]:
    """The lines of the same dialogue in this order for as long as there is room, and the room that is left."""
    found = []
    for row in rows:
        if not 0 <= row < len(bare) or dialogue[row] != dialogue[of] or len(bare[row]) + 1 > room:
            break
        found.append(bare[row])
        room -= len(bare[row]) + 1
    return found, room


def _joined(lines: list[list[int]], mark: int) -> list[int]:
    return [token for line in lines for token in (*line, mark)]
