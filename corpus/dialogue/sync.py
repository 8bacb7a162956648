"""Puts subtitles on the film's clock, or says that they fit, or that they belong to another film.

For each frame-rate ratio the cues are slid along the speech heard in the film (FFT cross-correlation), which gives two surfaces: how
well being on screen goes with speech, and how many cues begin where somebody begins to speak. The best place is refined by the
median distance to those beginnings; whether it is believed depends on how improbable its agreement would be by chance among all the
places tried, so that a film of fifteen lines and one of fifteen hundred are judged by the same rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from corpus.dialogue.subtitles import Cue

Verdict = Literal["fits", "corrected", "refused", "unchecked"]

_NTSC = 24000 / 1001
RATIOS: tuple[float, ...] = (1.0, 24 / _NTSC, 25 / _NTSC, 25 / 24, _NTSC / 24, _NTSC / 25, 24 / 25)
"""Factors on subtitle times when a film was timed at one of 23.976, 24, 25 frames a second and runs at another."""

OFFSET_LIMIT_MS = 660_000
FITS_WITHIN_MS = 80
ONSET_TOLERANCE_MS = 160
REACHES_MS = (700.0, 350.0, 250.0)
"""How far beginnings of speech are looked for, in the rounds of the refinement."""
EVIDENCE_FOUND = 3.5
EVIDENCE_IN_PLACE = 3.0
"""Decades of chance excluded that a place found by search, or the place as delivered, must have."""
MINIMUM_CUES = 3

_NETWORK_LAG_MS = 16

_PRIOR_OF_NO_DRIFT = 0.04
_PRIOR_IN_PLACE = 0.06

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Break:
    """From `from_ms` on (subtitles' clock) the offset is `offset_ms`."""

    from_ms: int
    offset_ms: int


@dataclass(frozen=True)
class SyncResult:
    """What was found about subtitles and film.

    A cue at t belongs at `scale` * t + `offset_ms` (after the last break before it). `score` is the correlation of cues and speech
    in that place, -1..1; `onsets` the share of cues that begin within 160 ms of a beginning of speech; `evidence` the decades by
    which chance is excluded. `cues` are the cues to use: moved when corrected, else as they came. `reason` is the verdict in words.
    """

    verdict: Verdict
    offset_ms: int
    scale: float
    breaks: tuple[Break, ...]
    score: float
    onsets: float
    evidence: float
    reason: str
    cues: tuple[Cue, ...]


@dataclass(frozen=True)
class _Place:
    scale: float
    offset_ms: float
    score: float
    hits: int
    worth: float


def synchronise(cues: Sequence[Cue], speech: npt.NDArray[np.float32], grid_ms: int, duration_ms: int) -> SyncResult:
    """Find where `cues` belong in a film of `duration_ms` whose probability of speech is `speech`, one value each `grid_ms`.

    Only cues of kind speech are evidence; all are moved: correlation over ratios and
    offsets up to 11 minutes, onset refinement, gate by chance.
    """
    spoken = [cue for cue in cues if cue.kind == "speech"]
    if len(spoken) < MINIMUM_CUES:
        return _unmoved("unchecked", cues, f"{len(spoken)} spoken cues are too few to compare with the sound")
    ear = _Ear.listen(speech, grid_ms, duration_ms)
    if not len(ear.onsets_ms):
        return _unmoved("refused", cues, f"{len(spoken)} spoken cues, but nobody is heard to speak")
    starts = np.array([cue.start_ms for cue in spoken], np.float64)
    ends = np.array([cue.end_ms for cue in spoken], np.float64)
    in_place = ear.judge(starts, ends, 1.0, 0.0)
    near = ear.refine(starts, ends, in_place)
    best = max((*ear.search(starts, ends), near), key=lambda place: place.worth)
    if near.worth >= best.worth - _PRIOR_IN_PLACE and abs(near.offset_ms) <= 2 * ONSET_TOLERANCE_MS:
        best = near
    return _decide(cues, ear, starts, best)


def _decide(cues: Sequence[Cue], ear: _Ear, starts: Floats, best: _Place) -> SyncResult:
    displacement = np.abs(starts * (best.scale - 1) + best.offset_ms)
    stays = float(displacement.max()) <= max(FITS_WITHIN_MS, 2 * ear.doubt_ms(starts, best))
    tried = 1.0 if float(displacement.max()) <= 2 * ONSET_TOLERANCE_MS else ear.places_tried(starts)
    evidence = ear.evidence(best, len(starts)) - math.log10(tried)
    attainable = ear.evidence(replace(best, hits=len(starts), score=1.0), len(starts)) - math.log10(ear.places_tried(starts))
    if evidence >= (EVIDENCE_IN_PLACE if tried == 1 else EVIDENCE_FOUND):
        verdict: Verdict = "fits" if stays else "corrected"
        reason = "the subtitles fit the speech" if stays else _told_move(best)
    elif attainable < EVIDENCE_FOUND + 2:
        verdict, reason = "unchecked", f"{len(starts)} spoken cues are too few to tell where they belong: times kept as delivered"
    else:
        verdict, reason = "refused", f"the subtitles agree with the speech nowhere (best score {best.score:.2f}): another film or cut"
    moved = verdict == "corrected"
    return SyncResult(
        verdict=verdict,
        offset_ms=round(best.offset_ms) if moved else 0,
        scale=best.scale if moved else 1.0,
        breaks=(),
        score=round(best.score, 4),
        onsets=round(best.hits / len(starts), 4),
        evidence=round(evidence, 2),
        reason=reason,
        cues=tuple(_moved(cue, best) for cue in cues) if moved else tuple(cues),
    )


def _told_move(place: _Place) -> str:
    drift = "" if place.scale == 1 else f" and stretched by {place.scale:.5f} (frame rate)"
    return f"moved by {place.offset_ms / 1000:+.2f} s{drift}"


def _unmoved(verdict: Verdict, cues: Sequence[Cue], reason: str) -> SyncResult:
    return SyncResult(verdict, 0, 1.0, (), 0.0, 0.0, 0.0, reason, tuple(cues))


def unchecked(cues: Sequence[Cue], reason: str) -> SyncResult:
    """The result where there is no sound to compare with: times kept as delivered."""
    return _unmoved("unchecked", cues, reason)


def _moved(cue: Cue, place: _Place) -> Cue:
    start_ms = round(cue.start_ms * place.scale + place.offset_ms)
    end_ms = round(cue.end_ms * place.scale + place.offset_ms)
    return replace(cue, start_ms=start_ms, end_ms=max(end_ms, start_ms + 1))


@dataclass(frozen=True)
class _Ear:
    """The film's speech, ready to be compared with cues.

    `level` is the probability of speech without its mean, scaled to length 1; `onsets_ms` are the beginnings of speech;
    `chance` is the share of the film's time within the tolerance of one, `spread` how far scores scatter by chance for one cue.
    """

    grid_ms: int
    level: Floats
    onsets_ms: Floats
    near_onset: Floats
    chance: float
    duration_ms: int

    @classmethod
    def listen(cls, speech: npt.NDArray[np.float32], grid_ms: int, duration_ms: int) -> _Ear:
        steps = max(1, -(-duration_ms // grid_ms))
        heard = np.zeros(steps)
        heard[: len(speech)] = speech[:steps]
        onsets = (_onsets(heard) * grid_ms - _NETWORK_LAG_MS).clip(0)
        near = np.zeros(steps)
        for onset in onsets:
            low = max(0, round((onset - ONSET_TOLERANCE_MS) / grid_ms))
            near[low : round((onset + ONSET_TOLERANCE_MS) / grid_ms) + 1] = 1
        level = heard - heard.mean()
        length = float(np.linalg.norm(level))
        return cls(grid_ms, level / length if length else level, onsets, near, float(near.mean()), duration_ms)

    def judge(self, starts: Floats, ends: Floats, scale: float, offset_ms: float) -> _Place:
        """Score, hits and worth of one place, exact to the grid."""
        begin, end = starts * scale + offset_ms, ends * scale + offset_ms
        mask = _mask(begin / self.grid_ms, end / self.grid_ms, len(self.level))
        outside = float((end - begin).sum() / self.grid_ms - mask.sum())
        score = float(self.level @ mask) / self._mask_length(mask.sum() + max(0.0, outside))
        index = np.floor(begin / self.grid_ms).astype(int)
        inside = (index >= 0) & (index < len(self.near_onset))
        hits = int(self.near_onset[index[inside]].sum())
        return _Place(scale, offset_ms, score, hits, self._worth(score, hits / len(starts), scale))

    def search(self, starts: Floats, ends: Floats) -> list[_Place]:
        """The best few places of every ratio, each refined."""
        return [self.refine(starts, ends, self.judge(starts, ends, r, o)) for r in RATIOS for o in self._peaks(starts, ends, r)]

    def refine(self, starts: Floats, ends: Floats, place: _Place) -> _Place:
        """Move to the median distance between cues and the beginnings of speech next to them."""
        for reach_ms in REACHES_MS:
            begin = starts * place.scale + place.offset_ms
            distance = self._to_nearest_onset(begin)
            close = distance[np.abs(distance) <= reach_ms]
            if len(close) < max(2, 0.2 * len(starts)):
                break
            moved = self.judge(starts, ends, place.scale, place.offset_ms + float(np.median(close)))
            if moved.worth < place.worth - 0.05:
                break
            place = moved
        return place

    def doubt_ms(self, starts: Floats, place: _Place) -> float:
        """Standard error of the median distance between cues and beginnings of speech: a shift below twice this is no finding."""
        distance = self._to_nearest_onset(starts * place.scale + place.offset_ms)
        close = distance[np.abs(distance) <= REACHES_MS[0]]
        if len(close) < 2:
            return REACHES_MS[0]
        spread = 1.4826 * float(np.median(np.abs(close - np.median(close))))
        return 1.2533 * spread / math.sqrt(len(close))

    def evidence(self, place: _Place, n_cues: int) -> float:
        """Decades by which chance is excluded for one place: that so many cues begin with speech, and that the score is so high."""
        from scipy.stats import binom, norm

        chance = min(max(self.chance, 1 / (len(self.near_onset) + 1)), 0.95)
        of_hits = -binom.logsf(place.hits - 1, n_cues, chance) / math.log(10)
        independent = min(n_cues, len(self.onsets_ms)) * 2
        of_score = -norm.logsf(place.score * math.sqrt(independent)) / math.log(10)
        return float(of_hits + of_score)

    def places_tried(self, starts: Floats) -> float:
        """How many distinguishable places the search goes through."""
        span_ms = self.duration_ms + float(starts.max() - starts.min())
        ratios = sum(1 for ratio in RATIOS if abs(ratio - 1) * float(starts.max() - starts.min()) > ONSET_TOLERANCE_MS) + 1
        return max(1.0, ratios * min(span_ms, 2 * OFFSET_LIMIT_MS) / (2 * ONSET_TOLERANCE_MS))

    def _peaks(self, starts: Floats, ends: Floats, scale: float, n_peaks: int = 4) -> list[float]:
        """Offsets, ms, where the two surfaces together are highest, at least a second apart."""
        begin, end = starts * scale / self.grid_ms, ends * scale / self.grid_ms
        cue_steps = math.ceil(float(end.max())) + 1
        mask = _mask(begin, end, cue_steps)
        impulses = np.bincount(np.floor(begin).astype(int), minlength=cue_steps).astype(np.float64)
        score = _correlate(self.level, mask) / self._mask_length(mask.sum())
        hits = _correlate(self.near_onset, impulses) / len(starts)
        offsets_ms = (np.arange(len(score)) - (cue_steps - 1)) * self.grid_ms
        worth = np.where(np.abs(offsets_ms) <= OFFSET_LIMIT_MS, self._worth(score, hits, scale), -np.inf)
        found: list[float] = []
        for _ in range(n_peaks):
            peak = int(np.argmax(worth))
            found.append(float(offsets_ms[peak]))
            worth[max(0, peak - 1000 // self.grid_ms) : peak + 1000 // self.grid_ms] = -np.inf
        return found

    def _mask_length(self, n_on: float) -> float:
        share = min(n_on / len(self.level), 0.9)
        return math.sqrt(max(n_on * (1 - share), 1.0))

    def _to_nearest_onset(self, times_ms: Floats) -> Floats:
        right = np.searchsorted(self.onsets_ms, times_ms).clip(0, len(self.onsets_ms) - 1)
        left = (right - 1).clip(0)
        to_right, to_left = self.onsets_ms[right] - times_ms, self.onsets_ms[left] - times_ms
        return np.where(np.abs(to_right) <= np.abs(to_left), to_right, to_left)

    @staticmethod
    def _worth(score: float | Floats, hits: float | Floats, scale: float) -> float:
        return score + 0.5 * hits - (0.0 if scale == 1 else _PRIOR_OF_NO_DRIFT)  # type: ignore[return-value]


def _onsets(heard: Floats, on: float = 0.5, off: float = 0.3, pause_steps: int = 10) -> Floats:
    """Steps at which speech begins: probability rises through `on` after at least `pause_steps` below it with a dip under `off`."""
    above = np.flatnonzero(heard > on)
    if not len(above):
        return np.zeros(0)
    first = [int(above[0])]
    for before, after in pairwise(above):
        if after - before > pause_steps and heard[before:after].min() < off:
            first.append(int(after))
    return np.array([_crossing(heard, index, on) for index in first])


def _crossing(heard: Floats, index: int, level: float) -> float:
    if index == 0:
        return 0.0
    low, high = float(heard[index - 1]), float(heard[index])
    return index + 0.5 - (high - level) / max(high - low, 1e-6)


def _mask(begin: Floats, end: Floats, steps: int) -> Floats:
    """1 where a cue is on screen; bounds in steps, parts outside [0, steps) left out."""
    edges = np.zeros(steps + 1)
    low = np.round(begin).astype(int).clip(0, steps)
    high = np.round(end).astype(int).clip(0, steps)
    np.add.at(edges, low, 1)
    np.add.at(edges, high, -1)
    return (np.cumsum(edges[:-1]) > 0).astype(np.float64)


def _correlate(signal: Floats, pattern: Floats) -> Floats:
    """Sum of signal * pattern for every shift of the pattern from -(len(pattern) - 1) to len(signal) - 1."""
    from scipy.signal import fftconvolve

    return np.asarray(fftconvolve(signal, pattern[::-1]), np.float64)
