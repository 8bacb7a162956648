"""Bad input by the command line: one clear line, exit code 1, nothing lost."""

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import feelm


def test_a_text_file_named_like_a_film_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_text("not a film")
    done = feelm(tmp_path, "films", "add", "film.mp4")
    assert done.returncode == 1
    assert done.stderr.startswith("feelm: ") and "film.mp4" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".feelm" / "films.yaml").exists()


def test_a_film_id_that_leaves_its_folder_is_refused(tmp_path: Path, shared_data: Path) -> None:
    clip = shared_data / "pexels_actress" / "face_noface.mov"
    done = feelm(tmp_path, "films", "add", str(clip), "--id", "../x")
    assert done.returncode == 1
    assert "film id '../x' is not allowed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run",), "no film in the catalogue"),
        (("run", "--film", "absent"), "no film 'absent'"),
        (("report",), "no report"),
        (("detect", "Hello there."), "no champion model"),
        (("detect", "absent.mp4"), "there is no file absent.mp4"),
        (("corpus", "add", "unknown", "."), "no corpus 'unknown'"),
        (("annotations", "import", "absent.csv"), "absent.csv"),
        (("stage", "absent"), "no stage 'absent'"),
        (("films", "fetch", "absent"), "no film 'absent'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_1(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = feelm(tmp_path, *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("arguments", [("films", "make", "--films", "none"), ("absent",), ("stage", "dialogue")])
def test_a_wrong_command_is_exit_code_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert feelm(tmp_path, *arguments).returncode == 2


@pytest.mark.slow
def test_subtitles_without_a_cue_are_told_in_every_run_and_the_films_faces_go_on(tmp_path: Path, shared_data: Path) -> None:
    shutil.copy(shared_data / "pexels_actress" / "face_noface.mov", tmp_path / "clip.mov")
    (tmp_path / "clip.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nHello.\n")
    assert feelm(tmp_path, "films", "add", "clip.mov", "--id", "clip", "--subtitles", "clip.srt").returncode == 0
    (tmp_path / "clip.srt").write_text("this is no subtitle file")
    for _ in range(2):
        done = feelm(tmp_path, "run", "--film", "clip", "--json")
        assert done.returncode == 1, done.stdout + done.stderr
        failures = json.loads(done.stdout)["failures"]
        assert list(failures) == ["subtitles clip"] and "no cue in subtitles.srt" in failures["subtitles clip"][0]
        assert (tmp_path / ".feelm" / "data" / "face_features" / "clip" / "features.parquet").is_file()
