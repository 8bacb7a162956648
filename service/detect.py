"""Recognising emotion in what somebody brings: a film or clip, a sound, subtitles, a text.

Whatever comes in goes through the same stages as the films of the catalogue, in a scratch home that is removed afterwards, and then
through the champion. The answer says which modalities each unit had, which were missing and why, and what the model was trained on.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from corpus.contracts import UNIT_FEATURES, UNITS
from corpus.films.catalogue.entries import Film
from corpus.paths import Home
from corpus.terms import MODALITIES, PROBABILITY_COLUMNS, FeelmError, TextEncoder, UnitLevel
from ml.models.dataset import load_film
from ml.models.explain import explain_units
from ml.models.predict import EmotionModel, load_model, predict
from ml.models.reasons import Effect, Why, reasons
from service.champion import champion_folder

UNCERTAIN_BELOW = 0.4
"""A top probability below this is shown as uncertain."""

TEXT_SUFFIXES = (".txt", ".md")
SUBTITLE_SUFFIXES = (".srt", ".vtt", ".ass", ".ssa", ".sub", ".ttml", ".dfxp", ".smi")
LONGEST_TEXT_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class DetectedUnit:
    """One line, scene or span: seven probabilities in the order of EMOTIONS, intensity 0..1, what they rest on, and where asked `why`.

    There a line is named by its words, with the time at which it begins.
    """

    start_ms: int | None
    end_ms: int | None
    level: str
    text: str | None
    character_id: str | None
    probabilities: tuple[float, ...]
    intensity: float | None
    uncertain: bool
    modalities: tuple[str, ...]
    why: Why | None = None


@dataclass(frozen=True)
class Detection:
    """What the champion recognises in `source`; `missing` tells by modality why it was not there."""

    source: str
    model_version: str
    trained_on: str
    units: tuple[DetectedUnit, ...]
    missing: dict[str, str] = field(default_factory=dict)


def detect_text(home: Home, text: str, explain: bool = False) -> Detection:
    """Emotion of each non-empty line of a text, read as turns of one dialogue; with `explain` each says why.

    Raises:
        FeelmError: there is no text, too much of it, or no champion yet.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise FeelmError("there is no text to read: give a sentence, a text file or a media file")
    if len(text) > LONGEST_TEXT_CHARACTERS:
        raise FeelmError(f"the text has {len(text)} characters, more than {LONGEST_TEXT_CHARACTERS}: give it in parts")
    return _detect(home, "text", lambda scratch, encoder: _text_units(scratch, encoder, [(None, None, line) for line in lines]), explain)


def detect_file(home: Home, path: Path, subtitles: Path | None = None, explain: bool = False) -> Detection:
    """Emotion over a media file, subtitles or text file; with `explain` each unit says why.

    Raises:
        FeelmError: the file cannot be read as any of these, or there is no champion yet.
    """
    suffix = path.suffix.lower()
    if suffix in TEXT_SUFFIXES:
        return detect_text(home, path.read_text(encoding="utf-8", errors="replace"), explain)
    if suffix in SUBTITLE_SUFFIXES:
        return _detect(home, path.name, lambda scratch, encoder: _subtitle_units(scratch, encoder, path), explain)
    return _detect(home, path.name, lambda scratch, encoder: _film_units(scratch, encoder, path, subtitles), explain)


FILM_ID = "detected"

Prepare = Callable[[Home, TextEncoder], dict[str, str]]
"""Writes the artifacts of what came in, its words by the champion's encoder, and tells what is missing."""


def _detect(home: Home, source: str, prepare: Prepare, explain: bool) -> Detection:
    model = load_model(champion_folder(home))
    with tempfile.TemporaryDirectory(prefix="feelm-detect-") as scratch_root:
        scratch = Home(Path(scratch_root))
        missing = prepare(scratch, TextEncoder(model.facts.columns.text_encoder))
        units = _units(scratch, model, explain)
    return Detection(source, model.version, ", ".join(sorted(model.facts.trained_on)), units, missing)


def _units(scratch: Home, model: EmotionModel, explain: bool) -> tuple[DetectedUnit, ...]:
    rows, data = load_film(scratch, FILM_ID, model.facts.columns)
    predicted = predict(model, rows, data)
    why = _reasons(rows, explain_units(model, rows, data)) if explain else {}
    units = [
        _unit(row, prediction, data.present[i], why.get(row["unit_id"])) for i, (row, prediction) in enumerate(_pairs(rows, predicted))
    ]
    return tuple(sorted(units, key=lambda unit: (unit.level, unit.start_ms or 0)))


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


def _pairs(rows: pd.DataFrame, predicted: pd.DataFrame) -> list[tuple[pd.Series, pd.Series]]:
    return [(rows.iloc[i], predicted.iloc[i]) for i in range(len(rows))]


def _unit(row: pd.Series, prediction: pd.Series, present: list[bool], why: Why | None) -> DetectedUnit:
    probabilities = tuple(round(float(prediction[column]), 4) for column in PROBABILITY_COLUMNS)
    return DetectedUnit(
        start_ms=None if pd.isna(row["start_ms"]) else int(row["start_ms"]),
        end_ms=None if pd.isna(row["end_ms"]) else int(row["end_ms"]),
        level=str(row["level"]),
        text=row["text"] if isinstance(row["text"], str) else None,
        character_id=row["character_id"] if isinstance(row["character_id"], str) else None,
        probabilities=probabilities,
        intensity=None if pd.isna(prediction["intensity"]) else round(float(prediction["intensity"]), 3),
        uncertain=max(probabilities) < UNCERTAIN_BELOW or not any(present),
        modalities=tuple(name for name, there in zip(MODALITIES, present, strict=True) if there),
        why=why,
    )


def _text_units(scratch: Home, encoder: TextEncoder, lines: list[tuple[int | None, int | None, str]]) -> dict[str, str]:
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
    summary = build_text_features(units, "en", out, encoder=encoder.value)
    missing = {"face": "only text was given", "voice": "only text was given"}
    return missing | ({"text": summary.missing} if summary.missing else {})


def _subtitle_units(scratch: Home, encoder: TextEncoder, path: Path) -> dict[str, str]:
    from corpus.dialogue.subtitles.read import read_subtitles

    cues = read_subtitles(path).cues
    return _text_units(scratch, encoder, [(cue.start_ms, cue.end_ms, cue.text) for cue in cues if cue.text])


def _film_units(scratch: Home, encoder: TextEncoder, path: Path, subtitles: Path | None) -> dict[str, str]:
    """Every stage from source to features, as for a film of the catalogue; a file without pictures is a recording."""
    from corpus.films.media.probe import probe_sound
    from corpus.films.prepare import prepare_film
    from ml.features.extract import build_features

    def at(name: str) -> Path:
        return scratch.artifact(name, FILM_ID)

    film = Film(FILM_ID, path.name, path.resolve(), language="en", subtitles=subtitles.resolve() if subtitles else None)
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
