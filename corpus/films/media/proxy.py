"""A film as annotation tools need it: small H.264 and AAC at a constant picture rate, so that frame n is the film's time n / fps.

Tools turn time into frames by one rate, so a film with a variable rate, a late start or a joined clock would be judged at wrong times. Each
frame of the proxy shows the picture that the film shows at that very time, by the true presentation times of `VideoPass`; the sound comes
from `extract_sound`, on the same clock. Proxies are addressed by the film's sha256 and how they are made, and are made once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from av.error import FFmpegError

from corpus.films.media.decode import Frame, VideoPass, scaled
from corpus.films.media.probe import MediaFacts, choose_video, open_media, packets_of, probe
from corpus.films.media.sound import RATE_HZ, extract_sound
from corpus.paths import read_json, write_json
from corpus.terms import FeelmError

MADE = 1
"""Counted up when proxies are made in another way."""

MOST_LINES = 480
OTHER_RATE = Fraction(25)
SLOWEST, FASTEST = 10, 60
"""Constant rates outside of these (frames/s) are resampled too: tools step through them badly."""

ON_TIME_MS = 1.0
"""Times are whole milliseconds at best, so a picture that is this early is on time."""

Progress = Callable[[int, int | None], None]
"""Called with the film's milliseconds that are done, and those in all where they are known."""

_BLOCK = 1024


@dataclass(frozen=True)
class Proxy:
    """A proxy file and its exact picture rate; frame n (from 0) shows the film's time n * fps_den / fps_num seconds."""

    path: Path
    fps_num: int
    fps_den: int
    width: int
    height: int
    n_frames: int
    has_sound: bool

    @property
    def fps(self) -> float:
        """Pictures a second."""
        return self.fps_num / self.fps_den


def make_proxy(film: Path, sha256: str, folder: Path, *, language: str | None = None, progress: Progress | None = None) -> Proxy:
    """The proxy of a film in `folder`, made now where it is not there yet; `sha256` is that of the film's bytes.

    Raises:
        MediaError: the film cannot be decoded.
        FeelmError: the proxy cannot be written.
    """
    name = f"{sha256[:24]}-{MOST_LINES}p-{MADE}"
    path, record = folder / f"{name}.mp4", folder / f"{name}.json"
    if path.is_file() and record.is_file():
        return Proxy(path=path, **read_json(record))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}.", suffix=".tmp", dir=folder) as scratch:
        made = _write(film, probe(film), Path(scratch), language, progress)
        made.path.replace(path)
    facts = asdict(made)
    del facts["path"]
    # Last: a proxy without its record is made again.
    write_json(record, facts)
    return Proxy(path=path, **facts)


def constant_rate(path: Path, facts: MediaFacts) -> Fraction | None:
    """The film's own rate, where every picture lies on its grid and none on another's place; None where the rate varies."""
    with open_media(path) as container:
        stream = choose_video(container)
        if stream is None:
            return None
        try:
            times = sorted(float(packet.pts * packet.time_base) for packet in packets_of(container, stream) if packet.pts is not None)
        except (FFmpegError, OSError):
            return None
        declared = [Fraction(rate) for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    since = np.array(times) - facts.origin_s
    fitting = (rate for rate in declared if SLOWEST <= rate <= FASTEST and _on_grid(since[since >= -ON_TIME_MS / 1000], rate))
    return next(fitting, None)


def _on_grid(times_s: np.ndarray, rate: Fraction) -> bool:
    places = np.round(times_s * float(rate))
    off_ms = np.abs(times_s - places / float(rate)) * 1000
    return bool(len(times_s) and off_ms.max() <= ON_TIME_MS and (np.diff(places) > 0).all())


def _write(film: Path, facts: MediaFacts, scratch: Path, language: str | None, progress: Progress | None) -> Proxy:
    rate = constant_rate(film, facts) or OTHER_RATE
    width, height = scaled(facts, MOST_LINES / facts.display_height)
    pictures = VideoPass(film, facts)
    mute = scratch / "picture.mp4"
    n_frames = _write_pictures(mute, pictures, rate, (width, height), progress)
    summary = pictures.summary()
    sound = scratch / "sound.flac"
    heard = extract_sound(film, facts, summary.duration_ms, sound, language=language, shifts_ms=summary.shifts_ms)
    path = scratch / "proxy.mp4"
    _join(mute, sound if sound.is_file() else None, path)
    return Proxy(path, rate.numerator, rate.denominator, width, height, n_frames, heard.has_audio)


def _write_pictures(path: Path, film: VideoPass, rate: Fraction, size: tuple[int, int], progress: Progress | None) -> int:
    """One picture for each place of the grid; how many these are."""
    written = 0
    with _writing(path) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = 1 / rate
        # No B-frames: decoding order is the order of time, and the file needs no shift that a player might not heed.
        stream.options = {"preset": "veryfast", "crf": "26", "bf": "0", "g": str(round(rate))}
        for picture in _on_the_grid(film, rate, size):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = written, 1 / rate
            container.mux(stream.encode(frame))
            written += 1
            if progress is not None and written % round(10 * rate) == 0:
                progress(round(1000 * written / rate), film.facts.declared_duration_ms)
        container.mux(stream.encode(None))
    return written


def _on_the_grid(film: VideoPass, rate: Fraction, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """For n = 0, 1, ...: what the film shows at n / rate, until it ends."""
    shown: Frame | None = None
    n = 0
    for frame in film:
        if shown is not None:
            places = _places_before(n, frame.t_ms, rate)
            if places:
                picture = shown.rgb(*size)
                yield from (picture for _ in range(places))
            n += places
        shown = frame
    if shown is not None:
        end_ms = film.summary().duration_ms
        picture = shown.rgb(*size)
        # The last picture is never left out for the tolerance.
        places = max(_places_before(n, end_ms, rate), int(n * 1000 < end_ms * rate))
        yield from (picture for _ in range(places))


def _places_before(n: int, t_ms: int, rate: Fraction) -> int:
    """How many places from n on are shown before a picture of `t_ms` comes."""
    first_after = -((-(t_ms - ON_TIME_MS) * rate) // 1000) if t_ms else 0
    return max(int(first_after) - n, 0)


def _join(mute: Path, sound: Path | None, path: Path) -> None:
    """Pictures as they are, and the sound as AAC, interleaved, with the index in front for players that stream."""
    with av.open(str(mute)) as pictures, _writing(path) as container:
        (source,) = pictures.streams.video
        video = container.add_stream_from_template(source)
        audio = None if sound is None else container.add_stream("aac", rate=RATE_HZ, layout="mono")
        if audio is not None:
            audio.bit_rate = 64_000
        blocks = iter(()) if sound is None else _blocks(sound)
        heard_s = 0.0
        for packet in pictures.demux(source):
            if packet.pts is None:
                continue
            while audio is not None and heard_s <= float(packet.pts * packet.time_base) and (frame := next(blocks, None)) is not None:
                heard_s = float(frame.pts / RATE_HZ)
                container.mux(audio.encode(frame))
            packet.stream = video
            container.mux(packet)
        if audio is not None:
            for frame in blocks:
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))


def _blocks(sound: Path) -> Iterator[av.AudioFrame]:
    at = 0
    for block in soundfile.blocks(str(sound), _BLOCK, dtype="float32", fill_value=0):
        frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
        at += len(block)
        yield frame


def _writing(path: Path) -> av.container.OutputContainer:
    try:
        return av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
    except (FFmpegError, OSError) as error:
        raise FeelmError(f"no proxy can be written to {path.parent}: {error}") from error
