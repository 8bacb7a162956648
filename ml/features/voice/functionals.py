"""What the rows of a unit say of its voice: our own functionals of pitch, level, timbre and rhythm, and those close to eGeMAPS.

Only rows that are somebody's voice count; a unit with less than a twentieth of a second of pitched voice has none. Functionals that end in
`_rel` are relative to the speaker's own median over the film, those in `_film` to the film's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml.features.frame import Columns, relative_to_film, relative_to_speaker
from ml.features.voice.contours import Booleans, peaks, runs, slope
from ml.features.voice.dimensions import COLUMN, VOICE
from ml.features.voice.egemaps import EGEMAPS, PREFIX, egemaps
from ml.features.voice.grid import HOP_MS, Floats
from ml.features.voice.spectrum import N_MFCC

if TYPE_CHECKING:
    import pandas as pd

MIN_VOICED_ROWS = 8
REFERENCE_HZ = 100.0

_FINAL_MS = 300
_SYLLABLE_DB = 1.0
_SYLLABLE_ROWS = 5
"""Level smoothed over 50 ms, peaks 1 dB high: 0.94 of the syllables written in old film dialogue's transcripts."""

_MEANS = ("centroid", "flatness", "rolloff")
_DEVIATIONS = ("slope_500", "slope_1500", "alpha_ratio", "hammarberg", *_MEANS)
_MFCC_MEANS = range(5, N_MFCC + 1)
"""What eGeMAPS has no mean of. Deviations are not its: where a mean may be 0 they say more than variation over the mean."""

OWN: tuple[str, ...] = (
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
    "confidence",
    "speech_rate",
    "pause_share",
    "pause_longest_s",
    "speech_share",
    "music_share",
    "noise_share",
    "duration_s",
    *(f"{name}_mean" for name in _MEANS),
    *(f"{name}_std" for name in _DEVIATIONS),
    *(f"mfcc{index}_mean" for index in _MFCC_MEANS),
    *(f"mfcc{index}_std" for index in range(1, N_MFCC + 1)),
)

FUNCTIONALS: tuple[str, ...] = (*OWN, *EGEMAPS)

RELATIVE = (
    "pitch_mean",
    "pitch_std",
    "pitch_range",
    "pitch_low",
    "pitch_high",
    "loudness_mean",
    "loudness_std",
    "speech_rate",
    *(f"{name}_mean" for name in _MEANS),
    *(f"mfcc{index}_mean" for index in _MFCC_MEANS),
    *(f"{PREFIX}{name}_mean" for name in ("hnr", "slope_500_voiced", "slope_1500_voiced", "alpha_voiced", "hammarberg_voiced")),
    *(f"{PREFIX}mfcc{index}_mean" for index in range(1, 5)),
)

VOICE_FEATURES: tuple[str, ...] = (*FUNCTIONALS, *(f"{name}_rel" for name in RELATIVE), "pitch_mean_film", "loudness_mean_film")


def spoken_rows(rows: Floats) -> Booleans:
    """Which rows (n, DIMENSIONS) are somebody's voice."""
    return np.asarray(rows[:, COLUMN["voice"]] > VOICE)


def voiced_rows(rows: Floats) -> Booleans:
    """Which rows are somebody's voice with a pitch."""
    return spoken_rows(rows) & np.isfinite(rows[:, COLUMN["pitch_hz"]])


def functionals(rows: Floats, confidence: Floats) -> dict[str, float]:
    """FUNCTIONALS of a unit's rows (n, DIMENSIONS) and their pitch confidence (n,); empty where nobody is heard."""
    spoken, voiced = spoken_rows(rows), voiced_rows(rows)
    if voiced.sum() < MIN_VOICED_ROWS:
        return {}
    found = _pitch(rows, confidence, voiced) | _level(rows, spoken) | _rhythm(rows, spoken, voiced)
    cepstral = [f"mfcc{index}" for index in range(1, N_MFCC + 1)]
    found |= {f"{name}_mean": float(rows[voiced, COLUMN[name]].mean()) for name in _MEANS}
    found |= {f"{name}_std": float(rows[voiced, COLUMN[name]].std()) for name in _DEVIATIONS}
    found |= {f"mfcc{index}_mean": float(rows[spoken, COLUMN[f"mfcc{index}"]].mean()) for index in _MFCC_MEANS}
    found |= {f"{name}_std": float(rows[spoken, COLUMN[name]].std()) for name in cepstral}
    return found | egemaps(rows, spoken, voiced)


