"""The film along its time: picture, scenes, lines, the model's curve, raters, face, voice and light, one below the other.

All lanes share one axis (share of the film's length), so that what happens together stands together. A lane that has nothing to show
is left out here and its absence told in words by the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup
from safetensors.numpy import load_file

from corpus.contracts import FACES
from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS
from pages.arcs import SHAPES, model_arc, raters_arc
from pages.charts import SHORT, Point, Run, Span, arcs, binned, leading_runs, line, stacked_course, stacked_spans, time_ticks
from pages.lines import Line, shots_at
from pages.material import Material
from pages.people import jpeg, names
from pages.render import clock, percent

FACE_BIN_MS = 1000
SHORT_FILM_MS = 60_000
SLOTS = 24
MOST_BOXES = 160
MOST_RUNS_TOLD = 8
MOST_PERSONS = 4
"""Persons whose faces get lanes of their own."""

SOUND_SHARES = {"voice": ("k-fused", "voice"), "music": ("k-human", "music"), "noise": ("k-baseline", "noise")}
"""Shares of the sound in VOICE_COURSE, where it has them: the colour and the name of each."""

SOUND_SLOTS = 400
CURVE_HEIGHT = 150
ARC_HEIGHT = 84
MODEL_KEY, RATERS_KEY = ("of-model", "model"), ("of-raters", "raters")


@dataclass(frozen=True)
class Box:
    """A labelled stretch of a lane; `left` and `width` in percent of the film, `emotion` gives the colour."""

    left: float
    width: float
    text: str
    emotion: str | None = None
    anchor: str | None = None

    @property
    def short(self) -> str:
        """What stands in a narrow box instead of an emotion's name."""
        return SHORT.get(self.text, self.text)


@dataclass(frozen=True)
class Lane:
    """One lane: a chart, or boxes, with its name, a sentence on how to read it, the values at bottom and top, and a key of its colours
    (CSS class, name)."""

    name: str
    hint: str
    kind: str
    chart: Markup | None = None
    boxes: tuple[Box, ...] = ()
    scale: str = ""
    key: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Tick:
    """One label of the time axis."""

    left: float
    text: str


@dataclass(frozen=True)
class FaceCourse:
    """The face's course in words and as lanes: the seven probabilities, then the leading emotion by name, of each person where some are
    known."""

    lanes: tuple[Lane, ...]
    sentence: str


def ticks(duration_ms: int) -> list[Tick]:
    """The time axis."""
    return [Tick(100 * t / duration_ms, clock(t)) for t in time_ticks(duration_ms)] if duration_ms > 0 else []


def read_lanes(material: Material, lines: Sequence[Line], face: FaceCourse | None) -> list[Lane]:
    """All lanes that have something to show, from top to bottom."""
    duration = material.duration_ms
    if duration <= 0:
        return []
    lanes = [
        _scenes(material, duration),
        _curve(lines, duration),
        _arc(lines, duration),
        _named("Model", "The emotion it names.", [(line, line.model.emotion) for line in lines if line.model], duration),
        _named("Raters", "The emotion they name together.", [(line, line.gold.emotion) for line in lines if line.gold], duration),
        _speakers(lines, duration),
        _subtitles(lines, duration),
        _voice(material, duration, "pitch_hz", "Pitch", "Fundamental frequency of the voice; broken where nobody speaks.", "Hz"),
        _voice(material, duration, "loudness_db", "Loudness", "Level of the sound.", "dB"),
        _sound(material, duration),
        *(face.lanes if face else ()),
        _light(material, duration),
    ]
    return [lane for lane in lanes if lane is not None]


def _box(start_ms: float, end_ms: float, duration: int, text: str, emotion: str | None = None, anchor: str | None = None) -> Box:
    left = 100 * min(max(start_ms / duration, 0), 1)
    right = 100 * min(max(end_ms / duration, 0), 1)
    return Box(round(left, 3), round(max(right - left, 0.1), 3), text, emotion, anchor)


