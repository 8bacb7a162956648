"""The film's own means of emotion around a unit: light, colour, motion, pace and scale of shots, loudness, beat and music.

Picture measures are averaged over the unit, and again relative to the film's own median, because a dark film is not a sad one from
beginning to end. How near the camera is, is told by the largest face of each shot. A beat is sought in half a minute of sound around the
unit; how much of the sound is music, the voice's own extractor says, whose minutes the store mostly holds already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from corpus.chunks import ChunkStore, Tell
from corpus.contracts import FACES, PICTURES, SHOTS
from corpus.memory import give_large_blocks_back
from corpus.weights import WeightError
from ml.features.extractor import Block, Dimension, extract_all
from ml.features.frame import Columns, FeatureSummary, read_units, relative_to_film, stack_rows, write_features, write_summary
from ml.features.scene.beat import HOP_MS, Floats, Tempogram
from ml.features.scene.sound import SOUND_DIMENSIONS, SceneSoundExtractor
from ml.features.voice.extractor import VoiceExtractor
from ml.features.voice.grid import sound_chunks

if TYPE_CHECKING:
    import pandas as pd

TEMPO_WINDOW_S = 30.0
PACE_MARGIN_MS = 5_000

_PICTURE = {
    "brightness": ("", "mean luma", 0.0, 1.0),
    "contrast": ("", "standard deviation of luma, doubled", 0.0, 1.0),
    "saturation": ("", "mean saturation", 0.0, 1.0),
    "warmth": ("", "mean of red minus blue", -1.0, 1.0),
    "motion": ("picture widths per second", "mean length of optical flow", 0.0, None),
}
PICTURE = tuple(_PICTURE)

FACE_OF_HEAD = 0.75
"""A found face reaches from brow to chin, three quarters of a head."""

HEADS_SEEN = {"close_up": 2.75, "medium_shot": 6.5}
"""How many heads high the picture is at most: a close-up shows head and shoulders, a medium shot a person to the knees, a long shot more. A
body has some seven and a half."""

SCALES = (*HEADS_SEEN, "long_shot")

SCENE_DIMENSIONS: tuple[Dimension, ...] = (
    *(Dimension(name, unit, f"{meaning}, averaged", low, high) for name, (unit, meaning, low, high) in _PICTURE.items()),
    *(Dimension(f"{name}_std", unit, f"standard deviation of {name} within the unit", 0.0) for name, (unit, *_) in _PICTURE.items()),
    *(Dimension(f"{name}_film", unit, f"{name} minus the film's median") for name, (unit, *_) in _PICTURE.items()),
    Dimension("shot_rate", "1/min", "cuts within five seconds of the unit", 0.0),
    Dimension("shot_length_s", "s", "mean length of the shots that the unit touches", 0.0),
    Dimension("position", "", "where in the film the unit's middle lies", 0.0, 1.0),
    Dimension("face_height", "", "median height of the largest face, by the picture's height", 0.0, 1.0),
    Dimension("n_faces", "count", "mean number of faces in pictures that have one", 1.0),
    *(Dimension(name, "", f"share of the unit's time in shots whose largest face makes them a {name}", 0.0, 1.0) for name in SCALES),
    Dimension("faceless", "", "share of the unit's time in shots without a face", 0.0, 1.0),
    Dimension("loudness", "dBFS", "mean level", -90.0),
    Dimension("loudness_std", "dB", "standard deviation of the level within the unit", 0.0),
    Dimension("onset_strength", "dB", "mean rise of 40 mel bands from one 32 ms to the next", 0.0),
    Dimension("tempo_bpm", "1/min", "beats a minute in the half minute around the unit", 7.5, 330.0),
    Dimension("beat_regularity", "", "correlation of onsets with those one beat later", 0.0, 1.0),
    Dimension("low_share", "", "share of the energy below 250 Hz", 0.0, 1.0),
    Dimension("music_share", "", "share of music in the sound", 0.0, 1.0),
    Dimension("music_db", "dBFS", "level of what is music; null where there is none", -90.0),
    Dimension("loudness_film", "dB", "loudness minus the film's median"),
)
SCENE_FEATURES: tuple[str, ...] = tuple(dimension.name for dimension in SCENE_DIMENSIONS)

_SECOND_MS = 1000


@dataclass(frozen=True)
class SceneSummary(FeatureSummary):
    """Shots a minute, the film's tempo in beats a minute and its share of music (null where there is no sound), shots by scale."""

    shots_per_minute: float | None
    tempo_bpm: float | None
    music_share: float | None = None
    shot_scales: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sound:
    """A film's sound: rows of 32 ms (n, 3) in the order of SOUND_DIMENSIONS, its tempogram, and music by second.

    `music` (seconds, 2) holds the share of music and its power; it is empty, and `missing` says why, where it could not be told.
    """

    rows: npt.NDArray[np.float32]
    tempogram: Tempogram
    music: Floats
    missing: str | None = None

    @classmethod
    def read(cls, path: Path, store: ChunkStore | None = None, tell: Tell | None = None) -> Sound | None:
        """The sound a minute at a time, so that memory does not grow with its samples; None where there is none.

        Raises:
            FeelmError: the file is no sound of 16 kHz mono.
        """
        if not path.is_file():
            return None
        blocks = extract_all(SceneSoundExtractor(), sound_chunks(path), store, tell=tell)
        rows = np.concatenate([np.zeros((0, len(SOUND_DIMENSIONS)), np.float32), *(block.values for block in blocks)])
        music, missing = np.zeros((0, 2)), None
        try:
            music = np.concatenate([music, *_music(extract_all(VoiceExtractor(), sound_chunks(path), store))])
        except WeightError as error:
            missing = f"music is not told: {error}"
        return cls(rows, Tempogram(rows[:, 1]), music, missing)

    def describe(self, start_ms: float, end_ms: float) -> dict[str, float]:
        """The sound's columns of a unit."""
        first = min(int(start_ms / HOP_MS), max(len(self.rows) - 1, 0))
        level, onset, low = self.rows[first : max(int(end_ms / HOP_MS), first + 1)].T
        middle_s, half_s = (start_ms + end_ms) / 2000, TEMPO_WINDOW_S / 2
        beat = self.tempogram.beat(max(middle_s - half_s, 0), middle_s + half_s)
        return {
            "loudness": float(level.mean()),
            "loudness_std": float(level.std()),
            "onset_strength": float(onset.mean()),
            "low_share": float(low.mean()),
            "tempo_bpm": beat.bpm if beat else np.nan,
            "beat_regularity": beat.regularity if beat else np.nan,
        } | self._describe_music(start_ms, end_ms)

    def _describe_music(self, start_ms: float, end_ms: float) -> dict[str, float]:
        first = min(int(start_ms / _SECOND_MS), max(len(self.music) - 1, 0))
        own = self.music[first : max(int(np.ceil(end_ms / _SECOND_MS)), first + 1)]
        if not len(own):
            return {}
        share, power = own.mean(axis=0)
        return {"music_share": float(share), "music_db": float(10 * np.log10(power / share)) if share > 0.01 else np.nan}


