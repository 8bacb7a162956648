"""Small films built by PyAV, whose every presentation time, turn and click is known."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from corpus.films.catalogue.add import add_films
from corpus.films.catalogue.entries import Film

MILLISECOND = Fraction(1, 1000)

FilmMaker = Callable[..., Path]

BITS = 8
SIZE = (160, 96)


def add_film(catalogue: Path, media: Path, **given: Any) -> Film:
    """`add_films` for one film; returns it as it now stands in the catalogue."""
    return add_films(catalogue, media, **given)[0].film


def write_film(
    path: Path,
    pictures: Sequence[np.ndarray],
    times_ms: Sequence[int],
    *,
    sound: np.ndarray | None = None,
    sound_start_ms: int = 0,
    sound_rate: int = 48_000,
    rotation: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """H.264 pictures (uint8 RGB) at `times_ms`, and mono PCM-like AAC or, in Matroska, exact PCM sound from `sound_start_ms`."""
    with av.open(str(path), "w", options=options or {}) as container:
        height, width = pictures[0].shape[:2]
        video = container.add_stream("libx264", rate=1000, width=width, height=height, pix_fmt="yuv420p")
        video.codec_context.time_base = video.time_base = MILLISECOND
        video.codec_context.options = {"preset": "ultrafast", "crf": "18", "g": "24"}
        if rotation:
            video.set_display_rotation(rotation)
        audio = None
        if sound is not None:
            audio = container.add_stream("pcm_s16le" if path.suffix == ".mkv" else "aac", rate=sound_rate, layout="mono")
        for picture, t_ms in zip(pictures, times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = int(t_ms), MILLISECOND
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            _write_sound(container, audio, sound, sound_start_ms, sound_rate)
    return path


def _write_sound(
    container: av.container.OutputContainer, stream: av.audio.stream.AudioStream, sound: np.ndarray, start_ms: int, rate: int
) -> None:
    start = start_ms * rate // 1000
    for begin in range(0, len(sound), 1024):
        block = (np.clip(sound[begin : begin + 1024], -1, 1) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start + begin, Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


@pytest.fixture
def film_maker(tmp_path: Path) -> FilmMaker:
    """`write_film` into the test's folder: film_maker(name, pictures, times_ms, ...)."""

    def make(name: str, pictures: Sequence[np.ndarray], times_ms: Sequence[int], **more: object) -> Path:
        return write_film(tmp_path / name, pictures, times_ms, **more)  # type: ignore[arg-type]

    return make


def texture(seed: int, size: tuple[int, int] = (160, 96)) -> np.ndarray:
    """A smooth coloured picture of (width, height) that no other seed gives, uint8 (height, width, 3)."""
    import cv2

    coarse = np.random.default_rng(seed).integers(30, 226, (5, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)


def marked(number: int, size: tuple[int, int] = SIZE, ground: int = 110) -> np.ndarray:
    """A grey picture whose upper half shows `number` in eight black and white fields, highest first."""
    width, height = size
    picture = np.full((height, width, 3), ground, np.uint8)
    for bit in range(BITS):
        picture[: height // 2, bit * width // BITS : (bit + 1) * width // BITS] = 235 if number >> (BITS - 1 - bit) & 1 else 16
    return picture


def clicking(path: Path, first: int) -> Path:
    """A hundred marked pictures from number `first`, and a burst of sound after one second."""
    sound = np.zeros(4 * 48_000, np.float32)
    sound[48_000:52_800] = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(4800) / 48_000)
    pictures = [marked(k) for k in range(first, first + 100)]
    return write_film(path, pictures, [40 * k for k in range(100)], sound=sound)
