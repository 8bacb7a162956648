"""RAVDESS: two sentences spoken by 24 actors in eight emotions and two strengths, which the file's name tells.

Six of the emotions and neutral are the platform's own; calm, of which the others are spoken over, is not. The emotion is the one that the
actor was told to play, so it is gold by design and voted by nobody. Strength (normal or strong) is no share of anything and stays a word.
An actor is a film here: no split hears one on both sides. The words are the same in every emotion and are not given as text.

Source: Livingstone and Russo, The Ryerson Audio-Visual Database of Emotional Speech and Song, PLoS ONE 13 (2018).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from corpus.contracts import UNITS, Column, TableSchema
from corpus.datasets.gold import BY_DESIGN, declared_gold
from corpus.datasets.summary import CorpusSummary, Notes, Terms, told, write_corpus
from corpus.terms import DeclaredUse, FeelmError

TERMS = Terms(
    licence="CC BY-NC-SA 4.0",
    declared_use=DeclaredUse.RESEARCH,
    credit="RAVDESS, Livingstone and Russo 2018; CC BY-NC-SA 4.0: not for commercial use, what is made of it under the same licence",
)
EMOTIONS = {1: "neutral", 2: None, 3: "joy", 4: "sadness", 5: "anger", 6: "fear", 7: "disgust", 8: "surprise"}
STRENGTHS = {1: "normal", 2: "strong"}
SOUND, SPEECH = 3, 1
ACTORS = 24
CLIPS_EACH = 60
SUFFIXES = frozenset({".wav", ".flac"})

CLIPS = TableSchema(
    "clips",
    (
        Column("unit_id", "string", "the unit"),
        Column("path", "string", "the recording, relative to the folder that was added"),
        Column("strength", "string", "how strong the emotion was to be", allowed=tuple(STRENGTHS.values())),
        Column("statement", "int32", "1: kids are talking by the door; 2: dogs are sitting by the door", minimum=1, maximum=2),
        Column("repetition", "int32", "first or second", minimum=1, maximum=2),
    ),
    key=("unit_id",),
)
"""clips.parquet: where the recording of each unit lies. `ml.features.recordings` reads the first two columns."""

_NAME = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{2})-([0-9]{2})-([0-9]{2})-([0-9]{2})-([0-9]{2})")


@dataclass(frozen=True)
class Name:
    """The numbers in a recording's name, but for those of its modality and channel."""

    emotion: int
    strength: int
    statement: int
    repetition: int
    actor: int


@dataclass(frozen=True)
class Clip:
    """One usable recording."""

    stem: str
    path: str
    actor: int
    emotion: str
    strength: str
    statement: int
    repetition: int

    @property
    def film_id(self) -> str:
        """The actor."""
        return f"ravdess-{self.actor:02d}"

    @property
    def unit_id(self) -> str:
        """The actor and the file's name."""
        return f"{self.film_id}.{self.stem}"


def build_ravdess(source: Path, out: Path) -> CorpusSummary:
    """Read the names of the recordings (WAV or FLAC) under `source` into units, gold, clips.parquet (CLIPS) and summary.json.

    Raises:
        FeelmError: there is no recording, or none whose name is RAVDESS's.
    """
    paths = recordings(source)
    notes, clips = Notes(rows_read=len(paths)), dict[str, Clip]()
    for path in paths:
        place = path.relative_to(source).as_posix()
        read = _clip(path.stem, place, notes)
        if isinstance(read, Clip) and read.stem in clips:
            read = "a second file of the same name"
        if isinstance(read, str):
            notes.refused[read].append(place)
        else:
            clips[read.stem] = read
    CLIPS.write_rows(_media(clips.values()), out / "clips.parquet")
    units = UNITS.frame(_units(clips.values()))
    gold = declared_gold(units, [(clip.emotion,) for clip in clips.values()], "intended", BY_DESIGN)
    return write_corpus("ravdess", TERMS, notes, units, gold, out, missing=_missing([path.stem for path in paths]))


def _clip(stem: str, place: str, notes: Notes) -> Clip | str:
    """The clip, or the reason why it is refused."""
    name = read_name(stem)
    if isinstance(name, str):
        return name
    placed = EMOTIONS[name.emotion]
    if placed is None:
        notes.without_place["calm"] += 1
        return "calm, which has no place among the seven"
    return Clip(stem, place, name.actor, placed, STRENGTHS[name.strength], name.statement, name.repetition)


def read_name(stem: str) -> Name | str:
    """What the name of a recording of speech tells, or the reason why it is refused."""
    found = _NAME.fullmatch(stem)
    if found is None:
        return "not named by seven pairs of digits, as 03-01-05-02-01-02-07"
    modality, channel, emotion, strength, statement, repetition, actor = (int(part) for part in found.groups())
    known = emotion in EMOTIONS and strength in STRENGTHS and {statement, repetition} <= {1, 2} and 1 <= actor <= ACTORS
    if not known or modality != SOUND:
        return "a number in its name that RAVDESS does not have for sound"
    return Name(emotion, strength, statement, repetition, actor) if channel == SPEECH else "sung, not spoken"


def recordings(source: Path) -> list[Path]:
    """The recordings (WAV or FLAC) under `source`, by their places.

    Raises:
        FeelmError: there is none.
    """
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise FeelmError(f"RAVDESS is not at {source}: give the folder that holds Actor_01, Actor_02 and so on with WAV or FLAC files")
    return paths


def _media(clips: Iterable[Clip]) -> Iterable[dict[str, object]]:
    for clip in clips:
        yield {
            "unit_id": clip.unit_id,
            "path": clip.path,
            "strength": clip.strength,
            "statement": clip.statement,
            "repetition": clip.repetition,
        }


def _units(clips: Iterable[Clip]) -> Iterable[dict[str, object]]:
    for clip in clips:
        yield {"unit_id": clip.unit_id, "film_id": clip.film_id, "level": "utterance", "character_id": f"actor-{clip.actor:02d}"}


def _missing(stems: Sequence[str]) -> str | None:
    """Of the 1,440 recordings of speech, how many are not there."""
    spoken = {stem for stem in stems if _NAME.fullmatch(stem) and stem.startswith(f"{SOUND:02d}-{SPEECH:02d}-")}
    absent = ACTORS * CLIPS_EACH - len(spoken)
    actors = sorted(set(range(1, ACTORS + 1)) - {int(stem[-2:]) for stem in spoken})
    lacks = [f"{absent} of {ACTORS * CLIPS_EACH} recordings are not there"] if absent > 0 else []
    if actors:
        lacks.append(f"among them all of the actors {', '.join(str(actor) for actor in actors)}")
    return told(lacks)
