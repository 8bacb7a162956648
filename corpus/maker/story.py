"""Invents a film's plot: two people, their temperaments, scenes, and lines whose emotions follow from one another.

Who hears a line feels something about it (a reaction by the line's emotion, the listener's temperament and the scene's mood), and
speaks out of what they feel; so emotions form a Markov chain whose weights stand in the truth file. Channels then show or hide the
emotion (channels.py), and sentences are dealt by what the words are to show (phrases.py).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np

from corpus.maker.cast import Character, cast
from corpus.maker.channels import UNSEEN_SHARE, Kind, Shown, draw_kinds, emit
from corpus.maker.phrases import Decks
from corpus.maker.played import PLAYED
from corpus.terms import FeelmError

SCENES = 4
_FEWEST, _MOST = 20, 21
_PLOTS = 120
_CONTEXT_REPLY = 0.7

REACTIONS: dict[str, dict[str, float]] = {
    "neutral": {"neutral": 2.0, "surprise": 0.4, "disgust": 0.4, "joy": 0.3},
    "joy": {"joy": 2.3, "surprise": 0.7, "disgust": 0.4},
    "anger": {"anger": 1.7, "fear": 1.6, "sadness": 0.7, "disgust": 0.5},
    "fear": {"fear": 1.9, "surprise": 0.9, "neutral": 0.2},
    "sadness": {"sadness": 2.1, "fear": 0.5, "neutral": 0.3, "anger": 0.3},
    "surprise": {"surprise": 1.2, "joy": 1.1, "fear": 0.6},
    "disgust": {"disgust": 2.0, "anger": 0.9, "surprise": 0.3},
}
"""Log weights of the listener's emotion by the line's emotion; what is not named is 0."""

MOODS: dict[str, dict[str, float]] = {
    "celebration": {"joy": 1.7, "surprise": 0.6},
    "quarrel": {"anger": 1.6, "disgust": 0.5},
    "threat": {"fear": 1.7, "surprise": 0.3},
    "loss": {"sadness": 1.7},
    "revelation": {"surprise": 1.8, "joy": 0.2},
    "squalor": {"disgust": 1.9},
    "routine": {"neutral": 1.6},
}
"""Log weights that a scene's mood adds."""

TEMPERAMENTS: dict[str, dict[str, float]] = {
    "cheerful": {"joy": 0.7, "anger": -0.4},
    "choleric": {"anger": 0.8, "sadness": -0.4},
    "anxious": {"fear": 0.8, "joy": -0.3},
    "melancholic": {"sadness": 0.8, "joy": -0.4},
    "calm": {"neutral": 0.8, "anger": -0.4, "fear": -0.4},
    "excitable": {"surprise": 0.8, "neutral": -0.5},
    "fastidious": {"disgust": 0.8, "joy": -0.2},
}
"""Log weights that a person's temperament adds."""

STAY = 2.4
"""Log weight with which a speaker speaks out of what they feel already."""

REPLY_SHARE = 0.82
"""How often the listener speaks next, rather than the same speaker again."""

PLACES: dict[str, tuple[str, ...]] = {
    "celebration": ("INT. CAFÉ", "EXT. PARK", "INT. LIVING ROOM", "EXT. BEACH"),
    "quarrel": ("INT. KITCHEN", "INT. OFFICE", "EXT. STREET", "INT. LIVING ROOM"),
    "threat": ("EXT. FOREST", "INT. CORRIDOR", "EXT. STREET", "INT. ATTIC"),
    "loss": ("INT. CORRIDOR", "EXT. HARBOUR", "INT. LIVING ROOM", "EXT. PARK"),
    "revelation": ("INT. OFFICE", "EXT. ROOFTOP", "INT. ATTIC", "INT. CAFÉ"),
    "squalor": ("INT. KITCHEN", "EXT. HARBOUR", "INT. ATTIC", "EXT. STREET"),
    "routine": ("INT. OFFICE", "INT. KITCHEN", "EXT. ROOFTOP", "INT. CAFÉ"),
}

AFFECT: dict[str, tuple[float, float]] = {
    "neutral": (0.0, -0.1),
    "joy": (0.8, 0.5),
    "anger": (-0.6, 0.7),
    "fear": (-0.65, 0.6),
    "sadness": (-0.7, -0.4),
    "surprise": (0.15, 0.65),
    "disgust": (-0.6, 0.2),
}
"""Valence and arousal at full intensity (after Russell's circumplex, 1980)."""


class Framing(StrEnum):
    """What a line's shot shows."""

    CLOSE = "close"
    OVER_SHOULDER = "over_shoulder"
    TWO = "two"
    REACTION = "reaction"


