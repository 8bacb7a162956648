"""Writes Markdown in which text from outside stays text: no HTML, link, picture, table cell or heading can be made by it.

Every punctuation mark that CommonMark or GitHub's flavour could read as markup is escaped, those that begin a web address or a mention
too; line breaks and control characters become spaces, so that a text stays in its line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

HARMLESS = frozenset(" ,;'\"%?/=-()!+")
"""Marks that mean nothing within a line, where those that could give them a meaning are escaped."""

WITHIN_WORDS = frozenset(".:")
"""Marks that make a web address of what follows, so that they are escaped before a word alone: `0.83` and `twice: a, b` stay readable."""

TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
"""Kinds of marks that order text by hand (Unicode Annex 9)."""

ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
"""Escaped as HTML, since not every reader of Markdown takes a backslash before them."""


def plain(text: str) -> str:
    """`text` so that it is shown as it is, on one line."""
    line = " ".join("".join(" " if _breaks(mark) else mark for mark in text).split())
    return "".join(_escaped(*marks) for marks in zip(" " + line, line, line[1:] + " ", strict=False))


def _breaks(mark: str) -> bool:
    """Control characters, separators of lines, and marks that turn the direction of what follows."""
    return unicodedata.category(mark) in ("Cc", "Zl", "Zp", "Cs") or unicodedata.bidirectional(mark) in TURNING


def _escaped(before: str, mark: str, after: str) -> str:
    if mark in ENTITIES:
        return ENTITIES[mark]
    if mark in WITHIN_WORDS:
        harmless = after == " " or after.isdigit()
    elif mark == "_":
        harmless = before.isalnum() and after.isalnum()
    else:
        harmless = not mark.isascii() or mark.isalnum() or mark in HARMLESS
    return mark if harmless else "\\" + mark


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose cells are escaped here."""
    written = [head, *rows]
    lines = ["| " + " | ".join(plain(cell) for cell in row) + " |" for row in written]
    return [lines[0], "|" + " --- |" * len(head), *lines[1:], ""]
