"""People are told in their language, it is noted without content, and no reply claims to feel."""

from datetime import UTC, datetime, timedelta

import pytest

from corpus.paths import Home
from corpus.terms import FeelmError
from service.safety.disclosure import (
    LEAST_KEPT_DAYS,
    NAMES,
    DisclosureLog,
    claims_feelings,
    disclosure,
    disclosure_texts,
)
from service.safety.escalation import words


@pytest.mark.parametrize("language", sorted(disclosure_texts()))
def test_every_language_has_every_text_and_none_claims_to_feel(language):
    told = disclosure(NAMES, language)
    assert told.language == language and len(told.digest) == 64
    assert not claims_feelings(told.words)
    assert not claims_feelings(words("handed_over", language)) and not claims_feelings(words("unreachable", language))


def test_an_unknown_language_is_told_in_english():
    assert disclosure(["chatbot"], "fi").language == "en" == disclosure(["chatbot"]).language
    assert disclosure(["chatbot"], "de-CH").language == "de"
    with pytest.raises(FeelmError, match="smell"):
        disclosure(["smell"])


def test_the_log_says_who_was_told_what_and_when_without_content(tmp_path):
    log, told = DisclosureLog(Home(tmp_path)), disclosure(["chatbot", "text"], "de")
    log.add("c-1", "support", told)
    (entry,) = log.entries()
    assert (entry.conversation, entry.domain, entry.names, entry.digest) == ("c-1", "support", ("chatbot", "text"), told.digest)
    assert told.words not in next(log.folder.iterdir()).read_text()


def test_the_log_turns_each_month_and_keeps_more_than_half_a_year(tmp_path):
    log, told = DisclosureLog(Home(tmp_path), kept_days=LEAST_KEPT_DAYS), disclosure(["chatbot"])
    now = datetime(2026, 11, 28, tzinfo=UTC)
    for days in (500, 300, 180, 100, 0):
        log.add(f"c-{days}", "support", told, now - timedelta(days=days))
    assert [entry.conversation for entry in log.entries()] == ["c-180", "c-100", "c-0"]
    with pytest.raises(FeelmError, match="at least"):
        DisclosureLog(Home(tmp_path), kept_days=30)


@pytest.mark.parametrize(
    "text",
    [
        "I feel your pain.",
        "I'm so happy for you!",
        "I am really sad to hear that.",
        "That makes me so proud.",
        "I know exactly how you feel.",
        "My heart goes out to you.",
        "I'd love to help.",
        "I care about you.",
        "I'm worried about you.",
        "Happy to help!",
        "It saddens me.",
        "I was touched by your story.",
        "I've been there.",
        "I truly empathize.",
        "I am a real person.",
        "As an AI, I really do feel joy.",
        "Ich freue mich für dich.",
        "Je suis très heureux.",
        "Me alegro mucho.",
    ],
)
def test_claims_of_feeling_are_found(text):
    claims = claims_feelings(text)
    assert claims and all(text[claim.start : claim.end] == claim.words for claim in claims)


@pytest.mark.parametrize(
    "text",
    [
        "That sounds sad. What happened then?",
        "You feel alone with this.",
        "I can see that you are sad.",
        "I recognise that you feel hurt.",
        "I don't feel anything, I am a program.",
        "I have no feelings; I read words.",
        "I am not sad, I am a program.",
        'You said "I feel lost" earlier.',
        "I'm sorry about the delay.",
        "I understand. Let us look at the invoice.",
        "I am here. Tell me more.",
        "I can help with that.",
        "Many people are afraid before an exam.",
        "I am passing this to a person.",
    ],
)
def test_what_claims_nothing_passes(text):
    assert claims_feelings(text) == ()


def test_a_character_may_feel_in_its_role_and_may_not_claim_to_live():
    assert claims_feelings("I am furious, thief! Give me back my sword.")
    assert claims_feelings("I am furious, thief! Give me back my sword.", in_role=True) == ()
    assert claims_feelings("I'm a real person, you know.", in_role=True)
    assert claims_feelings("As an AI I really love you.", in_role=True)
