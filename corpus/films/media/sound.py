"""The sound track as 16 kHz mono whose first sample is the film's first picture.

Sound is placed by its own presentation times: a late start becomes silence, sound before the first picture is cut, gaps are filled (and
told), so that a second in the file is a second in the film. It is mixed with the centre channel, where people speak, above the others,
and written in blocks; the resampler is flushed at the end of every contiguous stretch (its tail would be lost otherwise).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soundfile
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as Drained
from av.error import FFmpegError
from av.filter import Graph

from corpus.dialogue.language import base_code
from corpus.films.media.damage import DamageLog
from corpus.films.media.deadline import Deadline
from corpus.films.media.probe import AudioTrack, MediaFacts, open_media, packets_of

RATE_HZ = 16_000
MISPLACED_S = 0.04
BLOCK_SAMPLES = 10 * RATE_HZ
SILENCE_PEAK_DBFS = -60.0
TOLD_GAP_MS = 100
BACKWARD_S = 1

WITH_CENTRE = {"FC": 0.7, "FL": 0.25, "FR": 0.25, "LFE": 0.0}
"""Where there is a centre channel, speech is in it and hardly elsewhere: it stands 9 dB above left and right, 15 dB above the others."""
OTHERS = 0.12
UNNAMED = {6: ("FL", "FR", "FC", "LFE", "BL", "BR"), 8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR")}
"""Order of channels that nobody named, that of WAVE."""


@dataclass(frozen=True)
class SoundFacts:
    """The sound track as measured: `loudness_db` is the RMS level in dBFS (null for none), `missing` says why there is no sound."""

    has_audio: bool
    silent: bool
    duration_ms: int
    loudness_db: float | None
    peak_db: float | None
    track_index: int | None
    offset_ms: int | None
    damage: tuple[str, ...]
    missing: str | None


def choose_track(facts: MediaFacts, language: str | None) -> AudioTrack | None:
    """The film's own sound: no commentary or description, the film's language where marked, the first of equals."""
    code = base_code(language or "")
    return min(facts.audio, key=lambda t: (t.secondary, base_code(t.language or "") != code, t.index), default=None)


def mix(channels: Sequence[str]) -> tuple[float, ...]:
    """Weight of each channel in the mono sound; equal where there is no centre beside others."""
    named = UNNAMED.get(len(channels), channels) if "NONE" in channels else channels
    if "FC" in named and len(named) > 1:
        return tuple(WITH_CENTRE.get(name, OTHERS) for name in named)
    heard = [0.0 if name == "LFE" and len(named) > 1 else 1.0 for name in named]
    return tuple(weight / sum(heard) for weight in heard)


def extract_sound(
    path: Path,
    facts: MediaFacts,
    duration_ms: int,
    out: Path,
    *,
    language: str | None = None,
    shifts_ms: Sequence[int] = (),
    wall_limit_s: float | None = None,
) -> SoundFacts:
    """Write the film's sound to `out` (FLAC, 16 bit, 16 kHz mono), at most `duration_ms` long; no file when there is none.

    `shifts_ms` are those of the pictures (`StreamSummary`): each time that the sound's clock begins anew the next one is added.

    Raises:
        MediaError: the film cannot be opened, or reading it took longer than `wall_limit_s`.
    """
    track = choose_track(facts, language)
    if track is None:
        return SoundFacts(False, True, 0, None, None, None, None, (), "no audio track")
    source = _Source(path, track, facts.origin_s, shifts_ms, Deadline(path, facts.declared_duration_ms, wall_limit_s))
    meter = _Meter()
    limit = math.ceil(duration_ms * RATE_HZ / 1000)
    with soundfile.SoundFile(str(out), "w", RATE_HZ, 1, subtype="PCM_16", format="FLAC") as writer:
        for block in _blocks(source.samples(), limit):
            meter.add(block)
            writer.write(block)
    if meter.samples == 0:
        out.unlink()
        return SoundFacts(False, True, 0, None, None, track.index, track.start_ms, source.told(), "the audio track cannot be decoded")
    silent = meter.peak_db is None or meter.peak_db < SILENCE_PEAK_DBFS
    return SoundFacts(
        has_audio=True,
        silent=silent,
        duration_ms=round(meter.samples * 1000 / RATE_HZ),
        loudness_db=meter.rms_db,
        peak_db=meter.peak_db,
        track_index=track.index,
        offset_ms=track.start_ms,
        damage=source.told(),
        missing="the sound is digital silence" if silent else None,
    )


def sound_of(pcm: npt.NDArray[np.int16], rate_hz: int) -> npt.NDArray[np.float32]:
    """Mono samples at 16 kHz, float32 -1..1, of mono 16-bit samples (n,) at any rate: what is read of the file that `extract_sound` would
    write of them.
    """
    if not len(pcm):
        return np.zeros(0, np.float32)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm)[None], format="s16", layout="mono")
    frame.sample_rate = rate_hz
    mixer = _Mixer(frame)
    mixed = np.clip(np.concatenate([*mixer.mixed(frame), *mixer.mixed(None)]), -1, 1)
    # As libsndfile writes 16 bits and reads them again.
    return (np.rint(mixed * np.float32(32768)).clip(max=32767) / 32768).astype(np.float32)


class _Meter:
    """Level of all samples seen."""

    def __init__(self) -> None:
        self.samples = 0
        self._energy = 0.0
        self._peak = 0.0

    def add(self, block: np.ndarray) -> None:
        self.samples += len(block)
        self._energy += float(np.square(block, dtype=np.float64).sum())
        self._peak = max(self._peak, float(np.abs(block).max(initial=0)))

    @property
    def peak_db(self) -> float | None:
        return round(20 * math.log10(self._peak), 2) if self._peak > 0 else None

    @property
    def rms_db(self) -> float | None:
        return round(10 * math.log10(self._energy / self.samples), 2) if self._energy > 0 else None


class _Source:
    """One audio track as float32 samples at 16 kHz on the film's clock."""

    def __init__(self, path: Path, track: AudioTrack, origin_s: float, shifts_ms: Sequence[int], deadline: Deadline) -> None:
        self._path = path
        self._track = track
        self._origin_s = origin_s
        self._shifts = [round(shift_ms * RATE_HZ / 1000) for shift_ms in shifts_ms]
        self._shift = 0
        self._deadline = deadline
        self._last_ms = 0
        self._damage = DamageLog()

    def told(self) -> tuple[str, ...]:
        """Damaged places in words."""
        return tuple(f"sound {place}" for place in self._damage.places())

    def samples(self) -> Iterator[np.ndarray]:
        """Stretches of samples in order; the first one begins at the film's first picture."""
        written = 0
        for number, (start, stretch) in enumerate(self._stretches()):
            if self._shifts and start + self._shift < written - BACKWARD_S * RATE_HZ:
                self._shift = self._shifts.pop(0)
            start += self._shift
            if number:
                self._tell_join(written, start)
            for piece in stretch:
                if start > written:
                    yield from _silence(start - written)
                    written = start
                kept = piece[max(written - start, 0) :]
                start += len(piece)
                written += len(kept)
                yield kept

    def _tell_join(self, written: int, start: int) -> None:
        before_ms, after_ms = (round(sample * 1000 / RATE_HZ) for sample in (written, start))
        if after_ms - before_ms >= TOLD_GAP_MS:
            self._damage.note("there is no sound", before_ms, after_ms)
        elif before_ms - after_ms >= TOLD_GAP_MS:
            self._damage.note("the sound's times run backwards", after_ms, before_ms)

    def _stretches(self) -> Iterator[tuple[int, Iterator[np.ndarray]]]:
        """Contiguous stretches: the first sample's place in the film, and the samples, resampler flushed."""
        frames = self._frames()
        frame = next(frames, None)
        while frame is not None:
            run = _Run(frame, frames, self._origin_s)
            yield run.start, run.samples()
            frame = run.following

    def _frames(self) -> Iterator[av.AudioFrame]:
        with open_media(self._path) as container:
            # Damage can hide a track from one reading that the other found.
            stream = next((stream for stream in container.streams.audio if stream.index == self._track.index), None)
            if stream is None:
                self._damage.note("its track is not found again", 0)
                return
            stream.codec_context.options = {"err_detect": "explode+crccheck"}
            packets = packets_of(container, stream)
            while True:
                self._deadline.check(self._last_ms)
                try:
                    packet = next(packets, None)
                except (FFmpegError, OSError) as error:
                    self._damage.note(f"the file cannot be read on ({error.strerror or error})", self._last_ms)
                    return
                if packet is None:
                    return
                yield from self._decoded(packet)

    def _decoded(self, packet: av.Packet) -> Iterator[av.AudioFrame]:
        try:
            frames = packet.decode()
        except FFmpegError as error:
            self._damage.note(f"it cannot be decoded ({error.strerror or error})", self._last_ms)
            return
        for frame in frames:
            if frame.time is not None:
                self._last_ms = round(1000 * (frame.time - self._origin_s))
            if frame.is_corrupt or packet.is_corrupt:
                self._damage.note("it is damaged in the file", self._last_ms)
            yield frame


