"""Chooses what is said: sentences by the emotion that the words are to show, drawn like cards.

Each emotion has its own deck, shuffled by the seed and dealt over the films of a set without putting a card back before the deck is
empty. So a film that a model has not seen mostly says sentences that no other film says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml

_OPENED = 0.72
_SHORT = 6
_SOURCE = Path(__file__).with_name("lines.yaml")


@dataclass(frozen=True)
class Phrasebook:
    """Sentences by what they show (the seven emotions, `ambiguous`, `replies`), exclamations before them, and what fills their slots."""

    sentences: dict[str, tuple[str, ...]]
    openers: dict[str, tuple[str, ...]]
    slots: dict[str, tuple[str, ...]]


@lru_cache(maxsize=1)
def phrasebook() -> Phrasebook:
    """The sentences in lines.yaml."""
    content: dict[str, dict[str, list[str]] | list[str]] = yaml.safe_load(_SOURCE.read_text(encoding="utf-8"))
    tables = {name: _frozen(table) for name, table in content.items() if isinstance(table, dict)}
    sentences = _frozen({shown: sentences for shown, sentences in content.items() if isinstance(sentences, list)})
    return Phrasebook(sentences, tables["openers"], tables["slots"])


def _frozen(table: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(map(str, entries)) for name, entries in table.items()}


class Decks:
    """Sentences dealt in an order that the seed fixes."""

    def __init__(self, seed: int) -> None:
        self._book = phrasebook()
        self._rng = np.random.default_rng([seed, 1])
        self._left: dict[str, list[str]] = {}

    def deal(self, shown: str, addressee: str) -> str:
        """The next sentence whose words show `shown`, its slots filled and its first letter a capital."""
        deck = self._left.get(shown)
        if not deck:
            deck = list(self._book.sentences[shown])
            self._rng.shuffle(deck)
            self._left[shown] = deck
        words = {slot: str(self._rng.choice(choices)) for slot, choices in sorted(self._book.slots.items())}
        sentence = deck.pop().format(name=addressee, **words)
        return self._opened(shown, sentence[0].upper() + sentence[1:])

    def _opened(self, shown: str, sentence: str) -> str:
        openers = self._book.openers.get(shown)
        if openers is None or self._rng.random() > _OPENED or len(sentence.split()) > _SHORT:
            return sentence
        return f"{self._rng.choice(openers)} {sentence}"
