"""Words of a unit: a sentence embedding, what an embedding loses, and what the words mean to a feeling.

Each line becomes the encoder's numbers, its marks and plain words of feeling (cues), the pleasantness of its words (valence), how near it
lies to sentences that say a feeling (sense) and the sounds that its subtitles describe (sounds). Lines in a language that the encoder does
not read are told by language in the summary and are not present, rather than embedded into noise.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from corpus.chunks import ChunkStore, Tell, content_digest
from corpus.contracts import TEXT_LINES, UNITS, UTTERANCES
from corpus.memory import give_large_blocks_back
from corpus.threads import one_torch_thread
from corpus.weights import WeightError, weight
from ml.features.extractor import Block, Dimension, extract_all, joined
from ml.features.frame import EMBEDDING_FILE, FeatureSummary, write_features, write_summary
from ml.features.text.cues import CUES, cues_of, has_words, tidied
from ml.features.text.encoder import DEFAULT, SentenceEncoder, encoder_facts, number_type, sentence_encoder
from ml.features.text.sense import SENSE, sense_of
from ml.features.text.sounds import SOUNDS, Described, described, described_in, near, sum_of
from ml.features.text.valence import VALENCE, valence_lexicon

if TYPE_CHECKING:
    import pandas as pd

LINES_FILE = "lines.parquet"

TEXT_DIMENSIONS: tuple[Dimension, ...] = (*CUES, *VALENCE, *SENSE, *SOUNDS)
TEXT_FEATURES: tuple[str, ...] = tuple(dimension.name for dimension in TEXT_DIMENSIONS)

CHUNK_LINES = 500
NEAR_MS = 1_500
"""A sound that stands in a cue of its own belongs to the lines that are shown within this time of it."""

NO_TIME = -1

SHORT_CHARACTERS = 300
"""Of a line whose language is remembered, so that what is remembered is bounded."""

_VERSION = 2
_HEARD = ("sound description", "song or music")
"""Reasons for which the dialogue leaves a cue out that describes something heard."""


@dataclass(frozen=True)
class TextSummary(FeatureSummary):
    """`language` as declared; `n_words` in all present units; `languages` counts lines with words by language ("" where unknown).

    `encoder` names what made the embedding and its number type; `n_described` counts sounds and music that subtitles describe.
    """

    language: str | None
    n_words: int
    languages: dict[str, int] = field(default_factory=dict)
    encoder: str | None = None
    n_described: int = 0


@dataclass(frozen=True)
class Lines:
    """Some lines in the order of the film: times int64 (n,), -1 where a line has none, what is said, and whether it is to be `read`.

    A line that is not read has no words, or is in a language that the encoder does not know.
    """

    start_ms: np.ndarray
    end_ms: np.ndarray
    texts: tuple[str, ...]
    read: np.ndarray
    described: tuple[Described, ...]

    def chunks(self, size: int = CHUNK_LINES) -> Iterator[Lines]:
        """The lines in parts of at most `size`."""
        for start in range(0, len(self.texts), size):
            own = slice(start, start + size)
            yield Lines(self.start_ms[own], self.end_ms[own], self.texts[own], self.read[own], self.described[own])


class TextExtractor:
    """TEXT_DIMENSIONS of lines, with their embeddings float32 (n, width) as `more["embedding"]`, zeros where a line is not read."""

    name = "text"

    def __init__(self, encoder: str = DEFAULT, device: str = "cpu") -> None:
        self.facts = encoder_facts(encoder)
        self.device = device
        self._encoder_name = encoder

    @property
    def version(self) -> str:
        """The code's number, with the digests of encoder and lexicon."""
        return f"{_VERSION}-{self.facts.digest}-{weight('vader').member(None).sha256[:16]}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The encoder, and the number type that this device multiplies in."""
        return {"encoder": self.facts.name, "precision": self.precision}

    @property
    def precision(self) -> str:
        """bfloat16 or float32."""
        return str(number_type(self.device)).removeprefix("torch.")

    @cached_property
    def encoder(self) -> SentenceEncoder:
        """Loaded with the first line that is read: a film that is in the store needs none."""
        return sentence_encoder(self._encoder_name, self.device)

    def digest(self, chunk: Lines) -> str:
        """Of times, words, what is read and what is described."""
        told = json.dumps([chunk.texts, [part.row for part in chunk.described]], ensure_ascii=False)
        return content_digest(chunk.start_ms, chunk.end_ms, chunk.read, told)

    def extract(self, chunk: Lines) -> Block:
        """Values (n, d), NaN in lines that are not read.

        Raises:
            WeightError: the encoder or the lexicon is missing or damaged.
        """
        values = np.full((len(chunk.texts), len(TEXT_DIMENSIONS)), np.nan, np.float32)
        embedding = np.zeros((len(chunk.texts), self.facts.width), np.float32)
        rows = np.flatnonzero(chunk.read)
        if len(rows):
            texts = [chunk.texts[row] for row in rows]
            embedding[rows] = self.encoder.encode(texts)
            described_rows = np.array([chunk.described[row].row for row in rows], np.float32)
            values[rows] = np.concatenate([word_columns(texts), sense_of(embedding[rows], self.encoder), described_rows], axis=1)
        return Block(chunk.start_ms, chunk.end_ms, values, chunk.read.astype(np.float32), {"embedding": embedding})


