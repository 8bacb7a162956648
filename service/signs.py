"""Declared signs in somebody's words: patterns by language and name, such as what a turn does (acts) and what a state shows by (cues).

Where a language has no signs, English's are not tried on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Signs:
    """Patterns by language and name."""

    patterns: Mapping[str, Mapping[str, re.Pattern[str]]]

    @classmethod
    def of(cls, declared: Mapping[str, Mapping[str, str]]) -> Signs:
        """Of regular expressions, for which letter case does not matter."""
        return cls(
            {
                language: {name: re.compile(one, re.IGNORECASE | re.DOTALL) for name, one in signs.items()}
                for language, signs in declared.items()
            }
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every sign that some language has, in a fixed order."""
        return tuple(sorted({name for signs in self.patterns.values() for name in signs}))

    def found_in(self, text: str, language: str | None) -> frozenset[str]:
        """The names of those in a text; a language that is not known (None) is taken for English."""
        plain = text.replace("’", "'")
        return frozenset(name for name, pattern in self.patterns.get(language or "en", {}).items() if pattern.search(plain))
