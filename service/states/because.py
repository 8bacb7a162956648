"""What spoke for a state, said to people: a sentence for each feature by which states are read.

The cues' clauses are data (`because.yaml`), in English like the cues. Programs are given the feature's name beside it, so that wording may
change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

from corpus.terms import EMOTIONS, FeelmError
from service.states.read import BEFORE, MORE, cues

BECAUSE_FILE = Path(__file__).parent / "because.yaml"


def sentences(names: Sequence[str]) -> tuple[str, ...]:
    """What each feature means, as a sentence that stands alone."""
    return tuple(f"{clause[:1].upper()}{clause[1:]}." for clause in map(_clause, names))


def _clause(name: str) -> str:
    if name in EMOTIONS:
        return f"the words read as {name}"
    if name.startswith(MORE):
        return f"{name.removeprefix(MORE)} rises against the turns before"
    if name.startswith(BEFORE):
        return f"in the turn before, {_clauses()[name.removeprefix(BEFORE)]}"
    return _clauses()[name]


@cache
def _clauses() -> Mapping[str, str]:
    """By cue; FeelmError where one has no words."""
    read: dict[str, str] = yaml.safe_load(BECAUSE_FILE.read_text(encoding="utf-8"))
    if lacking := set(cues().names) - set(read):
        raise FeelmError(f"{BECAUSE_FILE} says nothing for {', '.join(sorted(lacking))}: add what they mean")
    return read