class _Run:
    """Frames that follow each other without a gap; `following` is the first frame after it."""

    def __init__(self, first: av.AudioFrame, frames: Iterator[av.AudioFrame], origin_s: float) -> None:
        self._frame: av.AudioFrame = first
        self._frames = frames
        self._origin_s = origin_s
        self.following: av.AudioFrame | None = None
        self.start = round(self._time_s(first, 0.0) * RATE_HZ)

    def _time_s(self, frame: av.AudioFrame, otherwise: float) -> float:
        return frame.time - self._origin_s if frame.time is not None else otherwise

    def samples(self) -> Iterator[np.ndarray]:
        """Mono float32 samples; the last ones come when the resampler is flushed."""
        mixer = _Mixer(self._frame)
        shape = _shape(self._frame)
        expected = self._time_s(self._frame, 0.0)
        frame: av.AudioFrame | None = self._frame
        while frame is not None and abs(self._time_s(frame, expected) - expected) <= MISPLACED_S and _shape(frame) == shape:
            expected += frame.samples / frame.sample_rate
            frame.pts = None  # the place in the film is kept here; the resampler would pad or cut by its own lights
            yield from mixer.mixed(frame)
            frame = next(self._frames, None)
        yield from mixer.mixed(None)
        self.following = frame


class _Mixer:
    """Mixes and resamples frames of one shape to mono at 16 kHz, by libavfilter."""

    def __init__(self, first: av.AudioFrame) -> None:
        self._graph = Graph()
        weights = mix([channel.name for channel in first.layout.channels])
        recipe = "+".join(f"{weight:g}*c{number}" for number, weight in enumerate(weights))
        form = {"sample_fmts": "flt", "sample_rates": str(RATE_HZ), "channel_layouts": "mono"}
        source = self._graph.add_abuffer(sample_rate=first.sample_rate, format=first.format.name, layout=first.layout.name)
        self._graph.link_nodes(
            source, self._graph.add("pan", f"mono|c0={recipe}"), self._graph.add("aformat", **form), self._graph.add("abuffersink")
        ).configure()

    def mixed(self, frame: av.AudioFrame | None) -> Iterator[np.ndarray]:
        """What is ready once `frame` is in (None: everything)."""
        self._graph.push(frame)
        while True:
            try:
                ready = self._graph.pull()
            except (NothingYet, Drained):
                return
            yield ready.to_ndarray().reshape(-1)


def _shape(frame: av.AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.layout.name, frame.format.name


def _silence(samples: int) -> Iterator[np.ndarray]:
    for begin in range(0, samples, BLOCK_SAMPLES):
        yield np.zeros(min(BLOCK_SAMPLES, samples - begin), dtype=np.float32)


def _blocks(pieces: Iterator[np.ndarray], limit: int) -> Iterator[np.ndarray]:
    """Pieces joined to blocks, clipped to -1..1, at most `limit` samples in all."""
    waiting: list[np.ndarray] = []
    held = passed = 0
    for piece in pieces:
        piece = np.clip(piece[: limit - passed - held], -1, 1)
        waiting.append(piece)
        held += len(piece)
        if held >= BLOCK_SAMPLES or passed + held >= limit:
            yield np.concatenate(waiting)
            passed, held, waiting = passed + held, 0, []
        if passed >= limit:
            return
    if held:
        yield np.concatenate(waiting)
