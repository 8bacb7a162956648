"""What raters dispute most and what they wrote, each within its dialogue: the scene's picture, the lines around, who says what.

A scene stands where its most disputed line does. The minority is shown beside the majority, with how many hold it; notes are foreign text
and are cut, never trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from corpus.annotations.agreement import Dispute
from corpus.paths import Home
from corpus.terms import UnitLevel
from pages.charts import distribution
from pages.lines import Line, Note, known_text, read_lines, shot_picture
from pages.material import Material, read_material
from pages.raters import ShownFilm

MOST_SCENES = 6
MOST_MOMENTS = 3
"""Disputed lines that are shown of one scene."""

MOST_SPOKEN = 6
"""Lines of dialogue that are shown of a scene that was judged as a whole."""

MOST_NOTES = 40
MOST_OF_NOTE = 600
"""Characters of a note that are shown."""

THUMBNAIL_BUDGET = 400_000
"""Bytes of base64 that the scenes' pictures may take together."""


@dataclass(frozen=True)
class Spoken:
    """One line of dialogue; `disputed` tells the one that the votes are about from its neighbours."""

    speaker: str | None
    text: str
    disputed: bool = False


@dataclass(frozen=True)
class Moment:
    """A disputed line, span or scene: what is said in it and around, and the votes; `href` leads to it on the film's page."""

    start_ms: int
    end_ms: int
    spoken: tuple[Spoken, ...]
    dispute: Dispute
    notes: tuple[Note, ...]
    href: str | None

    @property
    def bar(self) -> Markup:
        """The parts of the vote as a thin bar."""
        return distribution(self.dispute.shares)


@dataclass(frozen=True)
class DisputedScene:
    """A scene and its most disputed moments; `hidden` further ones are not shown."""

    film: ShownFilm
    heading: str | None
    pictured_ms: int
    thumbnail: str | None
    moments: tuple[Moment, ...]
    hidden: int


@dataclass(frozen=True)
class FilmNote:
    """What a rater wrote about a film, and at which time where the judgement has one."""

    film: ShownFilm
    start_ms: int | None
    rater: str
    text: str


def read_disputes(home: Home, found: Sequence[Dispute], units: pd.DataFrame, films: Sequence[ShownFilm]) -> tuple[DisputedScene, ...]:
    """The scenes of the most disputed of `found`, which has the worst first and speaks of `films`."""
    scene_of = dict(zip(units["unit_id"], units["scene_id"], strict=True))
    groups: dict[str, list[Dispute]] = {}
    for one in found:
        scene = scene_of.get(one.unit_id)
        groups.setdefault(one.unit_id if pd.isna(scene) else str(scene), []).append(one)
    shown = list(groups.items())[:MOST_SCENES]
    told = {disputes[0].film_id for _, disputes in shown}
    read = {film.film_id: _Film(home, film) for film in films if film.film_id in told}
    scenes, size = [], 0
    for scene_id, disputes in shown:
        scene = read[disputes[0].film_id].scene(scene_id, disputes, THUMBNAIL_BUDGET - size)
        size += len(scene.thumbnail or "")
        scenes.append(scene)
    return tuple(scenes)


