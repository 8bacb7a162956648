"""The one pass over the pictures: every frame once, at its true presentation time, in the small sizes that are asked for.

Times are milliseconds from the film's first picture, read from the frames themselves and never counted from a frame rate, so variable
rates and late starts stay exact. Damage is found in three ways (the decoder stumbles or marks a picture; a packet gave no picture; the
container's own structure has a hole), noted with its time, and the pass goes on as far as it can. A pass may also go on where another
one was left off, see `corpus.films.media.mark`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from corpus.films.media.damage import CutOff, Damage, DamageLog, clock
from corpus.films.media.deadline import Deadline
from corpus.films.media.decoders import Decoding, hardware, open_decoder
from corpus.films.media.hevc import Fault, HevcReading
from corpus.films.media.mark import KnownFrames, Mark, NotTheSame, PassState, identity
from corpus.films.media.pairing import HoleDates, Pairing
from corpus.films.media.pictures import Pictures
from corpus.films.media.probe import MediaError, MediaFacts, choose_video, open_media, packets_of, probe
from corpus.films.media.structure import examine

MINIMUM_USABLE_MS = 1000
MISSING_END_MS = 1000
KNOWN_CUT_MS = 100
BEYOND_END_MS = 60_000
GAP_MS = 500
STEADY_PICTURES = 50
STUCK_PACKETS = 2
BACKWARD_MS = 1000
BACKWARD_PICTURES = 3
# Key pictures are mostly at most ten seconds apart; where none is found so far before a mark, the pass begins at the film's start.
SEEK_BACK_MS = (1000, 12_000)
MOST_AHEAD = 64
"""Frames after a mark that a decoder may give before it was fed all packets that were looked at: it holds far fewer."""

# An encoder never writes this in these formats: H.264 and HEVC forbid 00 00 00, and arithmetic coding makes 64 zeros out of nothing else.
HOLE_IN_PACKET = bytes(64)
NO_ZEROS = frozenset({"h264", "hevc", "vp8", "vp9", "av1"})


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
    return scaled(facts, width / max(facts.display_width, facts.display_height))


def scaled(facts: MediaFacts, scale: float) -> tuple[int, int]:
    """(width, height) of the shown picture times `scale`; never larger, at least 16, both even."""
    width, height = (max(round(side * min(scale, 1.0) / 2) * 2, 16) for side in (facts.display_width, facts.display_height))
    return width, height


class VideoPass:
    """Iterates over all frames of a film once; `summary()` tells afterwards what was measured.

    Memory does not grow with the film. A frame without a usable time, or one whose time runs backwards, is dropped and noted.

    Raises:
        MediaError: less than a second of picture could be decoded, or decoding took longer than `wall_limit_s`.
    """

    def __init__(
        self,
        path: Path,
        facts: MediaFacts | None = None,
        *,
        wall_limit_s: float | None = None,
        decoding: Decoding = Decoding.SOFTWARE,
    ) -> None:
        self.path = path
        self.facts = facts or probe(path)
        self.pictures = Pictures(self.facts)
        self._decoding = decoding
        self._deadline = Deadline(path, self.facts.declared_duration_ms, wall_limit_s)
        self._structure = examine(path, self.facts.container)
        self._end: CutOff | None = None
        self._be_at(PassState())

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self, mark: Mark | None = None) -> Iterator[Frame]:
        """All frames, or those after a mark that another pass over this film left.

        Raises:
            MediaError: as the class says.
            NotTheSame: the film is not the one that the mark is of, or is damaged and decodes otherwise; no frame was given.
        """
        yield from self._from_start() if mark is None else self._after(mark)
        self._check_end()

    def state(self) -> PassState:
        """What this pass knows after the frame that it gave last."""
        places, unlisted = self._damage.noted
        return replace(
            self._at,
            waiting_ms=tuple(self._pairing.waiting_ms),
            holes_passed=self._holes.n_passed,
            before_hole_ms=self._holes.before_ms,
            places=tuple(places),
            unlisted=unlisted,
            read_again=self._second is not None and self._second.able,
        )

    def end_as(self, state: PassState) -> None:
        """Be at the end of a pass that ended in that state."""
        self._be_at(state)
        self._end = self._missing_end(self._end_ms(), self.facts.declared_duration_ms)

    def _be_at(self, state: PassState) -> None:
        self._at = replace(state)
        self._damage = DamageLog(list(state.places), state.unlisted)
        self._holes = HoleDates(self._structure.holes, state.holes_passed, state.before_hole_ms)
        self._pairing = Pairing(self.facts, list(state.waiting_ms))
        self._second: HevcReading | None = None

    def _from_start(self) -> Iterator[Frame]:
        self._be_at(PassState())
        with self._opened() as packets:
            yield from self._placed_frames(self._raw_frames(packets))

    def _after(self, mark: Mark) -> Iterator[Frame]:
        # Where the clock begins anew the file's times are not the film's, and a seek would not find its place.
        for back_ms in () if mark.state.shifts_ms or mark.state.backward_ms else SEEK_BACK_MS:
            try:
                yield from self._after_key_picture(mark, back_ms)
            except NotTheSame:
                continue
            return
        for frame in self._from_start():
            if frame.index >= mark.state.n_frames:
                yield frame
            elif frame.index == mark.state.n_frames - 1 and frame.t_ms != mark.state.last_ms:
                # Decoding threads do not always make the same of damage.
                raise NotTheSame(f"{self.path} does not decode as it did")

    def _after_key_picture(self, mark: Mark, back_ms: int) -> Iterator[Frame]:
        """Frames after the mark, decoded from a key picture some `back_ms` before it."""
        self._be_at(mark.state)
        with self._opened(max(mark.state.last_ms - back_ms, 0)) as packets:
            if self._second is not None:
                self._second.able &= mark.state.read_again
            known = KnownFrames(mark, self.facts.origin_s, self.pictures)
            ahead = self._up_to(mark, packets, known)
            yield from self._placed_frames(chain(ahead, known.after(self._raw_frames(packets))))
            known.check_complete()

    def _up_to(self, mark: Mark, packets: Iterator[av.Packet], known: KnownFrames) -> list[av.VideoFrame]:
        """Decode the packets that were looked at, whose faults are noted already; the frames after the mark that are out by then."""
        ahead: list[av.VideoFrame] = []
        for packet in _from_key_picture(packets):
            self._deadline.check(self._at.last_ms)
            at_ms = self._packet_ms(packet)
            known.begin(at_ms)
            self._faults(packet, at_ms)
            ahead += known.after(self._frames_of(packet))
            if identity(packet) == mark.state.packet:
                return ahead
            if len(ahead) > MOST_AHEAD:
                break
        raise NotTheSame("the packets are not those that were read")

    def _frames_of(self, packet: av.Packet) -> list[av.VideoFrame]:
        try:
            return list(self._decoder.decode(packet))
        except FFmpegError:  # told when it was met first; frames that are missing for it now and were not then are noticed
            return []

    @contextmanager
    def _opened(self, from_ms: int | None = None) -> Iterator[Iterator[av.Packet]]:
        """The film's packets, with a decoder for them; where `from_ms` is given from a place at or before it."""
        with open_media(self.path, hardware(self._decoding)) as container:
            stream = choose_video(container)
            if stream is None:
                raise MediaError(f"{self.path} has no video stream")
            if from_ms is not None:
                _seek(container, stream, from_ms / 1000 + self.facts.origin_s)
            self._decoder = open_decoder(stream, self.facts)
            self._second = self._second_reading(stream)
            yield packets_of(container, stream)

    def _placed_frames(self, raws: Iterable[av.VideoFrame]) -> Iterator[Frame]:
        for raw in raws:
            t_ms = self._time_ms(raw)
            if t_ms is not None:
                self._at.n_frames += 1
                yield Frame(self._at.n_frames - 1, t_ms, raw, self.pictures)

    def _raw_frames(self, packets: Iterator[av.Packet]) -> Iterator[av.VideoFrame]:
        while True:
            self._deadline.check(self._at.last_ms)
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

    def _faults(self, packet: av.Packet, at_ms: int) -> list[Fault]:
        if self._second is None:
            return []
        return self._second.read(bytes(packet), at_ms) if packet.size else self._second.finish(at_ms)

    def _decoded(self, packet: av.Packet) -> list[av.VideoFrame]:
        self._watch(packet)
        self._unstick(packet)
        try:
            frames = list(self._decoder.decode(packet))
        except FFmpegError as error:
            self._spoilt(f"pictures cannot be decoded ({error.strerror or error})")
            self._at.failures += 1
            return []
        self._at.failures = 0
        for frame in frames:
            if frame.is_corrupt:
                self._spoilt("pictures are damaged", pictures=1)
        return frames

    def _unstick(self, packet: av.Packet) -> None:
        """Several threads that stumble over a missing picture can stay down to the film's end: at a key picture they begin anew."""
        if packet.is_keyframe and self._at.failures >= STUCK_PACKETS:
            self._decoder.flush_buffers()

    def _watch(self, packet: av.Packet) -> None:
        """Compare what comes out of the file with what ought to."""
        at_ms = self._packet_ms(packet)
        self._at.packet = identity(packet)
        for fault in self._faults(packet, at_ms):
            self._spoilt(fault.what, at_ms=fault.at_ms)
        if not packet.size:
            return
        if packet.is_keyframe:
            self._at.keys_ms += (at_ms,)
        for hole, start_ms in self._holes.passed(packet.pos, at_ms):
            self._damage.note(hole.what, start_ms, at_ms)
        if packet.is_corrupt:
            self._spoilt("pictures are damaged in the file")
        if self.facts.video_codec in NO_ZEROS and HOLE_IN_PACKET in memoryview(packet).tobytes():
            self._spoilt("pictures are overwritten with zeros", at_ms=at_ms)
        if packet.pts is not None and at_ms > self._at.last_ms and not packet.is_discard and not packet.is_corrupt:
            self._pairing.sent(at_ms)

    def _packet_ms(self, packet: av.Packet) -> int:
        pts = packet.pts if packet.pts is not None else packet.dts
        if pts is None:
            return max(self._at.last_ms, 0)
        return round((float(pts * packet.time_base) - self.facts.origin_s) * 1000)

    def _spoilt(self, what: str, *, at_ms: int | None = None, pictures: int = 0) -> None:
        """A fault after which pictures are not to be trusted until the next key picture."""
        self._damage.note(what, self._at.last_ms if at_ms is None else at_ms, pictures=pictures)
        self._at.suspect = True

    def _time_ms(self, raw: av.VideoFrame) -> int | None:
        if raw.time is None:
            self._damage.note("pictures without a time dropped", self._at.last_ms, pictures=1)
            return None
        t_ms = self._placed(round((float(raw.time) - self.facts.origin_s) * 1000))
        declared_ms = self.facts.declared_duration_ms
        if t_ms <= self._at.last_ms or (declared_ms and t_ms > declared_ms + BEYOND_END_MS and not self._at.shifts_ms):
            self._damage.note("pictures with an impossible time dropped", self._at.last_ms, pictures=1)
            return None
        self._follow(t_ms, raw)
        return t_ms

    def _placed(self, t_ms: int) -> int:
        """The time on the film's clock; where several pictures in a row go back by more than a second, another recording begins."""
        shifted = t_ms + (self._at.shifts_ms[-1] if self._at.shifts_ms else 0)
        if shifted > self._at.last_ms - BACKWARD_MS:
            self._at.backward_ms = ()
            return shifted
        backward = self._at.backward_ms = (*self._at.backward_ms, t_ms)
        if len(backward) < BACKWARD_PICTURES or list(backward) != sorted(backward):
            return shifted
        self._at.shifts_ms += (self._end_ms() - backward[0],)
        self._pairing.stop()
        self._damage.note("the film's clock begins anew", self._at.last_ms)
        return t_ms + self._at.shifts_ms[-1]

    def _follow(self, t_ms: int, raw: av.VideoFrame) -> None:
        lost = self._pairing.shown(t_ms)
        if lost:
            self._damage.note("pictures are lost", lost[0], t_ms, pictures=len(lost))
        if self._at.suspect and (raw.key_frame or t_ms in self._at.keys_ms):  # libvpx's pictures do not say that they are key pictures
            self._damage.note("", t_ms)
            self._at.suspect = False
        self._at.keys_ms = tuple(key_ms for key_ms in self._at.keys_ms if key_ms > t_ms)
        if self._at.last_ms >= 0:
            self._step(t_ms)
        self._at.last_ms = t_ms
        self._at.step_ms = float(raw.duration * raw.time_base) * 1000 if raw.duration else 0.0

    def _step(self, t_ms: int) -> None:
        step = t_ms - self._at.last_ms
        shortest, longest = self._at.steps_ms or (step, step)
        if self._at.n_frames >= STEADY_PICTURES and longest - shortest <= 2 and step > max(GAP_MS, 4 * longest):
            self._damage.note("there are no pictures", self._at.last_ms, t_ms)
        else:
            self._at.steps_ms = min(shortest, step), max(longest, step)

    def _end_ms(self) -> int:
        rate = self.facts.declared_fps or 25.0
        step = self._at.step_ms if 0 < self._at.step_ms < 10_000 else 1000 / rate
        return self._at.last_ms + max(round(step), 1)

    def _check_end(self) -> None:
        end_ms, declared_ms = self._end_ms(), self.facts.declared_duration_ms
        lost = self._pairing.shown(end_ms + BEYOND_END_MS)
        if lost:
            self._damage.note("pictures are lost", lost[0], lost[-1], pictures=len(lost))
        for hole, start_ms in self._holes.passed(None, end_ms):
            self._damage.note(hole.what, start_ms, end_ms)
        self._end = self._missing_end(end_ms, declared_ms)
        if self._at.n_frames == 0 or ((self._damage or self._end) and end_ms < MINIMUM_USABLE_MS):
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
        shortest, longest = self._at.steps_ms or (0, 0)
        return StreamSummary(
            duration_ms=end_ms,
            n_frames=self._at.n_frames,
            fps=round(1000 * self._at.n_frames / end_ms, 3),
            # Millisecond rounding alone moves a step by one; a frame rate's steps never differ by more than two.
            variable_rate=self._at.n_frames > 2 and longest - shortest > 2,
            damage=self._damage.places() + ((self._end,) if self._end else ()),
            shifts_ms=self._at.shifts_ms,
            checksums=self._structure.checksums,
        )


def _seek(container: av.container.InputContainer, stream: av.video.stream.VideoStream, to_s: float) -> None:
    try:
        container.seek(round(to_s / stream.time_base), stream=stream)
    except (FFmpegError, OverflowError) as error:
        raise NotTheSame("the file cannot be sought in") from error


def _from_key_picture(packets: Iterator[av.Packet]) -> Iterator[av.Packet]:
    """Packets from the first key picture on; nothing more where the file cannot be read on."""
    begun = False
    while True:
        try:
            packet = next(packets, None)
        except (FFmpegError, OSError):
            return
        if packet is None:
            return
        begun = begun or bool(packet.size and packet.is_keyframe)
        if begun:
            yield packet
