"""Mends Windows text that was read or written by another encoding, and nothing that could be read in two ways.

Three faults are known from public corpora: a stray Windows-1252 byte in UTF-8 (0x92 for an apostrophe), the same as a control character
(U+0092, which no text holds), and UTF-8 read as Windows-1252 or Latin-1 ("â€™"). A byte that could be a part of a lost character becomes
U+FFFD, so that whoever reads sees that something is missing.
"""

from __future__ import annotations

import re

UNREADABLE = "\ufffd"


def _of_byte(value: int) -> str | None:
    """The Windows-1252 character of a byte; None for the five that Windows has none for."""
    return bytes([value]).decode("cp1252", errors="ignore") or None


_CHARACTERS = {sign: value for value in range(0x80, 0x100) if (sign := _of_byte(value)) is not None}
_BYTES = {chr(value): value for value in range(0x80, 0x100)} | _CHARACTERS
_TAIL = "".join(re.escape(sign) for sign, value in _BYTES.items() if value < 0xC0)
_READ_TWICE = re.compile(rf"[\xc2-\xdf][{_TAIL}]|[\xe0-\xef][{_TAIL}]{{2}}")
_STRAY = re.compile("[\udc80-\udcff]+")
_CONTROLS = {value: sign for value in range(0x80, 0xA0) if (sign := _of_byte(value)) is not None}


def mend(line: bytes) -> tuple[str, bool]:
    """The text of a line, and whether something in it was mended; what cannot be read is U+FFFD."""
    raw = line.decode("utf-8", errors="surrogateescape")
    text = _READ_TWICE.sub(_read_once, _STRAY.sub(_windows, raw)).translate(_CONTROLS)
    return text, _readable(text) != _readable(raw)


def _readable(text: str) -> str:
    return _STRAY.sub("", text).replace(UNREADABLE, "")


def _windows(match: re.Match[str]) -> str:
    """Stray bytes as Windows-1252: one alone, or several none of which could begin a character of UTF-8."""
    values = [ord(sign) - 0xDC00 for sign in match[0]]
    certain = len(values) == 1 or max(values) < 0xC0
    return "".join((_of_byte(value) if certain else None) or UNREADABLE for value in values)


def _read_once(match: re.Match[str]) -> str:
    try:
        text = bytes(_BYTES[sign] for sign in match[0]).decode("utf-8")
    except UnicodeDecodeError:
        return match[0]
    return text if text in _CHARACTERS else match[0]