def build_text_features(
    units_path: Path,
    language: str | None,
    out: Path,
    *,
    dialogue: Path | None = None,
    encoder: str = DEFAULT,
    store: ChunkStore | None = None,
    tell: Tell | None = None,
) -> TextSummary:
    """Write features.parquet, embedding.safetensors (which names its encoder), lines.parquet (TEXT_LINES) and summary.json for a units
    table into the folder `out`.

    Units without words are not present, nor are those in a language that the `encoder` does not read, nor is any where weights are
    missing: the summary says which. `language` is the declared one (ISO code, None where unknown). From the `dialogue` artifact come the
    sounds that the subtitles describe; without it only those that stand in the units' own text are known.

    Raises:
        FeelmError: there is no such encoder.
    """
    from safetensors.numpy import save_file

    from corpus.dialogue.language import forget_model

    give_large_blocks_back()
    units = UNITS.read(units_path)
    extractor = TextExtractor(encoder)
    languages = line_languages(units, language)
    if len(units) > CHUNK_LINES:
        # A film's encoder wants the room; a service that is asked line by line keeps the model.
        forget_model()
    lines = _lines(units, [extractor.facts.reads(code) for code in languages], _described(units, dialogue))
    missing = _missing(lines, languages, extractor)
    try:
        with one_torch_thread():
            found = joined(extract_all(extractor, lines.chunks(), store, int(lines.end_ms.max(initial=0)), tell), len(TEXT_DIMENSIONS))
    except WeightError as error:
        missing, found = str(error), extractor.extract(replace(lines, read=np.zeros(len(lines.texts), bool)))
    present = found.confidence > 0
    embedding = found.more.get("embedding", np.zeros((0, extractor.facts.width), np.float32))
    save_file({"embedding": np.ascontiguousarray(embedding)}, out / EMBEDDING_FILE, metadata={"encoder": extractor.facts.name})
    write_features(units, dict(zip(TEXT_FEATURES, found.values.T.astype(np.float64), strict=True)), present, out)
    TEXT_LINES.write(_told(units, lines, languages, present), out / LINES_FILE)
    summary = _summarise(found, present, lines, languages, missing, language, extractor)
    write_summary(summary, out)
    return summary


def line_languages(units: pd.DataFrame, language: str | None) -> list[str | None]:
    """The language of each unit's words, as `languages_of` tells it."""
    texts = [text if isinstance(text, str) else "" for text in units["text"]]
    return languages_of(texts, language, bool(units["position"].notna().all()))


def languages_of(lines: Sequence[str], language: str | None, ordered: bool = True) -> list[str | None]:
    """The language of each line's words, a two-letter code where there is one; None where a line has no words or nothing is known.

    A line that says its language plainly (probability 0.8) has that one; one that does not has its neighbours' where those before and
    after agree and the lines are in order, else the declared one or that of all lines together.
    """
    from corpus.dialogue.language import base_code

    texts = [text if has_words(text) else None for text in lines]
    own = [_own_language(text) if text is not None else None for text in texts]
    around = _agreed(own) if ordered else [None] * len(own)
    told = [code or near_by for code, near_by in zip(own, around, strict=True)]
    if all(code or text is None for code, text in zip(told, texts, strict=True)):
        return [code if text is not None else None for code, text in zip(told, texts, strict=True)]
    usual = base_code(language) if language else _guessed([text for text in texts if text is not None])
    return [(code or usual) if text is not None else None for text, code in zip(texts, told, strict=True)]


def _own_language(text: str) -> str | None:
    """The language that a line says plainly; short lines, such as replies that are weighed again and again, are guessed once."""
    return _guessed_once(text) if len(text) <= SHORT_CHARACTERS else _guessed([text])


def _guessed(texts: Sequence[str]) -> str | None:
    from corpus.dialogue.language import guess_language

    guess = guess_language(texts)
    return guess.code if guess else None


@lru_cache(maxsize=8192)
def _guessed_once(text: str) -> str | None:
    return _guessed([text])


def _agreed(codes: Sequence[str | None]) -> list[str | None]:
    """For each place the code that the nearest known places before and after it share, else None."""
    before, after = _carried(codes), _carried(codes[::-1])[::-1]
    return [first if first == second else None for first, second in zip(before, after, strict=True)]


def _carried(codes: Sequence[str | None]) -> list[str | None]:
    last: str | None = None
    carried = []
    for code in codes:
        last = code or last
        carried.append(last)
    return carried


