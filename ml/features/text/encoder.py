"""Sentences become numbers: the packaged MiniLM, or another encoder by name or folder, batched so that nothing is computed twice.

`tokenizers` makes the tokens and `bert` the vectors, so neither transformers nor sentence-transformers is needed. Sentences go
through sorted by length in batches of a bounded number of tokens, equal ones once. Where the processor multiplies bfloat16 by itself the
matrices are bfloat16, except for the shortest sentences: their few tokens average too little of its rounding away.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from corpus.devices import native_bfloat16
from corpus.paths import file_digest
from corpus.terms import FeelmError, TextEncoder
from corpus.weights import weight, weight_path
from ml.features.text.bert import Bert, BertShape, WordTable, without_prefix
from ml.features.text.e5 import PREFIX, read_e5

DEFAULT = TextEncoder.MINILM.value
LONGEST_TOKENS = 256
TOKENS_AT_ONCE = {"cpu": 1024, "cuda": 32_768}
"""Tokens in a batch: on a CPU what stays in its cache, on a GPU what fills it."""

EXACT_UP_TO_TOKENS = 7
"""Sentences of so few tokens are multiplied in float32: in bfloat16 the likeness to float32 falls to 0.99987, below the 0.9999 that is kept
for all others."""

FOLDER_FILES = ("model.safetensors", "tokenizer.json", "config.json")


@dataclass(frozen=True)
class EncoderFacts:
    """What is known of an encoder before it is loaded.

    `digest` is that of its files, `width` how many numbers an embedding has, `languages` (two-letter codes) what it reads, None for any;
    `prefix` goes before every text.
    """

    name: str
    digest: str
    width: int
    languages: frozenset[str] | None = None
    prefix: str = ""

    def reads(self, language: str | None) -> bool:
        """Whether it knows the language (a two-letter code); one that is not known is taken for one that it reads."""
        return language is None or self.languages is None or language in self.languages


Tokens = Callable[[Sequence[str], int], list[list[int]]]
"""Token ids of texts, at most so many each, with the encoder's first and last token around them."""


class SentenceEncoder:
    """A network of BERT's kind with its tokens (MiniLM: Wang et al. 2020; Reimers and Gurevych 2019)."""

    def __init__(self, network: Bert, tokens: Tokens, facts: EncoderFacts, device: str = "cpu") -> None:
        self.network, self.tokens, self.facts, self.device = network, tokens, facts, device

    @property
    def width(self) -> int:
        """Numbers in an embedding."""
        return self.network.width

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Embeddings float32 (n, width), each of length one; an empty sentence is embedded as such."""
        distinct = {sentence: row for row, sentence in enumerate(dict.fromkeys(sentences))}
        longest = min(LONGEST_TOKENS, self.network.shape.longest)
        ids = self.tokens([self.facts.prefix + sentence for sentence in distinct], longest)
        result = np.zeros((len(ids), self.width), np.float32)
        for rows in _batches([len(own) for own in ids], TOKENS_AT_ONCE[torch.device(self.device).type]):
            exact = len(ids[rows[0]]) <= EXACT_UP_TO_TOKENS
            result[rows] = self.network.embed([ids[row] for row in rows], exact).cpu().numpy()
        return result[[distinct[sentence] for sentence in sentences]]


def _batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Rows sorted by length, at most `most` tokens together, short and long ones apart."""
    rows: list[int] = []
    tokens = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        crossed = rows and lengths[rows[-1]] <= EXACT_UP_TO_TOKENS < lengths[row]
        if rows and (crossed or tokens + lengths[row] > most):
            yield rows
            rows, tokens = [], 0
        rows.append(row)
        tokens += lengths[row]
    if rows:
        yield rows


@lru_cache(maxsize=2)
def sentence_encoder(name: str = DEFAULT, device: str = "cpu") -> SentenceEncoder:
    """An encoder by its name in PACKAGED, or by the folder that holds it, loaded once in a process.

    A folder holds `model.safetensors`, `tokenizer.json` and `config.json` as transformers writes them, of BERT, RoBERTa, XLM-RoBERTa or
    CamemBERT; where sentence-transformers wrote it, its pooling and its standard prompt are kept.

    Raises:
        WeightError: the packaged weight is missing or damaged.
        FeelmError: there is no such encoder, or the folder holds another kind of network.
    """
    return _load_encoder(name, device, number_type(device))


