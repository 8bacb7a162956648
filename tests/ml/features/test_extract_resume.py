"""An extraction by hand that is killed goes on where it was, in the same folder, and gives the same bytes."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest

from benchmarks.damaged import KINDS, write_kind
from corpus.chunks import ChunkStore, Progress
from corpus.films.shots.shots import ShotSetting
from corpus.paths import content_version
from corpus.terms import FeelmError
from ml.features.extract import UNFINISHED, Wanted, extract_media

pytestmark = pytest.mark.long

WANTED = Wanted(("scene",), shots=ShotSetting.FAST)
PATIENCE_S = 120


@pytest.fixture(autouse=True)
def weights(need_weights) -> None:
    need_weights("blazeface-full-range")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few seconds."""
    return write_kind(tmp_path_factory.mktemp("film"), next(iter(KINDS)), seconds=4)


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventy seconds: one whole chunk of the scan and a part of the next."""
    return write_kind(tmp_path_factory.mktemp("film"), next(iter(KINDS)), seconds=70)


def extract(film: Path, out: Path) -> None:
    extract_media(film, out, WANTED, ChunkStore(out.parent / "chunks"))


@pytest.mark.slow
def test_a_killed_extraction_goes_on_in_its_folder_with_the_chunks_it_had(longer: Path, tmp_path: Path) -> None:
    extract(longer, tmp_path / "whole")
    process = multiprocessing.get_context("forkserver").Process(target=extract, args=(longer, tmp_path / "killed"))
    process.start()
    until_s = time.monotonic() + PATIENCE_S
    while not list((tmp_path / "killed" / UNFINISHED).rglob("*.chunk")):
        assert time.monotonic() < until_s and process.is_alive()
        time.sleep(0.002)
    process.kill()
    process.join()
    had = len(list((tmp_path / "killed" / UNFINISHED).rglob("*.chunk")))
    told: list[Progress] = []
    extract_media(longer, tmp_path / "killed", WANTED, tell_of=lambda part: told.append if part == "reading" else lambda _: None)
    assert had >= 1 and len(told) == max(progress.chunks for progress in told) - had
    for part in ("shots", "faces", "soundtrack", "dialogue", "scenes", "scene_features"):
        assert content_version(tmp_path / "killed" / part) == content_version(tmp_path / "whole" / part)
    assert not (tmp_path / "killed" / UNFINISHED).exists()


def test_a_finished_extraction_is_not_written_over(film: Path, tmp_path: Path) -> None:
    extract(film, tmp_path / "found")
    with pytest.raises(FeelmError, match="not empty"):
        extract(film, tmp_path / "found")


def test_folders_of_somebody_elses_are_never_taken_away(film: Path, tmp_path: Path) -> None:
    for name in ("film", "unfinished", UNFINISHED):
        (tmp_path / "mine" / name).mkdir(parents=True)
    (tmp_path / "mine" / "film" / "reel.txt").write_text("the only copy")
    with pytest.raises(FeelmError, match="not empty"):
        extract(film, tmp_path / "mine")
    assert (tmp_path / "mine" / "film" / "reel.txt").read_text() == "the only copy"


def test_another_file_does_not_go_on_in_the_folder_of_an_unfinished_one(film: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mkv"
    other.write_bytes(film.read_bytes())
    (tmp_path / "found" / UNFINISHED).mkdir(parents=True)
    (tmp_path / "found" / UNFINISHED / "source").write_text(str(film.resolve()))
    with pytest.raises(FeelmError, match=f"unfinished extraction of {film.resolve()}"):
        extract(other, tmp_path / "found")
