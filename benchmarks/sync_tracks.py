"""Films' sound with known lines, for trials of subtitle synchronisation: real timing, real and spoken voices, music and noise.

An excerpt of *Forrest Gump*'s dialogue times (studyforrest, CC0) is spoken line by line by espeak, by RAVDESS's actors, by people of
*Night of the Living Dead*, or by all of them, and mixed with music and pink noise so that speech is 5 dB above both together. Made
films bring their own voices, music and places. Tracks and the speech heard in them are kept in a cache folder, so a second run is quick.
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import butter, resample_poly, sosfilt

from benchmarks.common import SHARED
from corpus.dialogue.sync.speech import speech_probability_of_file
from corpus.films.media.probe import probe
from corpus.films.media.sound import extract_sound
from corpus.maker.performance import perform
from corpus.maker.sound import mix
from corpus.maker.story import plan_stories
from corpus.maker.voice import Espeak

RATE_HZ = 16_000
SPEECH_OVER_REST_DB = 5.0
VOICES = ("espeak", "ravdess", "notld", "mixed")

_VARIANTS = ("en-us+f1", "en-us+f3", "en-us+m1", "en-us+m3", "en-us+m7", "en-gb-x-rp+f2", "en-gb-x-rp+m3")
_SPEECH_BAND = butter(2, (250, 3500), "band", fs=RATE_HZ, output="sos")
_FRAME = RATE_HZ // 100
_CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))
_SCALE = (0, 2, 4, 7, 9, 12, 14, 16)

Sound = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SpokenLine:
    """A line as it is spoken in the track, ms."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True)
class Track:
    """A film's sound and what is said in it; `source` and the seconds `from_s`..`to_s` tell which film and which part of it."""

    name: str
    source: str
    from_s: float
    to_s: float
    lines: tuple[SpokenLine, ...]
    duration_ms: int
    sound: Path

    @property
    def speech(self) -> npt.NDArray[np.float32]:
        """Probability of speech on the 20 ms grid, computed once."""
        path = self.sound.with_suffix(".npy")
        if not path.is_file():
            np.save(path, speech_probability_of_file(self.sound))
        return np.asarray(np.load(path))


def spoken_track(cache: Path, seed: int, *, clean: bool) -> Track:
    """A part of 40 to 60 minutes of the film, or in every eighth track the whole, in the voices that the seed chooses."""
    rng = np.random.default_rng([seed, 1])
    voice = VOICES[seed % len(VOICES)]
    lines = film_lines()
    begin_s, end_s = (180.0, lines[-1][1] + 30) if seed % 8 == 7 else _part(rng, lines[-1][1])
    chosen = tuple(
        SpokenLine(round((start - begin_s) * 1000), round((end - begin_s) * 1000), text)
        for start, end, text in lines
        if begin_s <= start and end <= end_s
    )
    name = f"spoken-{seed}-{voice}-{'clean' if clean else 'mixed'}"
    track = Track(name, "gump", begin_s, end_s, chosen, round((end_s - begin_s) * 1000), cache / f"{name}.flac")
    if not track.sound.is_file():
        _write(track.sound, _mixed(_say_all(track, voice, rng), track, rng, clean))
    return track


def made_track(cache: Path, seed: int, n_lines: int) -> Track:
    """The sound of a film of the maker, which is about 3 s a line."""
    name = f"made-{seed}-{n_lines}"
    sound, told = cache / f"{name}.flac", cache / f"{name}.json"
    if not told.is_file():
        performance = perform(plan_stories(1, seed, lines=n_lines)[0])
        _write(sound, resample_poly(mix(performance).mean(axis=1), 160, 441))
        lines = [asdict(SpokenLine(line.start_ms, line.end_ms, line.line.text)) for line in performance.lines]
        told.write_text(json.dumps({"duration_ms": performance.duration_ms, "lines": lines}))
    read = json.loads(told.read_text())
    lines = tuple(SpokenLine(**line) for line in read["lines"])
    return Track(name, name, 0, read["duration_ms"] / 1000, lines, read["duration_ms"], sound)


def without(track: Track, from_ms: int, length_ms: int) -> Track:
    """The track with a piece cut out of its sound; lines that lie in the cut or across its edges are gone, later ones move up."""
    to_ms = from_ms + length_ms
    cut = track.sound.with_name(f"{track.sound.stem}-{from_ms}-{length_ms}.flac")
    if not cut.is_file():
        sound, _ = soundfile.read(track.sound, dtype="float32")
        low, high = (round(at * RATE_HZ / 1000) for at in (from_ms, to_ms))
        _write(cut, np.concatenate([sound[:low], sound[high:]]))
    kept = tuple(
        SpokenLine(line.start_ms - moved, line.end_ms - moved, line.text)
        for line in track.lines
        if line.end_ms <= from_ms or line.start_ms >= to_ms
        for moved in [length_ms if line.start_ms >= to_ms else 0]
    )
    return Track(cut.stem, track.source, track.from_s, track.to_s, kept, track.duration_ms - length_ms, cut)


