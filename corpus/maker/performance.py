"""Gives a story its times: lines are spoken, pauses and scene openings laid out, and every line gets its place in the film."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corpus.maker.cast import Character
from corpus.maker.story import Line, Scene, Story
from corpus.maker.voice import SAMPLE_RATE, Espeak, Sound, speak

TITLE_MS = 1700
END_MS = 900
_OPENING_MS = (850, 1100)
_CLOSING_MS = (450, 650)
_PAUSE_MS = (190, 360)
_REACTION_MS = (850, 1050)
_REACTION_SHARE = 0.16
_WEAKEST = 0.42


@dataclass(frozen=True)
class SpokenLine:
    """A line in the film: its sound, its times, and whether the film then cuts to the listener's face."""

    line: Line
    start_ms: int
    end_ms: int
    sound: Sound
    reaction_after: bool


@dataclass(frozen=True)
class PlayedScene:
    """A scene in the film."""

    scene: Scene
    start_ms: int
    end_ms: int
    lines: tuple[SpokenLine, ...]


@dataclass(frozen=True)
class Performance:
    """A story with times; the title stands before the first scene, the end fade within `duration_ms`."""

    story: Story
    scenes: tuple[PlayedScene, ...]
    duration_ms: int

    @property
    def lines(self) -> list[SpokenLine]:
        """All lines in order."""
        return [line for scene in self.scenes for line in scene.lines]


def perform(story: Story) -> Performance:
    """Speak every line and lay the film out on its time line."""
    rng = np.random.default_rng([story.seed, 3, story.index])
    at = TITLE_MS
    scenes: list[PlayedScene] = []
    with Espeak(story.seed * 1009 + story.index) as espeak:
        for index, scene in enumerate(story.scenes):
            lines = [line for line in story.lines if line.scene == index]
            played = _play_scene(espeak, rng, story.characters, scene, lines, at)
            scenes.append(played)
            at = played.end_ms
    return Performance(story, tuple(scenes), at + END_MS)


def _play_scene(
    espeak: Espeak, rng: np.random.Generator, characters: tuple[Character, ...], scene: Scene, lines: list[Line], start_ms: int
) -> PlayedScene:
    at = start_ms + int(rng.integers(*_OPENING_MS))
    spoken: list[SpokenLine] = []
    for line in lines:
        sound = _speak_line(espeak, rng, characters[line.speaker], line)
        end_ms = at + round(1000 * len(sound) / SAMPLE_RATE)
        reaction = bool(rng.random() < _REACTION_SHARE)
        spoken.append(SpokenLine(line, at, end_ms, sound, reaction))
        at = end_ms + int(rng.integers(*(_REACTION_MS if reaction else _PAUSE_MS)))
    closing = spoken[-1].end_ms if spoken else at
    return PlayedScene(scene, start_ms, max(at, closing) + int(rng.integers(*_CLOSING_MS)), tuple(spoken))


def _speak_line(espeak: Espeak, rng: np.random.Generator, speaker: Character, line: Line) -> Sound:
    felt = line.intensity if line.shown.voice == line.emotion else float(rng.uniform(0.55, 0.85))
    strength = speaker.voice_expressiveness * max(felt, _WEAKEST)
    return speak(espeak, line.text, speaker.voice, line.shown.voice, strength, rng)