def _scenes(material: Material, duration: int) -> Lane | None:
    if material.scenes is None:
        return None
    boxes = tuple(_box(scene["start_ms"], scene["end_ms"], duration, heading) for heading, scene in material.headed_scenes)
    return Lane("Scenes", "", "boxes scenes", boxes=boxes)


def _curve(lines: Sequence[Line], duration: int) -> Lane | None:
    spans = [line.span for line in lines if line.span]
    if not spans:
        return None
    label = "The model’s probabilities, stacked, along the film: " + sentence(leading_runs(spans), duration)
    if len(spans) > MOST_BOXES:
        chart = stacked_course(binned(spans, duration, MOST_BOXES), duration, CURVE_HEIGHT, label)
        return Lane("Emotion curve", "The model’s probabilities, the mean of neighbouring lines, stacked to 100 %.", "plot", chart)
    return Lane(
        "Emotion curve", "The probabilities of each line, stacked to 100 %.", "plot", stacked_spans(spans, duration, CURVE_HEIGHT, label)
    )


def _arc(lines: Sequence[Line], duration: int) -> Lane | None:
    """What the lines do to feeling, by model and raters over each other; None where neither has enough lines for a course."""
    told = [(arc, css, name) for arc, css, name in ((raters_arc(lines), *RATERS_KEY), (model_arc(lines), *MODEL_KEY)) if arc and arc.course]
    if not told:
        return None
    words = "; ".join(f"{name} {SHAPES[arc.shape]}" for arc, _, name in told if arc.shape)
    label = "Valence along the film, from displeased to pleased" + (f": {words}" if words else "")
    chart = arcs([arc.timed(duration, css) for arc, css, _ in told], ARC_HEIGHT, label)
    key = tuple((css, name) for _, css, name in reversed(told))
    return Lane("Arc", "Valence that the lines imply, smoothed.", "plot", chart, scale="From displeased to pleased", key=key)


def _named(name: str, hint: str, named: Sequence[tuple[Line, str | None]], duration: int) -> Lane | None:
    """The emotion of each line as a box with its name; in a long film the shares of the emotions among neighbouring lines."""
    if not named:
        return None
    if len(named) <= MOST_BOXES:
        boxes = tuple(_box(line.start_ms, line.end_ms, duration, emotion or "split", emotion) for line, emotion in named)
        return Lane(name, hint, "boxes labels", boxes=boxes)
    spans = [Span(line.start_ms, line.end_ms, tuple(float(emotion == each) for each in EMOTIONS)) for line, emotion in named if emotion]
    chart = stacked_course(binned(spans, duration, MOST_BOXES), duration, 70, f"{name}: " + sentence(leading_runs(spans), duration))
    return Lane(name, "Shares of the emotions named in neighbouring lines.", "plot", chart)


def _speakers(lines: Sequence[Line], duration: int) -> Lane | None:
    """Who says each line; None where nobody is known or there are too many lines."""
    if len(lines) > MOST_BOXES or not any(line.speaker for line in lines):
        return None
    boxes = tuple(_box(line.start_ms, line.end_ms, duration, line.speaker or "somebody") for line in lines if line.text)
    return Lane("Speakers", "Who says the line.", "boxes speakers", boxes=boxes)


def _subtitles(lines: Sequence[Line], duration: int) -> Lane | None:
    spoken = [line for line in lines if line.text]
    linked = len(spoken) <= 80
    if not spoken or len(spoken) > MOST_BOXES:
        return None
    boxes = tuple(_box(line.start_ms, line.end_ms, duration, line.text or "", anchor=line.anchor if linked else None) for line in spoken)
    return Lane("Lines", "", "boxes words", boxes=boxes)


