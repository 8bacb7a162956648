"""Writes down what is said where nobody delivered subtitles: lines and words with times and confidence, from the film's sound.

Whisper (tiny.en, faster-whisper on CTranslate2) hears only the stretches in which the detector of speech finds some, because on music
and silence it invents words; what it is unsure of or repeats is left out. The package is an optional extra and the weights come from
a package, so that a film without both simply has no words and the reason says what to install.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.dialogue.language import base_code
from corpus.dialogue.sync.speech import GRID_MS, RATE_HZ, opened
from corpus.terms import FeelmError
from corpus.weights import WeightError, weight, weight_path

WEIGHTS = "whisper-tiny-en"
LANGUAGE = "en"
UNSTATED = "und"
PACKAGES = ("faster-whisper", "ctranslate2")

SPEECH_FROM, SPEECH_UNTIL = 0.5, 0.35
"""A stretch of speech begins above the one probability and ends below the other."""
LONGEST_BREATH_MS = 300
SHORTEST_SPEECH_MS = 250
"""Stretches parted by a breath are one; a shorter one is no word, and on so little Whisper says `Thank you.`"""
MARGIN_MS = 400
LONGEST_WINDOW_MS = 28_000
"""Whisper hears 30 s at a time."""
LONGEST_GAP_MS = 3000
"""Over more silence or music within a window its word times go astray, by seconds."""

MOST_REPEATED = 2.4
"""Text that gzip makes this many times smaller is one phrase over and over (Whisper's own bound)."""
LEAST_MEAN_LOG = -1.0
"""Mean log-probability of a text's tokens below which it is made up (Whisper's own bound)."""
DOUBTED_SPEECH, DOUBTED_MEAN_LOG = 0.45, -0.6
"""Made up as well where Whisper half doubts that anybody speaks and is not sure what: on nine clips of film sound every invented
`Thank you.` lay beyond both, every true line within one."""

LONGEST_LINE_MS = 7000
LONGEST_PAUSE_MS = 700
SENTENCE_ENDS = (".", "?", "!", "…")

Floats = npt.NDArray[np.float32]
Span = tuple[int, int]


class Recognition(StrEnum):
    """Whether films without subtitles get recognised words."""

    AUTO = "auto"
    NEVER = "never"


@dataclass(frozen=True)
class Word:
    """A recognised word with its punctuation; `confidence` 0..1 is the recogniser's probability."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True)
class SpokenLine:
    """A sentence, or the part of one that is shown at once: at least one word, in order of time."""

    words: tuple[Word, ...]

    @property
    def start_ms(self) -> int:
        """When its first word begins."""
        return self.words[0].start_ms

    @property
    def end_ms(self) -> int:
        """When its last word ends."""
        return self.words[-1].end_ms

    @property
    def text(self) -> str:
        """Its words with a space between them."""
        return " ".join(word.text for word in self.words)

    @property
    def confidence(self) -> float:
        """Mean confidence of its words."""
        return sum(word.confidence for word in self.words) / len(self.words)


def unusable(language: str | None) -> str | None:
    """Why speech in `language` (null: not stated, taken for English) cannot be recognised here and what to do; null where it can."""
    if language is not None and base_code(language) not in (LANGUAGE, UNSTATED):
        return f"the packaged speech recognition knows English only and the film is in {language}"
    if recogniser() is None:
        return "speech recognition is not installed (`make asr`)"
    return None


def recogniser() -> str | None:
    """What recognises here (packages, versions, digest of the weights), for version stamps; null where it is not installed."""
    try:
        packages = [f"{package} {version(package)}" for package in PACKAGES]
        weight_path(WEIGHTS)
    except (PackageNotFoundError, WeightError):
        return None
    return ", ".join([*packages, f"{WEIGHTS} {weight(WEIGHTS).members[0].sha256[:12]}"])


def recognise(sound: Path, speech: Floats, duration_ms: int) -> list[SpokenLine]:
    """The lines spoken in a 16 kHz mono sound file, in order, not overlapping, all within [0, duration_ms).

    `speech` is the probability of speech every GRID_MS. Memory does not grow with the length; the same sound gives the same lines on
    the same kind of processor (one thread, no sampling). Source: Whisper (Radford et al., arXiv 2212.04356), word times by its
    cross-attention.

    Raises:
        FeelmError: the recogniser is not installed, or the file is no sound of that kind.
    """
    with opened(sound) as samples:
        words = [word for window in windows(speech) for word in _heard(samples, window)]
    return lines_of(in_order(trimmed(words, speech), duration_ms))


def windows(speech: Floats) -> list[Span]:
    """Stretches to listen to, in ms: speech with a margin, joined as far as Whisper hears at a time, parted at long gaps."""
    found: list[Span] = []
    for start, end in stretches(speech):
        if found and end - found[-1][0] <= LONGEST_WINDOW_MS and start - found[-1][1] <= LONGEST_GAP_MS:
            found[-1] = (found[-1][0], end)
        else:
            found.extend(_cut(start, end))
    return found


def _cut(start: int, end: int) -> Iterator[Span]:
    """A stretch longer than a window in equal parts."""
    parts = -(-(end - start) // LONGEST_WINDOW_MS)
    edges = [start + (end - start) * part // parts for part in range(parts + 1)]
    return pairwise(edges)


def stretches(speech: Floats) -> list[Span]:
    """Where somebody speaks, in ms, with MARGIN_MS on either side (never into the next stretch)."""
    joined: list[Span] = []
    for start, end in _above(speech):
        if joined and start - joined[-1][1] <= LONGEST_BREATH_MS:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    long_enough = [(start, end) for start, end in joined if end - start >= SHORTEST_SPEECH_MS]
    total = len(speech) * GRID_MS
    before = [0, *(end for _, end in long_enough)]
    after = [*(start for start, _ in long_enough[1:]), total]
    return [
        (
            max(start - MARGIN_MS, (start + earlier) // 2 if earlier else 0),
            min(end + MARGIN_MS, (end + later) // 2 if later < total else total),
        )
        for (start, end), earlier, later in zip(long_enough, before, after, strict=False)
    ]


def _above(speech: Floats) -> Iterator[Span]:
    """Stretches from where the probability rises above SPEECH_FROM to where it falls below SPEECH_UNTIL, in ms."""
    start: int | None = None
    for step, probability in enumerate(speech.tolist()):
        if start is None and probability >= SPEECH_FROM:
            start = step
        elif start is not None and probability < SPEECH_UNTIL:
            yield start * GRID_MS, step * GRID_MS
            start = None
    if start is not None:
        yield start * GRID_MS, len(speech) * GRID_MS


def _heard(sound: Any, window: Span) -> list[Word]:
    """Words of one window with times in the file; what Whisper itself doubts, or repeats, is left out."""
    start_ms, end_ms = window
    sound.seek(start_ms * RATE_HZ // 1000)
    samples = sound.read((end_ms - start_ms) * RATE_HZ // 1000, dtype="float32")
    if not len(samples):
        return []
    segments, _ = _network().transcribe(
        samples,
        language=LANGUAGE,
        beam_size=5,
        temperature=0.0,
        condition_on_previous_text=False,
        word_timestamps=True,
        compression_ratio_threshold=None,
        log_prob_threshold=None,
        no_speech_threshold=None,
    )
    return [_placed(word, start_ms) for segment in segments if believed(segment) for word in segment.words if word.word.strip()]


def believed(segment: Any) -> bool:
    """Whether a segment of faster-whisper's (avg_logprob, no_speech_prob, compression_ratio) is what somebody said."""
    made_up = segment.avg_logprob < LEAST_MEAN_LOG or (segment.no_speech_prob > DOUBTED_SPEECH and segment.avg_logprob < DOUBTED_MEAN_LOG)
    return not made_up and segment.compression_ratio <= MOST_REPEATED


def _placed(word: Any, from_ms: int) -> Word:
    confidence = min(1.0, max(0.0, float(word.probability)))
    return Word(word.word.strip(), from_ms + round(word.start * 1000), from_ms + round(word.end * 1000), confidence)


@lru_cache(maxsize=1)
def _network() -> Any:
    folder = weight_path(WEIGHTS).parent
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise FeelmError("speech recognition is not installed: run `make asr`") from error
    # One thread, as sums are rounded otherwise with two and the same sound must give the same text.
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


def trimmed(words: Sequence[Word], speech: Floats) -> list[Word]:
    """Words without the silence that Whisper counts to them: ends that lie outside speech are moved to its nearest step inside the word."""
    return [_trimmed(word, speech) for word in words]


def _trimmed(word: Word, speech: Floats) -> Word:
    first = word.start_ms // GRID_MS
    loud = np.flatnonzero(speech[first : -(-word.end_ms // GRID_MS)] >= SPEECH_UNTIL)
    if not len(loud):
        return word
    start_ms = max(word.start_ms, (first + int(loud[0])) * GRID_MS)
    end_ms = min(word.end_ms, (first + int(loud[-1]) + 1) * GRID_MS)
    return replace(word, start_ms=start_ms, end_ms=end_ms)


def in_order(words: Sequence[Word], duration_ms: int) -> list[Word]:
    """Words one after the other within [0, duration_ms), none shorter than a step of the grid; those beyond the film are left out."""
    placed: list[Word] = []
    for word in words:
        start_ms = max(word.start_ms, placed[-1].end_ms if placed else 0)
        end_ms = min(max(word.end_ms, start_ms + GRID_MS), duration_ms)
        if end_ms > start_ms:
            placed.append(replace(word, start_ms=start_ms, end_ms=end_ms))
    return placed


def lines_of(words: Sequence[Word]) -> list[SpokenLine]:
    """Words in lines: a line ends with its sentence, at a pause, or where it would be shown longer than LONGEST_LINE_MS."""
    sentences: list[list[Word]] = []
    for word in words:
        if sentences and not _parts(sentences[-1][-1], word):
            sentences[-1].append(word)
        else:
            sentences.append([word])
    return [SpokenLine(tuple(part)) for sentence in sentences for part in _short_enough(sentence)]


def _parts(before: Word, after: Word) -> bool:
    return before.text.rstrip("\"'”’)").endswith(SENTENCE_ENDS) or after.start_ms - before.end_ms >= LONGEST_PAUSE_MS


def _short_enough(words: list[Word]) -> list[list[Word]]:
    """The words in parts of at most LONGEST_LINE_MS (a single word may be longer), cut at commas and pauses near the middle."""
    if len(words) == 1 or words[-1].end_ms - words[0].start_ms <= LONGEST_LINE_MS:
        return [words]
    cut = max(range(1, len(words)), key=lambda index: _cut_worth(words, index))
    return [*_short_enough(words[:cut]), *_short_enough(words[cut:])]


def _cut_worth(words: list[Word], index: int) -> float:
    """A pause in ms, a comma worth 500, less the distance from the middle (at most 1000 at the ends)."""
    before, after = words[index - 1], words[index]
    middle = abs((before.end_ms + after.start_ms) - (words[0].start_ms + words[-1].end_ms)) / (words[-1].end_ms - words[0].start_ms)
    return after.start_ms - before.end_ms + 500 * before.text.endswith((",", ";", ":", "-", "–", "—")) - 1000 * middle