@lru_cache(maxsize=1)
def film_lines() -> tuple[tuple[float, float, str], ...]:
    """Start and end, s, and words of the film's lines; a line without length is given the time that its words take."""
    with (SHARED / "studyforrest" / "english_dialog.csv").open(encoding="utf-8", newline="") as file:
        rows = [(float(row["start"]), float(row["end"]), row["text"]) for row in csv.DictReader(file)]
    return tuple((start, max(end, start + 0.4 + len(text) / 20) if end - start < 0.2 else end, text) for start, end, text in sorted(rows))


def _part(rng: np.random.Generator, film_end_s: float) -> tuple[float, float]:
    length = float(rng.uniform(2400, 3600))
    begin = float(rng.uniform(150, film_end_s - length))
    return begin, begin + length


def _write(path: Path, sound: Sound) -> None:
    draft = path.with_suffix(".draft")
    soundfile.write(draft, np.clip(sound, -1, 1), RATE_HZ, format="FLAC", subtype="PCM_16")
    draft.rename(path)


def _say_all(track: Track, voice: str, rng: np.random.Generator) -> Sound:
    speech = np.zeros(round(track.duration_ms * RATE_HZ / 1000), np.float32)
    with Espeak(int(rng.integers(1 << 30))) as espeak:
        for line in track.lines:
            kind = VOICES[int(rng.integers(3))] if voice == "mixed" else voice
            said = _fitted(_utterance(kind, line, espeak, rng), line)
            first = round(line.start_ms * RATE_HZ / 1000)
            speech[first : first + len(said)] += said[: len(speech) - first] * 10 ** (rng.normal(0, 2) / 20)
    return speech


def _utterance(kind: str, line: SpokenLine, espeak: Espeak, rng: np.random.Generator) -> Sound:
    seconds = (line.end_ms - line.start_ms) / 1000
    if kind == "espeak":
        rate = int(np.clip(60 * len(line.text.split()) / seconds * 1.25, 110, 330))
        variant = _VARIANTS[int(rng.integers(len(_VARIANTS)))]
        said = espeak.say(line.text, variant, rate, int(rng.integers(25, 75)), int(rng.integers(30, 70)), 0)
        return np.asarray(resample_poly(said, 320, 441), np.float32)
    clips = ravdess_clips() if kind == "ravdess" else notld_pieces()
    said = np.zeros(0, np.float32)
    while len(said) < 0.75 * seconds * RATE_HZ:
        pause = np.zeros(round(rng.uniform(0.1, 0.4) * RATE_HZ) if len(said) else 0, np.float32)
        said = np.concatenate([said, pause, clips[int(rng.integers(len(clips)))]])
    return said


