"""A scene as the model hears it, from three sides: every line in its place, by itself, and left out.

What a line is read as rests on its words and on what stands around it. Hearing it without the scene, and the scene without it, tells the
two apart; hearing the scene without a neighbour tells which of them a reading hangs on. A line left out keeps its place and its speaker,
as where the networks are asked for their reasons (`ml.models.explain`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.models.dataset import FloatArray, IntArray
from ml.models.dialogue import HeardTurns, Turn
from service.champion import Champion
from service.pieces import Pieces

REACH = 12
"""Lines to each side that are heard where one is left out; further off the networks know a scene through its mood alone."""

TOGETHER = 400
"""Turns that are heard in one pass, so that memory does not grow with the scene; one pass takes some half second."""


@dataclass(frozen=True)
class HeardScene:
    """Of n lines: what they are read as in the scene, `alone` (n, 7) by their words, and each line's neighbourhood `without` it.

    The i-th neighbourhood begins at `first[i]`; `with_it` holds those that were heard with the line too, by its row, since leaving it out
    might have tipped another.
    """

    whole: HeardTurns
    alone: FloatArray
    first: tuple[int, ...]
    without: tuple[FloatArray, ...]
    with_it: Mapping[int, FloatArray]

    def around(self, row: int) -> FloatArray:
        """Probabilities (7,) that the scene around a line gives it, its words unheard."""
        return self.without[row][row - self.first[row]]

    def tipped_by(self, row: int, other: int) -> int | None:
        """The number of the emotion that a line is read as without another; None where it stays the same or they are too far apart."""
        at = row - self.first[other]
        if other not in self.with_it or not 0 <= at < len(self.without[other]):
            return None
        named = int(self.whole.probabilities[row].argmax())
        before, after = int(self.with_it[other][at].argmax()), int(self.without[other][at].argmax())
        return after if before == named != after else None


def usual_language(heard: Sequence[HeardTurns]) -> str | None:
    """The language of most lines; None where nothing is known of any."""
    counts = Counter(code for one in heard for code in one.languages if code is not None)
    return counts.most_common(1)[0][0] if counts else None


def hear_scene(champion: Champion, turns: Sequence[Turn], whole: HeardTurns, language: str | None) -> Pieces[HeardScene]:
    """Hear a scene's lines by themselves and left out, in pieces; `whole` is what is heard of them all together.

    Raises:
        WeightError: the text encoder is missing or damaged.
    """
    spans = [slice(max(0, at - REACH), min(len(turns), at + REACH + 1)) for at in range(len(turns))]
    # Apart, since dialogues that are heard together are as long as the longest of them.
    alone = yield from _hear(champion, [[turn] for turn in turns], language)
    without = yield from _hear(champion, [with_words(turns[span], at - span.start, "") for at, span in enumerate(spans)], language)
    named = whole.probabilities.argmax(axis=1)
    may_tip = [at for at, span in enumerate(spans) if _others_differ(without[at].argmax(axis=1), named[span], at - span.start)]
    whole_spans = {at: whole.probabilities for at in may_tip if spans[at] == slice(0, len(turns))}
    rest = [at for at in may_tip if at not in whole_spans]
    neighbourhoods = yield from _hear(champion, [turns[spans[at]] for at in rest], language)
    with_it = dict(zip(rest, neighbourhoods, strict=True))
    return HeardScene(whole, np.concatenate(alone), tuple(span.start for span in spans), tuple(without), whole_spans | with_it)


def _hear(champion: Champion, dialogues: Sequence[Sequence[Turn]], language: str | None) -> Pieces[list[FloatArray]]:
    """Probabilities of the turns of each dialogue."""
    heard: list[FloatArray] = []
    each = max(1, TOGETHER // max((len(turns) for turns in dialogues), default=1))
    for begin in range(0, len(dialogues), each):
        heard += [one.probabilities for one in champion.hear(dialogues[begin : begin + each], language)]
        yield
    return heard


def with_words(turns: Sequence[Turn], at: int, text: str) -> list[Turn]:
    """The turns with other words in one, which keeps its place and its speaker; without any it is left out."""
    return [*turns[:at], Turn(text, turns[at].speaker), *turns[at + 1 :]]


def _others_differ(one: IntArray, other: IntArray, but: int) -> bool:
    """Whether another line than the one left out is read as another emotion."""
    differ = one != other
    differ[but] = False
    return bool(differ.any())
