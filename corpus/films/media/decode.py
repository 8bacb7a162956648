"""The one pass over the pictures: every frame once, at its true presentation time, in the small sizes that are asked for.

Times are milliseconds from the film's first picture, read from the frames themselves and never counted from a frame rate, so variable
rates and late starts stay exact. Damage is found in three ways (the decoder stumbles or marks a picture; a packet gave no picture; the
container's own structure has a hole), noted with its time, and the pass goes on as far as it can.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from corpus.films.media.damage import CutOff, Damage, DamageLog, clock
from corpus.films.media.deadline import Deadline
from corpus.films.media.decoders import open_decoder
from corpus.films.media.hevc import HevcReading
from corpus.films.media.pictures import Pictures
from corpus.films.media.probe import MediaError, MediaFacts, choose_video, open_media, packets_of, probe
from corpus.films.media.structure import Hole, examine

MINIMUM_USABLE_MS = 1000
MISSING_END_MS = 1000
KNOWN_CUT_MS = 100
BEYOND_END_MS = 60_000
GAP_MS = 500
STEADY_PICTURES = 50
STUCK_PACKETS = 2
BACKWARD_MS = 1000
BACKWARD_PICTURES = 3

# An encoder never writes this in these formats: H.264 and HEVC forbid 00 00 00, and arithmetic coding makes 64 zeros out of nothing else.
HOLE_IN_PACKET = bytes(64)
NO_ZEROS = frozenset({"h264", "hevc", "vp8", "vp9", "av1"})
# VP8 packets may hold pictures that are never shown; AVI has no presentation times to hold a picture against.
UNPAIRED_CODECS = frozenset({"vp8"})
UNPAIRED_CONTAINERS = frozenset({"avi"})


@dataclass(frozen=True)
class StreamSummary:
    """What the whole pass measured: the film's true length and rate, and where it is damaged.

    `checksums` says whether the container's checksums cover every bit; where none do, a single turned bit can decode to another valid
    picture or sound that nothing tells from the right one.
    `shifts_ms` has one entry for every time that the film's clock began anew (recordings joined end to end): what to add from there on.
    """

    duration_ms: int
    n_frames: int
    fps: float
    variable_rate: bool
    damage: tuple[Damage, ...]
    shifts_ms: tuple[int, ...] = ()
    checksums: bool = False


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
        self.pictures = Pictures(self.facts)
        self._deadline = Deadline(path, self.facts.declared_duration_ms, wall_limit_s)
        self._damage = DamageLog()
        self._end: CutOff | None = None
        self._structure = examine(path, self.facts.container)
        self._holes = _HoleDates(self._structure.holes)
        self._pairing = _Pairing(self.facts)
        self._keys_ms: set[int] = set()
        self._shifts_ms: list[int] = []
        self._backward: list[int] = []
        self._n_frames = 0
        self._last_ms = -1
        self._step_ms = 0.0
        self._steps = (float("inf"), 0.0)
        self._suspect = False
        self._failures = 0

    def __iter__(self) -> Iterator[Frame]:
        for raw in self._raw_frames():
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
            self._decoder = open_decoder(stream, self.facts)
            self._second = self._second_reading(stream)
            packets = packets_of(container, stream)
            while True:
                self._deadline.check(self._last_ms)
                try:
                    packet = next(packets, None)
                except (FFmpegError, OSError) as error:
                    self._spoilt(f"the file cannot be read on ({error.strerror or error})")
                    return
                if packet is None:
                    return
                yield from self._decoded(packet)

    def _second_reading(self, stream: av.video.stream.VideoStream) -> HevcReading | None:
        if self.facts.video_codec != "hevc" or self._structure.checksums:
            return None
        return HevcReading(stream.codec_context.extradata)

    def _read_again(self, packet: av.Packet, at_ms: int) -> None:
        if self._second is None:
            return
        for fault in self._second.read(bytes(packet), at_ms) if packet.size else self._second.finish(at_ms):
            self._spoilt(fault.what, at_ms=fault.at_ms)

    def _decoded(self, packet: av.Packet) -> list[av.VideoFrame]:
        self._watch(packet)
        self._unstick(packet)
        try:
            frames = list(self._decoder.decode(packet))
        except FFmpegError as error:
            self._spoilt(f"pictures cannot be decoded ({error.strerror or error})")
            self._failures += 1
            return []
        self._failures = 0
        for frame in frames:
            if frame.is_corrupt:
                self._spoilt("pictures are damaged", pictures=1)
        return frames

    def _unstick(self, packet: av.Packet) -> None:
        """Several threads that stumble over a missing picture can stay down to the film's end: at a key picture they begin anew."""
        if packet.is_keyframe and self._failures >= STUCK_PACKETS:
            self._decoder.flush_buffers()

    def _watch(self, packet: av.Packet) -> None:
        """Compare what comes out of the file with what ought to."""
        at_ms = self._film_ms(packet.pts if packet.pts is not None else packet.dts, packet.time_base)
        self._read_again(packet, at_ms)
        if not packet.size:
            return
        if packet.is_keyframe:
            self._keys_ms.add(at_ms)
        for hole, start_ms in self._holes.passed(packet.pos, at_ms):
            self._damage.note(hole.what, start_ms, at_ms)
        if packet.is_corrupt:
            self._spoilt("pictures are damaged in the file")
        if self.facts.video_codec in NO_ZEROS and HOLE_IN_PACKET in memoryview(packet).tobytes():
            self._spoilt("pictures are overwritten with zeros", at_ms=at_ms)
        if packet.pts is not None and at_ms > self._last_ms and not packet.is_discard and not packet.is_corrupt:
            self._pairing.sent(at_ms)

    def _film_ms(self, pts: int | None, time_base: object) -> int:
        if pts is None:
            return max(self._last_ms, 0)
        return round((float(pts * time_base) - self.facts.origin_s) * 1000)  # type: ignore[operator]

    def _spoilt(self, what: str, *, at_ms: int | None = None, pictures: int = 0) -> None:
        """A fault after which pictures are not to be trusted until the next key picture."""
        self._damage.note(what, self._last_ms if at_ms is None else at_ms, pictures=pictures)
        self._suspect = True

    def _time_ms(self, raw: av.VideoFrame) -> int | None:
        if raw.time is None:
            self._damage.note("pictures without a time dropped", self._last_ms, pictures=1)
            return None
        t_ms = self._placed(round((float(raw.time) - self.facts.origin_s) * 1000))
        declared_ms = self.facts.declared_duration_ms
        if t_ms <= self._last_ms or (declared_ms and t_ms > declared_ms + BEYOND_END_MS and not self._shifts_ms):
            self._damage.note("pictures with an impossible time dropped", self._last_ms, pictures=1)
            return None
        self._follow(t_ms, raw)
        return t_ms

    def _placed(self, t_ms: int) -> int:
        """The time on the film's clock; where several pictures in a row go back by more than a second, another recording begins."""
        shifted = t_ms + (self._shifts_ms[-1] if self._shifts_ms else 0)
        if shifted > self._last_ms - BACKWARD_MS:
            self._backward.clear()
            return shifted
        self._backward.append(t_ms)
        if len(self._backward) < BACKWARD_PICTURES or self._backward != sorted(self._backward):
            return shifted
        self._shifts_ms.append(self._end_ms() - self._backward[0])
        self._pairing.stop()
        self._damage.note("the film's clock begins anew", self._last_ms)
        return t_ms + self._shifts_ms[-1]

    def _follow(self, t_ms: int, raw: av.VideoFrame) -> None:
        lost = self._pairing.shown(t_ms)
        if lost:
            self._damage.note("pictures are lost", lost[0], t_ms, pictures=len(lost))
        if self._suspect and (raw.key_frame or t_ms in self._keys_ms):  # libvpx's pictures do not say that they are key pictures
            self._damage.note("", t_ms)
            self._suspect = False
        self._keys_ms = {key_ms for key_ms in self._keys_ms if key_ms > t_ms}
        if self._last_ms >= 0:
            self._step(t_ms)
        self._last_ms = t_ms
        self._step_ms = float(raw.duration * raw.time_base) * 1000 if raw.duration else 0.0

    def _step(self, t_ms: int) -> None:
        step = t_ms - self._last_ms
        steady = self._n_frames >= STEADY_PICTURES and self._steps[1] - self._steps[0] <= 2
        if steady and step > max(GAP_MS, 4 * self._steps[1]):
            self._damage.note("there are no pictures", self._last_ms, t_ms)
        else:
            self._steps = (min(self._steps[0], step), max(self._steps[1], step))

    def _end_ms(self) -> int:
        rate = self.facts.declared_fps or 25.0
        step = self._step_ms if 0 < self._step_ms < 10_000 else 1000 / rate
        return self._last_ms + max(round(step), 1)

    def _check_end(self) -> None:
        end_ms, declared_ms = self._end_ms(), self.facts.declared_duration_ms
        lost = self._pairing.shown(end_ms + BEYOND_END_MS)
        if lost:
            self._damage.note("pictures are lost", lost[0], lost[-1], pictures=len(lost))
        for hole, start_ms in self._holes.passed(None, end_ms):
            self._damage.note(hole.what, start_ms, end_ms)
        self._end = self._missing_end(end_ms, declared_ms)
        if self._n_frames == 0 or ((self._damage or self._end) and end_ms < MINIMUM_USABLE_MS):
            until = f"ends at {clock(max(end_ms, 0))} of {clock(declared_ms)}" if self._end and declared_ms else "is damaged"
            raise MediaError(f"{self.path} {until}: less than a second of picture can be decoded, get the file again")

    def _missing_end(self, end_ms: int, declared_ms: int | None) -> CutOff | None:
        missing_ms = (declared_ms or end_ms) - end_ms
        cut_off = self._structure.cut_off
        if missing_ms > MISSING_END_MS or (cut_off and missing_ms > KNOWN_CUT_MS):
            return CutOff(end_ms, end_ms + missing_ms, "the rest is not in the file")
        if cut_off and self.facts.container == "mpegts":
            return CutOff(end_ms, end_ms, "in the middle of a packet")
        return None

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
            damage=self._damage.places() + ((self._end,) if self._end else ()),
            shifts_ms=tuple(self._shifts_ms),
            checksums=self._structure.checksums,
        )


