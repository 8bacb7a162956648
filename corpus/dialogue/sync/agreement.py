"""How well cues and the speech heard in a film agree in one place, and in which places they agree best.

A place is a frame-rate ratio and an offset. Two surfaces over all places come from FFT cross-correlation: how well being on screen
goes with speech, and how many cues begin where somebody begins to speak; the best places are refined by the commonest distance to
those beginnings. Evidence says by how many decades chance is excluded, so that few cues and many are judged by one rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

_NTSC = 24000 / 1001
RATIOS: tuple[float, ...] = (1.0, 24 / _NTSC, 25 / _NTSC, 25 / 24, _NTSC / 24, _NTSC / 25, 24 / 25)
"""Factors on subtitle times when a film was timed at one of 23.976, 24, 25 frames a second and runs at another."""

OFFSET_LIMIT_MS = 660_000
ONSET_TOLERANCE_MS = 160
REACHES_MS = (700.0, 350.0)
"""How far beginnings of speech are looked for, in the rounds of the refinement."""
KERNEL_MS = 90.0
"""How far cues scatter about the beginnings of speech that they are timed to."""
PRIOR_OF_NO_DRIFT = 0.04
"""What a place must gain over the best without drift to be preferred."""

_CUE_BEFORE_HEARD_MS = 70.0
"""Where a cue usually begins before speech is heard: people begin it some 0 to 50 ms early, the detector hears it some 20 to 60 ms late."""
_STEP_MS = 10.0
_ON, _OFF, _PAUSE_STEPS = 0.5, 0.3, 6
_WORTH_OF_HITS = 0.5

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """Where cues might belong: at scale * t + offset_ms.

    `score` is the correlation of cues and speech there, -1..1; `hits` how many cues begin within 160 ms of a beginning of speech;
    `worth` is what places are compared by.
    """

    scale: float
    offset_ms: float
    score: float
    hits: int
    worth: float


@dataclass(frozen=True)
class Ear:
    """The film's speech, ready to be compared with cues.

    `level` is the probability of speech without its mean, scaled to length 1; `onsets_ms` are the times at which a cue for each
    beginning of speech would begin; `near_onset` is 1 within the tolerance of one, `chance` the share of the film's time that is.
    """

    grid_ms: int
    level: Floats
    onsets_ms: Floats
    near_onset: Floats
    chance: float
    duration_ms: int

    @classmethod
    def listen(cls, speech: npt.NDArray[np.float32], grid_ms: int, duration_ms: int) -> Ear:
        steps = max(1, -(-duration_ms // grid_ms))
        heard = np.zeros(steps)
        heard[: len(speech)] = speech[:steps]
        onsets = (_onsets(heard) * grid_ms - _CUE_BEFORE_HEARD_MS).clip(0)
        near = np.zeros(steps)
        for onset in onsets:
            low = max(0, round((onset - ONSET_TOLERANCE_MS) / grid_ms))
            near[low : round((onset + ONSET_TOLERANCE_MS) / grid_ms) + 1] = 1
        level = heard - heard.mean()
        length = float(np.linalg.norm(level))
        return cls(grid_ms, level / length if length else level, onsets, near, float(near.mean()), duration_ms)

    def judge(self, starts: Floats, ends: Floats, scale: float, offset_ms: float) -> Place:
        """Score, hits and worth of one place, exact to the grid."""
        begin, end = starts * scale + offset_ms, ends * scale + offset_ms
        mask = _mask(begin / self.grid_ms, end / self.grid_ms, len(self.level))
        outside = max(0.0, float((end - begin).sum() / self.grid_ms - mask.sum()))
        score = float(self.level @ mask) / self._mask_length(float(mask.sum()), outside)
        hits = int(self._hit(begin).sum())
        return Place(scale, offset_ms, score, hits, self._worth(score, hits / len(starts), scale))

    def agreement(self, begin_ms: Floats, end_ms: Floats) -> Floats:
        """For each cue by itself: how much more speech there is while it is on screen than elsewhere, and whether it begins with some."""
        total = np.concatenate([[0.0], np.cumsum(self.level)])
        low = np.round(begin_ms / self.grid_ms).astype(int).clip(0, len(self.level))
        high = np.round(end_ms / self.grid_ms).astype(int).clip(0, len(self.level))
        share = (total[high] - total[low]) / np.maximum((end_ms - begin_ms) / self.grid_ms, 1) / max(float(self.level.max()), 1e-9)
        return share + np.where(self._hit(begin_ms), 1.0, 0.0) - self.chance

    def search(self, starts: Floats, ends: Floats) -> list[Place]:
        """The best few places of every ratio, each refined."""
        return [self.refine(starts, ends, self.judge(starts, ends, r, o)) for r in RATIOS for o in self.peaks(starts, ends, r)]

    def refine(self, starts: Floats, ends: Floats, place: Place) -> Place:
        """Move by the commonest distance between cues and the beginnings of speech around them."""
        for reach_ms in REACHES_MS:
            distances = self._distances(starts * place.scale + place.offset_ms, reach_ms)
            if len(distances) < max(2, 0.2 * len(starts)):
                break
            moved = self.judge(starts, ends, place.scale, place.offset_ms + _commonest(distances, reach_ms))
            if moved.worth < place.worth - 0.05:
                break
            place = moved
        return place

    def doubt_ms(self, starts: Floats, place: Place) -> float:
        """Standard error of the distance between cues and beginnings of speech: a shift below twice this is no finding."""
        close = self._distances(starts * place.scale + place.offset_ms, REACHES_MS[-1])
        if len(close) < 2:
            return REACHES_MS[0]
        spread = 1.4826 * float(np.median(np.abs(close - np.median(close))))
        return 1.2533 * spread / math.sqrt(len(close))

    def evidence(self, place: Place, n_cues: int) -> float:
        """Decades by which chance is excluded for one place: that so many cues begin with speech, and that the score is so high.

        Chernoff's bound stands for the binomial tail, which is 0 to a computer for a whole film's cues.
        """
        from scipy.special import log_ndtr

        chance = min(max(self.chance, 1 / (len(self.near_onset) + 1)), 0.95)
        share = place.hits / n_cues
        of_hits = n_cues * _divergence(share, chance) if share > chance else 0.0
        independent = min(n_cues, len(self.onsets_ms)) * 2
        return float(of_hits - log_ndtr(-place.score * math.sqrt(independent))) / math.log(10)

    def places_tried(self, starts: Floats) -> float:
        """How many distinguishable places the search goes through."""
        span_ms = float(starts.max() - starts.min())
        ratios = sum(1 for ratio in RATIOS if abs(ratio - 1) * span_ms > ONSET_TOLERANCE_MS) + 1
        return ratios * self.offsets_tried(starts)

    def offsets_tried(self, starts: Floats) -> float:
        """How many distinguishable offsets the search goes through for one ratio."""
        span_ms = self.duration_ms + float(starts.max() - starts.min())
        return max(1.0, min(span_ms, 2 * OFFSET_LIMIT_MS) / (2 * ONSET_TOLERANCE_MS))

    def peaks(self, starts: Floats, ends: Floats, scale: float, n_peaks: int = 4) -> list[float]:
        """Offsets, ms, where the two surfaces together are highest, at least a second apart."""
        limit = OFFSET_LIMIT_MS // self.grid_ms
        begin, end = starts * scale / self.grid_ms, ends * scale / self.grid_ms
        first = math.floor(float(begin.min()))
        steps = math.ceil(float(end.max())) + 1 - first
        mask = _mask(begin - first, end - first, steps)
        impulses: Floats = np.bincount(np.floor(begin).astype(int) - first, minlength=steps) * np.float64(_WORTH_OF_HITS / len(starts))
        pairs = ((self.level, mask / self._mask_length(min(float(mask.sum()), 0.9 * len(self.level)), 0.0)), (self.near_onset, impulses))
        worth = _correlate([(_section(signal, first - limit, steps + 2 * limit), pattern) for signal, pattern in pairs], 2 * limit + 1)
        found: list[float] = []
        for _ in range(n_peaks):
            peak = int(np.argmax(worth))
            found.append(float(peak - limit) * self.grid_ms)
            worth[max(0, peak - 1000 // self.grid_ms) : peak + 1000 // self.grid_ms] = -np.inf
        return found

    def _hit(self, begin_ms: Floats) -> npt.NDArray[np.bool_]:
        index = np.floor(begin_ms / self.grid_ms).astype(int)
        inside = (index >= 0) & (index < len(self.near_onset))
        return inside & (self.near_onset[index.clip(0, len(self.near_onset) - 1)] > 0)

    def _mask_length(self, inside: float, outside: float) -> float:
        """Length of a mask without its mean, `inside` steps of which lie on the film's sound; those outside count in full."""
        return math.sqrt(max(inside * (1 - inside / len(self.level)) + outside, 1.0))

    def _distances(self, times_ms: Floats, reach_ms: float) -> Floats:
        """From each time to every beginning of speech within reach, all in one row."""
        low = np.searchsorted(self.onsets_ms, times_ms - reach_ms)
        high = np.searchsorted(self.onsets_ms, times_ms + reach_ms)
        return np.concatenate([self.onsets_ms[a:b] - time for a, b, time in zip(low, high, times_ms, strict=True)])

    @staticmethod
    def _worth(score: float, hits: float, scale: float) -> float:
        return score + _WORTH_OF_HITS * hits - (0.0 if scale == 1 else PRIOR_OF_NO_DRIFT)


