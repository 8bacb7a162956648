"""TransNetV2, a network that sees shot transitions in a run of tiny pictures (Souček and Lokoč, arXiv 2008.04838).

Three blocks of convolutions, each seeing the film at four dilations in time, give each frame features; how alike each frame is to the
fifty before and after it, by features and by colours, tells a transition from motion. Layers and their names are those of the authors'
PyTorch version (MIT, Copyright (c) 2020 Tomáš Souček), so that the published weights fit.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

WIDTH, HEIGHT = 48, 27
"""Size of the pictures that the network reads."""

_DILATIONS = (1, 2, 4, 8)
_LOOK = 101
_ALIKE = 128
_HIDDEN = 1024
_FILTERS = (16, 32, 64)
_POOLED = 20
_STRIP = 12
# What two convolutions of 3 x 3 see beside a strip.
_HALO = 2


class TransNetV2(nn.Module):
    """Maps pictures uint8 (batch, frames, 27, 48, 3), red first, to logits (batch, frames, 2).

    The first logit says that a transition has its middle at the frame, the second that the frame is part of one.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *(filters * 4 for filters in _FILTERS[:-1]))
        self.SDDCNN = nn.ModuleList(_Block(read, filters) for read, filters in zip(inputs, _FILTERS, strict=True))
        self.frame_sim_layer = _FrameSimilarity()
        self.color_hist_layer = _ColorSimilarity()
        self.fc1 = nn.Linear(_FILTERS[-1] * 4 * (HEIGHT // 8) * (WIDTH // 8) + 2 * _ALIKE, _HIDDEN)
        self.cls_layer1 = nn.Linear(_HIDDEN, 1)
        self.cls_layer2 = nn.Linear(_HIDDEN, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        x = pictures.permute(0, 4, 1, 2, 3).to(self.precision) / 255
        means = []
        for block in self.SDDCNN:
            x = block(x)
            means.append(x.float().mean(dim=(3, 4)))
        seen = x.float().permute(0, 2, 3, 4, 1).flatten(2)
        x = torch.cat([self.color_hist_layer(pictures), self.frame_sim_layer(torch.cat(means, dim=1)), seen], dim=2)
        x = functional.relu(self.fc1(x))
        return torch.cat([self.cls_layer1(x), self.cls_layer2(x)], dim=2)

    @property
    def precision(self) -> torch.dtype:
        """Number type of the convolutions; what follows them is always float32."""
        return next(self.SDDCNN.parameters()).dtype


def load_network(path: Path, device: str = "cpu", precision: torch.dtype = torch.float32) -> TransNetV2:
    """The network with the weights of a safetensors file, its convolutions in `precision`, ready to run on `device`."""
    with torch.device("meta"):
        network = TransNetV2()
    network.load_state_dict(load_file(path), assign=True)
    for module in network.modules():
        if isinstance(module, _Dilated):
            module.fold()
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            # Channels last is what convolutions are fastest on, on CPUs and GPUs.
            module.weight = nn.Parameter(module.weight.to(precision).contiguous(memory_format=torch.channels_last_3d))
            module.bias = module.bias if module.bias is None else nn.Parameter(module.bias.to(precision))
    return network.eval().requires_grad_(False).to(device)


class _Block(nn.Module):
    """Two dilated layers with a short cut, then half the picture's size."""

    def __init__(self, read: int, filters: int) -> None:
        super().__init__()
        self.DDCNN = nn.ModuleList([_Dilated(read, filters), _Dilated(filters * 4, filters)])

    def forward(self, x: Tensor) -> Tensor:
        """The picture in upright strips, one after the other: at full size what lies between the layers takes most of the memory."""
        width = x.shape[4]
        strips = []
        for left in range(0, width, _STRIP):
            begin, end = max(left - _HALO, 0), min(left + _STRIP + _HALO, width)
            found = self._layers(x[..., begin:end])
            strips.append(_halved(found[..., left - begin : left - begin + _STRIP]))
        return torch.cat(strips, dim=4)

    def _layers(self, x: Tensor) -> Tensor:
        short = self.DDCNN[0](x).relu_()
        return self.DDCNN[1](short).relu_().add_(short)


def _halved(x: Tensor) -> Tensor:
    """Mean of each 2 x 2 pixels, in pieces: pooling in three dimensions knows no bfloat16, and in two it needs a copy."""
    films = [torch.cat([functional.avg_pool2d(piece.transpose(0, 1), 2) for piece in film.split(_POOLED, dim=1)]) for film in x]
    return torch.stack(films).transpose(1, 2)


class _Dilated(nn.Module):
    """Four convolutions side by side that reach 1, 2, 4 and 8 frames to either side."""

    def __init__(self, read: int, filters: int) -> None:
        super().__init__()
        for reach in _DILATIONS:
            self.add_module(f"Conv3D_{reach}", _SplitConvolution(read, filters, reach))
        self.bn = nn.BatchNorm3d(filters * 4, eps=1e-3)
        self._filters = filters

    def fold(self) -> None:
        """Put the normalisation into the convolutions over time, which saves a copy of all that they give."""
        mean, variance = self.bn.get_buffer("running_mean"), self.bn.get_buffer("running_var")
        scale = self.bn.weight / torch.sqrt(variance + self.bn.eps)
        shift = self.bn.bias - mean * scale
        for branch, factor, bias in zip(self._branches(), scale.split(self._filters), shift.split(self._filters), strict=True):
            branch.rescale(factor, bias)
        del self.bn

    def forward(self, x: Tensor) -> Tensor:
        shape = (len(x), self._filters * len(_DILATIONS), *x.shape[2:])
        found = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last_3d)
        # Each branch into its place: what they give lies in memory once.
        for part, branch in zip(found.split(self._filters, dim=1), self._branches(), strict=True):
            part.copy_(branch(x))
        return found

    def _branches(self) -> list[_SplitConvolution]:
        return [branch for branch in self.children() if isinstance(branch, _SplitConvolution)]


class _SplitConvolution(nn.Module):
    """A convolution over the picture, then one over time."""

    def __init__(self, read: int, filters: int, reach: int) -> None:
        super().__init__()
        space = nn.Conv3d(read, 2 * filters, (1, 3, 3), padding=(0, 1, 1), bias=False)
        time = nn.Conv3d(2 * filters, filters, (3, 1, 1), dilation=(reach, 1, 1), padding=(reach, 0, 0), bias=False)
        self.layers = nn.Sequential(space, time)

    def rescale(self, factor: Tensor, bias: Tensor) -> None:
        """Multiply what is given by `factor` and add `bias`, one value a filter."""
        time = self.layers[1]
        time.weight = nn.Parameter(time.get_parameter("weight") * factor[:, None, None, None, None])
        time.bias = nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class _FrameSimilarity(nn.Module):
    """How alike each frame's features (batch, channels, frames) are to its neighbours'."""

    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Linear(sum(_FILTERS) * 4, _ALIKE)
        self.fc = nn.Linear(_LOOK, _ALIKE)

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.fc(_neighbours(self.projection(features.transpose(1, 2)))))


class _ColorSimilarity(nn.Module):
    """How alike each frame's histogram of 512 colours is to its neighbours'."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(_LOOK, _ALIKE)

    def forward(self, pictures: Tensor) -> Tensor:
        red, green, blue = (pictures >> 5).long().flatten(2, 3).unbind(3)
        colours = (red << 6) + (green << 3) + blue
        counts = torch.zeros(*colours.shape[:2], 512, device=pictures.device)
        counts.scatter_add_(2, colours, torch.ones_like(colours, dtype=counts.dtype))
        return functional.relu(self.fc(_neighbours(counts)))


def _neighbours(vectors: Tensor) -> Tensor:
    """Cosine of each frame's vector (batch, frames, n) with those of the frames up to 50 before and after it: (batch, frames, 101)."""
    unit = functional.normalize(vectors, dim=2)
    alike = functional.pad(unit @ unit.transpose(1, 2), (_LOOK // 2, _LOOK // 2))
    columns = torch.arange(vectors.shape[1], device=vectors.device)[:, None] + torch.arange(_LOOK, device=vectors.device)
    return alike.gather(2, columns.expand(len(vectors), -1, -1))
