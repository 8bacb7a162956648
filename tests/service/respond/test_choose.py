"""A way of answering and what spoke for it: nothing is told as a reason that is not there."""

import dataclasses

import pytest

from corpus.terms import EMOTIONS
from service.domains.profile import profile, profiles
from service.respond.choose import Seen, choose
from service.states.read import STATES
from tests.emotions import shares

CALM = Seen("The train leaves at six.", "en", tuple(shares(neutral=0.88)), 0.1, dict.fromkeys(STATES, 0.3), 3, False)


@pytest.mark.parametrize("domain", sorted(profiles()))
def test_a_little_of_everything_is_no_reason(domain: str) -> None:
    told = set(choose(profile(domain), CALM).reasons)
    assert not told & {*STATES, *EMOTIONS[1:], "intensity", "first_turn", "long_talk", "agent_asked"}


def test_what_is_there_and_spoke_for_the_way_is_told() -> None:
    lost = dataclasses.replace(CALM, text="I don't understand anything.", states={**CALM.states, "confusion": 0.9}, turns=1)
    assert {"confusion", "first_turn", "is_lost"} & set(choose(profile("education"), lost).reasons)
    angry = dataclasses.replace(CALM, probabilities=tuple(shares(neutral=0.3, anger=0.4, fear=0.1)))
    assert "neutral" not in choose(profile("customer_service"), angry).reasons