def _voice(material: Material, duration: int, column: str, name: str, hint: str, unit: str) -> Lane | None:
    if material.voice_course is None:
        return None
    course = material.voice_course.sort_values("t_ms")
    values = course[column].to_numpy(float)
    if column == "pitch_hz":
        values = np.where(course["speech"].to_numpy(float) >= 0.5, values, np.nan)
    if not np.isfinite(values).any():
        return None
    low, high = (float(v) for v in np.nanpercentile(values, (5, 99)))
    points = [Point(float(t), float(v) if np.isfinite(v) else None) for t, v in zip(course["t_ms"], values, strict=True)]
    label = f"{name} along the film, mostly between {low:.0f} and {high:.0f} {unit}."
    return Lane(
        name, hint, "plot", line(points, duration, 56, low, high, label), scale=f"From {low:.0f} to {high:.0f} {unit}".replace("-", "−")
    )


def _sound(material: Material, duration: int) -> Lane | None:
    """How much of the sound is voice, music and noise; None where the voice's course does not tell."""
    course = material.voice_course
    if course is None or not set(SOUND_SHARES) <= set(course.columns):
        return None
    size = max(duration / SOUND_SLOTS, 1.0)
    shares = course[list(SOUND_SHARES)].astype(float).groupby((course["t_ms"] // size).astype(int)).mean().dropna()
    if shares.empty:
        return None
    spans = [Span(slot * size, (slot + 1) * size, tuple(row)) for slot, row in zip(shares.index, shares.to_numpy().tolist(), strict=True)]
    said = ", ".join(f"{name} {percent(float(shares[column].mean()))}" for column, (_, name) in SOUND_SHARES.items())
    chart = stacked_course(
        spans, duration, 40, f"Shares of the sound along the film, on average {said}.", [css for css, _ in SOUND_SHARES.values()]
    )
    return Lane("Sound", "What is heard, shares of the whole; a quiet moment stays empty.", "plot", chart, key=tuple(SOUND_SHARES.values()))


def _light(material: Material, duration: int) -> Lane | None:
    if material.pictures is None:
        return None
    pictures = material.pictures.sort_values("t_ms")
    points = [Point(float(t), float(v)) for t, v in zip(pictures["t_ms"], pictures["brightness"], strict=True)]
    mean = percent(float(pictures["brightness"].mean()))
    chart = line(points, duration, 40, 0, 1, f"Brightness of the picture along the film, {mean} on average.")
    return Lane("Light", "Brightness of the picture.", "plot", chart, scale="From black to white")


def read_face_course(material: Material) -> FaceCourse | None:
    """Mean of all faces on screen per second, in a short film per half second; None where no face was found."""
    if material.face_course is None or material.duration_ms <= 0:
        return None
    spans = _face_spans(material.face_course, material.duration_ms)
    if not spans:
        return None
    runs, duration = leading_runs(spans), material.duration_ms
    words = sentence(runs, duration)
    chart = stacked_course(spans, duration, 110 if any_words(material) else 170, f"What the face shows: {words}")
    curve = Lane("Face", "What the faces on screen show, stacked to 100 %.", "plot", chart)
    persons = _persons(material)
    return FaceCourse((curve, *(persons or [_face_names("Face names", "The emotion that leads.", spans, duration)])), words)


def _face_spans(course: pd.DataFrame, duration: int) -> list[Span]:
    size = FACE_BIN_MS if duration > SHORT_FILM_MS else FACE_BIN_MS // 2
    bins = (course["t_ms"] // size).astype(int)
    means = course[list(PROBABILITY_COLUMNS)].groupby(bins).mean().dropna()
    starts = means.index.to_numpy() * size
    ends = np.minimum(starts + size, duration)
    rows = means.to_numpy(float)
    rows = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-9)
    return [Span(float(a), float(b), tuple(row.tolist())) for a, b, row in zip(starts, ends, rows, strict=True) if b > a]


def _persons(material: Material) -> list[Lane]:
    """What each of the persons longest on screen shows while they are seen; none where fewer than two are known."""
    people, course, duration = material.people, material.face_course, material.duration_ms
    if people is None or course is None or people["person_id"].nunique() < 2:
        return []
    lanes = []
    for person, name in list(names(people).items())[:MOST_PERSONS]:
        spans = _face_spans(course[course["track_id"].isin(people["track_id"][people["person_id"] == person])], duration)
        if spans:
            lanes.append(_face_names(f"{name}\N{RIGHT SINGLE QUOTATION MARK}s face", "The emotion that leads.", spans, duration))
    return lanes


def _face_names(name: str, hint: str, spans: Sequence[Span], duration: int) -> Lane:
    """The leading emotion as boxes; in a long film the shares of the emotions."""
    runs = leading_runs(spans)
    if len(runs) <= MOST_BOXES:
        return Lane(
            name, hint, "boxes labels", boxes=tuple(_box(run.start_ms, run.end_ms, duration, run.emotion, run.emotion) for run in runs)
        )
    chart = stacked_course(binned(spans, duration, MOST_BOXES), duration, 50, f"{name}: {sentence(runs, duration)}")
    return Lane(name, "Shares of the emotions.", "plot", chart)


def any_words(material: Material) -> bool:
    """Whether somebody speaks in the film."""
    return material.units is not None and bool(material.units["text"].notna().any())


def sentence(runs: Sequence[Run], duration_ms: float) -> str:
    """The course in words: every run where there are few (`0–8 s sadness, 8–10 s surprise`), else each emotion's share of the time."""
    if len(runs) <= MOST_RUNS_TOLD:
        return ", ".join(f"{_range(run, duration_ms)} {run.emotion}" for run in runs)
    lengths = {emotion: sum(run.end_ms - run.start_ms for run in runs if run.emotion == emotion) for emotion in EMOTIONS}
    total = sum(lengths.values())
    shares = [(emotion, lengths[emotion] / total) for emotion in sorted(EMOTIONS, key=lambda name: -lengths[name])]
    return ", ".join(f"{emotion} {percent(share)}" for emotion, share in shares if share >= 0.03) + " of the time"


def _range(run: Run, duration_ms: float) -> str:
    if duration_ms < 180_000:
        return f"{run.start_ms / 1000:.3g}–{run.end_ms / 1000:.3g} s"
    return f"{clock(run.start_ms)}–{clock(run.end_ms)}"


def needed_px(lines: Sequence[Line], duration_ms: int) -> int:
    """Width at which half of the lines can show an emotion's name, at most 1200: what a phone scrolls through."""
    lengths = sorted(line.end_ms - line.start_ms for line in lines)
    if not lengths or duration_ms <= 0:
        return 0
    return min(round(60 * duration_ms / max(lengths[len(lengths) // 2], 1)), 1200)


def filmstrip(shots: pd.DataFrame | None, duration_ms: int) -> list[int]:
    """For each of SLOTS equal parts of the film the index of the shot on screen in its middle; empty without shots."""
    if shots is None or duration_ms <= 0:
        return []
    found = shots_at(shots, [duration_ms * (slot + 0.5) / SLOTS for slot in range(SLOTS)])
    return [index for index in found if index is not None]


def face_strip(folder: Path, duration_ms: int) -> list[str | None]:
    """For each of SLOTS equal parts of the film the surest face in it as a JPEG data URI; None where there is no face.

    `folder` is the film's `faces` artifact; empty where it holds no crops.
    """
    if duration_ms <= 0 or not (folder / "crops.safetensors").is_file():
        return []
    crops = load_file(folder / "crops.safetensors")["crops"]
    faces = FACES.read(folder / "faces.parquet").sort_values(["score", "track_id"], ascending=[False, True])
    slots = (faces["t_ms"] * SLOTS // duration_ms).astype(int)
    best = faces.groupby(slots)["crop_row"].first()
    return [jpeg(crops[best[slot]]) if slot in best.index else None for slot in range(SLOTS)]
