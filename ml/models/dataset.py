"""The arrays behind the training set: what the networks see of each unit, row by row with the manifest.

Features are read through `Home` paths and kept raw, with NaN where nothing was measured; standardisation takes its figures from
training units only (`Standardiser`). Face and voice features stand twice, as measured and relative to the same speaker's mean over the
film, since people differ in face and voice more than emotions do; no label is used for that.
"""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from safetensors.numpy import load_file

from corpus.contracts import LISTENERS, UNIT_FEATURES, UNITS, TableSchema
from corpus.paths import Home
from corpus.terms import EMOTIONS, LEVELS, MODALITIES, PROBABILITY_COLUMNS, FeelmError, GoldStatus, TextEncoder
from ml.features.frame import EMBEDDING_FILE, SPEECH_FILE
from ml.models.cast import Cast, present_characters
from ml.models.training_set import FILMS

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

FACE, VOICE, TEXT = range(len(MODALITIES))

CROPS = 8
CROP_PX = 48
MIN_SPEAKER_UNITS = 3
"""Fewer units of a speaker than this say too little about how that person usually looks or sounds."""

CLIP = 5.0
"""Standardised features are kept within this many standard deviations."""


@dataclass(frozen=True)
class OfUnits:
    """Several arrays of the same n units."""

    def parts(self) -> tuple[FloatArray, ...]:
        """Its arrays."""
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self))

    def part(self, rows: IntArray | slice) -> Self:
        """Some units alone."""
        return dataclasses.replace(self, **{field.name: getattr(self, field.name)[rows] for field in dataclasses.fields(self)})

    def put(self, rows: IntArray, of: Self) -> None:
        """Set what is said of some rows."""
        for own, other in zip(self.parts(), of.parts(), strict=True):
            own[rows] = other


@dataclass(frozen=True)
class Columns:
    """Names of the feature columns, in the order the networks take them, which encoder made the text's embeddings how wide, and how many
    numbers the speech network gives (0: no film or corpus has them).
    """

    face: tuple[str, ...]
    voice: tuple[str, ...]
    cues: tuple[str, ...]
    text_encoder: str
    embedding_width: int
    speech_width: int


@dataclass(frozen=True)
class UnitArrays:
    """n units as arrays; -1 stands for none in the integer arrays, NaN for not measured in the others.

    `crops` uint8 (m, 8, 48, 48), `crop_mask` and `crop_t_ms` (m, 8) hold the m faces of speakers and listeners, into which `crop_row`
    (n,) and `listener_crop_row` (n,) point; `face` (n, 2 f), `listener_face` (n, 2 f), `voice` (n, 2 v), `speech` (n, width of the
    speech network) and `text` (n, width of the embedding + cues) are raw features; `present` (n, 3) is in the order of MODALITIES,
    `listened` (n,) says to which units somebody is seen to listen, `listener` (n,) is who, numbered as `speaker`, -1 where that is not
    known. `sequence` (n,) numbers the runs of neighbouring units, `place` (n,) counts within; `when` (n, 3) is how far into its film
    the unit begins (0..1), the log of 1 + the seconds since the unit before ended, and that of its own length; `source` (n,) numbers
    the sources, films being 0. `soft` (n, 7), `label` (n,) and `levels` (n, 3: LEVELS) are gold; `next_row` (n,) is the row of the
    following unit of the same scene; `last_of` and `next_of` (n, PRESENT) are the rows where each character present spoke last and
    speaks next (`ml.models.cast`). `maps` (m, 8, views, channels, h, w) is what the backbone's frozen layers see in the crops
    (`ml.models.face.seen`), nothing where no network reads them.
    """

    crops: npt.NDArray[np.uint8]
    crop_mask: BoolArray
    crop_t_ms: IntArray
    crop_row: IntArray
    listener_crop_row: IntArray
    face: FloatArray
    listener_face: FloatArray
    voice: FloatArray
    speech: FloatArray
    text: FloatArray
    present: BoolArray
    listened: BoolArray
    sequence: IntArray
    place: IntArray
    when: FloatArray
    scene: IntArray
    speaker: IntArray
    listener: IntArray
    source: IntArray
    soft: FloatArray
    label: IntArray
    levels: FloatArray
    next_row: IntArray
    last_of: IntArray
    next_of: IntArray
    maps: npt.NDArray[np.float16] = field(default_factory=lambda: np.zeros((0, CROPS, 0, 0, 0, 0), np.float16))

    def __len__(self) -> int:
        return len(self.present)

    def save(self, path: Path) -> None:
        """Write as one uncompressed .npz, for the worker processes."""
        np.savez(path, **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)})

    @classmethod
    def load(cls, path: Path) -> UnitArrays:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(**{name: stored[name] for name in stored.files})

    def listening(self) -> UnitArrays:
        """The faces of those who listen, in the place of the speakers' faces, and nothing else of the units."""
        present = np.zeros_like(self.present)
        present[:, FACE] = self.listened
        return dataclasses.replace(self, present=present, face=self.listener_face, crop_row=self.listener_crop_row)


