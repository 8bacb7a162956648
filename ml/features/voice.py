"""Voice of a unit: pitch, loudness, timbre, rhythm, taken only where somebody speaks.

The sound is read once, in blocks, into low-level descriptors every 16 ms: pitch by swift-f0 where its confidence passes 0.5 (it holds
under music), level, spectral shape and MFCCs by librosa, speech probability by silero. A unit's functionals are close in kind to
eGeMAPS (Eyben et al. 2016) but own; those that end in `_rel` are relative to the speaker's own median, those in `_film` to the film's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pandas as pd
import soundfile
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from corpus.contracts import VOICE_COURSE, FeelmError
from corpus.dialogue.sync.speech import GRID_MS, speech_probability_of_file
from ml.features.frame import (
    COURSE_FILE,
    Columns,
    FeatureSummary,
    absent_columns,
    read_units,
    relative_to_speaker,
    stack_rows,
    write_features,
    write_summary,
)

RATE_HZ = 16_000
HOP = 256
HOP_MS = 1000 * HOP / RATE_HZ
WINDOW = 512
BLOCK_HOPS = 3750
CONTEXT_HOPS = 32
COURSE_MS = 100
CONFIDENT = 0.5
SPEECH = 0.5
MIN_VOICED_FRAMES = 5
SILENCE_DB = -90.0
N_MFCC = 13
REFERENCE_HZ = 100.0

SPECTRAL = ("slope_500", "slope_1500", "alpha_ratio", "hammarberg", "centroid", "flatness", "rolloff")
FUNCTIONALS: tuple[str, ...] = (
    "pitch_mean",
    "pitch_std",
    "pitch_range",
    "pitch_slope",
    "pitch_low",
    "pitch_high",
    "pitch_variation",
    "pitch_final",
    "voiced_share",
    "loudness_mean",
    "loudness_std",
    "loudness_range",
    "loudness_slope",
    "loudness_variation",
    "harmonicity",
    "confidence",
    "speech_rate",
    "pause_share",
    "pause_longest_s",
    "speech_share",
    "duration_s",
    *(f"{name}_mean" for name in SPECTRAL),
    *(f"{name}_std" for name in SPECTRAL),
    *(f"mfcc{index}_mean" for index in range(1, N_MFCC + 1)),
    *(f"mfcc{index}_std" for index in range(1, N_MFCC + 1)),
)
RELATIVE = (
    "pitch_mean",
    "pitch_std",
    "pitch_range",
    "pitch_low",
    "pitch_high",
    "loudness_mean",
    "loudness_std",
    "speech_rate",
    "harmonicity",
    *(f"{name}_mean" for name in SPECTRAL),
    *(f"mfcc{index}_mean" for index in range(1, N_MFCC + 1)),
)
VOICE_FEATURES: tuple[str, ...] = (*FUNCTIONALS, *(f"{name}_rel" for name in RELATIVE), "pitch_mean_film", "loudness_mean_film")


@dataclass(frozen=True)
class VoiceSummary(FeatureSummary):
    """Median pitch of the film's confident voiced speech in Hz, the share of time in which somebody speaks, its median level."""

    median_pitch_hz: float | None
    speech_share: float | None
    median_speech_db: float | None


