"""The film's own means of emotion around a unit: light, colour, motion, pace of cutting, loudness and tempo.

Picture measures are averaged over the unit, and again relative to the film's own median, because a dark film is not a sad one from
beginning to end. Tempo and onset strength are taken from half a minute of sound around the unit, where librosa hears a beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from corpus.contracts import PICTURES, SHOTS
from ml.features.frame import Columns, FeatureSummary, read_units, stack_rows, write_features, write_summary

RATE_HZ = 16_000
HOP = 512
TEMPO_WINDOW_S = 30.0
PACE_MARGIN_MS = 5_000
SILENCE_DB = -90.0

PICTURE = ("brightness", "contrast", "saturation", "warmth", "motion")
SOUND = ("loudness", "loudness_std", "onset_strength", "tempo_bpm", "low_share")
SCENE_FEATURES: tuple[str, ...] = (
    *PICTURE,
    *(f"{name}_std" for name in PICTURE),
    *(f"{name}_film" for name in PICTURE),
    "shot_rate",
    "shot_length_s",
    "position",
    *SOUND,
    "loudness_film",
)


@dataclass(frozen=True)
class SceneSummary(FeatureSummary):
    """Shots a minute and the film's tempo in beats a minute (null where there is no sound)."""

    shots_per_minute: float | None
    tempo_bpm: float | None


@dataclass(frozen=True)
class Sound:
    """Level in dBFS, onset strength and share of energy below 250 Hz, every 32 ms."""

    level_db: np.ndarray
    onset: np.ndarray
    low_share: np.ndarray

    def rows(self, start_ms: float, end_ms: float) -> slice:
        """The frames of a stretch of time, at least one."""
        first = int(start_ms * RATE_HZ / 1000 / HOP)
        return slice(min(first, max(len(self.level_db) - 1, 0)), max(int(end_ms * RATE_HZ / 1000 / HOP), first + 1))


def build_scene_features(shots_dir: Path, soundtrack_dir: Path, scenes_dir: Path, out: Path) -> SceneSummary:
    """Write features.parquet and summary.json for a film's units into the folder `out`."""
    units = read_units(scenes_dir)
    pictures = PICTURES.read(shots_dir / "pictures.parquet")
    shots = SHOTS.read(shots_dir / "shots.parquet")
    sound = _read_sound(soundtrack_dir / "sound.flac")
    end_ms = float(shots["end_ms"].max()) if len(shots) else 0.0
    rows = [_describe(unit.start_ms, unit.end_ms, end_ms, pictures, shots, sound) for unit in units.itertuples()]
    present = np.array([bool(row) for row in rows], bool)
    write_features(units, _columns(rows), present, out)
    tempo = None if sound is None else _tempo(sound.onset)
    pace = round(len(shots) * 60_000 / end_ms, 2) if end_ms else None
    missing = "no audio track" if sound is None else None
    summary = SceneSummary(len(units), int(present.sum()), len(SCENE_FEATURES), missing, pace, tempo and round(tempo, 1))
    write_summary(summary, out)
    return summary


def _read_sound(path: Path) -> Sound | None:
    """The sound in blocks of a minute, so that memory does not grow with its samples."""
    if not path.is_file():
        return None
    import soundfile

    parts = [_measure(block) for block in soundfile.blocks(path, blocksize=HOP * 1875, dtype="float32", fill_value=0.0)]
    return Sound(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _measure(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import librosa
    from librosa.onset import onset_strength

    power = np.abs(librosa.stft(samples, n_fft=2 * HOP, hop_length=HOP))[:, : len(samples) // HOP] ** 2
    mel = librosa.power_to_db(librosa.feature.melspectrogram(S=power, sr=RATE_HZ, n_mels=40), top_db=None)
    onset = onset_strength(S=np.maximum(mel, SILENCE_DB), sr=RATE_HZ)
    level = 10 * np.log10(np.mean(samples[: power.shape[1] * HOP].reshape(-1, HOP) ** 2, axis=1) + 1e-12)
    low = power[librosa.fft_frequencies(sr=RATE_HZ, n_fft=2 * HOP) < 250].sum(0) / (power.sum(0) + 1e-9)
    return np.maximum(level, SILENCE_DB), onset, low


def _tempo(onset: np.ndarray) -> float | None:
    """Beats a minute by librosa's autocorrelation tempogram; null where nothing begins."""
    import librosa

    if len(onset) < 8 or not onset.any():
        return None
    return float(librosa.feature.tempo(onset_envelope=onset, sr=RATE_HZ, hop_length=HOP)[0])


def _describe(
    start_ms: float, end_ms: float, film_end_ms: float, pictures: pd.DataFrame, shots: pd.DataFrame, sound: Sound | None
) -> dict[str, float]:
    if np.isnan(start_ms):
        return {}
    row = _describe_picture(start_ms, end_ms, pictures) | _describe_pace(start_ms, end_ms, film_end_ms, shots)
    return row | (_describe_sound(start_ms, end_ms, sound) if sound is not None and len(sound.level_db) else {})


def _describe_picture(start_ms: float, end_ms: float, pictures: pd.DataFrame) -> dict[str, float]:
    inside = slice(*np.searchsorted(pictures["t_ms"].to_numpy(), [start_ms, end_ms]))
    seen = pictures.iloc[inside]
    means, deviations = seen[list(PICTURE)].mean(), seen[list(PICTURE)].std(ddof=0)
    return means.to_dict() | {f"{name}_std": value for name, value in deviations.items()}


def _describe_pace(start_ms: float, end_ms: float, film_end_ms: float, shots: pd.DataFrame) -> dict[str, float]:
    low, high = max(start_ms - PACE_MARGIN_MS, 0), min(end_ms + PACE_MARGIN_MS, film_end_ms)
    cuts = shots["start_ms"].between(low, high, inclusive="right").sum()
    touching = shots[(shots["start_ms"] < end_ms) & (shots["end_ms"] > start_ms)]
    return {
        "shot_rate": float(cuts) / max((high - low) / 60_000, 1e-3),
        "shot_length_s": float((touching["end_ms"] - touching["start_ms"]).mean() / 1000),
        "position": float((start_ms + end_ms) / 2 / film_end_ms) if film_end_ms else 0.0,
    }


def _describe_sound(start_ms: float, end_ms: float, sound: Sound) -> dict[str, float]:
    rows = sound.rows(start_ms, end_ms)
    middle = (start_ms + end_ms) / 2
    around = sound.rows(max(middle - TEMPO_WINDOW_S * 500, 0), middle + TEMPO_WINDOW_S * 500)
    return {
        "loudness": float(sound.level_db[rows].mean()),
        "loudness_std": float(sound.level_db[rows].std()),
        "onset_strength": float(sound.onset[rows].mean()),
        "low_share": float(sound.low_share[rows].mean()),
        "tempo_bpm": _tempo(sound.onset[around]) or np.nan,
    }


def _columns(rows: list[dict[str, float]]) -> Columns:
    columns = stack_rows(rows, SCENE_FEATURES)
    for name in (*PICTURE, "loudness"):
        finite = columns[name][np.isfinite(columns[name])]
        columns[f"{name}_film"] = columns[name] - (np.median(finite) if len(finite) else 0.0)
    return columns
