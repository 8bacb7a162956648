"""Proxies for annotation tools: frame n is the film's time n / fps, whatever the film's own clock does."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from corpus.annotations.importers.label_studio import IMPORTER
from corpus.annotations.importers.reading import Told
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.films.media.probe import probe
from corpus.films.media.proxy import MOST_LINES, OTHER_RATE, Proxy, constant_rate, make_proxy
from corpus.paths import file_digest
from tests.corpus.films.conftest import BITS, FilmMaker, marked, texture

VARIABLE_MS = np.cumsum([0, *np.random.default_rng(3).integers(21, 95, 119)]).tolist()


def proxy_of(film: Path, folder: Path) -> Proxy:
    return make_proxy(film, file_digest(film), folder / "media")


def numbers(path: Path) -> list[tuple[int, float]]:
    """The burned-in number and presentation time (s) of each picture, by a plain decode of the file."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            grey = frame.to_ndarray(format="gray")
            height, width = grey.shape
            row = grey[height // 4]
            bits = [int(row[round((bit + 0.5) * width / BITS)] > 128) for bit in range(BITS)]
            found.append((int("".join(map(str, bits)), 2), float(frame.time)))
    return found


def shown_at(t_ms: float, times_ms: list[int]) -> int:
    """Which picture of a film is on the screen at `t_ms`, where one that is due within a millisecond counts as there."""
    return max(k for k, start_ms in enumerate(times_ms) if start_ms <= t_ms + 1)


def test_frame_n_of_a_film_with_a_variable_rate_shows_what_the_film_shows_at_n_by_25_s(film_maker: FilmMaker, tmp_path: Path):
    film = film_maker("a.mp4", [marked(k) for k in range(120)], VARIABLE_MS)
    proxy = proxy_of(film, tmp_path)
    assert Fraction(proxy.fps_num, proxy.fps_den) == OTHER_RATE
    found = numbers(proxy.path)
    assert [t for _, t in found] == pytest.approx([n / 25 for n in range(proxy.n_frames)], abs=1e-6)
    assert [number for number, _ in found] == [shown_at(40 * n, VARIABLE_MS) for n in range(proxy.n_frames)]
    assert proxy.n_frames * 40 >= VARIABLE_MS[-1]


@pytest.mark.parametrize("start_ms", [0, 1234])
def test_a_late_start_is_the_films_beginning(film_maker: FilmMaker, tmp_path: Path, start_ms: int):
    film = film_maker("a.mkv", [marked(k) for k in range(120)], [start_ms + t for t in VARIABLE_MS])
    assert [number for number, _ in numbers(proxy_of(film, tmp_path).path)][:50] == [shown_at(40 * n, VARIABLE_MS) for n in range(50)]


@pytest.mark.parametrize("rate", [Fraction(24_000, 1001), Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(50)])
def test_a_constant_rate_is_kept_exactly_and_every_frame_is_the_films(tmp_path: Path, rate: Fraction):
    film = tmp_path / "a.mp4"
    with av.open(str(film), "w") as container:
        video = container.add_stream("libx264", rate=rate, width=160, height=96, pix_fmt="yuv420p")
        for k in range(200):
            frame = av.VideoFrame.from_ndarray(marked(k), format="rgb24")
            frame.pts, frame.time_base = k, 1 / rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    proxy = proxy_of(film, tmp_path)
    assert Fraction(proxy.fps_num, proxy.fps_den) == rate
    assert [number for number, _ in numbers(proxy.path)] == list(range(200))


def test_whole_milliseconds_do_not_hide_a_constant_rate(film_maker: FilmMaker):
    times = [round(1000 * k * 1001 / 24_000) for k in range(100)]
    film = film_maker("a.mkv", [marked(k) for k in range(100)], times)
    assert constant_rate(film, probe(film)) == Fraction(24_000, 1001)


@pytest.mark.parametrize("first_frame", [0, 1])
def test_a_region_of_the_tool_is_the_time_of_the_picture_that_it_was_drawn_on(film_maker: FilmMaker, tmp_path: Path, first_frame: int):
    """A rater sees number k burned in, and marks the frame it stands on; the judgement must begin when the film shows picture k."""
    film = film_maker("a.mp4", [marked(k) for k in range(120)], VARIABLE_MS)
    proxy = proxy_of(film, tmp_path)
    for n, (number, _) in enumerate(numbers(proxy.path)[:100:7]):
        frame = 7 * n + first_frame
        value = {"ranges": [{"start": frame, "end": frame}], "timelinelabels": ["joy"]}
        region = {"id": "r", "from_name": "emotion", "to_name": "video", "type": "timelinelabels", "value": value}
        task = {"id": 1, "data": {"film_id": "a", "fps": proxy.fps}, "annotations": [{"id": 1, "completed_by": 1, "result": [region]}]}
        files = {"e.json": json.dumps([task]).encode()}
        (judgement,) = IMPORTER.read(files, Pseudonyms(tmp_path / "p.json"), Told(first_frame=first_frame)).judgements
        assert judgement.start_ms is not None and judgement.end_ms is not None
        assert number == shown_at(judgement.start_ms, VARIABLE_MS)
        assert judgement.end_ms - judgement.start_ms == 40


def test_a_click_is_heard_where_the_film_has_it(film_maker: FilmMaker, tmp_path: Path):
    sound = np.zeros(4 * 48_000, np.float32)
    sound[96_000:97_000] = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(1000) / 48_000)
    times = [500 + 40 * k for k in range(100)]
    film = film_maker("a.mkv", [marked(k) for k in range(100)], times, sound=sound, sound_start_ms=300)
    proxy = proxy_of(film, tmp_path)
    assert proxy.has_sound
    with av.open(str(proxy.path)) as container:
        heard = [(float(frame.time), frame.to_ndarray()[0], frame.sample_rate) for frame in container.decode(audio=0)]
    onset = next(t + int(np.argmax(np.abs(samples) > 0.2)) / rate for t, samples, rate in heard if (np.abs(samples) > 0.2).any())
    # 2 s into a sound that starts 0.2 s before the first picture.
    assert onset == pytest.approx(1.8, abs=0.005)


