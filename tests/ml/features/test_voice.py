"""Voice features against tones of known pitch and level, and functionals against known descriptors."""

import dataclasses

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile

import ml.features.voice as voice
from ml.features.voice import HOP_MS, VOICE_FEATURES, Descriptors, build_voice_features, describe_sound
from tests.ml.features.conftest import features, sine


def flac(folder, samples, rate=16_000):
    folder.mkdir(exist_ok=True)
    soundfile.write(folder / "sound.flac", samples, rate, subtype="PCM_16")
    return folder


def descriptors(pitch_hz, loudness_db=-20.0, speech=1.0) -> Descriptors:
    n = len(pitch_hz)
    spread = lambda value: np.broadcast_to(np.asarray(value, np.float32), n).copy()  # noqa: E731
    pitch = np.asarray(pitch_hz, np.float32)
    wide = {"spectral": np.zeros((n, 7), np.float32), "mfcc": np.zeros((n, 13), np.float32)}
    return Descriptors(pitch, spread(0.9), spread(loudness_db), spread(10), speech=spread(speech), **wide)


def test_pitch_level_and_mfcc_of_a_voice_like_tone_are_the_known_ones(tmp_path):
    hiss = 0.002 * np.random.default_rng(0).normal(size=64_000).astype(np.float32)
    tone = sum(sine(220 * k, 4, 0.1 / k) for k in range(1, 9)) + hiss
    found = describe_sound(flac(tmp_path, tone) / "sound.flac")
    inner = slice(10, -10)
    cents = 1200 * np.log2(found.pitch_hz[inner] / 220)
    assert np.nanmax(np.abs(cents)) < 50 and np.isfinite(cents).mean() > 0.99
    power = sum((0.1 / k) ** 2 / 2 for k in range(1, 9))
    assert np.median(found.loudness_db[inner]) == pytest.approx(10 * np.log10(power), abs=0.1)
    assert np.nanmedian(found.harmonicity_db[inner]) > 20
    decibels = librosa.power_to_db(
        librosa.feature.melspectrogram(y=tone, sr=16_000, n_fft=512, hop_length=256, n_mels=40, center=True), top_db=None
    )
    reference = librosa.feature.mfcc(S=decibels, n_mfcc=14)[1:]
    # librosa's windows stand 8 ms beside ours; a steady sound does not mind.
    assert np.abs(np.median(found.mfcc[inner], axis=0) - np.median(reference[:, 10:-10], axis=1)).max() < 2


def test_noise_lowers_harmonicity_as_boersma_defines_it(tmp_path):
    tone = sum(sine(200 * k, 3, 0.05) for k in range(1, 6))
    noise = np.random.default_rng(0).normal(0, 1, len(tone)).astype(np.float32)
    ratios = {}
    for expected_db in (5, 15):
        level = np.sqrt((tone**2).mean() / 10 ** (expected_db / 10))
        found = describe_sound(flac(tmp_path, tone + level * noise) / "sound.flac")
        ratios[expected_db] = np.nanmedian(found.harmonicity_db)
    assert ratios == {5: pytest.approx(5, abs=1.5), 15: pytest.approx(15, abs=2)}


def test_descriptors_do_not_depend_on_where_a_block_ends(tmp_path, monkeypatch):
    sound = flac(tmp_path, sine(150, 6) + 0.01 * np.random.default_rng(1).normal(size=96_000).astype(np.float32)) / "sound.flac"
    whole = describe_sound(sound)
    monkeypatch.setattr(voice, "BLOCK_HOPS", 100)
    parts = describe_sound(sound)
    for field in ("loudness_db", "spectral", "mfcc"):
        assert np.allclose(getattr(whole, field), getattr(parts, field), atol=1e-3)
    assert np.nanmax(np.abs(whole.pitch_hz - parts.pitch_hz)) < 1


