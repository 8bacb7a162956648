"""The rules of one language, read from its file: what to look for, how strong it is, and what takes a weak sign away.

A file is data: a language is added by adding one. `spelling` brings slang and contractions to one form, `sets` are alternatives that rules
share, `rules` are by kind and strength, `idioms` are ways of speaking that a weak sign may be part of, `contexts` are what people talk of
when they do not mean themselves. No context touches a strong sign. What is wrong in a file is told by its place when it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from corpus.terms import FeelmError
from service.safety.distress.fold import BOUNDARY, folded_word
from service.safety.distress.pattern import KEY, Pattern, read_pattern
from service.safety.distress.spelling import Keywords

FOLDER = Path(__file__).parent / "rules"
LEAST_COMPACT = 8
"""Letters of a phrase that is also looked for without its spaces."""

PARTS = {"language", "version", "spelling", "sets", "negations", "known", "rules", "idioms", "contexts", "asks", "affirms", "denies"}


class Kind(StrEnum):
    """What a sign is a sign of."""

    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    METHOD = "method"
    OTHER_PERSON = "other_person"
    VIOLENCE = "violence"
    DANGER = "danger"
    MEDICAL = "medical"
    FAILURE = "failure"


class Strength(StrEnum):
    """How much a sign says: `strong` by itself and in any context; `weak` asks for a check question; a `hint` needs another one."""

    STRONG = "strong"
    WEAK = "weak"
    HINT = "hint"


@dataclass(frozen=True)
class Rule:
    """One sign; `name` is how the file names it: language, kind, strength and place."""

    name: str
    kind: Kind
    strength: Strength
    pattern: Pattern


@dataclass(frozen=True)
class LanguageRules:
    """Everything of one language; `version` with `digest` (of the file) says which rules judged."""

    language: str
    version: int
    digest: str
    spelling: Mapping[tuple[str, ...], tuple[str, ...]]
    negations: frozenset[str]
    rules: tuple[Rule, ...]
    idioms: tuple[Pattern, ...]
    contexts: Mapping[str, tuple[Pattern, ...]]
    asks: tuple[Pattern, ...]
    affirms: tuple[Pattern, ...]
    denies: tuple[Pattern, ...]
    keywords: Keywords
    words: frozenset[str]
    by_key: Mapping[str, tuple[Rule, ...]]
    compact: Mapping[str, tuple[tuple[str, str], ...]]

    def called(self, tokens: list[str]) -> list[Rule]:
        """The rules that some word calls for, each once."""
        found = {rule.name: rule for token in dict.fromkeys(tokens) for rule in self.by_key.get(token[:KEY], ())}
        return list(found.values())


def spelt(spelling: Mapping[tuple[str, ...], tuple[str, ...]], tokens: list[str]) -> list[tuple[str, int, int]]:
    """Words in the one form of a spelling, each with the range [first, end) of tokens that it stands for; the longest goes first."""
    result: list[tuple[str, int, int]] = []
    place = 0
    while place < len(tokens):
        length = next((n for n in (4, 3, 2, 1) if place + n <= len(tokens) and tuple(tokens[place : place + n]) in spelling), 1)
        said = spelling.get(tuple(tokens[place : place + length]), (tokens[place],))
        result += [(word, place, place + length) for word in said]
        place += length
    return result


@cache
def all_rules() -> tuple[LanguageRules, ...]:
    """Every language that has a file, English first.

    Raises:
        FeelmError: a file is not as it must be.
    """
    read = [read_rules(path) for path in sorted(FOLDER.glob("*.yaml"))]
    if not read:
        raise FeelmError(f"there are no distress rules in {FOLDER}: the installation is not whole")
    return tuple(sorted(read, key=lambda own: (own.language != "en", own.language)))


def read_rules(path: Path) -> LanguageRules:
    """Read a language's file.

    Raises:
        FeelmError: it is not as it must be; the message says where.
    """
    raw_bytes = path.read_bytes()
    raw = yaml.safe_load(raw_bytes)
    if not isinstance(raw, dict) or set(raw) - PARTS or raw.get("language") != path.stem:
        raise FeelmError(f"{path}: a file of rules has the parts {', '.join(sorted(PARTS))}, and its language is its name")
    try:
        return _language(path.stem, raw, hashlib.sha256(raw_bytes).hexdigest())
    except (FeelmError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FeelmError(f"{path}: {error}") from error


def _language(language: str, raw: Mapping[str, Any], digest: str) -> LanguageRules:
    sets = {name: str(words) for name, words in (raw.get("sets") or {}).items()}

    spelling = _spelling(raw.get("spelling") or {})

    negations = frozenset(folded_word(word) for word in str(raw.get("negations") or "").split())

    def read(written: str) -> Pattern:
        return read_pattern(str(written), sets, lambda words: [word for word, _, _ in spelt(spelling, words)], negations)

    def patterns(written: list[str] | None) -> tuple[Pattern, ...]:
        return tuple(read(one) for one in written or ())

    rules = tuple(_rules(language, raw["rules"], read))
    said = frozenset().union(*(rule.pattern.words for rule in rules))
    idioms, asks, affirms, denies = (patterns(raw.get(name)) for name in ("idioms", "asks", "affirms", "denies"))
    contexts = {name: patterns(written) for name, written in (raw.get("contexts") or {}).items()}
    others = [pattern for own in (idioms, asks, affirms, denies, *contexts.values()) for pattern in own]
    known = {folded_word(word) for word in str(raw.get("known") or "").split()} | {word for key in spelling for word in key}
    words = said.union(*(pattern.words for pattern in others), known, *spelling.values())
    by_key: dict[str, dict[str, Rule]] = {}
    for rule in rules:
        for key in rule.pattern.keys:
            by_key.setdefault(key, {})[rule.name] = rule
    return LanguageRules(
        language,
        int(raw["version"]),
        digest,
        spelling,
        negations,
        rules,
        idioms,
        contexts,
        asks,
        affirms,
        denies,
        Keywords(said, words),
        words,
        {key: tuple(own.values()) for key, own in by_key.items()},
        _compact(rules, spelling),
    )


def _rules(language: str, raw: Mapping[str, Any], read: Callable[[str], Pattern]) -> Iterator[Rule]:
    for kind, strengths in raw.items():
        for strength, written in strengths.items():
            for number, one in enumerate(written, 1):
                yield Rule(f"{language}/{kind}/{strength}/{number}", Kind(kind), Strength(strength), read(one))


def _spelling(raw: Mapping[str, Any]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """From what may be written to what is meant, word by word."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for meant, written in raw.items():
        for one in str(written).split(","):
            key = tuple(map(folded_word, one.split()))
            if not 1 <= len(key) <= 4:
                raise FeelmError(f"spelling of {meant!r}: {one!r} is not one to four words")
            found[key] = tuple(map(folded_word, str(meant).split()))
    return found


def _compact(rules: tuple[Rule, ...], spelling: Mapping[tuple[str, ...], tuple[str, ...]]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Strong phrases without spaces, by their first four letters: what was written together, with the words that it says."""
    written: dict[str, list[str]] = {}
    for key, meant in spelling.items():
        if len(meant) == 1 and len(key) > 1:
            written.setdefault(meant[0], []).append(" ".join(key))
    found: dict[str, dict[str, str]] = {}
    for rule in rules:
        if rule.strength is not Strength.STRONG or rule.pattern.has_gap:
            continue
        for wording in rule.pattern.wordings():
            longer = " ".join(written.get(word, [word])[0] for word in wording.split())
            for way in {wording, longer}:
                together = folded_word(way.replace(" ", ""))
                if len(together) >= LEAST_COMPACT and " " in wording and BOUNDARY not in together:
                    found.setdefault(together[:4], {})[together] = wording
    return {start: tuple(sorted(own.items(), key=lambda one: -len(one[0]))) for start, own in found.items()}
