"""Sounds with something over them, measured from the written file."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ml.evaluation.robustness.conditions import Disturbance
from ml.evaluation.robustness.sounds import BEDS, make_bed, mix
from ml.features.voice import RATE_HZ

SPANS_MS = np.array([[1000, 2500], [4000, 5500]])


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Six seconds: tones where lines are spoken, and something much louder in a pause."""
    seconds = np.arange(6 * RATE_HZ) / RATE_HZ
    samples = 0.1 * np.sin(2 * np.pi * 220 * seconds) * spoken(SPANS_MS)
    samples[3 * RATE_HZ : 3 * RATE_HZ + 8000] = 0.4
    soundfile.write(tmp_path / "sound.flac", samples, RATE_HZ, subtype="PCM_16")
    return tmp_path / "sound.flac"


def spoken(spans_ms: np.ndarray) -> np.ndarray:
    at_ms = np.arange(6 * RATE_HZ) / RATE_HZ * 1000
    return np.any([(at_ms >= first) & (at_ms < last) for first, last in spans_ms], axis=0)


def mixed(sound: Path, bed: Disturbance, snr_db: float, seed: int = 1) -> np.ndarray:
    out = sound.with_name("mixed.flac")
    mix(sound, bed, snr_db, SPANS_MS, out, [seed])
    return soundfile.read(out)[0]


def snr_db(clear: np.ndarray, disturbed: np.ndarray, where: np.ndarray) -> float:
    """Of a mix that was turned down as a whole: the clear sound in it is found by least squares."""
    scale = clear[where] @ disturbed[where] / (clear[where] @ clear[where])
    laid = disturbed[where] - scale * clear[where]
    return 10 * np.log10(scale**2 * np.mean(clear[where] ** 2) / np.mean(laid**2))


@pytest.mark.parametrize("bed", list(BEDS))
@pytest.mark.parametrize("asked_db", [20, 10, 0])
def test_the_ratio_of_sound_to_bed_where_lines_are_spoken_is_what_it_says(sound: Path, bed: Disturbance, asked_db: float) -> None:
    clear = soundfile.read(sound)[0]
    found = snr_db(clear, mixed(sound, bed, asked_db), spoken(SPANS_MS))
    assert found == pytest.approx(asked_db, abs=0.2)


def test_an_infinite_ratio_leaves_every_sample_as_it_was(sound: Path) -> None:
    np.testing.assert_array_equal(mixed(sound, Disturbance.NOISE, np.inf), soundfile.read(sound)[0])


def test_a_mix_is_never_clipped(sound: Path) -> None:
    loud = mixed(sound, Disturbance.MUSIC, -20)
    assert 0.9 < np.abs(loud).max() < 0.99


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_noise(sound: Path) -> None:
    first = mixed(sound, Disturbance.NOISE, 10)
    np.testing.assert_array_equal(first, mixed(sound, Disturbance.NOISE, 10))
    assert np.abs(first - mixed(sound, Disturbance.NOISE, 10, seed=2)).max() > 0.01


def test_a_silent_sound_stays_silent(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sound.flac", np.zeros(RATE_HZ), RATE_HZ, subtype="PCM_16")
    assert not mixed(tmp_path / "sound.flac", Disturbance.LAUGHTER, 0).any()


def test_noise_falls_by_three_decibels_an_octave() -> None:
    noise = make_bed(Disturbance.NOISE, 30 * RATE_HZ, np.random.default_rng(0))
    power, hz = np.abs(np.fft.rfft(noise)) ** 2, np.fft.rfftfreq(len(noise), 1 / RATE_HZ)
    levels = [10 * np.log10(power[(hz >= low) & (hz < 1.1 * low)].mean()) for low in (125, 250, 500, 1000, 2000, 4000)]
    assert np.diff(levels) == pytest.approx([-3.01] * 5, abs=0.6)


def test_laughter_swells_and_dies_away_every_five_seconds() -> None:
    laughter = make_bed(Disturbance.LAUGHTER, 30 * RATE_HZ, np.random.default_rng(0))
    level = np.sqrt((laughter.reshape(6, 10, RATE_HZ // 2) ** 2).mean(axis=2))  # six bouts of five seconds, in halves of seconds
    assert (level[:, :5].max(axis=1) > 4 * level[:, -1]).all()
