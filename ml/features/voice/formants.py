"""Formants: the resonances of the mouth, from the poles of an all-pole model of each 20 ms of voice.

The model (order 11 up to 5.5 kHz, as eGeMAPS has it) follows from the autocorrelation, and that from the power spectrum by one product of
matrices, so nothing is resampled; Levinson's recursion and the eigenvalues of the companion matrices run over all rows at once.
High voices draw formants to their harmonics, here as everywhere.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ml.features.voice.grid import RATE_HZ

N_FORMANTS = 3

_ORDER = 11
_HIGHEST_HZ = 5500.0
_EMPHASIS = 0.97
_RANGE_HZ = 90.0, 5400.0
_WIDEST_HZ = 800.0
_NOISE = 1e-6


def formants(power: Tensor) -> tuple[Tensor, Tensor]:
    """Frequencies and bandwidths in Hz, (n, 3) each, of F1 to F3 from power spectra (n, 257) of 20 ms; NaN where there is none."""
    products = _products(power.shape[1], str(power.device))
    correlation = power[:, : len(products)] @ products
    correlation[:, 0] = correlation[:, 0] * (1 + _NOISE) + 1e-12
    # Small matrices are quicker on the CPU than one after another on a GPU.
    roots = torch.linalg.eigvals(_companions(_predictors(correlation)).cpu()).to(power.device)
    turn = 2 * _HIGHEST_HZ / (2 * torch.pi)
    hz, width = roots.angle() * turn, -2 * turn * roots.abs().clamp(min=1e-6).log()
    hz = hz.masked_fill((hz < _RANGE_HZ[0]) | (hz > _RANGE_HZ[1]) | (width > _WIDEST_HZ), torch.inf)
    order = hz.argsort(dim=1)[:, :N_FORMANTS]
    found, widths = hz.gather(1, order), width.gather(1, order)
    none = found.isinf()
    return found.masked_fill(none, torch.nan), widths.masked_fill(none, torch.nan)


@lru_cache(maxsize=2)
def _products(n_bins: int, device: str) -> Tensor:
    """What a power spectrum is multiplied with for the autocorrelation of the emphasised sound below 5.5 kHz, (bins, 12)."""
    hz = np.arange(n_bins) * RATE_HZ / 2 / (n_bins - 1)
    hz = hz[hz <= _HIGHEST_HZ]
    emphasis = 1 + _EMPHASIS**2 - 2 * _EMPHASIS * np.cos(2 * np.pi * hz / RATE_HZ)
    weight = emphasis * np.where((hz == 0) | (hz == _HIGHEST_HZ), 1, 2)
    products = weight[:, None] * np.cos(np.pi * hz[:, None] / _HIGHEST_HZ * np.arange(_ORDER + 1))
    return torch.from_numpy(products.astype(np.float32)).to(device)


def _predictors(correlation: Tensor) -> Tensor:
    """Coefficients a_1..a_11 of 1 + a_1 z^-1 + ..., (n, 11), by Levinson's recursion."""
    scaled = (correlation / correlation[:, :1]).double()
    coefficients = torch.zeros_like(scaled)
    coefficients[:, 0] = 1
    error = scaled[:, 0].clone()
    for step in range(1, _ORDER + 1):
        reflection = -(coefficients[:, :step] * scaled[:, 1 : step + 1].flip(1)).sum(1) / error
        turned = coefficients[:, :step].flip(1)
        coefficients[:, 1 : step + 1] += reflection[:, None] * turned
        error = error * (1 - reflection.square())
    return coefficients[:, 1:].to(correlation.dtype)


def _companions(predictors: Tensor) -> Tensor:
    """Matrices (n, 11, 11) whose eigenvalues are the model's poles."""
    matrices = torch.zeros(len(predictors), _ORDER, _ORDER, dtype=predictors.dtype, device=predictors.device)
    matrices[:, 0] = -predictors
    matrices[:, range(1, _ORDER), range(_ORDER - 1)] = 1
    return matrices
