"""Beginnings and beat of a sound: librosa's figures without librosa, and no seam between minutes."""

import librosa
import numpy as np
import pytest
import soundfile
import torch

from benchmarks.common import SHARED
from ml.features.extractor import extract_all, joined
from ml.features.scene.beat import HOP, ROWS_PER_SECOND, SILENCE_DB, Tempogram, hear
from ml.features.scene.sound import SOUND_DIMENSIONS, SceneSoundExtractor
from ml.features.voice.fourier import mel_filters
from ml.features.voice.grid import chunks_of
from tests.ml.features.conftest import sine


def busy(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise in bursts, notes that come and go, silence in between."""
    rng = np.random.default_rng(seed)
    sound = np.zeros(int(seconds * 16_000), np.float32)
    for _ in range(int(seconds * 3)):
        length = rng.uniform(0.05, 0.6)
        note = sine(float(rng.uniform(80, 3000)), length, float(rng.uniform(0.02, 0.3))) + rng.normal(size=int(length * 16_000)) * 0.01
        start = int(rng.uniform(0, seconds - 0.7) * 16_000)
        sound[start : start + len(note)] += note.astype(np.float32)
    return sound


def by_librosa(sound: np.ndarray) -> np.ndarray:
    """librosa's onset strength of windows centred on each row of 32 ms."""
    padded = np.pad(sound, (HOP + 256, 768))
    power = np.abs(librosa.stft(padded, n_fft=1024, hop_length=HOP, center=False)) ** 2
    mel = librosa.power_to_db(librosa.feature.melspectrogram(S=power, sr=16_000, n_mels=40), top_db=None)
    return librosa.onset.onset_strength(S=np.maximum(mel, SILENCE_DB), sr=16_000, hop_length=HOP, center=False)[1:]


def test_mel_filters_are_librosas():
    assert np.allclose(mel_filters(40, 1024), librosa.filters.mel(sr=16_000, n_fft=1024, n_mels=40), atol=1e-8)


def test_onset_strength_is_librosas():
    sound = busy(20)
    theirs, ours = by_librosa(sound), hear(torch.from_numpy(sound), 0, len(sound) // HOP).onset.numpy()
    assert np.allclose(ours[1:], theirs[1 : len(ours)], atol=1e-3) and ours[0] == 0 and ours.max() > 3


def test_level_and_low_share_of_known_tones():
    sound = np.concatenate([sine(100, 2, 0.5), sine(2000, 2, 0.05), np.zeros(32_000, np.float32)])
    heard = hear(torch.from_numpy(sound), 0, len(sound) // HOP)
    level, low = heard.level_db.numpy(), heard.low_share.numpy()
    assert level[10:50].mean() == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.1)
    assert level[70:120].mean() == pytest.approx(20 * np.log10(0.05 / np.sqrt(2)), abs=0.1) and level[-5] == SILENCE_DB
    assert low[10:50].min() > 0.99 and low[70:120].max() < 0.01


def test_minutes_have_no_seam():
    sound = busy(135, seed=1)
    parts = joined(extract_all(SceneSoundExtractor(), chunks_of(sound)), len(SOUND_DIMENSIONS))
    whole = hear(torch.from_numpy(sound), 0, len(parts.values))
    assert np.allclose(parts.values, torch.stack([whole.level_db, whole.onset, whole.low_share], dim=1).numpy(), atol=1e-4)
    assert parts.start_ms[:3].tolist() == [0, 32, 64] and (np.diff(parts.start_ms) == 32).all() and parts.end_ms[-1] >= 135_000


def test_a_chunk_at_another_place_is_another_piece_of_work():
    first, second = list(chunks_of(np.tile(busy(60), 2)))
    extractor = SceneSoundExtractor()
    assert extractor.digest(first) != extractor.digest(second)


@pytest.mark.parametrize("bpm", [72.0, 90.0, 120.0, 144.0])
def test_tempo_of_clicks(bpm):
    rows = int(40 * ROWS_PER_SECOND)
    onset = np.zeros(rows, np.float32)
    onset[(np.arange(0, 39.5, 60 / bpm) * ROWS_PER_SECOND).astype(int)] = 1
    beat = Tempogram(onset).beat()
    assert beat is not None and beat.bpm == pytest.approx(bpm, rel=0.005) and beat.regularity > 0.5


def test_noise_has_no_regular_beat_and_silence_none():
    noise = np.abs(np.random.default_rng(0).normal(size=1000)).astype(np.float32)
    beat = Tempogram(noise).beat()
    assert beat is not None and beat.regularity < 0.1
    assert Tempogram(np.zeros(500, np.float32)).beat() is None and Tempogram(np.zeros(0, np.float32)).beat() is None
    assert Tempogram(noise).beat(5000, 6000) is None


def test_tempo_of_real_music_is_librosas():
    path = SHARED / "misc_clips" / "steamboat.mp4"
    if not path.is_file():
        pytest.skip("Steamboat Willie is not at ../shared/data")
    sound = _sound_of(path)
    onset = hear(torch.from_numpy(sound), 0, len(sound) // HOP).onset.numpy()
    theirs = float(librosa.feature.tempo(onset_envelope=onset, sr=16_000, hop_length=HOP)[0])
    beat = Tempogram(onset).beat()
    # librosa's lags are whole rows: near 120 the next ones are 7 beats away.
    assert beat is not None and beat.bpm == pytest.approx(theirs, rel=0.04)


def _sound_of(path) -> np.ndarray:
    import av

    with av.open(str(path)) as film:
        resampler = av.AudioResampler("flt", "mono", 16_000)
        parts = [part.to_ndarray()[0] for frame in film.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate(parts)


def test_a_silent_file_is_heard_as_silence(tmp_path):
    from ml.features.scene.build import Sound

    soundfile.write(tmp_path / "sound.flac", np.zeros(32_000, np.float32), 16_000, subtype="PCM_16")
    sound = Sound.read(tmp_path / "sound.flac")
    assert sound is not None and (sound.rows[:, 0] == SILENCE_DB).all() and sound.tempogram.beat() is None
    assert Sound.read(tmp_path / "nothing.flac") is None
