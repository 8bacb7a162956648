"""A film's features as they would have been, had the film come disturbed: sound, words, crops or times are changed and read anew.

The features' own code reads what was changed, so that everything that follows from it changes too: whether a voice is found, who is taken
to speak, which picture is whose. Boxes of faces, bodies, scenes and what the subtitles describe stay as they were found in the clear film.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.chunks import ChunkStore
from corpus.contracts import UNITS
from corpus.paths import Home
from corpus.terms import UnitLevel
from ml.evaluation.robustness.conditions import Condition, Disturbance
from ml.evaluation.robustness.pictures import Crops, blurred, darkened, reduced
from ml.evaluation.robustness.sounds import BEDS, mix
from ml.evaluation.robustness.words import misheard, mistyped

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DisturbedHome(Home):
    """A home in which the features of the modalities in `touched` are those under `features`."""

    features: Path
    touched: tuple[str, ...]

    def artifact(self, name: str, film_id: str | None = None) -> Path:
        """The disturbed artifact where there is one, else the home's own."""
        if film_id is not None and name in [f"{modality}_features" for modality in self.touched]:
            return self.features / name / film_id
        return super().artifact(name, film_id)


@dataclass(frozen=True)
class Setting:
    """What is disturbed how: the words that may be misheard, the text encoder, and the seed."""

    condition: Condition
    vocabulary: tuple[str, ...]
    encoder: str
    seed: int

    def seed_of(self, film_id: str) -> list[int]:
        """Of one film, the same for every dose."""
        kind = list(Disturbance).index(self.condition.disturbance)
        return [self.seed, kind, zlib.crc32(film_id.encode())]


def disturb(home: Home, film_ids: list[str], setting: Setting, work: Path) -> DisturbedHome:
    """Make the features of films anew under `work`; a film whose artifact is not there stays without."""
    disturbed = DisturbedHome(home.root, work, setting.condition.touches)
    make = _MAKERS[setting.condition.disturbance]
    for film_id in film_ids:
        make(_Film(home, film_id, setting, disturbed))
    return disturbed


@dataclass(frozen=True)
class _Film:
    """A film and where its changed inputs are put."""

    home: Home
    film_id: str
    setting: Setting
    disturbed: DisturbedHome

    @property
    def dose(self) -> float:
        return self.setting.condition.dose

    @property
    def seed(self) -> list[int]:
        return self.setting.seed_of(self.film_id)

    def clear(self, name: str) -> Path:
        """The film's own artifact."""
        return self.home.artifact(name, self.film_id)

    def changed(self, name: str) -> Path:
        """An empty folder for the changed artifact."""
        folder = self.disturbed.features / "inputs" / name / self.film_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def out(self, modality: str) -> Path:
        """Where the features go that are made anew."""
        folder = self.disturbed.artifact(f"{modality}_features", self.film_id)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def units(self) -> pd.DataFrame:
        return UNITS.read(self.clear("scenes") / "units.parquet")


def _with_bed(film: _Film) -> None:
    """Something over the sound; the voice is measured anew."""
    from ml.features.voice import build_voice_features

    clear, changed = film.clear("soundtrack") / "sound.flac", film.changed("soundtrack") / "sound.flac"
    if clear.is_file():
        units = film.units()
        lines = units[(units["level"] != UnitLevel.SCENE.value) & units["start_ms"].notna()]
        spans_ms = lines[["start_ms", "end_ms"]].to_numpy(np.int64)
        mix(clear, film.setting.condition.disturbance, film.dose, spans_ms, changed, film.seed)
    build_voice_features(changed.parent, film.clear("scenes"), film.out("voice"))
    changed.unlink(missing_ok=True)


def _with_other_words(film: _Film) -> None:
    """Words wrong; they are embedded and described anew."""
    from ml.features.text import build_text_features

    units, facts = film.units(), json.loads((film.clear("film") / "film.json").read_text(encoding="utf-8"))
    units["text"] = _other_words(units, film)
    path, dialogue = film.changed("scenes") / "units.parquet", film.clear("dialogue")
    UNITS.write(units, path)
    build_text_features(
        path,
        facts.get("language"),
        film.out("text"),
        dialogue=dialogue if dialogue.is_dir() else None,
        encoder=film.setting.encoder,
    )


def _other_words(units: pd.DataFrame, film: _Film) -> pd.Series:
    """The text of each unit, each level by itself, since a scene holds its lines' words once more."""
    text = units["text"].copy()
    for _, rows in units[text.notna()].groupby("level").groups.items():
        lines = [str(line) for line in text.loc[rows]]
        if film.setting.condition.disturbance is Disturbance.TYPOS:
            text.loc[rows] = mistyped(lines, film.dose, film.seed)
        else:
            text.loc[rows] = misheard(lines, film.dose, film.setting.vocabulary, film.seed)
    return text


def _with_other_pictures(film: _Film) -> None:
    """Worse crops; expressions, measures of the face and who is who are read from them anew."""
    from safetensors.numpy import load_file, save_file

    from ml.features.face import build_face_features

    clear, changed = film.clear("faces"), film.changed("faces")
    for path in sorted(clear.iterdir()) if clear.is_dir() else ():
        if path.name == "crops.safetensors":
            tensors = load_file(path)
            save_file({**tensors, "crops": _worse(tensors["crops"], film)}, changed / path.name)
        else:
            (changed / path.name).symlink_to(path.resolve())
    build_face_features(changed, film.clear("scenes"), film.out("face"), store=ChunkStore(film.home.chunks))
    (changed / "crops.safetensors").unlink(missing_ok=True)


def _worse(crops: Crops, film: _Film) -> Crops:
    if film.setting.condition.disturbance is Disturbance.BLUR:
        return blurred(crops, film.dose)
    if film.setting.condition.disturbance is Disturbance.DARK:
        return darkened(crops, film.dose, film.seed)
    return reduced(crops, film.dose)


def _at_other_times(film: _Film) -> None:
    """Words late: each line's face and voice are taken that much too late, from before the film's beginning nothing."""
    from ml.features.face import build_face_features
    from ml.features.voice import build_voice_features

    units, late_ms = film.units(), round(1000 * film.dose)
    for name in ("start_ms", "end_ms"):
        units[name] = (units[name] + late_ms).clip(lower=0)
    scenes, store = film.changed("scenes"), ChunkStore(film.home.chunks)
    UNITS.write(units, scenes / "units.parquet")
    build_face_features(film.clear("faces"), scenes, film.out("face"), store=store)
    build_voice_features(film.clear("soundtrack"), scenes, film.out("voice"), store=store)


_MAKERS: dict[Disturbance, Callable[[_Film], None]] = {
    **dict.fromkeys(BEDS, _with_bed),
    **dict.fromkeys((Disturbance.MISHEARD, Disturbance.TYPOS), _with_other_words),
    **dict.fromkeys((Disturbance.BLUR, Disturbance.DARK, Disturbance.SMALL), _with_other_pictures),
    Disturbance.DESYNC: _at_other_times,
}
