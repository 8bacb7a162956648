"""Filling a template: a word for the feeling, what was said turned to the listener, what it is about.

A slot is filled from the person's own words or not at all: a clause that addresses the program, asks, accuses its speaker or is long is
not repeated, and a template whose slot cannot be filled is not used. The rules are data (`wording.yaml`); a language without them has no
such slots.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from service.domains.profile import Slot, Template

WORDING_FILE = Path(__file__).parent / "wording.yaml"
MILD, STRONG = 0.35, 0.7
"""Below and above these intensities (0..1) a feeling has another word."""

SHORTEST_WORDS, LONGEST_WORDS = 4, 14
"""Of a clause that is said back."""

OWN_WITHIN = 4
"""So many first words say that the speaker tells of themselves."""

KNOWN_WORDS = 0.4
"""So much of a clause must be little words of the language, that another language's `i` or `me` is not turned."""

MOST_ADJECTIVES = 2
_LONGEST_THING = MOST_ADJECTIVES + 3
"""Words that are looked at: adjectives, two nouns, and what follows."""

SHOUTED = 0.5
"""From this share of capitals on a clause is shouted, and not said back."""

MOST_READ = 4000
"""Of a turn so many last characters are looked at."""

LONGEST_SENTENCE = 240
"""Characters; a longer one has no clause that is fit."""

_QUESTION_MARKS = frozenset("?？؟¿⸮")
_BETWEEN = re.compile(r"(?<=[.!?？؟…;]) (?![ .!?？؟…;])|\n(?![.!?？؟…;])")
_SMILE = re.compile(r" [:;=8xX][-']?[()DPpOo/|]+$")
_WORD = re.compile(r"[\w'-]+")
_TOKEN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|\d\S*|[^\w\s]")
_NOUN = re.compile(r"[a-z][a-z-]{2,}")
_PLAIN = re.compile(r"[\w\s'’,:()&%£$€/+.-]+")
"""Signs that a clause may hold: no question marks, quotation marks, braces or what else markup is made of."""


@dataclass(frozen=True)
class _SaidRules:
    hedges: re.Pattern[str]
    tails: re.Pattern[str]
    begins: re.Pattern[str]
    does: re.Pattern[str]
    unfit: tuple[re.Pattern[str], ...]
    persons: frozenset[str]
    own: frozenset[str]
    addresses: frozenset[str]
    agree: tuple[tuple[re.Pattern[str], str], ...]
    turned: Mapping[str, str]
    turns: re.Pattern[str]


@dataclass(frozen=True)
class _AboutRules:
    speaks_of_one: re.Pattern[str]
    owned: Mapping[str, str]
    pointed: Mapping[str, str]
    named: Mapping[str, str]
    named_after: frozenset[str]
    prepositions: frozenset[str]
    adjectives: frozenset[str]
    closes: frozenset[str]
    verbs: frozenset[str]
    ends_no_noun: tuple[str, ...]
    nouns_all_the_same: frozenset[str]
    many: frozenset[str]
    one: frozenset[str]
    never: frozenset[str]


@dataclass(frozen=True)
class _Wording:
    feelings: Mapping[str, tuple[str, str, str]]
    said: _SaidRules | None
    about: _AboutRules | None


@cache
def _wordings() -> dict[str, _Wording]:
    raw = yaml.safe_load(WORDING_FILE.read_text(encoding="utf-8"))
    return {language: _wording(one) for language, one in raw.items()}


def _wording(raw: Mapping[str, Any]) -> _Wording:
    feelings = {emotion: (words[0], words[1], words[2]) for emotion, words in raw["feelings"].items()}
    said = _said_rules(raw["said"]) if "said" in raw else None
    about = _about_rules(raw["about"]) if "about" in raw else None
    return _Wording(feelings, said, about)


def _said_rules(raw: Mapping[str, Any]) -> _SaidRules:
    longest_first = sorted(raw["turned"], key=len, reverse=True)
    return _SaidRules(
        hedges=_pattern(raw["hedges"]),
        tails=_pattern(raw["tails"]),
        begins=_pattern(raw["begins"]),
        does=_pattern(raw["does"]),
        unfit=tuple(_pattern(raw[name]) for name in ("asks", "broken", "never")),
        persons=frozenset(raw["persons"]),
        own=frozenset(raw["own"]),
        addresses=frozenset(raw["addresses"]),
        agree=tuple((_pattern(pattern), instead) for pattern, instead in raw["agree"].items()),
        turned=raw["turned"],
        turns=_pattern(r"(?<![\w'-])(" + "|".join(map(re.escape, longest_first)) + r")(?![\w'-])"),
    )


