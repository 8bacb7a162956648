"""Slots are filled from the person's own words: turned to them, whole, and only where saying them back does no harm."""

from __future__ import annotations

import re
import time
from string import Formatter

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from corpus.terms import EMOTIONS
from service.domains.profile import Slot, Strategy, Template
from service.respond.wording import LONGEST_WORDS, WORDING_FILE, Said, feeling, fill, topic, turned
from tests.emotions import WRITTEN

LANGUAGES = ("en", "de", "fr", "es", "pl", "")


def said(text: str, emotion: str = "anger", intensity: float = 0.5, language: str = "en") -> Said:
    return Said(text, emotion, intensity, language)


def back(text: str) -> str | None:
    return turned(said(text))


def about(text: str) -> str | None:
    return topic(said(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I have been waiting three weeks for my refund.", "you have been waiting three weeks for your refund"),
        ("Hi Anna, I ordered two chairs and my parcel never came!", "you ordered two chairs and your parcel never came"),
        ("I was told it would be here by 9 am.", "you were told it would be here by 9 am"),
        ("I never was told about the fee", "you never were told about the fee"),
        ("I wasn’t told about my new contract.", "you weren't told about your new contract"),
        ("We did it ourselves, my brother and I.", "you did it yourselves, your brother and you"),
        ("I moved to the US with my wife.", "you moved to the US with your wife"),
        ("I'd like to speak to somebody about my exam, please", "you'd like to speak to somebody about your exam"),
        ("My sister called yesterday and we argued.", "your sister called yesterday and you argued"),
        ("Nobody answers my emails.", "nobody answers your emails"),
        ("I paid 3.50 for it and they want more.", "you paid 3.50 for it and they want more"),
        ("So I was home, and still nobody came to fix our heating :(", "you were home, and still nobody came to fix your heating"),
        ("i waited there for my parcel , nobody came ...", "you waited there for your parcel, nobody came"),
        ("this morning i found my bike in the river lol", "this morning you found your bike in the river"),
        ("I've lost the thread completely, Bixby.", "you've lost the thread completely"),
        ("im so tired of my job", "you're so tired of your job"),
        ("I wrote three pages today. Can you read them?", "you wrote three pages today"),
        ("The dragon burned our village down!", "the dragon burned your village down"),
    ],
)
def test_a_clause_is_turned_to_whoever_said_it(text: str, expected: str):
    assert back(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Can I get my money back?",
        "can i get my money back",
        "my order is late can i get a refund",
        "I paid it twice, didn't I",
        "I paid my bill twice ...  ?",
        "I paid my bill twice\n?",
        "I paid my bill twice？",
        "I am wondering if my parcel is lost",
        "I paid it at the counter, right",
        "I am supposed to sign it where",
        "What I want is my money back",
    ],
)
def test_no_question_is_said_back(text: str):
    assert back(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "It was my fault that he left.",
        "I'm such an idiot for believing him.",
        "I hate myself for what I did.",
        "I should have known it was a trick.",
        "I am a burden to my family.",
        "I want to die and not wake up.",
        "My dog died in my arms yesterday.",
        "I cut my arm again last night.",
        "I'll kill my brother for this.",
        "My password is swordfish and it fails.",
        "My card number is 4111111111111111 as always.",
        "I wrote to me@example.org about my order.",
        "I fucking hate my job these days.",
        "I will sue the whole company.",
        "I failed my exam for the second time.",
    ],
)
def test_blame_harm_curses_and_secrets_are_not_said_back(text: str):
    assert back(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Give me my money back.",
        "every spanner that i own",
        "Every spanner I own is gone.",
        "Nothing we did or didn't do.",
        "Since breakfast, I believe.",
        "My new phone from the shop in town.",
        "When I opened the box that we ordered.",
        'I said "I am done with my job" to him.',
        "I told you that my parcel is late.",
        "I HAVE WAITED THREE WEEKS FOR THIS.",
        "I have {feeling} about my job today.",
        "I think <b>my order</b> is late again.",
        "I went to the counter and asked for the",
        "i miei amici sono andati via in Italia",
        "i i i i i i i",
        "Anna took my book from the table.",
        "I waited.",
        "I waited " + "and waited " * 9 + "for my order to come to my door.",
        "My father worked in a gold mine as I know.",
        "I read it in World War I and loved it.",
    ],
)
def test_what_does_not_stand_by_itself_is_not_said_back(text: str):
    assert back(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my phone rang in the middle of my exam", "your exam"),
        ("My boss yells at me in front of everyone.", "your boss"),
        ("My exam results are in.", "your exam results"),
        ("My parents fight every night", "your parents"),
        ("My little old dog ran away.", "your little old dog"),
        ("My answer ready, I went in.", "your answer"),
        ("I got stuck with this exercise.", "the exercise"),
        ("I know that nobody reads it, this happens.", None),
        ("My exam is on the table.", "your exam"),
        ("I called MY BANK today", "your bank"),
        ("My German teacher is ill.", "your German teacher"),
        ("It was my own fault, the whole thing.", None),
        ("my best is not enough", None),
        ("It ended on the twenty-second.", None),
        ("my bank account number is wrong", None),
        ("our turn, my money off, thanks", "your money"),
        ("I sat down by the window and waited.", None),
        ("I gave up, the exam is too hard", "the exam"),
        ("Tell me about the dragon.", "the dragon"),
        ("", None),
    ],
)
def test_what_it_is_about_ends_where_the_thing_ends(text: str, expected: str | None):
    assert about(text) == expected


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_every_emotion_but_neutral_has_a_word_for_each_strength(language: str):
    words = {(emotion, strength): feeling(said("", emotion, strength, language)) for emotion in WRITTEN for strength in (0.1, 0.5, 0.9)}
    assert {emotion for emotion, strength in words if words[emotion, strength] is None} == {"neutral"}
    named = [word for word in words.values() if word is not None]
    assert len(set(named)) == len(named) == 18


