"""Invents two people: names, heads, voices, temperaments and how strongly they show what they feel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from corpus.maker.face import Colour, Features

_T = TypeVar("_T")

_WOMEN = ("Mara", "Ines", "Nora", "Elif", "Ruth", "Clara", "Amina", "Greta", "Yuki", "Selma", "Zoe", "Paula")
_MEN = ("Tom", "Jonas", "Emil", "Karim", "Leo", "Oskar", "Victor", "Ravi", "Hugo", "Samuel", "Otto", "Noah")
_SKINS: tuple[Colour, ...] = ((165, 190, 235), (140, 172, 222), (120, 152, 205), (98, 132, 186), (74, 104, 156), (58, 84, 130))
_HAIRS: tuple[Colour, ...] = ((24, 24, 30), (38, 54, 84), (52, 78, 118), (60, 118, 186), (96, 160, 205), (40, 60, 128), (150, 152, 158))
_IRISES: tuple[Colour, ...] = ((140, 105, 55), (45, 70, 105), (30, 42, 66), (90, 125, 70), (120, 112, 96))
_CLOTHES: tuple[Colour, ...] = ((120, 70, 50), (60, 90, 60), (42, 60, 150), (150, 120, 60), (70, 60, 66), (60, 130, 175), (120, 80, 120))
_WOMEN_VOICES = ("en-us+f1", "en-us+f2", "en-us+f3", "en-us+f4", "en-gb-x-rp+f2", "en-gb-x-rp+f4")
_MEN_VOICES = ("en-us+m1", "en-us+m2", "en-us+m3", "en-us+m4", "en-us+m6", "en-us+m7", "en-gb-x-rp+m3", "en-gb-x-rp+m7")


@dataclass(frozen=True)
class Voice:
    """A speaker's ordinary voice: espeak's variant, pitch 0..99, and factors on rate and loudness (dB)."""

    variant: str
    pitch: int
    rate: float
    gain_db: float


@dataclass(frozen=True)
class Character:
    """One of the film's two people. `expressiveness` scales what the face and the voice show (about 0.8..1.1)."""

    character_id: str
    name: str
    gender: str
    temperament: str
    face_expressiveness: float
    voice_expressiveness: float
    features: Features
    voice: Voice


def cast(rng: np.random.Generator, temperaments: list[str]) -> tuple[Character, ...]:
    """Two people of different names, hair, clothes, voices and temperaments, mostly a woman and a man."""
    first = "woman" if rng.random() < 0.5 else "man"
    other = {"woman": "man", "man": "woman"}[first]
    second = other if rng.random() < 0.8 else first
    chosen = rng.choice(temperaments, 2, replace=False)
    people: list[Character] = []
    for gender, temperament in zip((first, second), chosen, strict=True):
        people.append(_invent(rng, gender, str(temperament), people))
    return tuple(people)


def _pick(rng: np.random.Generator, choices: tuple[_T, ...], taken: list[_T]) -> _T:
    free = [choice for choice in choices if choice not in taken]
    return free[int(rng.integers(len(free)))]


def _invent(rng: np.random.Generator, gender: str, temperament: str, others: list[Character]) -> Character:
    woman = gender == "woman"
    name = _pick(rng, _WOMEN if woman else _MEN, [o.name for o in others])
    variant = _pick(rng, _WOMEN_VOICES if woman else _MEN_VOICES, [o.voice.variant for o in others])
    voice = Voice(variant, int(rng.integers(42, 58)), float(rng.uniform(0.95, 1.06)), float(rng.uniform(-1.2, 1.2)))
    return Character(
        character_id=name.lower(),
        name=name,
        gender=gender,
        temperament=temperament,
        face_expressiveness=float(rng.uniform(0.85, 1.12)),
        voice_expressiveness=float(rng.uniform(0.85, 1.12)),
        features=_features(rng, woman, [o.features for o in others]),
        voice=voice,
    )


def _features(rng: np.random.Generator, woman: bool, others: list[Features]) -> Features:
    skin = _SKINS[int(rng.integers(len(_SKINS)))]
    styles = ("long", "bob", "curly", "bun", "side") if woman else ("short", "side", "buzz", "curly", "short")
    lips = (95, 80, 185) if woman else (105, 108, 178)
    dark = sum(skin) / 540
    return Features(
        skin=skin,
        hair=_pick(rng, _HAIRS[:2] if sum(skin) < 360 else _HAIRS, [o.hair for o in others]),
        iris=_IRISES[int(rng.integers(len(_IRISES)))],
        lips=(int(lips[0] * dark), int(lips[1] * dark), int(lips[2] * (0.4 + 0.6 * dark))),
        clothes=_pick(rng, _CLOTHES, [o.clothes for o in others]),
        hair_style=_pick(rng, styles, [o.hair_style for o in others]),
        beard="none" if woman else str(rng.choice(["none", "none", "stubble", "full"])),
        half_width=float(rng.uniform(0.72, 0.77) if woman else rng.uniform(0.75, 0.81)),
        jaw=float(rng.uniform(0.68, 0.76) if woman else rng.uniform(0.76, 0.84)),
        eye_size=float(rng.uniform(1.02, 1.15) if woman else rng.uniform(0.95, 1.05)),
        eye_gap=float(rng.uniform(0.365, 0.395)),
        brow_thickness=float(rng.uniform(0.9, 1.15) if woman else rng.uniform(1.15, 1.45)),
        nose_size=float(rng.uniform(0.9, 1.15)),
        lip_fullness=float(rng.uniform(1.0, 1.3) if woman else rng.uniform(0.8, 1.0)),
        freckles=bool(rng.random() < 0.15 and sum(skin) > 450),
    )