def _pitch(rows: Floats, confidence: Floats, voiced: Booleans) -> dict[str, float]:
    """Of pitch in semitones from 100 Hz; `pitch_variation` is the median step from row to row."""
    semitones = 12 * np.log2(rows[voiced, COLUMN["pitch_hz"]] / REFERENCE_HZ)
    low, high = np.percentile(semitones, [10, 90])
    places = np.flatnonzero(voiced)
    steps = np.abs(np.diff(semitones))[np.diff(places) == 1]
    last = places >= places[-1] - _FINAL_MS // HOP_MS
    return {
        "pitch_mean": float(np.median(semitones)),
        "pitch_std": float(semitones.std()),
        "pitch_range": float(high - low),
        "pitch_low": float(low),
        "pitch_high": float(high),
        "pitch_slope": slope(places, semitones),
        "pitch_variation": float(np.median(steps)) if len(steps) else 0.0,
        "pitch_final": float(semitones[last].mean() - semitones.mean()),
        "confidence": float(confidence[voiced].mean()),
    }


def _level(rows: Floats, spoken: Booleans) -> dict[str, float]:
    """Of the level in dBFS while somebody speaks."""
    level = rows[spoken, COLUMN["level_db"]]
    low, high = np.percentile(level, [20, 80])
    return {
        "loudness_mean": float(level.mean()),
        "loudness_std": float(level.std()),
        "loudness_range": float(high - low),
        "loudness_slope": slope(np.flatnonzero(spoken), level),
        "loudness_variation": float(np.abs(np.diff(level)).mean()) if len(level) > 1 else 0.0,
    }


def _rhythm(rows: Floats, spoken: Booleans, voiced: Booleans) -> dict[str, float]:
    """Syllable-like peaks of the level a second of speech (Mermelstein's idea), pauses between the first and the last speech."""
    seconds = HOP_MS / 1000
    level = np.convolve(rows[:, COLUMN["level_db"]], np.full(_SYLLABLE_ROWS, 1 / _SYLLABLE_ROWS), mode="same")
    syllables = int(spoken[peaks(level, np.ones_like(spoken), _SYLLABLE_DB)].sum())
    first, last = np.flatnonzero(spoken)[[0, -1]]
    inside = spoken[first : last + 1]
    pauses = np.diff(runs(~inside))
    return {
        "speech_rate": syllables / (spoken.sum() * seconds),
        "pause_share": float(1 - inside.mean()),
        "pause_longest_s": float(pauses.max(initial=0) * seconds),
        "speech_share": float(spoken.mean()),
        "music_share": float(rows[:, COLUMN["music"]].mean()),
        "noise_share": float(rows[:, COLUMN["noise"]].mean()),
        "voiced_share": float(voiced.sum() / spoken.sum()),
        "duration_s": len(spoken) * seconds,
    }


def columns_of(found: Floats, units: pd.DataFrame) -> Columns:
    """VOICE_FEATURES as columns, row-aligned with `units`, from the units' functionals (units, FUNCTIONALS), NaN where not measured."""
    columns: Columns = dict(zip(FUNCTIONALS, found.T, strict=True))
    for name in RELATIVE:
        columns[f"{name}_rel"] = relative_to_speaker(columns[name], units)
    for name in ("pitch_mean", "loudness_mean"):
        columns[f"{name}_film"] = relative_to_film(columns[name])
    return columns
