"""The pictures of a camera that wait to be looked at: one in 200 ms, the newest few; all others are dropped and counted."""

from __future__ import annotations

from collections import deque
from threading import Lock


class PictureQueue:
    """At most `waiting` JPEG files and their times, filled by one thread and emptied by another."""

    def __init__(self, waiting: int, look_ms: int) -> None:
        self._waiting: deque[tuple[int, bytes]] = deque()
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
            if t_ms < self._due_ms:
                self._dropped += 1
                return
            self._due_ms = (t_ms // self._look_ms + 1) * self._look_ms
            self._waiting.append((t_ms, jpeg))
            if len(self._waiting) > self._most:
                self._waiting.popleft()
                self._dropped += 1

    def take(self) -> list[tuple[int, bytes]]:
        """All that wait, in the order of time."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
            return taken
