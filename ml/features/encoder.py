"""MiniLM in plain torch: a sentence becomes 384 numbers of length one.

The packaged all-MiniLM-L6-v2 is a BERT of six layers whose token vectors are averaged; `tokenizers` makes the tokens, so neither
transformers nor sentence-transformers is needed. Sentences go through sorted by length in small batches, which halves the time and
leaves the result the same to rounding.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from corpus.weights import weight_path

DIMENSIONS = 384
MAX_TOKENS = 256
BATCH = 32


class SentenceEncoder:
    """all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych 2019): BERT with post-norm layers, mean pooling, unit length."""

    def __init__(self, weights: Path, tokens: Path, config: Path, device: str = "cpu") -> None:
        from safetensors.torch import load_file

        settings = json.loads(config.read_text(encoding="utf-8"))
        self.layers, self.heads, self.epsilon = (settings[k] for k in ("num_hidden_layers", "num_attention_heads", "layer_norm_eps"))
        self.device = torch.device(device)
        self.weights = load_file(weights, device=device)
        self.tokenizer = Tokenizer.from_file(str(tokens))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Embeddings float32 (n, 384), each of length one; an empty sentence is embedded as such."""
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(list(sentences))]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        result = np.zeros((len(ids), DIMENSIONS), np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            result[rows] = self._embed([ids[row] for row in rows])
        return result

    @torch.inference_mode()
    def _embed(self, batch: list[list[int]]) -> np.ndarray:
        length = max(map(len, batch))
        tokens = torch.tensor([ids + [0] * (length - len(ids)) for ids in batch], device=self.device)
        mask = torch.tensor([[1.0] * len(ids) + [0.0] * (length - len(ids)) for ids in batch], device=self.device)
        bias = torch.zeros_like(mask).masked_fill(mask == 0, torch.finfo(torch.float32).min)[:, None, None]
        x = self._start(tokens)
        for layer in range(self.layers):
            x = self._layer(x, bias, f"encoder.layer.{layer}")
        pooled = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return functional.normalize(pooled, dim=1).cpu().numpy()

    def _start(self, tokens: Tensor) -> Tensor:
        tables = [self.weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")]
        return self._norm(tables[0][tokens] + tables[1][: tokens.shape[1]] + tables[2][0], "embeddings")

    def _layer(self, x: Tensor, bias: Tensor, name: str) -> Tensor:
        queries, keys, values = (self._split(self._linear(x, f"{name}.attention.self.{part}")) for part in ("query", "key", "value"))
        attended = functional.scaled_dot_product_attention(queries, keys, values, bias).transpose(1, 2).flatten(2)
        x = self._norm(x + self._linear(attended, f"{name}.attention.output.dense"), f"{name}.attention.output")
        hidden = functional.gelu(self._linear(x, f"{name}.intermediate.dense"))
        return self._norm(x + self._linear(hidden, f"{name}.output.dense"), f"{name}.output")

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = (self.weights[f"{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        return functional.layer_norm(x, x.shape[-1:], weight, bias, self.epsilon)


@lru_cache(maxsize=2)
def sentence_encoder(device: str = "cpu") -> SentenceEncoder:
    """The packaged encoder, loaded once in a process.

    Raises:
        WeightError: the weight is missing or damaged.
    """
    weights, tokens, config = (weight_path("minilm", name) for name in ("model.safetensors", "tokenizer.json", "config.json"))
    return SentenceEncoder(weights, tokens, config, device)