def test_a_silent_film_has_a_proxy_without_sound_and_a_large_one_is_made_small(film_maker: FilmMaker, tmp_path: Path):
    film = film_maker("a.mp4", [texture(k, (1280, 960)) for k in range(10)], [40 * k for k in range(10)])
    proxy = proxy_of(film, tmp_path)
    assert (proxy.width, proxy.height, proxy.has_sound, proxy.n_frames) == (640, MOST_LINES, False, 10)
    with av.open(str(proxy.path)) as container:
        stream = container.streams.video[0]
        assert not container.streams.audio
        assert (stream.codec_context.name, stream.width, stream.height, stream.pix_fmt) == ("h264", 640, 480, "yuv420p")


def test_a_turned_film_stands_upright(film_maker: FilmMaker, tmp_path: Path):
    film = film_maker("a.mp4", [marked(k) for k in range(20)], [40 * k for k in range(20)], rotation=90)
    proxy = proxy_of(film, tmp_path)
    assert (proxy.width, proxy.height) == (96, 160)


def test_a_proxy_is_made_once_and_again_after_it_was_half_made(film_maker: FilmMaker, tmp_path: Path):
    film = film_maker("a.mp4", [marked(k) for k in range(60)], [40 * k for k in range(60)])
    first = proxy_of(film, tmp_path)
    made = first.path.stat().st_mtime_ns
    assert proxy_of(film, tmp_path) == first
    assert first.path.stat().st_mtime_ns == made
    first.path.with_suffix(".json").unlink()
    assert proxy_of(film, tmp_path) == first
    assert first.path.stat().st_mtime_ns > made
    assert sorted(path.suffix for path in first.path.parent.iterdir()) == [".json", ".mp4"]


def test_what_the_index_needs_stands_in_front(film_maker: FilmMaker, tmp_path: Path):
    film = film_maker("a.mp4", [marked(k) for k in range(60)], [40 * k for k in range(60)])
    content = proxy_of(film, tmp_path).path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
