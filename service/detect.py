"""Recognising emotion in what somebody brings: a film or clip, a sound, a picture, subtitles, a text.

Whatever comes in goes through the same stages as the films of the catalogue, in a scratch home that is removed afterwards, and then
through the champion; a picture needs no scratch home. The answer says which modalities each unit had, which were missing and why, in which
language its words were read, and what the model was trained on.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from corpus.contracts import TEXT_LINES, UNIT_FEATURES, UNITS
from corpus.films.catalogue.entries import Film
from corpus.paths import Home
from corpus.terms import EMOTIONS, LEVELS, MODALITIES, PROBABILITY_COLUMNS, FeelmError, TextEncoder, UnitLevel
from ml.features.face.place import Place
from ml.features.text.cues import has_words
from ml.models.dataset import FACE, BoolArray, load_film
from ml.models.explain import explain_units
from ml.models.predict import EmotionModel, load_model, predict
from ml.models.reasons import Effect, Why, reasons
from ml.models.window import window_arrays
from service.champion import champion_folder
from service.digits import DIGITS, levels
from service.pictures import LARGEST_FILE, is_picture, read_picture

UNCERTAIN_BELOW = 0.4
"""A top probability below this is shown as uncertain."""

TEXT_SUFFIXES = (".txt", ".md")
SUBTITLE_SUFFIXES = (".srt", ".vtt", ".ass", ".ssa", ".sub", ".ttml", ".dfxp", ".smi")
LONGEST_TEXT_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class DetectedUnit:
    """One line, scene, span or face: seven probabilities in the order of EMOTIONS, intensity 0..1, valence and arousal -1..1, what they
    rest on, and where asked `why`; there a line is named by its words, with the time at which it begins.

    `language` is that of the words (ISO 639-1 where it has a code), None where there are none or nothing is known of it. `read` is False
    where there are no words, or words of a language that the encoder does not know: with such words the unit is `uncertain`. `place` is
    where the face is in a still picture.
    """

    start_ms: int | None
    end_ms: int | None
    level: str
    text: str | None
    character_id: str | None
    probabilities: tuple[float, ...]
    intensity: float | None
    valence: float | None
    arousal: float | None
    uncertain: bool
    modalities: tuple[str, ...]
    language: str | None = None
    read: bool = False
    place: Place | None = None
    why: Why | None = None

    @property
    def emotion(self) -> str:
        """The most probable emotion."""
        return EMOTIONS[self.probabilities.index(self.confidence)]

    @property
    def confidence(self) -> float:
        """Its probability."""
        return max(self.probabilities)


@dataclass(frozen=True)
class Detection:
    """What the champion recognises in `source`; `missing` tells by modality why it was not there."""

    source: str
    model_version: str
    trained_on: str
    units: tuple[DetectedUnit, ...]
    missing: dict[str, str] = field(default_factory=dict)


def detect_text(home: Home, text: str, explain: bool = False, language: str | None = None) -> Detection:
    """Emotion of each non-empty line of a text, read as turns of one dialogue; with `explain` each says why.

    `language` is the declared one; each line that says its own plainly has that.

    Raises:
        FeelmError: there is no text, too much of it, or no champion yet.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise FeelmError("there is no text to read: give a sentence, a text file or a media file")
    if len(text) > LONGEST_TEXT_CHARACTERS:
        raise FeelmError(f"the text has {len(text)} characters, more than {LONGEST_TEXT_CHARACTERS}: give it in parts")
    untimed: list[Timed] = [(None, None, line) for line in lines]
    return _detect(home, "text", lambda scratch, encoder: _text_units(scratch, encoder, untimed, language), explain)


def detect_file(home: Home, path: Path, subtitles: Path | None = None, explain: bool = False, language: str | None = None) -> Detection:
    """Emotion over a media file, subtitles or text file, or of the faces in a picture; with `explain` each unit says why.

    `language` is the declared one of what is said, where it is known.

    Raises:
        FeelmError: the file cannot be read as any of these, or there is no champion yet.
    """
    suffix = path.suffix.lower()
    if suffix in TEXT_SUFFIXES:
        return detect_text(home, path.read_text(encoding="utf-8", errors="replace"), explain, language)
    if suffix in SUBTITLE_SUFFIXES:
        return _detect(home, path.name, lambda scratch, encoder: _subtitle_units(scratch, encoder, path, language), explain)
    if is_picture(path):
        return _detect_picture(home, path, explain)
    return _detect(home, path.name, lambda scratch, encoder: _film_units(scratch, encoder, path, subtitles, language), explain)


