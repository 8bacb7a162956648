"""Reads screenplays in plain text, as they lie in the web: by columns of blanks, by name lines in capitals, or as "NAME: text".

What pages and revisions add (page numbers and heads, CONTINUED, (MORE), asterisks in the margin, markup) is taken off first, with the
lines still counted as in the file. Then the columns that names and speeches stand in are measured, for no two scripts agree on them;
a script without columns is read by its blank lines.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from corpus.dialogue.screenplay.headings import is_heading

ElementKind = Literal["heading", "action", "character", "parenthetical", "dialogue"]
RawElement = tuple[ElementKind, str, int]

_TAG = re.compile(r"</?(?:b|i|u|pre|br|p|center|title|html|head|body|font|span|div|a)\b[^<>]*>", re.IGNORECASE)
_REVISION = re.compile(r"(?:^\*+(?=\s))|(?:\s+\*+\s*$)|^\s*\*+\s*$")
_PAGE_NUMBER = re.compile(r"^[-–(]*\s*(?:page\s+)?\d{1,3}[A-Z]?\s*[-–).]*$", re.IGNORECASE)
_FURNITURE = re.compile(
    r"^(?:\(?\s*CONTINUED\s*:?\s*\)?(?:\s*\(?\d+\)?)?|\(?MORE\)?|\(?CONT(?:INUE)?'?D\s*:?\)?)$",
    re.IGNORECASE,
)
_PAGE_HEAD = re.compile(r"^(?P<title>.*\S)\s+(?:page\s+)?\d{1,3}\.?$", re.IGNORECASE)
_SCENE_NUMBERS = re.compile(r"^(\s*)(?:[A-Z]?\d+[A-Z]?[.)]?\s+)?(.*?)(?:\s{2,}[A-Z]?\d+[A-Z]?\.?)?\s*$")
_EXTENSION = re.compile(r"\s*\([^)]*\)?\s*$")
_TRANSITION = re.compile(
    r"(?:TO|IN|OUT|BLACK|WHITE)\s*[:.]$|^(?:FADE|CUT|DISSOLVE|SMASH|WIPE|MATCH CUT|THE END|END CREDITS|INTERCUT|TITLE|SUPER)\b"
)
_NAME = re.compile(r"[^\W_][\w .,'’#&/\"-]*$")
_SMALL_IN_NAMES = re.compile(r"\bMa?c(?=[A-Z])|(?<=\d)(?:st|nd|rd|th)\b|\b(?:and|of|the|de|la|van|von)\b")
_PLAY = re.compile(r"^\s*([^\W\d_][\w .'’#&/-]{0,38}?)\s*([(（][^()（）]*[)）])?\s*(?::\s+|：\s*)(\S.*)$")
_PLAY_HEADING = re.compile(r"^\s*(?:ACT|SCENE)\s+(?:[IVXLC]+|\d+|ONE|TWO|THREE|FOUR|FIVE)\b", re.IGNORECASE)
_LEAST_COLUMN_GAP = 4
_LONGEST_NAME = 40


@dataclass(frozen=True)
class _Line:
    """A line of the file that is not a page's furniture; `number` counts from 1, `text` is empty for a blank line."""

    number: int
    indent: int
    text: str


@dataclass(frozen=True)
class _Columns:
    """Least blanks before a name, and before a speech; 0 and 0 in a script without columns."""

    name: int
    dialogue: int

    @property
    def exist(self) -> bool:
        return self.name > 0


def read_plain(text: str) -> Iterator[RawElement]:
    """Elements of a screenplay in plain text: kind, words, line from 1."""
    lines = _clean(text)
    return _read_play(lines) if _is_play(lines) else _read_script(lines, _columns(lines))


def has_columns(text: str) -> bool:
    """Whether names and speeches stand in columns of their own."""
    return _columns(_clean(text)).exist


def _clean(text: str) -> list[_Line]:
    """Lines without markup, marks of revision and what belongs to the page; lines set twice apart brought together."""
    raw = [_REVISION.sub("", html.unescape(_TAG.sub("", line)).expandtabs(8)) for line in text.splitlines()]
    lines = [_Line(number, len(line) - len(line.lstrip()), line.strip()) for number, line in enumerate(raw, start=1)]
    heads = Counter(match.group("title") for line in lines if (match := _PAGE_HEAD.match(line.text)) and not is_heading(line.text))
    befores = [_Line(0, 0, ""), *lines]
    kept = [line for line, before in zip(lines, befores, strict=False) if not _is_furniture(line.text, before.text, heads)]
    return [line for line in kept if line.text] if _is_double_spaced(kept) else kept


def _is_furniture(line: str, before: str, heads: Counter[str]) -> bool:
    """A page's number after a blank line, a head that comes again with other numbers, CONTINUED and the like."""
    if _FURNITURE.match(line) or (not before and _PAGE_NUMBER.match(line)):
        return True
    match = _PAGE_HEAD.match(line)
    return match is not None and heads[match.group("title")] >= 3


def _is_double_spaced(lines: Sequence[_Line]) -> bool:
    """Whether nearly every line is followed by a blank one, names too, so that blank lines say nothing."""
    followed = [bool(after.text) for line, after in pairwise(lines) if line.text]
    return len(followed) > 20 and sum(followed) < 0.05 * len(followed) and not _name_lines(lines)


def _play_speakers(lines: Sequence[_Line]) -> list[str]:
    """What stands before a colon at the lines' beginnings."""
    return [match.group(1) for line in lines if (match := _PLAY.match(line.text)) and not _TRANSITION.search(match.group(1))]


