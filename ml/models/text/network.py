"""The encoder as a network that learns, and its head: from the tokens of a line in its dialogue to logits of its class.

It computes what `ml.features.text.bert` computes, with the matrices as float32 parameters that each step casts to the device's fast number
type; word vectors stay as they are, since few lines name few words. The head sees the first token and the mean of the line's own tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ml.features.text.bert import Bert, Layer

IntArray = npt.NDArray[np.int64]

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
    """A network of BERT's kind with its head: logits (n, classes) of lines laid out by `turns.lay_out`."""

    def __init__(self, bert: Bert, classes: int, number: torch.dtype, dropout: float = 0.1) -> None:
        super().__init__()
        self._bert, self.number = [bert], number  # in a list, so that it is no part of this module: it holds the weights it began with
        self.drop = PooledDropout(dropout)
        self.layers = nn.ModuleList(LearningLayer(layer) for layer in bert.layers)
        width = bert.width
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(2 * width, width), nn.Tanh(), nn.Dropout(dropout), nn.Linear(width, classes)
        )

    def forward(self, tokens: Sequence[Sequence[int]], own: IntArray) -> Tensor:
        """Logits (n, classes) of token ids, of which the first `own` (n,) are the line's; those of like length together cost least."""
        layers = [layer.cast(self.number) for layer in self.layers.children() if isinstance(layer, LearningLayer)]
        states = self._bert[0].filled_states(tokens, layers, self.drop)
        means = _mean_of(states, torch.from_numpy(own).to(states.device))
        return self.head(torch.cat([states[:, 0], means], dim=1))


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


def _mean_of(states: Tensor, count: Tensor) -> Tensor:
    """Mean (n, width) over the first `count` (n,) tokens of states (n, length, width)."""
    own = torch.arange(states.shape[1], device=states.device) < count.unsqueeze(1)
    return (states * own.unsqueeze(2)).sum(1) / count.unsqueeze(1)
