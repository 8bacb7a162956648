"""A line in its dialogue as tokens: nothing of another dialogue, nothing over the limit, the nearest lines first."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.models.text.turns import Lines, Reach, lay_out

FIRST, LAST = 1, 2


def tokenise(texts: Sequence[str], longest: int) -> list[list[int]]:
    """A token a word: numbers are their own tokens, other words are numbered from their letters."""
    words = [[int(word) if word.isdigit() else -sum(map(ord, word)) for word in text.split()] for text in texts]
    return [[FIRST, *own[: longest - 2], LAST] for own in words]


def lines(*texts: str, speakers: Sequence[str] = (), dialogue: Sequence[int] = ()) -> Lines:
    return Lines(texts, speakers or [""] * len(texts), np.array(dialogue or [0] * len(texts)))


def test_the_line_comes_first_then_the_past_in_order_then_a_mark_and_the_future():
    laid = lay_out(lines("10", "20 21", "30", "40", "50"), tokenise, Reach(before=2, after=2))
    assert laid.tokens[2] == [1, 30, 2, 10, 2, 20, 21, 2, 2, 40, 2, 50, 2]
    assert laid.tokens[0] == [1, 10, 2, 2, 20, 21, 2, 30, 2]
    assert laid.tokens[4] == [1, 50, 2, 30, 2, 40, 2]
    assert laid.own.tolist() == [3, 4, 3, 3, 3]


def test_a_known_speaker_is_named_before_the_line_and_before_its_neighbours():
    laid = lay_out(lines("10", "20", speakers=("Ross", "")), tokenise, Reach(before=1, after=1))
    ross = tokenise(["Ross:"], 9)[0][1]
    assert laid.tokens == [[1, ross, 10, 2, 2, 20, 2], [1, 20, 2, ross, 10, 2]]
    assert laid.own.tolist() == [4, 3]


def test_a_line_that_does_not_fit_ends_the_past_even_if_an_earlier_one_would():
    reach = Reach(before=3, after=0, longest=8)
    assert lay_out(lines("10", "20 21 22 23 24 25", "30", "40"), tokenise, reach).tokens[3] == [1, 40, 2, 30, 2]


def test_lines_alone_have_no_neighbours_and_are_cut_at_their_own_limit():
    laid = lay_out(lines("10 11 12 13", "20").alone(), tokenise, Reach(line=5))
    assert laid.tokens == [[1, 10, 11, 12, 2], [1, 20, 2]] and laid.own.tolist() == [5, 3]


@st.composite
def dialogues(draw: st.DrawFn) -> tuple[Lines, Reach]:
    """Lines whose every token is of one line alone: its number times 100 and more."""
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=12))
    texts = [" ".join(str(100 * row + place + 100) for place in range(length)) for row, length in enumerate(lengths)]
    parted = np.cumsum([draw(st.booleans()) for _ in lengths])
    line = draw(st.integers(3, 14))
    reach = Reach(draw(st.integers(0, 4)), draw(st.integers(0, 3)), draw(st.integers(line, 40)), line)
    return Lines(texts, [""] * len(texts), parted), reach


@given(dialogues())
def test_whatever_the_dialogue_and_the_room_a_line_has_its_own_neighbours_nearest_first(case):
    said, reach = case
    bare = [tokens[1:-1] for tokens in tokenise(said.texts, reach.line)]
    laid = lay_out(said, tokenise, reach)
    for row, tokens in enumerate(laid.tokens):
        assert len(tokens) <= reach.longest
        assert tokens[: laid.own[row]] == [FIRST, *bare[row], LAST] and tokens[-1] == LAST
        # Whole lines by their numbers; None is the mark between past and future.
        rest = [(*own,) for mark, own in groupby(tokens[laid.own[row] :], lambda token: token == LAST) if not mark]
        near = [own[0] // 100 - 1 for own in rest]
        assert [list(own) for own in rest] == [bare[other] for other in near]
        past, future = [other for other in near if other < row], [other for other in near if other > row]
        assert near == past + future == [*range(row - len(past), row), *range(row + 1, row + 1 + len(future))]
        assert len(past) <= reach.before and len(future) <= reach.after
        assert all(said.dialogue[other] == said.dialogue[row] for other in near)
        assert tokens.count(LAST) == 1 + len(near) + bool(future)
        # Where less of the past is there than was asked for, the next line is of another dialogue or does not fit.
        further = row - len(past) - 1
        room = reach.longest - laid.own[row] - sum(len(bare[other]) + 1 for other in past)
        if len(past) < reach.before and further >= 0 and said.dialogue[further] == said.dialogue[row]:
            assert len(bare[further]) + 1 > room
