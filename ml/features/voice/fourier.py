"""Power spectra of many windows, as quickly as a CPU's cache allows, and the mel bands that are laid over them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ml.features.voice.grid import RATE_HZ, Floats

CACHED = 128
"""Windows at a time on a CPU; a GPU takes all."""


def parts(windows: Tensor) -> tuple[Tensor, ...]:
    """The windows (n, length) in parts that suit their device, along the first axis."""
    return windows.split(CACHED if windows.device.type == "cpu" else max(len(windows), 1))


def power_spectrum(windows: Tensor, length: int | None = None) -> Tensor:
    """Squared magnitudes of the Fourier transform of real windows (n, samples), filled up with zeros to `length`."""
    squares = torch.view_as_real(torch.fft.rfft(windows, length)).square_()
    return squares[..., 0] + squares[..., 1]


def mel_filters(n_bands: int, length: int) -> Floats:
    """Slaney's mel bands of equal area over 0 to 8 kHz (n_bands, length // 2 + 1), librosa's default: linear to 1 kHz, then logarithmic."""
    step = np.log(6.4) / 27
    mels = np.linspace(0, 15 + np.log(RATE_HZ / 2 / 1000) / step, n_bands + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(step * (mels - 15)))
    hz = np.arange(length // 2 + 1) * RATE_HZ / length
    rising = (hz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hz) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)
