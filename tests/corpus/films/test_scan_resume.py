"""A scan that is killed at any time goes on at its last finished chunk, and gives the same bytes as one that nobody stopped."""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from benchmarks.damaged import KINDS, Kind, write_kind
from corpus.chunks import Progress
from corpus.films import scan
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import build_film
from corpus.films.media.decode import VideoPass
from corpus.films.media.mark import NotTheSame
from corpus.films.scan import build_scan
from corpus.films.shots.shots import ShotSetting
from corpus.paths import content_version
from corpus.weights import WeightError, weight_path
from tests.corpus.films.conftest import texture, write_film

pytestmark = pytest.mark.long

CHUNK_MS = 2000
ARTIFACTS = ("shots", "faces", "soundtrack")
PROCESSES = multiprocessing.get_context("forkserver")
PATIENCE_S = 120


@pytest.fixture(scope="module", autouse=True)
def needs_weight() -> None:
    try:
        weight_path("blazeface-full-range")
    except WeightError as error:
        pytest.skip(str(error))


@dataclass
class Place:
    """Where one film is scanned to."""

    root: Path
    shots: ShotSetting = ShotSetting.FAST

    @property
    def work(self) -> Path:
        return self.root / "work"

    def outs(self) -> list[Path]:
        return [self.root / name for name in ARTIFACTS]

    def versions(self) -> dict[str, str]:
        return {out.name: content_version(out) for out in self.outs()}

    def finished(self) -> int:
        """Chunks on disk."""
        return len(list(self.work.glob("*/chunks/*/*.chunk")))

    def told(self) -> list[Progress]:
        return [Progress(**json.loads(line)) for line in (self.root / "told").read_text().splitlines()]


def run(place: Place) -> None:
    """One scan into fresh folders, with the work folder of the runs before."""
    for out in place.outs():
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
    # The code may be worked on while its tests run.
    with (place.root / "told").open("w") as told, patch.object(scan, "_version", return_value="1"):
        settings = {"shots": place.shots, "work": place.work, "chunk_ms": CHUNK_MS}
        build_scan(place.root / "film", *place.outs(), **settings, tell=lambda progress: _note(told, progress))


def _note(told: object, progress: Progress) -> None:
    told.write(json.dumps(progress.__dict__) + "\n")  # type: ignore[attr-defined]


def run_killed(place: Place, chunks: int, delay_s: float) -> None:
    """One scan in a process of its own that is killed some time after it has finished `chunks` in all."""
    process = PROCESSES.Process(target=run, args=(place,))
    process.start()
    until = time.monotonic() + PATIENCE_S
    while place.finished() < chunks and process.is_alive():
        assert time.monotonic() < until
        time.sleep(0.002)
    time.sleep(delay_s)
    process.kill()
    process.join()
    assert process.exitcode in (-signal.SIGKILL, 0)


def placed(root: Path, film: Path, shots: ShotSetting = ShotSetting.FAST) -> Place:
    (root / "film").mkdir(parents=True)
    build_film(Film(film_id="film", title="Film", video=film), root / "film")
    return Place(root, shots)


