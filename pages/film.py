"""A page per film: its facts, its course of emotion over time, and every line with the raters' labels beside the model's.

The page reads what the stages left about the film and tells in words what is missing; it holds its pictures and its script in itself.
`render_film` is pure text from a typed view; `build_film_page` reads the artifacts and writes `film.html`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from corpus.paths import Home, file_digest, write_json, write_text
from corpus.terms import UnitLevel
from pages.arcs import CharacterArc
from pages.charts import arcs, distribution
from pages.coverage import Coverage, read_coverage
from pages.digest import FilmDigest, ModelNote, digest
from pages.lines import Line, read_lines
from pages.material import Material, read_material
from pages.moments import DisputedLine, disputed_lines
from pages.people import Cast, read_cast
from pages.render import clock, percent, picture, plural, render_placed
from pages.rights import RIGHTS
from pages.stored import raters_agreement, read_json
from pages.timeline import FaceCourse, Lane, Tick, face_strip, filmstrip, needed_px, read_face_course, read_lanes, ticks

MOST_THUMBNAILS = 60
THUMBNAIL_BUDGET = 1_000_000
"""Bytes of base64 that a page's pictures may take together."""

MOST_CHARACTERS, CHARACTER_HEIGHT = 12, 64
"""Characters whose arcs are shown, those who say most; and how high, in pixels."""

MOST_FULL_LINES = 1000
"""Beyond it lines are shown without their seven probabilities, the single modalities and the words of what moved them, to keep the page
under 3 MB."""

REPORT_LINK = "<!-- link to the report -->"
"""Stands in `film.html`; the report's copy puts the way back in its place."""

FILM_ITSELF = "<!-- the film itself -->"
"""Stands where the film plays; the service and an export put it there, where its rights allow it."""


@dataclass(frozen=True)
class Fact:
    """A tile: a name, a value, and what to know about it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class SceneRow:
    """A scene and its features in the order of the page's `scene_columns`; empty text where there is no value."""

    start_ms: int
    end_ms: int
    heading: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class CharacterCourse:
    """A speaker's arc and how it is drawn along the film."""

    arc: CharacterArc
    chart: Markup


@dataclass(frozen=True)
class FilmPage:
    """Everything the template shows."""

    film_id: str
    title: str
    tags: tuple[str, ...]
    lead: str
    facts: tuple[Fact, ...]
    missing: dict[str, tuple[str, ...]]
    duration_ms: int
    thumbnails: dict[int, str]
    strip: tuple[int, ...]
    faces: tuple[str | None, ...]
    axis: tuple[Tick, ...]
    lanes: tuple[Lane, ...]
    face: FaceCourse | None
    cast: Cast
    coverage: tuple[Coverage, ...]
    characters: tuple[CharacterCourse, ...]
    disputed: tuple[DisputedLine, ...]
    lines: tuple[Line, ...]
    level: str
    scene_columns: tuple[str, ...]
    scene_rows: tuple[SceneRow, ...]
    digest: FilmDigest
    attribution: str

    @property
    def needed_px(self) -> int:
        """Width of the timeline on a phone."""
        return needed_px(self.lines, self.duration_ms)

    def distribution(self, line: Line) -> Markup:
        """The line's seven probabilities as a thin bar."""
        assert line.model is not None
        return distribution(line.model.probabilities)

    @property
    def compact(self) -> bool:
        """Whether the lines are too many to show each in full."""
        return len(self.lines) > MOST_FULL_LINES

    @property
    def parted(self) -> list[Line]:
        """Where model and raters part most."""
        return parted(self.lines)

    @property
    def has_raters(self) -> bool:
        """Whether anybody judged a line of this film."""
        return any(line.gold or line.votes for line in self.lines)

    @property
    def has_model(self) -> bool:
        """Whether the model read a line of this film."""
        return any(line.model for line in self.lines)

    @property
    def has_reasons(self) -> bool:
        """Whether a line's reading is explained."""
        return any(line.why for line in self.lines)


def parted(lines: Sequence[Line]) -> list[Line]:
    """At most six lines where model and raters part, the model's surest errors first."""
    wrong = [line for line in lines if line.agrees is False]
    return sorted(wrong, key=lambda line: -line.model.confidence if line.model else 0.0)[:6]


@dataclass(frozen=True)
class FilmPageSummary:
    """What the page shows."""

    film_id: str
    lines: int
    lines_with_gold: int
    agreeing: int
    thumbnails: int
    face_course: str | None
    persons: int
    persons_named: int
    page_bytes: int
    missing: dict[str, tuple[str, ...]]


def render_film(page: FilmPage) -> str:
    """The page as self-contained HTML without inline style."""
    return render_placed("film.html", page, script="film.js")


