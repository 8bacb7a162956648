"""Sounds in subtitles: told apart from words, with an emotion only where the word for them is plain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.features.text.sounds import SOUNDS, described, described_in, hint, near, sum_of
from tests.emotions import WRITTEN


@pytest.mark.parametrize(
    ("words", "emotion"),
    [
        ("sobbing", "sadness"), ("Crying", "sadness"), ("LAUGHS", "joy"), ("crowd cheering", "joy"), ("woman screams", "fear"),
        ("gasps", "surprise"), ("retching", "disgust"), ("snarling angrily", "anger"), ("ominous music", "fear"), ("upbeat music", "joy"),
    ],
)  # fmt: skip
def test_a_plain_word_gives_a_hint(words, emotion):
    assert hint(words) == emotion


@pytest.mark.parametrize(
    "words",
    ["sighs", "evil laughter", "nervous laughter", "laughing and crying", "tires screaming", "dog growls", "engine roars", "in French"],
)
def test_what_may_be_anything_gives_none(words):
    assert hint(words) is None


def test_descriptions_are_found_beside_what_is_said():
    found = described_in("[SOBBING] I can't (whispers) go on <i>(screams)</i>", "I can't go on")
    assert (found.sounds, found.music, found.words) == (3, 0, ("SOBBING", "whispers", "screams"))
    told = dict(zip([d.name for d in SOUNDS], found.row, strict=True))
    assert told == dict.fromkeys(told, 0) | {"described_sounds": 3, "sound_fear": 1, "sound_sadness": 1}
    assert {"described_music", *(f"sound_{emotion}" for emotion in WRITTEN if emotion != "neutral")} <= set(told)


def test_brackets_around_words_that_are_said_describe_nothing():
    assert described_in("I told her (all of it).", "I told her (all of it).").sounds == 0


def test_a_sound_belongs_to_the_one_voice_of_a_cue_in_which_it_stands():
    cue = "- [sobbing] Don't go.\n- I have to."
    assert described_in(cue, "Don't go.").sounds == 1 and described_in(cue, "I have to.").sounds == 0


def test_songs_and_music_are_music():
    assert described_in("♪ Happy birthday ♪").music == 1 and described_in("♪").music == 1
    sad = described("sad music playing")
    assert (sad.sounds, sad.music) == (0, 1) and sad.row[SOUNDS.index(next(d for d in SOUNDS if d.name == "sound_sadness"))] == 1


@given(st.text(max_size=80), st.text(max_size=20))
def test_any_cue_is_read(raw, said):
    found = described_in(raw, said)
    assert found.sounds >= 0 and sum(found.felt) <= found.sounds + found.music and len(found.row) == len(SOUNDS)


def test_parts_add_up():
    assert sum_of([described("sobs"), described("laughs"), described("♪")]).row[:3] == [2, 1, 1]


def test_near_is_within_the_margin():
    assert near([(0, 100), (500, 600), (2000, 2100)], 200, 450, 60) == [1]
    assert near([(0, 100), (500, 600), (2000, 2100)], 200, 450, 101) == [0, 1]