class _Pairing:
    """Which packets gave no picture: pictures come in the order of their times, so an earlier one that waits still is lost."""

    def __init__(self, facts: MediaFacts) -> None:
        self._paired = facts.video_codec not in UNPAIRED_CODECS and facts.container not in UNPAIRED_CONTAINERS
        self._waiting: list[int] = []

    def sent(self, t_ms: int) -> None:
        """A packet whose picture is to be shown at `t_ms`; what belongs before the first picture is never shown."""
        if self._paired and t_ms >= 0:
            heapq.heappush(self._waiting, t_ms)

    def shown(self, t_ms: int) -> list[int]:
        """Times of the pictures that ought to have come before the one that is shown at `t_ms`."""
        lost = []
        while self._waiting and self._waiting[0] <= t_ms:
            due_ms = heapq.heappop(self._waiting)
            if due_ms < t_ms:
                lost.append(due_ms)
        return lost

    def stop(self) -> None:
        """Times tell no more which picture is whose."""
        self._paired = False
        self._waiting.clear()


class _HoleDates:
    """Tells the holes of a file as the pass comes by them."""

    def __init__(self, holes: tuple[Hole, ...]) -> None:
        self._ahead = deque(holes)
        self._before_ms = 0

    def passed(self, pos: int | None, at_ms: int) -> Iterator[tuple[Hole, int]]:
        """Holes that end before the packet at byte `pos` (None: the file's end), each with the time where it begins."""
        while self._ahead and (pos is None or pos >= self._ahead[0].end):
            yield self._ahead.popleft(), self._before_ms
        if not self._ahead or (pos is not None and pos <= self._ahead[0].start):
            self._before_ms = max(at_ms, 0)
