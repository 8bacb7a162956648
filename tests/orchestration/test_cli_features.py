"""`feelm features` and `feelm benchmark features` on files made here."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from corpus.terms import FeelmError
from corpus.weights import verify
from orchestration.cli import app


def feelm(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    if isinstance(done.exception, FeelmError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def hum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three seconds of a voice-like hum at 150 Hz."""
    monkeypatch.setenv("FEELM_HOME", str(tmp_path / "home"))
    t = np.arange(3 * 16_000) / 16_000
    wave = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 10))
    soundfile.write(tmp_path / "hum.wav", 0.1 * np.asarray(wave, np.float32), 16_000)
    return tmp_path / "hum.wav"


def test_every_measure_is_listed_with_its_unit_and_meaning():
    listed = json.loads(feelm("features", "list", "--json"))
    assert set(listed) == {"face", "voice", "text", "scene"}
    assert all(one["name"] and one["meaning"] for measures in listed.values() for one in measures)
    units = {one["name"]: one["unit"] for one in listed["voice"]}
    assert (units["pitch_hz"], units["level_db"], units["formant1_hz"]) == ("Hz", "dBFS", "Hz")


def test_a_modality_that_does_not_exist_is_refused():
    with pytest.raises(FeelmError, match="choose among face, voice, text, scene"):
        feelm("features", "list", "smell")


def test_a_recording_is_measured_without_a_catalogue_and_the_second_time_from_what_was_kept(hum: Path, tmp_path: Path):
    if verify("swift-f0").state != "present":
        pytest.skip("weight swift-f0 is not there: run `make install`")
    for name in ("one", "two"):
        found = json.loads(feelm("features", "extract", str(hum), "--out", str(tmp_path / name), "--modality", "voice", "--json"))
        (voice,) = found["modalities"]
        assert (found["duration_ms"], voice["modality"]) == (3000, "voice")
        assert voice["rate"] > 0
    features = [(tmp_path / name / "voice_features" / "features.parquet").read_bytes() for name in ("one", "two")]
    assert features[0] == features[1]
    assert len(list((tmp_path / "home" / "cache" / "chunks").rglob("*.chunk"))) == 2, "the sound's minute and the units' speech"


def test_a_folder_that_holds_something_is_not_written_into(hum: Path, tmp_path: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("Dear Anna,")
    with pytest.raises(FeelmError, match="not empty"):
        feelm("features", "extract", str(hum), "--out", str(tmp_path / "full"), "--modality", "voice")


def test_a_device_that_is_not_there_is_told():
    with pytest.raises(FeelmError, match="torch cannot compute on 'cuda:77'"):
        feelm("benchmark", "features", "--device", "cuda:77")
