"""Who is on screen: a contact sheet of the film's persons, each with some moments, time on screen, and a name where one is known.

The persons are those that `face_features` found: the table PEOPLE and a few faces of each. Faces stand in the page as one strip of
pictures a person, as many persons as a budget of bytes allows; the others are told in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from corpus.contracts import PEOPLE
from pages.render import clock, data_uri, percent, plural

SAMPLE_MS = 200
"""How long a face that was found is taken to be on screen, as the scan looks five times a second."""

STRIP_BUDGET = 300_000
"""Bytes of base64 that the strips of a page may take together."""


@dataclass(frozen=True)
class Person:
    """One person: `strip` is its moments' faces side by side as a data URI, None where they are not shown."""

    name: str
    named: bool
    certainty: float | None
    shown_ms: int
    share: float | None
    tracks: int
    moments_ms: tuple[int, ...]
    strip: str | None

    @property
    def label(self) -> str:
        """What the strip shows, in words."""
        return f"{self.name} at {', '.join(clock(t) for t in self.moments_ms)}"

    @property
    def told(self) -> str:
        """Time on screen in words."""
        seconds = f"{self.shown_ms / 1000:.0f} s" if self.shown_ms < 60_000 else clock(self.shown_ms)
        share = f", {percent(self.share)} of the film" if self.share is not None else ""
        return f"{seconds} on screen{share}, seen {plural(self.tracks, 'time')}"


@dataclass(frozen=True)
class Cast:
    """Persons with pictures, whoever is longest on screen first, and how many others there are with their time."""

    persons: tuple[Person, ...] = ()
    others: int = 0
    others_ms: int = 0

    @property
    def names(self) -> int:
        """How many persons have a character's name."""
        return sum(person.named for person in self.persons)


def read_people(folder: Path) -> pd.DataFrame | None:
    """Table PEOPLE of a film's `face_features` folder; None where it has none, or nobody was found."""
    path = folder / "people.parquet"
    table = PEOPLE.read(path) if path.is_file() else None
    return table if table is not None and len(table) else None


def names(people: pd.DataFrame) -> dict[str, str]:
    """What each person is called: the character's name, else a number; whoever is longest on screen first."""
    once = people.drop_duplicates("person_id").sort_values("person_id", key=lambda ids: ids.map(_number))
    return {
        str(row["person_id"]): str(row["character_id"]) if pd.notna(row["character_id"]) else f"Person {_number(row['person_id'])}"
        for row in once.to_dict("records")
    }


def _number(person_id: str) -> int:
    return int(str(person_id).rpartition(".person")[2])


def read_cast(folder: Path, duration_ms: int) -> Cast:
    """The contact sheet of a film, from its `face_features` folder."""
    from safetensors.numpy import load_file

    people = read_people(folder)
    path = folder / "people_faces.safetensors"
    if people is None or not path.is_file():
        return Cast()
    faces = load_file(path)
    called = names(people)
    strips = _within_budget(
        [jpeg(np.concatenate(list(crops[t_ms >= 0]), axis=1)) for crops, t_ms in zip(faces["crops"], faces["t_ms"], strict=True)]
    )
    persons = [
        _person(name, people[people["person_id"] == person_id], faces["t_ms"][place], strips[place], duration_ms)
        for place, (person_id, name) in enumerate(list(called.items())[: len(strips)])
    ]
    rest = people[people["person_id"].isin(list(called)[len(strips) :])]
    return Cast(tuple(persons), rest["person_id"].nunique(), _shown_ms(rest))


def _person(name: str, tracks: pd.DataFrame, t_ms: np.ndarray, strip: str, duration_ms: int) -> Person:
    shown = _shown_ms(tracks)
    certainty = tracks["certainty"].iloc[0]
    return Person(
        name=name,
        named=bool(tracks["character_id"].notna().iloc[0]),
        certainty=float(certainty) if pd.notna(certainty) else None,
        shown_ms=shown,
        share=min(shown / duration_ms, 1.0) if duration_ms > 0 else None,
        tracks=len(tracks),
        moments_ms=tuple(int(t) for t in t_ms if t >= 0),
        strip=strip,
    )


def _shown_ms(tracks: pd.DataFrame) -> int:
    return int((tracks["end_ms"] - tracks["start_ms"] + SAMPLE_MS).sum())


def jpeg(rgb: np.ndarray) -> str:
    """An RGB picture as a JPEG data URI."""
    import cv2

    coded = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return data_uri(coded.tobytes())


def _within_budget(strips: Sequence[str]) -> list[str]:
    """The first strips that fit together into STRIP_BUDGET, and at least one."""
    sizes = np.cumsum([len(strip) for strip in strips])
    return list(strips[: max(int((sizes <= STRIP_BUDGET).sum()), 1)])
