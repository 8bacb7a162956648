"""Signs of distress in one text: where they stand, which rule found them, and what is left of them in their context.

A text is read in every language whose words it has, as it is written and with its typos put right, with its sentences apart and, for
phrases without gaps, joined (“I want. To die.”). A negation before a sign lowers it by one degree; an idiom around a weak one or a context
beside it (a game, a story, news, the past, laughter) takes it away. Nothing takes a strong one away; a quotation makes it a question.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from service.safety.distress.fold import BOUNDARY, Token, tokens_of
from service.safety.distress.pattern import Pattern
from service.safety.distress.rules import Kind, LanguageRules, Rule, Strength, all_rules, spelt

LOWER = {Strength.STRONG: Strength.WEAK, Strength.WEAK: None, Strength.HINT: None}
QUOTED = re.compile(
    r"[\"“„«»‟](?P<said>[^\"”“«»]{3,400})[\"”“«»]|(?:^|\s)['‘](?P<single>[^'‘’][^\n]{2,300}?)['’](?=[\s.,;:!?)]|$)|[♪♫](?P<sung>[^♪♫]{3,400})"
)
PAUSE = re.compile(r"[,;:–—-]")
QUOTING = ("fiction",)
"""Contexts in which what stands in quotation marks is somebody else's line."""

SHORT = 4
"""A text of so few words is read in every language of which it has one."""


@dataclass(frozen=True)
class Sign:
    """What a rule found in the characters [start, end) of a text.

    `corrected`: typos were put right; `quoted`: it is a quotation; `negated`: a negation before it made it weaker.
    """

    rule: str
    kind: Kind
    strength: Strength
    start: int
    end: int
    corrected: bool = False
    quoted: bool = False
    negated: bool = False


