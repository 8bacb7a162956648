"""How much the words of each subtitle cue speak for each speech of a screenplay, in nats against chance.

A cue's word that stands in a speech is evidence by how rare the word and how short the speech is, and more where the word before it
stands there too; a word that does not stand there is evidence against. Words that the screenplay lacks count as its most similar one
(trigrams of letters), so that misspellings and inflections still meet.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from corpus.dialogue.language import folded

Floats = npt.NDArray[np.float32]
F = TypeVar("F", bound=Hashable)

WORD_CHANGED = 0.2
"""Assumed share of words that are said otherwise than written; benchmarks/screenplay.py is right from 0 to 0.5 with it."""
SIMILAR_WORDS = 0.6
"""Least share of common letter trigrams (Dice) of two spellings of a word."""

_LONGEST_SPEECH = 40
_UNSEEN_WORDS = 3000
_SKIP_PAIR = 0.5

# Chinese and Japanese put no blanks between words: each sign counts as one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|(?:(?![\u3040-\u30ff\u3400-\u9fff])[^\W_])+")
_CONTRACTIONS = (
    (re.compile(r"\bcan(?:'t|not)\b"), "can not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"'(m|s|re|ve|ll|d)\b"), r" \1"),
)


@dataclass(frozen=True)
class Likeness:
    """Cues against speeches, both (cues, speeches) float32: `evidence` in nats, `common` the number of words in both.

    `said` are the cues' words as compared (respelt); `rarity` is each word's evidence in nats where it matches a speech of one word.
    """

    evidence: Floats
    common: Floats
    said: Sequence[Sequence[str]]
    rarity: Mapping[str, float]


def words(text: str) -> list[str]:
    """Words for comparison: lower case, accents away, English contractions taken apart."""
    bare = folded(text).replace("’", "'")
    for pattern, full in _CONTRACTIONS:
        bare = pattern.sub(full, bare)
    return _WORD.findall(bare.replace("'", ""))


def compare(said: Sequence[Sequence[str]], written: Sequence[Sequence[str]]) -> Likeness:
    """Evidence of each cue's words (`said`) for each speech (`written`).

    The model: a word of the cue is drawn from the speech (evenly from its words, or as the one after the word before), or with
    probability WORD_CHANGED from the language at large; the evidence is the logarithm of that over the language alone.
    """
    said = _respelt(said, written)
    shape = (len(said), len(written))
    common = _sum(shape, _numbered, said, written, lambda _: 1.0)
    rarity = _rarity([*said, *written])
    lost = np.array([spread_over(speech) for speech in written], np.float32)
    evidence = _sum(shape, _numbered, said, written, lambda feature: rarity[feature[0]])
    pairs = _sum(shape, _pairs, said, written, lambda feature: 1.0 if feature[2] == 1 else _SKIP_PAIR)
    evidence += (np.minimum(pairs, common) - common) * lost
    evidence += np.array([len(cue) * math.log(WORD_CHANGED) for cue in said], np.float32)[:, None]
    return Likeness(evidence, common, said, rarity)


def spread_over(speech: Sequence[str]) -> float:
    """Nats that a matching word loses by the number of words it could have matched."""
    return math.log(min(_LONGEST_SPEECH, max(1, len(speech))))


def _respelt(said: Sequence[Sequence[str]], written: Sequence[Sequence[str]]) -> list[list[str]]:
    """Cues' words with those that the screenplay lacks replaced by its most similar word, where one is similar enough."""
    known = sorted({word for speech in written for word in speech})
    similar = _Spellings.of(known)
    other = {word: similar.nearest(word) for word in {word for cue in said for word in cue} - set(known)}
    return [[other.get(word) or word for word in cue] for cue in said]


@dataclass(frozen=True)
class _Spellings:
    """The screenplay's words by their trigrams."""

    known: Sequence[str]
    sizes: Sequence[int]
    having: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, known: Sequence[str]) -> _Spellings:
        trigrams = [_trigrams(word) for word in known]
        return cls(known, [len(own) for own in trigrams], _postings(trigrams))

    def nearest(self, word: str) -> str | None:
        own = _trigrams(word)
        shared = Counter(index for trigram in own for index in self.having.get(trigram, ()))
        likeness = [(2 * count / (len(own) + self.sizes[index]), -index) for index, count in shared.items()]
        best, index = max(likeness, default=(0.0, 0))
        return self.known[-index] if best >= SIMILAR_WORDS else None


def _trigrams(word: str) -> set[str]:
    padded = f"#{word}#"
    return {padded[start : start + 3] for start in range(len(padded) - 2)}


def _rarity(texts: Sequence[Sequence[str]]) -> dict[str, float]:
    """Evidence in nats that one matching word brings in a speech of one word, instead of one that does not match."""
    counts = Counter(word for text in texts for word in text)
    total = counts.total() + _UNSEEN_WORDS
    return {word: math.log((1 - WORD_CHANGED) / WORD_CHANGED * total / count) for word, count in counts.items()}


def _numbered(text: Sequence[str]) -> Iterable[tuple[str, int]]:
    """Words with the number of times they stood before, so that a word said twice matches twice only where it is written twice."""
    before: Counter[str] = Counter()
    for word in text:
        yield word, before[word]
        before[word] += 1


def _pairs(text: Sequence[str]) -> set[tuple[str, str, int]]:
    """Words that follow each other at once (1) or over one between (2)."""
    return {(a, b, step) for step in (1, 2) for a, b in zip(text, text[step:], strict=False)}


def _sum(
    shape: tuple[int, int],
    features: Callable[[Sequence[str]], Iterable[F]],
    said: Sequence[Sequence[str]],
    written: Sequence[Sequence[str]],
    weight: Callable[[F], float],
) -> Floats:
    """Total weight of the features that each cue and each speech have in common."""
    total = np.zeros(shape, np.float32)
    in_script = _postings([features(text) for text in written])
    for feature, cues in _postings([features(text) for text in said]).items():
        if found := in_script.get(feature):
            total[np.ix_(cues, found)] += weight(feature)
    return total


def _postings(items: Iterable[Iterable[F]]) -> dict[F, list[int]]:
    found: dict[F, list[int]] = defaultdict(list)
    for index, features in enumerate(items):
        for feature in features:
            found[feature].append(index)
    return dict(found)
