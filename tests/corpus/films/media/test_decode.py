import json
from pathlib import Path

import numpy as np
import pytest

from corpus.films.media.damage import CutOff, clock
from corpus.films.media.decode import Frame, VideoPass, fitted
from corpus.films.media.probe import MediaError, probe
from tests.corpus.films.conftest import FilmMaker, texture


def _frames(path: Path) -> list[tuple[int, float]]:
    """(time, mean brightness) of every frame."""
    return [(frame.t_ms, float(frame.rgb(32, 20).mean())) for frame in VideoPass(path)]


def test_variable_rate_and_late_start_keep_every_presentation_time(film_maker: FilmMaker) -> None:
    steps = [40, 17, 90, 33, 250, 41, 40, 500, 20, 40] * 4
    times = [417 + int(t) for t in np.cumsum(steps)]
    path = film_maker("vfr.mkv", [texture(k) for k in range(len(times))], times)
    video = VideoPass(path)
    assert [frame.t_ms for frame in video] == [t - times[0] for t in times]
    assert video.summary().variable_rate
    assert video.summary().duration_ms > times[-1] - times[0]


def test_constant_rate_is_told_as_such_with_its_length(film_maker: FilmMaker) -> None:
    path = film_maker("steady.mp4", [texture(k // 10) for k in range(50)], [40 * k for k in range(50)])
    video = VideoPass(path)
    times = [frame.t_ms for frame in video]
    summary = video.summary()
    assert times == [40 * k for k in range(50)]
    assert not summary.variable_rate
    assert summary.n_frames == 50
    assert abs(summary.duration_ms - 2000) <= 40
    assert summary.damage == ()


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (-90, 3), (180, 2)])
def test_rotation_is_applied_to_the_picture(film_maker: FilmMaker, rotation: int, turns: int) -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48] = (250, 250, 250)
    path = film_maker("turned.mp4", [picture] * 30, [40 * k for k in range(30)], rotation=rotation)
    video = VideoPass(path)
    expected = np.rot90(picture, turns)
    assert (video.facts.display_width, video.facts.display_height) == (expected.shape[1], expected.shape[0])
    shown = next(iter(video)).rgb(*fitted(video.facts, 96))
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < 8


def test_sample_aspect_widens_the_picture(shared_data: Path) -> None:
    facts = probe(shared_data / "popeye_1936" / "Title T00-1.mkv")
    assert (facts.width, facts.height, facts.display_width) == (720, 478, 640)
    assert fitted(facts, 320) == (320, 240)


def _cut(path: Path, share: float) -> Path:
    shorter = path.with_name("cut-off" + path.suffix)
    content = path.read_bytes()
    shorter.write_bytes(content[: int(len(content) * share)])
    return shorter


def test_a_film_cut_off_after_its_index_is_used_as_far_as_it_goes_and_dated(film_maker: FilmMaker) -> None:
    pictures = [texture(k) for k in range(200)]
    whole = film_maker("whole.mp4", pictures, [40 * k for k in range(200)], options={"movflags": "faststart"})
    video = VideoPass(_cut(whole, 0.6))
    times = [frame.t_ms for frame in video]
    damage = video.summary().damage
    assert 2000 < times[-1] < 6500
    assert isinstance(damage[-1], CutOff)
    assert str(damage[-1]) == f"ends at {clock(times[-1] + 40)} of 00:00:07: the rest is not in the file"


def test_a_film_cut_off_before_its_index_is_refused(film_maker: FilmMaker) -> None:
    whole = film_maker("whole.mp4", [texture(k) for k in range(50)], [40 * k for k in range(50)])
    with pytest.raises(MediaError, match="cannot be read as a film"):
        VideoPass(_cut(whole, 0.6))


def test_flipped_bytes_never_pass_silently_nor_hang(film_maker: FilmMaker) -> None:
    whole = film_maker("whole.mp4", [texture(k) for k in range(100)], [40 * k for k in range(100)], options={"movflags": "faststart"})
    content = bytearray(whole.read_bytes())
    clean = _frames(whole)
    noise = np.random.default_rng(7)
    for trial in range(12):
        damaged = bytearray(content)
        for at in noise.integers(len(content) // 8, len(content), 60):
            damaged[at] ^= int(noise.integers(1, 256))
        path = whole.with_name(f"flipped-{trial}.mp4")
        path.write_bytes(damaged)
        try:
            video = VideoPass(path, wall_limit_s=20)
            frames = [(frame.t_ms, float(frame.rgb(32, 20).mean())) for frame in video]
        except MediaError as error:
            assert str(path) in str(error)
            continue
        assert video.summary().damage or frames == clean


def test_a_wall_clock_limit_ends_the_pass(film_maker: FilmMaker) -> None:
    path = film_maker("long.mp4", [texture(0)] * 30, [40 * k for k in range(30)])
    with pytest.raises(MediaError, match="took more than"):
        list(VideoPass(path, wall_limit_s=0.0))


def test_facts_are_plain_json(film_maker: FilmMaker) -> None:
    from dataclasses import asdict

    path = film_maker("steady.mp4", [texture(0)] * 10, [40 * k for k in range(10)])
    assert json.loads(json.dumps(asdict(probe(path))))["video_codec"] == "h264"


def test_clock_counts_hours() -> None:
    assert clock(2_463_999) == "00:41:03"
    assert clock(7_200_000) == "02:00:00"


def test_frames_are_numbered_in_order(film_maker: FilmMaker) -> None:
    path = film_maker("steady.mp4", [texture(0)] * 10, [40 * k for k in range(10)])
    frames: list[Frame] = list(VideoPass(path))
    assert [frame.index for frame in frames] == list(range(10))