@dataclass(frozen=True)
class Stream:
    """Folded words joined by spaces, where each begins in that, and the characters of the text that each stands for."""

    line: str
    starts: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    words: tuple[str, ...]
    corrected: bool = False

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the text under a match in `line`."""
        return self.spans[self._word(start + 1)][0], self.spans[self._word(end - 1)][1]

    def before(self, start: int) -> list[tuple[str, int]]:
        """The two words before a match within its sentence, with the places of the text where they end."""
        place, found = self._word(start + 1), []
        for own in range(place - 1, max(-1, place - 3), -1):
            if self.words[own] == BOUNDARY:
                break
            found.append((self.words[own], self.spans[own][1]))
        return found

    def _word(self, place: int) -> int:
        return max(0, bisect_right(self.starts, place) - 1)


@dataclass(frozen=True)
class Heard:
    """A text in one language: with its sentences apart, with them joined where there are several, each with typos put right as well.

    `foreign` where it reads more like English: then strong phrases of several words count alone, since short words mean other things.
    """

    rules: LanguageRules
    apart: tuple[Stream, ...]
    joined: tuple[Stream, ...]
    foreign: bool = False

    def says(self, patterns: Iterable[Pattern]) -> bool:
        """Whether one of the patterns is there."""
        return any(pattern.expression.search(stream.line) for pattern in patterns for stream in self.apart)


def heard_in(text: str) -> list[Heard]:
    """A text as each language that has words of it reads it; English always does."""
    tokens = tokens_of(text)
    words = {spelling for token in tokens for spelling in token.spellings or (token.text,)}
    english = len(words & all_rules()[0].words)
    read = [rules for rules in all_rules() if rules.language == "en" or _has_words(rules, words)]
    return [_heard(rules, tokens, rules.language != "en" and len(words & rules.words) < english) for rules in read]


def signs_of(text: str) -> tuple[Sign, ...]:
    """The signs in a text that its contexts leave, the first first."""
    readings = heard_in(text)
    raw = [sign for heard in readings for sign in _raw(heard, text)]
    if not raw:
        return ()
    contexts = {name for heard in readings if not heard.foreign for name, patterns in heard.rules.contexts.items() if heard.says(patterns)}
    quotes = [match.span() for match in QUOTED.finditer(text)] if contexts.intersection(QUOTING) else []
    idioms = [span for heard in readings for span in _spans(heard, heard.rules.idioms)]
    left = (_in_context(_in_quotes(sign, quotes), idioms, bool(contexts)) for sign in raw)
    return _distinct(sign for sign in left if sign is not None)


def _in_quotes(sign: Sign, quotes: Sequence[tuple[int, int]]) -> Sign:
    inside = any(start < sign.end and sign.start < end for start, end in quotes)
    return replace(sign, quoted=True, strength=Strength.WEAK) if inside else sign


def _in_context(sign: Sign, idioms: Sequence[tuple[int, int]], in_context: bool) -> Sign | None:
    if sign.strength is Strength.STRONG or sign.quoted:
        return sign
    of_speech = any(start < sign.end and sign.start < end for start, end in idioms)
    return None if of_speech or in_context else sign


def _distinct(signs: Iterable[Sign]) -> tuple[Sign, ...]:
    """Each rule once for a place, the surest first: as it was written before corrected ones."""
    found: dict[tuple[str, int], Sign] = {}
    for sign in sorted(signs, key=lambda sign: (sign.corrected, sign.start, -sign.end)):
        found.setdefault((sign.rule, sign.start), sign)
    return tuple(sorted(found.values(), key=lambda sign: (sign.start, sign.rule)))


def _raw(heard: Heard, text: str) -> Iterator[Sign]:
    for stream in (*heard.apart, *heard.joined):
        over_ends = stream in heard.joined and stream not in heard.apart
        for rule in heard.rules.called(list(stream.words)):
            if (over_ends and rule.pattern.has_gap) or ((over_ends or heard.foreign) and rule.strength is not Strength.STRONG):
                continue
            found = _found(rule, stream, heard.rules, text)
            yield from (sign for sign in found if not heard.foreign or _is_plain_phrase(sign, text))


def _found(rule: Rule, stream: Stream, rules: LanguageRules, text: str) -> Iterator[Sign]:
    for match in rule.pattern.expression.finditer(stream.line):
        span = stream.span(match.start(), match.end())
        negated = _is_negated(stream, match, span[0], rules, text)
        strength = LOWER[rule.strength] if negated else rule.strength
        if strength is not None:
            yield Sign(rule.name, rule.kind, strength, *span, corrected=stream.corrected, negated=negated)


def _is_negated(stream: Stream, match: re.Match[str], start: int, rules: LanguageRules, text: str) -> bool:
    """Whether a negation stands just before it, with no comma between, and none belongs to the phrase itself (“don't want to live”)."""
    if not rules.negations.isdisjoint(match.group().split()[:2]):
        return False
    return any(word in rules.negations and not PAUSE.search(text[end:start]) for word, end in stream.before(match.start()))


def _spans(heard: Heard, patterns: Iterable[Pattern]) -> list[tuple[int, int]]:
    called = {word[:3] for stream in heard.apart for word in stream.words}
    asked = [pattern for pattern in patterns if not called.isdisjoint(pattern.keys)]
    return [
        stream.span(match.start(), match.end())
        for pattern in asked
        for stream in heard.apart
        for match in pattern.expression.finditer(stream.line)
    ]


def _is_plain_phrase(sign: Sign, text: str) -> bool:
    return not sign.corrected and len(text[sign.start : sign.end].split()) >= 2


def _has_words(rules: LanguageRules, words: set[str]) -> bool:
    own = words & rules.words
    return len(own) >= 2 or (bool(own) and (len(words) <= SHORT or any(len(word) >= 6 for word in own)))


def _heard(rules: LanguageRules, tokens: Sequence[Token], foreign: bool) -> Heard:
    apart = _streams(rules, tokens)
    inner = any(token.text == BOUNDARY for token in tokens[:-1])
    joined = _streams(rules, [token for token in tokens if token.text != BOUNDARY]) if inner else ()
    return Heard(rules, apart, joined, foreign)


def _streams(rules: LanguageRules, tokens: Sequence[Token]) -> tuple[Stream, ...]:
    """As it is written, and, where there are words that may be misspelt keywords, as it may be meant: the nearest first."""
    words, spans = _words(rules, tokens)
    meant = [rules.keywords.meant(word) for word in words]
    written = _stream(rules, words, spans, corrected=False)
    most = max(map(len, meant), default=0)
    ways = [[own[min(way, len(own) - 1)] if own else word for word, own in zip(words, meant, strict=True)] for way in range(min(most, 3))]
    return (written, *(_stream(rules, way, spans, corrected=True) for way in ways))


def _words(rules: LanguageRules, tokens: Sequence[Token]) -> tuple[list[str], list[tuple[int, int]]]:
    """One word a token: the reading that the language knows; phrases written together come apart, keywords cut in two come together."""
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    for token in tokens:
        word = next((way for way in token.spellings if way in rules.words), token.text)
        apart = _taken_apart(rules, token) if word not in rules.words and len(word) >= 8 else [word]
        if words and len(apart) == 1 and _is_cut(rules, words[-1], word):
            words[-1], spans[-1] = words[-1] + word, (spans[-1][0], token.end)
            continue
        words += apart
        spans += [(token.start, token.end)] * len(apart)
    return words, spans


def _is_cut(rules: LanguageRules, first: str, second: str) -> bool:
    return first + second in rules.keywords.words and not (first in rules.words and second in rules.words)


def _taken_apart(rules: LanguageRules, token: Token) -> list[str]:
    for word in token.spellings or (token.text,):
        for place in range(len(word) - 7):
            for together, wording in rules.compact.get(word[place : place + 4], ()):
                if word.startswith(together, place):
                    rest = (word[:place], *wording.split(), word[place + len(together) :])
                    return [piece for piece in rest if piece]
    return [token.text]


def _stream(rules: LanguageRules, words: Sequence[str], spans: Sequence[tuple[int, int]], corrected: bool) -> Stream:
    words_spelt = spelt(rules.spelling, list(words))
    starts, place = [], 0
    for word, _, _ in words_spelt:
        starts.append(place)
        place += len(word) + 1
    line = "".join(f" {word}" for word, _, _ in words_spelt)
    own = tuple((spans[first][0], spans[end - 1][1]) for _, first, end in words_spelt)
    return Stream(line, tuple(starts), own, tuple(word for word, _, _ in words_spelt), corrected)
