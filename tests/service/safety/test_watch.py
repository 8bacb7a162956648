"""From signs to what is done: nothing, a check question, or a person; and whatever fails is danger."""

import time
from dataclasses import dataclass

import numpy as np
import pytest

from ml.models.dialogue import Turn
from service.safety.distress import Distress, Kind, Level, Watch, assess, check_question
from service.safety.distress import watch as watching
from service.safety.distress.classifier import ENCODERS, Judgement, Sensitivity
from service.safety.distress.rules import Strength, all_rules


@dataclass(frozen=True)
class Fixed:
    """Stands for a classifier that always says the same."""

    strength: Strength | None = None
    delay_s: float = 0.0
    fault: Exception | None = None

    def judge(self, texts, language=None, course=None):
        time.sleep(self.delay_s)
        if self.fault is not None:
            raise self.fault
        return Judgement(0.0, self.strength)


def heard(*texts: str, classifier=None, **more) -> Distress:
    """The person speaks first and last, in turn with the agent."""
    speakers = ["agent" if (len(texts) - i) % 2 == 0 else "user" for i in range(len(texts))]
    turns = [Turn(text, speaker) for text, speaker in zip(texts, speakers, strict=True)]
    return assess(turns, classifier or Fixed(), "user", **more)


YES = {"en": "yes", "es": "sí", "fr": "oui", "de": "ja", "it": "sì", "pt": "sim", "nl": "ja", "pl": "tak", "tr": "evet", "sv": "ja"}
YES["ru"] = "да"
QUESTION = "Are you thinking about ending your life or hurting yourself?"


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("The meeting is at ten.", Level.NONE),
        ("...", Level.NONE),
        ("", Level.NONE),
        ("😂😂", Level.NONE),
        ("I can't do this anymore", Level.CHECK),
        ("I want to die", Level.ESCALATE),
        ("Nobody would miss me. I gave away my things.", Level.ESCALATE),
    ],
)
def test_levels(text, level):
    assert heard(text).level is level


def test_a_level_says_what_it_rests_on():
    found = heard("I want to kill myself")
    assert found.kinds[0] is Kind.SUICIDE and found.evidence and "en/suicide/strong" in found.why[0] and not found.failed
    assert check_question(heard("I can't do this anymore")).endswith("?")


def test_a_check_question_is_asked_in_the_persons_language_whatever_region_it_names():
    distress = heard("I can't do this anymore")
    assert check_question(distress, "de-AT") == check_question(distress, "de") != check_question(distress, "en")


@pytest.mark.parametrize("answer", ["yes", "Yeah", "maybe", "sometimes", "i dont know", "why do you ask", "...", "what if I am"])
def test_whatever_is_no_clear_no_to_a_check_question_goes_to_a_person(answer):
    assert heard("I can't do this anymore", QUESTION, answer).level is Level.ESCALATE


@pytest.mark.parametrize("answer", ["No, nothing like that", "no it's just a song", "nope, I was joking"])
def test_a_clear_no_ends_it(answer):
    assert heard("I can't do this anymore", QUESTION, answer).level is Level.NONE


def test_a_no_takes_nothing_strong_away():
    assert heard("hello", QUESTION, "No. I will kill myself, not hurt myself.").level is Level.ESCALATE


@pytest.mark.parametrize("language", [rules.language for rules in all_rules()])
@pytest.mark.parametrize("name", ["suicide", "quoted", "other_person", "danger", "medical", "violence"])
def test_our_own_check_questions_are_known_as_such(language, name):
    question = watching._checks()[language][name]
    assert heard("hm", question, YES[language]).level is Level.ESCALATE


def test_danger_told_some_turns_ago_still_counts_and_long_ago_does_not():
    assert heard("I want to die", "Tell me more.", "the weather is nice").level is Level.ESCALATE
    chat = [part for _ in range(7) for part in ("Right.", "what a lovely day")]
    assert heard("I want to die", *chat).level is Level.NONE


def test_only_the_person_is_watched():
    turns = [Turn("I want to die, says the villain", "agent"), Turn("what a play", "user")]
    assert assess(turns, Fixed(), "user").level is Level.NONE


def test_a_quotation_leads_to_a_question_about_it():
    found = heard('The song goes "I want to die tonight"')
    assert found.level is Level.CHECK and found.question == "quoted"