def test_a_language_without_words_has_no_slots():
    for slot in Slot:
        assert fill(Template(Strategy.OTHER, f"Well, {{{slot}}}.", "pl"), said("I lost my dog in my street", language="pl")) is None


def test_every_word_in_the_rules_is_a_text():
    """YAML takes `on`, `off`, `no` and `true` for something else."""
    raw = yaml.safe_load(WORDING_FILE.read_text(encoding="utf-8"))
    for part in (raw["en"]["said"], raw["en"]["about"]):
        for name, words in part.items():
            for word in words if isinstance(words, list) else [*words, *words.values()] if isinstance(words, dict) else [words]:
                assert isinstance(word, str), (name, word)
                assert word.strip() == word and word, (name, word)


SIGNS = ("?", "!", ".", "...", ";", ",", "{", "}", "{said}", "{0}", "%", '"', "'", "’", "(", ")", ":)", "\n", "\u200b", "\u202e", "漢")
WORDS = (
    "I i'm my we our US me mine was am were wasn't never you the this that is order exam exam? parcel why when can could do right lol "
    "fault password died and but so waiting for three weeks nobody answers called rang results 12345 3.50"
)
CLAUSES = (
    "I waited three weeks for my order",
    "My sister called me in the evening.",
    "so we lost our way to the house",
    "nobody told me about my exam",
)
PIECES = st.sampled_from((*SIGNS, *WORDS.split(), *CLAUSES, *CLAUSES))
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=20).map(" ".join))
TEMPLATES = st.lists(
    st.sampled_from(["So ", "{said}", "{topic}", "{feeling}", ", and ", " is ", "about ", "."]), min_size=1, max_size=6
).map(lambda parts: Template(Strategy.OTHER, "".join(parts), "en"))


@given(TEMPLATES, TEXTS, st.sampled_from(EMOTIONS), st.floats(0, 1), st.sampled_from(LANGUAGES))
def test_filling_leaves_no_brace_and_never_fails(template: Template, text: str, emotion: str, intensity: float, language: str):
    found = fill(template, Said(text, emotion, intensity, language))
    assert found is None or not {"{", "}"} & set(found)
    assert found is None or not [name for _, name, _, _ in Formatter().parse(found) if name is not None]


@given(TEXTS)
def test_what_is_said_back_is_short_and_no_question_and_speaks_of_the_other(text: str):
    found = back(text)
    if found is None:
        return
    assert not re.search(r"[?？؟¿]|^(who|what|when|where|why|how|which|can|could|do|does|did|is|are|am|was|will|would|should)\b", found)
    assert not re.search(r"\b(i|i'm|me|my|we|our|myself|you was|you am)\b", found, re.IGNORECASE)
    assert len(re.findall(r"[\w'-]+", found)) <= LONGEST_WORDS and found.isprintable()


@given(st.lists(PIECES, min_size=1, max_size=12).map(" ".join))
def test_a_sentence_that_ends_with_a_question_mark_is_not_said_back(text: str):
    whole = re.sub(r"[.!;\n…]", "", text) + "?"
    assert back(whole) is None


@given(TEXTS)
def test_what_it_is_about_is_named_as_the_listeners_or_by_the(text: str):
    found = about(text)
    assert found is None or re.fullmatch(r"(your|the)( [^\W\d_][\w'-]*){1,4}", found)


@pytest.mark.parametrize(
    "text", ["\n" * 200_000, " :)" * 60_000 + "a", "so " * 90_000, "my my " * 60_000, "I waited. " * 30_000, "(" * 90_000, "?" * 300_000]
)
def test_a_hostile_text_costs_little(text: str):
    begun = time.process_time()
    back(text), about(text)
    assert time.process_time() - begun < 1.0


def test_a_template_that_would_say_the_same_twice_is_left_out():
    wrote = Template(Strategy.QUESTION, "You wrote that {said}.", "en")
    assert fill(wrote, Said("I wrote three times and nobody answers!", "anger", 0.9, "en")) is None
    assert (
        fill(wrote, Said("I have been waiting for my lamp.", "anger", 0.9, "en")) == "You wrote that you have been waiting for your lamp."
    )