def build_film_page(home: Home, film_id: str, predictions: Path, out: Path) -> FilmPageSummary:
    """Write `out/film.html`, `out/digest.json` (what it tells in figures) and `out/page.json` (its summary).

    Raises:
        FeelmError: nothing is known about the film, or one of its tables is damaged.
    """
    page = read_film_page(home, film_id, predictions)
    text = render_film(page)
    write_text(out / "film.html", text)
    page.digest.write(out)
    summary = FilmPageSummary(
        film_id=film_id,
        lines=len(page.lines),
        lines_with_gold=sum(line.gold is not None and line.gold.emotion is not None for line in page.lines),
        agreeing=sum(line.agrees is True for line in page.lines),
        thumbnails=len(page.thumbnails),
        face_course=page.face.sentence if page.face else None,
        persons=len(page.cast.persons) + page.cast.others,
        persons_named=page.cast.names,
        page_bytes=len(text.encode()),
        missing=page.missing,
    )
    write_json(out / "page.json", dataclasses.asdict(summary))
    return summary


def read_film_page(home: Home, film_id: str, predictions: Path) -> FilmPage:
    """Gather the page's view from the artifacts."""
    material = read_material(home, film_id, predictions)
    lines = tuple(read_lines(material))
    face = read_face_course(material)
    faces = tuple(face_strip(home.artifact("faces", film_id), material.duration_ms))
    strip = tuple(filmstrip(material.shots, material.duration_ms))
    thumbnails = read_thumbnails(material, strip, lines)
    columns, rows = scene_table(material)
    level = "line" if any(line.text for line in lines) else "span"
    told = digest(material, lines, level, _alpha(home, film_id), _model_note(home))
    return FilmPage(
        film_id=film_id,
        title=material.title,
        tags=_tags(material),
        lead=lead(lines, face),
        facts=tuple(_facts(material, lines)),
        missing=material.missing,
        duration_ms=material.duration_ms,
        thumbnails=thumbnails,
        strip=tuple(index for index in strip if index in thumbnails) if len(set(strip)) > 1 or not any(faces) else (),
        faces=faces if any(faces) else (),
        axis=tuple(ticks(material.duration_ms)),
        lanes=tuple(read_lanes(material, lines, face)),
        face=face,
        cast=read_cast(home.artifact("face_features", film_id), material.duration_ms),
        coverage=read_coverage(material),
        characters=tuple(_course(arc, material.duration_ms) for arc in told.characters[:MOST_CHARACTERS]),
        disputed=disputed_lines(material, lines),
        lines=tuple(dataclasses.replace(line, shot=line.shot if line.shot in thumbnails else None) for line in lines),
        level=level,
        scene_columns=columns,
        scene_rows=rows,
        digest=told,
        attribution=str(material.film.get("attribution") or ""),
    )


def _model_note(home: Home) -> ModelNote:
    champion = home.artifact("champion")
    trained_on = read_json(champion / "model.json").get("trained_on")
    return ModelNote(
        version=file_digest(champion / "manifest.json")[:12] if (champion / "manifest.json").is_file() else "",
        trained_on={str(k): str(v) for k, v in trained_on.items()} if isinstance(trained_on, dict) else {},
    )


def _alpha(home: Home, film_id: str) -> float | None:
    """The raters' agreement on this film."""
    alpha = raters_agreement(home).get("alpha_by_film", {}).get(film_id)
    return None if alpha is None else float(alpha)


def _course(arc: CharacterArc, duration_ms: int) -> CharacterCourse:
    tellers = [(one, css) for one, css in ((arc.raters, "of-raters"), (arc.model, "of-model")) if one]
    curves = [one.timed(duration_ms, css, dots=True) for one, css in tellers] if duration_ms > 0 else []
    label = f"Valence of what {arc.name} says along the film, from displeased to pleased"
    return CharacterCourse(arc, arcs(curves, CHARACTER_HEIGHT, label))


def _tags(material: Material) -> tuple[str, ...]:
    film = material.film
    rights = RIGHTS.get(str(film.get("rights")), str(film.get("rights") or "Rights unknown"))
    use = film.get("declared_use")
    tags = [film.get("year"), film.get("language"), rights, f"for {use} use" if use else None]
    return tuple(str(tag) for tag in tags if tag)


def lead(lines: Sequence[Line], face: FaceCourse | None) -> str:
    """One or two sentences that say what the page has found."""
    judged = [line for line in lines if line.agrees is not None]
    if judged:
        right = sum(line.agrees is True for line in judged)
        share = percent(right / len(judged))
        return f"The model names the raters’ emotion in {right:,} of {plural(len(judged), 'line')} ({share}). {_seen(judged)}"
    if face is not None and not any(line.text for line in lines):
        return f"Nobody speaks here. The face shows: {face.sentence}."
    read = [line for line in lines if line.model]
    if read and not any(line.votes for line in lines):
        return "Nobody has judged this film yet, so the model did not learn from it, and what it reads stands alone."
    if read:
        return f"The raters’ judgements settle no line of this film. {_seen(read)}"
    return "The model has not read this film: below is what its picture, sound and words gave."


def _seen(lines: Sequence[Line]) -> str:
    unseen = sum(line.model.unseen for line in lines if line.model)
    if unseen == len(lines):
        return "It had never seen this film."
    if unseen == 0:
        return "The model may have learned from this film."
    return f"{plural(len(lines) - unseen, 'line')} of them it may have learned from."


