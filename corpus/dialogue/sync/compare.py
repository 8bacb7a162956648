"""Subtitles held against the sound of any film or sound file, without a catalogue: do they fit, where do they belong, write them there.

The sound is decoded into a temporary file in blocks and heard from there, so memory stays flat. Corrected subtitles are written as
SubRip with every cue that could be read; a cue that would begin before the film is set to its beginning and counted, never dropped.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soundfile
from av.error import FFmpegError

from corpus.dialogue.subtitles.arrows import to_srt
from corpus.dialogue.subtitles.cues import Cue, CueFault
from corpus.dialogue.subtitles.read import read_subtitles
from corpus.dialogue.sync.speech import GRID_MS, RATE_HZ, speech_probability_of_file
from corpus.dialogue.sync.synchronise import SyncResult, synchronise, unchecked
from corpus.films.media.probe import CONTAINERS, MAXIMUM_HOURS, MediaError, choose_video, probe
from corpus.films.media.sound import SILENCE_PEAK_DBFS, extract_sound
from corpus.paths import write_text
from corpus.terms import FeelmError

SOUND_CONTAINERS = f"{CONTAINERS},wav,w64,flac,mp3,aac,ac3,eac3,aiff,caf"
MOST_WORST = 5

Speech = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DoubtfulCue:
    """A spoken cue under which little speech is heard: `speech` is the mean probability, 0..1, while it is on screen."""

    number: int
    start_ms: int
    end_ms: int
    speech: float
    text: str


@dataclass(frozen=True)
class Comparison:
    """Subtitles beside the sound.

    `result` is the verdict with its numbers and the cues to use; `worst` are the cues with the least speech under them at the times to
    use, worst first; `dropped` and `repaired` what could not be read of the file or was mended.
    """

    media: Path
    subtitles: Path
    format: str
    result: SyncResult
    worst: tuple[DoubtfulCue, ...]
    dropped: tuple[CueFault, ...]
    repaired: tuple[CueFault, ...]


@dataclass(frozen=True)
class Written:
    """The file that was written: its cues, and how many of them would have begun before the film and were set to its beginning."""

    path: Path
    cues: int
    set_to_beginning: int


def compare(media: Path, subtitles: Path) -> Comparison:
    """Hold subtitles in any known format against a film or a sound file.

    Raises:
        FeelmError: either file cannot be read.
        MediaError: the media file is none of the known containers, has neither picture nor sound, or is beyond the limits.
    """
    picture, fps = _picture(media)
    read = read_subtitles(subtitles, fps=fps)
    with tempfile.TemporaryDirectory(prefix="feelm-") as folder:
        sound = Path(folder) / "sound.flac"
        missing = _decode_film(media, sound) if picture else _decode_sound(media, sound)
        if missing:
            result = unchecked(read.cues, f"{missing}: nothing to compare with")
            return Comparison(media, subtitles, read.format, result, (), read.dropped, read.repaired)
        speech = speech_probability_of_file(sound)
    result = synchronise(read.cues, speech, GRID_MS, len(speech) * GRID_MS)
    return Comparison(media, subtitles, read.format, result, _worst(result.cues, speech), read.dropped, read.repaired)


def write_subtitles(comparison: Comparison, out: Path) -> Written:
    """Write the cues where they belong as SubRip; a SubRip file that fits is copied as it is.

    Raises:
        FeelmError: the subtitles were refused, or `out` is the file that was read.
    """
    result = comparison.result
    if result.verdict == "refused":
        raise FeelmError(f"{comparison.subtitles.name} is not written: {result.reason}")
    if out.resolve() == comparison.subtitles.resolve():
        raise FeelmError(f"{out} is the file that was read: name another one, so that it can be looked at again")
    cues = _whole(result.cues)
    if result.verdict != "corrected" and comparison.format == "srt":
        out.write_bytes(comparison.subtitles.read_bytes())
        return Written(out, len(cues), 0)
    begun = [replace(cue, start_ms=max(cue.start_ms, 0), end_ms=max(cue.end_ms, cue.start_ms + 1, 1)) for cue in cues]
    write_text(out, to_srt(begun))
    return Written(out, len(cues), sum(cue.start_ms < 0 for cue in cues))


def _whole(cues: Sequence[Cue]) -> list[Cue]:
    """One cue for each of the file's: those that were parted by speaker are joined again."""
    joined: dict[int, Cue] = {}
    for cue in cues:
        first = joined.setdefault(cue.number, cue)
        joined[cue.number] = replace(first, start_ms=min(first.start_ms, cue.start_ms), end_ms=max(first.end_ms, cue.end_ms))
    return sorted(joined.values(), key=lambda cue: (cue.start_ms, cue.number))


