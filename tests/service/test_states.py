"""Frustration, satisfaction, engagement and confusion, read from words and from the course of emotions."""

import pytest

from corpus.terms import EMOTIONS
from ml.models.dialogue import Turn
from service.champion import Champion
from service.states.because import sentences
from service.states.read import MORE, STATES, State, StateReading, cues, feature_names, read_weights, states_at
from service.turns import detect_turns


def states(champion: Champion, *lines: str) -> dict[State, StateReading]:
    """Of the user's last turn, user and agent speaking in turn."""
    turns = [Turn(line, ("user", "agent")[i % 2]) for i, line in enumerate(lines)]
    return {one.state: one for one in states_at(turns, detect_turns(champion, turns).turns, len(turns) - 1)}


def test_what_is_learned_is_of_the_features_that_are_read_and_of_every_cue() -> None:
    cues = {name for name in feature_names() if name.removeprefix(MORE) not in EMOTIONS}
    for state in STATES:
        assert cues <= set(read_weights()[state].features) <= set(feature_names())


@pytest.mark.parametrize(
    ("state", "plain", "other"),
    [
        (State.FRUSTRATION, "I already told you twice and it still doesn't work!", "It works now, thank you so much."),
        (State.SATISFACTION, "That fixed it, thank you, exactly what I needed.", "Nothing happens when I press it."),
        (State.ENGAGEMENT, "Wow, that's interesting! What if we try it with three? Tell me more.", "whatever. can we stop"),
        (State.CONFUSION, "I don't understand, what do you mean by that? I'm lost.", "I got the receipt this morning."),
    ],
)
def test_plain_words_tell_the_state_and_others_do_not(champion: Champion, state: State, plain: str, other: str) -> None:
    there, not_there = (states(champion, line)[state] for line in (plain, other))
    assert there.there and not not_there.there
    assert there.reasons and there.value > not_there.value


def test_every_feature_is_told_in_a_sentence_of_its_own() -> None:
    told = sentences(feature_names())
    assert len(set(told)) == len(feature_names())
    assert all(one[0].isupper() and one.endswith(".") and len(one.split()) >= 3 for one in told)
    assert sentences(["thanks", "before: loud", "more anger"]) == (
        "The person says thanks.",
        "In the turn before, the words are loud.",
        "Anger rises against the turns before.",
    )


def test_cues_are_found_however_the_apostrophe_is_written_and_not_in_a_language_that_has_none() -> None:
    assert "does not work" in cues().found_in("It doesn’t work", "en")
    assert cues().found_in("It doesn't work", "de") == frozenset()


def test_who_was_frustrated_a_turn_ago_is_more_so_now_than_who_was_not(champion: Champion) -> None:
    before = states(champion, "I already told you twice and it still doesn't work!", "Let me look.", "Here is my number.")
    calm = states(champion, "Good morning.", "Let me look.", "Here is my number.")
    assert before[State.FRUSTRATION].value > calm[State.FRUSTRATION].value
