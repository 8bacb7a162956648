"""How a rule is written: words with alternatives, options and gaps, read once into a regular expression over folded words.

`(a|b c)` is one of several, `word?` or `(…)?` may lack, `word*` is any word that begins so, `_`, `__` and `...` are up to one, two and four
words of any kind, `<name>` is a set of the language's file. A rule is kept with the beginnings of words without which it cannot match, so
that of some thousand rules a text is asked only about the few that its words call for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, product

from corpus.terms import FeelmError
from service.safety.distress.fold import folded_word

GAPS = {"_": 1, "__": 2, "...": 4}
KEY = 3
"""Letters of a word by which rules are looked up."""

MOST_WORDINGS = 400
_SET = re.compile(r"<([a-z_]+)>")
_PIECE = re.compile(r"\(|\)\??|\||<[a-z_]+>\??|\.\.\.|[^\s()|<>]+")


@dataclass(frozen=True)
class Word:
    """A word, or with `open_ended` any word that begins so."""

    text: str
    open_ended: bool = False


@dataclass(frozen=True)
class Gap:
    """Up to `most` words of any kind."""

    most: int


@dataclass(frozen=True)
class Choice:
    """One of several sequences; `optional` where it may lack."""

    options: tuple[tuple[Item, ...], ...]
    optional: bool


Item = Word | Gap | Choice
Spell = Callable[[list[str]], list[str]]
"""Brings words to the one form in which texts are read."""


@dataclass(frozen=True)
class Pattern:
    """A rule's expression over ` word word …`, its words, and beginnings of words of which one must be there."""

    expression: re.Pattern[str]
    words: frozenset[str]
    keys: frozenset[str]
    items: tuple[Item, ...]

    @property
    def has_gap(self) -> bool:
        """Whether words of any kind may stand in it."""
        return any(isinstance(item, Gap) for item in _walk(self.items))

    def wordings(self) -> Iterator[str]:
        """Ways to say it without its gaps and options, at most MOST_WORDINGS."""
        ways = product(*(_ways(item) for item in self.items))
        for _, words in zip(range(MOST_WORDINGS), ways, strict=False):
            yield " ".join(word for word in words if word)


def read_pattern(written: str, sets: Mapping[str, str], spell: Spell = list, never: Collection[str] = ()) -> Pattern:
    """Read a rule, its words spelt as texts are; no gap spans a word of `never`.

    Raises:
        FeelmError: it is not written as a rule is, or would match without any word.
    """
    pieces = _PIECE.findall(_with_sets(written, sets))
    items, rest = _sequence(pieces, written)
    if rest:
        raise FeelmError(f"the rule {written!r} closes a parenthesis that it did not open")
    items = _spelt(items, spell)
    keys = _best(items)
    if not keys:
        raise FeelmError(f"the rule {written!r} would match without any word")
    words = frozenset(item.text for item in _walk(items) if isinstance(item, Word))
    gap = f"(?: {_unless(never)}[^ |]+)"
    return Pattern(re.compile(_expression(items, gap) + r"(?= |$)"), words, keys, items)


def _with_sets(written: str, sets: Mapping[str, str]) -> str:
    for _ in range(4):
        if "<" not in written:
            return written
        written = _SET.sub(lambda found: f"({_set(found[1], sets)})", written)
    raise FeelmError(f"the sets of the rule {written!r} name each other")


def _set(name: str, sets: Mapping[str, str]) -> str:
    if name not in sets:
        raise FeelmError(f"a rule names the set {name!r}: there are {', '.join(sorted(sets))}")
    return sets[name]


def _sequence(pieces: list[str], written: str) -> tuple[tuple[Item, ...], list[str]]:
    items: list[Item] = []
    while pieces and pieces[0] not in ("|", ")", ")?"):
        piece, pieces = pieces[0], pieces[1:]
        if piece == "(":
            choice, pieces = _choice(pieces, written)
            items.append(choice)
        else:
            items.append(_item(piece))
    return tuple(items), pieces


def _spelt(items: tuple[Item, ...], spell: Spell) -> tuple[Item, ...]:
    result: list[Item] = []
    for fixed, group in groupby(items, key=lambda item: isinstance(item, Word) and not item.open_ended):
        run = list(group)
        if fixed:
            result += map(Word, spell([item.text for item in run if isinstance(item, Word)]))
        else:
            result += (_spelt_options(item, spell) if isinstance(item, Choice) else item for item in run)
    return tuple(result)


def _spelt_options(choice: Choice, spell: Spell) -> Choice:
    return Choice(tuple(_spelt(option, spell) for option in choice.options), choice.optional)


def _choice(pieces: list[str], written: str) -> tuple[Choice, list[str]]:
    options = []
    while True:
        option, pieces = _sequence(pieces, written)
        if not option or not pieces:
            raise FeelmError(f"the rule {written!r} has an empty or unclosed alternative")
        options.append(option)
        closing, pieces = pieces[0], pieces[1:]
        if closing != "|":
            return Choice(tuple(options), closing == ")?"), pieces


def _item(piece: str) -> Item:
    if piece in GAPS:
        return Gap(GAPS[piece])
    if piece.endswith("?") and len(piece) > 1:
        return Choice(((_item(piece[:-1]),),), True)
    return Word(folded_word(piece.removesuffix("*")), piece.endswith("*"))


def _unless(never: Collection[str]) -> str:
    return f"(?!(?:{'|'.join(map(re.escape, sorted(never)))})(?: |$))" if never else ""


def _expression(items: tuple[Item, ...], gap: str) -> str:
    return "".join(_item_expression(item, gap) for item in items)


def _item_expression(item: Item, gap: str) -> str:
    if isinstance(item, Word):
        return f" {re.escape(item.text)}" + (r"[^ |]*" if item.open_ended else "(?= |$)")
    if isinstance(item, Gap):
        return f"{gap}{{0,{item.most}}}?"
    return f"(?:{'|'.join(_expression(option, gap) for option in item.options)})" + ("?" if item.optional else "")


def _keys(item: Item) -> frozenset[str]:
    """Beginnings of words of which one must be there for the item; empty where it may lack."""
    if isinstance(item, Word):
        return frozenset([item.text[:KEY]])
    if isinstance(item, Gap) or item.optional:
        return frozenset()
    own = [_best(option) for option in item.options]
    return frozenset().union(*own) if all(own) else frozenset()


def _best(items: tuple[Item, ...]) -> frozenset[str]:
    """The rarest of what a sequence needs: the longest beginnings, of few words; empty where all of it may lack."""
    return max(map(_keys, items), key=lambda keys: (min(map(len, keys), default=0), -len(keys)), default=frozenset())


def _walk(items: tuple[Item, ...]) -> Iterator[Item]:
    for item in items:
        yield item
        if isinstance(item, Choice):
            for option in item.options:
                yield from _walk(option)


def _ways(item: Item) -> list[str]:
    if isinstance(item, Word):
        return [item.text]
    if isinstance(item, Gap):
        return [""]
    own = [" ".join(words) for option in item.options for words in product(*map(_ways, option))]
    return [*own, *([""] if item.optional else [])]
