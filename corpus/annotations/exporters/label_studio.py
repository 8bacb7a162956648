"""Writes judgements as tasks of Label Studio, with what raters said as predictions, and the project's labelling configuration.

A film's free spans are one task, each span a region of its timeline; each unit judged by name is a task of its own, its answers about the
whole task. A prediction is one rater's pass, `model_version` saying whose: in the tool it is shown as a suggestion, and it never counts as
a judgement unless a rater takes it over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from corpus.annotations.exporters.rows import in_our_words, judgements_of
from corpus.annotations.exporters.writing import Exporter, FilmMedia, Judged
from corpus.annotations.gold import COUNTED
from corpus.annotations.judgements import Judgement, identifier
from corpus.annotations.label_studio_config import CHARACTER, NOTE, NUMBERS, OF_UNIT, VIDEO, labelling_config, stars
from corpus.terms import EMOTIONS, FeelmError

TASKS_FILE = "label-studio-tasks.json"
CONFIG_FILE = "label-studio-config.xml"

FIRST_FRAME = 1

LEAVES_OUT = (
    "points in time and traces; what was skipped or rejected; labels outside the seven, dominance, the intensity of a second emotion, "
    "steps of intensity finer than a quarter; confidence, cues, direction, cut, what the rater saw and heard, when and how fast; which "
    "number a pass has (not the order of passes)"
)


@dataclass(frozen=True)
class Group:
    """What one rater said of one span or unit in one pass, by rank."""

    judgements: list[Judgement]

    @property
    def first(self) -> Judgement:
        """The first emotion's, for what all share."""
        return self.judgements[0]

    @property
    def group_id(self) -> str:
        """The group's id in ANNOTATIONS."""
        return self.first.tool_id or identifier(*self.first.key)

    @property
    def emotions(self) -> list[str]:
        """The emotions, the first one first."""
        return [judgement.emotion for judgement in self.judgements if judgement.emotion is not None]

    @property
    def answers(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Control, kind and value of what is said beside the emotions; the intensity is the first emotion's."""
        numbers = {name: value for judgement in reversed(self.judgements) for name, value in judgement.values.items() if name in NUMBERS}
        intensity = self.first.values.get("intensity")
        ratings = [] if intensity is None else [("intensity", "rating", {"rating": stars(intensity)})]
        texts = ((CHARACTER, self.first.character_id), (NOTE, self.first.note))
        return [
            *ratings,
            *((name, "number", {"number": numbers[name]}) for name in NUMBERS if name in numbers),
            *((control, "textarea", {"text": [text]}) for control, text in texts if text),
        ]


def write_label_studio(judged: Judged) -> Mapping[str, bytes]:
    """The files of a project by name: tasks (JSON) and labelling configuration (XML).

    Raises:
        FeelmError: spans are to become frames, and nobody knows the film's picture rate.
    """
    tasks: dict[tuple[str, ...], list[Group]] = {}
    for group in _groups(judged.annotations):
        tasks.setdefault(_task_key(group.first), []).append(group)
    written = [_task(tasks[key], judged.films) for key in sorted(tasks)]
    content = json.dumps(written, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return {TASKS_FILE: content.encode(), CONFIG_FILE: labelling_config()}


def _groups(annotations: pd.DataFrame) -> list[Group]:
    """The judgements that the tool can hold, by rater, pass and time."""
    by_key: dict[tuple[object, ...], list[Judgement]] = {}
    for judgement in map(in_our_words, judgements_of(annotations)):
        if _fits(judgement):
            by_key.setdefault(judgement.key, []).append(judgement)
    groups = [Group(sorted(judgements, key=lambda one: (one.rank, one.emotion or ""))) for judgements in by_key.values()]
    return sorted(groups, key=_order)


def _fits(judgement: Judgement) -> bool:
    """Whether the tool can hold where it is and what it says."""
    has_place = judgement.unit_id is not None or judgement.end_ms is not None
    says = judgement.emotion in EMOTIONS if judgement.emotion is not None else bool(judgement.values.keys() & {"intensity", *NUMBERS})
    return has_place and says and judgement.status in COUNTED


def _order(group: Group) -> tuple[Any, ...]:
    first = group.first
    return first.annotator_id, first.pass_no, first.start_ms or 0, first.end_ms or 0, group.group_id


def _task_key(judgement: Judgement) -> tuple[str, ...]:
    """What a task is about: a film, or a unit and one person in it, for the whole of a task has one answer a rater and pass."""
    film = (judgement.film_id, judgement.perspective)
    if judgement.unit_id is None:
        return film
    return *film, judgement.unit_id, str(judgement.start_ms), str(judgement.end_ms), judgement.character_id or ""


def _task(groups: list[Group], films: Mapping[str, FilmMedia]) -> dict[str, Any]:
    first = groups[0].first
    film = films[first.film_id]
    data: dict[str, Any] = {"film_id": film.film_id, "video": film.media, "perspective": first.perspective}
    data |= {"fps": film.fps} if film.fps is not None else {}
    if first.unit_id is not None:
        data |= {"unit_id": first.unit_id}
        data |= {"start_ms": first.start_ms, "end_ms": first.end_ms} if first.end_ms is not None else {}
    return {"data": data, "predictions": _predictions(groups, film)}


def _predictions(groups: list[Group], film: FilmMedia) -> list[dict[str, Any]]:
    """One a rater and pass; about a whole unit, one a judgement, the tool having no other way to hold answers apart."""
    results: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for group in groups:
        first = group.first
        version = f"{first.annotator_id} pass {first.pass_no}"
        key, items = ((version,), _region(group, film)) if first.unit_id is None else ((version, group.group_id), _whole(group))
        results.setdefault(key, []).extend(items)
    return [{"model_version": key[0], "result": items} for key, items in results.items()]


def _region(group: Group, film: FilmMedia) -> list[dict[str, Any]]:
    """Items that share a region's id, each with its frames, as the tool has them."""
    frames = {"ranges": [_frames(group.first, film)]}
    labels = [("emotion", "timelinelabels", {"timelinelabels": group.emotions})] if group.emotions else []
    return [_item(group.group_id, control, kind, frames | value) for control, kind, value in (*labels, *group.answers)]


def _whole(group: Group) -> list[dict[str, Any]]:
    """Items about a whole task, each with an id of its own, as the tool has them."""
    labels = [("emotion", "choices", {"choices": group.emotions})] if group.emotions else []
    said = (*labels, *group.answers)
    return [_item(f"{group.group_id}-{control}", f"{OF_UNIT}{control}", kind, value) for control, kind, value in said]


def _frames(span: Judgement, film: FilmMedia) -> dict[str, int]:
    """First and last frame of a span, from 1: those nearest to its ends, or the one that it lies in where these are one."""
    if film.fps is None:
        raise FeelmError(f"film {film.film_id!r}: its pictures a second are not known, and Label Studio counts frames: say them with --fps")
    first, after = ((ms or 0) * film.fps / 1000 for ms in (span.start_ms, span.end_ms))
    start, end = round(first), round(after)
    if end <= start:
        start, end = math.floor(first), math.floor(first) + 1
    return {"start": FIRST_FRAME + start, "end": FIRST_FRAME + end - 1}


def _item(item_id: str, control: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": item_id, "from_name": control, "to_name": VIDEO, "type": kind, "value": value}


EXPORTER = Exporter("label-studio", "Label Studio tasks with predictions, and the labelling configuration", write_label_studio, LEAVES_OUT)
