"""BERT and its kin in plain torch, over sentences laid end to end: no token is padding.

Sentences come sorted by length; the linear layers see all of their tokens as one matrix, and attention goes by groups of one length, so
that it needs no mask. Matrix products may be bfloat16; the residual stream, its norms and the pooling stay float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from corpus.terms import FeelmError

POSITION_OFFSETS = {"bert": 0, "roberta": 2, "xlm-roberta": 2, "camembert": 2}
"""What the first token's position is, by the configuration's model_type: RoBERTa counts after its padding token (Liu et al. 2019)."""

_ROWS, _FEW_ROWS = 256, 32
"""Matrices have a multiple of so many rows, below 256 one of 32, spare ones at the end: oneDNN keeps a program for each number of rows, and
with another number in every batch memory grows by 250 MB."""

_FILLED = 8
"""In training sentences are filled up to a multiple of so many tokens."""

Affine = tuple[Tensor, Tensor]
Group = tuple[int, int]
Drop = Callable[[Tensor], Tensor]


def _kept(x: Tensor) -> Tensor:
    """No dropout."""
    return x


@dataclass(frozen=True)
class BertShape:
    """What a network's weights do not say of themselves; `longest` counts tokens, `pooling` is mean or cls."""

    layers: int
    heads: int
    epsilon: float
    longest: int
    first_position: int = 0
    pooling: str = "mean"

    @classmethod
    def of(cls, config: Mapping[str, Any], pooling: str = "mean") -> BertShape:
        """From a `config.json` as transformers writes it.

        Raises:
            FeelmError: the network is of another family, has another activation, or is pooled otherwise.
        """
        family, activation = config.get("model_type", "bert"), config.get("hidden_act", "gelu")
        if family not in POSITION_OFFSETS:
            raise FeelmError(f"an encoder of the family {family!r} cannot be read: it must be one of {', '.join(POSITION_OFFSETS)}")
        if activation != "gelu" or config.get("position_embedding_type", "absolute") != "absolute":
            raise FeelmError(f"an encoder with activation {activation!r} or relative positions cannot be read: BERT's own are needed")
        if pooling not in ("mean", "cls"):
            raise FeelmError(f"an encoder that is pooled by {pooling!r} cannot be read: mean or cls is needed")
        first = POSITION_OFFSETS[family]
        longest = int(config["max_position_embeddings"]) - first
        return cls(config["num_hidden_layers"], config["num_attention_heads"], config["layer_norm_eps"], longest, first, pooling)


@dataclass(frozen=True)
class Layer:
    """One layer's weights: `mixed` is query, key and value in one."""

    mixed: Affine
    attended: Affine
    attended_norm: Affine
    up: Affine
    down: Affine
    down_norm: Affine

    def cast(self, number: torch.dtype) -> Layer:
        """The same with matrices of that number type; norms stay as they are."""
        matrices = (self.mixed, self.attended, self.up, self.down)
        mixed, attended, up, down = ((weight.to(number), bias.to(number)) for weight, bias in matrices)
        return Layer(mixed, attended, self.attended_norm, up, down, self.down_norm)