def _fitted(said: Sound, line: SpokenLine) -> Sound:
    """Cut to the line's time with a short fade, at a level common to all voices."""
    said = said[: round((line.end_ms - line.start_ms) * RATE_HZ / 1000)]
    fade = min(len(said), RATE_HZ // 50)
    ramp = np.ones(len(said), np.float32)
    ramp[len(said) - fade :] = np.linspace(1, 0, fade)
    return said * ramp * np.float32(0.08 / _rms_of_loud(said))


def _rms_of_loud(sound: Sound) -> float:
    loud = sound[np.abs(sound) > 0.05 * np.abs(sound).max(initial=0)]
    return float(np.sqrt(np.mean(np.square(loud)))) if len(loud) else 1.0


@lru_cache(maxsize=1)
def ravdess_clips() -> tuple[Sound, ...]:
    """A third of RAVDESS's clips, silence at both ends cut off."""
    paths = sorted((SHARED / "ravdess_speech_16k").glob("Actor_*/*.flac"))[::3]
    return tuple(_trimmed(soundfile.read(path, dtype="float32")[0]) for path in paths)


@lru_cache(maxsize=1)
def notld_pieces() -> tuple[Sound, ...]:
    """What lies between the pauses of *Night of the Living Dead*'s clips, pieces of 0.5 to 6 s."""
    sounds = [soundfile.read(path, dtype="float32")[0] for path in sorted((SHARED / "notld_audio").glob("*.wav"))]
    return tuple(piece for sound in sounds for piece in _between_pauses(sound) if 0.5 * RATE_HZ <= len(piece) <= 6 * RATE_HZ)


def _trimmed(sound: Sound) -> Sound:
    loud = _loud_frames(sound, 0.1)
    return sound[loud[0] * _FRAME : (loud[-1] + 1) * _FRAME]


def _between_pauses(sound: Sound) -> list[Sound]:
    loud = _loud_frames(sound, 0.2)
    gaps = np.flatnonzero(np.diff(loud) > 20)
    firsts, lasts = [loud[0], *loud[gaps + 1]], [*loud[gaps], loud[-1]]
    return [sound[first * _FRAME : (last + 1) * _FRAME] for first, last in zip(firsts, lasts, strict=True)]


def _loud_frames(sound: Sound, share: float) -> npt.NDArray[np.intp]:
    """Frames of 10 ms whose level in the band of speech is above `share` of the loudest twentieth's."""
    band = sosfilt(_SPEECH_BAND, sound)
    frames = band[: len(band) // _FRAME * _FRAME].reshape(-1, _FRAME)
    level = np.convolve(np.sqrt((frames**2).mean(1)), np.ones(3) / 3, "same")
    return np.flatnonzero(level > share * np.quantile(level, 0.95))


def _mixed(speech: Sound, track: Track, rng: np.random.Generator, clean: bool) -> Sound:
    if clean:
        return speech + rng.normal(0, 0.0003, len(speech)).astype(np.float32)
    spoken = np.zeros(len(speech), bool)
    for line in track.lines:
        spoken[line.start_ms * RATE_HZ // 1000 : line.end_ms * RATE_HZ // 1000] = True
    rest = _music(len(speech), track.sound.parent, rng) + _pink(len(speech), rng)
    power = float(np.mean(np.square(speech[spoken], dtype=np.float64)))
    gain = np.sqrt(power / np.mean(np.square(rest, dtype=np.float64)) / 10 ** (SPEECH_OVER_REST_DB / 10))
    return speech + rest * np.float32(gain)


def _pink(count: int, rng: np.random.Generator) -> Sound:
    """Noise of power 1/f and RMS 1: a minute of it, again and again from places that chance chooses."""
    size = 60 * RATE_HZ
    spectrum = np.fft.rfft(rng.normal(0, 1, size)) / np.sqrt(np.maximum(np.arange(size // 2 + 1), 20))
    minute = np.fft.irfft(spectrum, size)
    minute /= np.sqrt((minute**2).mean())
    turns = [np.roll(minute, int(rng.integers(size))) for _ in range(-(-count // size))]
    return np.concatenate(turns)[:count].astype(np.float32)


def _music(count: int, cache: Path, rng: np.random.Generator) -> Sound:
    """Stretches of 20 to 90 s of played and real music at RMS 1, one after the other."""
    music = np.zeros(count, np.float32)
    at = 0
    while at < count:
        length = min(round(rng.uniform(20, 90) * RATE_HZ), count - at)
        part = _real_music(cache, length, rng) if rng.random() < 0.35 else _played(length, rng)
        music[at : at + length] = part / (np.sqrt((part**2).mean()) + 1e-6)
        at += length
    return music


def _real_music(cache: Path, length: int, rng: np.random.Generator) -> Sound:
    film = ("big_buck_bunny/bbb.mp4", "misc_clips/steamboat.mp4")[int(rng.random() < 0.2)]
    sound = _sound_of(cache, film)
    return np.resize(np.roll(sound, -int(rng.integers(len(sound)))), length)


@lru_cache(maxsize=2)
def _sound_of(cache: Path, film: str) -> Sound:
    path = SHARED / film
    out = cache / f"{path.stem}.flac"
    if not out.is_file():
        extract_sound(path, probe(path), 600_000, out)
    return np.asarray(soundfile.read(out, dtype="float32")[0])


def _played(length: int, rng: np.random.Generator) -> Sound:
    """Four chords with a melody over them and a drum below."""
    beat = round(60 / rng.uniform(70, 140) * RATE_HZ)
    key, drum, lead = rng.uniform(110, 220), rng.random() < 0.7, rng.random() < 0.8
    music = np.zeros(length + 4 * beat, np.float32)
    for step, at in enumerate(range(0, length, beat)):
        notes = [(semitone, 2.0, 0.3) for semitone in _CHORDS[step // 4 % 4]] if step % 2 == 0 else []
        notes += [(12 + _SCALE[int(rng.integers(len(_SCALE)))], float(rng.uniform(0.5, 1.5)), 0.5)] if lead else []
        for semitone, beats, loudness in notes:
            note = _note(round(key * 2 ** (semitone / 12), 1), round(beats * beat))
            music[at : at + len(note)] += note * np.float32(loudness)
        if drum:
            music[at : at + len(_drum())] += _drum()
    return music[:length]


@lru_cache(maxsize=256)
def _note(pitch_hz: float, count: int) -> Sound:
    seconds = np.arange(count) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * pitch_hz * k * seconds) * 0.5 ** (k - 1) for k in (1, 2, 3, 4, 5))
    return np.asarray(wave * np.clip(seconds / 0.02, 0, 1) * np.exp(-2 * seconds), np.float32)


@lru_cache(maxsize=1)
def _drum() -> Sound:
    seconds = np.arange(RATE_HZ // 4) / RATE_HZ
    hiss = np.random.default_rng(0).normal(0, 1, len(seconds))
    return np.asarray(np.exp(-18 * seconds) * (np.sin(2 * np.pi * 70 * seconds) + 0.25 * hiss), np.float32)
