"""The grid that a voice is described on, and a sound file cut into the minutes that are described one at a time.

A row covers 10 ms, as in eGeMAPS and Praat: short against a syllable, a whole number of milliseconds, and it divides the 100 ms of the
film page's course and the second that music is told from speech by. A chunk brings some sound from before and after it, so that
what is measured at its edges does not depend on where it was cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from corpus.terms import FeelmError

Floats = npt.NDArray[np.float32]

RATE_HZ = 16_000
HOP_MS = 10
HOP = RATE_HZ * HOP_MS // 1000
SECOND_HOPS = 1000 // HOP_MS

CHUNK_MS = 60_000
BEFORE_MS, AFTER_MS = 2000, 1000
"""Sound that a chunk brings from before and after it; whole seconds, and whole frames of every network."""

_CHUNK, _BEFORE, _AFTER = (RATE_HZ * ms // 1000 for ms in (CHUNK_MS, BEFORE_MS, AFTER_MS))


@dataclass(frozen=True)
class SoundChunk:
    """At most a minute of a 16 kHz mono sound, -1..1, which begins `start_ms` after the sound's beginning.

    `samples` holds `before` samples of what came before it, then its own, then `after` samples of what comes next.
    """

    start_ms: int
    samples: Floats
    before: int
    after: int

    @property
    def own(self) -> Floats:
        """The chunk's own samples."""
        return self.samples[self.before : len(self.samples) - self.after]

    @property
    def n_rows(self) -> int:
        """Whole and begun 10 ms of its own."""
        return -(-len(self.own) // HOP)


def chunks_of(samples: Floats) -> Iterator[SoundChunk]:
    """The chunks of a sound that is in memory, float32 (samples,) at 16 kHz."""
    for start in range(0, len(samples), _CHUNK):
        yield _chunk(samples[max(start - _BEFORE, 0) : start + _CHUNK + _AFTER], start)


def sound_chunks(path: Path) -> Iterator[SoundChunk]:
    """The chunks of a 16 kHz mono sound file, read one at a time.

    Raises:
        FeelmError: the file is no sound, or is not 16 kHz mono.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as sound:
            if sound.samplerate != RATE_HZ or sound.channels != 1:
                raise FeelmError(f"{path.name} is not {RATE_HZ} Hz mono: make it with the scan stage")
            for start in range(0, sound.frames, _CHUNK):
                first = max(start - _BEFORE, 0)
                sound.seek(first)
                yield _chunk(sound.read(start + _CHUNK + _AFTER - first, dtype="float32"), start)
    except soundfile.LibsndfileError as error:
        raise FeelmError(f"{path.name} cannot be read as sound ({error}): make it again") from error


def _chunk(samples: Floats, start: int) -> SoundChunk:
    before = min(start, _BEFORE)
    return SoundChunk(start * 1000 // RATE_HZ, samples, before, max(len(samples) - before - _CHUNK, 0))
