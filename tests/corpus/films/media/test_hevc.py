"""The second reading of HEVC: nothing is told of whole films, and turned bits are."""

from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.damaged import Kind, write_kind
from corpus.films.media import hevc
from corpus.films.media.decode import VideoPass
from corpus.films.media.hevc import Fault, HevcReading


def kind(suffix: str, parameters: str) -> Kind:
    options = (("preset", "ultrafast"), ("x265-params", f"log-level=none:keyint=25:{parameters}"))
    return Kind("hevc", suffix, "libx265", "aac", options)


ROWS = kind(".mp4", "wpp=1")
WHOLE_SLICES = kind(".mp4", "wpp=0:ctu=16")
IN_A_STREAM = kind(".ts", "wpp=0:ctu=32:bframes=3")


@pytest.fixture(scope="module", params=[ROWS, WHOLE_SLICES, IN_A_STREAM], ids=["rows", "whole slices", "start codes"])
def packets(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes | None, list[bytes]]:
    """Configuration record and packets of two seconds."""
    path = write_kind(tmp_path_factory.mktemp("hevc"), request.param, seconds=2)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.codec_context.extradata, [bytes(packet) for packet in container.demux(stream) if packet.size]


def read(extradata: bytes | None, packets: list[bytes]) -> list[Fault]:
    reading = HevcReading(extradata)
    faults = [fault for number, packet in enumerate(packets) for fault in reading.read(packet, 40 * number)]
    assert reading.able
    return faults + reading.finish(40 * len(packets))


def test_a_whole_film_has_no_fault(packets: tuple[bytes | None, list[bytes]]) -> None:
    assert read(*packets) == []


def test_hardly_a_turned_bit_passes_and_each_is_dated_by_its_picture(packets: tuple[bytes | None, list[bytes]]) -> None:
    extradata, whole = packets
    random = np.random.default_rng(5)
    dated = 0
    for _ in range(24):
        number = int(random.integers(1, len(whole)))
        damaged = bytearray(whole[number])
        # Beyond the units' heads, and not among the last bits, which close the slice.
        damaged[int(random.integers(len(damaged) // 4, len(damaged) - 2))] ^= 1 << int(random.integers(8))
        faults = read(extradata, [*whole[:number], bytes(damaged), *whole[number + 1 :]])
        dated += bool(faults) and faults[0].at_ms == 40 * number
    assert dated >= 22


def noise(path: Path, size: tuple[int, int], pixels: str) -> tuple[bytes | None, list[bytes]]:
    """Configuration record and packets of ten pictures of noise."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=25, width=size[0], height=size[1], pix_fmt=pixels)
        stream.codec_context.options = {"preset": "ultrafast", "x265-params": "log-level=none"}
        for number in range(10):
            picture = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.codec_context.extradata, [bytes(packet) for packet in container.demux(stream) if packet.size]


def test_ten_bits_a_sample_are_read(tmp_path: Path) -> None:
    assert read(*noise(tmp_path / "ten.mp4", (320, 180), "yuv420p10le")) == []


def test_pictures_may_change_their_size(tmp_path: Path) -> None:
    _, large = noise(tmp_path / "large.ts", (320, 180), "yuv420p")
    _, small = noise(tmp_path / "small.ts", (160, 96), "yuv420p")
    assert read(None, [*large, *small, *large]) == []


def test_without_the_library_the_film_is_read_once_and_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hevc, "_library", lambda: None)
    assert not HevcReading(None).able
    video = VideoPass(write_kind(tmp_path, ROWS, seconds=2))
    assert len(list(video)) == 50
    assert video.summary().damage == ()
