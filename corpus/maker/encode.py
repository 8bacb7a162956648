"""Writes pictures and sound into an mp4: H.264 and AAC, the same bytes for the same input."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

_BLOCK = 1024
_CRF = "21"


def encode(
    path: Path, pictures: Iterable[npt.NDArray[np.uint8]], sound: npt.NDArray[np.float32], frame_rate: int, sample_rate: int
) -> None:
    """Encode BGR pictures of one size and (samples, 2) sound; one x264 thread, no time of writing in the file."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as container:
        video = container.add_stream("libx264", rate=frame_rate)
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        video.codec_context.thread_count = 1
        video.options = {"preset": "veryfast", "crf": _CRF, "g": str(frame_rate * 5)}
        audio = container.add_stream("aac", rate=sample_rate, layout="stereo")
        audio.bit_rate = 128_000
        at = 0
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, frame_rate)
            container.mux(video.encode(frame))
            at = _encode_sound(container, audio, sound, at, round((index + 1) * sample_rate / frame_rate))
        _encode_sound(container, audio, sound, at, len(sound) + _BLOCK)
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def _encode_sound(
    container: av.container.OutputContainer, stream: av.AudioStream, sound: npt.NDArray[np.float32], at: int, until: int
) -> int:
    """Encode whole blocks up to sample `until`; returns the next sample to encode."""
    while at + _BLOCK <= until and at < len(sound):
        block = np.ascontiguousarray(sound[at : at + _BLOCK].T)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = stream.rate, at, Fraction(1, stream.rate)
        container.mux(stream.encode(frame))
        at += _BLOCK
    return at