def trainable_encoder(name: str = DEFAULT, device: str = "cpu") -> SentenceEncoder:
    """An encoder with its matrices in float32, for whoever trains from them; the caller's own, not shared.

    Raises:
        WeightError, FeelmError: as `sentence_encoder`.
    """
    return _load_encoder(name, device, torch.float32)


def _load_encoder(name: str, device: str, number: torch.dtype) -> SentenceEncoder:
    facts = encoder_facts(name)
    if name == "multilingual-e5":
        network, tokens = read_e5(weight_path(name), device, number)
        return SentenceEncoder(network, tokens, facts, device)
    paths = [weight_path(name, file) if name in PACKAGED else Path(name) / file for file in FOLDER_FILES]
    pooling = "mean" if name in PACKAGED else _pooling(Path(name) / "1_Pooling" / "config.json")
    return _read(paths, BertShape.of(_read_json(paths[2]), pooling), facts, device, number)


def encoder_facts(name: str = DEFAULT) -> EncoderFacts:
    """What is known of an encoder without loading it.

    Raises:
        FeelmError: there is no such encoder.
    """
    if name in PACKAGED:
        digest = _joined_digest(member.sha256 for member in weight(name).members)
        return replace(PACKAGED[name], digest=digest)
    folder = Path(name)
    if missing := [file for file in FOLDER_FILES if not (folder / file).is_file()]:
        raise FeelmError(
            f"there is no encoder {name!r}: it must be one of {', '.join(PACKAGED)}, or a folder with {', '.join(FOLDER_FILES)}"
            + (f" (it lacks {', '.join(missing)})" if folder.is_dir() else "")
        )
    width = int(_read_json(folder / "config.json")["hidden_size"])
    digest = _joined_digest(file_digest(folder / file) for file in FOLDER_FILES)
    return EncoderFacts(folder.resolve().name, digest, width, prefix=_prompt(folder))


def number_type(device: str) -> torch.dtype:
    """What matrices are multiplied in on a device: bfloat16 where it computes that by itself."""
    return torch.bfloat16 if native_bfloat16(device) else torch.float32


def _read(paths: Sequence[Path], shape: BertShape, facts: EncoderFacts, device: str, number: torch.dtype) -> SentenceEncoder:
    from safetensors.torch import load_file

    weights = without_prefix(load_file(paths[0], device=device))
    words = WordTable(weights.pop("embeddings.word_embeddings.weight"))
    return SentenceEncoder(Bert(shape, weights, words, number), _tokens(paths[1]), facts, device)


def _tokens(path: Path) -> Tokens:
    """The tokens that a `tokenizer.json` describes."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()

    def ids(texts: Sequence[str], longest: int) -> list[list[int]]:
        tokenizer.enable_truncation(longest)
        return [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]

    return ids


def _pooling(path: Path) -> str:
    """How sentence-transformers pools: the one mode that its configuration switches on; mean where there is none."""
    if not path.is_file():
        return "mean"
    modes = [name.removeprefix("pooling_mode_") for name, on in _read_json(path).items() if name.startswith("pooling_mode_") and on is True]
    known = {"mean_tokens": "mean", "cls_token": "cls"}
    return known.get(modes[0], modes[0]) if len(modes) == 1 else " and ".join(modes)


def _prompt(folder: Path) -> str:
    path = folder / "config_sentence_transformers.json"
    told = _read_json(path) if path.is_file() else {}
    return str((told.get("prompts") or {}).get(told.get("default_prompt_name") or "", ""))


def _read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _joined_digest(digests: Iterable[str]) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


PACKAGED: dict[str, EncoderFacts] = {
    "minilm": EncoderFacts("minilm", "", 384, frozenset({"en"})),
    "multilingual-e5": EncoderFacts("multilingual-e5", "", 384, prefix=PREFIX),
}
"""Encoders that are weights of Feelm's, by the weight's name."""
