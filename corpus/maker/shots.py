"""Breaks a performance into shots: what the camera shows when, how it moves, and how one shot gives way to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corpus.maker.performance import Performance, PlayedScene, SpokenLine
from corpus.maker.story import Framing, Transition

WIDE = "wide"
TITLE = "title"
_LONGEST_REACTION_MS = 820


@dataclass(frozen=True)
class Shot:
    """One shot. `focus` is the character it favours; `zoom` and `pan` (pixels) are reached at its end; `scene` -1 is the title."""

    start_ms: int
    end_ms: int
    framing: str
    focus: int
    scene: int
    transition: Transition
    zoom: float
    pan: float
    seen: tuple[int, ...]


@dataclass(frozen=True)
class _Draft:
    start_ms: int
    end_ms: int
    framing: str
    focus: int


def plan_shots(performance: Performance) -> list[Shot]:
    """Shots without gaps from 0 to the film's end. Each line lies within one shot of its framing."""
    rng = np.random.default_rng([performance.story.seed, 6, performance.story.index])
    shots = [Shot(0, performance.scenes[0].start_ms, TITLE, 0, -1, Transition.START, 1.04, 0.0, ())]
    for index, scene in enumerate(performance.scenes):
        last = index == len(performance.scenes) - 1
        drafts = _merge(_draft(scene, performance.duration_ms if last else scene.end_ms))
        for place, draft in enumerate(drafts):
            bridge = scene.scene.transition if place == 0 else Transition.CUT
            shots.append(_direct(rng, draft, index, Transition.CUT if bridge is Transition.START else bridge))
    return shots


def _draft(scene: PlayedScene, end_ms: int) -> list[_Draft]:
    """An establishing shot, then a shot for each line that begins and ends between lines, and reactions after some."""
    drafts = [_Draft(scene.start_ms, scene.lines[0].start_ms - 200, WIDE, scene.lines[0].line.speaker)]
    for place, line in enumerate(scene.lines):
        following = scene.lines[place + 1].start_ms if place + 1 < len(scene.lines) else None
        start_ms = drafts[-1].end_ms
        stop_ms = end_ms if following is None else (line.end_ms + following) // 2
        drafts += _shoot_line(line, start_ms, stop_ms, following)
    return drafts


def _shoot_line(line: SpokenLine, start_ms: int, stop_ms: int, following_ms: int | None) -> list[_Draft]:
    focus = line.line.addressee if line.line.framing is Framing.REACTION else line.line.speaker
    if not line.reaction_after or following_ms is None:
        return [_Draft(start_ms, stop_ms, line.line.framing.value, focus)]
    turn_ms = line.end_ms + 90
    back_ms = min(following_ms - 100, turn_ms + _LONGEST_REACTION_MS)
    return [
        _Draft(start_ms, turn_ms, line.line.framing.value, focus),
        _Draft(turn_ms, back_ms, Framing.REACTION.value, line.line.addressee),
    ]


def _merge(drafts: list[_Draft]) -> list[_Draft]:
    """Neighbours with the same framing of the same person are one shot."""
    merged = drafts[:1]
    for draft in drafts[1:]:
        last = merged[-1]
        if _view(draft) == _view(last):
            merged[-1] = _Draft(last.start_ms, draft.end_ms, last.framing, last.focus)
        else:
            merged.append(draft)
    return merged


def _view(draft: _Draft) -> tuple[str, int]:
    """A reaction shot is a close shot of the listener: the same view."""
    framing = Framing.CLOSE.value if draft.framing == Framing.REACTION.value else draft.framing
    return framing, draft.focus


def _direct(rng: np.random.Generator, draft: _Draft, scene: int, transition: Transition) -> Shot:
    moves = rng.random()
    zoom = float(rng.uniform(1.02, 1.05)) if moves < 0.4 else 1.0
    pan = float(rng.uniform(-14, 14)) if 0.4 <= moves < 0.65 else 0.0
    both = draft.framing in (WIDE, Framing.TWO.value)
    seen = (0, 1) if both else (draft.focus,)
    return Shot(draft.start_ms, draft.end_ms, draft.framing, draft.focus, scene, transition, zoom, pan, seen)
