"""The voice features of a film: its sound is described a minute at a time, and each unit's functionals are taken as soon as it is over.

Of the rows only those are kept that a unit still waits for, so memory follows the longest scene and not the film; each minute's rows are
kept in the store, by the content of the sound.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.chunks import ChunkStore, Tell
from corpus.contracts import VOICE_COURSE
from corpus.paths import write_bytes
from ml.features.blocks import FRAMES_FILE, written
from ml.features.extractor import Block, extract_all
from ml.features.frame import COURSE_FILE, SPEECH_FILE, FeatureSummary, read_units, write_features, write_summary
from ml.features.voice.dimensions import COLUMN, DIMENSIONS
from ml.features.voice.extractor import VoiceExtractor
from ml.features.voice.functionals import FUNCTIONALS, VOICE_FEATURES, columns_of, functionals, spoken_rows, voiced_rows
from ml.features.voice.grid import HOP_MS, Floats, sound_chunks
from ml.features.voice.speech import WIDTH, SpeechExtractor, unit_sounds

if TYPE_CHECKING:
    import pandas as pd

COURSE_MS = 100


@dataclass(frozen=True)
class VoiceSummary(FeatureSummary):
    """Median pitch of the film's voices in Hz, the share of time in which somebody speaks, the median level of the pitched voice."""

    median_pitch_hz: float | None
    speech_share: float | None
    median_speech_db: float | None


def build_voice_features(
    soundtrack_dir: Path,
    scenes_dir: Path,
    out: Path,
    *,
    store: ChunkStore | None = None,
    tell: Tell | None = None,
) -> VoiceSummary:
    """Write features.parquet, course.parquet, frames.parquet (DIMENSIONS every 10 ms), speech.safetensors and summary.json into `out`.

    A film without sound, or whose sound is silent, gives units that are not present and the reason in the summary; so do units in
    which nobody is heard to speak. Without a sound there is neither frames.parquet nor speech.safetensors.

    Raises:
        FeelmError: the sound is not 16 kHz mono, or cannot be read.
        WeightError: a network's weights are missing or damaged.
    """
    units = read_units(scenes_dir)
    sound = soundtrack_dir / "sound.flac"
    missing = _missing(sound)
    heard = Listener.for_units(units)
    if missing is None:
        blocks = extract_all(VoiceExtractor(), sound_chunks(sound), store, _length_ms(sound), tell)
        heard.listen(written(blocks, DIMENSIONS, out / FRAMES_FILE))
        write_speech(_described(sound, heard, store), out)
    write_features(units, columns_of(heard.found, units), heard.present, out)
    VOICE_COURSE.write(heard.course(), out / COURSE_FILE)
    summary = heard.summary(missing)
    write_summary(summary, out)
    return summary


def write_speech(speech: Floats, out: Path) -> None:
    """Write speech.safetensors: `speech` float16 (n, WIDTH), row-aligned with the units, NaN where nobody is heard."""
    from safetensors.numpy import save

    write_bytes(out / SPEECH_FILE, save({"speech": speech.astype(np.float16)}))


def read_speech(folder: Path, n_units: int) -> Floats:
    """What `write_speech` wrote, float32; NaN for all units where there is none."""
    from safetensors.numpy import load_file

    path = folder / SPEECH_FILE
    return load_file(path)["speech"].astype(np.float32) if path.is_file() else np.full((n_units, WIDTH), np.nan, np.float32)


def _described(sound: Path, heard: Listener, store: ChunkStore | None) -> Floats:
    """What the speech network hears of each unit in which somebody speaks (units, WIDTH)."""
    found = np.full((len(heard.present), WIDTH), np.nan, np.float32)
    rows = np.flatnonzero(heard.present)
    spans = [(first * HOP_MS, last * HOP_MS) for row in rows for first, last in [heard.spans[row] or (0, 0)]]
    blocks = extract_all(SpeechExtractor(), unit_sounds(sound, spans), store)
    described = [block.more["speech"] for block in blocks]
    if described:
        found[rows] = np.concatenate(described)
    return found


def _missing(sound: Path) -> str | None:
    if not sound.is_file():
        return "no audio track"
    if not any(chunk.own.any() for chunk in sound_chunks(sound)):
        return "the sound is digital silence"
    return None


def _length_ms(sound: Path) -> int:
    import soundfile

    return int(soundfile.info(str(sound)).duration * 1000)


