"""A film's voice features: units in, one row each out, a course for the page, and reasons where nothing is heard."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
import soundfile

from corpus.chunks import ChunkStore
from ml.features.extractor import Block
from ml.features.voice import VOICE_FEATURES, VoiceExtractor, build, build_voice_features
from ml.features.voice.dimensions import COLUMN, DIMENSIONS
from ml.features.voice.speech import WIDTH
from tests.ml.features.conftest import features, read_blocks, sine


@pytest.fixture(autouse=True)
def weights(need_weights):
    need_weights("swift-f0", "silero-vad", "whisper-tiny-en")


def flac(folder, samples, rate=16_000):
    folder.mkdir(exist_ok=True)
    soundfile.write(folder / "sound.flac", samples, rate, subtype="PCM_16")
    return folder


def blocks(pitch_hz, per_block: int = 6000) -> list[Block]:
    """A voice of that pitch, as an extractor would find it."""
    pitch = np.asarray(pitch_hz, np.float32)
    values = np.ones((len(pitch), len(DIMENSIONS)), np.float32)
    values[:, COLUMN["pitch_hz"]], values[:, COLUMN["level_db"]] = pitch, -20
    start = np.arange(len(pitch)) * 10
    cut = [slice(at, at + per_block) for at in range(0, len(pitch), per_block)]
    return [Block(start[c], start[c] + 10, values[c], np.full(len(start[c]), 0.9, np.float32)) for c in cut]


def unheard(chunks):
    """What a speech network says of units that this test is not about: nothing."""
    for chunk in chunks:
        n = len(chunk.sounds)
        yield Block(chunk.start_ms, chunk.end_ms, np.zeros((n, 0), np.float32), np.ones(n, np.float32), {"speech": np.zeros((n, WIDTH))})


@pytest.fixture
def heard(monkeypatch):
    """Call with blocks: they are what any sound is found to hold."""

    def set_blocks(found: Iterable[Block]) -> None:
        monkeypatch.setattr(
            build, "extract_all", lambda extractor, chunks, *_: unheard(chunks) if extractor.name == "speech" else iter(found)
        )

    return set_blocks


def test_relative_pitch_takes_each_speakers_own_voice_away(tmp_path, scenes, out, heard):
    semitones = {"low": -6, "high": 6}
    spans, pitch = [], []
    for index in range(6):
        who = "low" if index % 2 else "high"
        spans.append((index * 480, (index + 1) * 480, who))
        pitch += [150 * 2 ** ((semitones[who] + (index // 2)) / 12)] * 48
    heard(blocks(pitch))
    build_voice_features(flac(tmp_path, sine(100, 3)), scenes(*spans), out)
    table = features(out)
    assert table["pitch_mean_rel"].tolist() == pytest.approx([-1, -1, 0, 0, 1, 1], abs=1e-3)
    assert table["pitch_mean_film"].max() == pytest.approx(7, abs=0.01)


@pytest.mark.parametrize("per_block", [10, 70, 6000])
def test_a_unit_gets_its_own_rows_wherever_the_chunks_end(tmp_path, scenes, out, heard, per_block):
    heard(blocks(100.0 + np.arange(400), per_block))
    # In the order of the film, nested, overlapping, without a time, beyond the sound.
    spans = ((0, 1000, None), (0, 4000, None), (500, 2500, None), (None, None, None), (3900, 5000, None), (9000, 9500, None))
    build_voice_features(flac(tmp_path, sine(100, 4)), scenes(*spans), out)
    table = features(out)
    assert table["present"].tolist() == [True, True, True, False, True, False]
    assert table["duration_s"].tolist()[:3] == pytest.approx([1, 4, 2]) and table["duration_s"][4] == pytest.approx(0.1)
    expected = [12 * np.log2(np.median(100.0 + np.arange(first, last)) / 100) for first, last in ((0, 100), (0, 400), (50, 250))]
    assert table["pitch_mean"].tolist()[:3] == pytest.approx(expected, abs=1e-3)


def test_rows_that_no_unit_waits_for_are_dropped(tmp_path, scenes, out, heard, monkeypatch):
    kept: list[int] = []
    finish = build.Listener._finish

    def watched(self, until_row):
        finish(self, until_row)
        kept.append(sum(len(block.values) for block in self._rows))

    monkeypatch.setattr(build.Listener, "_finish", watched)
    heard(blocks(np.full(3000, 200.0), 100))
    build_voice_features(flac(tmp_path, sine(100, 1)), scenes(*[(at, at + 1500, None) for at in range(0, 30_000, 1000)]), out)
    assert max(kept) <= 300 and features(out)["present"].all()


def test_course_has_a_row_every_100_ms_with_null_pitch_where_unvoiced(tmp_path, scenes, out, heard):
    pitch = np.full(98, 200.0)
    pitch[30:60] = np.nan
    found = blocks(pitch)
    found[0].values[80:, COLUMN["voice"]] = 0.2
    heard(found)
    build_voice_features(flac(tmp_path, sine(100, 1)), scenes((0, 1000, None)), out)
    course = pd.read_parquet(out / "course.parquet")
    assert course["t_ms"].tolist() == list(range(50, 1050, 100))
    assert course["pitch_hz"].isna().tolist() == [False] * 3 + [True] * 3 + [False] * 2 + [True] * 2
    assert course["loudness_db"].tolist() == pytest.approx([-20.0] * 10, abs=1e-4)


def test_every_10_ms_stand_in_the_artifact_with_their_times_and_confidence_whatever_the_chunks(tmp_path, scenes, out, heard):
    pitch = np.r_[np.full(50, np.nan), np.linspace(100, 200, 70)]
    heard(blocks(pitch, per_block=40))
    build_voice_features(flac(tmp_path, sine(100, 1.2)), scenes((0, 1200, "anna")), out)
    rows = read_blocks(out / "frames.parquet")
    assert rows.start_ms.tolist() == list(range(0, 1200, 10)) and (rows.end_ms - rows.start_ms == 10).all()
    assert rows.values[:, COLUMN["pitch_hz"]] == pytest.approx(pitch.astype(np.float32), nan_ok=True)
    assert (rows.confidence == np.float32(0.9)).all()


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
    path = shared_data / "notld_audio" / "15s_donnie_asked_me_if_i_were_afraid.wav"
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == 16_000
    summary = build_voice_features(flac(tmp_path, samples), scenes((0, 15_000, None)), out)
    row = features(out).iloc[0]
    assert summary.n_present == 1 and 70 < summary.median_pitch_hz < 400
    # Conversational to hurried speech: 2-8 syllables a second; a man's or a woman's vowels.
    assert 2 < row["speech_rate"] < 8 and 0.2 < row["voiced_share"] <= 1
    assert 350 < row["egemaps_f1_mean"] < 850 and 1100 < row["egemaps_f2_mean"] < 2200
    assert 0.005 < row["egemaps_jitter_mean"] < 0.1 and row["music_share"] + row["noise_share"] < 0.6


def test_what_was_described_once_is_taken_from_the_store(shared_data, tmp_path, scenes, out, monkeypatch):
    path = shared_data / "notld_audio" / "10s_back_down_the_road.wav"
    soundtrack, units = flac(tmp_path, soundfile.read(path)[0]), scenes((0, 10_000, None))
    build_voice_features(soundtrack, units, out, store=ChunkStore(tmp_path / "store"))
    first = (out / "features.parquet").read_bytes()
    monkeypatch.setattr(VoiceExtractor, "extract", lambda self, chunk: pytest.fail("computed again"))
    told = []
    build_voice_features(soundtrack, units, out, store=ChunkStore(tmp_path / "store"), tell=told.append)
    assert (out / "features.parquet").read_bytes() == first
    assert [(progress.stored, progress.until_ms) for progress in told] == [(1, 10_010)]
