"""Level, beginnings and beat of a sound, in plain torch and numpy.

A row covers 32 ms. Where a new sound begins, the decibels of its mel bands rise from one row to the next: their mean rise is the onset
strength, as librosa has it. How regularly it comes back within eight seconds is its local autocorrelation (Grosche, Müller and Kurth 2010),
and the lag at which it does so best, near 120 beats a minute rather than far from them, is the beat's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from ml.features.voice.fourier import mel_filters, power_spectrum
from ml.features.voice.grid import RATE_HZ

Floats = npt.NDArray[np.float64]

HOP = 512
HOP_MS = HOP * 1000 // RATE_HZ
SILENCE_DB = -90.0
LOW_HZ = 250.0
ROWS_PER_SECOND = RATE_HZ / HOP
FRAME_ROWS = 250
"""Rows of the stretch in which a beat is sought: eight seconds."""

FASTEST_BPM = 320.0
_USUAL_BPM, _OCTAVES = 120.0, 1.0
_WINDOW, _MELS = 1024, 40
_EDGE = (_WINDOW - HOP) // 2
_POWER_FLOOR = 1e-10


@dataclass(frozen=True)
class Heard:
    """By row of 32 ms, float32 (n,): level in dBFS, onset strength in dB, share of the energy below 250 Hz."""

    level_db: Tensor
    onset: Tensor
    low_share: Tensor


def hear(samples: Tensor, before: int, n_rows: int) -> Heard:
    """Describe `n_rows` rows that begin at sample `before` of `samples` (16 kHz, -1..1); what lies outside `samples` is silence.

    The first row of a sound that has nothing before it has no onset.
    """
    first = before - HOP - _EDGE
    left, right = max(-first, 0), max(first + (n_rows + 1) * HOP + _WINDOW - HOP - len(samples), 0)
    padded = functional.pad(samples, (left, right))[max(first, 0) :]
    frames = padded.unfold(0, _WINDOW, HOP)[: n_rows + 1]
    power = power_spectrum(frames * torch.hann_window(_WINDOW, device=samples.device))
    decibels = _decibels(power @ _mel_filters(str(samples.device)))
    onset = (decibels[1:] - decibels[:-1]).clamp(min=0).mean(1)
    if before == 0:
        onset[:1] = 0
    own = padded[HOP + _EDGE :].unfold(0, HOP, HOP)[:n_rows]
    low = power[1:, torch.fft.rfftfreq(_WINDOW, 1 / RATE_HZ, device=samples.device) < LOW_HZ].sum(1)
    return Heard(_decibels(own.square().mean(1)), onset, low / (power[1:].sum(1) + 1e-9))


def _decibels(power: Tensor) -> Tensor:
    return (10 * power.clamp(min=_POWER_FLOOR).log10()).clamp(min=SILENCE_DB)


@lru_cache(maxsize=2)
def _mel_filters(device: str) -> Tensor:
    return torch.from_numpy(mel_filters(_MELS, _WINDOW).T).to(device)


@dataclass(frozen=True)
class Beat:
    """Tempo in beats a minute, and how regular the beat is: the correlation of onsets with those one beat later, 0..1."""

    bpm: float
    regularity: float


class Tempogram:
    """How well an onset envelope repeats itself at each lag, around every second of it.

    `lags` (seconds, 250) is the local autocorrelation, 1 at lag 0 or all 0 where nothing begins; `correlation` is that of the envelope
    without its mean, the window's own fall taken out.
    """

    def __init__(self, onset: npt.NDArray[np.float32]) -> None:
        n_seconds = max(int(np.ceil(len(onset) / ROWS_PER_SECOND)), 1)
        middles = ((np.arange(n_seconds) + 0.5) * ROWS_PER_SECOND).astype(np.int64)
        padded = np.pad(onset.astype(np.float64), FRAME_ROWS)
        frames = padded[middles[:, None] + FRAME_ROWS // 2 + np.arange(FRAME_ROWS)]
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_ROWS) / FRAME_ROWS)
        centred = frames - (frames @ window / window.sum())[:, None]
        self.lags = _repeating(frames * window)
        self.correlation = _repeating(centred * window) / np.maximum(_repeating(window[None]), 0.05)

    def beat(self, start_s: float = 0.0, end_s: float = float("inf")) -> Beat | None:
        """The beat of a stretch of seconds; None where nothing begins there."""
        own = slice(max(int(start_s), 0), int(min(np.ceil(end_s), len(self.lags))))
        mean = self.lags[own].mean(axis=0) if len(self.lags[own]) else np.zeros(FRAME_ROWS)
        if mean[0] <= 0:
            return None
        lags = np.arange(FRAME_ROWS)
        bpm = np.divide(60 * ROWS_PER_SECOND, lags, out=np.full(FRAME_ROWS, np.inf), where=lags > 0)
        with np.errstate(invalid="ignore"):
            usual = -0.5 * (np.log2(bpm / _USUAL_BPM) / _OCTAVES) ** 2
        score = np.where(bpm < FASTEST_BPM, np.log1p(1e6 * np.maximum(mean, 0)) + usual, -np.inf)
        best = int(score.argmax())
        regularity = self.correlation[own, max(best - 1, 1) : best + 2].mean(axis=0).max()
        return Beat(60 * ROWS_PER_SECOND / _refined(mean, best), float(np.clip(regularity, 0, 1)))


def _repeating(frames: Floats) -> Floats:
    """Autocorrelation of each frame (n, 250) by its own strength; 0 where it has none."""
    spectrum = np.fft.rfft(frames, 2 * FRAME_ROWS)
    lags = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[:, :FRAME_ROWS]
    strength = lags[:, :1]
    return np.divide(lags, strength, out=np.zeros_like(lags), where=strength > 1e-9)


def _refined(mean: Floats, best: int) -> float:
    """The lag to a fraction of a row: two, four and eight beats later it shows two, four and eight times as finely."""
    lag = best + _summit(mean, best)
    for beats in (2, 4, 8):
        near = round(lag * beats)
        if near + 2 >= FRAME_ROWS:
            break
        peak = near - 1 + int(mean[near - 1 : near + 2].argmax())
        finer = (peak + _summit(mean, peak)) / beats
        if mean[peak] <= max(mean[peak - 1], mean[peak + 1]) or abs(finer - best) > 0.5:
            break
        lag = finer
    return lag


def _summit(values: Floats, at: int) -> float:
    """Where, between its neighbours, the parabola through a peak is highest: -0.5..0.5."""
    if not 0 < at < len(values) - 1:
        return 0.0
    left, middle, right = values[at - 1 : at + 2]
    bend = left - 2 * middle + right
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0
