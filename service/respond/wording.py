"""Filling a template: a word for the feeling, what was said turned to the listener, what it is about.

A slot is filled from the person's own words or not at all: a clause that addresses the program, asks or is long is not repeated, and a
template whose slot cannot be filled is not used. The rules are data (`wording.yaml`); a language without them has no such slots.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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

_SENTENCE = re.compile(r"[^.!?;\n]+[.!?;]*")
_WORD = re.compile(r"[\w'-]+")
_HEDGE = re.compile(
    r"^(?:and|but|so|because|well|oh|ok|okay|like|look|honestly|actually|anyway|sorry|yeah|yes|no|hi|hello|hey|please|ugh|um|also)\b[\s,]*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Wording:
    feelings: Mapping[str, tuple[str, str, str]]
    turned: Mapping[str, str]
    addresses: frozenset[str]
    about: re.Pattern[str] | None
    never_about: frozenset[str]


@cache
def _wordings() -> dict[str, _Wording]:
    raw = yaml.safe_load(WORDING_FILE.read_text(encoding="utf-8"))
    return {language: _wording(one) for language, one in raw.items()}


def _wording(raw: Mapping[str, Any]) -> _Wording:
    feelings = {emotion: (words[0], words[1], words[2]) for emotion, words in raw["feelings"].items()}
    about = re.compile(raw["about"], re.IGNORECASE) if "about" in raw else None
    return _Wording(feelings, raw.get("turned", {}), frozenset(raw.get("addresses", ())), about, frozenset(raw.get("never_about", ())))


@dataclass(frozen=True)
class Said:
    """What is answered: the turn's text, the emotion named of it with its intensity (0..1), and the language of the answer."""

    text: str
    emotion: str
    intensity: float
    language: str


def fill(template: Template, said: Said) -> str | None:
    """The template's text with its slots filled; None where one cannot be."""
    filled = {slot: _FILLERS[slot](said) for slot in template.slots}
    if any(words is None for words in filled.values()):
        return None
    text = template.text.format(**{slot.value: words for slot, words in filled.items()})
    return text[:1].upper() + text[1:]


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
    if words is None or not words.turned:
        return None
    clauses = [_HEDGE.sub("", _HEDGE.sub("", match.group().strip())) for match in _SENTENCE.finditer(said.text.replace("’", "'"))]
    fit = [clause for clause in clauses if _is_fit(clause, words)]
    return _turn(fit[-1].rstrip(".!;, "), words) if fit else None


def _is_fit(clause: str, words: _Wording) -> bool:
    own = [word.lower() for word in _WORD.findall(clause)]
    tells = bool({"i", "i'm", "i've", "my", "we", "we've", "i'd"} & set(own[:4]))
    plain = "?" not in clause and '"' not in clause and not words.addresses & set(own)
    return tells and plain and SHORTEST_WORDS <= len(own) <= LONGEST_WORDS


def _turn(clause: str, words: _Wording) -> str:
    pairs = sorted(words.turned, key=len, reverse=True)
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, pairs)) + r")\b(?!')", re.IGNORECASE)
    return _lowered(pattern.sub(lambda match: words.turned[match.group().lower()], clause))


def _lowered(clause: str) -> str:
    first = clause.split(" ", 1)[0]
    return clause if first.isupper() and len(first) > 1 else clause[:1].lower() + clause[1:]


def topic(said: Said) -> str | None:
    """What it is about, by the last noun with an article or owner ("your parcel"); None where nothing is found."""
    words = _wordings().get(said.language)
    if words is None or words.about is None:
        return None
    for match in reversed(list(words.about.finditer(said.text))):
        what = match["what"].lower()
        if not words.never_about & set(what.split()):
            whose = {"my": "your", "our": "your"}.get(match["whose"].lower(), "the")
            return f"{whose} {what}"
    return None


_FILLERS = {Slot.FEELING: feeling, Slot.SAID: turned, Slot.TOPIC: topic}
