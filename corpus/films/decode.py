"""The one pass over the pictures: every frame once, at its true presentation time, in the small sizes that are asked for.

Times are milliseconds from the film's first picture, read from the frames themselves and never counted from a frame rate, so variable
rates and late starts stay exact. A frame is scaled only when somebody asks for it, by one reused scaler per size (a new one per
frame costs five times as much), upright and with square pixels. Damage is noted with its time and the pass goes on as far as it can.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import Interpolation, VideoReformatter

from corpus.films.probe import MediaError, MediaFacts, choose_video, open_media, probe

MINIMUM_USABLE_MS = 1000
MISSING_END_MS = 1000
BEYOND_END_MS = 60_000
DAMAGE_NOTES = 20
DECODER_THREADS = 4
WALL_BASE_S = 600.0
WALL_PER_SECOND = 20.0


@dataclass(frozen=True)
class Damage:
    """A fault in the stream, `at_ms` on the film's clock."""

    at_ms: int
    what: str

    def __str__(self) -> str:
        return f"{self.what} at {clock(self.at_ms)}"


@dataclass(frozen=True)
class StreamSummary:
    """What the whole pass measured: the film's true length and rate, and where it is damaged."""

    duration_ms: int
    n_frames: int
    fps: float
    variable_rate: bool
    damage: tuple[Damage, ...]


def clock(milliseconds: int) -> str:
    """Milliseconds as hh:mm:ss."""
    seconds = milliseconds // 1000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


@dataclass(frozen=True)
class Frame:
    """One decoded frame: its position, its presentation time and, on demand, its picture."""

    index: int
    t_ms: int
    _frame: av.VideoFrame = field(repr=False)
    _pictures: Pictures = field(repr=False)

    def rgb(self, width: int, height: int) -> np.ndarray:
        """The upright picture with square pixels, uint8 (height, width, 3), red first."""
        return self._pictures.convert(self._frame, width, height)