def film_of(kind: Kind | str, folder: Path) -> Path:
    """Twelve seconds and a bit."""
    if isinstance(kind, Kind):
        return write_kind(folder, kind, seconds=12)
    steps = [40, 17, 90, 33, 250, 41, 40, 500, 20, 40] * 12
    times = [417 + int(t) for t in np.cumsum(steps)]
    return write_film(folder / "variable.mkv", [texture(k // 20) for k in range(len(times))], times)


@pytest.mark.parametrize("kind", [*KINDS, "variable rate"], ids=lambda kind: kind.name if isinstance(kind, Kind) else kind)
def test_a_scan_killed_twice_gives_the_same_bytes_and_repeats_no_finished_chunk(kind: Kind | str, tmp_path: Path) -> None:
    film = film_of(kind, tmp_path)
    whole = placed(tmp_path / "whole", film)
    run(whole)
    killed = placed(tmp_path / "killed", film)
    chance = random.Random(str(kind))
    for chunks in (1, 3):
        run_killed(killed, chunks, chance.uniform(0, 0.2))
    finished = killed.finished()
    assert finished >= 3
    run(killed)
    assert killed.versions() == whole.versions()
    assert [progress.stored for progress in killed.told()] == [finished] * (whole.finished() - finished)
    assert all(progress.begun_ms >= 2000 * finished for progress in killed.told())


@pytest.mark.slow
def test_the_best_shots_go_on_too(tmp_path: Path) -> None:
    try:
        weight_path("transnetv2")
    except WeightError as error:
        pytest.skip(str(error))
    film = film_of(KINDS[0], tmp_path)
    whole, killed = (placed(tmp_path / name, film, ShotSetting.BEST) for name in ("whole", "killed"))
    run(whole)
    run_killed(killed, 3, 0.1)
    run(killed)
    assert killed.versions() == whole.versions()
    assert all(progress.stored >= 3 for progress in killed.told())


@pytest.mark.parametrize("number", [0, 3, 5])
def test_a_damaged_chunk_is_noticed_and_done_again(tmp_path: Path, number: int) -> None:
    place = placed(tmp_path, film_of(KINDS[0], tmp_path))
    run(place)
    versions = place.versions()
    chunks = sorted(place.work.glob("*/chunks/*/*.chunk"), key=lambda path: path.stat().st_mtime_ns)
    content = bytearray(chunks[number].read_bytes())
    content[len(content) // 2] ^= 4
    chunks[number].write_bytes(content)
    run(place)
    assert place.versions() == versions
    assert [progress.stored for progress in place.told()] == [number] * (len(chunks) - number)


def test_after_the_pass_no_picture_is_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = placed(tmp_path, film_of(KINDS[0], tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr(scan, "extract_sound", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(place)
    monkeypatch.setattr(VideoPass, "frames", lambda *_: pytest.fail("a picture is decoded"))
    run(place)
    assert place.told() == []
    monkeypatch.undo()
    whole = placed(tmp_path / "whole", tmp_path / "mp4.mp4")
    run(whole)
    assert place.versions() == whole.versions()


def test_a_film_that_decodes_otherwise_than_it_did_is_scanned_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = placed(tmp_path, film_of(KINDS[0], tmp_path))
    run(place)
    versions = place.versions()
    last = max(place.work.glob("*/chunks/*/*.chunk"), key=lambda path: path.stat().st_mtime_ns)
    last.unlink()
    marks: list[object] = []
    frames = VideoPass.frames

    def refuse(video: VideoPass, mark: object = None) -> object:
        marks.append(mark)
        if mark is not None:
            raise NotTheSame("as if damage had decoded otherwise")
        return frames(video)

    monkeypatch.setattr(VideoPass, "frames", refuse)
    run(place)
    assert [mark is None for mark in marks] == [False, True]
    assert place.versions() == versions


def test_without_a_work_folder_nothing_is_left(tmp_path: Path) -> None:
    place = placed(tmp_path / "place", film_of(KINDS[0], tmp_path))
    for out in place.outs():
        out.mkdir()
    build_scan(place.root / "film", *place.outs(), shots=ShotSetting.FAST)
    assert sorted(path.name for path in place.root.iterdir()) == sorted(("film", *ARTIFACTS))


@pytest.mark.slow
def test_a_scan_killed_again_and_again_comes_to_its_end(tmp_path: Path) -> None:
    """Each process lives for a time by chance; every one but the last is killed."""
    film = write_kind(tmp_path, KINDS[4], seconds=60)
    whole, killed = placed(tmp_path / "whole", film), placed(tmp_path / "killed", film)
    run(whole)
    chance, kills, process = random.Random(3), 0, None
    while process is None or process.exitcode != 0:
        process = PROCESSES.Process(target=run, args=(killed,))
        process.start()
        process.join(chance.uniform(0.5, 3))
        if process.is_alive():
            process.kill()
            kills += 1
        process.join()
    assert kills >= 3
    assert killed.versions() == whole.versions()
