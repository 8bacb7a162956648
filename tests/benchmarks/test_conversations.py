"""The written conversations: both halves of each domain, well formed, unlike each other, and the test halves as they were frozen."""

import itertools
import re
import shutil
from pathlib import Path

import pytest

from benchmarks.conversations import AGENT, USER, Conversation, conversations, digests, domains, frozen, unmeasured
from corpus.terms import EMOTIONS
from service.domains.profile import OWN_PROFILES, TEAM_PROFILES, Strategy, profiles
from service.states.read import State

LEAST = 105
MOST_SHARED = 5
"""Runs of five words that two conversations may share."""


def both(domain: str) -> list[Conversation]:
    return [one for half in ("dev", "test") for one in conversations(domain, half)]


def test_conversations_are_of_domains_that_can_be_asked_for_and_one_without_any_is_named_unmeasured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(domains()) <= set(profiles())
    shutil.copy(OWN_PROFILES / "education.yaml", tmp_path / "a_team.yaml")
    monkeypatch.setenv(TEAM_PROFILES, str(tmp_path))
    assert set(unmeasured()) == set(profiles()) - set(domains()) and "a_team" in unmeasured()


def test_the_test_halves_are_as_they_were_frozen() -> None:
    assert digests() == frozen()


@pytest.mark.parametrize("domain", domains())
def test_each_half_is_large_enough_and_uses_every_way_of_answering(domain: str) -> None:
    for half in ("dev", "test"):
        own = list(conversations(domain, half))
        assert len(own) >= LEAST
        assert {one.strategy for one in own} == set(Strategy)


@pytest.mark.parametrize("domain", domains())
def test_conversations_end_with_the_person_and_are_labelled_in_the_known_words(domain: str) -> None:
    for one in both(domain):
        assert one.turns[-1].speaker == USER and {turn.speaker for turn in one.turns} <= {USER, AGENT}, one.name
        for turn, emotion, states in zip(one.turns, one.emotions, one.states, strict=True):
            assert (emotion in EMOTIONS) is (turn.speaker == USER), one.name
            assert states <= set(State) and 1 <= len(turn.text.split()) <= 55, one.name
        assert one.strategy not in one.also and set(one.also) <= set(Strategy), one.name
        assert not re.search(r"@\w+\.|\b\d{6,}\b|https?://", " ".join(turn.text for turn in one.turns)), one.name


@pytest.mark.parametrize("domain", domains())
def test_no_two_conversations_are_alike(domain: str) -> None:
    runs = {}
    for one in both(domain):
        words = re.findall(r"[a-z']+", " ".join(turn.text for turn in one.turns).lower())
        runs[one.name] = set(zip(*(words[k:] for k in range(5)), strict=False))
    assert len(runs) == len(both(domain))
    assert [(a, b) for a, b in itertools.combinations(runs, 2) if len(runs[a] & runs[b]) > MOST_SHARED] == []