FILM_ID = "detected"

Prepare = Callable[[Home, TextEncoder], dict[str, str]]
"""Writes the artifacts of what came in, its words by the champion's encoder, and tells what is missing."""


def _detect(home: Home, source: str, prepare: Prepare, explain: bool) -> Detection:
    model = load_model(champion_folder(home))
    with tempfile.TemporaryDirectory(prefix="feelm-detect-") as scratch_root:
        scratch = Home(Path(scratch_root))
        missing = prepare(scratch, TextEncoder(model.facts.columns.text_encoder))
        units = _units(scratch, model, explain)
    return _told_by(model, source, units, missing)


def _told_by(model: EmotionModel, source: str, units: tuple[DetectedUnit, ...], missing: dict[str, str]) -> Detection:
    unlearned = {name: f"the model has learned nothing of the {name}" for name in MODALITIES if not _learned(model)[MODALITIES.index(name)]}
    return Detection(source, model.version, ", ".join(sorted(model.facts.trained_on)), units, unlearned | missing)


def _learned(model: EmotionModel) -> BoolArray:
    """Which of MODALITIES the model has an expert for (3,)."""
    return np.isin(np.arange(len(MODALITIES)), [expert.modality for expert in model.experts])


def _units(scratch: Home, model: EmotionModel, explain: bool) -> tuple[DetectedUnit, ...]:
    rows, data = load_film(scratch, FILM_ID, model.facts.columns)
    predicted = predict(model, rows, data)
    why = _reasons(rows, explain_units(model, rows, data)) if explain else {}
    words, present = _words(scratch), data.present & _learned(model)
    units = [
        _unit(row, predicted.iloc[i], present[i], words[row["unit_id"]], why.get(row["unit_id"]))
        for i, (_, row) in enumerate(rows.iterrows())
    ]
    return tuple(sorted(units, key=lambda unit: (unit.level, unit.start_ms or 0)))


@dataclass(frozen=True)
class _Words:
    """The language of a unit's words, where one is known, and whether the encoder read them."""

    language: str | None = None
    read: bool = False


def _words(scratch: Home) -> dict[str, _Words]:
    lines = TEXT_LINES.read(scratch.artifact("text_features", FILM_ID) / "lines.parquet")
    rows = zip(lines["unit_id"], lines["language"], lines["read"], strict=True)
    return {unit_id: _Words(code if isinstance(code, str) else None, bool(read)) for unit_id, code, read in rows}


def _detect_picture(home: Home, path: Path, explain: bool) -> Detection:
    """Each face of a still picture as a unit of its own, the largest first."""
    from service.faces import FaceReader

    model = load_model(champion_folder(home))
    if path.stat().st_size > LARGEST_FILE:
        raise FeelmError(f"{path.name} has more than {LARGEST_FILE} bytes: make the picture smaller")
    picture = read_picture(path.read_bytes())
    reader = FaceReader()
    look = reader.look(0, picture)
    faces = reader.describe_each(look)
    units = []
    for face in faces:
        data = window_arrays(model, look.until_ms, face=face)
        row = pd.DataFrame({"unit_id": [FILM_ID], "film_id": FILM_ID, "level": UnitLevel.SPAN.value, "text": None, "character_id": None})
        row = row.assign(start_ms=np.nan, end_ms=np.nan)
        why = _reasons(row, explain_units(model, row, data)) if explain else {}
        present = (data.present & _learned(model))[0]
        units.append(_unit(row.iloc[0], predict(model, row, data).iloc[0], present, _Words(), why.get(FILM_ID), face.place))
    missing = {"voice": "a picture has no sound", "text": "a picture has no words"}
    return _told_by(model, path.name, tuple(units), missing if faces else {MODALITIES[FACE]: "no face found", **missing})


