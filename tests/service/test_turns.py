"""Turns as answers: the same numbers as the networks gave, with their names, and why."""

import pytest

from corpus.terms import EMOTIONS, FeelmError
from ml.models.dialogue import Turn
from service.champion import Champion
from service.detect import UNCERTAIN_BELOW
from service.turns import detect_turns, turns_of_text

TALK = (Turn("How dare you!", "anna"), Turn("I am so sorry.", "ben"), Turn("Leave me alone.", "anna"))


def test_an_answer_has_the_numbers_of_the_networks(champion: Champion) -> None:
    (heard,) = champion.hear([TALK])
    for turn, probabilities, levels in zip(detect_turns(champion, TALK).turns, heard.probabilities, heard.levels, strict=True):
        assert turn.probabilities == pytest.approx(probabilities, abs=1e-4)
        assert (turn.intensity, turn.valence, turn.arousal) == pytest.approx(tuple(levels), abs=1e-4)
        assert turn.emotion == EMOTIONS[probabilities.argmax()] and turn.confidence == pytest.approx(probabilities.max(), abs=1e-4)


def test_each_turn_says_what_it_rests_on_where_that_is_asked(champion: Champion) -> None:
    told = detect_turns(champion, TALK, explain=True).turns
    assert all(turn.why is not None and turn.why.emotion == turn.emotion for turn in told)
    words = {line.name for turn in told if turn.why for line in turn.why.lines}
    assert words <= {turn.text for turn in TALK}
    assert [part.name for part in told[0].why.modalities] == ["text"] if told[0].why else False
    assert all(turn.why is None for turn in detect_turns(champion, TALK).turns)


def test_what_cannot_be_read_is_uncertain_whatever_the_prior_says(champion: Champion) -> None:
    (german,) = detect_turns(champion, [Turn("Das habe ich dir doch schon dreimal gesagt, warum hörst du mir nie zu?")]).turns
    assert (german.read, german.uncertain, german.language) == (False, True, "de")
    (sure,) = detect_turns(champion, [Turn("This is wonderful, thank you!")]).turns
    assert sure.read and sure.uncertain == (sure.confidence < UNCERTAIN_BELOW)


def test_every_answer_carries_its_origin(champion: Champion) -> None:
    assert detect_turns(champion, TALK).origin == champion.origin


def test_a_text_is_a_turn_a_line_and_empty_lines_are_none() -> None:
    assert turns_of_text("  How dare you!\n\n\tGo. \r\n") == (Turn("How dare you!"), Turn("Go."))
    with pytest.raises(FeelmError, match="at least one line"):
        turns_of_text(" \n\t")
