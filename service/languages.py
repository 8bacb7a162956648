"""Which of the languages that we have words in somebody is spoken to in."""

from __future__ import annotations

from collections.abc import Container

FALLBACK = "en"


def primary(language: str) -> str:
    """The language of a tag without its region or script (BCP 47): `de` of `de-AT`."""
    return language.split("-")[0].lower()


def spoken_to(language: str | None, known: Container[str]) -> str:
    """The code among `known` for a language tag; English where none is given or it is not among them."""
    code = primary(language or FALLBACK)
    return code if code in known else FALLBACK
