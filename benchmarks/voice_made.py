"""Voices with known truth: a source and a filter, made from a seed.

A glottal flow (Rosenberg's) runs at a known pitch through the formants of known vowels; pulses may be perturbed by a known amount in
length and height. What it is mixed with - noise, music - is made too, or taken from the shared material.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter, resample_poly, sosfilt

from benchmarks.common import SHARED

RATE_HZ = 16_000
HOP_MS = 10
OVER = 8
"""Pulses are drawn at 128 kHz, so that their lengths are known to some microseconds."""

Sound = npt.NDArray[np.float64]

VOWELS = {
    "i": (290, 2290, 3010),
    "e": (530, 1840, 2480),
    "a": (730, 1090, 2440),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}
"""F1 to F3 in Hz of men (Peterson and Barney 1952); others' are scaled."""

LEVEL_DB = {"i": -4.0, "e": -2.0, "a": 0.0, "o": -1.0, "u": -3.0}
"""How loud vowels are of themselves (after Lehiste and Peterson 1959)."""

BANDWIDTHS_HZ = (70.0, 90.0, 130.0, 200.0, 250.0)
LOWEST_HZ, HIGHEST_HZ = 85.0, 480.0


@dataclass(frozen=True)
class MadeVoice:
    """A voice at 16 kHz; `pitch_hz` at the middle of each 10 ms, NaN where there is no voice."""

    samples: Sound
    pitch_hz: Sound


@dataclass(frozen=True)
class Steady:
    """A held vowel with known perturbation: local jitter and shimmer as shares of mean period and mean peak, formants in Hz."""

    samples: Sound
    pitch_hz: float
    jitter: float
    shimmer: float
    shimmer_db: float
    formants_hz: tuple[float, ...]


