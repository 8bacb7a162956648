"""What the harmonics of a voice tell: how much of it is noise, how soft its source is, how its formants stand out.

One spectrum of 60 ms around each voiced row serves all: its squared magnitudes turn back into the autocorrelation, whose height at the
pitch's period gives the harmonics-to-noise ratio (Boersma 1993), and the peaks near multiples of the pitch are the harmonics.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ml.features.voice.fourier import parts, power_spectrum
from ml.features.voice.grid import HOP, RATE_HZ

WINDOW, FFT = 960, 2048

_HZ_PER_BIN = RATE_HZ / FFT
_NEAR = 0.6
"""Half the width, in pitches, of where a formant's strongest harmonic is sought: one harmonic lies in it for certain."""

_RATIO_RANGE = 0.01, 0.999


@dataclass(frozen=True)
class Harmonics:
    """Decibels by row (n,): harmonics to noise; first over second harmonic; first over F3's strongest; `formants` (n, 3) over the first."""

    to_noise_db: Tensor
    h1_h2_db: Tensor
    h1_a3_db: Tensor
    formants_db: Tensor


def describe_harmonics(samples: Tensor, middles: Tensor, pitch_hz: Tensor, formants_hz: Tensor) -> Harmonics:
    """Harmonics around the samples numbered `middles` (n,), whose pitch is `pitch_hz` (n,).

    `formants_hz` (n, 3) are where formants are, NaN where unknown.
    """
    padded = functional.pad(samples, (WINDOW // 2, WINDOW // 2 + HOP))
    frames = padded.unfold(0, WINDOW, 1)
    window = torch.hann_window(WINDOW, dtype=samples.dtype, device=samples.device)
    taper = _correlation(power_spectrum(window[None], FFT))[0]
    by_part = zip(parts(middles), parts(pitch_hz), parts(formants_hz), strict=True)
    found = [_of_part(power_spectrum(frames[at] * window, FFT), taper, pitch, formants) for at, pitch, formants in by_part]
    return Harmonics(*(torch.cat(column) for column in zip(*found, strict=True)))


def _correlation(power: Tensor) -> Tensor:
    """Autocorrelation up to half the window, 1 at lag 0."""
    correlation = torch.fft.irfft(power)[:, : WINDOW // 2]
    return correlation / correlation[:, :1].clamp(min=1e-12)


def _of_part(power: Tensor, taper: Tensor, pitch_hz: Tensor, formants_hz: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    decibels = 10 * torch.log10(power + 1e-12)
    first, second = (_strongest(decibels, (times * pitch_hz)[:, None], 0.25 * pitch_hz)[:, 0] for times in (1, 2))
    peaks = _strongest(decibels, formants_hz, _NEAR * pitch_hz)
    return _to_noise(_correlation(power) / taper, pitch_hz), first - second, first - peaks[:, 2], peaks - first[:, None]


def _to_noise(correlation: Tensor, pitch_hz: Tensor) -> Tensor:
    """Harmonics-to-noise ratio in dB, -20 to 30, by the highest correlation near the pitch's period."""
    lags = torch.round(RATE_HZ / pitch_hz).long()[:, None] + torch.arange(-3, 4, device=pitch_hz.device)
    near = correlation.gather(1, lags.clamp(1, correlation.shape[1] - 1))
    best = near[:, 1:-1].argmax(1, keepdim=True) + 1
    low, top, high = (near.gather(1, best + step)[:, 0] for step in (-1, 0, 1))
    bend = low - 2 * top + high
    strength = top - torch.where(bend < 0, 0.125 * (low - high).square() / bend, 0.0)
    strength = strength.clamp(*_RATIO_RANGE)
    return 10 * torch.log10(strength / (1 - strength))


def _strongest(decibels: Tensor, hz: Tensor, reach_hz: Tensor) -> Tensor:
    """The highest value of spectra (n, bins) within `reach_hz` (n,) of each of `hz` (n, m); NaN where `hz` is."""
    n_around = int(reach_hz.max().item() / _HZ_PER_BIN) + 1 if len(reach_hz) else 0
    around = torch.arange(-n_around, n_around + 1, device=hz.device)
    unknown = hz.isnan()
    bins = (hz.nan_to_num() / _HZ_PER_BIN).round().long()[:, :, None] + around
    heights = decibels.gather(1, bins.clamp(0, decibels.shape[1] - 1).flatten(1)).view(bins.shape)
    outside = around.abs() * _HZ_PER_BIN > reach_hz[:, None].clamp(min=_HZ_PER_BIN)
    return heights.masked_fill(outside[:, None], -torch.inf).amax(2).masked_fill(unknown, torch.nan)
