"""The sound track as 16 kHz mono whose first sample is the film's first picture.

Sound is placed by its own presentation times: a late start becomes silence, sound before the first picture is cut, gaps are filled,
so that a second in the file is a second in the film. It is decoded, mixed and written in blocks, and the resampler is flushed at the
end of every contiguous stretch (its tail would be lost otherwise).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
from av.error import FFmpegError

from corpus.dialogue.language import base_code
from corpus.films.decode import clock
from corpus.films.probe import AudioTrack, MediaFacts, open_media

RATE_HZ = 16_000
MISPLACED_S = 0.04
BLOCK_SAMPLES = 10 * RATE_HZ
SILENCE_PEAK_DBFS = -60.0


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


def extract_sound(path: Path, facts: MediaFacts, duration_ms: int, out: Path, *, language: str | None = None) -> SoundFacts:
    """Write the film's sound to `out` (FLAC, 16 bit, 16 kHz mono), at most `duration_ms` long; no file when there is none.

    Raises:
        MediaError: the film cannot be opened.
    """
    track = choose_track(facts, language)
    if track is None:
        return SoundFacts(False, True, 0, None, None, None, None, (), "no audio track")
    source = _Source(path, track, facts.origin_s)
    meter = _Meter()
    limit = math.ceil(duration_ms * RATE_HZ / 1000)
    with soundfile.SoundFile(str(out), "w", RATE_HZ, 1, subtype="PCM_16", format="FLAC") as writer:
        for block in _blocks(source.samples(), limit):
            meter.add(block)
            writer.write(block)
    if meter.samples == 0:
        out.unlink()
        return SoundFacts(
            False, True, 0, None, None, track.index, track.start_ms, tuple(source.damage), "the audio track cannot be decoded"
        )
    silent = meter.peak_db is None or meter.peak_db < SILENCE_PEAK_DBFS
    return SoundFacts(
        has_audio=True,
        silent=silent,
        duration_ms=round(meter.samples * 1000 / RATE_HZ),
        loudness_db=meter.rms_db,
        peak_db=meter.peak_db,
        track_index=track.index,
        offset_ms=track.start_ms,
        damage=tuple(source.damage),
        missing="the sound is digital silence" if silent else None,
    )


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

    def __init__(self, path: Path, track: AudioTrack, origin_s: float) -> None:
        self._path = path
        self._track = track
        self._origin_s = origin_s
        self.damage: list[str] = []

    def samples(self) -> Iterator[np.ndarray]:
        """Stretches of samples in order; the first one begins at the film's first picture."""
        written = 0
        for start, stretch in self._stretches():
            for piece in stretch:
                if start > written:
                    yield from _silence(start - written)
                    written = start
                kept = piece[max(written - start, 0) :]
                start += len(piece)
                written += len(kept)
                yield kept

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
            stream = container.streams[self._track.index]
            packets = container.demux(stream)
            last_s = 0.0
            while True:
                try:
                    packet = next(packets, None)
                    if packet is None:
                        return
                    for frame in packet.decode():
                        last_s = frame.time if frame.time is not None else last_s
                        yield frame
                except (FFmpegError, OSError) as error:
                    if len(self.damage) < 20:
                        self.damage.append(f"sound damaged at {clock(max(round(1000 * (last_s - self._origin_s)), 0))} ({error.strerror})")
                    if not isinstance(error, av.error.InvalidDataError):
                        return


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
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        shape = _shape(self._frame)
        expected = self._time_s(self._frame, 0.0)
        frame: av.AudioFrame | None = self._frame
        while frame is not None and abs(self._time_s(frame, expected) - expected) <= MISPLACED_S and _shape(frame) == shape:
            expected += frame.samples / frame.sample_rate
            frame.pts = None  # the place in the film is kept here; the resampler would pad or cut by its own lights
            yield from (part.to_ndarray().reshape(-1) for part in resampler.resample(frame))
            frame = next(self._frames, None)
        yield from (part.to_ndarray().reshape(-1) for part in resampler.resample(None))
        self.following = frame


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
