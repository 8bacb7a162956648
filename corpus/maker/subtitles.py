"""Writes a film's subtitles with a known fault: every cue late or early by one delay, in one film also drifting in rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corpus.maker.performance import Performance

DRIFTING_FILM = 2
"""Which film of a set carries subtitles timed for another frame rate."""

DRIFT = 25 / 23.976
_DELAY_MS = (600, 2500)
_JITTER_MS = 60


@dataclass(frozen=True)
class SubtitleFault:
    """Cue time = film time * scale + delay_ms, then a jitter of at most `jitter_ms`."""

    delay_ms: int
    scale: float
    jitter_ms: int


@dataclass(frozen=True)
class Cue:
    """One subtitle as written into the file."""

    start_ms: int
    end_ms: int
    text: str


def draw_fault(seed: int, index: int) -> SubtitleFault:
    """The fault of a film's subtitles: 0.6 to 2.5 s late or early."""
    rng = np.random.default_rng([seed, 8, index])
    delay = int(rng.integers(*_DELAY_MS)) * (1 if rng.random() < 0.5 else -1)
    return SubtitleFault(delay, DRIFT if index == DRIFTING_FILM else 1.0, _JITTER_MS)


def make_cues(performance: Performance, fault: SubtitleFault) -> list[Cue]:
    """A cue per line, on screen while it is spoken, at the faulty times."""
    rng = np.random.default_rng([performance.story.seed, 9, performance.story.index])
    cues: list[Cue] = []
    for line in performance.lines:
        start, end = (
            round(at * fault.scale + fault.delay_ms + rng.integers(-fault.jitter_ms, fault.jitter_ms + 1))
            for at in (line.start_ms, line.end_ms)
        )
        cues.append(Cue(max(start, 0), end, line.line.text))
    return cues


def srt(cues: list[Cue]) -> str:
    """The SubRip text."""
    return "\n".join(f"{n}\n{_stamp(cue.start_ms)} --> {_stamp(cue.end_ms)}\n{cue.text}\n" for n, cue in enumerate(cues, start=1))


def _stamp(at_ms: int) -> str:
    seconds, ms = divmod(at_ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{ms:03d}"
