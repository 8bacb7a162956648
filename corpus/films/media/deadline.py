"""A wall-clock limit on reading a film, so that a damaged or hostile file cannot hold a run for ever."""

from __future__ import annotations

import time
from pathlib import Path

from corpus.films.media.damage import clock
from corpus.films.media.probe import MediaError

BASE_S = 600.0
PER_SECOND = 5.0
"""Seconds allowed for every second of film, some fifty times what a slow machine needs."""


class Deadline:
    """Raises once reading `path` took longer than `limit_s`, else ten minutes and five times the film's declared length."""

    def __init__(self, path: Path, declared_ms: int | None, limit_s: float | None = None) -> None:
        self._path = path
        self._limit_s = limit_s if limit_s is not None else BASE_S + PER_SECOND * (declared_ms or 0) / 1000
        self._begun_s = time.monotonic()

    def check(self, at_ms: float) -> None:
        """Call at every packet, `at_ms` being how far the film was read.

        Raises:
            MediaError: the time is up.
        """
        if time.monotonic() - self._begun_s > self._limit_s:
            where = clock(max(round(at_ms), 0))
            raise MediaError(f"{self._path}: reading it took more than {self._limit_s:.0f} s and came to {where}: refused")