def _worst(cues: Sequence[Cue], speech: Speech) -> tuple[DoubtfulCue, ...]:
    doubtful = [DoubtfulCue(cue.number, cue.start_ms, cue.end_ms, _heard(cue, speech), cue.text) for cue in cues if cue.kind == "speech"]
    return tuple(sorted(doubtful, key=lambda cue: (cue.speech, cue.number))[:MOST_WORST])


def _heard(cue: Cue, speech: Speech) -> float:
    low, high = max(cue.start_ms // GRID_MS, 0), max(-(-cue.end_ms // GRID_MS), 0)
    return round(float(speech[low:high].sum()) / max(1, (cue.end_ms - cue.start_ms) // GRID_MS), 3) if low < high else 0.0


def _picture(media: Path) -> tuple[bool, float | None]:
    """Whether there is a picture, and its frame rate, which subtitles that count frames need."""
    with _open(media) as container:
        stream = choose_video(container)
        rate = stream.average_rate if stream is not None else None
        return stream is not None, float(rate) if rate else None


def _decode_film(media: Path, out: Path) -> str | None:
    """Write a film's sound by the clock of its pictures; the answer says why there is none."""
    facts = probe(media)
    return extract_sound(media, facts, facts.declared_duration_ms or MAXIMUM_HOURS * 3_600_000, out).missing


def _open(media: Path) -> av.container.InputContainer:
    if not media.is_file():
        raise MediaError(f"no file at {media}: give the path of a film or a sound file")
    options = {"protocol_whitelist": "file", "format_whitelist": SOUND_CONTAINERS}
    try:
        return av.open(str(media.resolve()), options=options, metadata_errors="replace")
    except (FFmpegError, ValueError, OSError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise MediaError(
            f"{media} cannot be read as a film or sound ({why}): give mp4, mkv, webm, avi, mpeg, wav, flac, mp3, ..."
        ) from error


def _decode_sound(media: Path, out: Path) -> str | None:
    """As _decode_film, for a file of sound alone."""
    peak, samples = 0.0, 0
    with soundfile.SoundFile(str(out), "w", RATE_HZ, 1, subtype="PCM_16", format="FLAC") as writer:
        for block in _samples(media):
            peak = max(peak, float(np.abs(block).max(initial=0)))
            samples += len(block)
            if samples > MAXIMUM_HOURS * 3600 * RATE_HZ:
                raise MediaError(f"{media} lasts longer than {MAXIMUM_HOURS} hours: give the part that the subtitles are for")
            writer.write(np.clip(block, -1, 1))
    if not samples:
        raise MediaError(f"{media} has no sound that can be decoded: give a film or a sound file")
    return "the sound is digital silence" if peak < 10 ** (SILENCE_PEAK_DBFS / 20) else None


def _samples(media: Path) -> Iterator[Speech]:
    """The first sound track as mono at 16 kHz; a damaged packet is passed over, as players do."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    with _open(media) as container:
        if not container.streams.audio:
            raise MediaError(f"{media} has neither picture nor sound: give a film or a sound file")
        for packet in container.demux(container.streams.audio[0]):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                frame.pts = None
                yield from (part.to_ndarray().reshape(-1) for part in resampler.resample(frame))
    yield from (part.to_ndarray().reshape(-1) for part in resampler.resample(None))
