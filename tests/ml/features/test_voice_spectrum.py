"""Spectral descriptors against librosa, openSMILE's published definitions computed plainly, and sounds of known spectrum."""

import librosa
import numpy as np
import pytest
import scipy.fft
import torch

from ml.features.voice.spectrum import FFT, SPECTRAL, WINDOW, Spectral, describe_spectrum
from tests.ml.features.conftest import sine

HOP = 160


def described(samples: np.ndarray, before: int = 0, n_rows: int | None = None) -> Spectral:
    return describe_spectrum(torch.from_numpy(samples.astype(np.float32)), before, n_rows or len(samples) // HOP)


def column(found: Spectral, name: str) -> np.ndarray:
    return found.shape[:, SPECTRAL.index(name)].numpy()


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    rng = np.random.default_rng(3)
    glide = np.sin(2 * np.pi * np.cumsum(np.linspace(100, 3000, 32_000)) / 16_000)
    return (0.2 * glide + 0.02 * rng.normal(size=32_000) * np.linspace(0, 1, 32_000)).astype(np.float32)


@pytest.fixture(scope="module")
def magnitudes(sound) -> np.ndarray:
    """librosa's spectra of windows that stand on the rows' middles."""
    margin = (FFT - HOP) // 2
    padded = np.pad(sound, margin)
    return np.abs(librosa.stft(padded, n_fft=FFT, hop_length=HOP, win_length=WINDOW, window="hamming", center=False))


def test_mfccs_are_librosas(sound, magnitudes):
    bands = librosa.feature.melspectrogram(S=magnitudes**2, sr=16_000, n_mels=40)
    expected = librosa.feature.mfcc(S=librosa.power_to_db(bands, top_db=None), n_mfcc=14)[1:].T
    assert np.abs(described(sound).mfcc.numpy() - expected).max() < 1e-3


def test_centroid_rolloff_and_flatness_are_librosas(sound, magnitudes):
    found, power = described(sound), magnitudes**2
    expected = {
        "centroid": librosa.feature.spectral_centroid(S=power, sr=16_000)[0] / 1000,
        "rolloff": librosa.feature.spectral_rolloff(S=power, sr=16_000, roll_percent=0.85)[0] / 1000,
        "flatness": 10 * np.log10(librosa.feature.spectral_flatness(S=magnitudes, amin=1e-12)[0]),
    }
    for name, values in expected.items():
        assert np.abs(column(found, name) - values).max() < 2e-3, name


def test_ratios_and_slopes_are_those_published(sound, magnitudes):
    """Eyben et al. 2016, 3.1: alpha ratio, Hammarberg index and slopes, by their words."""
    hz, power = np.fft.rfftfreq(FFT, 1 / 16_000), magnitudes**2
    decibels = 10 * np.log10(power + 1e-12)
    inside = lambda low, high: (hz >= low) & (hz < high)  # noqa: E731
    found = described(sound)
    alpha = 10 * np.log10(power[inside(50, 1000)].sum(0) / power[inside(1000, 5000)].sum(0))
    assert np.allclose(column(found, "alpha_ratio"), alpha, atol=1e-3)
    assert np.allclose(column(found, "hammarberg"), decibels[inside(0, 2000)].max(0) - decibels[inside(2000, 5000)].max(0), atol=1e-3)
    for name, low, high in (("slope_500", 0, 500), ("slope_1500", 500, 1500)):
        band = (hz >= low) & (hz <= high)
        expected = np.polyfit(hz[band] / 1000, decibels[band], 1)[0]
        # Single precision leaves something of its own where the window's transform is next to zero.
        assert np.abs(column(found, name) - expected).max() < 0.05


def test_flux_is_the_change_of_magnitudes_since_the_row_before(sound, magnitudes):
    below = magnitudes[np.fft.rfftfreq(FFT, 1 / 16_000) < 5000]
    expected = np.sqrt((np.diff(below, axis=1) ** 2).mean(axis=0))
    assert np.allclose(column(described(sound), "flux")[1:], expected, rtol=1e-3, atol=1e-5)


def test_loudness_follows_its_published_steps(sound, magnitudes):
    """26 triangles on HTK's mel axis, Hermansky's equal-loudness curve (1990), power 0.33, summed."""
    hz = np.fft.rfftfreq(FFT, 1 / 16_000)
    mel = lambda f: 2595 * np.log10(1 + f / 700)  # noqa: E731
    edges = np.linspace(mel(20), mel(8000), 28)
    total = np.zeros(magnitudes.shape[1])
    for low, peak, high in zip(edges[:-2], edges[1:-1], edges[2:], strict=True):
        weight = np.interp(mel(hz), [low, peak, high], [0, 1, 0])
        w2 = (2 * np.pi * 700 * (10 ** (peak / 2595) - 1)) ** 2
        equal = (w2 + 56.8e6) * w2**2 / ((w2 + 6.3e6) ** 2 * (w2 + 0.38e9))
        total += (equal * (weight @ magnitudes**2)) ** 0.33
    found = described(sound).loudness.numpy()
    assert np.ptp(total / found) / np.median(total / found) < 5e-3


def test_ten_decibels_more_are_louder_by_the_power_law(sound):
    quiet, loud = described(sound), described(sound * 10**0.5)
    assert np.allclose(loud.loudness / quiet.loudness, 10**0.33, rtol=1e-4)
    assert np.allclose(loud.level_db - quiet.level_db, 10, atol=1e-3)
    assert np.allclose(loud.shape[:, SPECTRAL.index("alpha_ratio")], quiet.shape[:, SPECTRAL.index("alpha_ratio")], atol=1e-3)


def test_level_is_that_of_the_rows_own_ten_milliseconds():
    samples = np.concatenate([sine(1000, 0.05, 0.5), np.zeros(800, np.float32)])
    assert described(samples).level_db.numpy() == pytest.approx([10 * np.log10(0.125)] * 5 + [-90] * 5, abs=0.01)


def test_a_tone_has_its_centroid_at_its_frequency():
    found = described(sine(2000, 1.0))
    assert column(found, "centroid")[10:-10] == pytest.approx(np.full(80, 2.0), abs=0.02)


def test_rows_do_not_depend_on_where_a_sound_begins(sound):
    whole = described(sound)
    part = described(sound[8000:], 3200, 60)
    rows = slice((8000 + 3200) // HOP, (8000 + 3200) // HOP + 60)
    assert torch.allclose(part.shape, whole.shape[rows], atol=1e-4) and torch.allclose(part.mfcc, whole.mfcc[rows], atol=1e-3)


def test_cosines_are_those_of_an_orthonormal_transform(sound, magnitudes):
    bands = 10 * np.log10(np.maximum(librosa.feature.melspectrogram(S=magnitudes**2, sr=16_000, n_mels=40), 1e-10))
    assert np.allclose(described(sound).mfcc.numpy(), scipy.fft.dct(bands, axis=0, norm="ortho")[1:14].T, atol=1e-3)
