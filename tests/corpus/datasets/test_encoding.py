"""Only what has one possible reading is mended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.datasets.encoding import UNREADABLE, mend

MENDED = {
    b"it\x92s": "it’s",
    b"wait\x85": "wait…",
    b"\x93no\x94": "“no”",
    b"Nestl\xe9 bar": "Nestlé bar",
    "it\x92s".encode(): "it’s",
    "itâ€™s".encode(): "it’s",
    "itâ\x80\x99s": "it’s",
    "AdiÃ³s".encode(): "Adiós",
    "â€œnoâ€\x9d".encode(): "“no”",
}


@pytest.mark.parametrize("line", MENDED)
def test_windows_text_in_another_encoding_is_mended(line: bytes | str) -> None:
    assert mend(line if isinstance(line, bytes) else line.encode()) == (MENDED[line], True)


@pytest.mark.parametrize("text", ["it’s", "Adiós… “Nestlé” – no", "Ö–", "日本", "plain", "ÀÉ"])
def test_sound_text_stays_as_it_is(text: str) -> None:
    assert mend(text.encode()) == (text, False)


@pytest.mark.parametrize("line", [b"a\x81b", b"a\xe2\x80b", b"a\xf0\x9f\x98b"])
def test_a_lost_character_is_shown_and_not_guessed(line: bytes) -> None:
    text, mended = mend(line)
    assert UNREADABLE in text and not mended


@given(st.binary())
def test_any_bytes_become_text_without_surrogates(line: bytes) -> None:
    mend(line)[0].encode()


@given(st.text(st.characters(codec="utf-8", max_codepoint=0x7F)))
def test_ascii_is_never_touched(text: str) -> None:
    assert mend(text.encode()) == (text, False)
