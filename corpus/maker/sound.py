"""The sound track: speech in the middle, music by the scene's mood around it and under it, and the sound of the place."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfilt

from corpus.maker.performance import Performance, PlayedScene
from corpus.maker.story import Scene
from corpus.maker.voice import SAMPLE_RATE, Sound

Stereo = npt.NDArray[np.float32]

_MUSIC_LEVEL = 0.034
_DUCKED = 0.34
_FADE_S = 0.5

# Chords as semitones over A2 (110 Hz), beats per minute, and how plucked (1) or sustained (0) the notes are.
_MUSIC: dict[str, tuple[tuple[tuple[int, ...], ...], int, float]] = {
    "celebration": (((3, 7, 10, 15), (8, 12, 15, 20), (10, 14, 17, 22), (3, 7, 10, 19)), 124, 0.8),
    "quarrel": (((0, 3, 6, 12), (1, 4, 8, 13), (0, 3, 6, 12), (-1, 3, 6, 11)), 132, 0.6),
    "threat": (((0, 1, 7), (0, 1, 6), (-2, 1, 6), (0, 1, 8)), 66, 0.0),
    "loss": (((0, 3, 7, 12), (-4, 0, 3, 8), (-2, 3, 5, 10), (-5, 0, 3, 7)), 58, 0.25),
    "revelation": (((3, 7, 10, 14), (5, 9, 12, 16), (7, 11, 14, 18), (8, 12, 15, 19)), 96, 0.5),
    "squalor": (((0, 5, 6, 11), (-1, 4, 5, 10), (0, 5, 6, 11), (2, 5, 8, 13)), 74, 0.45),
    "routine": (((3, 7, 10, 14), (0, 3, 7, 10), (5, 8, 12, 15), (-2, 2, 5, 8)), 88, 0.55),
}

# Noise of a place: band in Hz and level; slow swell in Hz for waves and wind.
_AMBIENCE: dict[str, tuple[tuple[float, float], float, float]] = {
    "café": ((250, 1800), 0.0032, 0.5),
    "park": ((1500, 6000), 0.0016, 0.25),
    "beach": ((200, 3000), 0.0060, 0.16),
    "harbour": ((120, 1500), 0.0050, 0.2),
    "street": ((60, 700), 0.0070, 0.3),
    "forest": ((900, 5000), 0.0022, 0.2),
    "rooftop": ((100, 900), 0.0042, 0.15),
    "kitchen": ((90, 260), 0.0040, 0.0),
}
_INDOORS = ((60.0, 500.0), 0.0025, 0.0)


def mix(performance: Performance) -> Stereo:
    """The whole film's sound, (samples, 2) in -1..1 at 44,100 Hz."""
    count = round(performance.duration_ms * SAMPLE_RATE / 1000)
    speech = _place_speech(performance, count)
    music = np.zeros((count, 2))
    place = np.zeros((count, 2))
    rng = np.random.default_rng([performance.story.seed, 4, performance.story.index])
    for scene in performance.scenes:
        first, last = (round(ms * SAMPLE_RATE / 1000) for ms in (scene.start_ms, scene.end_ms))
        music[first:last] += _faded(score(scene.scene.mood, last - first, rng))
        place[first:last] += _faded(_ambience(scene.scene, last - first, rng))
    music[: round(performance.scenes[0].start_ms * SAMPLE_RATE / 1000)] += _opening(performance.scenes[0], rng)
    quiet = 1 - (1 - _DUCKED) * uniform_filter1d((np.abs(speech) > 0.004).astype(float), round(0.6 * SAMPLE_RATE))
    return np.clip(speech[:, None] + music * quiet[:, None] + place, -0.98, 0.98).astype(np.float32)


def _place_speech(performance: Performance, count: int) -> Sound:
    speech = np.zeros(count)
    for line in performance.lines:
        first = round(line.start_ms * SAMPLE_RATE / 1000)
        speech[first : first + len(line.sound)] += line.sound
    return speech


def _faded(sound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    edge = min(round(_FADE_S * SAMPLE_RATE), len(sound) // 2)
    ramp = np.linspace(0, 1, edge)[:, None]
    sound[:edge] *= ramp
    sound[-edge:] *= ramp[::-1]
    return sound


def _opening(scene: PlayedScene, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return _faded(score(scene.scene.mood, round(scene.start_ms * SAMPLE_RATE / 1000), rng))


def score(mood: str, count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Chords of the mood, two beats each, every note a few decaying partials, panned over the stereo field."""
    chords, tempo, pluck = _MUSIC[mood]
    beat = round(60 / tempo * SAMPLE_RATE)
    music = np.zeros((count + 6 * beat, 2))
    transpose = int(rng.integers(-3, 4))
    for step, at in enumerate(range(0, count, 2 * beat)):
        for rank, semitone in enumerate(chords[step % len(chords)]):
            onset = at + round(pluck * rank * beat / 4) + int(rng.integers(0, 400))
            note = _note(110 * 2 ** ((semitone + transpose) / 12), round(2.6 * beat), pluck)
            pan = 0.3 + 0.4 * (rank % 3) / 2
            music[onset : onset + len(note)] += np.outer(note, (1 - pan, pan))[: len(music) - onset]
    music = music[:count]
    return music * (_MUSIC_LEVEL / (np.sqrt((music**2).mean()) + 1e-9))


@lru_cache(maxsize=64)
def _note(pitch_hz: float, count: int, pluck: float) -> Sound:
    seconds = np.arange(count) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * pitch_hz * k * seconds) * 0.45 ** (k - 1) for k in (1, 2, 3, 4))
    attack = np.clip(seconds / (0.012 + 0.35 * (1 - pluck)), 0, 1)
    release = np.clip((seconds[-1] - seconds) / (0.3 * seconds[-1]), 0, 1)
    return np.asarray(wave * attack * release * np.exp(-seconds * (0.4 + 2.6 * pluck)))


def _ambience(scene: Scene, count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    (low, high), level, swell = _AMBIENCE.get(scene.place, _INDOORS)
    sound = _noise(rng, count, low, high) * level
    if swell:
        sound = sound * (1 + 0.6 * np.sin(2 * np.pi * swell * np.arange(count) / SAMPLE_RATE + rng.uniform(0, 6)))[:, None]
    if scene.rain:
        sound = sound + _noise(rng, count, 1800, 9000) * 0.004
    return sound


def _noise(rng: np.random.Generator, count: int, low_hz: float, high_hz: float) -> npt.NDArray[np.float64]:
    """Band noise of RMS 1, one stream for each ear."""
    band = sosfilt(butter(2, (low_hz, high_hz), "band", fs=SAMPLE_RATE, output="sos"), rng.normal(0, 1, (count, 2)), axis=0)
    return np.asarray(band / (np.sqrt((band**2).mean()) + 1e-9))
