"""How somebody will react to what might be said next."""

import numpy as np
import pytest

from corpus.terms import EMOTIONS, FeelmError
from ml.models.dialogue import Turn
from service.anticipate import MOST_CANDIDATES, anticipate, foresee
from service.champion import Champion

SAID = [Turn("How dare you!", "anna"), Turn("I am so sorry.", "ben"), Turn("You lied to me again.", "anna")]


def test_each_candidate_has_the_reaction_of_whoever_it_is_said_to(champion: Champion) -> None:
    candidates = [Turn("This is wonderful, thank you!", "ben"), Turn("Something is in the dark.", "ben")]
    first, second = anticipate(champion, SAID, candidates)
    assert (first.who, second.who) == ("anna", "anna")
    assert [first.to, second.to] == candidates
    assert (first.sounds.emotion, second.sounds.emotion) == ("joy", "fear")
    assert first.probabilities != second.probabilities
    assert sum(first.probabilities) == pytest.approx(1, abs=1e-3)


def test_a_candidate_is_judged_as_if_it_were_alone(champion: Champion) -> None:
    one, other = Turn("What? You are here?", "ben"), Turn("Run!", "ben")
    together, alone = anticipate(champion, SAID, [other, one])[1], anticipate(champion, SAID, [one])[0]
    assert together.probabilities == pytest.approx(alone.probabilities, abs=1e-3)


def test_beside_it_stands_what_needs_no_model(champion: Champion) -> None:
    (reaction,) = anticipate(champion, SAID, [Turn("I am so sorry.", "ben")])
    told = {one.name: one for one in reaction.baselines}
    (heard,) = champion.hear([SAID])
    assert set(told) == {"persistence", "transitions", "answer", "majority"}
    assert told["persistence"].emotion == EMOTIONS[heard.so_far[2].argmax()]
    counts = np.array(champion.model.facts.follows["next"]).sum(axis=0)
    assert told["majority"].emotion == EMOTIONS[int(counts.argmax())]
    assert reaction.change is not None
    assert np.array(reaction.change) == pytest.approx(np.array(reaction.probabilities) - heard.so_far[2], abs=2e-3)


def test_of_somebody_who_has_not_spoken_nothing_persists(champion: Champion) -> None:
    (reaction,) = anticipate(champion, [], [Turn("How dare you!", "anna")])
    assert reaction.who is None and reaction.change is None
    assert {one.name for one in reaction.baselines} == {"answer", "majority"}


def test_over_a_talk_each_turn_is_foreseen_from_what_came_before(champion: Champion) -> None:
    whole, begun = foresee(champion, SAID), foresee(champion, SAID[:2])
    for long, short in zip(whole, begun, strict=False):
        assert long.probabilities == pytest.approx(short.probabilities, abs=1e-3)
    (asked,) = anticipate(champion, SAID[:2], SAID[2:])
    assert whole[2].probabilities == pytest.approx(asked.probabilities, abs=1e-3)


def test_no_candidate_too_many_and_no_turn_are_refused_by_name(champion: Champion) -> None:
    for count in (0, MOST_CANDIDATES + 1):
        with pytest.raises(FeelmError, match=f"1 to {MOST_CANDIDATES} candidates"):
            anticipate(champion, SAID, [Turn("Run!", "ben")] * count)
    with pytest.raises(FeelmError, match="no turn"):
        foresee(champion, [])
