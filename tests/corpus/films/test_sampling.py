"""How often faces are looked for, and that nothing of a face is missed by looking seldom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from corpus.films import sampling
from corpus.films.faces import Detection, body_crop
from corpus.films.media.probe import MediaFacts, probe
from corpus.films.sampling import MotionMeter, Sampler
from corpus.films.unfinished import Saved, Spool
from tests.corpus.films.conftest import FilmMaker, texture

FRAME_MS = 40
SIZE = (96, 54)

Faces = Callable[[int], list[Detection]]


def face(x: float, score: float = 0.9, size: float = 0.1) -> Detection:
    return Detection(x, 0.3, size, size, score, (x + 0.03, 0.33), (x + 0.07, 0.33))


class FakeFrame:
    """A frame whose picture shows its time in its first pixels."""

    def __init__(self, t_ms: int, shot: int) -> None:
        self.t_ms, self._shot = t_ms, shot

    def rgb(self, width: int, height: int) -> np.ndarray:
        picture = cv2.resize(texture(self._shot), (width, height))
        picture[0, :3, 0] = self.t_ms // 65_536, self.t_ms // 256 % 256, self.t_ms % 256
        return picture


class FakeDetector:
    """Finds what `faces` says is there at the time that a picture shows."""

    def __init__(self, faces: Faces) -> None:
        self._faces = faces
        self.looked_ms: list[int] = []

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        high, middle, low = rgb[0, :3, 0].tolist()
        self.looked_ms.append(high * 65_536 + middle * 256 + low)
        return self._faces(self.looked_ms[-1])


@pytest.fixture
def facts(film_maker: FilmMaker) -> MediaFacts:
    return probe(film_maker("any.mp4", [texture(1, (640, 360))] * 3, [0, 40, 80]))


@pytest.fixture
def spools(tmp_path: Path) -> Iterator[Callable[[str], dict[str, Spool]]]:
    """Makes the files that a sampler writes."""
    made: list[Spool] = []

    def make(run: str) -> dict[str, Spool]:
        (tmp_path / run).mkdir()
        made.extend(Spool(tmp_path / run / name) for name in sampling.SPOOLS)
        return dict(zip(sampling.SPOOLS, made[-len(sampling.SPOOLS) :], strict=True))

    yield make
    for spool in made:
        spool.close()


@pytest.fixture
def sample(facts: MediaFacts, spools: Callable[[str], dict[str, Spool]]) -> Callable[..., tuple[FakeDetector, Saved, dict[str, Spool]]]:
    """Sample a film of a length with the faces given; `cuts_ms` are where other shots begin."""
    files = spools("film")

    def run(duration_ms: int, faces: Faces, cuts_ms: tuple[int, ...] = ()) -> tuple[FakeDetector, Saved, dict[str, Spool]]:
        detector = FakeDetector(faces)
        sampler = Sampler(facts, detector, files)  # type: ignore[arg-type]
        for t_ms in range(0, duration_ms, FRAME_MS):
            frame = FakeFrame(t_ms, sum(t_ms >= cut_ms for cut_ms in cuts_ms))
            sampler.push(frame, frame.rgb(*SIZE))  # type: ignore[arg-type]
        return detector, sampler.save(), files

    return run


def test_an_empty_picture_is_looked_at_once_a_second_and_measured_five_times(sample) -> None:
    detector, saved, _ = sample(10_000, lambda t_ms: [])
    assert detector.looked_ms == [0, 200, 400, *range(1000, 10_000, 1000)]
    assert saved.log["looked_ms"].tolist() == detector.looked_ms
    assert saved.log["t_ms"].tolist() == list(range(0, 10_000, 200))


def test_a_face_that_hardly_moves_is_looked_at_five_times_a_second(sample) -> None:
    detector, saved, _ = sample(4000, lambda t_ms: [face(0.1 + t_ms / 100_000)])
    assert detector.looked_ms == list(range(0, 4000, 200))
    assert saved.log["face_ms"].tolist() == detector.looked_ms


def test_a_fast_face_is_looked_at_every_second_frame_while_it_is_fast(sample) -> None:
    def running(t_ms: int) -> list[Detection]:
        return [face(0.1 + 0.3 * min(max(t_ms - 1000, 0), 2000) / 1000)]  # three faces a second, from 1000 to 3000 ms

    _, saved, _ = sample(5000, running)
    steps = np.diff(saved.log["looked_ms"])
    assert set(steps[saved.log["looked_ms"][1:] > 3200]) <= {200}
    during = saved.log["looked_ms"][(saved.log["looked_ms"] >= 1200) & (saved.log["looked_ms"] <= 3000)]
    assert set(np.diff(during)) == {80}
    assert saved.log["t_ms"].tolist() == list(range(0, 5000, 200))


@pytest.mark.parametrize("begins_ms", [1000, 4040, 4160, 4999])
def test_a_face_that_comes_into_an_empty_picture_is_found_from_its_first_sample_on(sample, begins_ms: int) -> None:
    _, saved, files = sample(8000, lambda t_ms: [face(0.4)] if t_ms >= begins_ms else [])
    expected = [t_ms for t_ms in range(0, 8000, 200) if t_ms >= begins_ms]
    assert saved.log["face_ms"].tolist() == expected
    assert len(files[sampling.CROPS]) == len(expected)
    assert saved.log["looked_ms"].tolist() == sorted(saved.log["looked_ms"].tolist())


def test_a_faint_face_is_reason_enough_to_look_again(sample) -> None:
    _, saved, _ = sample(8000, lambda t_ms: [face(0.4, score=0.5 if t_ms < 6000 else 0.9)] if t_ms >= 4000 else [])
    assert saved.log["face_ms"].tolist() == list(range(4000, 8000, 200))


def test_a_new_shot_is_looked_at_as_a_new_picture(sample) -> None:
    detector, _, _ = sample(6000, lambda t_ms: [], cuts_ms=(3320,))
    assert [t_ms for t_ms in detector.looked_ms if 3000 < t_ms < 4000] == [3400, 3600, 3800]


def test_bodies_are_kept_twice_a_second_and_when_a_face_is_new(sample) -> None:
    _, saved, files = sample(4000, lambda t_ms: [face(0.1)] + ([face(0.7)] if t_ms >= 1800 else []))
    faces, times = saved.log["body_face"], saved.log["face_ms"]
    left = [int(times[row]) for row in faces if saved.log["face"][row, 0] == 0.1]
    right = [int(times[row]) for row in faces if saved.log["face"][row, 0] == 0.7]
    assert left == [0, 600, 1000, 1600, 2000, 2600, 3000, 3600]
    assert right == [1800, 2000, 2600, 3000, 3600]
    assert len(files[sampling.BODIES]) == len(faces)


def test_a_body_is_what_the_picture_shows_around_the_face(sample, facts: MediaFacts) -> None:
    _, saved, files = sample(400, lambda t_ms: [face(0.45, size=0.05)])
    picture = FakeFrame(0, 0).rgb(640, 360)
    expected, region = body_crop(picture, face(0.45, size=0.05))
    shown = cv2.imdecode(np.frombuffer(files[sampling.BODIES].piece(0), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    assert saved.log["body"][0].tolist() == list(region)
    assert np.abs(shown.astype(int) - expected).mean() < 3


def test_a_sampler_goes_on_where_another_one_was(facts: MediaFacts, spools: Callable[[str], dict[str, Spool]]) -> None:
    def faces(t_ms: int) -> list[Detection]:
        return [face(0.1 + 0.2 * (t_ms % 2000) / 1000)] if t_ms % 5000 > 2500 else []

    def run(name: str, stops_ms: tuple[int, ...]) -> tuple[dict[str, list[object]], list[bytes]]:
        files = spools(name)
        sampler = Sampler(facts, FakeDetector(faces), files)  # type: ignore[arg-type]
        logs = []
        for t_ms in range(0, 16_000, FRAME_MS):
            frame = FakeFrame(t_ms, t_ms // 3000)
            sampler.push(frame, frame.rgb(*SIZE))  # type: ignore[arg-type]
            if t_ms in stops_ms:
                saved = sampler.save()
                logs.append(saved.log)
                sampler = Sampler(facts, FakeDetector(faces), files)  # type: ignore[arg-type]
                sampler.restore(saved.now)
        logs.append(sampler.save().log)
        joined = {key: np.concatenate([log[key] for log in logs]).tolist() for key in logs[0]}
        return joined, [file.piece(row) for file in files.values() for row in range(len(file))]

    assert run("whole", ()) == run("parts", (3000, 6000, 11_000))


def test_the_step_between_frames_is_their_mean_difference() -> None:
    meter = MotionMeter()
    meter.push(0, np.full((54, 96, 3), 10, np.uint8))
    assert meter.step() == 0
    meter.push(40, np.full((54, 96, 3), 61, np.uint8))
    assert meter.step() == pytest.approx(0.2)