def _about_rules(raw: Mapping[str, Any]) -> _AboutRules:
    return _AboutRules(
        speaks_of_one=_pattern(raw["speaks_of_one"]),
        owned=raw["owned"],
        pointed=raw["pointed"],
        named=raw["named"],
        named_after=frozenset(raw["named_after"]),
        prepositions=frozenset(raw["prepositions"]),
        adjectives=frozenset(raw["adjectives"]),
        closes=frozenset(raw["closes"]),
        verbs=frozenset(raw["verbs"]),
        ends_no_noun=tuple(raw["ends_no_noun"]),
        nouns_all_the_same=frozenset(raw["nouns_all_the_same"]),
        many=frozenset(raw["people_and_things_of_many"]),
        one=frozenset(raw["one_in_spite_of_s"]),
        never=frozenset(raw["never"]),
    )


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


@dataclass(frozen=True)
class Said:
    """What is answered: the turn's text, the emotion named of it with its intensity (0..1), and the language of the answer."""

    text: str
    emotion: str
    intensity: float
    language: str


TWICE = re.compile(r"\b(you(?: have| had)? \w+) that \1\b", re.IGNORECASE)


def fill(template: Template, said: Said) -> str | None:
    """The template's text with its slots filled; None where one cannot be, does not agree with the verb beside it, or says the same twice
    ("you wrote that you wrote").
    """
    filled = {slot: _FILLERS[slot](said) for slot in template.slots}
    if any(words is None for words in filled.values()) or _disagrees(template, filled.get(Slot.TOPIC), said.language):
        return None
    text = template.text.format(**{slot.value: words for slot, words in filled.items()})
    return None if TWICE.search(text) else text[:1].upper() + text[1:]


def _disagrees(template: Template, what: str | None, language: str) -> bool:
    rules = _about(language)
    return (
        what is not None and rules is not None and rules.speaks_of_one.search(template.text) is not None and _many(what.split()[-1], rules)
    )


def feeling(said: Said) -> str | None:
    """A word for the feeling; None for neutral and in a language without words."""
    words = _wordings().get(said.language)
    if words is None or said.emotion not in words.feelings:
        return None
    mild, plain, strong = words.feelings[said.emotion]
    return mild if said.intensity < MILD else strong if said.intensity > STRONG else plain


def turned(said: Said) -> str | None:
    """The last clause that tells something of the speaker, turned to them ("you have waited for your parcel"); None where none is fit."""
    words = _wordings().get(said.language)
    if words is None or words.said is None:
        return None
    known = words.about.closes | words.about.verbs if words.about else frozenset[str]()
    for sentence in reversed(_BETWEEN.split(_tidy(said.text))):
        clause = _clause(sentence, words.said)
        if clause is not None and _is_fit(clause, words.said, known):
            return _turn(clause, words.said)
    return None


def _tidy(text: str) -> str:
    """The text's end, in lines without empty ones and needless spaces."""
    return "\n".join(" ".join(line.split()) for line in text[-MOST_READ:].replace("’", "'").splitlines() if line.strip())


def _clause(sentence: str, rules: _SaidRules) -> str | None:
    """The sentence without what it opens and ends with; None where it asks or holds signs that are not for saying back."""
    clause = _ended(sentence).replace(" ,", ",")
    if len(sentence) > LONGEST_SENTENCE or _QUESTION_MARKS & set(sentence) or not _PLAIN.fullmatch(clause) or not _closed(clause):
        return None
    while (opening := rules.hedges.match(clause)) and opening.end():
        clause = clause[opening.end() :]
    while tail := rules.tails.search(clause):
        clause = _ended(clause[: tail.start()])
    return clause


def _ended(clause: str) -> str:
    """Without the smiles and signs at its end."""
    clause = _SMILE.sub("", clause)
    end = len(clause)
    while end and not (clause[end - 1].isalnum() or clause[end - 1] in "')%£$€"):
        end -= 1
    return clause[:end] if end == len(clause) or not _SMILE.search(clause[:end]) else _ended(clause[:end])


def _closed(clause: str) -> bool:
    """Whether brackets close and no apostrophe is a quotation mark, nor a full stop within a word's place."""
    return clause.count("(") == clause.count(")") and not re.search(r"(?:^|\s)'|'(?:\s|$)|\.(?!\d)", clause)


