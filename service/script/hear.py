"""A scene as the model hears it, from three sides: every line in its place, by itself, and left out.

What a line is read as rests on its words and on what stands around it. Hearing it without the scene, and the scene without it, tells the
two apart; hearing the scene without a neighbour tells which of them a reading hangs on. A line left out keeps its place and its speaker,
as where the networks are asked for their reasons (`ml.models.explain`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from corpus.terms import EMOTIONS
from ml.models.dataset import FloatArray
from ml.models.dialogue import HeardTurns, Turn
from service.champion import Champion

REACH = 12
"""Lines to each side that are heard where one is left out; further off the networks know a scene through its mood alone."""


@dataclass(frozen=True)
class HeardScene:
    """Of n lines: what they are read as in the scene, `alone` (n, 7) by their words, and each neighbourhood `with_it` and `without` it.

    The i-th neighbourhood begins at `first[i]`.
    """

    whole: HeardTurns
    alone: FloatArray
    first: tuple[int, ...]
    with_it: tuple[FloatArray, ...]
    without: tuple[FloatArray, ...]

    def around(self, row: int) -> FloatArray:
        """Probabilities (7,) that the scene around a line gives it, its words unheard."""
        return self.without[row][row - self.first[row]]

    def tipped_by(self, row: int, other: int) -> int | None:
        """The number of the emotion that a line is read as without another; None where it stays the same or they are too far apart."""
        at = row - self.first[other]
        if not 0 <= at < len(self.without[other]):
            return None
        named = int(self.whole.probabilities[row].argmax())
        before, after = int(self.with_it[other][at].argmax()), int(self.without[other][at].argmax())
        return after if before == named != after else None


def usual_language(heard: Sequence[HeardTurns]) -> str | None:
    """The language of most lines; None where nothing is known of any."""
    counts = Counter(code for one in heard for code in one.languages if code is not None)
    return counts.most_common(1)[0][0] if counts else None


def hear_scene(champion: Champion, turns: Sequence[Turn], whole: HeardTurns, language: str | None) -> HeardScene:
    """Hear a scene's lines by themselves and left out; `whole` is what is heard of them all together.

    Raises:
        WeightError: the text encoder is missing or damaged.
    """
    spans = [slice(max(0, at - REACH), min(len(turns), at + REACH + 1)) for at in range(len(turns))]
    entire = all(span.stop - span.start == len(turns) for span in spans)
    near = [] if entire else [list(turns[span]) for span in spans]
    left_out = [_without(turns[span], at - span.start) for at, span in enumerate(spans)]
    alone = champion.hear([[turn] for turn in turns], language)  # apart: dialogues that are heard together are as long as the longest
    heard, n = champion.hear([*left_out, *near], language), len(turns)
    without, with_it = heard[:n], [whole] * n if entire else heard[n:]
    return HeardScene(
        whole=whole,
        alone=_stacked([one.probabilities for one in alone]),
        first=tuple(span.start for span in spans),
        with_it=tuple(one.probabilities for one in with_it),
        without=tuple(one.probabilities for one in without),
    )


def _without(turns: Sequence[Turn], at: int) -> list[Turn]:
    return [*turns[:at], Turn("", turns[at].speaker), *turns[at + 1 :]]


def _stacked(parts: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate(parts) if parts else np.zeros((0, len(EMOTIONS)), np.float32)