class Transition(StrEnum):
    """How a scene begins."""

    START = "start"
    CUT = "cut"
    FADE = "fade"
    DISSOLVE = "dissolve"


@dataclass(frozen=True)
class Line:
    """One spoken line without its times; `speaker` and `addressee` are places in the film's cast, `scene` counts from 0."""

    text: str
    speaker: int
    addressee: int
    scene: int
    emotion: str
    intensity: float
    valence: float
    arousal: float
    listener_emotion: str
    listener_intensity: float
    kind: Kind
    shown: Shown
    framing: Framing

    @property
    def speaker_seen(self) -> bool:
        """Whether the speaker's face is in the picture."""
        return self.framing is not Framing.REACTION


@dataclass(frozen=True)
class Scene:
    """One place and mood."""

    heading: str
    place: str
    time_of_day: str
    mood: str
    rain: bool
    transition: Transition


@dataclass(frozen=True)
class Story:
    """A film before it is performed."""

    film_id: str
    seed: int
    index: int
    title: str
    characters: tuple[Character, ...]
    scenes: tuple[Scene, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class _Beat:
    speaker: int
    scene: int
    emotion: str
    listener_emotion: str


def plan_stories(films: int, seed: int, lines: int | None = None) -> list[Story]:
    """The first `films` stories of this seed. A film's story does not depend on how many follow it.

    `lines` fixes the number of lines per film, at least one for each scene; otherwise each film has 20 or 21.

    Raises:
        FeelmError: `lines` is too few.
    """
    if lines is not None and lines < SCENES:
        raise FeelmError(f"a film of {lines} lines cannot be planned: ask for at least {SCENES}, one for each scene")
    decks = Decks(seed)
    return [_plan_story(seed, index, decks, lines) for index in range(1, films + 1)]


def _plan_story(seed: int, index: int, decks: Decks, lines: int | None) -> Story:
    rng = np.random.default_rng([seed, 2, index])
    characters = cast(rng, list(TEMPERAMENTS))
    count = lines or int(rng.integers(_FEWEST, _MOST + 1))
    scenes, beats = _plan_plot(rng, characters, count)
    spoken = _write_lines(rng, characters, beats, decks)
    title = _title(rng, scenes)
    return Story(f"made-{seed}-{index:02d}", seed, index, title, characters, tuple(scenes), tuple(spoken))


def _plan_plot(rng: np.random.Generator, characters: tuple[Character, ...], count: int) -> tuple[list[Scene], list[_Beat]]:
    """The first plot in which every emotion is felt at least twice, else the best balanced of many."""
    best: tuple[list[Scene], list[_Beat]] | None = None
    best_balance = -1.0
    for _ in range(_PLOTS):
        scenes = _plan_scenes(rng)
        beats = _play(rng, scenes, characters, count)
        balance = _balance(beats)
        if balance > best_balance:
            best, best_balance = (scenes, beats), balance
        if balance >= 2:
            break
    assert best is not None
    return best


def _balance(beats: list[_Beat]) -> float:
    felt = [sum(beat.emotion == emotion for beat in beats) for emotion in PLAYED]
    return min(felt) - 0.01 * max(felt)


def _plan_scenes(rng: np.random.Generator) -> list[Scene]:
    moods = [str(mood) for mood in rng.choice(list(MOODS), SCENES, replace=False)]
    bridges = [Transition.FADE, Transition.DISSOLVE, Transition.CUT]
    rng.shuffle(bridges)
    scenes: list[Scene] = []
    for mood, transition in zip(moods, [Transition.START, *bridges], strict=True):
        taken = {scene.heading.split(" - ")[0] for scene in scenes}
        where = str(rng.choice([place for place in PLACES[mood] if place not in taken]))
        time_of_day = str(rng.choice(["DAY", "DAY", "EVENING", "NIGHT"] if mood != "threat" else ["NIGHT", "EVENING"]))
        rain = mood in ("loss", "threat", "quarrel") and rng.random() < 0.4
        scenes.append(Scene(f"{where} - {time_of_day}", where.split(". ")[1].lower(), time_of_day, mood, bool(rain), transition))
    return scenes


@lru_cache(maxsize=1024)
def _speaking(mood: str, temperament: str, felt: str | None) -> tuple[float, ...]:
    stay = {felt: STAY} if felt else {}
    return _cumulated([MOODS[mood], TEMPERAMENTS[temperament], stay])


@lru_cache(maxsize=1024)
def _reacting(mood: str, temperament: str, heard: str) -> tuple[float, ...]:
    return _cumulated([REACTIONS[heard], TEMPERAMENTS[temperament], {emotion: weight / 2 for emotion, weight in MOODS[mood].items()}])


def _cumulated(sources: list[dict[str, float]]) -> tuple[float, ...]:
    """The softmax of summed log weights, cumulated over PLAYED."""
    chance = np.exp([sum(source.get(emotion, 0.0) for source in sources) for emotion in PLAYED])
    return tuple((np.cumsum(chance) / chance.sum()).tolist())


def _draw(rng: np.random.Generator, cumulated: tuple[float, ...]) -> str:
    return PLAYED[min(bisect_right(cumulated, rng.random()), len(PLAYED) - 1)]


def _play(rng: np.random.Generator, scenes: list[Scene], characters: tuple[Character, ...], count: int) -> list[_Beat]:
    """The appraisal chain: speak out of one's state, the listener reacts, the reaction becomes their state."""
    beats: list[_Beat] = []
    per_scene = np.array_split(np.arange(count), len(scenes))
    for place, (scene, turns) in enumerate(zip(scenes, per_scene, strict=True)):
        state: list[str | None] = [None, None]
        speaker = int(rng.integers(2))
        for turn in range(len(turns)):
            speaker = 1 - speaker if turn and rng.random() < REPLY_SHARE else speaker
            emotion = _draw(rng, _speaking(scene.mood, characters[speaker].temperament, state[speaker]))
            reaction = _draw(rng, _reacting(scene.mood, characters[1 - speaker].temperament, emotion))
            state[speaker], state[1 - speaker] = emotion, reaction
            beats.append(_Beat(speaker, place, emotion, reaction))
    return beats


def _write_lines(rng: np.random.Generator, characters: tuple[Character, ...], beats: list[_Beat], decks: Decks) -> list[Line]:
    opens = [i == 0 or beats[i - 1].scene != beat.scene for i, beat in enumerate(beats)]
    kinds = draw_kinds(rng, opens)
    framings = _frame(rng, len(beats))
    return [_write_line(rng, characters, beat, kind, framing, decks) for beat, kind, framing in zip(beats, kinds, framings, strict=True)]


def _frame(rng: np.random.Generator, count: int) -> list[Framing]:
    """Framings in fixed shares; UNSEEN_SHARE of lines are spoken over the listener's face (rounded at random)."""
    unseen = int(count * UNSEEN_SHARE + rng.random())
    rest = rng.choice([Framing.CLOSE, Framing.OVER_SHOULDER, Framing.TWO], count - unseen, p=[0.52, 0.2, 0.28])
    framings = [Framing(str(f)) for f in rest] + [Framing.REACTION] * unseen
    return [framings[i] for i in rng.permutation(count)]


def _write_line(
    rng: np.random.Generator, characters: tuple[Character, ...], beat: _Beat, kind: Kind, framing: Framing, decks: Decks
) -> Line:
    shown = emit(rng, beat.emotion, kind)
    deck = "replies" if kind is Kind.CONTEXT_ONLY and rng.random() < _CONTEXT_REPLY else shown.text
    intensity = _intensity(rng, beat.emotion)
    valence, arousal = _affect(rng, beat.emotion, intensity)
    return Line(
        text=decks.deal(deck, characters[1 - beat.speaker].name),
        speaker=beat.speaker,
        addressee=1 - beat.speaker,
        scene=beat.scene,
        emotion=beat.emotion,
        intensity=intensity,
        valence=valence,
        arousal=arousal,
        listener_emotion=beat.listener_emotion,
        listener_intensity=_intensity(rng, beat.listener_emotion),
        kind=kind,
        shown=shown,
        framing=framing,
    )


def _intensity(rng: np.random.Generator, emotion: str) -> float:
    """0..1; neutral lines are faint, others rarely."""
    if emotion == "neutral":
        return round(float(rng.uniform(0.0, 0.2)), 3)
    return round(float(0.45 + 0.55 * rng.beta(2.6, 1.6)), 3)


def _affect(rng: np.random.Generator, emotion: str, intensity: float) -> tuple[float, float]:
    strength = 1.0 if emotion == "neutral" else 0.35 + 0.65 * intensity
    noisy = np.array(AFFECT[emotion]) * strength + rng.normal(0, 0.06, 2)
    valence, arousal = np.clip(noisy, -1, 1).round(3).tolist()
    return valence, arousal


_TITLE_NOUNS = ("Letter", "Winter", "Promise", "Key", "Stranger", "Melody", "Garden", "Secret", "Lantern", "Voyage", "Echo", "Visitor")
_TITLE_TAILS = ("at Dawn", "of the House", "in the Rain", "for Two", "by the Sea", "without a Name", "of Glass", "on the Stairs")


def _title(rng: np.random.Generator, scenes: list[Scene]) -> str:
    tails = (*_TITLE_TAILS, f"of the {scenes[0].place.title()}")
    return f"The {rng.choice(_TITLE_NOUNS)} {rng.choice(tails)}"