def _is_fit(clause: str, rules: _SaidRules, known: frozenset[str]) -> bool:
    own = [word.lower() for word in _WORD.findall(clause)]
    if not SHORTEST_WORDS <= len(own) <= LONGEST_WORDS or rules.addresses & set(own) or not rules.own & set(own[:OWN_WITHIN]):
        return False
    begun = rules.begins.match(clause)
    acts = begun is not None and (begun.group().split()[-1].lower() in rules.persons or rules.does.search(clause, begun.end()) is not None)
    little = sum(word in known or word in rules.turned for word in own)
    calm = sum(letter.isupper() for letter in clause) < SHOUTED * sum(letter.isalpha() for letter in clause)
    return acts and calm and little >= KNOWN_WORDS * len(own) and not any(pattern.search(clause) for pattern in rules.unfit)


def _turn(clause: str, rules: _SaidRules) -> str:
    for pattern, instead in rules.agree:
        clause = pattern.sub(instead, clause)
    return _lowered(rules.turns.sub(lambda match: match.group() if match.group() == "US" else rules.turned[match.group().lower()], clause))


def _lowered(clause: str) -> str:
    first = clause.split(" ", 1)[0]
    return clause if first.isupper() and len(first) > 1 else clause[:1].lower() + clause[1:]


def topic(said: Said) -> str | None:
    """What it is about, by the last noun that the speaker calls theirs ("your parcel"), else the last named with `the`; None without."""
    rules = _about(said.language)
    if rules is None:
        return None
    tokens = _TOKEN.findall(_tidy(said.text))
    lowered = [token.lower() for token in tokens]
    for owners in (rules.owned, {**rules.named, **rules.pointed}):
        for at in range(len(tokens) - 1, -1, -1):
            if (
                lowered[at] in owners
                and _points(lowered, at, rules)
                and (length := _thing(lowered[at + 1 : at + 1 + _LONGEST_THING], rules))
            ):
                return " ".join([owners[lowered[at]], *map(_quiet, tokens[at + 1 : at + 1 + length])])
    return None


def _quiet(word: str) -> str:
    return word.lower() if word.isupper() else word


def _about(language: str) -> _AboutRules | None:
    words = _wordings().get(language)
    return words.about if words else None


def _points(tokens: Sequence[str], at: int, rules: _AboutRules) -> bool:
    """Whether the word at `at` begins what the talk is about: an owner always does, an article or pointing word by what is before it."""
    before = tokens[at - 1] if at else "."
    if tokens[at] in rules.pointed:
        return before in rules.prepositions
    return tokens[at] in rules.owned or before in rules.named_after or not before[0].isalnum()


def _thing(after: Sequence[str], rules: _AboutRules) -> int:
    """How many of the words are the thing that they begin with (adjectives, one or two nouns); 0 where its end is not clear."""
    described = 0
    while described < min(MOST_ADJECTIVES, len(after)) and after[described] in rules.adjectives:
        described += 1
    nouns = list(_nouns(after[described : described + 2], rules))
    while nouns and not _ends(after, described + len(nouns), rules):
        nouns.pop()
    return described + len(nouns) if nouns and not rules.never & set(nouns) else 0


def _nouns(words: Sequence[str], rules: _AboutRules) -> Iterator[str]:
    for place, word in enumerate(words):
        if not _is_noun(word, rules) or (place and (word.endswith("ing") or _many(words[0], rules))):
            return
        yield word


def _is_noun(word: str, rules: _AboutRules) -> bool:
    if word in rules.nouns_all_the_same:
        return True
    no_noun = word in rules.closes or word in rules.verbs or word in rules.adjectives or word.endswith(rules.ends_no_noun)
    return not no_noun and _NOUN.fullmatch(word) is not None


def _ends(after: Sequence[str], at: int, rules: _AboutRules) -> bool:
    """Whether the thing ends before `at`: the text does, or a word follows that cannot belong to it.

    A second word in -s may be a verb ("my boss yells"), so it belongs to the thing only where one speaks of many.
    """
    following = after[at] if at < len(after) else "."
    last_may_do = at > 1 and after[at - 1].endswith("s") and after[at - 1] not in rules.one and after[at - 2] not in rules.adjectives
    if last_may_do and following not in ("are", "were", "have", "aren't", "weren't", "haven't", "don't"):
        return False
    follows_close = following in rules.closes or following in rules.verbs or following.endswith((*rules.ends_no_noun, "ing"))
    return follows_close or not following[0].isalnum() or (at > 0 and following.endswith("s") and after[at - 1] not in rules.adjectives)


def _many(noun: str, rules: _AboutRules) -> bool:
    return noun in rules.many or (noun.endswith("s") and not noun.endswith("ss") and noun not in rules.one)


_FILLERS = {Slot.FEELING: feeling, Slot.SAID: turned, Slot.TOPIC: topic}
