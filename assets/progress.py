"""Tells in the log how far long work on a film is: how far it came, how fast, how long it will take yet.

`feelm stage` shows these lines on stderr, Dagster beside its own events. Whoever measures work can ask whether it was done whole, or took
up what an earlier run had finished.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from corpus.chunks import Progress, Tell

logger = logging.getLogger("feelm")

EVERY_S = 10.0

_TAKEN_UP: ContextVar[set[str] | None] = ContextVar("taken_up", default=None)


@contextmanager
def taken_up() -> Iterator[set[str]]:
    """Fills, while the block lasts, with the names of work whose first piece was there already, for an earlier run had finished it.

    The first tells: later ones may be there because the same run made them, where it goes over a film twice.
    """
    names: set[str] = set()
    token = _TAKEN_UP.set(names)
    try:
        yield names
    finally:
        _TAKEN_UP.reset(token)


def tell_progress(what: str, every_s: float = EVERY_S, shared: bool = False) -> Tell:
    """Logs a line when work began, then at most one in `every_s` seconds. Of work whose pieces another link of the same film makes too
    (`shared`) it is not noted that it found some.
    """
    last_s = float("-inf")

    def tell(progress: Progress) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if last_s == float("-inf") and progress.stored and not shared and (names := _TAKEN_UP.get()) is not None:
            names.add(what)
        if now_s - last_s >= every_s:
            last_s = now_s
            logger.info("%s: %s", what, in_words(progress))

    return tell


def in_words(progress: Progress) -> str:
    """As in "0:10:00 of 1:59:30, 42.0 times real time, 2 min 36 s left"."""
    parts = [f"{_clock(progress.until_ms)} of {_clock(progress.total_ms)}" if progress.total_ms else _clock(progress.until_ms)]
    if progress.rate:
        parts.append(f"{progress.rate:.1f} times real time")
    if progress.total_ms and (left_s := progress.left_s) is not None:
        parts.append(f"{int(left_s) // 60} min {int(left_s) % 60} s left")
    if progress.stored:
        parts.append(f"{progress.stored} of {progress.chunks} pieces were there")
    return ", ".join(parts)


def _clock(t_ms: int) -> str:
    seconds = t_ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