def word_columns(texts: Sequence[str]) -> np.ndarray:
    """CUES and VALENCE of each text, (n, c + v)."""
    lexicon = valence_lexicon()
    rows = [cues_of(text) | lexicon.describe(text) for text in texts]
    return np.array([[row[dimension.name] for dimension in (*CUES, *VALENCE)] for row in rows], np.float32)


def _lines(units: pd.DataFrame, readable: Sequence[bool], heard: Sequence[Described]) -> Lines:
    texts = tuple(tidied(text) if isinstance(text, str) else "" for text in units["text"])
    times = [units[name].fillna(NO_TIME).to_numpy(np.int64) for name in ("start_ms", "end_ms")]
    read = np.array([reads and has_words(text) for reads, text in zip(readable, texts, strict=True)], bool)
    return Lines(times[0], times[1], texts, read, tuple(heard))


def _described(units: pd.DataFrame, dialogue: Path | None) -> list[Described]:
    """What is described with each unit: in its own cue, and in cues of their own around it."""
    raw = _raw_texts(dialogue) if dialogue is not None else {}
    spans, alone = _left_out(dialogue) if dialogue is not None else ([], [])
    rows = zip(units["unit_id"], units["text"], units["start_ms"], units["end_ms"], strict=True)
    return [_described_with(raw.get(unit_id, text), text, start, end, spans, alone) for unit_id, text, start, end in rows]


def _described_with(
    raw: object, text: object, start_ms: Any, end_ms: Any, spans: Sequence[tuple[int, int]], alone: Sequence[Described]
) -> Described:
    own = described_in(raw, text if isinstance(text, str) and text is not raw else "") if isinstance(raw, str) else Described()
    if not alone or not np.isfinite(start_ms) or not isinstance(text, str):
        return own
    return own + sum_of(alone[at] for at in near(spans, float(start_ms), float(end_ms), NEAR_MS))


def _raw_texts(dialogue: Path) -> dict[str, str]:
    """Each line's cue as delivered, by the line's id."""
    table = UTTERANCES.read(dialogue / "utterances.parquet")
    return dict(zip(table["utterance_id"], table["raw_text"], strict=True))


def _left_out(dialogue: Path) -> tuple[list[tuple[int, int]], list[Described]]:
    """Times of the cues that hold a description alone, and what they describe."""
    dropped = json.loads((dialogue / "dropped.json").read_text(encoding="utf-8"))["dropped"]
    heard = [cue for cue in dropped if cue["reason"] in _HEARD]
    return [(int(cue["start_ms"]), int(cue["end_ms"])) for cue in heard], [_alone(str(cue["text"]), cue["reason"]) for cue in heard]


def _alone(raw: str, reason: str) -> Described:
    """What a cue without speech describes."""
    found = described_in(raw)
    if found.sounds or found.music:
        return found
    return described("♪" if reason == _HEARD[1] else raw)


def _missing(lines: Lines, languages: Sequence[str | None], extractor: TextExtractor) -> str | None:
    worded = [has_words(text) for text in lines.texts]
    if not any(worded):
        return "no subtitles"
    unread = Counter(code or "" for code, there in zip(languages, worded, strict=True) if there and not extractor.facts.reads(code))
    reasons = []
    if unread:
        foreign, known = ", ".join(sorted(unread)), ", ".join(sorted(extractor.facts.languages or ()))
        which = f"the language is {foreign}" if not lines.read.any() else f"{unread.total()} of {sum(worded)} lines are in {foreign}"
        reasons.append(f"{which}: the encoder {extractor.facts.name} reads {known} only")
    if wordless := len(worded) - sum(worded):
        reasons.append(f"no words in {wordless} of {len(worded)} units")
    return "; ".join(reasons) or None


def _told(units: pd.DataFrame, lines: Lines, languages: Sequence[str | None], present: np.ndarray) -> pd.DataFrame:
    """The rows of TEXT_LINES."""
    rows = zip(units["unit_id"], languages, lines.described, present, strict=True)
    return TEXT_LINES.frame(
        {"unit_id": unit_id, "language": code, "read": bool(there), "described": "; ".join(heard.words) or None}
        for unit_id, code, heard, there in rows
    )


def _summarise(
    found: Block,
    present: np.ndarray,
    lines: Lines,
    languages: Sequence[str | None],
    missing: str | None,
    language: str | None,
    extractor: TextExtractor,
) -> TextSummary:
    n_words = int(np.nansum(found.values[:, TEXT_FEATURES.index("n_words")])) if len(found.values) else 0
    worded = [code or "" for code, text in zip(languages, lines.texts, strict=True) if has_words(text)]
    return TextSummary(
        n_units=len(lines.texts),
        n_present=int(present.sum()),
        n_features=len(TEXT_FEATURES) + extractor.facts.width,
        missing=missing,
        language=language,
        n_words=n_words,
        languages=dict(sorted(Counter(worded).items())),
        encoder=f"{extractor.facts.name} ({extractor.precision})" if present.any() else None,
        n_described=sum(part.sounds + part.music for part in lines.described),
    )