def _onsets(heard: Floats) -> Floats:
    """Steps at which speech begins: probability rises through _ON after at least _PAUSE_STEPS below it with a dip under _OFF."""
    above = np.flatnonzero(heard > _ON)
    if not len(above):
        return np.zeros(0)
    first = [int(above[0])]
    for before, after in pairwise(above):
        if after - before > _PAUSE_STEPS and heard[before:after].min() < _OFF:
            first.append(int(after))
    return np.array([_crossing(heard, index, _ON) for index in first])


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


def _commonest(distances: Floats, reach_ms: float) -> float:
    """Where the distances lie densest, smoothed by a bell of KERNEL_MS: unlike a median, deaf to cues whose beginning was not heard."""
    grid = np.arange(-reach_ms, reach_ms + _STEP_MS, _STEP_MS)
    density = np.exp(-(((grid[:, None] - distances) / KERNEL_MS) ** 2) / 2).sum(axis=1)
    return float(grid[int(np.argmax(density))])


def _divergence(share: float, chance: float) -> float:
    """Kullback and Leibler's divergence of two coins, nats."""
    parts = ((share, chance), (1 - share, 1 - chance))
    return sum(seen * math.log(seen / expected) for seen, expected in parts if seen > 0)


def _section(signal: Floats, first: int, length: int) -> Floats:
    """`length` values from index `first` on, zero where there is no signal."""
    section = np.zeros(length)
    low, high = max(first, 0), min(first + length, len(signal))
    if low < high:
        section[low - first : high - first] = signal[low:high]
    return section


def _correlate(pairs: list[tuple[Floats, Floats]], n_shifts: int) -> Floats:
    """Sum over the pairs, all of one size, of signal * pattern for the shifts 0 to n_shifts - 1 of the pattern."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(len(pairs[0][0]), real=True)
    spectrum = sum(rfft(signal.astype(np.float32), size) * np.conj(rfft(pattern.astype(np.float32), size)) for signal, pattern in pairs)
    return np.asarray(irfft(spectrum, size)[:n_shifts], np.float64)
