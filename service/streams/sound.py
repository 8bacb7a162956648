"""The last seconds of a microphone, in a ring of fixed size: what comes in pushes the oldest out, however fast it comes."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from corpus.terms import FeelmError

Samples = npt.NDArray[np.int16]
STEP_MS = 10
"""Windows are whole rows of the voice's features."""


@dataclass(frozen=True)
class SoundPart:
    """Mono 16-bit samples of a window, [from_ms, until_ms) since the stream began."""

    samples: Samples
    from_ms: int
    until_ms: int


class SoundRing:
    """A ring of `length_ms` of mono 16-bit samples at `rate_hz`, filled by one thread and read by another."""

    def __init__(self, rate_hz: int, length_ms: int) -> None:
        self.rate_hz = rate_hz
        self._step = max(rate_hz * STEP_MS // 1000, 1)
        self._ring: Samples = np.zeros(rate_hz * length_ms // 1000, np.int16)
        self._come = self._read = self._lost = 0
        self._lock = Lock()

    @property
    def dropped_ms(self) -> int:
        """Milliseconds of sound that no window held when it was read."""
        with self._lock:
            return self._lost * 1000 // self.rate_hz

    def push(self, pcm: bytes) -> None:
        """Take samples, little-endian.

        Raises:
            FeelmError: it is no whole number of samples.
        """
        if len(pcm) % 2:
            raise FeelmError(f"a message of {len(pcm)} bytes is no sound: send 16-bit mono samples, two bytes each")
        new = np.frombuffer(pcm, "<i2")
        kept = new[-len(self._ring) :]
        with self._lock:
            self._come += len(new)
            places = np.arange(self._come - len(kept), self._come) % len(self._ring)
            self._ring[places] = kept

    def window(self, least_ms: int) -> SoundPart | None:
        """What is there, in whole steps; None where there is less than `least_ms`, or nothing new."""
        with self._lock:
            end = self._come - self._come % self._step
            room = len(self._ring) - (self._come - end)
            held = min(end, room - room % self._step)
            if end <= self._read or held * 1000 < least_ms * self.rate_hz:
                return None
            begin = end - held
            self._lost += max(begin - self._read, 0)
            self._read = end
            samples = self._ring[np.arange(begin, end) % len(self._ring)]
        return SoundPart(samples, begin * 1000 // self.rate_hz, end * 1000 // self.rate_hz)
