"""A feature-length 1080p film made of a short one: a minute is encoded once, then its packets are repeated with shifted times.

Encoding two hours would take hours; repeating packets takes seconds, and a decoder cannot tell the difference: every packet is read and
decoded anew, with true times, sound and key frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av

SIZE = (1920, 1080)
SOUND_HZ = 48_000


def write_long_film(source: Path, out: Path, minutes: float) -> Path:
    """Repeat `source`, scaled to 1920x1080 (H.264, about 6 Mb/s) with AAC sound, until `minutes` are full; `out` ends in .mp4 or .mkv."""
    once = out.with_name(f"{source.stem}-1080p.mkv")
    if not once.is_file():
        _encode(source, once)
    with av.open(str(out), "w") as target, av.open(str(once)) as first:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in first.streams}
        length_s = first.duration / av.time_base
        for round_number in range(max(round(minutes * 60 / length_s), 1)):
            for packet in _packets(once):
                shift = round(round_number * length_s / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    return out


def _packets(path: Path) -> Iterator[av.Packet]:
    with av.open(str(path)) as container:
        yield from (packet for packet in container.demux() if packet.size)


def _encode(source: Path, out: Path) -> None:
    with av.open(str(source)) as given, av.open(str(out), "w") as target:
        picture, sound = given.streams.video[0], given.streams.audio[0]
        video = target.add_stream("libx264", rate=picture.average_rate, width=SIZE[0], height=SIZE[1], pix_fmt="yuv420p")
        video.codec_context.options = {"preset": "veryfast", "b": "6M", "bf": "0"}
        video.codec_context.bit_rate = 6_000_000
        audio = target.add_stream("aac", rate=SOUND_HZ, layout="stereo")
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_HZ, frame_size=1024)
        for frame in given.decode(picture, sound):
            if isinstance(frame, av.VideoFrame):
                target.mux(video.encode(frame.reformat(*SIZE, format="yuv420p")))
                continue
            for part in resampler.resample(frame):
                target.mux(audio.encode(part))
        target.mux(video.encode(None))
        target.mux(audio.encode(None))
