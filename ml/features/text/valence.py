"""How pleasant a line's words are: VADER's lexicon of 7,500 words rated by ten people each, with its rules for the words around them.

Degree words raise or lower a rating, negations turn it, capitals and exclamation marks strengthen it, and what follows a "but" weighs more
(Hutto and Gilbert, ICWSM 2014). The lexicon comes from the package vaderSentiment (MIT); the rules are written anew from the paper, without
the idioms, and a "No," that answers does not turn what comes after it.
"""

from __future__ import annotations

import math
import string
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from corpus.weights import weight_path
from ml.features.extractor import Dimension

VALENCE: tuple[Dimension, ...] = (
    Dimension("valence", "", "pleasantness of the words by VADER's lexicon and rules; 0 where none is rated", -1.0, 1.0),
    Dimension("pleasant", "", "ratings of pleasant words by the number of words, a rating being at most 4", 0.0),
    Dimension("unpleasant", "", "the same of unpleasant words", 0.0),
    Dimension("rated_words", "count", "words that the lexicon rates", 0.0),
)

_DEGREE = 0.293
_LISTS = {
    "more": """absolutely amazingly awfully completely considerably decidedly deeply enormously entirely especially exceptionally extremely
    fabulously flipping flippin fracking fricking frickin frigging friggin fucking fuckin fully greatly hella highly hugely incredibly
    intensely majorly more most particularly purely quite really remarkably so substantially terribly thoroughly total totally tremendously
    uber unbelievably unusually utterly very""",
    "less": "almost barely hardly kinda kindof less little marginally occasionally partly scarcely slightly somewhat sorta",
    "negations": """no not never none nope nor nothing nowhere neither without cannot cant wont dont doesnt didnt isnt wasnt arent werent
    couldnt shouldnt wouldnt hasnt havent hadnt aint rarely seldom despite uhuh""",
}
_MORE, _LESS, _NEGATIONS = (frozenset(words.split()) for words in _LISTS.values())
_REACH = (1.0, 0.95, 0.9)
"""How much of a degree word one, two and three words before a rated one is felt."""

_NEGATED, _SHOUTED = -0.74, 0.733
_EXCLAMATION, _MOST_EXCLAMATIONS = 0.292, 4
_QUESTION, _MOST_QUESTIONS = 0.18, 0.96
_NORM = 15.0
_STOPS = ",.;:!?…"
"""After a negation these end what it reaches: "No, you're the best"."""


@dataclass(frozen=True)
class ValenceLexicon:
    """Ratings -4..4 by word, lower case; emoticons among them."""

    ratings: dict[str, float]

    @classmethod
    def read(cls, path: Path) -> ValenceLexicon:
        """From VADER's text: word, mean rating, deviation and the ten ratings in columns."""
        lines = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
        return cls({columns[0]: float(columns[1]) for columns in lines if len(columns) > 1})

    def describe(self, text: str) -> dict[str, float]:
        """Every one of VALENCE of a line."""
        parts = text.split()
        words = [_bare(part) for part in parts]
        lowered = [word.lower().replace("’", "'") for word in words]
        negates = [_negates(word) and part[-1] not in _STOPS for word, part in zip(lowered, parts, strict=True)]
        felt = self._felt(words, lowered, negates)
        total = sum(felt)
        total += math.copysign(_emphasis(text), total) if total else 0.0
        count = max(len(words), 1)
        return {
            "valence": total / math.sqrt(total * total + _NORM),
            "pleasant": sum(value for value in felt if value > 0) / count,
            "unpleasant": -sum(value for value in felt if value < 0) / count,
            "rated_words": float(sum(value != 0 for value in felt)),
        }

    def _felt(self, words: list[str], lowered: list[str], negates: list[bool]) -> list[float]:
        """Each word's rating as its neighbours change it."""
        shouting = 0 < sum(map(str.isupper, words)) < len(words)
        felt = [self._at(at, words, lowered, shouting, any(negates[max(at - len(_REACH), 0) : at])) for at in range(len(words))]
        if "but" in lowered:
            turn = lowered.index("but")
            felt = [value * (0.5 if at < turn else 1.5 if at > turn else 1.0) for at, value in enumerate(felt)]
        return felt

    def _at(self, at: int, words: list[str], lowered: list[str], shouting: bool, negated: bool) -> float:
        rating = self.ratings.get(lowered[at], 0.0)
        # "no" before a rated word turns that word; "kind of" is a matter of degree.
        turns = lowered[at] == "no" and any(word in self.ratings for word in lowered[at + 1 : at + 2])
        if not rating or turns or lowered[at] in _MORE | _LESS or lowered[at : at + 2] == ["kind", "of"]:
            return 0.0
        sign = math.copysign(1.0, rating)
        value = rating + (sign * _SHOUTED if shouting and words[at].isupper() else 0.0)
        for back, share in enumerate(_REACH, start=1):
            if at >= back and lowered[at - back] not in self.ratings:
                value += sign * share * _degree(words[at - back], lowered[at - back], shouting)
        return value * _NEGATED if negated else value


@lru_cache(maxsize=1)
def valence_lexicon() -> ValenceLexicon:
    """VADER's lexicon out of the weights cache.

    Raises:
        WeightError: it is missing or damaged.
    """
    return ValenceLexicon.read(weight_path("vader"))


def _bare(word: str) -> str:
    """Without punctuation around it, unless nearly nothing is left: that is an emoticon."""
    stripped = word.strip(string.punctuation + "“”‘’…—–")
    return stripped if len(stripped) > 2 or (stripped and stripped.isalpha()) else word


def _degree(word: str, lowered: str, shouting: bool) -> float:
    degree = _DEGREE if lowered in _MORE else -_DEGREE if lowered in _LESS else 0.0
    return degree + (math.copysign(_SHOUTED, degree) if degree and shouting and word.isupper() else 0.0)


def _negates(word: str) -> bool:
    return word in _NEGATIONS or word.endswith("n't")


def _emphasis(text: str) -> float:
    questions = text.count("?")
    asked = 0.0 if questions < 2 else questions * _QUESTION if questions <= 3 else _MOST_QUESTIONS
    return min(text.count("!"), _MOST_EXCLAMATIONS) * _EXCLAMATION + asked