@dataclass(frozen=True)
class Standardiser:
    """Mean and scale per feature; missing values become 0, the mean."""

    mean: FloatArray
    scale: FloatArray

    @classmethod
    def fit(cls, features: FloatArray) -> Standardiser:
        """From training rows (n, d); a feature that never varies or was never measured is scaled to 0."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            mean, deviation = np.nanmean(features, axis=0), np.nanstd(features, axis=0)
        usable = np.isfinite(mean) & (deviation > 1e-6)
        scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=usable)
        return cls(np.nan_to_num(mean).astype(np.float32), scale.astype(np.float32))

    def apply(self, features: FloatArray) -> FloatArray:
        """Standardise (n, d) into [-5, 5] without NaN."""
        scaled = (features - self.mean) * self.scale
        return np.clip(np.nan_to_num(scaled), -CLIP, CLIP).astype(np.float32)


@dataclass(frozen=True)
class _Crops:
    """The crops, masks and times of those units that have a face, and which units those are (n,)."""

    crops: npt.NDArray[np.uint8]
    mask: BoolArray
    t_ms: IntArray
    has: BoolArray


@dataclass(frozen=True)
class _Part:
    """One folder's worth of features: those of one film or corpus, row by row with its units; `listener` names who listens, else None."""

    crops: _Crops
    listener_crops: _Crops
    face: pd.DataFrame
    listener_face: pd.DataFrame
    listened: BoolArray
    listener: npt.NDArray[np.object_]
    voice: pd.DataFrame
    speech: FloatArray
    cues: pd.DataFrame
    embedding: FloatArray
    present: BoolArray


def training_columns(home: Home, rows: pd.DataFrame) -> Columns:
    """All feature columns that any film or corpus of the manifest has, sorted.

    Raises:
        FeelmError: the text features of two of them come from different encoders.
    """
    import pyarrow.parquet as pq

    names: dict[str, set[str]] = {modality: set() for modality in MODALITIES}
    for source, film_id in _parts(rows):
        for modality, folder in _folders(home, source, film_id).items():
            path = folder / "features.parquet"
            if path.is_file():
                names[modality] |= set(pq.read_schema(path).names) - set(UNIT_FEATURES.names)
    face, voice, cues = (tuple(sorted(names[modality])) for modality in MODALITIES)
    return Columns(face, voice, cues, *_one_encoder(home, rows), speech_width=_speech_width(home, rows))


def _speech_width(home: Home, rows: pd.DataFrame) -> int:
    """Width of what the speech network gives; 0 where no part of the manifest has it."""
    paths = (_folders(home, source, film_id)["voice"] / SPEECH_FILE for source, film_id in _parts(rows))
    return next((_width(path) for path in paths if path.is_file()), 0)


def _width(path: Path) -> int:
    with safe_open(path, framework="numpy") as stored:
        return int(stored.get_slice("speech").get_shape()[1])


def _one_encoder(home: Home, rows: pd.DataFrame) -> tuple[str, int]:
    """Name and width of the encoder that all embeddings come from; a width of 0 where there are none."""
    found: dict[tuple[str, int], str] = {}
    for source, film_id in _parts(rows):
        path = _folders(home, source, film_id)["text"] / EMBEDDING_FILE
        if path.is_file():
            found.setdefault(_encoder_of(path), film_id if source == FILMS else source)
    if len(found) > 1:
        told = ", ".join(f"{name} ({width}) in {where}" for (name, width), where in sorted(found.items()))
        raise FeelmError(f"text features come from different encoders: {told}; make them again with one (params.yaml, `text: encoder`)")
    return next(iter(found), (TextEncoder.MINILM.value, 0))


def _encoder_of(path: Path) -> tuple[str, int]:
    with safe_open(path, framework="numpy") as stored:
        return (stored.metadata() or {}).get("encoder", ""), stored.get_slice("embedding").get_shape()[1]


