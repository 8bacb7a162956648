"""A film's sound with something laid over it, as loud as a signal-to-noise ratio says: noise, music, a laughing audience.

The ratio is the power of the film's own sound over that of what is laid over it, both where lines are spoken: pauses make nothing easier.
Sound is read, made and written a minute at a time, each minute's bed drawn by the seed and its number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.evaluation.robustness.conditions import Disturbance
from ml.features.voice.grid import RATE_HZ, Floats, SoundChunk, sound_chunks

LOWEST_HZ = 50
LOUDEST = 0.98
"""A mix that would be louder at its peak is turned down as a whole, which leaves the ratio as it is."""

BOUT_S, BOUTS_EVERY_S = 3.0, 5.0
LAUGHING = 12
CALLS_A_SECOND = 4.5
MADE_RATE_HZ = 44_100


def mix(sound: Path, bed: Disturbance, snr_db: float, spans_ms: npt.NDArray[np.int64], out: Path, seed: Sequence[int]) -> None:
    """Write `sound` (16 kHz mono) with the bed as FLAC; `spans_ms` (n, 2) is where lines are spoken, the whole sound where there are none.

    Where the sound is silent there, or no laugh meets a line, nothing is laid over it.
    """
    import soundfile

    gain = _gain(sound, bed, snr_db, spans_ms, seed)
    peak = max((float(np.abs(mixed).max(initial=0)) for mixed in _mixed(sound, bed, gain, seed)), default=0.0)
    scale = np.float32(min(1.0, LOUDEST / peak)) if gain and peak else np.float32(1)
    with soundfile.SoundFile(str(out), "w", RATE_HZ, 1, subtype="PCM_16", format="FLAC") as writer:
        for mixed in _mixed(sound, bed, gain, seed):
            writer.write(mixed * scale)


def make_bed(bed: Disturbance, count: int, rng: np.random.Generator) -> Floats:
    """`count` samples at 16 kHz of one of BEDS, of no particular loudness."""
    return BEDS[bed](count, rng).astype(np.float32)


def _gain(sound: Path, bed: Disturbance, snr_db: float, spans_ms: npt.NDArray[np.int64], seed: Sequence[int]) -> float:
    """What the bed is multiplied by."""
    own, laid = 0.0, 0.0
    for chunk, over in _with_bed(sound, bed, seed):
        spoken = _spoken(chunk, spans_ms)
        own += float((chunk.own[spoken].astype(np.float64) ** 2).sum())
        laid += float((over[spoken].astype(np.float64) ** 2).sum())
    return float(np.sqrt(own / laid / 10 ** (snr_db / 10))) if laid > 0 else 0.0


def _with_bed(sound: Path, bed: Disturbance, seed: Sequence[int]) -> Iterator[tuple[SoundChunk, Floats]]:
    for number, chunk in enumerate(sound_chunks(sound)):
        yield chunk, make_bed(bed, len(chunk.own), np.random.default_rng([*seed, number]))


def _mixed(sound: Path, bed: Disturbance, gain: float, seed: Sequence[int]) -> Iterator[Floats]:
    for chunk, over in _with_bed(sound, bed, seed):
        yield chunk.own + np.float32(gain) * over


def _spoken(chunk: SoundChunk, spans_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which of the chunk's own samples lie in a span."""
    spoken = np.full(len(chunk.own), not len(spans_ms))
    for start_ms, end_ms in spans_ms:
        first, last = (max(int(ms - chunk.start_ms), 0) * RATE_HZ // 1000 for ms in (start_ms, end_ms))
        spoken[first:last] = True
    return spoken


def _noise(count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Pink noise: its power falls by 3 dB an octave, as that of many rooms and streets does."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    hz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    shaped = np.where(hz >= LOWEST_HZ, 1 / np.sqrt(np.maximum(hz, LOWEST_HZ)), 0)
    return np.asarray(np.fft.irfft(spectrum * shaped, count))


def _music(count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """The film maker's score of an ordinary scene, which no emotion is meant by."""
    from scipy.signal import resample_poly

    from corpus.maker.sound import score

    made = score("routine", -(-count * MADE_RATE_HZ // RATE_HZ), rng).mean(axis=1)
    return np.asarray(resample_poly(made, 160, 441)[:count])


def _laughter(count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """An audience that laughs for some three seconds in every five: voices that call four to five times a second at falling pitch and
    loudness, in the manner of voiced laughter (Bachorowski, Smoski and Owren, JASA 110, 2001).
    """
    laughter = np.zeros(count + round(2 * BOUT_S * RATE_HZ))
    for start_s in np.arange(0, count / RATE_HZ, BOUTS_EVERY_S):
        for _ in range(LAUGHING):
            first = round((start_s + rng.uniform(0, BOUTS_EVERY_S - BOUT_S + 0.5)) * RATE_HZ)
            voice = _laugh(rng)
            laughter[first : first + len(voice)] += voice
    return laughter[:count]


def _laugh(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """One voice's bout: harmonics of a pitch that falls with each call, and breath."""
    seconds = np.arange(round(BOUT_S * rng.uniform(0.6, 1.0) * RATE_HZ)) / RATE_HZ
    call = seconds * CALLS_A_SECOND * rng.uniform(0.85, 1.15)
    within, over = call % 1, seconds / seconds[-1]
    pitch_hz = rng.uniform(180, 420) * (1 - 0.25 * over) * (1 - 0.2 * within)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    voiced = sum(np.sin(k * phase) / k for k in range(1, 9))
    loud = np.clip(within / 0.1, 0, 1) * np.clip((0.55 - within) / 0.15, 0, 1) * (1 - 0.7 * over)
    return np.asarray(loud * (voiced + 0.3 * rng.normal(size=len(seconds))))


BEDS = {Disturbance.NOISE: _noise, Disturbance.MUSIC: _music, Disturbance.LAUGHTER: _laughter}
"""What can be laid over the sound."""
