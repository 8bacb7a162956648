"""Every language's file is whole; a damaged one is refused with its place."""

import pytest
import yaml

from corpus.terms import FeelmError
from service.safety.distress.rules import FOLDER, Kind, Strength, all_rules, read_rules, spelt
from service.safety.distress.watch import _checks

LANGUAGES = {"en", "es", "fr", "de", "it", "pt", "nl", "pl", "tr", "sv", "ru"}


def test_eleven_languages_have_rules_and_check_questions():
    assert {rules.language for rules in all_rules()} == LANGUAGES == set(_checks())


@pytest.mark.parametrize("rules", all_rules(), ids=lambda rules: rules.language)
def test_a_language_knows_every_kind_and_how_to_ask_and_answer(rules):
    assert {rule.kind for rule in rules.rules} == set(Kind) - {Kind.FAILURE}
    assert {rule.strength for rule in rules.rules} >= {Strength.STRONG, Strength.WEAK}
    assert rules.idioms and rules.asks and rules.affirms and rules.denies and rules.negations
    assert {"game", "fiction", "news", "past", "laugh"} <= set(rules.contexts)


@pytest.mark.parametrize("rules", all_rules(), ids=lambda rules: rules.language)
def test_every_rule_is_found_by_its_own_words(rules):
    """A rule that its index does not call, or that is spelt as no text is, would never be found."""
    lost = []
    for rule in rules.rules:
        if rule.pattern.has_gap:
            continue
        wording = next(rule.pattern.wordings())
        tokens = [word for word, _, _ in spelt(rules.spelling, wording.split())]
        if rule not in rules.called(tokens) or not rule.pattern.expression.search("".join(f" {word}" for word in tokens)):
            lost.append((rule.name, wording))
    assert not lost


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"languages": "xx"}, "parts"),
        ({"rules": {"suicide": {"strong": ["(a|"]}}}, "unclosed"),
        ({"rules": {"sadness": {"strong": ["a"]}}}, "sadness"),
        ({"spelling": {"a": "b c d e f g"}}, "four words"),
    ],
)
def test_a_damaged_file_is_refused_with_its_place(tmp_path, change, told):
    raw = yaml.safe_load((FOLDER / "sv.yaml").read_text(encoding="utf-8"))
    path = tmp_path / "sv.yaml"
    path.write_text(yaml.safe_dump({**raw, **change}), encoding="utf-8")
    with pytest.raises(FeelmError, match=told):
        read_rules(path)
