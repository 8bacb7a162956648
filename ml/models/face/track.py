"""From the crops of a face's track to one vector a unit, by the upper layers of the backbone.

The upper layers begin with their ImageNet weights and are fine-tuned, more slowly than what stands on them; each crop gives a vector, and
the mean and the maximum over those that are there tell of the track.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ml.models.face import backbone

NARROW, PLACES = 32, 3
"""Channels a place, and places along a side of the face, that are read."""


def mean_and_peak(each: Tensor, mask: Tensor) -> Tensor:
    """Mean and maximum (b, 2 d) over time of vectors (b, t, d) where the mask (b, t) has one; zeros where it has none."""
    weight = mask.unsqueeze(-1).float()
    mean = (each * weight).sum(1) / weight.sum(1).clamp(min=1)
    peak = each.masked_fill(~mask.unsqueeze(-1), -1e4).amax(1) * mask.any(1, keepdim=True)
    return torch.cat([mean, peak], dim=1)


class TrackEncoder(nn.Module):
    """Maps of a unit's crops (b, k, channels, h, w) with a mask (b, k) to one vector (b, 2 * width).

    What the upper layers see is narrowed and read place by place: the mean over a face would not tell a mouth from brows.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.upper = backbone.upper()
        self.narrow = nn.Sequential(
            nn.Conv2d(backbone.width_of(self.upper), NARROW, 1),
            nn.GroupNorm(2, NARROW),
            nn.GELU(),
            nn.AdaptiveAvgPool2d(PLACES),
            nn.Flatten(),
        )
        self.project = nn.Sequential(nn.Dropout(dropout), nn.Linear(NARROW * PLACES**2, width), nn.GELU())
        self.width = 2 * width

    def forward(self, maps: Tensor, mask: Tensor) -> Tensor:
        """Shape (b, 2 * width); zeros where no crop is there."""
        each = maps.new_zeros(*mask.shape, self.width // 2)
        each[mask] = self._read(maps[mask])
        return mean_and_peak(each, mask)

    def each(self, maps: Tensor) -> Tensor:
        """What is seen in each crop by itself, (b, k, width)."""
        return self._read(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])

    def _read(self, maps: Tensor) -> Tensor:
        read: Tensor = self.project(self.narrow(self.upper(maps)))
        return read
