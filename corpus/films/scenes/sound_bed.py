"""How much the sound beneath the speech changes from one moment to the next: rooms, streets and music make a scene's bed.

The sound track is measured ten times a second in bands of equal width on the mel scale. The bed is what each band falls back to between
words and steps, a low quantile of some seconds (as in Martin's minimum statistics, IEEE Trans. Speech Audio Process. 9:504, 2001), so
that who speaks and how loudly hardly moves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from librosa.filters import mel

Floats = npt.NDArray[np.float32]

FRAME_MS = 100
N_BANDS = 16
FLOOR_DB = -80.0
"""Below this all sound counts as the same silence: the noise of 16 bits lies there."""
REACH_MS, EDGE_MS = 4000, 300
"""How much sound on each side makes the bed: longer than a sentence, shorter than most scenes; the boundary itself is left out."""
LEAST_MS = 1000
QUANTILE = 0.05
_BLOCK_FRAMES = 600


def band_levels(path: Path) -> Floats:
    """Levels of a mono sound file in dB, float32 (frames of 100 ms, 16 bands), at least FLOOR_DB; read in blocks."""
    with soundfile.SoundFile(str(path)) as sound:
        size = sound.samplerate * FRAME_MS // 1000
        window = np.hanning(size).astype(np.float32)
        bands = mel(sr=sound.samplerate, n_fft=size, n_mels=N_BANDS, norm=None)
        blocks = [_levels(block, window, bands) for block in sound.blocks(size * _BLOCK_FRAMES, dtype="float32")]
    return np.concatenate([*blocks, np.empty((0, N_BANDS), np.float32)])


def _levels(samples: Floats, window: Floats, bands: Floats) -> Floats:
    frames = samples[: len(samples) // len(window) * len(window)].reshape(-1, len(window))
    power = np.abs(np.fft.rfft(frames * window)) ** 2 / (window.sum() / 2) ** 2
    return np.maximum(10 * np.log10(power @ bands.T + 1e-12), FLOOR_DB).astype(np.float32)


def bed_changes(levels: Floats, times_ms: Sequence[int]) -> npt.NDArray[np.float64]:
    """How far the spectra of the beds before and after each time lie apart: mean difference over bands in dB, apart from that of the
    level itself; NaN where less than a second lies on a side."""
    return np.array([_change(levels, time_ms) for time_ms in times_ms], dtype=np.float64)


def _change(levels: Floats, time_ms: int) -> float:
    before = levels[max(0, (time_ms - EDGE_MS - REACH_MS) // FRAME_MS) : max(0, (time_ms - EDGE_MS) // FRAME_MS)]
    after = levels[(time_ms + EDGE_MS) // FRAME_MS : (time_ms + EDGE_MS + REACH_MS) // FRAME_MS]
    if min(len(before), len(after)) < LEAST_MS // FRAME_MS:
        return float("nan")
    change = np.quantile(after, QUANTILE, axis=0) - np.quantile(before, QUANTILE, axis=0)
    # Music is turned down under speech: the level alone tells of words, not of places.
    return float(np.abs(change - np.median(change)).mean())
