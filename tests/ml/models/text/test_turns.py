"""Lines in windows of their dialogue: nothing of another dialogue, nothing over the limit, nothing left out."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.models.text.turns import Lines, Reach, Turns

FIRST, LAST = 1, 2


def tokenise(texts: Sequence[str], longest: int) -> list[list[int]]:
    """A token a word: numbers are their own tokens, other words are numbered from their letters."""
    words = [[int(word) if word.isdigit() else -sum(map(ord, word)) for word in text.split()] for text in texts]
    return [[FIRST, *own[: longest - 2], LAST] for own in words]


def lines(*texts: str, speakers: Sequence[str] = (), dialogue: Sequence[int] = ()) -> Lines:
    return Lines(texts, speakers or [""] * len(texts), np.array(dialogue or [0] * len(texts)))


def windows(turns: Turns, first_longest: int) -> list[tuple[list[int], list[int], list[int]]]:
    return [
        (window.rows.tolist(), window.tokens, window.lengths)
        for dialogue in turns.dialogues
        for window in turns.cut(dialogue, first_longest)
    ]


def test_a_window_begins_with_a_mark_and_each_of_its_lines_ends_with_one():
    turns = Turns.of(lines("10", "20 21", "30"), tokenise, Reach(longest=20, line=9))
    assert windows(turns, 20) == [([0, 1, 2], [1, 10, 2, 20, 21, 2, 30, 2], [2, 3, 2])]


def test_a_known_speaker_is_named_before_the_line():
    turns = Turns.of(lines("10", "20", speakers=("Ross", "")), tokenise, Reach(longest=20, line=9))
    ross = tokenise(["Ross:"], 9)[0][1]
    assert windows(turns, 20) == [([0, 1], [1, ross, 10, 2, 20, 2], [3, 2])]


def test_the_first_window_is_cut_where_it_is_told_and_the_others_where_they_are_full():
    turns = Turns.of(lines("10", "20", "30", "40", "50"), tokenise, Reach(longest=5, line=4))
    assert [rows for rows, _, _ in windows(turns, 5)] == [[0, 1], [2, 3], [4]]
    assert [rows for rows, _, _ in windows(turns, 3)] == [[0], [1, 2], [3, 4]]


def test_a_line_longer_than_the_first_window_may_be_stands_there_by_itself():
    turns = Turns.of(lines("10 11 12", "20"), tokenise, Reach(longest=9, line=9))
    assert [rows for rows, _, _ in windows(turns, 3)] == [[0], [1]]


def test_lines_alone_have_no_neighbours_and_are_cut_at_their_own_limit():
    turns = Turns.of(lines("10 11 12 13", "20").alone(), tokenise, Reach(line=5))
    assert windows(turns, 128) == [([0], [1, 10, 11, 12, 2], [4]), ([1], [1, 20, 2], [2])]


def test_dialogues_around_rows_are_those_that_hold_one():
    turns = Turns.of(lines("10", "20", "30", "40", dialogue=(3, 3, 5, 3)), tokenise, Reach())
    assert [dialogue.tolist() for dialogue in turns.around(np.array([1, 3]))] == [[0, 1], [3]]


@pytest.mark.parametrize(("longest", "line"), [(10, 11), (10, 2)])
def test_a_line_that_could_not_fit_into_a_window_is_refused(longest: int, line: int):
    with pytest.raises(ValueError, match="must hold one"):
        Reach(longest, line)


@given(
    st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=12),
    st.integers(3, 14),
    st.integers(0, 20),
    st.integers(3, 60),
)
def test_whatever_the_cut_every_line_is_in_one_window_whole_and_in_order(case, line, more, first_longest):
    parted = np.cumsum([new for _, new in case])
    said = Lines(
        [" ".join(str(100 * row + place + 100) for place in range(length)) for row, (length, _) in enumerate(case)],
        [""] * len(case),
        parted,
    )
    reach = Reach(line + more, line)
    turns = Turns.of(said, tokenise, reach)
    found = windows(turns, min(first_longest, reach.longest))
    assert [row for rows, _, _ in found for row in rows] == list(range(len(case)))
    for rows, tokens, lengths in found:
        assert len(tokens) <= reach.longest and len(set(parted[rows])) == 1
        ends = np.cumsum(lengths)
        assert tokens[0] == FIRST and len(tokens) == 1 + ends[-1]
        for row, end, length in zip(rows, ends.tolist(), lengths, strict=True):
            assert tokens[end + 1 - length : end + 1] == [*tokenise([said.texts[row]], line)[0][1:]]
    for (rows, tokens, _), (following, _, lengths) in pairwise(found[1:]):
        # A window that is not its dialogue's first ends where the next line would not fit.
        if parted[rows[0] - 1] == parted[rows[0]] == parted[following[0]]:
            assert len(tokens) + lengths[0] > reach.longest
