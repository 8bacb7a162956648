"""Which decoder reads a film's pictures, and how strictly.

A turned bit mostly decodes to another valid picture, and decoders made for watching show it without a word. Those that keep account of
their bits are taken where there are such: libvpx for VP8 and VP9 (it notices when a picture wants more bits than it has; libavcodec's own
does not), dav1d for AV1. HEVC has none in libavcodec: see `corpus.films.media.hevc`.
"""

from __future__ import annotations

import os

import av

from corpus.films.media.probe import MAXIMUM_SIDE, MediaFacts

DECODER_THREADS = 4
LARGE_PIXELS = 4096 * 2304

_STRICT = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# As it comes in PyAV's wheel libvpx reads eight bits alone.
_STRICT_FORMATS = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuv440p", "yuv444p", "gbrp"})


def open_decoder(stream: av.video.stream.VideoStream, facts: MediaFacts) -> av.VideoCodecContext:
    """The decoder for the packets of `stream`, set to tell what it cannot read instead of inventing it."""
    strict = _STRICT.get(facts.video_codec) if facts.pixel_format in _STRICT_FORMATS else None
    decoder = stream.codec_context if strict is None else av.VideoCodecContext.create(strict, "r")
    decoder.thread_type = "AUTO"
    # Without `explode` the decoder invents what it could not read and says nothing: of 120 damaged files 20 passed as whole.
    decoder.options = {"err_detect": "explode+crccheck", "max_pixels": str(MAXIMUM_SIDE**2)}
    # Each decoding thread holds pictures of its own; beyond 4K they are too large to hold several.
    many = 1 if facts.width * facts.height > LARGE_PIXELS else DECODER_THREADS
    decoder.thread_count = min(many, os.cpu_count() or 1)
    return decoder
