"""Features of any film, clip or recording, modality by modality, without a catalogue.

The file goes through the stages of the catalogue's films; each modality is then a folder of its own with what was measured over time and
what follows for every line and scene. Only what is asked for is done: voice and words need no picture.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from corpus.chunks import ChunkStore, Tell
from corpus.films.shots.shots import ShotSetting
from corpus.paths import write_text
from corpus.terms import FeelmError, TextEncoder
from ml.features.extractor import Dimension
from ml.features.frame import FeatureSummary

FEATURES = ("face", "voice", "text", "scene")
UNFINISHED = ".feelm-unfinished"
SEEN = ("face", "scene")
"""Modalities that need the pictures."""


@dataclass(frozen=True)
class ModalityFound:
    """What one modality gave: units with it, what is missing and why, and what it cost; `rate` is seconds of film a second."""

    modality: str
    n_units: int
    n_present: int
    n_features: int
    missing: str | None
    wall_s: float
    cpu_s: float
    rate: float


@dataclass(frozen=True)
class Extraction:
    """The folder that holds everything, how long the file is, what reading it cost, and each modality."""

    source: str
    folder: str
    duration_ms: int
    read_wall_s: float
    read_cpu_s: float
    modalities: tuple[ModalityFound, ...]


@dataclass(frozen=True)
class Wanted:
    """What to extract and how: `modalities` out of FEATURES, the subtitles (else those in the file, else recognised words), the shots,
    the encoder of the words."""

    modalities: tuple[str, ...] = FEATURES
    subtitles: Path | None = None
    language: str | None = None
    shots: ShotSetting = ShotSetting.BEST
    text_encoder: TextEncoder = TextEncoder.MINILM

    def __post_init__(self) -> None:
        if unknown := [name for name in self.modalities if name not in FEATURES]:
            raise FeelmError(f"there is no modality {unknown[0]!r}: choose among {', '.join(FEATURES)}")


def extract_media(
    media: Path, out: Path, wanted: Wanted, store: ChunkStore | None = None, tell_of: Callable[[str], Tell] | None = None
) -> Extraction:
    """Write the artifacts of ARTIFACTS and `<modality>_features` of a file into folders of `out`.

    What an extraction that was killed had read lies in `out`/.feelm-unfinished: called again with the same file and folder it goes on.
    `tell_of` gives for the name of a part who is told how far that is.

    Raises:
        FeelmError: the file or its subtitles cannot be read, or `out` holds something else already.
    """
    from corpus.films.catalogue.entries import Film
    from corpus.films.media.probe import probe_sound
    from corpus.films.prepare import prepare_film

    unfinished = _begun(media, out)
    film = Film("film", media.name, media.resolve(), language=wanted.language, subtitles=wanted.subtitles and wanted.subtitles.resolve())
    clock = _Clock()
    pictures = any(name in SEEN for name in wanted.modalities) and probe_sound(film.video).has_pictures
    tell = tell_of("reading") if tell_of else None
    prepare_film(film, lambda name: out / name, shots=wanted.shots, pictures=pictures, work=unfinished, tell=tell)
    read_wall_s, read_cpu_s = clock.lap()
    duration_ms = _duration_ms(out / "shots")
    found = []
    for modality in (name for name in FEATURES if name in wanted.modalities):
        tell = tell_of(modality) if tell_of else None
        summary = build_features(modality, film.language, lambda name: out / name, store=store, text_encoder=wanted.text_encoder, tell=tell)
        wall_s, cpu_s = clock.lap()
        figures = (summary.n_units, summary.n_present, summary.n_features, summary.missing)
        found.append(ModalityFound(modality, *figures, wall_s, cpu_s, round(duration_ms / 1000 / max(wall_s, 1e-6), 2)))
    shutil.rmtree(unfinished)
    return Extraction(media.name, str(out), duration_ms, read_wall_s, read_cpu_s, tuple(found))


def _begun(media: Path, out: Path) -> Path:
    """The folder in `out` for what is unfinished; what an earlier try on the same file left beside it is taken away."""
    from corpus.films.prepare import ARTIFACTS

    unfinished = out / UNFINISHED
    source = unfinished / "source"
    if out.is_dir() and any(out.iterdir()) and not source.is_file():
        raise FeelmError(f"{out} is not empty: give a new folder")
    if source.is_file() and (begun := source.read_text(encoding="utf-8")) != str(media.resolve()):
        raise FeelmError(f"{out} holds an unfinished extraction of {begun}: finish that one, or give a new folder")
    write_text(source, str(media.resolve()))
    for name in (*ARTIFACTS, *(f"{modality}_features" for modality in FEATURES)):
        shutil.rmtree(out / name, ignore_errors=True)
    return unfinished


def build_features(
    modality: str,
    language: str | None,
    at: Callable[[str], Path],
    *,
    store: ChunkStore | None = None,
    text_encoder: TextEncoder = TextEncoder.MINILM,
    tell: Tell | None = None,
) -> FeatureSummary:
    """Write `<modality>_features` from the artifacts of a film, whose folders `at` gives by name."""
    out = at(f"{modality}_features")
    out.mkdir(parents=True, exist_ok=True)
    if modality == "face":
        from ml.features.face import build_face_features

        return build_face_features(at("faces"), at("scenes"), out, store=store, tell=tell)
    if modality == "voice":
        from ml.features.voice import build_voice_features

        return build_voice_features(at("soundtrack"), at("scenes"), out, store=store, tell=tell)
    if modality == "text":
        from ml.features.text import build_text_features

        units, dialogue = at("scenes") / "units.parquet", at("dialogue")
        return build_text_features(units, language, out, dialogue=dialogue, encoder=text_encoder.value, store=store, tell=tell)
    from ml.features.scene import build_scene_features

    return build_scene_features(at("shots"), at("soundtrack"), at("scenes"), out, faces=at("faces"), store=store, tell=tell)


def dimensions_of(modality: str) -> tuple[Dimension, ...]:
    """What is measured: of a face crop and a body, of each 10 ms of a voice, of a line, of a unit's scene.

    Raises:
        FeelmError: there is no such modality.
    """
    Wanted((modality,))
    if modality == "face":
        from ml.features.face.extractor import FACE_DIMENSIONS
        from ml.features.face.pose import POSTURE_DIMENSIONS

        return (*FACE_DIMENSIONS, *POSTURE_DIMENSIONS)
    if modality == "voice":
        from ml.features.voice.dimensions import DIMENSIONS

        return DIMENSIONS
    if modality == "text":
        from ml.features.text import TEXT_DIMENSIONS

        return TEXT_DIMENSIONS
    from ml.features.scene import SCENE_DIMENSIONS

    return SCENE_DIMENSIONS


def _duration_ms(shots: Path) -> int:
    from corpus.contracts import SHOTS

    table = SHOTS.read(shots / "shots.parquet")
    return int(table["end_ms"].max()) if len(table) else 0


class _Clock:
    """Wall and CPU seconds since the last lap, to the millisecond."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def lap(self) -> tuple[float, float]:
        now = time.perf_counter(), time.process_time()
        taken = round(now[0] - self._wall_s, 3), round(now[1] - self._cpu_s, 3)
        self._wall_s, self._cpu_s = now
        return taken