def test_functionals_of_a_rising_voice_with_a_pause():
    n = 100
    pitch = 100 * 2 ** (np.arange(n) * HOP_MS / 1000 / 2)
    level = np.tile([-20.0, -20, -20, -20, -20, -30, -30, -30, -30, -30], 10)
    speech = np.ones(n)
    speech[40:60] = 0
    row = voice._functionals(descriptors(pitch, level, speech), 0, n * HOP_MS)
    assert row["pitch_slope"] == pytest.approx(6, abs=0.01)
    assert row["pitch_mean"] == pytest.approx(12 * np.log2(np.median(pitch[speech > 0]) / 100), abs=0.05)
    assert row["pitch_variation"] == pytest.approx(6 * HOP_MS / 1000, abs=1e-3)
    assert row["pause_share"] == pytest.approx(0.2) and row["pause_longest_s"] == pytest.approx(20 * HOP_MS / 1000)
    assert row["loudness_mean"] == pytest.approx(-25) and row["loudness_range"] == pytest.approx(10)
    assert row["speech_rate"] == pytest.approx(8 / (80 * HOP_MS / 1000), rel=0.2)
    assert row["duration_s"] == pytest.approx(1.6)


def test_relative_pitch_takes_each_speakers_own_voice_away(tmp_path, scenes, out, monkeypatch):
    semitones = {"low": -6, "high": 6}
    spans, pitch = [], []
    for index in range(6):
        who = "low" if index % 2 else "high"
        spans.append((index * 480, (index + 1) * 480, who))
        pitch += [150 * 2 ** ((semitones[who] + (index // 2)) / 12)] * 30
    monkeypatch.setattr(voice, "describe_sound", lambda path: descriptors(pitch))
    build_voice_features(flac(tmp_path, sine(100, 3)), scenes(*spans), out)
    table = features(out)
    assert table["pitch_mean_rel"].tolist() == pytest.approx([-1, -1, 0, 0, 1, 1], abs=1e-3)
    assert table["pitch_mean_film"].max() == pytest.approx(7, abs=0.01)


def test_course_has_a_row_every_100_ms_with_null_pitch_where_unvoiced(tmp_path, scenes, out, monkeypatch):
    pitch = np.full(62, 200.0)
    pitch[20:40] = np.nan
    monkeypatch.setattr(voice, "describe_sound", lambda path: descriptors(pitch))
    build_voice_features(flac(tmp_path, sine(100, 1)), scenes((0, 1000, None)), out)
    course = pd.read_parquet(out / "course.parquet")
    assert course["t_ms"].tolist() == list(range(50, 1050, 100))
    assert course["pitch_hz"].isna().tolist() == [False] * 3 + [False, True, True] + [False] * 4
    assert course["loudness_db"].tolist() == pytest.approx([-20.0] * 10, abs=1e-4)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [(None, "no audio track"), (np.zeros(16_000), "the sound is digital silence"), (sine(100, 2), "nobody is heard to speak")],
)
def test_film_without_a_voice_says_why(tmp_path, scenes, out, samples, reason):
    folder = tmp_path / "soundtrack"
    folder.mkdir()
    if samples is not None:
        flac(folder, samples)
    summary = build_voice_features(folder, scenes((0, 900, None), (None, None, None)), out)
    table = features(out)
    assert summary.missing == reason and summary.n_present == 0
    assert not table["present"].any() and table[list(VOICE_FEATURES)].isna().all(axis=None)


def test_real_speech_over_a_film_is_found_and_described(shared_data, tmp_path, scenes, out):
    folder = next(iter(sorted((shared_data / "notld_audio").glob("*.wav"))))
    samples, rate = soundfile.read(folder, dtype="float32", frames=15 * 16_000)
    assert rate == 16_000
    summary = build_voice_features(flac(tmp_path, samples), scenes((0, 15_000, None)), out)
    row = features(out).iloc[0]
    assert summary.n_present == 1 and 70 < summary.median_pitch_hz < 400
    # Conversational to hurried speech: 2-8 syllables a second.
    assert 2 < row["speech_rate"] < 8 and 0.2 < row["voiced_share"] <= 1


def test_descriptor_fields_are_cut_together():
    cut = descriptors(np.arange(100, 200)).between(160, 320)
    assert {len(getattr(cut, field.name)) for field in dataclasses.fields(cut)} == {10}