@dataclass(frozen=True)
class Descriptors:
    """Low-level descriptors every 16 ms; frame i covers [16 i, 16 i + 16) ms. Pitch is NaN where unvoiced."""

    pitch_hz: np.ndarray
    confidence: np.ndarray
    loudness_db: np.ndarray
    harmonicity_db: np.ndarray
    spectral: np.ndarray
    mfcc: np.ndarray
    speech: np.ndarray

    def voiced(self) -> np.ndarray:
        """Frames in which somebody speaks with a pitch."""
        return np.isfinite(self.pitch_hz) & (self.speech > SPEECH)

    def between(self, start_ms: float, end_ms: float) -> Descriptors:
        """The frames of a stretch of time."""
        rows = slice(int(start_ms / HOP_MS), max(int(np.ceil(end_ms / HOP_MS)), 0))
        return Descriptors(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def build_voice_features(soundtrack_dir: Path, scenes_dir: Path, out: Path) -> VoiceSummary:
    """Write features.parquet, course.parquet and summary.json for a film's units into the folder `out`.

    A film without sound, or whose sound is silent, gives units that are not present and the reason in the summary; so do units in
    which nobody is heard to speak.

    Raises:
        FeelmError: the sound is not 16 kHz mono.
    """
    units = read_units(scenes_dir)
    sound = soundtrack_dir / "sound.flac"
    missing = _missing(sound)
    descriptors = None if missing else describe_sound(sound)
    rows = [_functionals(descriptors, unit.start_ms, unit.end_ms) for unit in units.itertuples()]
    present = np.array([bool(row) for row in rows], bool)
    write_features(units, _columns(rows, units), present, out)
    VOICE_COURSE.write(_course(descriptors), out / COURSE_FILE)
    summary = _summarise(descriptors, present, missing)
    write_summary(summary, out)
    return summary


def _missing(sound: Path) -> str | None:
    if not sound.is_file():
        return "no audio track"
    if all(not block.any() for _, block in _blocks(sound)):
        return "the sound is digital silence"
    return None


def _summarise(descriptors: Descriptors | None, present: np.ndarray, missing: str | None) -> VoiceSummary:
    n_units, n_present, n_features = len(present), int(present.sum()), len(VOICE_FEATURES)
    if descriptors is None:
        return VoiceSummary(n_units, n_present, n_features, missing, None, None, None)
    voiced = descriptors.voiced()
    absent = n_units - n_present
    reason = "nobody is heard to speak" if not voiced.any() else f"no voice in {absent} of {n_units} units" if absent else None
    pitch = round(float(np.median(descriptors.pitch_hz[voiced])), 1) if voiced.any() else None
    level = round(float(np.median(descriptors.loudness_db[voiced])), 1) if voiced.any() else None
    return VoiceSummary(n_units, n_present, n_features, reason, pitch, round(float((descriptors.speech > SPEECH).mean()), 3), level)


def describe_sound(sound: Path) -> Descriptors:
    """Descriptors of a whole 16 kHz mono sound file, read in blocks of a minute: memory grows by 0.1 kB a frame only."""
    parts = [_describe_block(context, block) for context, block in _blocks(sound)]
    pitch, confidence, level, harmonicity, spectral, mfcc = (np.concatenate(column) for column in zip(*parts, strict=True))
    grid = speech_probability_of_file(sound)
    place = ((np.arange(len(pitch)) + 0.5) * HOP_MS / GRID_MS).astype(int).clip(0, max(len(grid) - 1, 0))
    return Descriptors(pitch, confidence, level, harmonicity, spectral, mfcc, grid[place])


def _blocks(sound: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of a minute with half a second of context on both sides; the number is the hops of context before."""
    with soundfile.SoundFile(sound) as opened:
        if opened.samplerate != RATE_HZ or opened.channels != 1:
            raise FeelmError(f"{sound.name} is not {RATE_HZ} Hz mono: make it with the scan stage")
        for start in range(0, max(opened.frames // HOP, 1), BLOCK_HOPS):
            before = min(start, CONTEXT_HOPS)
            opened.seek((start - before) * HOP)
            yield before, opened.read((before + BLOCK_HOPS + CONTEXT_HOPS) * HOP, dtype="float32")


def _describe_block(before: int, samples: np.ndarray) -> tuple[np.ndarray, ...]:
    hops = max(len(samples) // HOP, 1)
    keep = slice(before, min(before + BLOCK_HOPS, hops))
    samples = np.pad(samples, (0, max(hops * HOP - len(samples), 0)))[: hops * HOP]
    found = _pitch_network().detect(samples, RATE_HZ)
    confidence = np.asarray(found.confidence, np.float32)[:hops]
    pitch = np.where(confidence > CONFIDENT, found.pitch_hz[:hops], np.nan).astype(np.float32)
    power = _power(samples, hops)
    level = np.maximum(10 * np.log10(np.mean(samples.reshape(hops, HOP) ** 2, axis=1) + 1e-12), SILENCE_DB).astype(np.float32)
    columns = (pitch, confidence, level, _harmonicity(samples, pitch), _spectral(power), _mfcc(power))
    return tuple(column[keep] for column in columns)


@lru_cache(maxsize=1)
def _pitch_network() -> Any:
    from swift_f0 import SwiftF0

    return SwiftF0(threads=1, spin=False)


def _power(samples: np.ndarray, hops: int) -> np.ndarray:
    """Power spectra (257, hops) of 32 ms Hann windows around the middle of each hop."""
    padded = np.pad(samples, ((WINDOW - HOP) // 2, (WINDOW - HOP) // 2))
    spectrum = librosa.stft(padded, n_fft=WINDOW, hop_length=HOP, center=False)[:, :hops]
    return (np.abs(spectrum) ** 2).astype(np.float32)


def _mfcc(power: np.ndarray) -> np.ndarray:
    mel = librosa.feature.melspectrogram(S=power, sr=RATE_HZ, n_mels=40)
    # Without top_db, which would make a frame depend on the loudest one of its block.
    decibels = librosa.power_to_db(mel, top_db=None)
    return librosa.feature.mfcc(S=decibels, n_mfcc=N_MFCC + 1)[1:].T.astype(np.float32)


def _spectral(power: np.ndarray) -> np.ndarray:
    """Columns of SPECTRAL (hops, 7): slopes in dB per kHz, ratios in dB, centroid and rolloff in kHz, flatness in dB."""
    hz = librosa.fft_frequencies(sr=RATE_HZ, n_fft=WINDOW)
    decibels = 10 * np.log10(power + 1e-12)

    def energy(low: float, high: float) -> np.ndarray:
        return power[(hz >= low) & (hz < high)].sum(0) + 1e-12

    def peak(low: float, high: float) -> np.ndarray:
        return decibels[(hz >= low) & (hz < high)].max(0)

    def slope(low: float, high: float) -> np.ndarray:
        inside = (hz >= low) & (hz <= high)
        centred = (hz[inside] - hz[inside].mean()) / 1000
        return centred @ decibels[inside] / (centred @ centred)

    return np.stack(
        [
            slope(0, 500),
            slope(500, 1500),
            10 * np.log10(energy(50, 1000) / energy(1000, 5000)),
            peak(0, 2000) - peak(2000, 5000),
            librosa.feature.spectral_centroid(S=power, freq=hz)[0] / 1000,
            10 * np.log10(librosa.feature.spectral_flatness(S=power, power=1.0)[0]),
            librosa.feature.spectral_rolloff(S=power, freq=hz, roll_percent=0.85)[0] / 1000,
        ],
        axis=1,
    ).astype(np.float32)


def _harmonicity(samples: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Harmonics-to-noise ratio in dB (Boersma 1993) from the autocorrelation of 64 ms at the pitch's lag; NaN where unvoiced."""
    length = 4 * HOP
    result = np.full(len(pitch), np.nan, np.float32)
    rows = np.flatnonzero(np.isfinite(pitch))
    if not len(rows):
        return result
    padded = np.pad(samples, ((length - HOP) // 2, length))
    window = np.hanning(length).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[rows * HOP] * window
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * length)) ** 2)[:, :length]
    taper = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * length)) ** 2)[:length]
    normed = correlation / np.maximum(correlation[:, :1], 1e-12) / np.maximum(taper / taper[0], 1e-3)
    lags = np.round(RATE_HZ / pitch[rows]).astype(int)[:, None] + np.arange(-2, 3)
    strength = np.take_along_axis(normed, lags.clip(1, length // 2), axis=1).max(1).clip(0.01, 0.999)
    result[rows] = 10 * np.log10(strength / (1 - strength))
    return result


def _course(descriptors: Descriptors | None) -> pd.DataFrame:
    """Every 100 ms: median pitch of the confident frames, level, mean speech probability."""
    if descriptors is None:
        return VOICE_COURSE.empty()
    times = (np.arange(len(descriptors.speech)) + 0.5) * HOP_MS
    table = pd.DataFrame(
        {
            "t_ms": (times // COURSE_MS).astype(np.int64) * COURSE_MS + COURSE_MS // 2,
            "pitch_hz": descriptors.pitch_hz,
            "power": 10 ** (descriptors.loudness_db / 10),
            "speech": descriptors.speech.clip(0, 1),
        }
    )
    course = table.groupby("t_ms", as_index=False).agg({"pitch_hz": "median", "power": "mean", "speech": "mean"})
    course["loudness_db"] = 10 * np.log10(course.pop("power"))
    return course


def _functionals(descriptors: Descriptors | None, start_ms: float, end_ms: float) -> dict[str, float]:
    """The unit's FUNCTIONALS; empty where nobody is heard."""
    if descriptors is None or np.isnan(start_ms):
        return {}
    frames = descriptors.between(start_ms, end_ms)
    voiced = frames.voiced()
    if voiced.sum() < MIN_VOICED_FRAMES:
        return {}
    spoken = frames.speech > SPEECH
    row = _pitch_functionals(frames, voiced) | _loudness_functionals(frames, spoken) | _rhythm(frames, spoken, voiced)
    for name, values in zip(SPECTRAL, frames.spectral[voiced].T, strict=True):
        row |= {f"{name}_mean": float(values.mean()), f"{name}_std": float(values.std())}
    for index, values in enumerate(frames.mfcc[spoken].T, start=1):
        row |= {f"mfcc{index}_mean": float(values.mean()), f"mfcc{index}_std": float(values.std())}
    return row


def _pitch_functionals(frames: Descriptors, voiced: np.ndarray) -> dict[str, float]:
    semitones = 12 * np.log2(frames.pitch_hz[voiced] / REFERENCE_HZ)
    low, high = np.percentile(semitones, [10, 90])
    places = np.flatnonzero(voiced)
    steps = np.abs(np.diff(semitones))[np.diff(places) == 1]
    last = places >= places[-1] - int(300 / HOP_MS)
    return {
        "pitch_mean": float(np.median(semitones)),
        "pitch_std": float(semitones.std()),
        "pitch_range": float(high - low),
        "pitch_low": float(low),
        "pitch_high": float(high),
        "pitch_slope": _slope(places, semitones),
        "pitch_variation": float(np.median(steps)) if len(steps) else 0.0,
        "pitch_final": float(semitones[last].mean() - semitones.mean()),
        "harmonicity": float(np.nanmean(frames.harmonicity_db[voiced])),
        "confidence": float(frames.confidence[voiced].mean()),
    }


def _loudness_functionals(frames: Descriptors, spoken: np.ndarray) -> dict[str, float]:
    level = frames.loudness_db[spoken]
    low, high = np.percentile(level, [20, 80])
    return {
        "loudness_mean": float(level.mean()),
        "loudness_std": float(level.std()),
        "loudness_range": float(high - low),
        "loudness_slope": _slope(np.flatnonzero(spoken), level),
        "loudness_variation": float(np.abs(np.diff(level)).mean()) if len(level) > 1 else 0.0,
    }


def _rhythm(frames: Descriptors, spoken: np.ndarray, voiced: np.ndarray) -> dict[str, float]:
    """Syllable-like peaks of the level a second of speech (Mermelstein's idea), pauses between the first and the last speech."""
    seconds = HOP_MS / 1000
    level = uniform_filter1d(frames.loudness_db.astype(np.float64), 5)
    peaks, _ = find_peaks(level, prominence=2.0, distance=max(int(80 / HOP_MS), 1))
    syllables = int((spoken & frames.voiced())[peaks].sum())
    places = np.flatnonzero(spoken)
    inside = spoken[places[0] : places[-1] + 1]
    gaps = np.diff(np.flatnonzero(np.concatenate([[True], inside, [True]]))) - 1
    return {
        "speech_rate": syllables / (spoken.sum() * seconds),
        "pause_share": float(1 - inside.mean()),
        "pause_longest_s": float(gaps.max() * seconds),
        "speech_share": float(spoken.mean()),
        "voiced_share": float(voiced.sum() / spoken.sum()),
        "duration_s": len(spoken) * seconds,
    }


def _slope(places: np.ndarray, values: np.ndarray) -> float:
    """Change a second of values at frame numbers `places`, by least squares."""
    seconds = (places - places.mean()) * HOP_MS / 1000
    spread = float(seconds @ seconds)
    return float(seconds @ values / spread) if spread > 0 else 0.0


def _columns(rows: list[dict[str, float]], units: pd.DataFrame) -> Columns:
    if not any(rows):
        return absent_columns(VOICE_FEATURES, len(rows))
    columns = stack_rows(rows, VOICE_FEATURES)
    for name in RELATIVE:
        columns[f"{name}_rel"] = relative_to_speaker(columns[name], units)
    for name in ("pitch_mean", "loudness_mean"):
        columns[f"{name}_film"] = columns[name] - np.nanmedian(columns[name])
    return columns
