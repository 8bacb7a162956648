"""Crops of faces as a worse camera would give them: out of focus, in the dark, from far away.

Crops are uint8 (n, 64, 64, 3) as a film's scan keeps them; where the faces lie was found in the clear picture and stays known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

GAMMA = 2.2
PHOTONS = 500
"""Light that a pixel of full white gathers: the noise of its number is 4 % there, and grows in the dark as light fails."""

Crops = npt.NDArray[np.uint8]


def blurred(crops: Crops, sigma_px: float) -> Crops:
    """Gaussian blur of that standard deviation in pixels of the crop (64 wide); 0 leaves it sharp."""
    import cv2

    if sigma_px == 0:
        return crops
    return np.stack([cv2.GaussianBlur(crop, (0, 0), sigma_px) for crop in crops]) if len(crops) else crops


def darkened(crops: Crops, light: float, seed: Sequence[int]) -> Crops:
    """The share `light` (0..1) of the light, with the photons' noise; 1 leaves the crop as it is, as its own noise is in it."""
    if light == 1:
        return crops
    rng, dark = np.random.default_rng(list(seed)), np.empty_like(crops)
    for i, crop in enumerate(crops):
        photons = rng.poisson(PHOTONS * light * (crop / 255.0) ** GAMMA)
        dark[i] = np.clip(np.round(255 * (photons / PHOTONS) ** (1 / GAMMA)), 0, 255)
    return dark


def reduced(crops: Crops, side_px: float) -> Crops:
    """As of a face that was only so many pixels wide, brought to the crop's size again; the crop's own width leaves it as it is."""
    import cv2

    if not len(crops) or side_px == crops.shape[2]:
        return crops
    small, (height, width) = round(side_px), crops.shape[1:3]
    few = (cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA) for crop in crops)
    return np.stack([cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR) for crop in few])
