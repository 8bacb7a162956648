"""Moves the faces: which pose each character has at every frame, from what they show while speaking and feel while listening."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from corpus.maker.cast import Character
from corpus.maker.face import POSES, Pose
from corpus.maker.performance import Performance, SpokenLine
from corpus.maker.voice import envelope_at

FRAME_RATE = 24
_LEAD_MS = 170
_REACT_AT = 0.45
_EASE_MS = 85.0
_MUSCLE_NOISE = 0.07
_WEAKEST = 0.5
_JAW = Pose._fields.index("mouth_open")
_PRESS = Pose._fields.index("lip_press")
_BLINK = Pose._fields.index("blink")
_NOISY = slice(0, Pose._fields.index("gaze_x"))


@dataclass(frozen=True)
class _Cue:
    """From `at_ms` on, a character's face goes for `target`."""

    at_ms: int
    target: npt.NDArray[np.float64]


def act(performance: Performance) -> list[npt.NDArray[np.float64]]:
    """One array (frames, len(Pose._fields)) of poses per character, over the whole film at FRAME_RATE."""
    return [_act_character(performance, index) for index in range(len(performance.story.characters))]


def _act_character(performance: Performance, index: int) -> npt.NDArray[np.float64]:
    story = performance.story
    rng = np.random.default_rng([story.seed, 5, story.index, index])
    frames = round(performance.duration_ms * FRAME_RATE / 1000)
    poses = _ease(_cues(performance, index, rng), frames)
    _move_idly(poses, rng)
    for line in performance.lines:
        if line.line.speaker == index:
            _move_mouth(poses, line)
    _blink(poses, rng)
    return poses


def _cues(performance: Performance, index: int, rng: np.random.Generator) -> list[_Cue]:
    character = performance.story.characters[index]
    cues: list[_Cue] = []
    for scene in performance.scenes:
        cues.append(_Cue(scene.start_ms, _express(rng, character, "neutral", 1.0)))
        for line in scene.lines:
            if line.line.speaker == index:
                cues.append(_Cue(line.start_ms - _LEAD_MS, _speaking(rng, character, line)))
            else:
                at = round(line.start_ms + _REACT_AT * (line.end_ms - line.start_ms))
                cues.append(_Cue(at, _express(rng, character, line.line.listener_emotion, line.line.listener_intensity)))
    return cues


def _speaking(rng: np.random.Generator, character: Character, line: SpokenLine) -> npt.NDArray[np.float64]:
    shown = line.line.shown.face
    strength = line.line.intensity if shown == line.line.emotion else float(rng.uniform(0.6, 0.9))
    return _express(rng, character, shown, strength)


def _express(rng: np.random.Generator, character: Character, emotion: str, intensity: float) -> npt.NDArray[np.float64]:
    strength = 1.0 if emotion == "neutral" else max(intensity, _WEAKEST) * character.face_expressiveness
    target = np.array(POSES[emotion]) * strength
    target[_NOISY] += rng.normal(0, _MUSCLE_NOISE, target[_NOISY].shape)
    return target


def _ease(cues: list[_Cue], frames: int) -> npt.NDArray[np.float64]:
    """Each muscle runs after its target with a time constant of _EASE_MS."""
    share = 1 - np.exp(-1000 / FRAME_RATE / _EASE_MS)
    poses = np.zeros((frames, len(Pose._fields)))
    now = cues[0].target.copy()
    waiting = list(cues)
    target = now
    for frame in range(frames):
        while waiting and waiting[0].at_ms <= frame * 1000 / FRAME_RATE:
            target = waiting.pop(0).target
        now = now + (target - now) * share
        poses[frame] = now
    return poses


def _move_idly(poses: npt.NDArray[np.float64], rng: np.random.Generator) -> None:
    seconds = np.arange(len(poses)) / FRAME_RATE
    for name, depth, hertz in (("brow_inner", 0.05, 0.31), ("brow_outer", 0.05, 0.23), ("pitch", 0.1, 0.4), ("gaze_x", 0.16, 0.17)):
        poses[:, Pose._fields.index(name)] += depth * np.sin(2 * np.pi * (hertz * seconds + rng.random()))


def _move_mouth(poses: npt.NDArray[np.float64], line: SpokenLine) -> None:
    opening = envelope_at(line.sound, FRAME_RATE)
    first = round(line.start_ms * FRAME_RATE / 1000)
    window = poses[first : first + len(opening)]
    opening = opening[: len(window)]
    window[:, _JAW] = 0.55 * window[:, _JAW] + 0.5 * opening
    window[:, _PRESS] *= 1 - 0.7 * opening


def _blink(poses: npt.NDArray[np.float64], rng: np.random.Generator) -> None:
    at = int(rng.integers(10, 60))
    while at < len(poses) - 4:
        poses[at : at + 4, _BLINK] = (0.5, 1.0, 0.9, 0.35)
        at += int(rng.integers(50, 120))
