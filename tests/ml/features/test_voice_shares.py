"""Voice, music and noise are told apart; a score is not taken for a voice."""

import numpy as np
import pytest
import soundfile
import torch

from benchmarks.voice_made import drawn_music, film_music
from ml.features.voice import VoiceExtractor, chunks_of
from ml.features.voice.dimensions import COLUMN
from ml.features.voice.functionals import spoken_rows
from ml.features.voice.shares import MARGIN_ROWS, Evidence, shares_of, swelling

KINDS = ("voice", "music", "noise")


@pytest.fixture(autouse=True)
def weights(need_weights):
    need_weights("swift-f0", "silero-vad")


def rows_of(samples: np.ndarray) -> np.ndarray:
    extractor = VoiceExtractor(fine=False)
    return np.concatenate([extractor.extract(chunk).values for chunk in chunks_of(samples.astype(np.float32))])


def shares(samples: np.ndarray) -> dict[str, float]:
    """Mean share of each kind."""
    rows = rows_of(samples)
    return {kind: float(rows[:, COLUMN[kind]].mean()) for kind in KINDS}


@pytest.mark.parametrize("colour", [0, -1, -2])
def test_noise_of_any_colour_is_noise(colour):
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=160_000))
    spectrum *= np.maximum(np.arange(len(spectrum)), 20.0) ** (colour / 2)
    noise = np.fft.irfft(spectrum)
    assert shares(0.05 * noise / noise.std())["noise"] > 0.95


def test_drawn_and_orchestral_music_is_music_and_no_voice(shared_data):
    music = 0.05 * drawn_music(1, 20 * 16_000)
    assert shares(music)["music"] > 0.95 and not spoken_rows(rows_of(music)).any()
    orchestra = film_music(60 * 16_000)
    assert orchestra is not None
    found = shares(orchestra)
    assert found["music"] > 0.8 and spoken_rows(rows_of(orchestra)).mean() < 0.01


def test_speech_is_voice_between_its_pauses(shared_data):
    path = shared_data / "notld_audio" / "60s_i_dont_want_anyones_life_on_my_hands.wav"
    rows = rows_of(soundfile.read(path)[0][: 30 * 16_000])
    assert spoken_rows(rows).mean() > 0.6
    level = rows[:, COLUMN["level_db"]]
    assert np.median(level[spoken_rows(rows)]) > np.median(level[~spoken_rows(rows)]) + 5


def test_silence_is_nothing():
    assert shares(np.zeros(32_000)) == {kind: pytest.approx(0, abs=0.02) for kind in KINDS}


def evidence(speech: float, loudness: torch.Tensor, pitched: float = 0.3, lines_db: float = 3.0, level_db: float = -20.0) -> Evidence:
    n = len(loudness) - 2 * MARGIN_ROWS
    full = lambda value: torch.full((n,), value)  # noqa: E731
    return Evidence(full(speech), torch.arange(n) % 100 < 100 * pitched, full(level_db), loudness, full(lines_db))


def test_shares_are_one_together_and_what_is_quiet_is_none():
    swelled = 1 + 0.5 * torch.sin(2 * torch.pi * 4 * torch.arange(400) / 100)
    found = shares_of(evidence(0.8, swelled))
    assert torch.allclose(found.voice + found.music + found.noise, torch.ones(300))
    assert torch.allclose(found.voice, torch.full((300,), 0.8)) and torch.allclose(found.music, torch.full((300,), 0.2))
    quiet = shares_of(evidence(0.1, swelled, level_db=-70.0))
    assert not quiet.music.any() and not quiet.noise.any()


def test_what_neither_swells_nor_has_a_pitch_is_not_taken_for_speech():
    steady, swelled = torch.ones(400), 1 + 0.5 * torch.sin(2 * torch.pi * 4 * torch.arange(400) / 100)
    assert shares_of(evidence(0.9, steady)).voice.max() < 0.05
    assert shares_of(evidence(0.9, swelled, pitched=0.0)).voice.max() == pytest.approx(0.45)


@pytest.mark.parametrize(("hz", "depth"), [(4.0, 0.5), (1.0, 0.5), (12.0, 0.5)])
def test_only_swelling_at_the_pace_of_syllables_counts(hz, depth):
    rows = torch.arange(600) / 100
    found = swelling(1 + depth * torch.sin(2 * torch.pi * hz * rows), 500)
    assert len(found) == 5
    assert (found[1:-1].min() > 0.1) == (hz == 4.0)
