"""What a spectrum tells every 10 ms: loudness as an ear hears it, slopes and ratios that hear strain, MFCCs, how fast it changes.

Windows are those of eGeMAPS (20 ms, Hamming, Fourier transform of 32 ms), so its definitions (Eyben et al., IEEE Transactions on Affective
Computing 2016) hold as they are written; MFCCs are librosa's of the same windows. All of it is a few products of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ml.features.voice.fourier import mel_filters, parts, power_spectrum
from ml.features.voice.grid import HOP, RATE_HZ

WINDOW, FFT = 320, 512
N_MFCC = 13
SPECTRAL = ("alpha_ratio", "hammarberg", "slope_500", "slope_1500", "flux", "centroid", "flatness", "rolloff")

_BINS = FFT // 2 + 1
_HZ = np.arange(_BINS) * RATE_HZ / FFT
_LOUDNESS_BANDS, _MFCC_BANDS = 26, 40
_LOUDNESS_RANGE_HZ = (20.0, 8000.0)
_LOUDNESS_POWER = 0.33
_LOUDNESS_SCALE = 1 / 15.3  # numbers as eGeMAPS' extractors give them
_TINY = 1e-12
_SILENCE_DB = -90.0
_ROLLOFF = 0.85


@dataclass(frozen=True)
class Spectral:
    """Columns over rows of 10 ms: `loudness` (n,), `level_db` (n,), `shape` (n, 8) in the order of SPECTRAL, `mfcc` (n, 13).

    `power` (n, 257) is the squared magnitude of the windows' Fourier transform.
    """

    loudness: Tensor
    level_db: Tensor
    shape: Tensor
    mfcc: Tensor
    power: Tensor


def describe_spectrum(samples: Tensor, before: int, n_rows: int) -> Spectral:
    """Describe `n_rows` rows of 10 ms that begin at sample `before` of `samples`; what lies outside `samples` is silence.

    A row's window is centred on the row's middle.
    """
    filters = _Filters.on(str(samples.device))
    power = _power(samples, before, n_rows)
    own = power[1:]
    return Spectral(
        loudness=_loudness(own, filters),
        level_db=_level_db(samples, before, n_rows),
        shape=torch.stack(_shape(power, filters), dim=1),
        mfcc=_mfcc(own, filters),
        power=own,
    )


def _power(samples: Tensor, before: int, n_rows: int) -> Tensor:
    """Power (n_rows + 1, 257), of the row before the first one too."""
    left = before - HOP - (WINDOW - HOP) // 2
    right = before + n_rows * HOP + (WINDOW - HOP) // 2 - len(samples)
    padded = functional.pad(samples, (-left, right))
    frames = padded.unfold(0, WINDOW, HOP)
    window = torch.hamming_window(WINDOW, dtype=samples.dtype, device=samples.device)
    return torch.cat([power_spectrum(part * window, FFT) for part in parts(frames)])


def _level_db(samples: Tensor, before: int, n_rows: int) -> Tensor:
    """RMS level of each row's own 10 ms in dB below full scale, at least -90."""
    own = samples[before : before + n_rows * HOP]
    rows = functional.pad(own, (0, n_rows * HOP - len(own))).view(n_rows, HOP)
    return (10 * torch.log10(rows.square().mean(1) + _TINY)).clamp(min=_SILENCE_DB)


def _loudness(power: Tensor, filters: _Filters) -> Tensor:
    """Sum over 26 mel bands of the cube root of their power, weighed as loud as an ear hears them (Hermansky 1990), as eGeMAPS has it."""
    return (power @ filters.loudness).pow(_LOUDNESS_POWER).sum(1) * _LOUDNESS_SCALE


def _mfcc(power: Tensor, filters: _Filters) -> Tensor:
    """MFCC 1 to 13, librosa's (Slaney's mel bands, decibels without a top, orthonormal cosines)."""
    return 10 * torch.log10((power @ filters.mfcc).clamp(min=1e-10)) @ filters.cosines


