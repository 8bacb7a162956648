"""The encoder as a network that learns, and its head: from the tokens of a stretch of dialogue to logits of each of its lines.

It computes what `ml.features.text.bert` computes, with the matrices as float32 parameters that each step casts to the device's fast number
type; word vectors stay as they are, since few lines name few words. The head sees a line's first token, the mark that ends it, and the mean
of its tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ml.features.text.bert import Bert, Layer
from ml.models.text.turns import Window

POOL = 1 << 22


class PooledDropout(nn.Module):
    """Dropout whose chances are read at a random place of one table of them: drawing them anew takes a fifth of a step on a CPU."""

    table: Tensor

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        chances = torch.rand(POOL, generator=torch.Generator().manual_seed(7))
        self.register_buffer("table", ((chances >= share).float() / (1 - share)).to(torch.bfloat16), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Some numbers set to 0, the others enlarged, while training."""
        if not self.training or not self.share:
            return x
        table, count = self.table, x.numel()
        if 2 * count > len(table):
            table = table.repeat(-(-2 * count // len(table)))
        start = int(torch.randint(len(table) - count, (1,)))
        return x * table[start : start + count].view(x.shape).to(x.dtype)


class TextNetwork(nn.Module):
    """A network of BERT's kind with its head: logits of the lines of windows."""

    def __init__(self, bert: Bert, classes: int, number: torch.dtype, dropout: float = 0.1) -> None:
        super().__init__()
        self._bert, self.number = [bert], number  # in a list, so that it is no part of this module: it holds the weights it began with
        self.drop = PooledDropout(dropout)
        self.layers = nn.ModuleList(LearningLayer(layer) for layer in bert.layers)
        width = bert.width
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(3 * width, width), nn.Tanh(), nn.Dropout(dropout), nn.Linear(width, classes)
        )

    def forward(self, windows: Sequence[Window]) -> Tensor:
        """Logits (lines, classes) of all lines of the windows in their order; windows of like length cost least."""
        layers = [layer.cast(self.number) for layer in self.layers.children() if isinstance(layer, LearningLayer)]
        states = self._bert[0].filled_states([window.tokens for window in windows], layers, self.drop)
        return self.head(torch.cat(_seen(states, [window.lengths for window in windows]), dim=1))


class LearningLayer(nn.Module):
    """A layer's weights as float32 parameters."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        pairs = (layer.mixed, layer.attended, layer.attended_norm, layer.up, layer.down, layer.down_norm)
        self.weights = nn.ParameterList(nn.Parameter(tensor.clone()) for pair in pairs for tensor in pair)

    def cast(self, number: torch.dtype) -> Layer:
        """The layer with matrices of that number type, through which gradients flow back."""
        weights = list(self.weights)
        mixed, attended, attended_norm, up, down, down_norm = zip(weights[::2], weights[1::2], strict=True)
        return Layer(mixed, attended, attended_norm, up, down, down_norm).cast(number)


def _seen(states: Tensor, lengths: Sequence[Sequence[int]]) -> list[Tensor]:
    """First state, last state and mean, each (lines, width), of lines of so many tokens in states (windows, tokens, width)."""
    count = np.concatenate(lengths)
    start = np.repeat(np.arange(len(lengths)) * states.shape[1], [len(own) for own in lengths])
    last = start + np.concatenate([np.cumsum(own) for own in lengths])
    first, flat = last - count + 1, states.flatten(0, 1)
    place = np.arange(len(flat))
    share = ((place >= first[:, None]) & (place <= last[:, None])) / count[:, None].astype(np.float32)
    return [flat[torch.from_numpy(first)], flat[torch.from_numpy(last)], torch.from_numpy(share.astype(np.float32)).to(flat.device) @ flat]