@pytest.mark.parametrize(("strength", "level"), [(Strength.WEAK, Level.CHECK), (Strength.STRONG, Level.ESCALATE)])
def test_the_classifier_counts_where_the_rules_are_silent(strength, level):
    assert heard("tell the fish I was here", classifier=Fixed(strength)).level is level


def test_the_classifier_does_not_ask_over_and_over():
    asked = ("hm", QUESTION, "No, not at all", "Good to know.", "tell the fish I was here")
    assert heard(*asked, classifier=Fixed(Strength.WEAK)).level is Level.NONE
    assert heard(*asked[:-1], "I can't do this anymore", classifier=Fixed(Strength.WEAK)).level is not Level.NONE


@pytest.mark.parametrize("fault", [RuntimeError("broken"), ValueError("x"), MemoryError(), KeyError("y")])
def test_a_fault_escalates_and_is_told(fault):
    found = heard("hello", classifier=Fixed(fault=fault))
    assert found.level is Level.ESCALATE and found.failed and Kind.FAILURE in found.kinds and type(fault).__name__ in found.why[-1]


def test_a_time_out_escalates_and_is_told():
    began = time.monotonic()
    found = heard("hello", classifier=Fixed(delay_s=1.0), limit_s=0.1)
    assert found.level is Level.ESCALATE and found.failed and "longer than" in found.why[0]
    assert time.monotonic() - began < 0.9


def test_a_missing_classifier_escalates_and_is_told():
    found = assess([Turn("hello", "user")], None, "user")
    assert found.level is Level.ESCALATE and found.failed and "classifier" in found.why[-1]


@pytest.mark.parametrize("text", ["我不想活了", "أريد أن أموت", "मैं मरना चाहता हूँ", "죽고 싶어"])
def test_letters_that_nobody_here_reads_escalate(text):
    found = heard(text)
    assert found.level is Level.ESCALATE and found.failed


def test_a_declared_language_that_nobody_here_reads_escalates():
    assert heard("minä olen väsynyt", language="fi").failed
    assert not heard("ich bin müde", language="de-AT").failed


def test_rules_that_break_escalate(monkeypatch):
    def broken(_):
        raise OSError("the rules are gone")

    monkeypatch.setattr(watching, "signs_of", broken)
    assert heard("hello").failed


def test_a_long_text_is_read_to_its_end():
    assert heard("lorem ipsum dolor " * 2000 + "I want to kill myself", limit_s=20).level is Level.ESCALATE


def test_the_watch_loads_and_finds_veiled_danger(champion):
    watch = Watch.load([champion.lines])
    assert watch.missing is None
    turns = [Turn("I've found a new home for my cat, so that's sorted.", "user")]
    assert watch.assess(turns, "user").level is not Level.NONE
    assert watch.assess([Turn("Good morning, how are you?", "user")], "user").level is Level.NONE


@pytest.mark.parametrize("gone", ENCODERS)
def test_a_watch_that_lacks_an_encoder_tells_so_and_calls_a_person(monkeypatch, tmp_path, gone):
    from corpus.weights import WeightState
    from service.safety.distress import classifier

    monkeypatch.setattr(classifier, "verify", lambda name: WeightState(name, "missing" if name == gone else "present", tmp_path))
    watch = Watch.load()
    found = watch.assess([Turn("hello", "user")], "user")
    assert watch.classifier is None and found.failed and found.level is Level.ESCALATE
    assert f"feelm weights fetch {gone}" in found.why[-1]


def test_a_watch_asks_as_readily_as_it_is_told_to(champion):
    watch, said = Watch.load([champion.lines]), [Turn("Nobody answers my mails.", "user")]
    assert watch.assess(said).level is Level.CHECK and watch.asking(Sensitivity.HIGH).assess(said).level is Level.CHECK
    assert watch.asking(Sensitivity.BALANCED).assess(said).level is Level.NONE


def test_the_course_is_fear_and_sadness_of_the_person_s_last_turns(champion):
    turns = [Turn("I am scared of him.", "user"), Turn("Here is your receipt.", "agent"), Turn("I cried all night.", "user")]
    heard_turns = champion.hear([turns])[0]
    course = watching._course(heard_turns, [0, 2])
    assert course == pytest.approx(float(np.mean(heard_turns.probabilities[[0, 2]][:, [3, 4]].sum(axis=1))))
