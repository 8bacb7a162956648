"""What spoke for a way of answering, said to people: a clause for each feature by which a way is chosen.

The clauses are data (`because.yaml`), by language. Programs are given the feature's name beside it, so that wording may change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

from corpus.terms import FeelmError
from service.respond.choose import read_chooser

BECAUSE_FILE = Path(__file__).parent / "because.yaml"
FALLBACK = "en"


def clauses(names: Sequence[str], language: str = FALLBACK) -> tuple[str, ...]:
    """What each feature means, in words that stand after `because`; in English where the language has none."""
    told = _clauses()
    return tuple(told.get(language, told[FALLBACK])[name] for name in names)


def sentences(names: Sequence[str]) -> tuple[str, ...]:
    """The same in English as sentences that stand alone."""
    return tuple(f"{clause[:1].upper()}{clause[1:]}." for clause in clauses(names))


@cache
def _clauses() -> Mapping[str, Mapping[str, str]]:
    """By language; FeelmError where a language says nothing for a feature, or there is no English."""
    read: dict[str, dict[str, str]] = yaml.safe_load(BECAUSE_FILE.read_text(encoding="utf-8"))
    for language, told in read.items():
        if lacking := set(read_chooser().features) - set(told):
            raise FeelmError(f"{BECAUSE_FILE} says in {language} nothing for {', '.join(sorted(lacking))}: add what they mean")
    if FALLBACK not in read:
        raise FeelmError(f"{BECAUSE_FILE} lacks English ({FALLBACK})")
    return read
