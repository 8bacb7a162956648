"""Films as people really have them: every picture carries its own number in black and white, every sound a click at a known time."""

import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from av.stream import Disposition

from corpus.films.media.decode import VideoPass, fitted
from corpus.films.media.probe import MediaError, probe
from corpus.films.media.sound import RATE_HZ, extract_sound, mix
from tests.corpus.films.conftest import BITS, FilmMaker, clicking, marked, texture, write_film

Write = Callable[..., Path]


def number_of(picture: np.ndarray) -> int:
    """What `marked` wrote."""
    height, width = picture.shape[:2]
    row = picture[height // 4].mean(axis=1)
    return sum(1 << (BITS - 1 - bit) for bit in range(BITS) if row[int((bit + 0.5) * width / BITS)] > 110)


def shown(path: Path) -> list[tuple[int, int]]:
    """(time in ms, number) of every picture of a film."""
    video = VideoPass(path)
    frames = [(frame.t_ms, number_of(frame.rgb(160, 96))) for frame in video]
    assert video.summary().damage == ()
    return frames


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes pictures with any codec and options: write(name, pictures, codec=..., ...)."""

    def make(name: str, pictures: Sequence[np.ndarray | av.VideoFrame], **more: object) -> Path:
        return write_pictures(tmp_path / name, pictures, **more)  # type: ignore[arg-type]

    return make


def write_pictures(
    path: Path,
    pictures: Sequence[np.ndarray | av.VideoFrame],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    fps: int = 25,
    options: dict[str, str] | None = None,
    settings: dict[str, object] | None = None,
) -> Path:
    """`settings` are attributes of the encoder."""
    with av.open(str(path), "w") as container:
        first = pictures[0]
        width, height = (first.width, first.height) if isinstance(first, av.VideoFrame) else first.shape[1::-1]
        stream = container.add_stream(codec, rate=fps, width=width, height=height, pix_fmt=pixels)
        stream.codec_context.options = options or {}
        for name, value in (settings or {}).items():
            setattr(stream.codec_context, name, value)
        for number, picture in enumerate(pictures):
            frame = picture if isinstance(picture, av.VideoFrame) else av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class TestTime:
    def test_pictures_that_are_stored_out_of_order_are_shown_in_order(self, write: Write) -> None:
        options = {"bf": "3", "b_strategy": "0", "g": "12", "x264-params": "open-gop=1:keyint=12:bframes=3:b-adapt=0"}
        for name in ("open.mp4", "open.mkv", "open.ts"):
            frames = shown(write(name, [marked(k) for k in range(60)], options=options))
            assert frames == [(40 * k, k) for k in range(60)], name

    def test_an_edit_list_that_trims_the_beginning_is_obeyed(self, write: Write) -> None:
        """Its media time is moved on by ten pictures: the film begins with picture 10, although the one before it is decoded."""
        path = write("trimmed.mp4", [marked(k) for k in range(60)], options={"bf": "0", "g": "30"}, settings={"max_b_frames": 0})
        content = bytearray(path.read_bytes())
        entry = content.index(b"elst") + 12
        ticks = int(probe_time_scale(path) * 10 / 25)
        content[entry + 4 : entry + 8] = ticks.to_bytes(4, "big")
        path.write_bytes(content)
        assert shown(path) == [(40 * k, k + 10) for k in range(50)]

    def test_a_stream_whose_clock_begins_anywhere_begins_at_nought(self, film_maker: FilmMaker) -> None:
        for begin in (0, 1, 95_443_000):
            path = film_maker("clock.mkv", [marked(k) for k in range(30)], [begin + 40 * k for k in range(30)])
            assert shown(path) == [(40 * k, k) for k in range(30)]

    @pytest.mark.parametrize("name", ["one.mp4", "one.mkv"])
    def test_one_picture_is_a_film(self, write: Write, name: str) -> None:
        assert shown(write(name, [marked(7)])) == [(0, 7)]


def probe_time_scale(path: Path) -> int:
    with av.open(str(path)) as container:
        return int(1 / container.streams.video[0].time_base)


class TestShape:
    @pytest.mark.parametrize(("aspect", "display"), [(Fraction(2), (320, 96)), (Fraction(1, 2), (80, 96)), (Fraction(64, 45), (228, 96))])
    def test_pixels_that_are_not_square_are_made_square(self, write: Write, aspect: Fraction, display: tuple[int, int]) -> None:
        path = write("aspect.mp4", [marked(k) for k in range(5)], settings={"sample_aspect_ratio": aspect})
        facts = probe(path)
        assert (facts.display_width, facts.display_height) == display
        assert [number for _, number in shown(path)] == list(range(5))

    @pytest.mark.parametrize("size", [(1, 1), (3, 5), (17, 2), (2, 300)])
    def test_tiny_and_odd_pictures_are_read(self, write: Write, size: tuple[int, int]) -> None:
        path = write("tiny.mkv", [np.full((size[1], size[0], 3), 30 * k, np.uint8) for k in range(8)], codec="ffv1", pixels="bgr0")
        video = VideoPass(path)
        levels = [frame.rgb(*fitted(video.facts, 96)).mean() for frame in video]
        assert levels == pytest.approx([30 * k for k in range(8)], abs=2)

    def test_a_film_that_changes_its_size_goes_on_in_the_size_that_was_asked_for(self, tmp_path: Path) -> None:
        path = tmp_path / "sizes.ts"
        with av.open(str(path), "w") as container:
            streams = [container.add_stream("libx264", rate=25, width=w, height=h, pix_fmt="yuv420p") for w, h in [(160, 96)]]
            for part, (width, height) in enumerate([(160, 96), (320, 192), (64, 64)]):
                encoder = av.CodecContext.create("libx264", "w")
                encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuv420p", Fraction(1, 25)
                encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
                for k in range(10):
                    frame = av.VideoFrame.from_ndarray(marked(10 * part + k, (width, height)), format="rgb24")
                    frame.pts, frame.time_base = 10 * part + k, Fraction(1, 25)
                    for packet in encoder.encode(frame):
                        packet.stream, packet.time_base = streams[0], Fraction(1, 25)
                        container.mux(packet)
        assert shown(path) == [(40 * k, k) for k in range(30)]

    def test_a_cover_larger_than_the_film_is_not_the_film(self, tmp_path: Path) -> None:
        path = tmp_path / "cover.mp4"
        with av.open(str(path), "w") as container:
            film = container.add_stream("libx264", rate=25, width=160, height=96, pix_fmt="yuv420p")
            cover = container.add_stream("mjpeg", rate=1, width=640, height=640, pix_fmt="yuvj420p")
            cover.disposition = Disposition.attached_pic
            container.mux(cover.encode(av.VideoFrame.from_ndarray(texture(1, (640, 640)), format="rgb24").reformat(format="yuvj420p")))
            for k in range(20):
                container.mux(film.encode(av.VideoFrame.from_ndarray(marked(k), format="rgb24")))
            container.mux(film.encode(None))
        assert probe(path).width == 160
        assert [number for _, number in shown(path)] == list(range(20))


class TestFields:
    def _woven(self, count: int) -> list[av.VideoFrame]:
        """A white bar that moves 12 pixels from one field to the next."""
        frames = []
        for k in range(count):
            picture = np.full((240, 320, 3), 40, np.uint8)
            for field in (0, 1):
                left = 20 + 6 * (2 * k + field) * 2 % 250
                picture[field::2, left : left + 30] = 220
            frames.append(av.VideoFrame.from_ndarray(picture, format="rgb24"))
        return frames

    def _combing(self, path: Path) -> float:
        """Mean difference of neighbouring lines."""
        video = VideoPass(path)
        return float(np.mean([np.abs(np.diff(frame.rgb(320, 240).astype(int), axis=0)).mean() for frame in video]))

    def test_two_moments_woven_into_one_picture_are_told_apart(self, write: Write) -> None:
        woven = write("woven.mkv", self._woven(20), options={"x264-params": "tff=1:crf=10"})
        assert probe(woven).interlaced
        assert self._combing(woven) < 2
        as_it_lies = write("as-it-lies.mkv", self._woven(20), options={"x264-params": "crf=10"})
        assert self._combing(as_it_lies) > 10


class TestColour:
    @pytest.mark.parametrize(
        ("codec", "pixels"), [("libx265", "yuv420p10le"), ("ffv1", "gray"), ("ffv1", "yuv444p16le"), ("qtrle", "argb")]
    )
    def test_ten_bits_no_colour_and_transparency_are_read(self, write: Write, codec: str, pixels: str) -> None:
        options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        path = write(
            "pixels.mov" if codec == "qtrle" else "pixels.mkv", [marked(k) for k in range(12)], codec=codec, pixels=pixels, options=options
        )
        assert shown(path) == [(40 * k, k) for k in range(12)]
        assert next(iter(VideoPass(path))).rgb(160, 96)[80:].mean() == pytest.approx(110, abs=3)

    @pytest.mark.parametrize(("width", "height", "weights"), [(1280, 720, (0.2126, 0.7152)), (640, 480, (0.299, 0.587))])
    def test_colours_that_nobody_describes_are_those_of_their_size(
        self, write: Write, width: int, height: int, weights: tuple[float, float]
    ) -> None:
        """BT.709 from 720 lines on, BT.601 below: a green made by that matrix comes back."""
        red, green, blue = 60 / 255, 180 / 255, 90 / 255
        kr, kg = weights
        kb = 1 - kr - kg
        luma = kr * red + kg * green + kb * blue
        codes = 16 + 219 * luma, 128 + 224 * (blue - luma) / (2 * (1 - kb)), 128 + 224 * (red - luma) / (2 * (1 - kr))
        path = write("green.mkv", [_planes(width, height, codes, 1)] * 3, codec="ffv1")
        assert next(iter(VideoPass(path))).rgb(64, 48).mean(axis=(0, 1)) == pytest.approx([60, 180, 90], abs=2)

    @pytest.mark.parametrize(("light", "expected"), [(0.0, 0.0), (5.0, 5.0), (50.0, 50.0), (1000.0, 203.0)])
    def test_light_of_pq_comes_to_the_same_light_in_standard_range(self, write: Write, light: float, expected: float) -> None:
        """Signals by SMPTE ST 2084; what comes out is read as a display with gamma 2.4 and white at 203 cd/m² shows it."""
        power = (light / 10_000) ** 0.1593017578125
        signal = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
        assert self._shown_light(write, signal, 16) == pytest.approx(expected, rel=0.08, abs=0.3)

    @pytest.mark.parametrize(("signal", "expected"), [(0.0, 0.0), (0.38, 26.0)])
    def test_light_of_hlg_too(self, write: Write, signal: float, expected: float) -> None:
        """BT.2408: middle grey stands at 38 %, which a display of 1000 cd/m² shows with 26 cd/m²."""
        assert self._shown_light(write, signal, 18) == pytest.approx(expected, rel=0.08, abs=0.3)

    def _shown_light(self, write: Write, signal: float, transfer: int) -> float:
        frames = [_planes(320, 192, (64 + 876 * signal, 512, 512), 2)] * 3
        settings = {"color_trc": transfer, "color_primaries": 9, "colorspace": 9}
        path = write("bright.mkv", frames, codec="ffv1", pixels="yuv420p10le", settings=settings)
        picture = next(iter(VideoPass(path))).rgb(64, 48)
        assert np.ptp(picture.mean(axis=(0, 1))) <= 1
        return float(203 * (picture.mean() / 255) ** 2.4)


def _planes(width: int, height: int, codes: tuple[float, float, float], size: int) -> av.VideoFrame:
    """A plain 4:2:0 picture of given codes, 8 bit (`size` 1) or 10 bit (2)."""
    kind = np.uint8 if size == 1 else np.uint16
    shapes = [(height, width), (height // 2, width // 2), (height // 2, width // 2)]
    planes = [np.full(shape, round(code), kind).reshape(-1) for code, shape in zip(codes, shapes, strict=True)]
    flat = np.concatenate(planes).reshape(height * 3 // 2, width)
    return av.VideoFrame.from_ndarray(flat, format="yuv420p" if size == 1 else "yuv420p10le")


class TestSound:
    def _surround(self, path: Path, levels: dict[str, float], layout: str) -> Path:
        """A film of three seconds whose channels are steady tones of their own pitch and level."""
        names = [channel.name for channel in av.AudioLayout(layout).channels]
        at = np.arange(3 * 48_000) / 48_000
        sound = np.array([levels.get(name, 0) * np.sin(2 * np.pi * (300 + 200 * k) * at) for k, name in enumerate(names)], np.float32)
        with av.open(str(path), "w") as container:
            video = container.add_stream("libx264", rate=25, width=160, height=96, pix_fmt="yuv420p")
            audio = container.add_stream("pcm_f32le", rate=48_000, layout=layout)
            for k in range(75):
                container.mux(video.encode(av.VideoFrame.from_ndarray(marked(k), format="rgb24")))
            container.mux(video.encode(None))
            frame = av.AudioFrame.from_ndarray(sound.T.reshape(1, -1).copy(), format="flt", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
        return path

    def _levels(self, path: Path, pitches: Sequence[int]) -> list[float]:
        extract_sound(path, probe(path), 3000, path.with_suffix(".flac"))
        sound = soundfile.read(path.with_suffix(".flac"))[0][RATE_HZ : 2 * RATE_HZ]
        return [float(2 * abs(np.fft.rfft(sound)[pitch]) / RATE_HZ) for pitch in pitches]

    @pytest.mark.parametrize("layout", ["5.1", "5.1(side)", "7.1"])
    def test_speech_in_the_centre_stands_above_the_music_around_it(self, tmp_path: Path, layout: str) -> None:
        path = self._surround(tmp_path / "surround.mkv", {"FL": 0.5, "FR": 0.5, "FC": 0.5, "LFE": 0.5, "SL": 0.5, "BL": 0.5}, layout)
        left, right, centre = self._levels(path, [300, 500, 700])
        assert centre == pytest.approx(0.35, rel=0.03)
        assert left == pytest.approx(right, rel=0.05)
        assert 20 * np.log10(centre / left) == pytest.approx(8.9, abs=0.5)

    def test_both_sides_of_stereo_count_the_same_and_loud_speech_is_not_clipped(self, tmp_path: Path) -> None:
        left, right = self._levels(self._surround(tmp_path / "stereo.mkv", {"FL": 0.9, "FR": 0.9}, "stereo"), [300, 500])
        assert [left, right] == pytest.approx([0.45, 0.45], rel=0.02)

    @pytest.mark.parametrize("layout", ["mono", "stereo", "2.1", "quad", "5.1", "7.1"])
    def test_no_mix_is_empty_or_too_loud(self, layout: str) -> None:
        weights = mix([channel.name for channel in av.AudioLayout(layout).channels])
        assert 0.99 < sum(weights) < 2
        assert min(weights) >= 0


class TestRefusal:
    @pytest.mark.parametrize("kind", ["fifo", "folder", "device", "link to a device", "address", "absent"])
    def test_what_is_no_file_is_refused_at_once(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "film.mp4"
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "link to a device":
            path.symlink_to("/dev/zero")
        path = {"device": Path("/dev/zero"), "address": Path("http://127.0.0.1:9/film.mp4")}.get(kind, path)
        with pytest.raises(MediaError, match="no file at"):
            probe(path)

    def test_pictures_beyond_all_measure_are_refused(self, write: Write) -> None:
        with pytest.raises(MediaError, match="8200x16: at most 8192"):
            probe(write("wide.mkv", [np.zeros((16, 8200, 3), np.uint8)] * 2, codec="ffv1", pixels="bgr0"))

    def test_sound_that_takes_too_long_is_given_up(self, film_maker: FilmMaker, tmp_path: Path) -> None:
        path = film_maker("long.mkv", [texture(0)] * 30, [40 * k for k in range(30)], sound=np.zeros(48_000))
        with pytest.raises(MediaError, match="took more than"):
            extract_sound(path, probe(path), 1000, tmp_path / "sound.flac", wall_limit_s=0.0)


class TestAfterDamage:
    def test_a_stretch_that_is_not_there_costs_no_more_than_until_the_next_key_picture(self, write: Write) -> None:
        """With several threads the decoder lay down to the film's end when it missed a picture that others were made from."""
        options = {"g": "25", "x264-params": "keyint=25:min-keyint=25:scenecut=0:bframes=3"}
        path = write("gap.ts", [texture(k) for k in range(250)], options=options)
        packets = [path.read_bytes()[at : at + 188] for at in range(0, path.stat().st_size, 188)]
        path.write_bytes(b"".join(packets[: len(packets) // 4] + packets[len(packets) // 2 :]))
        video = VideoPass(path)
        times = [frame.t_ms for frame in video]
        after = [t_ms for t_ms in times if t_ms > 6000]
        assert after == list(range(6040, 10_000, 40))
        damage = video.summary().damage
        assert 1500 < damage[0].start_ms < 3500
        assert 4500 < damage[-1].end_ms < 7500

    def test_a_stream_that_damage_brings_up_in_the_middle_is_passed_over(self, tmp_path: Path) -> None:
        """The table of programmes names a stream more from the middle on: PyAV's demuxer falls over it."""
        pictures = [texture(k % 7) for k in range(1000)]
        plain = write_film(tmp_path / "plain.ts", pictures, [40 * k for k in range(1000)], sound=np.zeros(40 * 48_000)).read_bytes()
        with av.open(str(tmp_path / "more.ts"), "w") as container:
            tracks = [container.add_stream("mp2", rate=48_000, layout="mono") for _ in range(4)]
            for track in tracks:
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.int16), format="s16", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
                resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000, frame_size=1152)
                for part in resampler.resample(frame):
                    container.mux(track.encode(part))
        late = len(plain) // 188 * 3 // 4 * 188
        path = tmp_path / "film.ts"
        path.write_bytes(plain[:late] + (tmp_path / "more.ts").read_bytes() + plain[late:])
        with av.open(str(path)) as container, pytest.raises(IndexError):
            list(container.demux(container.streams.video[0]))
        video = VideoPass(path)
        assert len(list(video)) > 700
        assert video.summary().damage

    def test_recordings_joined_end_to_end_are_one_film(self, tmp_path: Path) -> None:
        """The second begins its clock anew; three of its pictures are the price of telling that from a single wrong time."""
        path = tmp_path / "joined.ts"
        path.write_bytes(clicking(tmp_path / "a.ts", 0).read_bytes() + clicking(tmp_path / "b.ts", 100).read_bytes())
        video = VideoPass(path)
        frames = [(frame.t_ms, number_of(frame.rgb(160, 96))) for frame in video]
        summary = video.summary()
        assert [number for _, number in frames] == [*range(100), *range(102, 200)]
        assert [t_ms for t_ms, _ in frames] == [40 * k for k in range(200) if k not in (100, 101)]
        (place,) = summary.damage
        assert str(place).startswith("broken from 00:00:03 to 00:00:04")
        assert "the film's clock begins anew" in str(place)
        extract_sound(path, video.facts, summary.duration_ms, tmp_path / "sound.flac", shifts_ms=summary.shifts_ms)
        sound = np.abs(soundfile.read(tmp_path / "sound.flac")[0])
        loud = np.flatnonzero(sound > 0.2) / RATE_HZ
        starts = [loud[0], *(b for a, b in pairwise(loud) if b - a > 0.5)]
        assert starts == pytest.approx([1.0, 5.0], abs=0.03)
