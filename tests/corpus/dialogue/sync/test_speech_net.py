"""Silero's network in plain torch gives what the published one gives."""

import numpy as np
import pytest
import soundfile
import torch

from corpus.dialogue.sync.speech import LEAD_MS, RATE_HZ, speech_of_pieces, speech_probability
from corpus.dialogue.sync.speech_net import PIECE, speech_net
from corpus.threads import one_torch_thread


@pytest.fixture(scope="module")
def speech(shared_data) -> np.ndarray:
    return soundfile.read(shared_data / "notld_audio" / "30s_i_wont_open_this_door_again.wav", dtype="float32")[0]


def test_it_agrees_with_the_published_network_in_its_own_runtime(speech):
    published = pytest.importorskip("silero_vad", reason="the published network is in the package silero-vad")
    streams = torch.from_numpy(speech[: 4 * 200 * PIECE].reshape(4, 200, PIECE).copy())
    with one_torch_thread(), torch.inference_mode():
        original = published.load_silero_vad()
        original.reset_states()
        expected = torch.stack([original(streams[:, piece].clone(), RATE_HZ)[:, 0] for piece in range(200)], dim=1)
        found = speech_net()(streams)
    assert expected.min() < 0.05 and expected.max() > 0.95
    assert (found - expected).abs().max() < 1e-5


def test_a_sound_heard_minute_by_minute_is_heard_as_in_one_go(speech):
    sound = np.concatenate([speech] * 4)[: 100 * RATE_HZ]
    lead, minute = LEAD_MS * RATE_HZ // 1000, 60 * RATE_HZ
    parts = [speech_of_pieces(sound[max(start - lead, 0) : start], sound[start : start + minute]) for start in range(0, len(sound), minute)]
    whole = speech_of_pieces(sound[:0], sound)
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-5
    assert len(speech_probability(sound)) == 5000


def test_no_sound_gives_no_pieces():
    assert speech_of_pieces(np.zeros(0, np.float32), np.zeros(0, np.float32)).shape == (0,)