class _Film:
    """One film's material, read for showing moments of it."""

    def __init__(self, home: Home, film: ShownFilm) -> None:
        self.film = film
        self.material: Material = read_material(home, film.film_id, Path())
        self.lines = read_lines(self.material)
        units = self.material.units
        self.units = {} if units is None else {str(row["unit_id"]): row for row in units.to_dict("records")}

    def scene(self, scene_id: str, disputes: Sequence[Dispute], budget: int) -> DisputedScene:
        moments = [self._moment(one) for one in disputes[:MOST_MOMENTS]]
        worst = moments[0]
        middle = (worst.start_ms + worst.end_ms) // 2
        drawn = shot_picture(self.material.shots, self.material.shots_folder, middle)
        return DisputedScene(
            film=self.film,
            heading=self._heading(scene_id),
            pictured_ms=middle,
            thumbnail=drawn if drawn is not None and len(drawn) <= budget else None,
            moments=tuple(sorted(moments, key=lambda moment: moment.start_ms)),
            hidden=len(disputes) - len(moments),
        )

    def _heading(self, scene_id: str) -> str | None:
        scenes = self.material.scenes
        found = [] if scenes is None else scenes.loc[scenes["scene_id"] == scene_id, "heading"].dropna().tolist()
        return str(found[0]) if found else None

    def _moment(self, one: Dispute) -> Moment:
        unit = self.units[one.unit_id]
        start_ms, end_ms = (0 if pd.isna(unit[side]) else int(unit[side]) for side in ("start_ms", "end_ms"))
        whole = unit["level"] == UnitLevel.SCENE
        own = None if whole else next((i for i, line in enumerate(self.lines) if _is_unit(line, unit)), None)
        spoken = _around(self.lines, own) if own is not None else _within(self.lines, start_ms, end_ms) if whole else ()
        page = self.film.href
        href = page if page is None or own is None else f"{page}#{self.lines[own].anchor}"
        return Moment(start_ms, end_ms, spoken, one, _notes_on(self.material.annotations, one.unit_id, start_ms, end_ms), href)


def _is_unit(line: Line, unit: dict[str, object]) -> bool:
    return (line.start_ms, line.end_ms, line.text) == (unit["start_ms"], unit["end_ms"], known_text(unit["text"]))


def _around(lines: Sequence[Line], own: int) -> tuple[Spoken, ...]:
    near = range(max(own - 1, 0), min(own + 2, len(lines)))
    return tuple(_spoken(lines[i], i == own) for i in near if lines[i].text)


def _within(lines: Sequence[Line], start_ms: int, end_ms: int) -> tuple[Spoken, ...]:
    said = [line for line in lines if start_ms <= line.start_ms < end_ms and line.text]
    return tuple(_spoken(line, False) for line in said[:MOST_SPOKEN])


def _spoken(line: Line, disputed: bool) -> Spoken:
    return Spoken(line.speaker, line.text or "", disputed)


def _notes_on(annotations: pd.DataFrame | None, unit_id: str, start_ms: int, end_ms: int) -> tuple[Note, ...]:
    """Notes that name the unit, and those without a unit whose middle lies in its time; a note repeated by dimension once."""
    if annotations is None:
        return ()
    noted = _noted(annotations)
    middle = (noted["start_ms"] + noted["end_ms"].fillna(noted["start_ms"])) / 2
    about = (noted["unit_id"] == unit_id) | (noted["unit_id"].isna() & (middle >= start_ms) & (middle < end_ms))
    found = {Note(str(rater), clipped(str(note))) for rater, note in noted.loc[about, ["annotator_id", "note"]].itertuples(index=False)}
    return tuple(sorted(found, key=lambda note: (note.rater, note.text)))


def _noted(annotations: pd.DataFrame) -> pd.DataFrame:
    return annotations[annotations["note"].fillna("").astype("str").str.strip() != ""]


def clipped(text: str, most: int = MOST_OF_NOTE) -> str:
    """At most `most` characters, the cut told by an ellipsis."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def read_notes(annotations: pd.DataFrame, films: Sequence[ShownFilm]) -> tuple[FilmNote, ...]:
    """Every note about the films in order of film and time, each once."""
    known, columns = {film.film_id: film for film in films}, ["film_id", "start_ms", "annotator_id", "note"]
    noted = _noted(annotations).sort_values(columns, kind="stable").drop_duplicates(columns)
    return tuple(
        FilmNote(known[film_id], None if pd.isna(start_ms) else int(start_ms), str(rater), clipped(str(note)))
        for film_id, start_ms, rater, note in noted[columns].itertuples(index=False)
    )
