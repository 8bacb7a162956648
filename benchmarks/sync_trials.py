"""Subtitles with a known fault for a track, one function a fault, and how far from the truth a synchroniser leaves them.

A cue begins before its line by chance (mean 50 ms, deviation 80 ms) and lingers after it, as people time subtitles; a line longer than
7 s is shown in parts. Where a cue belongs is the time that it had before the fault, so an answer is judged against that.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.common import SHARED
from benchmarks.sync_tracks import Track, film_lines, without
from corpus.dialogue.subtitles.read import Cue, read_subtitles

LEAD_MS = (50.0, 80.0)
LONGEST_CUE_MS = 7000
MOST_DELIVERED = 0.7
DRIFTS = {"23.976 to 25": 25 / (24000 / 1001), "25 to 23.976": (24000 / 1001) / 25}

_FOREIGN = (
    "tears_of_steel_subs/TOS-en.srt",
    "sintel/sintel.srt",
    "elephants_dream_captions/captions.en.vtt",
    "tears_of_steel_subs/TOS-de.srt",
    "sintel/sintel_it.srt",
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """Cues as delivered and where each belongs, by its number: ms on the track's clock (a cue that belongs nowhere is not in it)."""

    fault: str
    track: Track
    cues: tuple[Cue, ...]
    belongs_ms: dict[int, int]

    def delivered_errors_ms(self) -> Floats:
        """How far each cue is from its place before anything is done."""
        return self.errors_ms({cue.number: cue.start_ms for cue in self.cues})

    def errors_ms(self, starts_ms: dict[int, int]) -> Floats:
        """How far each cue is from its place; a cue that was lost counts as a minute."""
        return np.array([abs(starts_ms.get(number, at - 60_000) - at) for number, at in self.belongs_ms.items()], np.float64)


def correct(track: Track, rng: np.random.Generator) -> Trial:
    """Nothing is wrong."""
    return _trial("correct", track, timed(track, rng), 1.0, 0.0)


def offset(track: Track, rng: np.random.Generator) -> Trial:
    """All cues early or late by up to ten minutes."""
    return _trial("offset", track, timed(track, rng), 1.0, float(rng.uniform(-600_000, 600_000)))


def small_offset(track: Track, rng: np.random.Generator) -> Trial:
    """All cues early or late by 0.3 to 3 s."""
    return _trial("small offset", track, timed(track, rng), 1.0, float(rng.uniform(300, 3000) * rng.choice((-1, 1))))


def drift(track: Track, rng: np.random.Generator) -> Trial:
    """Timed at 23.976 and shown at 25 frames a second, or the other way, and up to a minute early or late."""
    name = sorted(DRIFTS)[int(rng.integers(2))]
    return replace(_trial("drift", track, timed(track, rng), DRIFTS[name], float(rng.uniform(-60_000, 60_000))), fault="drift")


def small_drift(track: Track, rng: np.random.Generator) -> Trial:
    """24 against 25 frames a second, or 23.976 against 24."""
    ratio = float(rng.choice((25 / 24, 24 / 25, 1.001, 1 / 1.001)))
    return _trial("24 to 25 or 23.976", track, timed(track, rng), ratio, float(rng.uniform(-60_000, 60_000)))


def advert(track: Track, rng: np.random.Generator) -> Trial:
    """The film holds 10 to 60 s more than the subtitles know: their later part is early, and nothing stands in the gap."""
    at_ms, length_ms = _break(track, rng)
    cues = [cue for cue in timed(track, rng) if cue.end_ms <= at_ms or cue.start_ms >= at_ms + length_ms]
    moved = [_at(cue, cue.start_ms - length_ms * (cue.start_ms >= at_ms)) for cue in cues]
    return _with_offset("film holds more", track, moved, cues, rng)


def cut(track: Track, rng: np.random.Generator) -> Trial:
    """The film lacks 10 to 60 s that the subtitles know: their later part is late, and what was cut is still there."""
    at_ms, length_ms = _break(track, rng)
    cues = timed(track, rng)
    belongs = [_at(cue, cue.start_ms - length_ms * (cue.start_ms >= at_ms)) for cue in cues]
    trial = _with_offset("film lacks some", without(track, at_ms, length_ms), cues, belongs, rng)
    gone = {cue.number for cue in cues if cue.end_ms > at_ms and cue.start_ms < at_ms + length_ms}
    return replace(trial, belongs_ms={number: at for number, at in trial.belongs_ms.items() if number not in gone})


def advert_and_drift(track: Track, rng: np.random.Generator) -> Trial:
    """A break of an advert, in subtitles timed for another frame rate."""
    whole = advert(track, rng)
    ratio = DRIFTS[sorted(DRIFTS)[int(rng.integers(2))]]
    cues = tuple(replace(cue, start_ms=round(cue.start_ms / ratio), end_ms=round(cue.end_ms / ratio)) for cue in whole.cues)
    return Trial("break and drift", track, cues, whole.belongs_ms)