def _reasons(rows: pd.DataFrame, table: pd.DataFrame) -> dict[str, Why]:
    """By unit, with lines told by what they say."""
    said = rows.set_index("unit_id")
    return {
        unit_id: dataclasses.replace(why, lines=tuple(_told(line, said.loc[line.name]) for line in why.lines))
        for unit_id, why in reasons(table).items()
    }


def _told(line: Effect, unit: pd.Series) -> Effect:
    words = unit["text"] if isinstance(unit["text"], str) else "(no words)"
    return dataclasses.replace(line, name=words, t_ms=None if pd.isna(unit["start_ms"]) else int(unit["start_ms"]))


def _unit(
    row: pd.Series, prediction: pd.Series, present: BoolArray, words: _Words, why: Why | None, place: Place | None = None
) -> DetectedUnit:
    probabilities = tuple(round(float(prediction[column]), DIGITS) for column in PROBABILITY_COLUMNS)
    unread = isinstance(row["text"], str) and has_words(row["text"]) and not words.read
    return DetectedUnit(
        start_ms=None if pd.isna(row["start_ms"]) else int(row["start_ms"]),
        end_ms=None if pd.isna(row["end_ms"]) else int(row["end_ms"]),
        level=str(row["level"]),
        text=row["text"] if isinstance(row["text"], str) else None,
        character_id=row["character_id"] if isinstance(row["character_id"], str) else None,
        probabilities=probabilities,
        **levels(float(prediction[name]) for name in LEVELS),
        uncertain=max(probabilities) < UNCERTAIN_BELOW or not any(present) or unread,
        modalities=tuple(name for name, there in zip(MODALITIES, present, strict=True) if there),
        language=words.language,
        read=words.read,
        place=place,
        why=why,
    )


Timed = tuple[int | None, int | None, str]
"""When a line begins and ends, in ms, where that is known, and what it says."""


def _text_units(scratch: Home, encoder: TextEncoder, lines: list[Timed], language: str | None) -> dict[str, str]:
    from ml.features.text import build_text_features

    rows: list[dict[str, object]] = [
        {
            "unit_id": f"{FILM_ID}.u{index:05d}",
            "film_id": FILM_ID,
            "level": UnitLevel.UTTERANCE.value,
            "start_ms": start_ms,
            "end_ms": end_ms,
            "text": text,
            "scene_id": f"{FILM_ID}.scene000",
            "position": index,
        }
        for index, (start_ms, end_ms, text) in enumerate(lines)
    ]
    units = scratch.artifact("scenes", FILM_ID) / "units.parquet"
    UNITS.write(UNITS.frame(rows), units)
    out = scratch.artifact("text_features", FILM_ID)
    out.mkdir(parents=True)
    summary = build_text_features(units, language, out, encoder=encoder.value)
    missing = {"face": "only text was given", "voice": "only text was given"}
    return missing | ({"text": summary.missing} if summary.missing else {})


def _subtitle_units(scratch: Home, encoder: TextEncoder, path: Path, language: str | None) -> dict[str, str]:
    from corpus.dialogue.subtitles.read import read_subtitles

    cues = read_subtitles(path).cues
    return _text_units(scratch, encoder, [(cue.start_ms, cue.end_ms, cue.text) for cue in cues if cue.text], language)


def _film_units(scratch: Home, encoder: TextEncoder, path: Path, subtitles: Path | None, language: str | None) -> dict[str, str]:
    """Every stage from source to features, as for a film of the catalogue; a file without pictures is a recording."""
    from corpus.films.media.probe import probe_sound
    from corpus.films.prepare import prepare_film
    from ml.features.extract import build_features

    def at(name: str) -> Path:
        return scratch.artifact(name, FILM_ID)

    film = Film(FILM_ID, path.name, path.resolve(), language=language, subtitles=subtitles.resolve() if subtitles else None)
    prepare_film(film, at, pictures=probe_sound(film.video).has_pictures)
    for modality in MODALITIES:
        build_features(modality, film.language, at, text_encoder=encoder)
    return {modality: why for modality in MODALITIES if (why := _missing(at(f"{modality}_features")))}


def _missing(folder: Path) -> str | None:
    reason = json.loads((folder / "summary.json").read_text(encoding="utf-8")).get("missing")
    if reason:
        return str(reason)
    present = UNIT_FEATURES.read(folder / "features.parquet")["present"]
    return None if present.any() else "no unit has it"