def _music(blocks: Iterable[Block]) -> Iterable[Floats]:
    """By second (seconds, 2) the mean share of music, and the mean of its power."""
    from ml.features.voice.dimensions import COLUMN
    from ml.features.voice.grid import SECOND_HOPS

    for block in blocks:
        share = block.values[:, COLUMN["music"]].astype(np.float64)
        power = share * 10 ** (block.values[:, COLUMN["level_db"]].astype(np.float64) / 10)
        starts = np.arange(0, len(share), SECOND_HOPS)
        counts = np.diff(np.append(starts, len(share)))
        yield np.stack([np.add.reduceat(column, starts) / counts for column in (share, power)], axis=1) if len(share) else np.zeros((0, 2))


@dataclass(frozen=True)
class Faces:
    """Faces by picture, in order of time: `t_ms` (n,), `height` (n,) of the largest and `count` (n,); `scale` by shot_id."""

    t_ms: npt.NDArray[np.int64]
    height: Floats
    count: Floats
    scale: dict[str, str]

    @classmethod
    def read(cls, folder: Path) -> Faces:
        """From the faces artifact."""
        table = FACES.read(folder / "faces.parquet")
        pictures = table.groupby("t_ms", sort=True)["height"].agg(["max", "size"])
        largest = table.groupby(["shot_id", "t_ms"])["height"].max().groupby("shot_id").median()
        scale = {str(shot): shot_scale(float(height)) for shot, height in largest.items()}
        return cls(pictures.index.to_numpy(np.int64), pictures["max"].to_numpy(float), pictures["size"].to_numpy(float), scale)

    def describe(self, start_ms: float, end_ms: float, shots: pd.DataFrame) -> dict[str, float]:
        """The faces' columns of a unit; `shots` are those that it touches."""
        inside = slice(*np.searchsorted(self.t_ms, [start_ms, end_ms]))
        within = np.minimum(shots["end_ms"], end_ms) - np.maximum(shots["start_ms"], start_ms)
        scales = [self.scale.get(str(shot), "faceless") for shot in shots["shot_id"]]
        time = {name: float(sum(ms for ms, scale in zip(within, scales, strict=True) if scale == name)) for name in (*SCALES, "faceless")}
        whole = sum(time.values())
        shares = {name: ms / whole for name, ms in time.items()} if whole > 0 else {}
        height, count = self.height[inside], self.count[inside]
        return shares | ({"face_height": float(np.median(height)), "n_faces": float(count.mean())} if len(height) else {})