def made_voice(seed: int, seconds: float) -> MadeVoice:
    """Syllables of gliding pitch (85 to 480 Hz, several speakers) between pauses and hisses."""
    rng = np.random.default_rng([seed, 1])
    parts, pitches, done = [], [], 0
    while done < seconds * 1000:
        gap_ms = 10 * int(rng.integers(6, 40))
        parts.append(_gap(rng, gap_ms))
        pitches.append(np.full(gap_ms // HOP_MS, np.nan))
        samples, pitch = _phrase(rng)
        parts.append(samples)
        pitches.append(pitch)
        done += gap_ms + len(pitch) * HOP_MS
    return MadeVoice(0.2 * np.concatenate(parts), np.concatenate(pitches))


def _gap(rng: np.random.Generator, length_ms: int) -> Sound:
    """Near silence, or a hiss as of s and f."""
    noise = rng.normal(0, 1, length_ms * RATE_HZ // 1000)
    if rng.random() < 0.5:
        return noise * 1e-3
    return lfilter([1, -0.95], [1], noise) * np.hanning(len(noise)) * 0.06


def _phrase(rng: np.random.Generator) -> tuple[Sound, Sound]:
    """Vowels in one breath: one speaker, a pitch that moves by up to half an octave a syllable."""
    centre = float(np.exp(rng.uniform(np.log(LOWEST_HZ * 1.15), np.log(HIGHEST_HZ / 1.15))))
    syllables = int(rng.integers(1, 6))
    length = 10 * int(rng.integers(18, 40)) * syllables * RATE_HZ // 1000
    knots = np.clip(centre * 2 ** rng.uniform(-0.25, 0.25, syllables + 1), LOWEST_HZ, HIGHEST_HZ)
    at = np.linspace(0, length, syllables + 1)
    place = np.arange(length * OVER) / OVER
    hz = np.exp(np.interp(place, at, np.log(knots))) * 2 ** (0.01 * np.sin(2 * np.pi * 5.5 * place / RATE_HZ))
    phase = np.cumsum(hz) / (RATE_HZ * OVER)
    source = resample_poly(_glottal(phase % 1.0), 1, OVER)[:length] + rng.normal(0, 0.01, length)
    size = 1.0 + 0.2 * (centre > 180)
    said = _articulated(source, [str(name) for name in rng.choice(list(VOWELS), syllables)], size)
    swell = 0.55 + 0.45 * np.sin(np.pi * (np.arange(length) / length * syllables % 1.0))
    edge = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / (0.015 * RATE_HZ))
    said = said * swell * edge
    middles = (np.arange(length * 1000 // RATE_HZ // HOP_MS) + 0.5) * HOP_MS * RATE_HZ // 1000
    return said / np.sqrt((said**2).mean()) * 0.5, hz[(middles * OVER).astype(int)]


def _articulated(source: Sound, vowels: list[str], size: float) -> Sound:
    """The source through one vowel after another, crossfaded in 30 ms."""
    bounds = np.linspace(0, len(source), len(vowels) + 1)
    ramp = 0.015 * RATE_HZ
    bounds[0], bounds[-1] = -ramp, len(source) + ramp
    said = np.zeros(len(source))
    for vowel, first, last in zip(vowels, bounds[:-1], bounds[1:], strict=True):
        weight = np.interp(np.arange(len(source)), [first - ramp, first + ramp, last - ramp, last + ramp], [0, 1, 1, 0])
        sound = formant_filter(source, tuple(size * hz for hz in VOWELS[vowel]))
        said += sound * weight * 10 ** (LEVEL_DB[vowel] / 20) / np.sqrt((sound**2).mean())
    return said


def formant_filter(source: Sound, formants_hz: tuple[float, ...]) -> Sound:
    """Resonators in a row at the given F1 to F3 and at two higher ones."""
    higher = (max(3500.0, formants_hz[-1] + 700), max(4500.0, formants_hz[-1] + 1700))
    sections = []
    for hz, width in zip((*formants_hz, *higher), BANDWIDTHS_HZ, strict=True):
        radius, angle = np.exp(-np.pi * width / RATE_HZ), 2 * np.pi * hz / RATE_HZ
        a1, a2 = -2 * radius * np.cos(angle), radius**2
        sections.append([1 + a1 + a2, 0, 0, 1, a1, a2])
    return np.asarray(sosfilt(np.array(sections), source))


def _glottal(phase: Sound) -> Sound:
    """Derivative of Rosenberg's flow: opening for 0.4 of a period, closing for 0.16."""
    opening, closing = 0.4, 0.16
    rise = np.where(phase < opening, np.pi / (2 * opening) * np.sin(np.pi * phase / opening), 0)
    fall_at = (phase - opening) / closing
    fall = np.where((fall_at >= 0) & (fall_at < 1), -np.pi / (2 * closing) * np.sin(np.pi * fall_at / 2), 0)
    return (rise + fall) / 8


def steady_vowel(
    seed: int, pitch_hz: float, jitter: float, shimmer: float, vowel: str = "a", seconds: float = 3.0, size: float = 1.0
) -> Steady:
    """A held vowel whose periods and heights vary around their mean, independently and evenly, by about `jitter` and `shimmer`."""
    rng = np.random.default_rng([seed, 2])
    n = int(seconds * pitch_hz) + 2
    # The mean distance of two draws from [-w, w] is 2 w / 3.
    periods = (1 + rng.uniform(-1.5, 1.5, n) * jitter) / pitch_hz
    heights = 1 + rng.uniform(-1.5, 1.5, n) * shimmer
    starts = np.concatenate([[0], np.cumsum(periods)])
    time = np.arange(int(seconds * RATE_HZ * OVER)) / (RATE_HZ * OVER)
    cycle = np.clip(np.searchsorted(starts, time, side="right") - 1, 0, n - 1)
    # A period's length changes the pause between pulses, not the pulse.
    phase = np.minimum((time - starts[cycle]) * pitch_hz, 0.999)
    source = resample_poly(_glottal(phase) * heights[cycle], 1, OVER)
    formants = tuple(size * hz for hz in VOWELS[vowel])
    said = formant_filter(source + rng.normal(0, 1e-4, len(source)), formants)
    used = slice(0, int(seconds * pitch_hz) - 1)
    return Steady(
        0.3 * said / np.abs(said).max(),
        pitch_hz,
        float(np.abs(np.diff(periods[used])).mean() / periods[used].mean()),
        float(np.abs(np.diff(heights[used])).mean() / heights[used].mean()),
        float(np.abs(20 * np.log10(heights[used][1:] / heights[used][:-1])).mean()),
        formants,
    )


def mixed(voice: MadeVoice, other: Sound, ratio_db: float) -> Sound:
    """The voice with something else under it; the ratio is of the powers where there is voice."""
    voiced = np.repeat(np.isfinite(voice.pitch_hz), RATE_HZ * HOP_MS // 1000)[: len(voice.samples)]
    other = np.resize(other, len(voice.samples))
    power = (voice.samples[: len(voiced)][voiced] ** 2).mean()
    together = voice.samples + other * np.sqrt(power / (other**2).mean() / 10 ** (ratio_db / 10))
    return together / max(1.0, float(np.abs(together).max()) / 0.99)


def white_noise(seed: int, n: int) -> Sound:
    """White noise."""
    return np.random.default_rng([seed, 3]).normal(0, 1, n)


def drawn_music(seed: int, n: int) -> Sound:
    """Chords of struck strings with a bass and a beat: harmonic, and full of other pitches than the voice's."""
    rng = np.random.default_rng([seed, 4])
    music = np.zeros(n + RATE_HZ * 3)
    beat = int(0.5 * RATE_HZ)
    for start in range(0, n, beat):
        root = 55 * 2 ** (rng.choice([0, 3, 5, 7, 8, 10]) / 12)
        for step, gain in ((0, 1.0), (12, 0.6), (12 + rng.choice([3, 4]), 0.6), (19, 0.6), (24 + rng.choice([0, 2, 7]), 0.7)):
            length = int(RATE_HZ * rng.uniform(0.6, 2.0))
            at = np.arange(length) / RATE_HZ
            hz = root * 2 ** (step / 12)
            tone = sum(np.sin(2 * np.pi * hz * k * at + rng.uniform(0, 6)) / k**1.3 for k in range(1, 9) if hz * k < 7500)
            music[start : start + length] += gain * tone * np.exp(-2.5 * at)
        hit = int(0.06 * RATE_HZ)
        music[start : start + hit] += rng.normal(0, 0.8, hit) * np.exp(-np.arange(hit) / (0.015 * RATE_HZ))
    return music[:n]


def film_music(n: int) -> Sound | None:
    """Orchestra: Big Buck Bunny's sound, whose titles and meadow are music throughout; None where the shared material is absent."""
    path = SHARED / "big_buck_bunny" / "bbb.mp4"
    return _sound_of(path, 20.0, n) if path.is_file() else None


def _sound_of(path: Path, start_s: float, n: int) -> Sound:
    """Mono samples at 16 kHz of a media file."""
    import av

    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", RATE_HZ)
        found: list[Sound] = []
        for frame in container.decode(audio=0):
            found += [part.to_ndarray()[0].astype(np.float64) for part in resampler.resample(frame)]
            if sum(map(len, found)) > start_s * RATE_HZ + n:
                break
    return np.concatenate(found)[int(start_s * RATE_HZ) :][:n]
