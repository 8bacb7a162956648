"""Reads screenplays into one list of elements: headings, action, characters, parentheticals, dialogue, each with its line.

Fountain is parsed by screenplay-tools, fed line by line so that each element's line in the file is known, which the library itself
does not keep. Final Draft's .fdx is read here, because the library takes only the first run of a paragraph and loses styled words.
A .txt is Fountain where it holds Fountain's signs and no columns, else plain text (plain).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from corpus.dialogue.language import folded
from corpus.dialogue.screenplay.plain import ElementKind, RawElement, has_columns, read_plain
from corpus.dialogue.subtitles.read import decode
from corpus.terms import FeelmError

FORMATS = (".fountain", ".spmd", ".txt", ".fdx")
SIZE_LIMIT_BYTES = 10_000_000
LINE_LIMIT = 5000
"""Signs in a line of text; a page of a screenplay has 3000, and the parsers' time grows with the square of a line."""

_FOUNTAIN_KINDS: dict[str, ElementKind] = {
    "HEADING": "heading",
    "ACTION": "action",
    "CHARACTER": "character",
    "PARENTHETICAL": "parenthetical",
    "DIALOGUE": "dialogue",
    "LYRIC": "dialogue",
}
_FDX_KINDS: dict[str, ElementKind] = {
    "Scene Heading": "heading",
    "Scene Heading (Top of Page)": "heading",
    "Action": "action",
    "General": "action",
    "Character": "character",
    "Parenthetical": "parenthetical",
    "Dialogue": "dialogue",
}
_FOUNTAIN_SIGNS = re.compile(
    r"\A\s*(?:Title|Credit|Authors?|Source|Draft date|Contact)\s*:|^[@!~]\S|^\.\w|^>.*<?$|^#{1,6}\s|^={1,3}(?:\s|$)|\[\[|/\*|#[\w.-]+#\s*$",
    re.MULTILINE | re.IGNORECASE,
)
_OTHER_BREAKS = re.compile(r"[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_LONG_LINE = 500
_ANNOTATION = re.compile(r"\[\[\d+\]\]|/\*\d+\*/")
_EXTENSION = re.compile(r"\s*\([^)]*\)\s*\^?\s*$|\s*\^\s*$")
_EMPHASIS = re.compile(r"(?<!\\)(\*{1,3}|_)(?=\S)(.+?)(?<=\S)\1")


@dataclass(frozen=True)
class ScriptElement:
    """One element of a screenplay.

    `line` counts lines of the file from 1 (paragraphs in an .fdx, which has no lines). `character` is the name as written, without
    (V.O.) and the like, on character, parenthetical and dialogue elements; `heading` and `scene` (from 0) are the scene it stands in.
    """

    kind: ElementKind
    text: str
    line: int
    character: str | None = None
    heading: str | None = None
    scene: int | None = None


@dataclass(frozen=True)
class Speech:
    """What one character says without interruption, in the screenplay. `line` is where its first words stand."""

    character: str
    text: str
    line: int
    heading: str | None
    scene: int | None


def read_screenplay(path: Path) -> tuple[ScriptElement, ...]:
    """Elements of a Fountain, Final Draft (.fdx) or plain text screenplay, in order.

    Raises:
        FeelmError: the file is absent, over 10 MB, of another kind, damaged, or has no dialogue.
    """
    if not path.is_file():
        raise FeelmError(f"no screenplay at {path}: check the path")
    if path.suffix.lower() not in FORMATS:
        raise FeelmError(f"screenplay {path.name} is of an unknown kind: deliver it as .fountain, .fdx or .txt")
    if path.stat().st_size > SIZE_LIMIT_BYTES:
        raise FeelmError(f"screenplay {path.name} is over {SIZE_LIMIT_BYTES} bytes: check that it is a screenplay")
    return read_screenplay_text(decode(path.read_bytes())[0].lstrip("\ufeff"), path.name)


def read_screenplay_text(text: str, name: str) -> tuple[ScriptElement, ...]:
    """Elements of a screenplay's text, of the kind that the end of `name` tells, in order.

    Raises:
        FeelmError: it is damaged, or has no dialogue.
    """
    elements = _read(text, name)
    if not _has_dialogue(elements):
        raise FeelmError(f"no dialogue in screenplay {name}: check that it is a Fountain, Final Draft or plain text screenplay")
    return elements


def speeches(elements: tuple[ScriptElement, ...]) -> tuple[Speech, ...]:
    """Dialogue joined into speeches; a parenthetical inside does not end one."""
    joined: list[Speech] = []
    open_speech = False
    for element in elements:
        if element.kind == "dialogue" and element.character:
            if open_speech:
                last = joined.pop()
                joined.append(Speech(last.character, f"{last.text} {element.text}", last.line, last.heading, last.scene))
            else:
                joined.append(Speech(element.character, element.text, element.line, element.heading, element.scene))
            open_speech = True
        elif element.kind != "parenthetical":
            open_speech = False
    return tuple(joined)


def character_slug(name: str) -> str:
    """A character's id: lower case, accents folded, words joined by `-` ("ANNA MARÍA (V.O.)" gives "anna-maria")."""
    bare = re.sub(r"['’]", "", folded(_EXTENSION.sub("", name)))
    return re.sub(r"[\W_]+", "-", bare).strip("-")


def _read(text: str, name: str) -> tuple[ScriptElement, ...]:
    kind = Path(name).suffix.lower()
    if kind == ".fdx":
        return tuple(_with_context(_read_fdx(text, name)))
    text = "\n".join(_lines(text, name))
    readers = [_read_fountain]
    if kind == ".txt":
        readers = [_read_fountain, read_plain] if _is_fountain(text) else [read_plain, _read_fountain]
    readings = (tuple(_with_context(reader(text))) for reader in readers)
    return next((elements for elements in readings if _has_dialogue(elements)), ())


def _lines(text: str, name: str) -> Iterator[str]:
    """Lines as editors count them (a new page is none), with long runs of blanks taken out of long ones."""
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        if len(line) > LINE_LIMIT:
            raise FeelmError(
                f"line {number} of screenplay {name} has {len(line)} signs: check that it is a screenplay, or break it into lines"
            )
        whole = _OTHER_BREAKS.sub(" ", line)
        yield whole if len(whole) <= _LONG_LINE else " ".join(whole.split())


def _is_fountain(text: str) -> bool:
    """Whether a text holds Fountain's own signs, and does not set its speeches in columns as typewriters did."""
    return _FOUNTAIN_SIGNS.search(text) is not None and not has_columns(text)


def _has_dialogue(elements: tuple[ScriptElement, ...]) -> bool:
    return any(element.kind == "dialogue" for element in elements)


def _with_context(raw: Iterator[RawElement]) -> Iterator[ScriptElement]:
    heading: str | None = None
    character: str | None = None
    scene: int | None = None
    for kind, text, line in raw:
        if kind == "heading":
            heading, character, scene = text, None, 0 if scene is None else scene + 1
        elif kind == "character":
            name = text[:_LONG_LINE]
            character = _EXTENSION.sub("", name).strip() or name.strip()
        elif kind == "action":
            character = None
        yield ScriptElement(kind, text, line, character, heading, scene)


def _read_fountain(text: str) -> Iterator[RawElement]:
    from screenplay_tools.fountain.parser import Parser

    parser = Parser()
    parser.mergeActions = parser.mergeDialogue = False
    lines = _forced_characters(text.splitlines())
    opened: int | None = None
    for number, line in enumerate([*lines, ""], start=1):
        known, waiting = len(parser.script.elements), len(parser._pending)
        parser.add_line(line)
        if parser._note or parser._boneyard:
            opened = opened or number
            continue
        # What a note interrupted stands where the note began; what waited for this line to be understood, in the line before, and an
        # empty line holds nothing itself.
        at, opened = opened or number, None
        for position, element in enumerate(parser.script.elements[known:]):
            kind = _FOUNTAIN_KINDS.get(element.type.value)
            words = _plain(element.name if kind == "character" else element.text_raw) if kind else ""
            if kind and words:
                yield kind, words, at - 1 if position < waiting or not line.strip() else at


def _forced_characters(lines: list[str]) -> list[str]:
    """Mark names in capitals outside ASCII with Fountain's `@`: the library knows only A-Z at a name's start."""
    padded = ["", *lines, ""]
    return [
        f"@{line.strip()}" if _is_foreign_name(line.strip()) and not before.strip() and after.strip() else line
        for before, line, after in zip(padded, lines, padded[2:], strict=False)
    ]


def _is_foreign_name(line: str) -> bool:
    return bool(line) and line[0].isalpha() and not line[0].isascii() and line == line.upper() and line != line.lower() and len(line) < 40


def _plain(text: str) -> str:
    return " ".join(_EMPHASIS.sub(r"\2", _ANNOTATION.sub(" ", text)).split())


def _read_fdx(text: str, name: str) -> Iterator[RawElement]:
    if "<!ENTITY" in text or "<!DOCTYPE" in text:
        raise FeelmError(f"screenplay {name} declares XML entities, which Final Draft never writes: it is refused")
    try:
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    except ElementTree.ParseError as error:
        raise FeelmError(f"screenplay {name} is not whole ({error}): export it from Final Draft again") from error
    # All paragraphs below, for two who speak at once stand in paragraphs within one.
    for number, paragraph in enumerate(root.iterfind("Content//Paragraph"), start=1):
        words = " ".join("".join("".join(run.itertext()) for run in paragraph.iterfind("Text")).split())
        kind = _FDX_KINDS.get(paragraph.get("Type", "Action"))
        if words and kind is not None:
            yield kind, words, number
