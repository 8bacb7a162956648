"""The sound beneath the speech: another room is heard, another voice or loudness is not, memory does not grow with the film."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import butter, sosfilt

from corpus.films.scenes.sound_bed import FLOOR_DB, N_BANDS, band_levels, bed_changes

RATE = 16_000


def noise(seconds: float, low_hz: float, high_hz: float, level: float, seed: int) -> np.ndarray:
    white = np.random.default_rng(seed).normal(0, 1, round(seconds * RATE))
    return level * sosfilt(butter(2, (low_hz, high_hz), "band", fs=RATE, output="sos"), white)


def written(path: Path, sound: np.ndarray) -> Path:
    soundfile.write(str(path), sound, RATE, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def levels(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """A low hum for 20 s, then hiss for 20 s; bursts as of speech over both, another voice from 10 s on."""
    bed = np.concatenate([noise(20, 60, 300, 0.01, 1), noise(20, 2500, 6000, 0.01, 2)])
    for n, start in enumerate(np.arange(0.5, 39, 1.3)):
        low = 200 if start < 10 else 500
        burst = noise(0.8, low, low * 6, 0.2, 10 + n)
        bed[round(start * RATE) : round(start * RATE) + len(burst)] += burst
    return band_levels(written(tmp_path_factory.mktemp("bed") / "a.flac", bed))


def test_another_place_changes_the_bed_more_than_another_voice(levels: np.ndarray):
    voice, place = bed_changes(levels, [10_000, 20_000])
    assert place > 2 * voice and place > 6


def test_the_bed_at_the_films_ends_is_unknown(levels: np.ndarray):
    assert np.isnan(bed_changes(levels, [0, 500, 39_900])).all() and bed_changes(levels, []).shape == (0,)


def test_silence_is_at_the_floor_and_changes_nothing(tmp_path: Path):
    levels = band_levels(written(tmp_path / "silence.flac", np.zeros(RATE * 10)))
    assert levels.shape == (100, N_BANDS) and (levels == FLOOR_DB).all() and bed_changes(levels, [5000])[0] == 0


def test_a_tone_lies_in_its_band_at_its_level(tmp_path: Path):
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE * 2) / RATE)
    levels = band_levels(written(tmp_path / "tone.flac", tone))
    assert levels.shape == (20, N_BANDS) and abs(levels.max() - 20 * np.log10(0.5)) < 4
    assert levels.max(axis=0).argmax() == levels[0].argmax()


def test_a_file_of_less_than_a_frame_has_no_levels(tmp_path: Path):
    assert band_levels(written(tmp_path / "short.flac", np.zeros(100))).shape == (0, N_BANDS)
