"""The film's own means: known light, known cuts, a click track of known tempo."""

import numpy as np
import pytest
import soundfile

from corpus.contracts import PICTURES, SHOTS
from ml.features.scene import build_scene_features
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


def test_tempo_and_level_of_a_click_track(shots, scenes, tmp_path, out):
    samples = sine(60, 30, 0.001)
    for beat in np.arange(0, 30, 0.5):
        start = int(beat * 16_000)
        samples[start : start + 800] += sine(1000, 0.05, 0.5)
    soundfile.write(tmp_path / "sound.flac", samples, 16_000, subtype="PCM_16")
    summary = build_scene_features(shots, tmp_path, scenes((0, 1000, None), (4000, 9000, None)), out)
    assert summary.tempo_bpm == pytest.approx(120, abs=3)
    assert features(out)["tempo_bpm"].tolist() == pytest.approx([120, 120], abs=3)
    assert features(out)["low_share"].max() < 0.9


def test_unit_without_a_time_is_absent(shots, scenes, tmp_path, out):
    build_scene_features(shots, tmp_path / "nothing", scenes((None, None, None)), out)
    assert features(out)["present"].tolist() == [False]
