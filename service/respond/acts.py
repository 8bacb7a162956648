"""What somebody does with a turn: asks, thanks, takes leave, blames themselves, by declared signs in the words.

The signs are data (`acts.yaml`), one pattern an act and language; where a language has none, English's are not tried on it. What was
found is a part of the reason that a reply gives, so each act has a name that can be told.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import yaml

ACTS_FILE = Path(__file__).parent / "acts.yaml"


@cache
def _patterns() -> dict[str, dict[str, re.Pattern[str]]]:
    raw = yaml.safe_load(ACTS_FILE.read_text(encoding="utf-8"))
    return {
        language: {act: re.compile(pattern, re.IGNORECASE | re.DOTALL) for act, pattern in acts.items()} for language, acts in raw.items()
    }


@cache
def act_names() -> tuple[str, ...]:
    """Every act that some language has signs of, in a fixed order."""
    return tuple(sorted({act for acts in _patterns().values() for act in acts}))


def acts_of(text: str, language: str | None = "en") -> frozenset[str]:
    """The acts in a turn; a language that is not known (None) is taken for English."""
    plain = text.replace("’", "'")
    return frozenset(act for act, pattern in _patterns().get(language or "en", {}).items() if pattern.search(plain))
