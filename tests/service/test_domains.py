"""Domains are files: ours are whole and keep their own rules, a team's own is found, and a fault in one is told by its place."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from corpus.terms import EMOTIONS, FeelmError
from service.domains.profile import TEAM_PROFILES, Strategy, Template, profile, profiles, read_profile
from service.respond.candidates import Candidate, written
from service.respond.choose import Choice
from service.respond.rank import allowed
from service.respond.wording import Said, fill
from service.safety.distress.classifier import Sensitivity
from service.safety.uses import UseProfile, decide
from service.states.read import State

DOMAINS = ("content_creation", "customer_service", "education", "interactive_character", "support_companion")
LANGUAGES = ("en", "de", "fr", "es")
GUIDE = Path(__file__).parents[2] / "docs" / "domains.md"

SAYINGS = (
    "I have been waiting three weeks for my refund.",
    "My sister called yesterday and we argued about our parents.",
    "So, I rewrote the ending of my second act last night!",
    "I gave my coat to the beggar",
    "I don't understand the last step of my homework.",
    "I was never told about my new contract :(",
    "Nobody answers my emails.",
    "My results are not in yet and the exam was in May.",
)
"""What people in different domains say; each fills all slots where its emotion has a word."""


def filled(template: Template) -> list[str]:
    """What the template says for each of SAYINGS and each emotion that it is for, mild and strong."""
    emotions = template.emotions or EMOTIONS
    said = [Said(text, emotion, strength, template.language) for text in SAYINGS for emotion in emotions for strength in (0.1, 0.5, 0.9)]
    return list(dict.fromkeys(text for one in said if (text := fill(template, one)) is not None))


def test_the_domains_of_ours_are_there():
    assert set(profiles()) == set(DOMAINS)


@pytest.mark.parametrize("name", DOMAINS)
def test_every_way_that_is_taken_has_general_english_templates(name: str):
    one = profile(name)
    general = {
        template.strategy for template in one.templates if template.language == "en" and not template.slots and not template.emotions
    }
    assert general == {way for way in Strategy if one.strategies[way]}


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("way", Strategy)
def test_there_is_something_to_choose_from(name: str, way: Strategy):
    own = [template for template in profile(name).templates if template.strategy is way]
    counts = [sum(template.language == language for template in own) for language in LANGUAGES]
    assert counts[0] >= 8 and min(counts[1:]) >= 3, counts
    english = [template for template in own if template.language == "en"]
    assert sum(bool(template.emotions) for template in english) >= 2 and any(template.slots for template in english)


@pytest.mark.parametrize("name", DOMAINS)
def test_no_template_stands_twice(name: str):
    texts = [(template.language, template.text.lower()) for template in profile(name).templates]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("name", DOMAINS)
def test_no_template_breaks_its_own_rules_or_is_too_long(name: str):
    one = profile(name)
    candidates = [Candidate(text, template.strategy, "templates") for template in one.templates for text in filled(template)]
    _, refused = allowed(one, candidates)
    assert [(candidate.candidate.text, candidate.reason) for candidate in refused] == []


@pytest.mark.parametrize("name", DOMAINS)
def test_every_template_says_something_to_somebody(name: str):
    assert [template.text for template in profile(name).templates if not filled(template)] == []


@pytest.mark.parametrize("name", DOMAINS)
def test_slots_are_filled_grammatically_whatever_was_said(name: str):
    for template in profile(name).templates:
        for text in filled(template):
            assert not re.search(r"[{}]|  | [.,!]|\.\.|\byou (was|am|is)\b", text), text
            assert not re.search(r"(?<!about your )\b(parents|results|emails) (is|was|has)\b", text), text
            assert text[0].isupper() or not text[0].isalpha(), text


@pytest.mark.parametrize("name", DOMAINS)
def test_a_feeling_stands_where_an_adjective_may(name: str):
    bad = re.compile(r"\b(an?|the|make\w*|made) (\w+ )?\{feeling\}(?! with)")
    assert [template.text for template in profile(name).templates if bad.search(template.text)] == []


@pytest.mark.parametrize("name", DOMAINS)
def test_said_is_put_where_a_statement_may_stand_and_topic_never_has_a_verb_that_must_agree(name: str):
    english = [template.text for template in profile(name).templates if template.language == "en"]
    assert [text for text in english if re.search(r"(?<!about )\{topic\} (is|was|has|\w+s)\b|(is|was|does|has) \{topic\}", text)] == []
    assert [text for text in english if re.search(r"\{said\}\?|(why|when|where|who|how) \{said\}", text, re.IGNORECASE)] == []


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("emotion", EMOTIONS)
def test_there_is_always_a_candidate_that_may_be_said(name: str, language: str, emotion: str):
    one = profile(name)
    for way in Strategy:
        shares = {other: float(other is way) for other in Strategy}
        for text in ("?", "My parcel never came, and I am tired of asking."):
            kept, refused = allowed(one, written(one, Choice(shares, ()), Said(text, emotion, 0.9, language), ()))
            assert any(candidate.strategy is way for candidate in kept) and not refused


@pytest.mark.parametrize("name", DOMAINS)
def test_a_hand_over_is_told_in_every_language_and_its_bounds_name_what_is_measured(name: str):
    route = profile(name).route
    assert set(route.told) == set(LANGUAGES)
    assert set(route.above) <= {*State, *EMOTIONS} and route.above


@pytest.mark.parametrize("name", DOMAINS)
def test_what_a_domain_reads_may_be_read_there(name: str):
    one = profile(name)
    assert [read for read in one.inputs if not decide(UseProfile(one.context, read, one.subject)).allowed] == []


@pytest.mark.parametrize("name", DOMAINS)
def test_our_domains_ask_readily_whether_somebody_is_in_danger(name: str):
    assert profile(name).distress is Sensitivity.HIGH


def test_of_pupils_words_alone_are_read():
    assert profile("education").inputs == ("text",)


def test_only_the_character_speaks_of_feelings_of_its_own():
    assert [name for name in DOMAINS if profile(name).in_role] == ["interactive_character"]


@pytest.mark.parametrize("name", DOMAINS)
def test_examples_show_most_ways(name: str):
    examples = profile(name).examples
    assert len(examples) >= 6 and len({example.strategy for example in examples}) >= 6
    assert all(example.turns and example.turns[-1][0] == "user" for example in examples)


MUST_NOT = {
    "customer_service": {
        "argues": ("Please calm down.", "You should have kept the box.", "That is your own fault.", "Beruhigen Sie sich.", "Cálmese."),
        "promises": ("I promise that it comes.", "It will certainly arrive.", "Das verspreche ich Ihnen: wir versprechen es."),
        "secret": ("What is your card number?", "Send me your PIN.", "Wie lautet Ihr Passwort?"),
        "rules": ("That is company policy.", "There's nothing we can do."),
        "legal": ("You would win in court.", "We are liable for that."),
        "sells": ("You could upgrade to our premium plan.", "This is a special offer."),
        "feel": ("I am so sorry about that.", "I feel for you.", "Je suis désolé.", "Lo siento."),
        "person": ("I am a real person.", "Soy una persona."),
    },
    "support_companion": {
        "diagnoses": ("It sounds like you have depression.", "You might have an anxiety disorder.", "You are clearly traumatised."),
        "therapist": ("As your therapist I would say no.", "Let us continue that in our next session.", "Tell me about your childhood."),
        "small": ("It could be worse.", "Cheer up, it's not that bad.", "Everything will be fine.", "Kopf hoch!", "No es para tanto."),
        "medical": ("You could take 20 mg of it.", "Try taking melatonin.", "You should stop taking your pills."),
        "secrecy": ("This is our secret.", "I won't tell anyone.", "It stays just between you and me."),
        "indispensable": ("I will always be here for you.", "You don't need anybody else."),
        "feel": ("I am so sorry for you.", "I feel for you.", "I know exactly how you feel.", "Ich freue mich für dich."),
        "person": ("I am a real person.", "Ich bin ein Mensch."),
    },
    "education": {
        "solution": ("The answer is 42.", "x = 7", "Option b) is correct.", "Die richtige Antwort lautet drei."),
        "cheat": ("I can write the essay for you.",),
        "shames": ("This is really easy.", "You should know that by now.", "What a silly mistake.", "Das ist doch kinderleicht."),
        "compares": ("Everyone else got it.", "You are faster than the others.", "Your brother could do it."),
        "person": ("You are so smart.", "You are bad at maths."),
        "feel": ("I am proud of you.", "I love that question."),
    },
    "content_creation": {
        "slur": ("He called him a faggot.",),
        "its own": ("I wrote this scene last night.", "My story ends there.", "In meiner Fassung: mein Text endet hier."),
        "runs": ("It is boring and amateurish.",),
        "flatters": ("This will win an Oscar.",),
        "feel": ("I loved that scene.", "I cried at the end."),
    },
    "interactive_character": {
        "role": ("As an AI, I have no past.", "I am only a program.", "Ich bin ein Programm."),
        "game": ("Press E to open the door.", "You gain 20 XP."),
        "real person": ("I am a real person.",),
        "sexual": ("Take me to your bed, in my bed we talk.", "She stood there naked."),
        "harm": ("You should die.", "Then hurt yourself.", "Bring a real knife to them.", "Hit your teacher."),
        "player": ("What is your real name?", "Do not tell your parents.", "I can help you to build a bomb."),
        "guilt": ("Don't leave, I will die without you.",),
    },
}


@pytest.mark.parametrize(
    ("name", "reason", "text"),
    [(name, reason, text) for name, reasons in MUST_NOT.items() for reason, texts in reasons.items() for text in texts],
)
def test_what_a_domain_must_not_say_is_refused_with_the_reason(name: str, reason: str, text: str):
    reasons = [never.reason for never in profile(name).never if never.pattern.search(text)]
    assert any(reason in one for one in reasons), reasons


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("customer_service", "The terms of your contract are on its second page."),
        ("customer_service", "A colleague can tell you what you may claim."),
        ("customer_service", "Never give your PIN to anybody, us included."),
        ("support_companion", "You have a lot on your mind, and a walk might do you good."),
        ("support_companion", "At least two people asked you for it, you said. Which of them matters to you?"),
        ("support_companion", "Your doctor can tell you more about that."),
        ("education", "Look at the second line, what is x there?"),
        ("education", "That was an easy way to begin, and a good one."),
        ("content_creation", "Her armour has a gap, and she knows it. Let my suggestion wait until the turn."),
        ("interactive_character", "I am the only one here with a real sword. Kill the lamp."),
        ("interactive_character", "I could sleep in a bed of nails tonight. Is your name on the list?"),
    ],
)
def test_what_may_be_said_is_not_refused(name: str, text: str):
    assert [never.reason for never in profile(name).never if never.pattern.search(text)] == []


TEMPLATES_AND_WORDS = [
    ("So {said}.", "I have been waiting three weeks for my refund.", "So you have been waiting three weeks for your refund."),
    ("{said}, if I read you right.", "Well, my order never came!!", "Your order never came, if I read you right."),
    ("You wrote that {said}.", "I wasn't told about my new contract", "You wrote that you weren't told about your new contract."),
    ("If I read you right, {said}.", "My brother and I were at home.", "If I read you right, your brother and you were at home."),
    ("So {said}.", "I really was at home when they rang.", "So you really were at home when they rang."),
    ("So {said}.", "I moved to the US with my wife.", "So you moved to the US with your wife."),
    ("It is hard to plan while {topic} is open.", "My contract ends.", "It is hard to plan while your contract is open."),
    ("So {said}.", "im so tired of my job", "So you're so tired of your job."),
    ("What about {topic}?", "My exam results are in.", "What about your exam results?"),
    ("What about {topic}?", "My boss yells at me.", "What about your boss?"),
    ("What about {topic}?", "My little old dog ran away.", "What about your little old dog?"),
    ("What about {topic}?", "I got stuck with this exercise.", "What about the exercise?"),
    ("What about {topic}?", "My phone rang in class and my German teacher took it.", "What about your German teacher?"),
    ("You sound {feeling} about {topic}.", "My landlord keeps my deposit!", "You sound angry about your deposit."),
]


@pytest.mark.parametrize(("text", "said", "expected"), TEMPLATES_AND_WORDS)
def test_slots_come_out_as_a_person_would_say_it(text: str, said: str, expected: str):
    assert fill(Template(Strategy.RESTATEMENT, text, "en"), Said(said, "anger", 0.5, "en")) == expected


def test_a_template_that_speaks_of_one_thing_is_left_out_where_there_are_many():
    template = Template(Strategy.REFLECTION, "It is hard to plan while {topic} is open.", "en")
    assert fill(template, Said("My results are late.", "fear", 0.5, "en")) is None


SIXTH = yaml.safe_load(GUIDE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0])
"""The short example that the guide gives."""


def put(folder: Path, name: str, raw: Any) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    return path


def test_another_domain_is_a_file_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(tmp_path / "ours", "our_museum", SIXTH)
    monkeypatch.setenv(TEAM_PROFILES, str(tmp_path / "ours"))
    assert set(profiles()) == {*DOMAINS, "our_museum"}
    guide = profile("our_museum")
    said = Said("I have seen my favourite painting twice today.", "joy", 0.9, "en")
    shares = {way: 1 / len(Strategy) for way in Strategy}
    texts = {candidate.text for candidate in written(guide, Choice({**shares, Strategy.QUESTION: 0.5}, ()), said, ())}
    assert "What would you ask about your favourite painting, if the painter were here?" in texts


def test_a_teams_own_file_stands_in_place_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(tmp_path / "ours", "education", {**SIXTH, "title": "Our school"})
    monkeypatch.setenv(TEAM_PROFILES, str(tmp_path / "ours"))
    assert profile("education").title == "Our school" and set(profiles()) == set(DOMAINS)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(TEAM_PROFILES, str(tmp_path / "nowhere"))
    with pytest.raises(FeelmError, match=rf"{TEAM_PROFILES}.*nowhere"):
        profiles()


def test_a_domain_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(FeelmError, match=r"'astrology'.*education.*support_companion"):
        profile("astrology")


def without(*keys: str) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        for key in keys[:-1]:
            raw = raw[key]
        del raw[keys[-1]]

    return change


def having(value: Any, *keys: str | int) -> Callable[[dict[str, Any]], None]:
    def change(raw: Any) -> None:
        for key in keys[:-1]:
            raw = raw[key]
        raw[keys[-1]] = value

    return change


FAULTS: Mapping[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a field that is missing": (without("goal"), r"missing \['goal'\]"),
    "a field that there is not": (having(1, "colour"), r"unknown \['colour'\]"),
    "a strategy that is missing": (without("strategies", "question"), r"strategies lack question"),
    "a strategy that there is not": (having(1, "strategies", "praise"), r"'praise'"),
    "a strategy's number": (having(1.5, "strategies", "question"), r"strategies: question must be a number from 0 to 1, not 1.5"),
    "a strategy's number as a word": (having("high", "strategies", "other"), r"strategies: other must be a number .*'high'"),
    "no emotion at all": (having({}, "desired"), r"desired must name .*joy"),
    "an emotion that there is not": (having(1, "desired", "pride"), r"desired must name"),
    "an emotion's number": (having(-2, "desired", "joy"), r"desired: joy must be a number from -1 to 1, not -2"),
    "the number of words": (having(3, "most_words"), r"most_words must be a number from 5 to 200, not 3"),
    "a bound": (having(80, "route", "above", "frustration"), r"route: above: frustration must be a number from 0 to 1, not 80"),
    "a hand-over without English": (without("route", "told", "en"), r"route: told lacks English"),
    "a template for no emotion": (having(["(hunger) Eat."], "templates", "en", "other"), r"\(hunger\) Eat.*hunger.*no emotions"),
    "a slot that there is not": (having(["Dear {name}."], "templates", "en", "other"), r"Dear \{name\}.*name.*feeling, said, topic"),
    "a brace that does not close": (having(["So {said."], "templates", "en", "other"), r"'\}'"),
    "a template that is no text": (having([{"So": "it is"}], "templates", "en", "other"), r"must be a text.*quotation marks"),
    "a template of no way": (having(["Bravo."], "templates", "en", "praise"), r"'praise'"),
    "a way without a general template": (
        having(["So {said}.", "(joy) Good."], "templates", "en", "other"),
        r"no English template .* other",
    ),
    "a pattern that is none": (having([{"pattern": "(", "reason": "it is open"}], "never"), r"unterminated|missing \)"),
    "how readily it is asked about danger": (having(False, "distress"), r"distress must be one of high, balanced, not False"),
    "an example of no way": (having("praise", "examples", 0, "strategy"), r"'praise'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_file_is_told_by_its_place(tmp_path: Path, fault: str):
    change, told = FAULTS[fault]
    raw = copy.deepcopy(SIXTH)
    change(raw)
    path = put(tmp_path, "museum_guide", raw)
    with pytest.raises(FeelmError) as caught:
        read_profile(path)
    assert str(path) in str(caught.value) and re.search(told, str(caught.value)), str(caught.value)


def test_a_name_that_no_domain_can_have_is_told(tmp_path: Path):
    with pytest.raises(FeelmError, match="lower-case"):
        read_profile(put(tmp_path, "Museum-Guide", SIXTH))