def shot_scale(face_height: float) -> str:
    """The scale of a shot whose largest face takes `face_height` (0..1) of the picture's height: one of SCALES."""
    heads = FACE_OF_HEAD / max(face_height, 1e-6)
    return next((name for name, most in HEADS_SEEN.items() if heads <= most), SCALES[-1])


@dataclass(frozen=True)
class _Film:
    """What a unit is described from."""

    end_ms: float
    pictures: pd.DataFrame
    shots: pd.DataFrame
    sound: Sound | None
    faces: Faces | None

    def describe(self, start_ms: float, end_ms: float) -> dict[str, float]:
        """Every column of a unit that can be measured; nothing of a unit without a time."""
        if np.isnan(start_ms):
            return {}
        touching = self.shots[(self.shots["start_ms"] < end_ms) & (self.shots["end_ms"] > start_ms)]
        row = self._describe_picture(start_ms, end_ms) | self._describe_pace(start_ms, end_ms, touching)
        if self.faces is not None:
            row |= self.faces.describe(start_ms, end_ms, touching)
        return row | (self.sound.describe(start_ms, end_ms) if self.sound is not None and len(self.sound.rows) else {})

    def _describe_picture(self, start_ms: float, end_ms: float) -> dict[str, float]:
        seen = self.pictures.iloc[slice(*np.searchsorted(self.pictures["t_ms"].to_numpy(), [start_ms, end_ms]))]
        means, deviations = seen[list(PICTURE)].mean(), seen[list(PICTURE)].std(ddof=0)
        return means.to_dict() | {f"{name}_std": value for name, value in deviations.items()}

    def _describe_pace(self, start_ms: float, end_ms: float, touching: pd.DataFrame) -> dict[str, float]:
        low, high = max(start_ms - PACE_MARGIN_MS, 0), min(end_ms + PACE_MARGIN_MS, self.end_ms)
        cuts = self.shots["start_ms"].between(low, high, inclusive="right").sum()
        return {
            "shot_rate": float(cuts) / max((high - low) / 60_000, 1e-3),
            "shot_length_s": float((touching["end_ms"] - touching["start_ms"]).mean() / 1000),
            "position": float((start_ms + end_ms) / 2 / self.end_ms) if self.end_ms else 0.0,
        }


def build_scene_features(
    shots_dir: Path,
    soundtrack_dir: Path,
    scenes_dir: Path,
    out: Path,
    *,
    faces: Path | None = None,
    store: ChunkStore | None = None,
    tell: Tell | None = None,
) -> SceneSummary:
    """Write features.parquet and summary.json for a film's units into the folder `out`.

    The scale of shots needs the `faces` artifact; without it those columns are null.

    Raises:
        FeelmError: an artifact is missing, or the sound is not 16 kHz mono.
    """
    give_large_blocks_back()
    units = read_units(scenes_dir)
    shots = SHOTS.read(shots_dir / "shots.parquet")
    sound = Sound.read(soundtrack_dir / "sound.flac", store, tell)
    end_ms = float(shots["end_ms"].max()) if len(shots) else 0.0
    found_faces = Faces.read(faces) if faces is not None else None
    film = _Film(end_ms, PICTURES.read(shots_dir / "pictures.parquet"), shots, sound, found_faces)
    rows = [film.describe(unit.start_ms, unit.end_ms) for unit in units.itertuples()]
    present = np.array([bool(row) for row in rows], bool)
    write_features(units, _columns(rows), present, out)
    summary = _summarise(film, len(units), int(present.sum()))
    write_summary(summary, out)
    return summary


def _columns(rows: list[dict[str, float]]) -> Columns:
    columns = stack_rows(rows, SCENE_FEATURES)
    for name in (*PICTURE, "loudness"):
        columns[f"{name}_film"] = relative_to_film(columns[name])
    return columns


def _summarise(film: _Film, n_units: int, n_present: int) -> SceneSummary:
    sound = film.sound
    beat = sound.tempogram.beat() if sound is not None else None
    scales = [film.faces.scale.get(str(shot), "faceless") for shot in film.shots["shot_id"]] if film.faces is not None else []
    return SceneSummary(
        n_units=n_units,
        n_present=n_present,
        n_features=len(SCENE_FEATURES),
        missing="no audio track" if sound is None else sound.missing,
        shots_per_minute=round(len(film.shots) * 60_000 / film.end_ms, 2) if film.end_ms else None,
        tempo_bpm=round(beat.bpm, 1) if beat else None,
        music_share=round(float(sound.music[:, 0].mean()), 3) if sound is not None and len(sound.music) else None,
        shot_scales={name: scales.count(name) for name in (*SCALES, "faceless") if name in scales},
    )