def wrong_film(track: Track, rng: np.random.Generator) -> Trial:
    """The cues of another film, or of a part of the film that the track does not hold."""
    kind = int(rng.integers(3))
    others = _elsewhere(track, rng) if kind == 0 else _foreign(rng) if kind == 1 else _invented(rng, track.duration_ms)
    return Trial("wrong film", track, tuple(others), {})


def timed(track: Track, rng: np.random.Generator) -> list[Cue]:
    """Cues as a person would time them to the track's lines; every text stands once, so that cues can be told apart by it."""
    spans = [part for line in track.lines for part in _parts(line.start_ms, line.end_ms)]
    leads = rng.normal(*LEAD_MS, len(spans))
    linger = rng.uniform(0, 700, len(spans))
    cues: list[Cue] = []
    for index, (start, end) in enumerate(spans):
        begin = max(0, round(start - leads[index]))
        following = spans[index + 1][0] if index + 1 < len(spans) else end + 1000
        stop = max(begin + 300, min(round(end + linger[index]), max(following - 80, end)))
        cues.append(_cue(index, begin, stop))
    return sorted(cues, key=lambda cue: cue.start_ms)


def _parts(start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    count = -(-(end_ms - start_ms) // LONGEST_CUE_MS)
    edges = [start_ms + (end_ms - start_ms) * part // count for part in range(count + 1)]
    return list(itertools.pairwise(edges))


def _cue(index: int, start_ms: int, end_ms: int) -> Cue:
    words = f"Line {index + 1} of this film."
    return Cue(index + 1, start_ms, end_ms, words, words)


def _at(cue: Cue, start_ms: int) -> Cue:
    return replace(cue, start_ms=start_ms, end_ms=start_ms + cue.end_ms - cue.start_ms)


def _trial(fault: str, track: Track, cues: Sequence[Cue], scale: float, offset_ms: float) -> Trial:
    """Cues that belong at scale * t + offset; those that would stand before 0 cannot be delivered, so most must stand after it."""
    if np.mean([cue.start_ms >= offset_ms for cue in cues]) < MOST_DELIVERED:
        offset_ms = -offset_ms
    moved = [
        replace(cue, start_ms=round((cue.start_ms - offset_ms) / scale), end_ms=round((cue.end_ms - offset_ms) / scale)) for cue in cues
    ]
    kept = tuple(cue for cue in moved if cue.start_ms >= 0)
    numbers = {cue.number for cue in kept}
    return Trial(fault, track, kept, {cue.number: cue.start_ms for cue in cues if cue.number in numbers})


def _with_offset(fault: str, track: Track, delivered: Sequence[Cue], belongs: Sequence[Cue], rng: np.random.Generator) -> Trial:
    shift = int(rng.choice((0, 1))) * int(rng.uniform(-30_000, 30_000))
    if np.mean([cue.start_ms + shift >= 0 for cue in delivered]) < MOST_DELIVERED:
        shift = -shift
    kept = tuple(_at(cue, cue.start_ms + shift) for cue in delivered if cue.start_ms + shift >= 0)
    numbers = {cue.number for cue in kept}
    return Trial(fault, track, kept, {cue.number: cue.start_ms for cue in belongs if cue.number in numbers})


def _break(track: Track, rng: np.random.Generator) -> tuple[int, int]:
    return round(rng.uniform(0.25, 0.75) * track.duration_ms), round(rng.uniform(10_000, min(60_000, 0.2 * track.duration_ms)))


def _elsewhere(track: Track, rng: np.random.Generator) -> list[Cue]:
    """The film's lines before or after the track's part, whichever is longer."""
    before = [span for span in film_lines() if span[1] < track.from_s] if track.source == "gump" else list(film_lines())
    after = [span for span in film_lines() if span[0] > track.to_s] if track.source == "gump" else []
    chosen = max(before, after, key=len)
    if len(chosen) < 30:
        return _foreign(rng)
    lead_in = rng.uniform(5, 200)
    spans = [(start - chosen[0][0] + lead_in, end - chosen[0][0] + lead_in) for start, end, _ in chosen]
    return [_cue(index, round(start * 1000), round(end * 1000)) for index, (start, end) in enumerate(spans)]


def _foreign(rng: np.random.Generator) -> list[Cue]:
    shift = int(rng.uniform(0, 60_000))
    return [_at(cue, cue.start_ms + shift) for cue in _subtitles(SHARED / _FOREIGN[int(rng.integers(len(_FOREIGN)))])]


@lru_cache(maxsize=8)
def _subtitles(path: Path) -> tuple[Cue, ...]:
    return read_subtitles(path).cues


def _invented(rng: np.random.Generator, duration_ms: int) -> list[Cue]:
    """Lines in talks with silences between them, for about the film's length."""
    cues: list[Cue] = []
    at = float(rng.uniform(0, 0.05 * duration_ms))
    until = duration_ms * rng.uniform(0.8, 1.1)
    while at < until:
        length = float(rng.gamma(3, 800)) + 600
        cues.append(_cue(len(cues), round(at), round(at + length)))
        at += length + (rng.exponential(15_000) if rng.random() < 0.12 else rng.gamma(1.2, 800))
    return cues