def _is_play(lines: Sequence[_Line]) -> bool:
    """Whether more lines name their speaker before a colon than on a line of its own."""
    names = _play_speakers(lines)
    recurs = len(set(names)) < len(names) or _in_capitals(names)
    return len(names) >= 2 and recurs and len(names) > len(_name_lines(lines))


def _in_capitals(names: Sequence[str]) -> bool:
    return sum(name == name.upper() for name in names) > 0.5 * len(names)


def _name_lines(lines: Sequence[_Line]) -> list[tuple[_Line, _Line]]:
    """Lines that could be names, each with the line after it."""
    return [(line, after) for line, after in pairwise(lines) if after.text and _is_name(line.text) and not is_heading(after.text)]


def _is_name(text: str) -> bool:
    if len(text) > 2 * _LONGEST_NAME:
        return False
    bare = _EXTENSION.sub("", text.removesuffix(":"))
    capitals = _SMALL_IN_NAMES.sub("", bare)
    if not bare or len(bare) > _LONGEST_NAME or len(bare.split()) > 5 or capitals != capitals.upper():
        return False
    if capitals == capitals.lower():
        return _has_no_case(bare, text)
    return _NAME.match(bare) is not None and not is_heading(bare) and not _TRANSITION.search(text) and (bare[-1] != "." or len(bare) < 12)


def _has_no_case(bare: str, text: str) -> bool:
    """Scripts without capitals mark a name by what stands behind it: (V.O.) and the like."""
    return bare != text and len(bare) <= 12 and any(sign.isalpha() for sign in bare)


def _columns(lines: Sequence[_Line]) -> _Columns:
    names = _name_lines(lines)
    indented = [(line, after) for line, after in names if after.indent >= _LEAST_COLUMN_GAP and line.indent > after.indent]
    margin = min((line.indent for line in lines if line.text), default=0)
    if len(indented) < 0.5 * len(names) or not indented:
        return _Columns(0, 0)
    name = _usual(line.indent for line, _ in indented)
    dialogue = _usual(after.indent for _, after in indented if not after.text.startswith("(")) or name
    if dialogue - margin < _LEAST_COLUMN_GAP:
        return _Columns(0, 0)
    return _Columns(min(name, dialogue + (name - dialogue + 1) // 2), (margin + dialogue + 1) // 2)


def _usual(indents: Iterator[int]) -> int:
    counted = Counter(indents).most_common(1)
    return counted[0][0] if counted else 0


def _read_script(lines: Sequence[_Line], columns: _Columns) -> Iterator[RawElement]:
    reader = _ScriptReader(columns)
    for line, after in zip(lines, [*lines[1:], _Line(0, 0, "")], strict=False):
        if line.text:
            yield from reader.read(line, after)
        else:
            reader.pass_blank()


@dataclass
class _ScriptReader:
    """Where in a script the reader is: in a speech, in a parenthetical of it, behind a blank line."""

    columns: _Columns
    speaking: bool = False
    in_parenthesis: bool = False
    before_blank: bool = True

    def pass_blank(self) -> None:
        """With columns a speech goes on over blank lines: a page may have ended within it."""
        self.speaking = self.speaking and self.columns.exist
        self.in_parenthesis = self.in_parenthesis and self.columns.exist
        self.before_blank = True

    def read(self, line: _Line, after: _Line) -> Iterator[RawElement]:
        names, self.before_blank = self._names_speaker(line, after), False
        if is_heading(line.text) and (match := _SCENE_NUMBERS.match(line.text)):
            self.speaking = False
            yield "heading", match.group(2), line.number
        elif names:
            self.speaking, self.in_parenthesis = True, False
            yield "character", line.text.removesuffix(":"), line.number
        elif self.speaking and line.indent >= self.columns.dialogue and not _leaves_speech(line):
            yield from self._speech(line)
        else:
            self.speaking = False
            yield "action", line.text, line.number

    def _names_speaker(self, line: _Line, after: _Line) -> bool:
        if not _is_name(line.text):
            return False
        if self.columns.exist:
            begins = after.text.startswith("(") or self.columns.dialogue <= after.indent < self.columns.name
            return line.indent >= self.columns.name and begins
        return bool(after.text) and not is_heading(after.text) and (self.before_blank or not self.speaking)

    def _speech(self, line: _Line) -> Iterator[RawElement]:
        opens = self.in_parenthesis or line.text.startswith("(")
        self.in_parenthesis = opens and ")" not in line.text
        return _spoken(line, opens)


def _leaves_speech(line: _Line) -> bool:
    return line.text == line.text.upper() and _TRANSITION.search(line.text) is not None


def _spoken(line: _Line, in_parenthesis: bool) -> Iterator[RawElement]:
    """A line of a speech; what stands in parentheses at its beginning is a parenthetical."""
    if not in_parenthesis:
        yield "dialogue", line.text, line.number
        return
    manner, closed, said = line.text.partition(")")
    yield "parenthetical", manner + closed, line.number
    if said.strip():
        yield "dialogue", said.strip(), line.number


def _read_play(lines: Sequence[_Line]) -> Iterator[RawElement]:
    capitals, speaking = _in_capitals(_play_speakers(lines)), False
    for line in lines:
        match = _PLAY.match(line.text)
        if not line.text:
            speaking = False
        elif is_heading(line.text) or _PLAY_HEADING.match(line.text):
            speaking = False
            yield "heading", line.text, line.number
        elif match and (not capitals or match.group(1) == match.group(1).upper()):
            speaking = True
            yield "character", match.group(1), line.number
            if match.group(2):
                yield "parenthetical", match.group(2), line.number
            yield from _spoken(replace(line, text=match.group(3)), match.group(3).startswith("("))
        elif speaking:
            yield from _spoken(line, line.text.startswith("(") and ")" in line.text)
        else:
            yield "action", line.text, line.number
