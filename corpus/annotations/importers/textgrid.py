"""Reads Praat's TextGrids in text form: interval tiers as spans, point tiers as points, named `dimension@rater` as in ELAN.

Praat itself reads the long and the short form by one rule, and so does this: numbers, quoted strings and flags that stand free count, all
other text between them is there for people. Times are seconds from the start of the sound; whoever cut the sound from the film in parts
has to deliver them as times of the film.

Source: Praat manual, "TextGrid file formats" and "Reading and writing of text files".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from corpus.annotations.importers.reading import Files, Importer, Told, UnreadableFile, UnreadableRow, decode, each_file, milliseconds
from corpus.annotations.importers.tiers import Region, judgements_of, tier_dimension, untold_tier
from corpus.annotations.judgements import Delivery, Refusal
from corpus.annotations.pseudonyms import Pseudonyms

TOOL = "textgrid/1"
LONGEST_S = 1e7
"""Seconds; beyond any film, and far within what milliseconds of 64 bits hold."""

_TOKEN = re.compile(r'"((?:[^"]++|"")*+)("?)|!.*|[^\s"]+')
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Interval:
    """A labelled interval, or a point where `end_s` is None; `ref` says where it stands."""

    ref: str
    start_s: float
    end_s: float | None
    text: str


@dataclass(frozen=True)
class Tier:
    """A tier with those of its intervals or points that are not empty."""

    name: str
    intervals: tuple[Interval, ...]


def is_textgrid(files: Files) -> bool:
    """Whether all files end as TextGrids do."""
    return all(name.casefold().endswith(".textgrid") for name in files)


def read_textgrid(name: str, content: bytes, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """Read one TextGrid; the film is the one told, else that of the file's name."""
    try:
        tiers = list(_tiers(content))
    except UnreadableFile as error:
        return Delivery(TOOL, fault=str(error))
    regions: list[Region] = []
    refusals: list[Refusal] = []
    for tier in tiers:
        for interval in tier.intervals if tier_dimension(tier.name) else ():
            try:
                regions.append(_region(tier, interval, name, pseudonyms, told))
            except UnreadableRow as error:
                refusals.append(Refusal(interval.ref, str(error)))
    judgements, unjoined = judgements_of(regions, told)
    refusals += unjoined
    unknown = dict.fromkeys(untold_tier(tier.name, [told.annotator or ""]) for tier in tiers if not tier_dimension(tier.name))
    rows = len(judgements) + len(refusals)
    return Delivery(TOOL, rows_read=rows, judgements=tuple(judgements), refusals=tuple(refusals), unknown_columns=tuple(unknown))


def _region(tier: Tier, interval: Interval, name: str, pseudonyms: Pseudonyms, told: Told) -> Region:
    rater = tier.name.partition("@")[2].strip() or told.annotator
    if not rater:
        raise UnreadableRow("the tier names no rater, as emotion@Anna does: rename it, or say who judged with --annotator")
    return Region(
        ref=interval.ref,
        dimension=tier_dimension(tier.name) or "",
        text=interval.text,
        film_id=told.film_of(name),
        annotator_id=pseudonyms.of(rater),
        start_ms=_time(interval.start_s),
        end_ms=None if interval.end_s is None else _time(interval.end_s),
        character=told.character,
    )


def _time(seconds: float) -> int:
    if not 0 <= seconds <= LONGEST_S:
        raise UnreadableRow(f"{seconds:g} s is no time of a film")
    return milliseconds(seconds)


class _Tokens:
    """The free-standing numbers, strings and flags of a text file, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._rest = self._free_standing()
        self._position = 0

    def _free_standing(self) -> Iterator[float | str]:
        """Numbers as floats, strings with their opening quote in front, flags as they stand."""
        for match in _TOKEN.finditer(self._text):
            self._position = match.start()
            token = match[0]
            if token.startswith('"'):
                if not match[2]:
                    raise self.fault("a quoted text has no end")
                yield '"' + match[1].replace('""', '"')
            elif _NUMBER.fullmatch(token):
                yield float(token)
            elif token.startswith("<"):
                yield token

    def fault(self, what: str) -> UnreadableFile:
        line = self._text.count("\n", 0, self._position) + 1
        return UnreadableFile(f"line {line}: {what}; the file may be cut short")

    def number(self, what: str) -> float:
        token = next(self._rest, None)
        if not isinstance(token, float):
            raise self.fault(f"{what} should stand here as a number")
        return token

    def count(self, what: str) -> int:
        value = self.number(what)
        if not math.isfinite(value) or value < 0 or value != int(value):
            raise self.fault(f"{what} is {value:g}, no whole number")
        return int(value)

    def string(self, what: str) -> str:
        token = next(self._rest, None)
        if not isinstance(token, str) or not token.startswith('"'):
            raise self.fault(f"{what} should stand here in quotes")
        return token[1:]

    def flag(self) -> bool:
        token = next(self._rest, None)
        if token not in ("<exists>", "<absent>"):
            raise self.fault("<exists> or <absent> should stand here")
        return token == "<exists>"

    def end(self) -> None:
        if next(self._rest, None) is not None:
            raise self.fault("there is more than the file says it holds")


def _tiers(content: bytes) -> Iterator[Tier]:
    if content.startswith(b"ooBinaryFile"):
        raise UnreadableFile("the TextGrid is binary: save it in Praat as a text file")
    text = decode(content)
    if text.startswith('"Praat chronological TextGrid text file"'):
        raise UnreadableFile("the TextGrid is in chronological form: save it in Praat as a text file")
    tokens = _Tokens(text)
    _check_kind(tokens)
    tokens.number("the start of the sound")
    tokens.number("the end of the sound")
    # Without tiers there is a flag, and no number of tiers.
    tiers = tokens.count("the number of tiers") if tokens.flag() else 0
    for number in range(1, tiers + 1):
        yield _tier(tokens, number)
    tokens.end()


def _check_kind(tokens: _Tokens) -> None:
    kind = tokens.string("the file type")
    if kind not in ("ooTextFile", "ooTextFile short"):
        raise UnreadableFile(f"the file type is {kind[:40]!r}, not 'ooTextFile': this is no text file of Praat")
    held = tokens.string("the object class")
    if held != "TextGrid":
        raise UnreadableFile(f"the file holds a {held[:40]!r}, not a TextGrid: save each TextGrid by itself")


def _tier(tokens: _Tokens, number: int) -> Tier:
    kind = tokens.string("the class of the tier")
    if kind not in ("IntervalTier", "TextTier"):
        raise tokens.fault(f"the class of the tier is {kind[:40]!r}, neither 'IntervalTier' nor 'TextTier'")
    name = tokens.string("the name of the tier")
    tokens.number("the start of the tier")
    tokens.number("the end of the tier")
    size = tokens.count("the number of intervals or points")
    read = (_interval if kind == "IntervalTier" else _point)(tokens, number, size)
    return Tier(name, tuple(interval for interval in read if interval.text))


def _interval(tokens: _Tokens, tier: int, size: int) -> Iterator[Interval]:
    for index in range(1, size + 1):
        start, end = tokens.number("the start of the interval"), tokens.number("the end of the interval")
        yield Interval(f"tier {tier} interval {index}", start, end, tokens.string("the text of the interval").strip())


def _point(tokens: _Tokens, tier: int, size: int) -> Iterator[Interval]:
    for index in range(1, size + 1):
        time = tokens.number("the time of the point")
        yield Interval(f"tier {tier} point {index}", time, None, tokens.string("the text of the point").strip())


IMPORTER = Importer("textgrid", "Praat TextGrid", is_textgrid, each_file(read_textgrid))
