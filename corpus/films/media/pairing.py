"""What is missing from a film by its packets: those that gave no picture, and the holes of the file that the pass comes by.

Both keep a few numbers that a pass which goes on elsewhere takes over.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator

from corpus.films.media.probe import MediaFacts
from corpus.films.media.structure import Hole

# VP8 packets may hold pictures that are never shown; AVI has no presentation times to hold a picture against.
UNPAIRED_CODECS = frozenset({"vp8"})
UNPAIRED_CONTAINERS = frozenset({"avi"})


class Pairing:
    """Which packets gave no picture: pictures come in the order of their times, so an earlier one that waits still is lost.

    `waiting_ms` are the times of the packets whose pictures are to come, a heap.
    """

    def __init__(self, facts: MediaFacts, waiting_ms: list[int]) -> None:
        self._paired = facts.video_codec not in UNPAIRED_CODECS and facts.container not in UNPAIRED_CONTAINERS
        self.waiting_ms = waiting_ms

    def sent(self, t_ms: int) -> None:
        """A packet whose picture is to be shown at `t_ms`; what belongs before the first picture is never shown."""
        if self._paired and t_ms >= 0:
            heapq.heappush(self.waiting_ms, t_ms)

    def shown(self, t_ms: int) -> list[int]:
        """Times of the pictures that ought to have come before the one that is shown at `t_ms`."""
        lost = []
        while self.waiting_ms and self.waiting_ms[0] <= t_ms:
            due_ms = heapq.heappop(self.waiting_ms)
            if due_ms < t_ms:
                lost.append(due_ms)
        return lost

    def stop(self) -> None:
        """Times tell no more which picture is whose."""
        self._paired = False
        self.waiting_ms.clear()


class HoleDates:
    """Tells the holes of a file as the pass comes by them; the first `n_passed` were told before."""

    def __init__(self, holes: tuple[Hole, ...], n_passed: int = 0, before_ms: int = 0) -> None:
        self._ahead = deque(holes[n_passed:])
        self.n_passed = n_passed
        self.before_ms = before_ms

    def passed(self, pos: int | None, at_ms: int) -> Iterator[tuple[Hole, int]]:
        """Holes that end before the packet at byte `pos` (None: the file's end), each with the time where it begins."""
        while self._ahead and (pos is None or pos >= self._ahead[0].end):
            self.n_passed += 1
            yield self._ahead.popleft(), self.before_ms
        if not self._ahead or (pos is not None and pos <= self._ahead[0].start):
            self.before_ms = max(at_ms, 0)
