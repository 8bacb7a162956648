"""The extractor over chunks: true times, no seams, the same bytes again, resumed where it was killed."""

import dataclasses

import numpy as np
import pytest
import soundfile

import ml.features.voice.extractor as extractor_module
import ml.features.voice.grid as grid
from benchmarks.voice_made import made_voice
from corpus.chunks import ChunkStore
from corpus.terms import FeelmError
from ml.features.extractor import extract_all, joined
from ml.features.voice import VoiceExtractor, chunks_of, sound_chunks
from ml.features.voice.dimensions import COLUMN, DIMENSIONS, SOUND_COLUMNS
from ml.features.voice.functionals import voiced_rows


@pytest.fixture(autouse=True)
def weights(need_weights):
    need_weights("swift-f0", "silero-vad")


@pytest.fixture(scope="module")
def speech(shared_data) -> np.ndarray:
    path = shared_data / "notld_audio" / "60s_i_dont_want_anyones_life_on_my_hands.wav"
    return soundfile.read(path, dtype="float32")[0][: 24 * 16_000]


def short_chunks(monkeypatch, seconds: int) -> None:
    monkeypatch.setattr(grid, "_CHUNK", seconds * grid.RATE_HZ)


def test_rows_have_true_times_units_and_bounds(speech):
    block = VoiceExtractor().extract(next(iter(chunks_of(speech[: 16_000 * 5 + 100]))))
    assert block.start_ms.tolist() == list(range(0, 5010, 10)) and (block.end_ms - block.start_ms == 10).all()
    assert block.values.shape == (501, len(DIMENSIONS)) and block.values.dtype == np.float32
    assert block.confidence.min() >= 0 and block.confidence.max() <= 1
    for dimension in DIMENSIONS:
        known = block.values[:, COLUMN[dimension.name]]
        known = known[np.isfinite(known)]
        assert len(known), dimension.name
        assert dimension.lowest is None or known.min() >= dimension.lowest - 1e-3, dimension.name
        assert dimension.highest is None or known.max() <= dimension.highest + 1e-3, dimension.name


def test_the_fine_structure_is_measured_where_a_voice_has_a_pitch(speech):
    values = joined(map(VoiceExtractor().extract, chunks_of(speech)), len(DIMENSIONS)).values
    voiced = voiced_rows(values)
    assert 0.2 < voiced.mean() < 0.8
    assert np.isnan(values[~voiced, SOUND_COLUMNS:]).all()
    known = np.isfinite(values[voiced, SOUND_COLUMNS:]).mean(axis=0)
    assert known.min() > 0.6, dict(zip([d.name for d in DIMENSIONS[SOUND_COLUMNS:]], known.tolist(), strict=True))


def test_without_the_fine_structure_the_rest_is_the_same(speech):
    chunk = next(iter(chunks_of(speech[:80_000])))
    whole, plain = VoiceExtractor().extract(chunk).values, VoiceExtractor(fine=False).extract(chunk).values
    assert np.array_equal(whole[:, :SOUND_COLUMNS], plain[:, :SOUND_COLUMNS], equal_nan=True)
    assert np.isnan(plain[:, SOUND_COLUMNS:]).all()


def test_where_a_chunk_ends_changes_next_to_nothing(speech, monkeypatch):
    extractor = VoiceExtractor(exact=True)
    whole = joined(map(extractor.extract, chunks_of(speech)), len(DIMENSIONS)).values
    short_chunks(monkeypatch, 12)
    parts = joined(map(extractor.extract, chunks_of(speech)), len(DIMENSIONS)).values
    assert whole.shape == parts.shape
    for name in ("loudness", "level_db", "alpha_ratio", "slope_500", "flux", "rolloff", "mfcc1", "mfcc13"):
        assert np.allclose(whole[:, COLUMN[name]], parts[:, COLUMN[name]], atol=2e-3), name
    for name in ("pitch_hz", "speech", "voice", "jitter", "harmonicity", "formant1_hz"):
        one, two = whole[:, COLUMN[name]], parts[:, COLUMN[name]]
        alike = (np.isnan(one) & np.isnan(two)) | (np.abs(one - two) <= 0.01 * np.abs(one) + 1e-3)
        assert alike.mean() > 0.995, name


def test_the_same_sound_gives_the_same_bytes(speech):
    chunk = next(iter(chunks_of(speech[:80_000])))
    first, second = (VoiceExtractor().extract(chunk) for _ in range(2))
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first.arrays().values(), second.arrays().values(), strict=True))


