"""The film's own means: known light, known cuts, faces of known size, a click track of known tempo."""

import numpy as np
import pytest
import soundfile

import ml.features.scene.build
from corpus.chunks import ChunkStore
from corpus.contracts import FACES, PICTURES, SHOTS
from corpus.weights import WeightError
from ml.features.scene.build import SCENE_DIMENSIONS, SCENE_FEATURES, build_scene_features, shot_scale
from tests.ml.features.conftest import features, sine


@pytest.fixture
def shots(tmp_path):
    """Ten seconds, five shots of two seconds, the light rising from 0 to 1."""
    folder = tmp_path / "shots"
    folder.mkdir()
    times = range(0, 10_000, 200)
    other = {"contrast": 0.2, "saturation": 0.3, "warmth": -0.1, "motion": None}
    PICTURES.write(PICTURES.frame([{"t_ms": t, "brightness": t / 10_000} | other for t in times]), folder / "pictures.parquet")
    rows = [
        {"shot_id": f"s{i}", "film_id": "film", "index": i, "start_ms": 2000 * i, "end_ms": 2000 * i + 2000, "thumbnail": "x"}
        | {"transition": "cut" if i else "start"}
        for i in range(5)
    ]
    SHOTS.write(SHOTS.frame(rows), folder / "shots.parquet")
    return folder


@pytest.fixture
def faces(tmp_path):
    """Write a faces artifact of (t_ms, height) for faces in the shots that hold these times."""

    def write(*found: tuple[int, float]):
        folder = tmp_path / "faces"
        folder.mkdir(exist_ok=True)
        rows = [
            {"film_id": "film", "shot_id": f"s{t // 2000}", "track_id": f"s{t // 2000}.face{i:02d}", "t_ms": t, "x": 0.1, "y": 0.1}
            | {"width": 0.1, "height": height, "score": 0.9, "crop_row": i}
            for i, (t, height) in enumerate(found)
        ]
        FACES.write(FACES.frame(rows), folder / "faces.parquet")
        return folder

    return write


def clicks(seconds: float, bpm: float) -> np.ndarray:
    samples = sine(60, seconds, 0.001)
    for beat in np.arange(0, seconds - 0.1, 60 / bpm):
        start = int(beat * 16_000)
        samples[start : start + 800] += sine(1000, 0.05, 0.5)
    return samples


def test_light_and_pace_are_those_of_the_unit(shots, scenes, tmp_path, out):
    summary = build_scene_features(shots, tmp_path / "nothing", scenes((0, 1000, None), (4000, 6000, None), (9000, 10_000, None)), out)
    table = features(out)
    assert table["brightness"].tolist() == pytest.approx([0.04, 0.49, 0.94], abs=1e-6)
    assert table["brightness_film"].tolist() == pytest.approx([-0.45, 0, 0.45], abs=1e-6)
    assert table["shot_length_s"].tolist() == [2, 2, 2] and table["position"].tolist() == pytest.approx([0.05, 0.5, 0.95])
    # Five seconds to each side, within the film: cuts at 2, 4 and 6 s; all four; 6 and 8 s.
    assert table["shot_rate"].tolist() == pytest.approx([30, 24, 20], abs=1e-3)
    assert table["motion"].isna().all() and table["tempo_bpm"].isna().all()
    assert (summary.shots_per_minute, summary.tempo_bpm, summary.missing) == (30, None, "no audio track")


def test_tempo_and_level_of_a_click_track(need_weights, shots, scenes, tmp_path, out):
    need_weights("swift-f0", "silero-vad")
    soundfile.write(tmp_path / "sound.flac", clicks(30, 120), 16_000, subtype="PCM_16")
    summary = build_scene_features(shots, tmp_path, scenes((0, 1000, None), (4000, 9000, None)), out)
    table = features(out)
    assert summary.tempo_bpm == pytest.approx(120, abs=1) and summary.missing is None
    assert table["tempo_bpm"].tolist() == pytest.approx([120, 120], abs=2)
    assert table["low_share"].max() < 0.9 and table["beat_regularity"].min() > 0.5


def test_music_is_told_from_speechless_noise(need_weights, shots, scenes, tmp_path, out):
    need_weights("swift-f0", "silero-vad")
    chord = sum(sine(hz, 5, 0.05) for hz in (220.0, 277.2, 329.6, 440.0))
    noise = np.random.default_rng(0).normal(size=5 * 16_000).astype(np.float32) * 0.05
    soundfile.write(tmp_path / "sound.flac", np.concatenate([chord, noise]), 16_000, subtype="PCM_16")
    summary = build_scene_features(shots, tmp_path, scenes((0, 4000, None), (6000, 10_000, None)), out)
    table = features(out)
    assert table["music_share"][0] > 0.8 and table["music_share"][1] < 0.3
    assert table["music_db"][0] == pytest.approx(table["loudness"][0], abs=1) and 0.3 < summary.music_share < 0.7


