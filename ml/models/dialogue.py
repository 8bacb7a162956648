"""Dialogues in words alone, as the networks take them: what a service reads while people talk.

The arrays are those that a film's units become, with faces, voices and times unknown, so that the same networks answer with the same
numbers. Many dialogues go through at once: one conversation continued by each of a dozen candidate replies costs one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from corpus.terms import EMOTIONS
from ml.features.text.build import TEXT_FEATURES
from ml.features.text.live import LineReader, ReadLines
from ml.models.calibration import softmax
from ml.models.cast import present_characters
from ml.models.context import Opinions, join
from ml.models.dataset import CROP_PX, CROPS, TEXT, Columns, FloatArray, IntArray, OfUnits, UnitArrays
from ml.models.foresight import foreseen
from ml.models.predict import EmotionModel, model_opinions, probabilities_of


@dataclass(frozen=True)
class Turn:
    """What somebody says; `speaker` is any name, None where it is not known who speaks."""

    text: str
    speaker: str | None = None


@dataclass(frozen=True)
class HeardTurns(OfUnits):
    """What the model says of n turns: probabilities (n, 7), levels (n, 3: LEVELS), which were `read` (n,), their languages.

    `so_far` (n, 7) is a turn's emotion as told by what came up to it alone, `following` (n, 7) what is foreseen of whoever speaks next from
    that (`ml.models.foresight`).
    """

    probabilities: FloatArray
    levels: FloatArray
    read: np.ndarray
    languages: tuple[str | None, ...]
    so_far: FloatArray
    following: FloatArray


def hear(model: EmotionModel, reader: LineReader, dialogues: Sequence[Sequence[Turn]], language: str | None = None) -> list[HeardTurns]:
    """What the model says of the turns of each dialogue; `language` is the declared one of all, where it is known.

    Raises:
        WeightError: the text encoder is missing or damaged.
    """
    facts, (lines, data) = model.facts, read_dialogues(model, reader, dialogues, language)
    joined = join(model.context_networks, data, _opinions(model, data, dialogues), np.arange(len(data)))
    so_far = softmax(joined.past / facts.temperatures[facts.conversation]).astype(np.float32)
    following = foreseen(np.array(facts.foresight, np.float32), so_far, data)
    heard = HeardTurns(probabilities_of(model, data, joined), joined.levels, lines.read, lines.languages, so_far, following)
    ends = np.cumsum([len(turns) for turns in dialogues])
    return [heard.part(slice(end - len(turns), end)) for end, turns in zip(ends.tolist(), dialogues, strict=True)]


def _opinions(model: EmotionModel, data: UnitArrays, dialogues: Sequence[Sequence[Turn]]) -> Opinions:
    """What the experts say of each line, asked once of lines that are the same: a talk is there as often as replies continue it."""
    lines = zip((turn.text for turns in dialogues for turn in turns), data.present[:, TEXT].tolist(), strict=True)
    first: dict[tuple[str, bool], int] = {}
    of = np.array([first.setdefault(line, row) for row, line in enumerate(lines)], np.int64)
    return model_opinions(model, data, np.unique(of)).placed(of, np.arange(len(data)))


def read_dialogues(
    model: EmotionModel, reader: LineReader, dialogues: Sequence[Sequence[Turn]], language: str | None = None
) -> tuple[ReadLines, UnitArrays]:
    """The lines of some dialogues as they are read, and the units that the model's networks take of them.

    Raises:
        WeightError: the text encoder is missing or damaged.
    """
    facts = model.facts
    lines = reader.read([[turn.text for turn in turns] for turns in dialogues], language)
    text = np.concatenate([lines.embedding, lines.values[:, _cue_columns(facts.columns)]], axis=1)
    return lines, dialogue_arrays(dialogues, text, lines.read, facts.columns, facts.sources.index(facts.conversation))


def _cue_columns(columns: Columns) -> IntArray:
    return np.array([TEXT_FEATURES.index(name) for name in columns.cues], np.int64)


def dialogue_arrays(dialogues: Sequence[Sequence[Turn]], text: FloatArray, read: np.ndarray, columns: Columns, source: int) -> UnitArrays:
    """The units of some dialogues of which each is one scene.

    `text` (n, width of embedding and cues) is NaN where a turn is not `read` (n,); `source` is the number of the source they are read as.
    """
    n = len(read)
    lengths = [len(turns) for turns in dialogues]
    sequence = np.repeat(np.arange(len(dialogues)), lengths)
    place = np.concatenate([np.arange(length) for length in lengths]).astype(np.int64) if n else np.zeros(0, np.int64)
    speaker = _speakers(dialogues)
    cast = present_characters(sequence, place, sequence, speaker)
    following = np.where(np.append(sequence[1:], -1) == sequence, np.arange(n) + 1, -1)
    present = np.zeros((n, 3), bool)
    present[:, TEXT] = read
    nowhere, unknown = np.full(n, -1, np.int64), np.full((n, len(EMOTIONS)), np.nan, np.float32)
    return UnitArrays(
        crops=np.zeros((0, CROPS, CROP_PX, CROP_PX), np.uint8),
        crop_mask=np.zeros((0, CROPS), bool),
        crop_t_ms=np.zeros((0, CROPS), np.int64),
        crop_row=nowhere,
        listener_crop_row=nowhere,
        face=_unmeasured(n, 2 * len(columns.face)),
        listener_face=_unmeasured(n, 2 * len(columns.face)),
        voice=_unmeasured(n, 2 * len(columns.voice)),
        speech=_unmeasured(n, columns.speech_width),
        text=text,
        present=present,
        listened=np.zeros(n, bool),
        sequence=sequence,
        place=place,
        when=_unmeasured(n, 3),
        scene=sequence,
        speaker=speaker,
        listener=nowhere,
        source=np.full(n, source, np.int64),
        soft=unknown,
        label=nowhere,
        levels=_unmeasured(n, 3),
        next_row=following,
        last_of=cast.last,
        next_of=cast.next,
    )


def _unmeasured(n: int, width: int) -> FloatArray:
    return np.full((n, width), np.nan, np.float32)


def _speakers(dialogues: Sequence[Sequence[Turn]]) -> IntArray:
    """Numbers of the speakers, each dialogue's its own; -1 where it is not known who speaks."""
    known: dict[tuple[int, str], int] = {}
    numbers = [
        known.setdefault((i, turn.speaker), len(known)) if turn.speaker is not None else -1
        for i, turns in enumerate(dialogues)
        for turn in turns
    ]
    return np.array(numbers, np.int64)
