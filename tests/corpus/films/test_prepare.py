"""Any file brought to its artifacts: a recording without pictures, and a film whose pictures nobody asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from corpus.contracts import FACES, SHOTS, UNITS
from corpus.films.catalogue.entries import Film
from corpus.films.media.probe import MediaError
from corpus.films.prepare import ARTIFACTS, prepare_film
from corpus.paths import content_version

SECONDS = 6


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Six seconds of a tone in a file that holds nothing else, at another rate than ours."""
    tone = 0.2 * np.sin(2 * np.pi * 220 * np.arange(SECONDS * 22_050) / 22_050)
    soundfile.write(tmp_path / "tone.wav", tone.astype(np.float32), 22_050)
    return tmp_path / "tone.wav"


def prepare(media: Path, folder: Path, subtitles: Path | None = None, *, pictures: bool = False) -> Path:
    film = Film("film", media.name, media, language="en", subtitles=subtitles)
    prepare_film(film, lambda name: folder / name, pictures=pictures)
    return folder


def test_a_recording_is_one_shot_without_faces(recording: Path, tmp_path: Path):
    made = prepare(recording, tmp_path / "made")
    shots = SHOTS.read(made / "shots" / "shots.parquet")
    assert shots[["start_ms", "end_ms"]].to_numpy().tolist() == [[0, SECONDS * 1000]]
    assert not len(FACES.read(made / "faces" / "faces.parquet"))
    sound, rate = soundfile.read(made / "soundtrack" / "sound.flac")
    assert (rate, len(sound)) == (16_000, pytest.approx(SECONDS * 16_000, abs=200))
    assert {path.name for path in made.iterdir()} == set(ARTIFACTS)


def test_subtitles_beside_a_recording_become_its_lines(recording: Path, tmp_path: Path):
    (tmp_path / "tone.srt").write_text("1\n00:00:01,000 --> 00:00:02,500\nDo you hear that?\n", encoding="utf-8")
    made = prepare(recording, tmp_path / "made", tmp_path / "tone.srt")
    lines = UNITS.read(made / "scenes" / "units.parquet").query("level == 'utterance'")
    assert lines[["start_ms", "end_ms", "text"]].to_numpy().tolist() == [[1000, 2500, "Do you hear that?"]]


def test_the_same_recording_gives_the_same_bytes(recording: Path, tmp_path: Path):
    made, again = prepare(recording, tmp_path / "a"), prepare(recording, tmp_path / "b")
    assert [content_version(made / name) for name in ARTIFACTS] == [content_version(again / name) for name in ARTIFACTS]


def test_what_is_neither_film_nor_recording_is_refused(tmp_path: Path):
    (tmp_path / "letter.wav").write_text("Dear Anna,")
    with pytest.raises(MediaError, match="cannot be read as a film"):
        prepare(tmp_path / "letter.wav", tmp_path / "made")


def test_pictures_of_a_recording_are_asked_for_in_vain(recording: Path, tmp_path: Path):
    with pytest.raises(MediaError, match="no video stream"):
        prepare(recording, tmp_path / "made", pictures=True)
