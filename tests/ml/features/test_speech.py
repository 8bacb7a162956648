"""What the speech network hears: CTranslate2 and librosa, given the same sound, compute the same."""

import librosa
import numpy as np
import pytest
import torch

import ml.features.voice.speech as speech
from corpus.threads import one_torch_thread
from corpus.weights import weight_path
from ml.features.voice.speech import STATE_SAMPLES, SpeechEncoder, describe_speech, pooled, speech_encoder

RATE = 16_000


@pytest.fixture(autouse=True)
def one_thread(need_weights):
    need_weights("whisper-tiny-en")
    with one_torch_thread():
        yield


def babble(seconds: float, seed: int = 1) -> np.ndarray:
    """Something voice-like: harmonics of a gliding pitch in syllables, over a little noise."""
    drawn = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(2 * np.pi * 0.4 * t)) / RATE
    wave = sum(np.sin(k * phase) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 3 * t), 0, 1) * (np.sin(2 * np.pi * 0.2 * t) > -0.5)
    return (0.1 * wave * syllables + 0.002 * drawn.normal(size=len(t))).astype(np.float32)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Whisper's input by librosa: (80, rows of 10 ms)."""
    power = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=400, hop_length=160, n_mels=80, pad_mode="reflect")[:, :-1]
    logs = np.log10(np.maximum(power, 1e-10))
    return (np.maximum(logs, logs.max() - 8) + 4) / 4


def test_the_log_mel_spectrum_is_librosas():
    sound = babble(3)
    found = speech_encoder()._log_mel(torch.from_numpy(sound)).numpy()
    assert found.shape == (80, 300) and np.ptp(found) > 1
    assert np.abs(found - log_mel(sound)).max() < 1e-4


def test_the_whole_encoder_answers_what_ctranslate2_answers(monkeypatch):
    """All four layers and the last norm, on 30 s, which is what CTranslate2 takes; what is kept stops before the last layer."""
    ctranslate2 = pytest.importorskip("ctranslate2", reason="the asr extra is not installed: `make asr`")
    monkeypatch.setattr(speech, "LAYERS", (0, 1, 2, 3))
    monkeypatch.setattr(speech, "LONGEST_S", 30)
    monkeypatch.setattr(speech, "SILENCE_AFTER_S", 0.0)
    path, sound = weight_path(speech.WEIGHT, "model.bin"), babble(30)
    tensors = {name: torch.from_numpy(x.astype(np.float32)) for name, x in speech.read_ctranslate2(path, "encoder/").items()}
    last = torch.from_numpy(SpeechEncoder(tensors).states(sound)[3])
    norm = tensors["layer_norm/gamma"], tensors["layer_norm/beta"]
    found = torch.nn.functional.layer_norm(last, last.shape[-1:], *norm).numpy()
    whisper = ctranslate2.models.Whisper(str(path.parent), device="cpu", compute_type="float32", intra_threads=1)
    features = ctranslate2.StorageView.from_array(np.ascontiguousarray(log_mel(sound)[None], np.float32))
    expected = np.array(whisper.encode(features))[0].astype(np.float32)
    assert found.shape == expected.shape == (1500, 384)
    # States spread by 1.3. Both compute in float32, each in its own order of sums: 0.00007 at most where this was written.
    assert expected.std() > 1 and np.abs(found - expected).max() < 0.001


@pytest.mark.parametrize(("samples", "states"), [(1, 1), (STATE_SAMPLES, 1), (STATE_SAMPLES + 1, 2), (RATE, 50), (0, 0)])
def test_a_state_stands_for_each_begun_20_ms(samples, states):
    found = speech_encoder().states(babble(2)[:samples])
    assert found.shape == (3, states, 384) and found.dtype == np.float32 and np.isfinite(found).all()


def test_a_sound_of_more_than_25_s_is_heard_in_parts():
    sound, encoder = babble(27), speech_encoder()
    parts = [encoder.states(sound[: 25 * RATE]), encoder.states(sound[25 * RATE :])]
    assert np.array_equal(encoder.states(sound), np.concatenate(parts, axis=1))


def test_a_unit_is_described_by_mean_and_deviation_of_each_layers_states():
    states = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    expected = [f for layer in states for f in (*layer.mean(0), *layer.std(0))]
    assert pooled(states) == pytest.approx(expected, rel=1e-5)


def test_sounds_are_described_one_by_one_and_differently():
    sounds = [babble(1), babble(1.7, 2)[::-1].copy()]
    found = describe_speech(sounds)
    assert found.shape == (2, 3 * 2 * 384)
    assert np.array_equal(found[1], pooled(speech_encoder().states(sounds[1]))) and not np.allclose(found[0], found[1], atol=0.1)
