"""Text comes out as it was meant, whatever it was written with."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.safety.distress.fold import BOUNDARY, folded_word, plain, readings, tokens_of


def words(text: str) -> list[str]:
    return [token.text for token in tokens_of(text)]


@pytest.mark.parametrize(
    "written",
    [
        "SUICIDE",
        "suicíde",
        "ｓｕｉｃｉｄｅ",
        "𝓼𝓾𝓲𝓬𝓲𝓭𝓮",
        "ⓢⓤⓘⓒⓘⓓⓔ",
        "sᴜɪᴄɪᴅᴇ",
        "ѕuісіdе",
        "su\u200bici\u00adde",
        "s u i c i d e",
        "s.u.i.c.i.d.e",
        "5u1c1d3",
        "$uicide",
        "suuuiciiide",
    ],
)
def test_disguises_fall_off(written):
    assert folded_word("suicide") in {spelling for token in tokens_of(written) for spelling in token.spellings}


def test_a_sentence_s_end_stays_and_a_point_within_a_word_does_not():
    assert words("I went. k.i.l.l again") == ["i", "went", BOUNDARY, "kil", "again"]


def test_measures_are_no_disguise():
    assert words("take 20mg at 3am") == ["take", "20mg", "at", "3am"]
    assert readings("k1ll")[0] == "kil"


def test_a_one_may_be_an_i_or_an_l():
    assert {"kil", "kli"} & set(readings("k1l")) and "kil" in readings("ki1")


@given(st.text(max_size=200))
def test_every_token_stands_where_it_says(text):
    for token in tokens_of(text):
        assert 0 <= token.start < token.end <= len(text)
        assert token.text and token.text == token.text.lower()


@given(st.characters(max_codepoint=0x1FFFF, blacklist_categories=("Cs",)))
def test_folding_twice_changes_nothing(character):
    once = plain(character)
    assert "".join(map(plain, once)) == once or any(unicodedata.category(letter) == "So" for letter in once)
