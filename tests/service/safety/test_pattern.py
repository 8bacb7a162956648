"""Rules are read as they are written, and what is wrong in one is told."""

import pytest

from corpus.terms import FeelmError
from service.safety.distress.fold import folded_word
from service.safety.distress.pattern import read_pattern


def matches(written: str, line: str, **sets: str) -> bool:
    return read_pattern(written, sets).expression.search("".join(f" {folded_word(word)}" for word in line.split())) is not None


@pytest.mark.parametrize(
    ("written", "line", "found"),
    [
        ("wanna (die|be dead)", "i wanna be dead now", True),
        ("wanna (die|be dead)", "i wanna be deaf", False),
        ("wanna _ die", "wanna just die", True),
        ("wanna _ die", "wanna just go die", False),
        ("wanna ... die", "wanna go away and die", True),
        ("wanna ... die", "wanna go | die", False),
        ("suicid*", "suicidal", True),
        ("end it all?", "end it", True),
        ("(just|really)? die", "die", True),
        ("i <wish> die", "i want to die", True),
    ],
)
def test_a_rule_finds_what_it_says(written, line, found):
    assert matches(written, line, wish="want to|wish to") is found


@pytest.mark.parametrize("written", ["(a|b", "a)", "(a||b)", "...", "a? b?", "<nothing> die"])
def test_a_rule_that_is_wrong_is_refused(written):
    with pytest.raises(FeelmError, match="rule"):
        read_pattern(written, {})


def test_keys_are_what_a_match_cannot_lack():
    assert read_pattern("i ... (kill|drown) myself?", {}).keys == {"kil", "dro"}


def test_wordings_are_all_ways_without_gaps():
    assert set(read_pattern("(a b|c) d?", {}).wordings()) == {"a b d", "a b", "c d", "c"}
