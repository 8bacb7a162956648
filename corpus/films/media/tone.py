"""High dynamic range brought down to standard range: PQ (SMPTE ST 2084) and HLG (ITU-R BT.2100) pictures made like the others.

Light is computed in candelas per square metre, colours are moved from BT.2020 to BT.709, and what is brighter than reference white
(203 cd/m², ITU-R BT.2408) is rolled off by the curve of ITU-R BT.2390, which leaves dark and middle tones as they are. Without this,
pictures of such films look grey and dark to every measure and to the face detector.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache

import numpy as np

REFERENCE_WHITE = 203.0
PEAK = 1000.0
DISPLAY_GAMMA = 2.4
HLG_GAMMA = 1.2

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073

TO_BT709 = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]], dtype=np.float32
)
"""Linear light from BT.2020 to BT.709 primaries (ITU-R BT.2087)."""

_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], dtype=np.float32)


class Transfer(StrEnum):
    """How a picture's numbers stand for light."""

    PQ = "pq"
    HLG = "hlg"


def pq_light(signal: np.ndarray) -> np.ndarray:
    """Light in cd/m² of PQ signals 0..1 (ST 2084, EOTF)."""
    root = np.power(np.clip(signal, 0, 1), 1 / _M2)
    return 10_000 * np.power(np.maximum(root - _C1, 0) / (_C2 - _C3 * root), 1 / _M1)


def pq_signal(light: np.ndarray) -> np.ndarray:
    """PQ signals of light in cd/m² (ST 2084, inverse EOTF)."""
    power = np.power(np.clip(light, 0, 10_000) / 10_000, _M1)
    return np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2)


def hlg_scene(signal: np.ndarray) -> np.ndarray:
    """Scene light 0..1 of HLG signals 0..1 (BT.2100, inverse OETF)."""
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _C) / _A) + _B) / 12)


def rolled_off(light: np.ndarray) -> np.ndarray:
    """Light in cd/m² brought below reference white (BT.2390, section 5.4.1): monotone, unchanged below some 90 cd/m²."""
    top, white = pq_signal(np.array(PEAK)), pq_signal(np.array(REFERENCE_WHITE))
    signal, highest = np.clip(pq_signal(light) / top, 0, 1), white / top
    knee = 1.5 * highest - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0, 1)
    curve = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * highest
    return pq_light(np.where(signal < knee, signal, curve) * top)


@cache
def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PQ light and HLG scene light of 16-bit signals; gain of the roll-off per 1/8 cd/m²."""
    signal = np.arange(65536) / 65535
    light = np.maximum(np.arange(8 * int(PEAK) + 1) / 8, 0.0625)
    gain = rolled_off(light) / light
    return pq_light(signal).astype(np.float32), hlg_scene(signal).astype(np.float32), gain.astype(np.float32)


def to_standard_range(signal: np.ndarray, transfer: Transfer) -> np.ndarray:
    """uint8 (height, width, 3) in BT.709 of a uint16 picture (height, width, 3) in BT.2020 colours, red first, full range."""
    pq, hlg, gain = _tables()
    light = pq[signal] if transfer is Transfer.PQ else _displayed(hlg[signal])
    brightest = np.minimum(light.max(axis=2), PEAK)
    light = light * gain[(brightest * 8).astype(np.int32)][..., None] / REFERENCE_WHITE
    linear = np.clip(light @ TO_BT709.T, 0, 1)
    return np.rint(255 * np.power(linear, 1 / DISPLAY_GAMMA)).astype(np.uint8)


def _displayed(scene: np.ndarray) -> np.ndarray:
    """Light in cd/m² on a display of 1000 cd/m² (BT.2100, OOTF)."""
    luminance = np.maximum(scene @ _LUMINANCE, 1e-6)
    return PEAK * scene * np.power(luminance, HLG_GAMMA - 1)[..., None]
