"""Voice of a corpus whose units are recordings of their own: each speaker's are laid on one reel and measured as a film's sound is.

So the same features mean the same for films and corpora: relative to the speaker, and to the film, which here is the speaker's reel. The
reel is made for the measurement and not kept.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.contracts import UNIT_FEATURES, UNITS
from corpus.terms import FeelmError
from ml.features.frame import FEATURES_FILE, FeatureSummary, read_units, write_features, write_summary
from ml.features.voice import RATE_HZ, VOICE_FEATURES, build_voice_features
from ml.features.voice.build import read_speech, write_speech
from ml.features.voice.grid import Floats

if TYPE_CHECKING:
    import pandas as pd

CLIPS_FILE = "clips.parquet"
"""Beside a corpus's units where it has recordings: unit_id, and path relative to the corpus's source."""

PAUSE_SAMPLES = RATE_HZ // 2
"""At least half a second of silence lies between recordings, and each begins with a second, so that none colours the next one's rows."""


def build_recording_features(corpus: Path, source: Path | None, out: Path) -> FeatureSummary:
    """Write features.parquet, speech.safetensors and summary.json into `out`: for the units of `corpus`, recorded under `source`.

    Units whose recording is absent, cannot be read or holds no voice are not present; the summary says how many.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    units = read_units(corpus)
    if source is None or not (corpus / CLIPS_FILE).is_file():
        write_features(units, {}, np.zeros(len(units), bool), out)
        summary = FeatureSummary(len(units), 0, 0, "no recordings")
    else:
        paths = pq.read_table(corpus / CLIPS_FILE, columns=["unit_id", "path"]).to_pandas().set_index("unit_id")["path"]
        parts = [_measured(part, paths, source) for _, part in units.groupby("film_id", sort=True)]
        table = pd.concat([features for features, _ in parts], ignore_index=True)
        order = pd.Index(table["unit_id"]).get_indexer(units["unit_id"])
        table = table.iloc[order].reset_index(drop=True)
        UNIT_FEATURES.write(table, out / FEATURES_FILE)
        write_speech(np.concatenate([speech for _, speech in parts])[order], out)
        n_present = int(table["present"].sum())
        absent = len(units) - n_present
        missing = f"no voice in {absent} of {len(units)} recordings, or they cannot be read" if absent else None
        summary = FeatureSummary(len(units), n_present, len(VOICE_FEATURES), missing)
    write_summary(summary, out)
    return summary


def _measured(units: pd.DataFrame, paths: pd.Series, source: Path) -> tuple[pd.DataFrame, Floats]:
    """UNIT_FEATURES of one speaker's units, and what the speech network hears of them (n, WIDTH)."""
    with tempfile.TemporaryDirectory() as folder:
        reel, features = Path(folder) / "reel", Path(folder) / "features"
        reel.mkdir()
        features.mkdir()
        spans = _wind(units, paths, source, reel / "sound.flac")
        UNITS.write(units.assign(start_ms=[start for start, _ in spans], end_ms=[end for _, end in spans]), reel / "units.parquet")
        build_voice_features(reel, reel, features)
        return UNIT_FEATURES.read(features / FEATURES_FILE), read_speech(features, len(units))


def _wind(units: pd.DataFrame, paths: pd.Series, source: Path, sound: Path) -> list[tuple[int | None, int | None]]:
    """Write the reel; where on it each unit lies, in ms, two None where it has no recording that can be read."""
    import soundfile

    spans: list[tuple[int | None, int | None]] = []
    at = 0  # seconds
    with soundfile.SoundFile(str(sound), "w", RATE_HZ, 1, subtype="PCM_16", format="FLAC") as writer:
        for unit_id in units["unit_id"]:
            samples = _read(source / paths[unit_id]) if unit_id in paths.index else None
            if samples is None:
                spans.append((None, None))
                continue
            seconds = -(-(len(samples) + PAUSE_SAMPLES) // RATE_HZ)
            writer.write(np.pad(samples, (0, seconds * RATE_HZ - len(samples))))
            spans.append((at * 1000, at * 1000 + len(samples) * 1000 // RATE_HZ))
            at += seconds
    return spans


def _read(path: Path) -> np.ndarray | None:
    """Samples at 16 kHz, channels mixed; None where there is no sound to read."""
    import soundfile

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError):
        return None
    return _resampled(samples.mean(axis=1), rate) if len(samples) else None


def read_recording(path: Path) -> np.ndarray:
    """Samples float32 -1..1 at 16 kHz, channels mixed.

    Raises:
        FeelmError: there is no sound to read.
    """
    samples = _read(path)
    if samples is None:
        raise FeelmError(f"{path} is no recording that can be read: give WAV, FLAC or another format that libsndfile reads")
    return samples


def _resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    from scipy.signal import resample_poly

    if rate == RATE_HZ:
        return samples
    common = math.gcd(rate, RATE_HZ)
    return np.asarray(resample_poly(samples, RATE_HZ // common, rate // common), np.float32)
