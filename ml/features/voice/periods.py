"""Jitter and shimmer: how unlike neighbouring periods of a voice are in length and in height.

Periods are marked where the voice's smoothed wave is highest within more than half a period to either side; each length is then refined
to fractions of a sample by how well the wave before it matches the wave after it, as in Praat's cross-correlation method, so that the
peak's own shape does not count. Marks of all voiced stretches are sought and refined side by side; there is no loop over periods.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from ml.features.voice.grid import HOP, RATE_HZ

_APART = 0.6
"""A mark is higher than all within this share of a period."""

_PERIOD_RANGE = 0.75, 1.33
"""Marks that are this much of the pitch's period apart are neighbours."""

_LENGTH_RATIO, _HEIGHT_RATIO = 1.3, 1.6
"""Neighbouring periods that differ by more than this are no perturbation but a fault (Praat's limits)."""

_LEAST_MATCH = 0.5
_SEARCH = 3
_LONGEST = RATE_HZ // 50
_LOW_PERIOD = RATE_HZ // 120
_AROUND_ROWS = 3
_LEAST_PAIRS = 2


def perturbation(samples: Tensor, before: int, pitch_hz: Tensor) -> tuple[Tensor, Tensor]:
    """Jitter (share of a period's length) and shimmer (dB) within 30 ms of the middle of each row, NaN where too few periods tell.

    `pitch_hz` (n,) is NaN in rows that are not to be measured; row 0 begins at sample `before` of `samples`.
    Local jitter and shimmer as Praat and eGeMAPS define them: the mean difference of neighbours over the mean.
    """
    samples, before = _room(samples, before, len(pitch_hz))
    wave = _dominant(_smoothed(samples), before, pitch_hz)
    marks, period = _marks(wave, before, pitch_hz)
    if len(marks) < _LEAST_PAIRS + 1:
        unknown = torch.full_like(pitch_hz, torch.nan)
        return unknown, unknown.clone()
    lengths, real = _lengths(samples, marks, period)
    heights = _heights(wave, marks)
    return _jitter(lengths, real, marks, before, len(pitch_hz)), _shimmer(heights, real, marks, before, len(pitch_hz))


def _room(samples: Tensor, before: int, n_rows: int) -> tuple[Tensor, int]:
    """The sound with silence on both sides, so that windows around every row fit in."""
    margin = 2 * _LONGEST + _SEARCH
    right = max(before + n_rows * HOP - len(samples), 0) + margin
    return functional.pad(samples, (margin, right)), before + margin


def _smoothed(samples: Tensor) -> Tensor:
    """Without what is above some 1.3 kHz, whose ringing would draw the marks here and there: twice the mean of four samples."""
    for _ in range(2):
        pairs = samples[:-1] + samples[1:]
        samples = (pairs[:-2] + pairs[2:]) / 4
    return functional.pad(samples, (3, 3))


def _dominant(wave: Tensor, before: int, pitch_hz: Tensor) -> Tensor:
    """The wave with its stronger peaks upwards: the closing of the glottis is sharper than its opening."""
    rows = wave[before : before + len(pitch_hz) * HOP].view(-1, HOP)
    leaning = rows[pitch_hz.isfinite()].pow(3).sum()
    return torch.where(leaning < 0, -wave, wave)