class Pictures:
    """Scales frames: one swscale context per size, kept for the whole pass."""

    def __init__(self, rotation: int) -> None:
        self._turns = rotation // 90
        self._scalers: dict[tuple[int, int], VideoReformatter] = {}

    def convert(self, frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
        """uint8 RGB (height, width, 3) of the frame, upright."""
        coded = (height, width) if self._turns % 2 else (width, height)
        scaler = self._scalers.setdefault(coded, VideoReformatter())
        # Bilinear in swscale averages over the whole footprint when it makes smaller: no aliasing, and the cheapest of its kinds.
        small = scaler.reformat(frame, *coded, format="rgb24", interpolation=Interpolation.BILINEAR, threads=1)
        picture = small.to_ndarray()
        return np.ascontiguousarray(np.rot90(picture, self._turns)) if self._turns else picture


def fitted(facts: MediaFacts, width: int) -> tuple[int, int]:
    """(width, height) of the shown picture scaled to at most `width` wide and `width` high; never larger, at least 16, both even."""
    scale = min(width / facts.display_width, width / facts.display_height, 1.0)
    return tuple(max(round(side * scale / 2) * 2, 16) for side in (facts.display_width, facts.display_height))  # type: ignore[return-value]


class VideoPass:
    """Iterates over all frames of a film once; `summary()` tells afterwards what was measured.

    Memory does not grow with the film. A frame without a usable time, or one whose time runs backwards, is dropped and noted.

    Raises:
        MediaError: less than a second of picture could be decoded, or decoding took longer than `wall_limit_s`.
    """

    def __init__(self, path: Path, facts: MediaFacts | None = None, *, wall_limit_s: float | None = None) -> None:
        self.path = path
        self.facts = facts or probe(path)
        self.pictures = Pictures(self.facts.rotation)
        declared_s = (self.facts.declared_duration_ms or 0) / 1000
        self._wall_limit_s = wall_limit_s if wall_limit_s is not None else WALL_BASE_S + WALL_PER_SECOND * declared_s
        self._damage: list[Damage] = []
        self._n_frames = 0
        self._last_ms = -1
        self._step_ms = 0.0
        self._steps = (float("inf"), 0.0)

    def __iter__(self) -> Iterator[Frame]:
        deadline = time.monotonic() + self._wall_limit_s
        for raw in self._raw_frames():
            if time.monotonic() > deadline:
                raise MediaError(f"{self.path}: decoding took more than {self._wall_limit_s:.0f} s at {clock(self._last_ms)}: refused")
            t_ms = self._time_ms(raw)
            if t_ms is not None:
                self._n_frames += 1
                yield Frame(self._n_frames - 1, t_ms, raw, self.pictures)
        self._check_end()

    def _raw_frames(self) -> Iterator[av.VideoFrame]:
        with open_media(self.path) as container:
            stream = choose_video(container)
            if stream is None:
                raise MediaError(f"{self.path} has no video stream")
            stream.thread_type = "AUTO"
            # Otherwise the decoder invents what it could not read and says nothing: of 120 damaged files 20 passed as whole.
            stream.codec_context.options = {"err_detect": "explode"}
            stream.codec_context.thread_count = min(DECODER_THREADS, os.cpu_count() or 1)
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets, None)
                except (FFmpegError, OSError) as error:
                    self._note(f"broken from here ({error.strerror or error})")
                    return
                if packet is None:
                    return
                yield from self._decoded(packet)

    def _decoded(self, packet: av.Packet) -> list[av.VideoFrame]:
        try:
            frames = packet.decode()
        except FFmpegError as error:
            self._note(f"picture cannot be decoded ({error.strerror or error})")
            return []
        if packet.is_corrupt or any(frame.is_corrupt for frame in frames):
            self._note("corrupt picture")
        return list(frames)

    def _time_ms(self, raw: av.VideoFrame) -> int | None:
        if raw.time is None:
            self._note("picture without a time dropped")
            return None
        t_ms = round((float(raw.time) - self.facts.origin_s) * 1000)
        declared_ms = self.facts.declared_duration_ms
        if t_ms <= self._last_ms or (declared_ms and t_ms > declared_ms + BEYOND_END_MS):
            self._note("picture with an impossible time dropped")
            return None
        if self._last_ms >= 0:
            step = t_ms - self._last_ms
            self._steps = (min(self._steps[0], step), max(self._steps[1], step))
        self._last_ms = t_ms
        self._step_ms = float(raw.duration * raw.time_base) * 1000 if raw.duration else 0.0
        return t_ms

    def _note(self, what: str) -> None:
        if len(self._damage) < DAMAGE_NOTES:
            self._damage.append(Damage(max(self._last_ms, 0), what))

    def _end_ms(self) -> int:
        rate = self.facts.declared_fps or 25.0
        step = self._step_ms if 0 < self._step_ms < 10_000 else 1000 / rate
        return self._last_ms + max(round(step), 1)

    def _check_end(self) -> None:
        end_ms, declared_ms = self._end_ms(), self.facts.declared_duration_ms
        if self._n_frames == 0 or (self._damage and end_ms < MINIMUM_USABLE_MS):
            raise MediaError(f"{self.path}: less than a second of picture can be decoded: the file is damaged, get it again")
        if declared_ms is not None and declared_ms - end_ms > MISSING_END_MS:
            if end_ms < MINIMUM_USABLE_MS:
                raise MediaError(f"{self.path} ends at {clock(end_ms)} of {clock(declared_ms)}: the file is cut off, get it again")
            self._damage.append(Damage(end_ms, f"ends before its declared {clock(declared_ms)}"))

    def summary(self) -> StreamSummary:
        """Length, rate and damage, once the pass is over."""
        end_ms = self._end_ms()
        shortest, longest = self._steps
        return StreamSummary(
            duration_ms=end_ms,
            n_frames=self._n_frames,
            fps=round(1000 * self._n_frames / end_ms, 3),
            # Millisecond rounding alone moves a step by one; a frame rate's steps never differ by more than two.
            variable_rate=self._n_frames > 2 and longest - shortest > 2,
            damage=tuple(self._damage),
        )
