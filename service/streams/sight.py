"""The pictures of a camera that wait to be looked at: one in 200 ms, the newest few; all others are dropped and counted."""

from __future__ import annotations

from collections import deque
from threading import Lock

Timed = tuple[int, bytes]
"""When a picture came, in ms, and its file."""


class PictureQueue:
    """At most `waiting` JPEG files and their times, filled by one thread and emptied by another.

    A picture that comes too soon after one waits aside: it is looked at where no later one came, so that the last is never lost.
    """

    def __init__(self, waiting: int, look_ms: int) -> None:
        self._waiting: deque[Timed] = deque()
        self._aside: Timed | None = None
        self._most, self._look_ms, self._due_ms, self._dropped = waiting, look_ms, 0, 0
        self._lock = Lock()

    @property
    def dropped(self) -> int:
        """Pictures that nobody looked at."""
        with self._lock:
            return self._dropped

    def push(self, t_ms: int, jpeg: bytes) -> None:
        """Take a picture that came at a time, in the order of time."""
        with self._lock:
            self._dropped += self._aside is not None
            self._aside = (t_ms, jpeg)
            if t_ms >= self._due_ms:
                self._waiting.append(self._next())
            if len(self._waiting) > self._most:
                self._waiting.popleft()
                self._dropped += 1

    def take(self) -> list[Timed]:
        """All that wait, in the order of time."""
        with self._lock:
            if not self._waiting and self._aside is not None:
                self._waiting.append(self._next())
            taken = list(self._waiting)
            self._waiting.clear()
            return taken

    def _next(self) -> Timed:
        """The picture that came last; the next one is due later."""
        assert self._aside is not None
        timed, self._aside = self._aside, None
        self._due_ms = (timed[0] // self._look_ms + 1) * self._look_ms
        return timed
