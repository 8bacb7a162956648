"""Word errors against hand-counted ones and against a plain edit distance."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.word_errors import bare_words, word_errors


def test_bare_words_have_no_case_punctuation_or_small_figures():
    assert bare_words("“It's TEN minutes,” he said — to 3 o’clock.") == ["it's", "ten", "minutes", "he", "said", "to", "three", "o'clock"]


def test_each_kind_of_error_is_counted_and_right_words_are_told():
    found = word_errors(["the", "cat", "sat", "on", "the", "mat"], ["the", "hat", "sat", "on", "mat", "now"])
    assert (found.substituted, found.deleted, found.inserted, found.reference) == (1, 1, 1, 6)
    assert found.right == (True, False, True, True, True, False)
    assert found.rate == 0.5


def test_nothing_heard_is_every_word_missing_and_nothing_said_is_every_word_made_up():
    assert word_errors(["a", "b"], []).deleted == 2
    assert word_errors([], ["a", "b"]).inserted == 2


@given(st.lists(st.sampled_from("abc"), max_size=7), st.lists(st.sampled_from("abc"), max_size=7))
def test_errors_are_the_edit_distance_and_right_words_are_the_rest(reference, heard):
    @cache
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        same = reference[i - 1] == heard[j - 1]
        return min(distance(i - 1, j - 1) + (not same), distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    found = word_errors(reference, heard)
    assert found.errors == distance(len(reference), len(heard))
    assert sum(found.right) == len(heard) - found.substituted - found.inserted == len(reference) - found.substituted - found.deleted
