"""Sounds that subtitles describe: [sobbing], (laughs), ♪ songs ♪, and the emotion where the word for it is plain.

Subtitles for the hard of hearing write down what is heard beside the words; reading the dialogue takes that out of what is said, so it is
counted here. A sob is sad and a gasp surprised whoever hears it; a sigh may be anything and gives no hint, nor does a machine that screams,
nor a laugh that the same words call bitter or mad.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from corpus import emotions
from ml.features.extractor import Dimension

FELT = tuple(emotion.name for emotion in emotions.ALL if emotion.sounds)
"""The emotions that a described sound can say."""

SOUNDS: tuple[Dimension, ...] = (
    Dimension("described_sounds", "count", "sounds and voices that the subtitles describe in brackets", 0.0),
    Dimension("described_music", "count", "songs, and music that the subtitles describe", 0.0),
    *(Dimension(f"sound_{name}", "count", f"descriptions whose word says {name}", 0.0) for name in FELT),
)

_BRACKETS = re.compile(r"\[([^\[\]]{2,120})\]|\(([^()]{2,120})\)|（([^（）]{1,60})）|【([^【】]{1,60})】")
_NOTES = re.compile(r"[♪♫♬♩]+")
_NEXT_VOICE = re.compile(r"\n(?=\s*[-–—‐>])")
_TAG = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")
_MUSIC = re.compile(r"\b(?:music|song|singing|sings|sung|hums|humming|orchestra|melody|tune|theme)\b")

_PLAIN = {emotion.name: re.compile(rf"\b(?:{emotion.sounds})\b") for emotion in emotions.ALL if emotion.sounds}
_NOT_A_PERSON = re.compile(
    r"\b(?:engines?|t[iy]res?|brakes?|cars?|trucks?|trains?|planes?|jets?|motors?|machines?|alarms?|sirens?|kettles?|wind|door|dogs?|cats?|"
    r"horses?|birds?|gulls?|seagulls?|eagles?|hawks?|lions?|tigers?|bears?|wol(?:f|ves)|monkeys?|pigs?|creatures?|stomach)\b"
)
_MIXED = re.compile(r"\b(?:evil\w*|manic|maniacal\w*|sinister|mad|bitter\w*|mock\w*|nervous\w*|sarcastic\w*|fake|forced|hysterical\w*)\b")


@dataclass(frozen=True)
class Described:
    """What is described with a line: how many sounds, how much music, how many of both say each of FELT, and in which `words`."""

    sounds: int = 0
    music: int = 0
    felt: tuple[int, ...] = (0,) * len(FELT)
    words: tuple[str, ...] = ()

    def __add__(self, other: Described) -> Described:
        felt = tuple(own + more for own, more in zip(self.felt, other.felt, strict=True))
        return Described(self.sounds + other.sounds, self.music + other.music, felt, self.words + other.words)

    @property
    def row(self) -> list[float]:
        """The numbers of SOUNDS."""
        return [float(self.sounds), float(self.music), *map(float, self.felt)]


def described_in(raw: str, said: str = "") -> Described:
    """What a delivered cue describes beside what is `said` in it; brackets around words that are said are no description.

    Of a cue in which several speak, what stands in the one part that says `said`.
    """
    text = _own_part(_TAG.sub(" ", raw), said)
    told = said.casefold()
    found = [next(part for part in groups if part).strip() for groups in _BRACKETS.findall(text)]
    total = sum_of(described(words) for words in found if words.casefold() not in told)
    songs = -(-len(_NOTES.findall(_BRACKETS.sub(" ", text))) // 2)
    return total + Described(music=songs, words=("♪",) * min(songs, 1))


def described(words: str) -> Described:
    """One description, without its brackets."""
    emotion = hint(words)
    felt = tuple(int(name == emotion) for name in FELT)
    shown = (words.strip("[]()（）【】 "),)
    return Described(music=1, felt=felt, words=shown) if _is_music(words) else Described(sounds=1, felt=felt, words=shown)


def sum_of(parts: Iterable[Described]) -> Described:
    """All of them together."""
    return sum(parts, Described())


def hint(words: str) -> str | None:
    """The one emotion that a description says plainly; None where it says none, several, or it is no person's."""
    text = words.casefold()
    if _NOT_A_PERSON.search(text) and not _is_music(text):
        return None
    said = [name for name, pattern in _PLAIN.items() if pattern.search(text)]
    if said == ["joy"] and _MIXED.search(text):
        return None
    return said[0] if len(said) == 1 else None


def _is_music(words: str) -> bool:
    text = words.casefold()
    return _NOTES.search(text) is not None or _MUSIC.search(text) is not None


def _own_part(text: str, said: str) -> str:
    parts = _NEXT_VOICE.split(text)
    own = [part for part in parts if said and _letters(said) in _letters(_BRACKETS.sub("", part))]
    return own[0] if len(own) == 1 else text


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def near(spans_ms: Sequence[tuple[float, float]], start_ms: float, end_ms: float, margin_ms: float) -> list[int]:
    """Which of `spans_ms` lie within `margin_ms` of a stretch of time."""
    return [at for at, (first, last) in enumerate(spans_ms) if first < end_ms + margin_ms and last > start_ms - margin_ms]
