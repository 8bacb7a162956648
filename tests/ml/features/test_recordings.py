"""Recordings of a corpus are measured as a film's sound is."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from corpus.contracts import UNIT_FEATURES, UNITS
from corpus.datasets.ravdess import CLIPS, build_ravdess
from ml.features.recordings import build_recording_features
from ml.features.voice import FUNCTIONALS


@pytest.fixture
def spoken(shared_data: Path, tmp_path: Path) -> Path:
    """Two actors with four recordings each; one is turned into 48 kHz stereo, one is silent, one is no sound at all."""
    for actor in ("01", "03"):
        folder = tmp_path / "source" / f"Actor_{actor}"
        folder.mkdir(parents=True)
        for path in sorted((shared_data / "ravdess_speech_16k" / f"Actor_{actor}").glob("03-01-05-*.flac"))[:4]:
            (folder / path.name).write_bytes(path.read_bytes())
    first, second, third, _ = sorted((tmp_path / "source" / "Actor_01").iterdir())
    samples, rate = soundfile.read(first)
    soundfile.write(first.with_suffix(".wav"), np.repeat(np.repeat(samples, 3)[:, None], 2, axis=1), 3 * rate)
    first.unlink()
    soundfile.write(second, np.zeros(rate), rate)
    third.write_bytes(b"no sound")
    return tmp_path / "source"


@pytest.fixture
def measured(spoken: Path, tmp_path: Path) -> pd.DataFrame:
    corpus, out = tmp_path / "corpus", tmp_path / "voice"
    corpus.mkdir()
    out.mkdir()
    build_ravdess(spoken, corpus)
    build_recording_features(corpus, spoken, out)
    assert UNITS.read(corpus / "units.parquet")["unit_id"].tolist() == UNIT_FEATURES.read(out / "features.parquet")["unit_id"].tolist()
    return UNIT_FEATURES.read(out / "features.parquet").set_index("unit_id")


def test_spoken_recordings_are_present_and_others_told(measured: pd.DataFrame, tmp_path: Path) -> None:
    assert measured["present"].tolist() == [True, False, False, True, True, True, True, True]
    assert set(FUNCTIONALS) <= set(measured.columns)
    summary = json.loads((tmp_path / "voice" / "summary.json").read_text())
    assert (summary["n_units"], summary["n_present"]) == (8, 6)
    assert summary["missing"].startswith("no voice in 2 of 8")


def test_each_unit_is_as_long_as_its_recording(measured: pd.DataFrame, spoken: Path, tmp_path: Path) -> None:
    paths = CLIPS.read(tmp_path / "corpus" / "clips.parquet").set_index("unit_id")["path"]
    for unit_id, row in measured[measured["present"]].iterrows():
        assert row["duration_s"] == pytest.approx(soundfile.info(str(spoken / paths[unit_id])).duration, abs=0.033)


def test_a_corpus_without_recordings_has_no_voice_and_no_columns(tmp_path: Path) -> None:
    unit = {"unit_id": "a.1", "film_id": "a", "level": "utterance", "text": "Hm."}
    UNITS.write(UNITS.frame([unit]), tmp_path / "units.parquet")
    summary = build_recording_features(tmp_path, tmp_path, tmp_path)
    assert summary.missing == "no recordings"
    assert UNIT_FEATURES.read(tmp_path / "features.parquet").to_dict("list") == {"unit_id": ["a.1"], "present": [False]}