def load_training(home: Home, rows: pd.DataFrame, columns: Columns) -> UnitArrays:
    """The arrays of a whole manifest (TRAINING_UNITS rows), in its order."""
    loaded = [(part.index.to_numpy(), _read_part(home, key, part, columns)) for key, part in _parts(rows).items()]
    order = np.argsort(np.concatenate([index for index, _ in loaded]), kind="stable")
    return _assemble(rows, [part for _, part in loaded], order)


def load_film(home: Home, film_id: str, columns: Columns) -> tuple[pd.DataFrame, UnitArrays]:
    """The UNITS rows and arrays of one film, labelled or not.

    Raises:
        FeelmError: the film has no units yet.
    """
    rows = UNITS.read(home.artifact("scenes", film_id) / "units.parquet")
    rows = rows.sort_values(["level", "position", "unit_id"], ignore_index=True).assign(source=FILMS)
    return rows, _assemble(rows, [_read_part(home, (FILMS, film_id), rows, columns)], np.arange(len(rows)))


def _parts(rows: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """Rows by the folder their features lie in: each film's own, one for each corpus."""
    is_film = rows["source"] == FILMS
    key = rows["source"].where(~is_film, FILMS + "/" + rows["film_id"])
    return {(part["source"].iloc[0], part["film_id"].iloc[0]): part for _, part in rows.groupby(key, sort=True)}


def _folders(home: Home, source: str, film_id: str) -> dict[str, Path]:
    """Where features lie by modality, if they are there."""
    if source == FILMS:
        return {modality: home.artifact(f"{modality}_features", film_id) for modality in MODALITIES}
    return {modality: home.corpus(f"{source}-{modality}") for modality in MODALITIES}


def _read_part(home: Home, key: tuple[str, str], rows: pd.DataFrame, columns: Columns) -> _Part:
    folders = _folders(home, *key)
    unit_ids = rows["unit_id"].to_numpy()
    tables = {modality: _read_table(UNIT_FEATURES, folders[modality] / "features.parquet", unit_ids) for modality in MODALITIES}
    listening = _read_table(LISTENERS, folders["face"] / "listeners.parquet", unit_ids)
    present = np.stack([tables[modality]["present"].to_numpy(bool) for modality in MODALITIES], axis=1)
    return _Part(
        _read_crops(folders["face"] / "crops.safetensors", tables["face"]),
        _read_crops(folders["face"] / "listener_crops.safetensors", listening),
        _ordered(tables["face"], columns.face),
        _ordered(listening, columns.face),
        listening["present"].to_numpy(bool),
        listening["character_id"].to_numpy(object),
        _ordered(tables["voice"], columns.voice),
        _read_speech(folders["voice"] / SPEECH_FILE, tables["voice"], columns),
        _ordered(tables["text"], columns.cues),
        _read_embedding(folders["text"] / EMBEDDING_FILE, tables["text"], columns),
        present,
    )


def _read_table(schema: TableSchema, path: Path, unit_ids: npt.NDArray[np.object_]) -> pd.DataFrame:
    """Rows of the units, of which those that are not there are not `present`; `stored_row` is the row in the arrays beside the table."""
    table = schema.read(path) if path.is_file() else schema.empty()
    table = table.assign(stored_row=np.arange(len(table))).set_index("unit_id").reindex(unit_ids)
    return table.assign(
        present=table["present"].notna() & (table["present"] == True),  # noqa: E712 - null after reindex
        stored_row=table["stored_row"].fillna(-1).astype(np.int64),
    )


def _ordered(table: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    return table.reindex(columns=list(names)).astype(np.float32)


def _read_crops(path: Path, table: pd.DataFrame) -> _Crops:
    if not path.is_file():
        none = np.zeros((0, CROPS), np.int64)
        return _Crops(np.zeros((0, CROPS, CROP_PX, CROP_PX), np.uint8), none.astype(bool), none, np.zeros(len(table), bool))
    stored = load_file(path)
    if "t_ms" not in stored:
        raise FeelmError(f"{path} does not say when its pictures are shown: make the face features again (feelm run)")
    row, has = table["stored_row"].to_numpy(), table["present"].to_numpy(bool, copy=True)
    has[has] = stored["mask"][row[has]].any(axis=1)
    return _Crops(stored["crops"][row[has]], stored["mask"][row[has]].astype(bool), stored["t_ms"][row[has]].astype(np.int64), has)


def _read_speech(path: Path, table: pd.DataFrame, columns: Columns) -> FloatArray:
    """What the speech network hears of each unit; NaN where nobody is heard, or where a film has none."""
    if columns.speech_width and path.is_file() and (width := _width(path)) != columns.speech_width:
        raise FeelmError(f"{path} has {width} numbers a unit where the model reads {columns.speech_width}: make the voice features again")
    return _read_array(path, "speech", table, columns.speech_width)


def _read_embedding(path: Path, table: pd.DataFrame, columns: Columns) -> FloatArray:
    wanted = columns.text_encoder, columns.embedding_width
    if columns.embedding_width and path.is_file() and (encoder := _encoder_of(path)) != wanted:
        raise FeelmError(
            f"{path} was made by the text encoder {encoder[0]!r} ({encoder[1]} numbers), the model reads {columns.text_encoder!r}"
            f" ({columns.embedding_width}): train again (feelm run), or set `text: encoder` in params.yaml back and make the features again"
        )
    return _read_array(path, "embedding", table, columns.embedding_width)


def _read_array(path: Path, name: str, table: pd.DataFrame, width: int) -> FloatArray:
    """Rows (n, width) of a folder's array; NaN for units that are not present, and for all where there is no array."""
    found = np.full((len(table), width), np.nan, np.float32)
    if width and path.is_file():
        has = table["present"].to_numpy(bool)
        found[has] = load_file(path)[name][table["stored_row"].to_numpy()[has]]
    return found


def _assemble(rows: pd.DataFrame, parts: list[_Part], order: IntArray) -> UnitArrays:
    """Join parts and bring their units into the order of `rows` (`order` sorts the joined units)."""
    joined = {
        name: np.concatenate([np.asarray(getattr(part, name)) for part in parts])[order]
        for name in ("face", "listener_face", "listened", "listener", "voice", "speech", "cues", "embedding", "present")
    }
    crops, crop_row, listener_crop_row = _joined_crops(parts, order)
    sequence, place = _sequences(rows)
    speaker, listener = _people(rows, joined["listener"])
    cast = cast_of(rows)
    soft, label, levels = _gold(rows)
    usual = _usual(joined["face"], speaker, joined["present"][:, FACE])
    return UnitArrays(
        crops=crops.crops,
        crop_mask=crops.mask,
        crop_t_ms=crops.t_ms,
        crop_row=crop_row,
        listener_crop_row=listener_crop_row,
        face=_with_relative(joined["face"], speaker, usual),
        listener_face=_with_relative(joined["listener_face"], listener, usual),
        voice=_with_relative(joined["voice"], speaker, _usual(joined["voice"], speaker, joined["present"][:, VOICE])),
        speech=joined["speech"],
        text=np.concatenate([joined["embedding"], joined["cues"]], axis=1),
        present=joined["present"],
        listened=joined["listened"],
        sequence=sequence,
        place=place,
        when=_when(rows, sequence, place),
        scene=_codes(rows["scene_id"]),
        speaker=speaker,
        listener=listener,
        source=_source_codes(rows["source"]),
        next_row=_next_rows(rows, sequence, place),
        last_of=cast.last,
        next_of=cast.next,
        soft=soft,
        label=label,
        levels=levels,
    )


def _joined_crops(parts: list[_Part], order: IntArray) -> tuple[_Crops, IntArray, IntArray]:
    """All crops one below the other, the speakers' first, and the row in them of each unit's speaker and of its listener."""
    each = [part.crops for part in parts] + [part.listener_crops for part in parts]
    crops = _Crops(*(np.concatenate([getattr(one, name) for one in each]) for name in ("crops", "mask", "t_ms", "has")))
    row = np.where(crops.has, np.cumsum(crops.has) - 1, -1).astype(np.int64)
    speakers, listeners = np.split(row, 2)
    return crops, speakers[order], listeners[order]


def _codes(values: pd.Series) -> IntArray:
    """Whole numbers for names, -1 for null."""
    import pandas as pd

    return pd.factorize(values, use_na_sentinel=True)[0].astype(np.int64)


def source_names(sources: pd.Series) -> list[str]:
    """The sources in the order of their numbers: films first, then corpora by name."""
    return [FILMS, *sorted(set(sources) - {FILMS})]


def _source_codes(sources: pd.Series) -> IntArray:
    return sources.map({name: i for i, name in enumerate(source_names(sources))}).to_numpy(np.int64)


def _speakers(rows: pd.DataFrame) -> IntArray:
    return _codes((rows["film_id"] + "/" + rows["character_id"]).where(rows["character_id"].notna()))


def _people(rows: pd.DataFrame, listener: npt.NDArray[np.object_]) -> tuple[IntArray, IntArray]:
    """Numbers of the speakers, as `_speakers` gives them, and of those who listen; -1 for nobody known and for who never speaks."""
    number, film = _speakers(rows), rows["film_id"].tolist()
    known = {(one, who): code for one, who, code in zip(film, rows["character_id"], number.tolist(), strict=True) if code >= 0}
    return number, np.array([known.get(one, -1) for one in zip(film, listener, strict=True)], np.int64)


def cast_of(rows: pd.DataFrame) -> Cast:
    """Who is present at each unit of UNITS, by row."""
    return present_characters(*_sequences(rows), _codes(rows["scene_id"]), _speakers(rows))


def _when(rows: pd.DataFrame, sequence: IntArray, place: IntArray) -> FloatArray:
    """Where each unit stands in time (n, 3), NaN where that is not known; the units of a corpus are of no film that runs."""
    start_s, end_s = (rows[name].to_numpy(np.float64, na_value=np.nan) / 1000 for name in ("start_ms", "end_ms"))
    through = start_s / rows["end_ms"].groupby(rows["film_id"]).transform("max").to_numpy(np.float64, na_value=np.nan) * 1000
    order = np.lexsort((place, sequence))
    here, following = order[:-1], order[1:]
    gap_s = np.full(len(rows), np.nan)
    gap_s[following] = np.where(sequence[here] == sequence[following], start_s[following] - end_s[here], np.nan)
    through[rows["source"].to_numpy() != FILMS] = np.nan
    return np.stack([through, np.log1p(np.maximum(gap_s, 0)), np.log1p(end_s - start_s)], axis=1).astype(np.float32)


def _sequences(rows: pd.DataFrame) -> tuple[IntArray, IntArray]:
    """Number of each unit's run of neighbours and its place there; a unit without position stands alone."""
    ordered = rows["position"].notna().to_numpy()
    key = (rows["film_id"] + "/" + rows["level"]).where(ordered, "alone/" + rows["unit_id"])
    sequence = _codes(key)
    place = rows.assign(sequence=sequence).groupby("sequence")["position"].rank(method="first").fillna(1).to_numpy()
    return sequence, (place - 1).astype(np.int64)


def _next_rows(rows: pd.DataFrame, sequence: IntArray, place: IntArray) -> IntArray:
    """Row of the following unit of the same run and scene, -1 where the scene ends."""
    scene = _codes(rows["scene_id"])
    order = np.lexsort((place, sequence))
    here, following = order[:-1], order[1:]
    same = (sequence[here] == sequence[following]) & (scene[here] == scene[following])
    next_row = np.full(len(rows), -1, np.int64)
    next_row[here[same]] = following[same]
    return next_row


def _usual(features: FloatArray, speaker: IntArray, present: BoolArray) -> dict[int, FloatArray]:
    """The mean features (d,) of each speaker, by number; of nobody who says too little."""
    usual: dict[int, FloatArray] = {}
    for one in np.unique(speaker[speaker >= 0]):
        own = (speaker == one) & present
        if own.sum() >= MIN_SPEAKER_UNITS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                usual[int(one)] = np.nanmean(features[own], axis=0)
    return usual


def _with_relative(features: FloatArray, person: IntArray, usual: dict[int, FloatArray]) -> FloatArray:
    """Features (n, d) beside their difference from what is usual of the person (n, 2 d); NaN where that is not known."""
    relative = np.full_like(features, np.nan)
    for one, mean in usual.items():
        relative[person == one] = features[person == one] - mean
    return np.concatenate([features, relative], axis=1).astype(np.float32)


def _gold(rows: pd.DataFrame) -> tuple[FloatArray, IntArray, FloatArray]:
    """Soft labels where enough raters or a corpus judged, hard ones where they agree, levels."""
    n = len(rows)
    if "status" not in rows:
        return np.full((n, len(EMOTIONS)), np.nan, np.float32), np.full(n, -1, np.int64), np.full((n, len(LEVELS)), np.nan, np.float32)
    usable = rows["status"].isin([GoldStatus.GOLD.value, GoldStatus.AMBIGUOUS.value]).to_numpy()
    soft = rows[list(PROBABILITY_COLUMNS)].to_numpy(np.float32).copy()
    soft[~usable] = np.nan
    soft /= soft.sum(axis=1, keepdims=True)
    label = rows["label"].where(rows["status"] == GoldStatus.GOLD.value).map({name: i for i, name in enumerate(EMOTIONS)})
    return soft, label.fillna(-1).to_numpy(np.int64), rows[list(LEVELS)].to_numpy(np.float32)