def test_shots_are_as_near_as_their_largest_face(shots, faces, scenes, tmp_path, out):
    found = faces((100, 0.5), (300, 0.4), (300, 0.05), (2100, 0.2), (4100, 0.04))
    summary = build_scene_features(
        shots, tmp_path / "nothing", scenes((0, 2000, None), (1000, 5000, None), (9000, 9900, None)), out, faces=found
    )
    table = features(out)
    assert table["close_up"].tolist() == [1, 0.25, 0] and table["medium_shot"].tolist() == [0, 0.5, 0]
    assert table["long_shot"].tolist() == [0, 0.25, 0] and table["faceless"].tolist() == [0, 0, 1]
    assert table["face_height"].tolist()[:2] == pytest.approx([0.45, 0.12]) and np.isnan(table["face_height"][2])
    assert table["n_faces"][0] == 1.5
    assert summary.shot_scales == {"close_up": 1, "medium_shot": 1, "long_shot": 1, "faceless": 2}


def test_without_faces_the_scale_is_unknown_and_not_zero(shots, scenes, tmp_path, out):
    build_scene_features(shots, tmp_path / "nothing", scenes((0, 1000, None)), out)
    assert features(out)[["close_up", "medium_shot", "long_shot", "faceless", "face_height"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("height", "scale"), [(0.6, "close_up"), (0.28, "close_up"), (0.2, "medium_shot"), (0.12, "medium_shot"), (0.05, "long_shot")]
)
def test_scales_follow_the_height_of_a_face(height, scale):
    assert shot_scale(height) == scale


def test_unit_without_a_time_is_absent(shots, scenes, tmp_path, out):
    build_scene_features(shots, tmp_path / "nothing", scenes((None, None, None)), out)
    assert features(out)["present"].tolist() == [False]


def test_every_dimension_is_a_column_within_its_bounds(need_weights, shots, faces, scenes, tmp_path, out):
    need_weights("swift-f0", "silero-vad")
    soundfile.write(tmp_path / "sound.flac", clicks(10, 90), 16_000, subtype="PCM_16")
    build_scene_features(shots, tmp_path, scenes((0, 2000, None), (3000, 9000, None)), out, faces=faces((100, 0.5)))
    table = features(out)
    assert [name for name in table.columns if name not in ("unit_id", "present")] == list(SCENE_FEATURES)
    for dimension in SCENE_DIMENSIONS:
        values = table[dimension.name].dropna()
        assert dimension.meaning and (dimension.lowest is None or (values >= dimension.lowest - 1e-6).all()), dimension
        assert dimension.highest is None or (values <= dimension.highest + 1e-6).all(), dimension


def test_missing_weights_leave_everything_but_music(shots, scenes, tmp_path, out, monkeypatch):
    def missing(self, chunk):
        raise WeightError("weight swift-f0 is not in /x: run `feelm weights fetch swift-f0`")

    monkeypatch.setattr(ml.features.scene.build.VoiceExtractor, "extract", missing)
    soundfile.write(tmp_path / "sound.flac", clicks(10, 90), 16_000, subtype="PCM_16")
    summary = build_scene_features(shots, tmp_path, scenes((0, 2000, None)), out)
    assert "feelm weights fetch swift-f0" in summary.missing and summary.music_share is None
    assert features(out)["music_share"].isna().all() and features(out)["loudness"].notna().all()


def test_a_stored_sound_gives_the_same_bytes(need_weights, shots, scenes, tmp_path, out, monkeypatch):
    need_weights("swift-f0", "silero-vad")
    soundfile.write(tmp_path / "sound.flac", clicks(10, 90), 16_000, subtype="PCM_16")
    store, units = ChunkStore(tmp_path / "store"), scenes((0, 2000, None), (3000, 9000, None))
    build_scene_features(shots, tmp_path, units, out, store=store)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    for extractor in (ml.features.scene.build.VoiceExtractor, ml.features.scene.build.SceneSoundExtractor):
        monkeypatch.setattr(extractor, "extract", lambda *_: pytest.fail("the sound was measured again"))
    build_scene_features(shots, tmp_path, units, out, store=store)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