def _marks(wave: Tensor, before: int, pitch_hz: Tensor) -> tuple[Tensor, Tensor]:
    """Sample numbers of the marks in order, and the pitch's period in samples at each."""
    own = slice(before, before + len(pitch_hz) * HOP)
    peak = (wave[own] > wave[own.start - 1 : own.stop - 1]) & (wave[own] >= wave[own.start + 1 : own.stop + 1]) & (wave[own] > 0)
    peak &= pitch_hz.isfinite().repeat_interleave(HOP)
    places = peak.nonzero()[:, 0] + before
    period = RATE_HZ / pitch_hz[(places - before) // HOP]
    reach = (_APART * period).long()
    highest = wave[places] >= _highest(wave, places - reach, places + reach + 1)
    return places[highest], period[highest]


def _highest(wave: Tensor, start: Tensor, stop: Tensor) -> Tensor:
    """The wave's maximum over each [start, stop), from the maxima over powers of two."""
    level = (stop - start).float().log2().long()
    result = torch.full_like(wave[start], -torch.inf)
    maxima, width = wave, 1
    for power in range(int(level.max()) + 1 if len(level) else 0):
        at = level == power
        result[at] = torch.maximum(maxima[start[at]], maxima[stop[at] - width])
        maxima = torch.maximum(maxima[:-width], maxima[width:])
        width *= 2
    return result


def _lengths(samples: Tensor, marks: Tensor, period: Tensor) -> tuple[Tensor, Tensor]:
    """Length in samples from each mark to the next one (n - 1,), and whether it is a period."""
    gap = marks[1:] - marks[:-1]
    real = (gap > _PERIOD_RANGE[0] * period[:-1]) & (gap < _PERIOD_RANGE[1] * period[:-1])
    links = real.nonzero()[:, 0]
    lengths = gap.to(samples.dtype)
    # High voices need half the window, and most are.
    low = period[links] > _LOW_PERIOD
    for some in (links[low], links[~low]):
        lengths[some], match = _refined(samples, marks[some], gap[some], period[some])
        real[some] = match > _LEAST_MATCH
    return lengths, real


def _refined(samples: Tensor, marks: Tensor, gap: Tensor, period: Tensor) -> tuple[Tensor, Tensor]:
    """The lag near `gap` at which the period around a mark is found again, to fractions of a sample, and the correlation there."""
    half = min(int(period.max()) if len(period) else 0, _LONGEST) // 2 + 1
    around = torch.arange(-half, half + 1, device=marks.device)
    near = torch.arange(-half - _SEARCH, half + _SEARCH + 1, device=marks.device)
    inside = around / (period[:, None] / 2)
    weight = torch.where(inside.abs() < 1, 0.5 + 0.5 * torch.cos(torch.pi * inside), 0.0)
    here, there = samples[marks[:, None] + around], samples[(marks + gap)[:, None] + near]
    shifted = there.unfold(1, len(around), 1)
    product = torch.einsum("nlj,nj->nl", shifted, here * weight)
    energy = torch.einsum("nlj,nj->nl", shifted.square(), weight) * (here.square() * weight).sum(1, keepdim=True)
    match = product / energy.sqrt().clamp(min=1e-12)
    best = match[:, 1:-1].argmax(1, keepdim=True) + 1
    low, top, high = (match.gather(1, best + step)[:, 0] for step in (-1, 0, 1))
    return gap - _SEARCH + best[:, 0] + _vertex(low, top, high), top


def _vertex(low: Tensor, top: Tensor, high: Tensor) -> Tensor:
    """Where between -0.5 and 0.5 the parabola through three neighbouring values is highest."""
    bend = low - 2 * top + high
    return torch.where(bend < 0, 0.5 * (low - high) / bend, 0.0).clamp(-0.5, 0.5)


def _heights(wave: Tensor, marks: Tensor) -> Tensor:
    low, top, high = wave[marks - 1], wave[marks], wave[marks + 1]
    return top - 0.25 * (low - high) * _vertex(low, top, high)


def _jitter(lengths: Tensor, real: Tensor, marks: Tensor, before: int, n_rows: int) -> Tensor:
    first, second = lengths[:-1], lengths[1:]
    alike = torch.maximum(first, second) < _LENGTH_RATIO * torch.minimum(first, second)
    pairs = (real[:-1] & real[1:] & alike).nonzero()[:, 0]
    first, second = first[pairs], second[pairs]
    sums = _sums(torch.stack([(first - second).abs(), (first + second) / 2], dim=1), marks[1:-1][pairs], before, n_rows)
    return sums[:, 0] / sums[:, 1]


def _shimmer(heights: Tensor, real: Tensor, marks: Tensor, before: int, n_rows: int) -> Tensor:
    decibels = 20 * torch.log10(heights[1:] / heights[:-1])
    alike = decibels.abs() < 20 * math.log10(_HEIGHT_RATIO)
    pairs = (real & alike).nonzero()[:, 0]
    changes = decibels[pairs].abs()
    sums = _sums(torch.stack([changes, torch.ones_like(changes)], dim=1), marks[:-1][pairs], before, n_rows)
    return sums[:, 0] / sums[:, 1]


def _sums(values: Tensor, at: Tensor, before: int, n_rows: int) -> Tensor:
    """Sums of values (m, 2), which lie at the samples `at`, over 70 ms around each row; NaN where fewer than two lie there."""
    running = functional.pad(values.double().cumsum(0), (0, 0, 1, 0))
    starts = torch.arange(n_rows, device=at.device) * HOP + before
    first = torch.searchsorted(at, starts - _AROUND_ROWS * HOP)
    last = torch.searchsorted(at, starts + (_AROUND_ROWS + 1) * HOP)
    sums = (running[last] - running[first]).to(values.dtype)
    return sums.masked_fill((last - first < _LEAST_PAIRS)[:, None], torch.nan)
