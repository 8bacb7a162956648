"""Words as they are said: lines read one by one or by the dozen, from memory where they were read before.

The same features as `build` writes for a film, without files and tables, so that a conversation is read while it goes on. A line costs the
encoder once; asked again, with other lines around it or as one of many candidates, it costs a look. What is asked for again and again can
be kept for good, whatever else is read meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np

from corpus.threads import one_torch_thread
from ml.features.text.build import NO_TIME, TEXT_FEATURES, Lines, TextExtractor, languages_of
from ml.features.text.cues import has_words, tidied
from ml.features.text.sounds import described_in

REMEMBERED_LINES = 8_000
"""Some 18 MB with either encoder."""


@dataclass(frozen=True)
class ReadLines:
    """Embeddings (n, width) and TEXT_FEATURES (n, d) float32 of n lines, NaN where a line is not `read` (n,): no words, or another language
    than the encoder knows; `languages` are two-letter codes, None where nothing is known.
    """

    embedding: np.ndarray
    values: np.ndarray
    read: np.ndarray
    languages: tuple[str | None, ...]


class LineReader:
    """Reads lines with one encoder, and remembers those it keeps and the last REMEMBERED_LINES of all; for any number of threads."""

    def __init__(self, encoder: str) -> None:
        self.extractor = TextExtractor(encoder)
        self._known: OrderedDict[str, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._kept: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._lock = Lock()

    @property
    def width(self) -> int:
        """Numbers in an embedding."""
        return self.extractor.facts.width

    def read(self, dialogues: Sequence[Sequence[str]], language: str | None = None) -> ReadLines:
        """All lines of some dialogues, one after the other; `language` is the declared one of all, where it is known.

        Raises:
            WeightError: the encoder or the lexicon is missing or damaged.
        """
        languages = [code for texts in dialogues for code in languages_of(texts, language)]
        texts = [text for own in dialogues for text in own]
        readable = self._readable(texts, languages)
        found = self._found([text for text, there in zip(texts, readable, strict=True) if there])
        embedding, values = (np.full((len(texts), width), np.nan, np.float32) for width in (self.width, len(TEXT_FEATURES)))
        for row, text in enumerate(texts):
            if readable[row]:
                embedding[row], values[row] = found[text]
        return ReadLines(embedding, values, np.array(readable, bool), tuple(languages))

    def keep(self, texts: Sequence[str], language: str) -> None:
        """Read lines of a language and never forget them: what a service says itself, which every reply is chosen from.

        Raises:
            WeightError: the encoder or the lexicon is missing or damaged.
        """
        readable = self._readable(texts, [language] * len(texts))
        found = self._found([text for text, there in zip(texts, readable, strict=True) if there])
        with self._lock:
            self._kept |= found

    def _readable(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[bool]:
        return [has_words(text) and self.extractor.facts.reads(code) for text, code in zip(texts, languages, strict=True)]

    def _found(self, texts: Sequence[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
            for text in texts:
                if text not in found and text in self._known:
                    found[text] = self._known[text]
                    self._known.move_to_end(text)
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if new:
            found |= self._made(new)
            with self._lock:
                self._known |= {text: found[text] for text in new}
                while len(self._known) > REMEMBERED_LINES:
                    self._known.popitem(last=False)
        return found

    def _made(self, texts: list[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        untimed = np.full(len(texts), NO_TIME, np.int64)
        described = tuple(described_in(text, "") for text in texts)
        lines = Lines(untimed, untimed, tuple(map(tidied, texts)), np.ones(len(texts), bool), described)
        with one_torch_thread():
            block = self.extractor.extract(lines)
        return {text: (block.more["embedding"][row], block.values[row]) for row, text in enumerate(texts)}
