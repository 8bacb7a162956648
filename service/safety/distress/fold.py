"""Text as it is meant, whatever it is written with: letters without disguise, one word a token, each knowing where it stood.

Case, accents, look-alikes of other alphabets, small capitals, circled and mathematical letters and what cannot be seen are folded away,
and so are doubled letters; rules are folded by the same function, so that a fold needs to be the same on both sides and nothing more.
Digits and signs that stand for letters are read as these, and letters with spaces between them are put together again.

Sources: Unicode Standard Annex 15 (compatibility decomposition) and Technical Standard 39 (look-alikes), of which the common ones are here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

BOUNDARY = "|"
"""Stands where a sentence ends."""

LOOKALIKES = (
    dict(zip("авекмнорстухіјѕԁһԛԝ", "abekmhopctyxijsdhqw", strict=True))
    | dict(zip("αεικνορτυχωη", "aeikvoptuxwn", strict=True))
    | {"ɡ": "g", "ɑ": "a", "ɩ": "i", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "p", "ı": "i", "∂": "d"}
)
"""Small letters that look like, or are commonly written as, Latin ones; Cyrillic is folded the same way in the rules."""

SIGNS = {"0": "o", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s", "€": "e", "+": "t", "1": "il", "!": "il"}
SIGNS |= {BOUNDARY: "il"}
"""What digits and signs inside a word stand for; where it may be one of two letters, both."""

PICTURES = {
    "🔫": "emojigun", "🔪": "emojiknife", "💊": "emojipil", "⚰": "emojicofin", "🪦": "emojigrave", "🩸": "emojiblod",
    "😂": "emojilaugh", "🤣": "emojilaugh", "😆": "emojilaugh", "😹": "emojilaugh", "💀": "emojilaugh",
}  # fmt: skip

_LATIN = re.compile(
    r"LATIN (?:SMALL|CAPITAL)? ?(?:LETTER )?(?:SMALL CAPITAL )?(?:LETTER )?(?:DOTLESS |SCRIPT |OPEN )?([A-Z])(?: WITH .*)?$"
)
_ENCLOSED = re.compile(r"(?:.*(?:SQUARED|CIRCLED)|REGIONAL INDICATOR SYMBOL|PARENTHESIZED).* ([A-Z])$")
_TOKEN = re.compile(
    r"(?P<word>[$@]?[^\W_](?:[^\W_]|[@$*|!+€]+(?=[^\W_]))*)"
    r"|(?P<end>[.!?;…]+(?=[\s\"”»)\]*]|$)|\n)"
    rf"|(?P<picture>[{''.join(PICTURES)}])"
)
_MEASURE = re.compile(r"\d+(?:mg|ml|mcg|g|kg|th|st|nd|rd|s|am|pm|h|hr|hrs|k|x|m|km|cm|yo|yrs|min|p|d)?")
_DOUBLED = re.compile(r"([^\W\d_])\1+")
_APOSTROPHES = "'’‘`´ʼ′"


@dataclass(frozen=True)
class Token:
    """A folded word, or BOUNDARY, made from the characters [start, end) of the text; `spellings` are all readings of it."""

    text: str
    start: int
    end: int
    spellings: tuple[str, ...] = ()


@lru_cache(maxsize=65_536)
def plain(character: str) -> str:
    """One character as small letters without disguise; empty where it cannot be seen or only marks another."""
    if character in PICTURES or character in "\n":
        return character
    return "".join(map(_letter, unicodedata.normalize("NFKD", character).casefold()))


def _letter(character: str) -> str:
    if character.isascii():
        return "" if character in _APOSTROPHES or (unicodedata.category(character) == "Cc" and not character.isspace()) else character
    if character in _APOSTROPHES or unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc"):
        return ""
    if character in LOOKALIKES:
        return LOOKALIKES[character]
    name = unicodedata.name(character, "")
    found = _LATIN.match(name) or _ENCLOSED.match(name)
    return found.group(1).lower() if found else character


def folded_word(word: str) -> str:
    """A word of a rule, folded as the words of a text are."""
    return _DOUBLED.sub(r"\1", "".join(map(plain, word)))


def tokens_of(text: str) -> list[Token]:
    """The folded words of a text in order, and BOUNDARY where a sentence ends."""
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for letter in plain(character):
            letters.append(letter)
            places.append(place)
    found = [_token(match, places) for match in _TOKEN.finditer("".join(letters))]
    return _joined_letters([token for token in found if token.text])


def _token(match: re.Match[str], places: list[int]) -> Token:
    start, end = places[match.start()], places[match.end() - 1] + 1
    if match["end"]:
        return Token(BOUNDARY, start, end)
    if match["picture"]:
        return Token(PICTURES[match["picture"]], start, end)
    spellings = readings(match["word"])
    return Token(spellings[0], start, end, spellings)


@lru_cache(maxsize=20_000)
def readings(word: str) -> tuple[str, ...]:
    """What a word may be meant to be: itself, or with letters for the digits and signs in it; stretched letters are shortened."""
    if word.isalpha() or _MEASURE.fullmatch(word) or not any(letter.isalpha() for letter in word):
        return (_DOUBLED.sub(r"\1", word),)
    stripped = word.rstrip("!|+") or word
    meant = product(*(SIGNS.get(letter, letter) for letter in stripped[:40]))
    return tuple(dict.fromkeys(_DOUBLED.sub(r"\1", "".join(letters)) for _, letters in zip(range(8), meant, strict=False)))


def _joined_letters(tokens: list[Token]) -> list[Token]:
    """Three or more letters that stand alone, one after the other, are a word that was pulled apart."""
    result: list[Token] = []
    run: list[Token] = []
    for token in [*tokens, None]:
        if token is not None and ((len(token.text) == 1 and token.text.isalnum()) or (run and token.text == BOUNDARY and len(run) > 1)):
            run.append(token)
            continue
        result += _joined(run)
        run = []
        if token is not None:
            result.append(token)
    return result


def _joined(run: list[Token]) -> list[Token]:
    letters = [token for token in run if token.text != BOUNDARY]
    if len(letters) < 3:
        return run
    word = readings("".join(token.text for token in letters))
    return [Token(word[0], run[0].start, run[-1].end, word)]
