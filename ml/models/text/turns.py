"""Lines as an encoder reads them: stretches of a dialogue, windows, in which every line ends with a mark and is answered for.

A line is read with what stands in its window before and after it, and no line is read again for each of its neighbours (Cohan et al.
2019, sequential sentence classification). Where windows begin is drawn at random in training and varied in use, so that each line is seen
with more past and with more future. The speaker's name goes before each line, as a screenplay writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.features.text.encoder import Tokens
from ml.models.dataset import IntArray


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
    """How much of a dialogue is read at once: windows of at most `longest` tokens, of which a line has at most `line`."""

    longest: int = 128
    line: int = 48

    def __post_init__(self) -> None:
        if not 2 < self.line <= self.longest:
            raise ValueError(
                f"a line of up to {self.line} tokens must hold one beside its two marks and fit into a window of {self.longest}"
            )

    def within(self, places: int) -> Reach:
        """The same for an encoder that reads so many tokens at most."""
        return Reach(min(self.longest, places), min(self.line, places))


@dataclass(frozen=True)
class Window:
    """Rows (k,) of successive lines, the tokens of all, and how many are each line's, its closing mark included; the first is a mark."""

    rows: IntArray
    tokens: list[int]
    lengths: list[int]


@dataclass(frozen=True)
class Turns:
    """Lines as token ids without marks, those of one dialogue together; `first` and `last` are the encoder's marks."""

    said: list[list[int]]
    dialogues: list[IntArray]
    first: int
    last: int
    longest: int

    @classmethod
    def of(cls, lines: Lines, tokenise: Tokens, reach: Reach) -> Turns:
        """Tokenise `lines`."""
        named = [f"{who}: {text}" if who else text for who, text in zip(lines.speakers, lines.texts, strict=True)]
        first, last = tokenise([""], 2)[0]
        dialogues = np.split(np.arange(len(lines)), np.flatnonzero(np.diff(lines.dialogue)) + 1)
        return cls([tokens[1:-1] for tokens in tokenise(named, reach.line)], dialogues, first, last, reach.longest)

    def around(self, rows: IntArray) -> list[IntArray]:
        """The dialogues that hold any of `rows`."""
        wanted = np.zeros(len(self.said), bool)
        wanted[rows] = True
        return [dialogue for dialogue in self.dialogues if wanted[dialogue].any()]

    def cut(self, dialogue: IntArray, first_longest: int) -> list[Window]:
        """A dialogue in windows as long as they may be; the first has at most `first_longest` tokens, if its first line allows."""
        windows: list[list[int]] = []
        room = 0
        for row in dialogue.tolist():
            needed = len(self.said[row]) + 1
            if windows and needed <= room:
                windows[-1].append(row)
            else:
                room = (self.longest if windows else first_longest) - 1
                windows.append([row])
            room -= needed
        return [self._window(rows) for rows in windows]

    def _window(self, rows: list[int]) -> Window:
        tokens = [self.first, *(token for row in rows for token in (*self.said[row], self.last))]
        return Window(np.array(rows, np.int64), tokens, [len(self.said[row]) + 1 for row in rows])
