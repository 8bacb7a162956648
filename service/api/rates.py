"""How often one asker may ask: a bucket of tokens for each key or address.

A request takes a token; tokens come back at a steady rate up to the burst. The table of buckets is bounded: who has not asked for longest
is forgotten first, whose bucket would be the fullest.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_ASKERS = 10_000


@dataclass
class _Bucket:
    tokens: float
    at_s: float


class Rates:
    """The buckets of all askers; for one thread. `rate` are tokens a second, `burst` how many a full bucket has."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst, self._clock = rate, burst, clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, asker: str) -> float:
        """0 where the asker may ask now, which takes a token; else after how many seconds there is one again."""
        now = self._clock()
        bucket = self._buckets.get(asker) or _Bucket(self.burst, now)
        self._buckets[asker] = bucket
        self._buckets.move_to_end(asker)
        if len(self._buckets) > MOST_ASKERS:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self.burst, bucket.tokens + (now - bucket.at_s) * self.rate)
        bucket.at_s = now
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / self.rate
        bucket.tokens -= 1
        return 0.0