class Bert:
    """A network of BERT's kind (Devlin et al. 2019): post-norm layers, exact GELU, learned positions.

    `words` gives the word vectors of token ids; `weights` names tensors as transformers does, without a prefix such as `bert.`, and loses
    those that are taken over. Matrices are kept as `number`.
    """

    def __init__(self, shape: BertShape, weights: dict[str, Tensor], words: torch.nn.Module, number: torch.dtype) -> None:
        self.shape, self.words, self.number = shape, words, number
        positions = weights.pop("embeddings.position_embeddings.weight")[shape.first_position :].float()
        types = weights.pop("embeddings.token_type_embeddings.weight", None)
        self.positions = positions if types is None else positions + types[0].float()
        self.start_norm = _affine(weights, "embeddings.LayerNorm")
        self.layers = [_layer(weights, f"encoder.layer.{index}").cast(number) for index in range(shape.layers)]

    @property
    def width(self) -> int:
        """Numbers in an embedding."""
        return self.positions.shape[1]

    @torch.inference_mode()
    def embed(self, sentences: Sequence[Sequence[int]], exact: bool = False) -> Tensor:
        """Embeddings float32 (n, width) of length one, of token ids sorted by their number.

        `exact` multiplies in float32 whatever number type the matrices are kept in.
        """
        layers = [layer.cast(torch.float32) for layer in self.layers] if exact else self.layers
        pooled = torch.cat([self._pooled(part) for part in self.states(sentences, layers)])
        return functional.normalize(pooled, dim=1)

    def states(self, sentences: Sequence[Sequence[int]], layers: Sequence[Layer]) -> list[Tensor]:
        """States of the tokens, float32 (sentences, length, width) for each length, of token ids sorted by their number."""
        groups = [(sum(1 for _ in own), length) for length, own in groupby(sentences, key=len)]
        x = self._start(sentences)
        for layer in layers:
            x = self._layer(x, layer, lambda mixed: self._attend(mixed, groups))
        return _parts(x, groups)

    def filled_states(self, sentences: Sequence[Sequence[int]], layers: Sequence[Layer], drop: Drop) -> Tensor:
        """States of the tokens, float32 (sentences, length, width), for training: the length is the longest one's or a little more.

        `layers` are of this network's shape, `drop` is their dropout. What stands behind a sentence's end is meaningless and unseen by it:
        for many lengths oneDNN keeps a program each, forward and backward (4.0 GB were seen, 1.7 GB so), and is no faster.
        """
        length = min(-(-max(map(len, sentences)) // _FILLED) * _FILLED, len(self.positions))
        filled = [[*sentence, *[0] * (length - len(sentence))] for sentence in sentences]
        lengths = torch.tensor([len(sentence) for sentence in sentences], device=self.positions.device)
        seen = torch.arange(length, device=lengths.device) < lengths[:, None]
        unseen = torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, -1e4)[:, None, None]
        group = (len(sentences), length)
        x = drop(self._start(filled)[: len(sentences) * length])
        for layer in layers:
            x = self._layer(x, layer, lambda mixed: self._attend_seen(mixed.unflatten(0, group), unseen).flatten(0, 1), drop)
        return x.unflatten(0, group)

    def _start(self, sentences: Sequence[Sequence[int]]) -> Tensor:
        ids = [token for sentence in sentences for token in sentence]
        places = [place for sentence in sentences for place in range(len(sentence))]
        spare = [0] * (-len(ids) % (_ROWS if len(ids) > _ROWS else _FEW_ROWS))
        tokens, where = (torch.tensor(numbers + spare, device=self.positions.device) for numbers in (ids, places))
        return self._norm(self.words(tokens) + self.positions[where], self.start_norm)

    def _layer(self, x: Tensor, layer: Layer, attend: Callable[[Tensor], Tensor], drop: Drop = _kept) -> Tensor:
        number = layer.mixed[0].dtype
        attended = attend(functional.linear(x.to(number), *layer.mixed))
        x = self._norm(x + drop(functional.linear(attended, *layer.attended)), layer.attended_norm)
        hidden = functional.gelu(functional.linear(x.to(number), *layer.up))
        return self._norm(x + drop(functional.linear(hidden, *layer.down)), layer.down_norm)

    def _attend(self, mixed: Tensor, groups: Sequence[Group]) -> Tensor:
        result = mixed.new_zeros(len(mixed), self.width)
        for own, out in zip(_parts(mixed, groups), _parts(result, groups), strict=True):
            query, key, value = self._heads(own)
            heads = functional.scaled_dot_product_attention(query, key, value)
            out.unflatten(2, (self.shape.heads, -1)).copy_(heads.transpose(1, 2))
        return result

    def _attend_seen(self, mixed: Tensor, unseen: Tensor) -> Tensor:
        """Attention step by step: torch's fused one takes five times as long with a mask, in bfloat16 on a CPU."""
        query, key, value = self._heads(mixed)
        weights = (query * query.shape[-1] ** -0.5) @ key.transpose(2, 3) + unseen.to(mixed.dtype)
        return (weights.softmax(-1) @ value).transpose(1, 2).flatten(2)

    def _heads(self, mixed: Tensor) -> Tensor:
        """Query, key and value (sentences, heads, length, width of a head) from all in one (sentences, length, 3 widths)."""
        return mixed.unflatten(2, (3, self.shape.heads, -1)).permute(2, 0, 3, 1, 4)

    def _pooled(self, part: Tensor) -> Tensor:
        return part.mean(1) if self.shape.pooling == "mean" else part[:, 0]

    def _norm(self, x: Tensor, affine: Affine) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], *affine, self.shape.epsilon)


class WordTable(torch.nn.Module):
    """Word vectors as a plain table (words, width)."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = table

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors float32 (n, width)."""
        return self.table[ids].float()


def without_prefix(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's own tensors, by their names without the `bert.` or `roberta.` that stands before them.

    Raises:
        FeelmError: there is no table of words.
    """
    mark = "embeddings.word_embeddings.weight"
    whole = next((name for name in weights if name.endswith(mark)), None)
    if whole is None:
        raise FeelmError(f"the encoder's weights have no {mark}: they are no BERT's")
    prefix = whole.removesuffix(mark)
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


def _parts(x: Tensor, groups: Sequence[Group]) -> list[Tensor]:
    """The tokens of `x` (tokens and spare rows, d) as views (sentences, length, d), one for each length."""
    sizes = [count * length for count, length in groups]
    return [part.unflatten(0, group) for part, group in zip(x[: sum(sizes)].split(sizes), groups, strict=True)]


def _layer(weights: dict[str, Tensor], name: str) -> Layer:
    parts = [_affine(weights, f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
    return Layer(
        (torch.cat([weight for weight, _ in parts]), torch.cat([bias for _, bias in parts])),
        _affine(weights, f"{name}.attention.output.dense"),
        _affine(weights, f"{name}.attention.output.LayerNorm"),
        _affine(weights, f"{name}.intermediate.dense"),
        _affine(weights, f"{name}.output.dense"),
        _affine(weights, f"{name}.output.LayerNorm"),
    )


def _affine(weights: dict[str, Tensor], name: str) -> Affine:
    return weights.pop(f"{name}.weight").float(), weights.pop(f"{name}.bias").float()
