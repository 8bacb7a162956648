"""A film in figures: what its page tells, small enough to lay many films beside each other.

It is written beside the film's page and read by the library and by comparisons, which so need no table and no picture of the film.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from corpus.paths import write_json
from corpus.terms import FeelmError, GoldStatus
from ml.evaluation.typed import typed
from pages.arcs import Arc, CharacterArc, character_arcs, model_arc, raters_arc
from pages.lines import Line
from pages.material import Material

DIGEST_FILE = "digest.json"


@dataclass(frozen=True)
class ModelNote:
    """Which model read the film, and what taught it (name: declared use, licence); empty where none did."""

    version: str = ""
    trained_on: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FilmDigest:
    """What a film's page tells, in figures.

    `level` is what its units are (line or span), `units` how many; `raters` counts those whose votes count, `alpha` is their agreement on
    this film; `compared` are units on which both raters and model name an emotion, `agreeing` those on which it is the same one. `still`
    is a file of the film's `shots`.
    """

    film_id: str
    duration_ms: int
    level: str
    units: int
    raters: int
    judged: int
    split: int
    alpha: float | None
    compared: int
    agreeing: int
    unseen: bool
    model: Arc | None
    gold: Arc | None
    characters: tuple[CharacterArc, ...]
    origin: ModelNote
    video_codec: str | None
    still: str | None

    @property
    def told(self) -> Arc | None:
        """The model's arc, else the raters'."""
        return self.model or self.gold

    def write(self, folder: Path) -> None:
        """Write it into the folder of the film's page."""
        write_json(folder / DIGEST_FILE, dataclasses.asdict(self))

    @classmethod
    def read(cls, folder: Path) -> FilmDigest | None:
        """The digest beside a film's page; None where there is none, as after `feelm films add`.

        Raises:
            FeelmError: it is damaged, or of another version.
        """
        path = folder / DIGEST_FILE
        if not path.is_file():
            return None
        stat = path.stat()
        return _read(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)


@lru_cache(maxsize=2048)
def _read(path: Path, *_: int) -> FilmDigest:
    """By what tells whether the file is still the same: a library of a thousand films is asked for again and again."""
    try:
        return typed(FilmDigest, json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError, KeyError) as error:
        raise FeelmError(f"{path} cannot be read ({error}): delete it and run `feelm run`") from error


def digest(material: Material, lines: Sequence[Line], level: str, alpha: float | None, model: ModelNote) -> FilmDigest:
    """The figures of a film's lines; `alpha` is the raters' agreement on this film."""
    read = [line.model for line in lines if line.model]
    votes = material.votes
    return FilmDigest(
        film_id=material.film_id,
        duration_ms=material.duration_ms,
        level=level,
        units=len(lines),
        raters=0 if votes is None else int(votes["annotator_id"][votes["weight"] > 0].nunique()),
        judged=sum(line.gold is not None and line.gold.emotion is not None for line in lines),
        split=sum(line.gold is not None and line.gold.status == GoldStatus.AMBIGUOUS for line in lines),
        alpha=alpha,
        compared=sum(line.agrees is not None for line in lines),
        agreeing=sum(line.agrees is True for line in lines),
        unseen=bool(read) and all(reading.unseen for reading in read),
        model=model_arc(lines),
        gold=raters_arc(lines),
        characters=character_arcs(lines),
        origin=model,
        video_codec=material.stream.get("video_codec"),
        still=_still(material),
    )


def _still(material: Material) -> str | None:
    """The thumbnail a third into the film: the first one is often a title or black."""
    if material.shots is None:
        return None
    names = material.shots.sort_values("start_ms")["thumbnail"].tolist()
    return str(names[len(names) // 3])
