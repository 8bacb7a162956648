"""Speech probability: hears speech, not tones or noise, and the same from an array as from a file."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from corpus.dialogue.sync.speech import GRID_MS, RATE_HZ, speech_probability, speech_probability_of_file
from corpus.terms import FeelmError


def test_noise_tones_and_silence_are_not_speech():
    seconds = np.arange(6 * RATE_HZ) / RATE_HZ
    chord = sum(np.sin(2 * np.pi * hz * seconds) for hz in (220, 277, 330)).astype(np.float32) / 6
    noise = np.random.default_rng(0).normal(0, 0.05, len(seconds)).astype(np.float32)
    for sound in (chord, noise, np.zeros_like(chord)):
        heard = speech_probability(sound)
        assert heard.dtype == np.float32 and heard.shape == (6000 // GRID_MS,)
        assert np.quantile(heard, 0.95) < 0.5


def test_the_number_of_threads_changes_neither_the_result_nor_itself():
    sound = np.random.default_rng(1).normal(0, 0.1, 4 * RATE_HZ).astype(np.float32)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = speech_probability(sound)
        torch.set_num_threads(2)
        two = speech_probability(sound)
        assert np.array_equal(one, two) and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_begun_step_counts_and_no_sound_gives_no_steps():
    assert speech_probability(np.zeros(0, np.float32)).shape == (0,)
    assert speech_probability(np.zeros(RATE_HZ + 1, np.float32)).shape == (51,)


@pytest.mark.parametrize("sound", [np.zeros((10, 2), np.float32), np.full(1000, np.nan, np.float32)])
def test_what_is_no_mono_sound_is_refused(sound: np.ndarray):
    with pytest.raises(FeelmError):
        speech_probability(sound)


def test_another_rate_is_refused(tmp_path: Path):
    soundfile.write(tmp_path / "sound.flac", np.zeros(8000, np.float32), 8000)
    with pytest.raises(FeelmError, match="16000 Hz mono"):
        speech_probability_of_file(tmp_path / "sound.flac")
    (tmp_path / "bad.flac").write_bytes(b"no sound")
    with pytest.raises(FeelmError, match=r"bad\.flac cannot be read"):
        speech_probability_of_file(tmp_path / "bad.flac")


def test_real_speech_is_heard_and_pauses_are_not(shared_data: Path):
    path = shared_data / "notld_audio" / "30s_i_wont_open_this_door_again.wav"
    sound, rate = soundfile.read(path, dtype="float32")
    heard = speech_probability_of_file(path)
    assert np.array_equal(heard, speech_probability(sound, rate))
    power = np.array([float((step**2).mean()) for step in np.array_split(sound, len(heard))])
    assert heard.mean() > 0.3
    assert np.median(power[heard > 0.8]) > 10 * np.median(power[heard < 0.2])


def test_streams_side_by_side_hear_what_one_stream_hears(shared_data: Path):
    sound, _ = soundfile.read(shared_data / "notld_audio" / "30s_i_wont_open_this_door_again.wav", dtype="float32")
    whole = speech_probability(sound)
    # Eight seconds on the streams are cut elsewhere in the same sound (old and noisy, so the network is often undecided).
    shifted = speech_probability(sound[8 * RATE_HZ :])
    assert np.mean((whole[8 * 50 :] > 0.5) == (shifted > 0.5)) > 0.93