def _shape(with_previous: Tensor, filters: _Filters) -> list[Tensor]:
    """The columns of SPECTRAL: ratios in dB, slopes in dB per kHz, centroid and rolloff in kHz, flatness in dB."""
    power = with_previous[1:]
    decibels = 10 * torch.log10(power + _TINY)
    energy = power @ filters.energies + _TINY
    total = energy[:, 2]
    below = power.cumsum(1) >= _ROLLOFF * total[:, None]
    return [
        10 * torch.log10(energy[:, 0] / energy[:, 1]),
        decibels[:, _bins(0, 2000)].amax(1) - decibels[:, _bins(2000, 5000)].amax(1),
        decibels @ filters.slopes[:, 0],
        decibels @ filters.slopes[:, 1],
        _flux(with_previous),
        power @ filters.khz / total,
        decibels.mean(1) - 10 * torch.log10(total / _BINS),
        filters.khz[below.int().argmax(1)],
    ]


def _flux(with_previous: Tensor) -> Tensor:
    """Root mean square difference of the magnitude spectra to 5 kHz of a row and the one before it, as eGeMAPS has it."""
    magnitudes = with_previous[:, _bins(0, 5000)].sqrt()
    return (magnitudes[1:] - magnitudes[:-1]).square().mean(1).sqrt()


def _bins(low_hz: float, high_hz: float) -> slice:
    """The bins from `low_hz` up to and without `high_hz`."""
    return slice(int(np.searchsorted(_HZ, low_hz)), int(np.searchsorted(_HZ, high_hz)))


@dataclass(frozen=True)
class _Filters:
    """Matrices that a power spectrum is multiplied with."""

    loudness: Tensor
    mfcc: Tensor
    cosines: Tensor
    energies: Tensor
    slopes: Tensor
    khz: Tensor

    @classmethod
    @lru_cache(maxsize=2)
    def on(cls, device: str) -> _Filters:
        """The matrices on a device."""
        bands = [(50, 1000), (1000, 5000), (0, RATE_HZ)]
        columns = (
            _loudness_filters(),
            mel_filters(_MFCC_BANDS, FFT).T,
            _cosines(_MFCC_BANDS),
            np.stack([(low <= _HZ) & (high > _HZ) for low, high in bands], axis=1),
            np.stack([_slope_weights(0, 500), _slope_weights(500, 1500)], axis=1),
            _HZ / 1000,
        )
        return cls(*(torch.from_numpy(column.astype(np.float32)).to(device) for column in columns))


def _slope_weights(low_hz: float, high_hz: float) -> np.ndarray:
    """What decibels are multiplied with for their slope in dB per kHz between two frequencies, by least squares."""
    inside = (low_hz <= _HZ) & (high_hz >= _HZ)
    centred = np.where(inside, (_HZ - _HZ[inside].mean()) / 1000, 0)
    return centred / (centred @ centred)


def _loudness_filters() -> np.ndarray:
    """Triangles (257, 26) that stand evenly on HTK's mel axis, each weighed by equal loudness at its peak."""
    mel = 1127 * np.log1p(np.array(_LOUDNESS_RANGE_HZ) / 700)
    edges = np.linspace(mel[0], mel[1], _LOUDNESS_BANDS + 2)
    places = 1127 * np.log1p(_HZ / 700)[:, None]
    rising = (places - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - places) / (edges[2:] - edges[1:-1])
    peak_hz = 700 * np.expm1(edges[1:-1] / 1127)
    return np.clip(np.minimum(rising, falling), 0, None) * _equal_loudness(peak_hz)


def _equal_loudness(hz: np.ndarray) -> np.ndarray:
    squared = (2 * np.pi * hz) ** 2
    return (squared + 56.8e6) * squared**2 / ((squared + 6.3e6) ** 2 * (squared + 0.38e9))


def _cosines(n_bands: int) -> np.ndarray:
    """Orthonormal cosines (n_bands, 13): the second to the fourteenth."""
    numbers = np.arange(1, N_MFCC + 1)
    return np.sqrt(2 / n_bands) * np.cos(np.pi * (np.arange(n_bands)[:, None] + 0.5) * numbers / n_bands)