def test_a_file_gives_the_chunks_of_its_samples(tmp_path, speech, monkeypatch):
    short_chunks(monkeypatch, 5)
    sound = (speech[: 16_000 * 13] * 32767).round() / 32768
    soundfile.write(tmp_path / "sound.flac", sound, 16_000, subtype="PCM_16")
    for one, two in zip(sound_chunks(tmp_path / "sound.flac"), chunks_of(sound.astype(np.float32)), strict=True):
        assert np.array_equal(one.samples, two.samples)
        assert dataclasses.replace(one, samples=two.samples) == two
    assert [chunk.start_ms for chunk in chunks_of(sound)] == [0, 5000, 10_000]
    assert [(chunk.before, chunk.after, len(chunk.own)) for chunk in chunks_of(sound)] == [
        (0, 16_000, 80_000),
        (32_000, 16_000, 80_000),
        (32_000, 0, 48_000),
    ]


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16_000, 2)])
def test_a_sound_of_another_form_is_refused(tmp_path, rate, channels):
    soundfile.write(tmp_path / "sound.wav", np.zeros((rate, channels)), rate)
    with pytest.raises(FeelmError, match=r"sound\.wav is not 16000 Hz mono"):
        next(sound_chunks(tmp_path / "sound.wav"))


def test_a_file_that_is_no_sound_and_sound_that_is_no_number_are_told(tmp_path, speech):
    (tmp_path / "sound.flac").write_bytes(b"no sound")
    with pytest.raises(FeelmError, match=r"sound\.flac cannot be read"):
        next(sound_chunks(tmp_path / "sound.flac"))
    broken = speech[:16_000].copy()
    broken[500] = np.nan
    with pytest.raises(FeelmError, match="NaN or infinity"):
        VoiceExtractor().extract(next(iter(chunks_of(broken))))


def test_a_killed_run_goes_on_at_the_chunk_it_was_in(tmp_path, speech, monkeypatch):
    short_chunks(monkeypatch, 4)
    chunks = list(chunks_of(speech[: 16_000 * 12]))
    whole = joined(extract_all(VoiceExtractor(), chunks), len(DIMENSIONS))
    done: list[int] = []
    real = extractor_module.describe_spectrum

    def counted(samples, before, n_rows):
        if n_rows == 400:
            done.append(n_rows)
            if len(done) == 2 and not (tmp_path / "killed").exists():
                (tmp_path / "killed").touch()
                raise KeyboardInterrupt
        return real(samples, before, n_rows)

    monkeypatch.setattr(extractor_module, "describe_spectrum", counted)
    with pytest.raises(KeyboardInterrupt):
        list(extract_all(VoiceExtractor(), chunks, ChunkStore(tmp_path)))
    resumed = joined(extract_all(VoiceExtractor(), chunks, ChunkStore(tmp_path)), len(DIMENSIONS))
    assert len(done) == 4  # the first once, the second killed and again, the third once
    assert np.array_equal(resumed.values, whole.values, equal_nan=True)


def test_the_key_follows_sound_place_settings_and_weights(speech):
    chunk = next(iter(chunks_of(speech[:32_000])))
    extractor = VoiceExtractor()
    louder = dataclasses.replace(chunk, samples=chunk.samples * 2)
    later = dataclasses.replace(chunk, start_ms=60_000)
    cut = dataclasses.replace(chunk, after=160)
    assert len({extractor.digest(c) for c in (chunk, louder, later, cut)}) == 4
    assert VoiceExtractor(exact=True).settings != VoiceExtractor(exact=False).settings
    assert VoiceExtractor(fine=False).settings != extractor.settings
    assert extractor.version.startswith(f"{extractor_module.CODE_VERSION}-") and len(extractor.version.split("-")) == 3


@pytest.mark.parametrize("length", [1, 159, 161, 700, 16_001])
def test_a_very_short_sound_has_its_rows(length):
    block = VoiceExtractor().extract(next(iter(chunks_of(np.full(length, 0.1, np.float32)))))
    assert len(block.values) == -(-length // 160)
    assert np.isfinite(block.values[:, COLUMN["loudness"]]).all()


def test_a_quiet_or_loud_copy_of_a_voice_has_the_same_pitch():
    voice = made_voice(31, 8.0).samples.astype(np.float32)
    pitches = []
    for gain in (0.2, 1.0):
        blocks = map(VoiceExtractor(fine=False).extract, chunks_of(voice * gain))
        pitches.append(joined(blocks, len(DIMENSIONS)).values[:, COLUMN["pitch_hz"]])
    both = np.isfinite(pitches[0]) & np.isfinite(pitches[1])
    assert both.mean() > 0.9 * np.isfinite(pitches[1]).mean()
    assert np.median(np.abs(1200 * np.log2(pitches[0] / pitches[1]))[both]) < 2
