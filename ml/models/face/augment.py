"""Other pictures of the same face: what an expert on faces must not heed is changed at random."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def augment_crops(crops: Tensor) -> Tensor:
    """Flip, turn, scale and shift each unit's crops (b, k, h, w) alike, change light, add noise."""
    n = len(crops)
    turn = (torch.rand(n) - 0.5) * 0.3
    scale = 1 + (torch.rand(n) - 0.5) * 0.24
    flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    shift = (torch.rand(n, 2) - 0.5) * 0.24
    first = torch.stack([flip * scale * turn.cos(), -scale * turn.sin(), shift[:, 0]], dim=1)
    second = torch.stack([flip * scale * turn.sin(), scale * turn.cos(), shift[:, 1]], dim=1)
    grid = functional.affine_grid(torch.stack([first, second], dim=1), list(crops.shape), align_corners=False)
    moved = functional.grid_sample(crops, grid, padding_mode="border", align_corners=False)
    gamma = torch.exp((torch.rand(n, 1, 1, 1) - 0.5) * 0.8)
    return moved.clamp(1e-4, 1) ** gamma + 0.03 * torch.randn_like(moved)
