"""Long work in pieces: a generator that stops for breath between two of them, and returns what came of all.

Whoever has the time does all pieces in a row. A service does each as a question of its own, so that others are answered in between, and
work that nobody waits for any more ends at the next stop.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

Result = TypeVar("Result")
Pieces = Generator[None, None, Result]


@dataclass(frozen=True)
class Done(Generic[Result]):
    """What came of work whose last piece was done."""

    result: Result


def step(pieces: Pieces[Result]) -> Done[Result] | None:
    """Do one piece; None where others are left."""
    try:
        next(pieces)
    except StopIteration as end:
        return Done(end.value)
    return None


def done(pieces: Pieces[Result]) -> Result:
    """Do what is left, and return what came of it."""
    while (ended := step(pieces)) is None:
        pass
    return ended.result