def _facts(material: Material, lines: Sequence[Line]) -> list[Fact]:
    n_lines = 0 if material.utterances is None else len(material.utterances)
    speakers = {line.speaker for line in lines if line.speaker}
    facts = [
        Fact("Length", clock(material.duration_ms)),
        Fact("Shots", f"{0 if material.shots is None else len(material.shots):,}"),
        Fact("Scenes", f"{0 if material.scenes is None else len(material.scenes):,}"),
        Fact("Lines", f"{n_lines:,}", plural(len(speakers), "speaker") if speakers else ""),
    ]
    words = sync_fact(material) or recognised_fact(material)
    return [*facts, words] if words else facts


def sync_fact(material: Material) -> Fact | None:
    """Whether the subtitles fitted the sound; None where there are none."""
    verdict, offset = material.sync.get("verdict"), material.sync.get("offset_ms")
    if not verdict:
        return None
    if verdict != "corrected":
        words = {"fits": "in time", "unchecked": "as delivered"}.get(str(verdict), str(verdict))
        return Fact("Subtitles", words, _covered(material) if verdict == "fits" else str(material.sync.get("reason") or ""))
    scale = float(material.sync.get("scale") or 1.0)
    stretched = f", stretched × {scale:.4f}" if abs(scale - 1) > 5e-5 else ""
    told = ", ".join(filter(None, [f"moved by {(offset or 0) / 1000:+.2f} s{stretched}".replace("-", "−"), _covered(material)]))
    return Fact("Subtitles", "corrected", told)


def _covered(material: Material) -> str:
    coverage = material.sync.get("speech_coverage")
    return "" if coverage is None else f"{percent(coverage)} of the speech heard has a line"


def recognised_fact(material: Material) -> Fact | None:
    """That the words were recognised and not delivered, and how sure the recogniser is of them; None where they were delivered."""
    confidence = material.sync.get("text_confidence")
    return None if confidence is None else Fact("Words", "recognised", f"from the sound, not delivered; {percent(confidence)} sure")


def read_thumbnails(material: Material, strip: Sequence[int], lines: Sequence[Line]) -> dict[int, str]:
    """Pictures of at most MOST_THUMBNAILS shots within the budget: first those of the strip, then those of
    moments where model and raters part, then those of other lines."""
    if material.shots is None:
        return {}
    files = dict(zip(material.shots["index"].astype(int), material.shots["thumbnail"], strict=True))
    told = [line.shot for line in parted(lines) if line.shot is not None]
    wanted = list(dict.fromkeys([*strip, *told, *_evenly([line.shot for line in lines if line.shot is not None])]))
    found: dict[int, str] = {}
    size = 0
    for index in wanted[:MOST_THUMBNAILS]:
        data = picture(material.shots_folder / files[index])
        if data is not None and size + len(data) <= THUMBNAIL_BUDGET:
            found[index] = data
            size += len(data)
    return dict(sorted(found.items()))


def _evenly(shots: list[int]) -> list[int]:
    """The shots, each once, reordered so that any beginning of the list covers the film evenly."""
    once = list(dict.fromkeys(shots))
    step = max(1, len(once) // MOST_THUMBNAILS)
    return [index for offset in range(step) for index in once[offset::step]]


SCENE_NAMES = {
    "brightness": "Brightness",
    "contrast": "Contrast",
    "saturation": "Saturation",
    "warmth": "Warmth",
    "motion": "Motion",
    "shot_rate": "Cuts a minute",
    "loudness": "Loudness, dB",
    "tempo_bpm": "Tempo, beats a minute",
}
"""Features of a scene that a reader understands, with their names."""


def scene_table(material: Material) -> tuple[tuple[str, ...], tuple[SceneRow, ...]]:
    """The scenes with those of their picture and sound features that were measured."""
    if material.scenes is None:
        return (), ()
    features = _scene_features(material)
    names = [name for name in SCENE_NAMES if name in features.columns]
    rows = tuple(
        SceneRow(
            int(scene["start_ms"]),
            int(scene["end_ms"]),
            heading,
            tuple(_figure(features.at[scene["scene_id"], name]) if scene["scene_id"] in features.index else "" for name in names),
        )
        for heading, scene in material.headed_scenes
    )
    return tuple(SCENE_NAMES[name] for name in names), rows


def _scene_features(material: Material) -> pd.DataFrame:
    if material.scene_features is None or material.units is None:
        return pd.DataFrame()
    scenes = material.units["unit_id"][material.units["level"] == UnitLevel.SCENE.value]
    table = material.scene_features[material.scene_features["unit_id"].isin(scenes)].set_index("unit_id")
    return table.drop(columns=["present"]).dropna(axis="columns", how="all")


def _figure(value: float) -> str:
    if pd.isna(value):
        return ""
    return (f"{value:.0f}" if abs(value) >= 10 else f"{value:.2f}").replace("-", "−")