@dataclass
class Listener:
    """Takes blocks in order; what it has found so far of each unit, of the course and of the whole film.

    `found` (units, FUNCTIONALS) is NaN where nothing was measured, `present` (units,) tells whether somebody was heard.
    """

    spans: list[tuple[int, int] | None]
    found: Floats
    present: np.ndarray
    _waiting: list[int]
    _first_row: int = 0
    _rows: list[Block] = field(default_factory=list)
    _course: list[dict[str, np.ndarray]] = field(default_factory=list)
    _pitch_hz: list[Floats] = field(default_factory=list)
    _level_db: list[Floats] = field(default_factory=list)
    _n_rows: int = 0
    _n_spoken: int = 0

    @classmethod
    def for_units(cls, units: pd.DataFrame) -> Listener:
        """A listener that waits for all units that have a time."""
        times = zip(units["start_ms"], units["end_ms"], strict=True)
        spans = [None if np.isnan(float(start)) else _rows_between(float(start), float(end)) for start, end in times]
        waiting = sorted((number for number, span in enumerate(spans) if span), key=lambda number: spans[number] or (0, 0))
        found = np.full((len(spans), len(FUNCTIONALS)), np.nan, np.float32)
        return cls(spans, found, np.zeros(len(spans), bool), waiting)

    def listen(self, blocks: Iterable[Block]) -> None:
        """Take all blocks to the end."""
        for block in blocks:
            self._take(block)
            self._finish(self._n_rows)
        self._finish(None)

    def _take(self, block: Block) -> None:
        spoken, voiced = spoken_rows(block.values), voiced_rows(block.values)
        self._rows.append(block)
        self._n_rows += len(block.values)
        self._n_spoken += int(spoken.sum())
        self._pitch_hz.append(block.values[voiced, COLUMN["pitch_hz"]])
        self._level_db.append(block.values[voiced, COLUMN["level_db"]])
        self._course.append(_course_of(block))

    def _finish(self, until_row: int | None) -> None:
        """Take the functionals of every unit that ends before `until_row` (None: of all), and drop the rows that none waits for."""
        still = []
        for number in self._waiting:
            first, last = self.spans[number] or (0, 0)
            if until_row is not None and last > until_row:
                still.append(number)
            else:
                measured = self._functionals(first, last)
                self.found[number] = [measured.get(name, np.nan) for name in FUNCTIONALS]
                self.present[number] = bool(measured)
        self._waiting = still
        needed = min((span[0] for number in still if (span := self.spans[number])), default=self._n_rows)
        while self._rows and self._first_row + len(self._rows[0].values) <= needed:
            self._first_row += len(self._rows.pop(0).values)

    def _functionals(self, first: int, last: int) -> dict[str, float]:
        parts, confidences, at = [], [], self._first_row
        for block in self._rows:
            inside = slice(max(first - at, 0), max(last - at, 0))
            parts.append(block.values[inside])
            confidences.append(block.confidence[inside])
            at += len(block.values)
        return functionals(np.concatenate(parts), np.concatenate(confidences)) if parts else {}

    def course(self) -> pd.DataFrame:
        """VOICE_COURSE: every 100 ms the median pitch of the voice, the level, the mean probability of speech."""
        import pandas as pd

        if not self._course:
            return VOICE_COURSE.empty()
        return pd.DataFrame({name: np.concatenate([part[name] for part in self._course]) for name in self._course[0]})

    def summary(self, missing: str | None) -> VoiceSummary:
        """What was found, and what is missing and why."""
        n_units, n_present, n_features = len(self.present), int(self.present.sum()), len(VOICE_FEATURES)
        if missing is not None or not self._n_rows:
            return VoiceSummary(n_units, n_present, n_features, missing, None, None, None)
        pitch_hz, level_db = np.concatenate(self._pitch_hz), np.concatenate(self._level_db)
        absent = n_units - n_present
        reason = None if not absent else f"no voice in {absent} of {n_units} units" if len(pitch_hz) else "nobody is heard to speak"
        share = round(self._n_spoken / self._n_rows, 3)
        return VoiceSummary(n_units, n_present, n_features, reason, _median(pitch_hz), share, _median(level_db))


def _median(values: Floats) -> float | None:
    return round(float(np.median(values)), 1) if len(values) else None


def _rows_between(start_ms: float, end_ms: float) -> tuple[int, int]:
    return int(start_ms / HOP_MS), max(int(np.ceil(end_ms / HOP_MS)), 0)


def _course_of(block: Block) -> dict[str, np.ndarray]:
    """Rows of the course by column; a chunk is whole in steps of 100 ms, but for the film's last one."""
    per_step = COURSE_MS // HOP_MS
    short = -len(block.values) % per_step
    values = np.pad(block.values, ((0, short), (0, 0)), constant_values=np.nan)
    voiced = np.pad(voiced_rows(block.values), (0, short))
    steps = values.reshape(-1, per_step, values.shape[1])
    pitch = np.where(voiced.reshape(-1, per_step), steps[:, :, COLUMN["pitch_hz"]], np.nan)
    power = np.nanmean(10 ** (steps[:, :, COLUMN["level_db"]] / 10), axis=1)
    shares = {name: np.nanmean(steps[:, :, COLUMN[name]], axis=1).clip(0, 1) for name in ("speech", "voice", "music", "noise")}
    return {
        "t_ms": block.start_ms[::per_step] // COURSE_MS * COURSE_MS + COURSE_MS // 2,
        "pitch_hz": _nan_median(pitch),
        "loudness_db": 10 * np.log10(power),
        **shares,
    }


def _nan_median(rows: np.ndarray) -> np.ndarray:
    """Median of each row's numbers, NaN where it has none."""
    result = np.full(len(rows), np.nan)
    some = np.isfinite(rows).any(axis=1)
    result[some] = np.nanmedian(rows[some], axis=1)
    return result
