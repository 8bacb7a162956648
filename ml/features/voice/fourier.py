"""Power spectra of many windows, as quickly as a CPU's cache allows."""

from __future__ import annotations

import torch
from torch import Tensor

CACHED = 128
"""Windows at a time on a CPU; a GPU takes all."""


def parts(windows: Tensor) -> tuple[Tensor, ...]:
    """The windows (n, length) in parts that suit their device, along the first axis."""
    return windows.split(CACHED if windows.device.type == "cpu" else max(len(windows), 1))


def power_spectrum(windows: Tensor, length: int | None = None) -> Tensor:
    """Squared magnitudes of the Fourier transform of real windows (n, samples), filled up with zeros to `length`."""
    squares = torch.view_as_real(torch.fft.rfft(windows, length)).square_()
    return squares[..., 0] + squares[..., 1]
