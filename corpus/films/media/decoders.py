"""Which decoder reads a film's pictures, and how strictly.

A turned bit mostly decodes to another valid picture, and decoders made for watching show it without a word. Those that keep account of
their bits are taken where there are such: libvpx for VP8 and VP9 (it notices when a picture wants more bits than it has; libavcodec's own
does not), dav1d for AV1. HEVC has none in libavcodec: see `corpus.films.media.hevc`. A GPU's decoder may be asked for; it keeps no account.
"""

from __future__ import annotations

import os
from enum import StrEnum
from functools import lru_cache

import av
from av.codec.hwaccel import HWAccel
from av.error import FFmpegError

from corpus.films.media.probe import MAXIMUM_SIDE, MediaFacts

DECODER_THREADS = 4
LARGE_PIXELS = 4096 * 2304

_STRICT = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# As it comes in PyAV's wheel libvpx reads eight bits alone.
_STRICT_FORMATS = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuv440p", "yuv444p", "gbrp"})


class Decoding(StrEnum):
    """Who decodes: `software`, which notices the most damage, or `hardware`: a CUDA device where there is one that can, else software."""

    SOFTWARE = "software"
    HARDWARE = "hardware"


def hardware(decoding: Decoding) -> HWAccel | None:
    """What a container is to be opened with so that the GPU decodes, None where it is not asked for or there is none."""
    return HWAccel("cuda", allow_software_fallback=True) if decoding is Decoding.HARDWARE and cuda_decodes() else None


@lru_cache(maxsize=1)
def cuda_decodes() -> bool:
    """Whether this machine has a CUDA device that libavcodec can use."""
    try:
        HWAccel("cuda").create(av.Codec("h264", "r"))
    except (FFmpegError, NotImplementedError, ValueError):
        return False
    return True


def open_decoder(stream: av.video.stream.VideoStream, facts: MediaFacts) -> av.VideoCodecContext:
    """The decoder for the packets of `stream`, set to tell what it cannot read instead of inventing it."""
    on_gpu = stream.codec_context.is_hwaccel
    strict = _STRICT.get(facts.video_codec) if facts.pixel_format in _STRICT_FORMATS and not on_gpu else None
    decoder = stream.codec_context if strict is None else av.VideoCodecContext.create(strict, "r")
    decoder.thread_type = "AUTO"
    # Without `explode` the decoder invents what it could not read and says nothing: of 120 damaged files 20 passed as whole.
    decoder.options = {"err_detect": "explode+crccheck", "max_pixels": str(MAXIMUM_SIDE**2)}
    # Each decoding thread holds pictures of its own; beyond 4K they are too large to hold several.
    many = 1 if on_gpu or facts.width * facts.height > LARGE_PIXELS else DECODER_THREADS
    decoder.thread_count = min(many, os.cpu_count() or 1)
    return decoder
