"""Small made films in nine kinds of file, and seeded ways to damage a file as disks, networks and careless copying do.

The pictures are moving textures with grain, a new one every two seconds, so that every packet carries something and a lost picture can be
seen; the sound is a tone that steps up in pitch twice a second, so that a lost or repeated stretch can be heard. Everything is made from
one seed by the encoders that PyAV brings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

FPS = 25
SECONDS = 10
SIZE = (320, 180)
SOUND_HZ = 48_000
SOUND_BLOCK = 1152


@dataclass(frozen=True)
class Kind:
    """One kind of film file: its name, its ending, and what it is made of."""

    name: str
    suffix: str
    video: str
    audio: str
    options: tuple[tuple[str, str], ...] = ()
    container: tuple[tuple[str, str], ...] = ()


# With its macroblock tree x264 does not give the same bytes twice.
X264 = (("preset", "fast"), ("g", "50"), ("mbtree", "0"))

KINDS = (
    Kind("mp4", ".mp4", "libx264", "aac", X264),
    Kind("mp4 faststart", ".mp4", "libx264", "aac", X264, (("movflags", "faststart"),)),
    Kind("mp4 hevc", ".mp4", "libx265", "aac", (("preset", "ultrafast"), ("x265-params", "log-level=none:keyint=50"))),
    Kind("mp4 av1", ".mp4", "libsvtav1", "aac", (("preset", "12"), ("g", "50"), ("svtav1-params", "lp=1"))),
    Kind("mkv", ".mkv", "libx264", "ac3", X264),
    Kind("mkv hevc", ".mkv", "libx265", "aac", (("preset", "ultrafast"), ("x265-params", "log-level=none:keyint=50"))),
    Kind("webm", ".webm", "libvpx-vp9", "libopus", (("deadline", "realtime"), ("cpu-used", "8"), ("g", "50"))),
    Kind("avi", ".avi", "mpeg4", "libmp3lame", (("g", "50"),)),
    Kind("ts", ".ts", "mpeg2video", "mp2", (("g", "25"), ("bf", "2"))),
    Kind("ts h264", ".ts", "libx264", "aac", X264),
)


def write_kind(folder: Path, kind: Kind, *, seed: int = 7, seconds: int = SECONDS) -> Path:
    """Make one film in `folder`."""
    path = folder / f"{kind.name.replace(' ', '-')}{kind.suffix}"
    with _own_schedule(), av.open(str(path), "w", options={"fflags": "+bitexact", **dict(kind.container)}) as container:
        video = container.add_stream(kind.video, rate=FPS, width=SIZE[0], height=SIZE[1], pix_fmt="yuv420p")
        video.codec_context.bit_rate = 600_000
        video.codec_context.thread_count = 1
        video.codec_context.options = dict(kind.options)
        audio = container.add_stream(kind.audio, rate=SOUND_HZ, layout="mono")
        fifo = av.AudioFifo()
        for k in range(FPS * seconds):
            frame = av.VideoFrame.from_ndarray(_picture(seed, k), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, FPS)
            container.mux(video.encode(frame))
            fifo.write(_sound(k))
            _drain(container, audio, fifo, whole=False)
        container.mux(video.encode(None))
        _drain(container, audio, fifo, whole=True)
        container.mux(audio.encode(None))
    return path


@contextmanager
def _own_schedule() -> Iterator[None]:
    """Keep how this thread is scheduled: SVT-AV1 makes it and all it starts later real-time where root encodes, and the machine starves."""
    policy, given = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, given)


def _drain(container: av.container.OutputContainer, audio: av.audio.stream.AudioStream, fifo: av.AudioFifo, *, whole: bool) -> None:
    size = audio.codec_context.frame_size or SOUND_BLOCK
    resampler = av.AudioResampler(format=audio.codec_context.format, layout="mono", rate=SOUND_HZ)
    while fifo.samples >= size or (whole and fifo.samples):
        block = fifo.read(min(size, fifo.samples))
        for part in resampler.resample(block):
            container.mux(audio.encode(part))


def _picture(seed: int, number: int) -> np.ndarray:
    shot, step = divmod(number, 2 * FPS)
    random = np.random.default_rng([seed, shot])
    coarse = random.integers(20, 236, (9, 16, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (SIZE[0] * 2, SIZE[1] + 20), interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng([seed, number]).normal(0, 3, (SIZE[1], SIZE[0], 1))
    left = 3 * step
    return np.clip(wide[step // 5 : step // 5 + SIZE[1], left : left + SIZE[0]] + grain, 0, 255).astype(np.uint8)


def _sound(number: int) -> av.AudioFrame:
    """The 40 ms of sound of picture `number`: a tone with two overtones, a new pitch every half second."""
    samples = SOUND_HZ // FPS
    at = np.arange(number * samples, (number + 1) * samples) / SOUND_HZ
    pitch = 200 * 2 ** ((number * 2 // FPS) % 24 / 12)
    tone = 0.2 * np.sum([np.sin(2 * np.pi * pitch * k * at) / k for k in (1, 2, 3)], axis=0)
    frame = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_HZ, number * samples, Fraction(1, SOUND_HZ)
    return frame


def truncated(content: bytes, random: np.random.Generator) -> bytes:
    """Cut off anywhere in the last nine tenths."""
    return content[: int(len(content) * random.uniform(0.1, 0.999))]


def flipped(count: int) -> Callable[[bytes, np.random.Generator], bytes]:
    """`count` single bits turned over anywhere."""

    def flip(content: bytes, random: np.random.Generator) -> bytes:
        damaged = bytearray(content)
        for at in random.integers(0, len(content), count):
            damaged[at] ^= 1 << int(random.integers(0, 8))
        return bytes(damaged)

    return flip


def zeroed(content: bytes, random: np.random.Generator) -> bytes:
    """One to four sectors of 512 to 8192 bytes full of zeros, as from a bad disk."""
    damaged = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        size = 512 << int(random.integers(0, 5))
        at = int(random.integers(0, max(len(content) - size, 1))) // 512 * 512
        damaged[at : at + size] = bytes(len(damaged[at : at + size]))
    return bytes(damaged)


def dropped(content: bytes, random: np.random.Generator) -> bytes:
    """A stretch of 188 to 20,000 bytes that is not there, as from a broken download."""
    size = int(random.integers(188, 20_000))
    at = int(random.integers(0, max(len(content) - size, 1)))
    return content[:at] + content[at + size :]


def doubled(content: bytes, random: np.random.Generator) -> bytes:
    """A stretch of 188 to 20,000 bytes that is there twice."""
    size = int(random.integers(188, 20_000))
    at = int(random.integers(0, max(len(content) - size, 1)))
    return content[: at + size] + content[at:]


DAMAGES: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "cut off": truncated,
    "1 bit": flipped(1),
    "8 bits": flipped(8),
    "100 bits": flipped(100),
    "sectors of zeros": zeroed,
    "chunk lost": dropped,
    "chunk doubled": doubled,
}
