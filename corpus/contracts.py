"""The tables and enums that pass between stages.

Every table is Parquet with a schema declared here: column names, types, units, nullability and bounds. A stage validates what it
writes, so that whoever reads need not; times are int64 milliseconds from the first frame of the film's cut, half-open [start, end).
Missing is null, never 0. pandas and pyarrow load with the first table that is read or written, not with this module.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from corpus.paths import replacing
from corpus.terms import (
    DIMENSIONS,
    EMOTIONS,
    JUDGEMENT_STATUSES,
    MODALITIES,
    MODALITIES_SEEN,
    PERSPECTIVES,
    ROLES,
    DeclaredUse,
    ExplainedPart,
    FeelmError,
    GoldStatus,
    UnitLevel,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class ContractError(FeelmError):
    """A table does not keep its declared schema."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `dtype` is the name of an Arrow type ("int64", "float32", "string", ...); `minimum` and `maximum` are inclusive; `allowed` is a closed
    set of strings. A nullable column may hold nulls; infinity is never allowed.
    """

    name: str
    dtype: str
    description: str
    unit: str | None = None
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] | None = None


@dataclass(frozen=True)
class TableSchema:
    """A table's name, columns and key (unique together). `open_ended` tables may carry further float32 columns (features)."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    open_ended: bool = False
    _by_name: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {column.name: column for column in self.columns})

    @property
    def names(self) -> list[str]:
        """Column names in declared order."""
        return [column.name for column in self.columns]

    def arrow_schema(self, extra: Iterable[str] = ()) -> pa.Schema:
        """The Arrow schema, with `extra` float32 columns after the declared ones."""
        import pyarrow as pa

        declared = [pa.field(c.name, pa.type_for_alias(c.dtype), nullable=c.nullable) for c in self.columns]
        return pa.schema(declared + [pa.field(name, pa.float32(), nullable=True) for name in extra])

    def empty(self) -> pd.DataFrame:
        """A table of no rows."""
        return self.arrow_schema().empty_table().to_pandas()

    def frame(self, rows: Iterable[dict[str, object]]) -> pd.DataFrame:
        """A DataFrame of this schema from row mappings; absent nullable columns become null."""
        return self.to_arrow(self._unchecked(rows)).to_pandas()

    def _unchecked(self, rows: Iterable[dict[str, object]]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(list(rows), columns=self.names)

    def to_arrow(self, table: pd.DataFrame) -> pa.Table:
        """Convert and validate.

        Raises:
            ContractError: a column is missing, unknown, of another type, null, out of bounds, or the key repeats.
        """
        import pyarrow as pa

        missing = [name for name in self.names if name not in table.columns]
        extra = [name for name in table.columns if name not in self._by_name]
        if missing or (extra and not self.open_ended):
            raise ContractError(f"table {self.name}: missing columns {missing}, unknown columns {extra}")
        schema = self.arrow_schema(extra)
        arrays = [self._to_array(table[name], schema.field(name)) for name in schema.names]
        arrow = pa.Table.from_arrays(arrays, schema=schema)
        self._check_bounds(arrow)
        self._check_key(table)
        return arrow

    def _to_array(self, series: pd.Series, arrow_field: pa.Field) -> pa.Array:
        import numpy as np
        import pyarrow as pa

        try:
            array = pa.array(series, type=arrow_field.type, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
            raise ContractError(f"table {self.name}, column {arrow_field.name}: {error}") from error
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if array.null_count and not arrow_field.nullable:
            row = int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
            raise ContractError(f"table {self.name}, column {arrow_field.name}, row {row}: null where a value is required")
        return array

    def _check_bounds(self, arrow: pa.Table) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as compute

        for name in arrow.schema.names:
            column = self._by_name.get(name)
            array = arrow.column(name).drop_null()
            if pa.types.is_floating(array.type) and not np.isfinite(array.to_numpy()).all():
                raise ContractError(f"table {self.name}, column {name}: infinite values")
            if column is None or not len(array):
                continue
            if column.allowed is not None:
                unknown = sorted(set(array.unique().to_pylist()) - set(column.allowed))
                if unknown:
                    raise ContractError(f"table {self.name}, column {name}: {unknown[:5]} not in {list(column.allowed)}")
            if column.minimum is not None or column.maximum is not None:
                least, most = (figure.as_py() for figure in compute.min_max(array).values())
                if column.minimum is not None and least < column.minimum - 1e-6:
                    raise ContractError(f"table {self.name}, column {name}: {least} below {column.minimum}")
                if column.maximum is not None and most > column.maximum + 1e-6:
                    raise ContractError(f"table {self.name}, column {name}: {most} above {column.maximum}")

    def _check_key(self, table: pd.DataFrame) -> None:
        if self.key and table.duplicated(list(self.key)).any():
            example = table.loc[table.duplicated(list(self.key)), list(self.key)].iloc[0].to_dict()
            raise ContractError(f"table {self.name}: key {self.key} repeats, for example {example}")

    def write(self, table: pd.DataFrame, path: Path) -> pd.DataFrame:
        """Validate and write atomically as Parquet; the same rows give the same bytes. Returns the validated table."""
        import pyarrow.parquet as pq

        arrow = self.to_arrow(table)
        with replacing(path) as temporary:
            pq.write_table(arrow, temporary, compression="zstd")
        return arrow.to_pandas()

    def write_rows(self, rows: Iterable[dict[str, object]], path: Path) -> pd.DataFrame:
        """As `write`, from row mappings; absent nullable columns become null."""
        return self.write(self._unchecked(rows), path)

    def read(self, path: Path) -> pd.DataFrame:
        """Read a table that a stage wrote.

        Raises:
            FeelmError: the file is absent or not a whole Parquet file.
            ContractError: its columns are not this schema's.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not path.is_file():
            raise FeelmError(f"table {self.name} is not at {path}: run the stage that makes it (feelm run)")
        try:
            arrow = pq.read_table(path)
        except pa.ArrowInvalid as error:
            raise FeelmError(f"table {self.name} at {path} is damaged ({error}): delete it and run again") from error
        missing = [name for name in self.names if name not in arrow.schema.names]
        if missing:
            raise ContractError(f"table {self.name} at {path} lacks columns {missing}: it was made by another version, run again")
        return arrow.to_pandas()


def _text(name: str, description: str, *, nullable: bool = False, allowed: Iterable[str] | None = None) -> Column:
    return Column(name, "string", description, nullable=nullable, allowed=tuple(allowed) if allowed is not None else None)


def _ms(name: str, description: str, *, nullable: bool = False) -> Column:
    return Column(name, "int64", description, unit="ms", nullable=nullable, minimum=0)


def _count(name: str, description: str, *, nullable: bool = False) -> Column:
    return Column(name, "int32", description, nullable=nullable, minimum=0)


def _number(
    name: str,
    description: str,
    *,
    unit: str | None = None,
    nullable: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Column:
    return Column(name, "float32", description, unit=unit, nullable=nullable, minimum=minimum, maximum=maximum)


def _share(name: str, description: str, *, nullable: bool = False) -> Column:
    return _number(name, description, nullable=nullable, minimum=0, maximum=1)


def _probabilities(prefix: str, what: str, *, nullable: bool = False) -> tuple[Column, ...]:
    return tuple(_share(f"{prefix}{emotion}", f"{what}: {emotion}", nullable=nullable) for emotion in EMOTIONS)


SHOTS = TableSchema(
    "shots",
    (
        _text("shot_id", "film_id + '.shot' + four-digit index"),
        _text("film_id", "the film"),
        _count("index", "position in the film, from 0"),
        _ms("start_ms", "first frame's presentation time"),
        _ms("end_ms", "end of the last frame"),
        _text("transition", "how the shot begins", allowed=("start", "cut", "fade", "dissolve")),
        _text("thumbnail", "JPEG beside this table, relative path"),
    ),
    key=("shot_id",),
)

PICTURES = TableSchema(
    "pictures",
    (
        _ms("t_ms", "presentation time of the sampled frame"),
        _share("brightness", "mean luma"),
        _share("contrast", "standard deviation of luma, doubled"),
        _share("saturation", "mean HSV saturation"),
        _number("warmth", "mean of red minus blue", minimum=-1, maximum=1),
        _number(
            "motion",
            "mean optical-flow length over the last 80 ms within the shot",
            unit="share of picture width per second",
            nullable=True,
            minimum=0,
        ),
    ),
    key=("t_ms",),
)

FACES = TableSchema(
    "faces",
    (
        _text("film_id", "the film"),
        _text("shot_id", "the shot"),
        _text("track_id", "one face followed through one shot: shot_id + '.face' + two-digit index"),
        _ms("t_ms", "presentation time"),
        _number("x", "left edge", unit="share of picture width"),
        _number("y", "top edge", unit="share of picture height"),
        _number("width", "box width", unit="share of picture width", minimum=0),
        _number("height", "box height", unit="share of picture height", minimum=0),
        _share("score", "detector's confidence"),
        _count("crop_row", "row of the aligned crop in crops.safetensors"),
    ),
    key=("track_id", "t_ms"),
)

BODIES = TableSchema(
    "bodies",
    (
        _text("film_id", "the film"),
        _text("track_id", "the face, as in table faces"),
        _ms("t_ms", "presentation time, one of the face's"),
        _count("row", "which JPEG in bodies.safetensors: bytes offsets[row] to offsets[row + 1] of jpeg, 224 x 224"),
        _number("x", "left edge of the upper body; what lies outside of the picture is black", unit="share of picture width"),
        _number("y", "top edge", unit="share of picture height"),
        _number("width", "its width", unit="share of picture width", minimum=0),
        _number("height", "its height", unit="share of picture height", minimum=0),
    ),
    key=("track_id", "t_ms"),
)

UTTERANCES = TableSchema(
    "utterances",
    (
        _text("utterance_id", "film_id + '.u' + five-digit index"),
        _text("film_id", "the film"),
        _count("index", "position in the film, from 0"),
        _ms("start_ms", "start after synchronisation"),
        _ms("end_ms", "end after synchronisation"),
        _text("text", "what is said, markup removed"),
        _text("raw_text", "the cue as delivered"),
        _text("character_id", "speaker, a slug", nullable=True),
        _text("scene_heading", "screenplay heading the line stands under", nullable=True),
        _count("script_line", "line of the screenplay, from 1", nullable=True),
        _share("speaker_confidence", "confidence of speaker, heading and script line", nullable=True),
        _text("source", "where the words come from", allowed=("subtitles", "asr", "corpus")),
        _share("text_confidence", "mean confidence of recognised words; null where they were delivered", nullable=True),
    ),
    key=("utterance_id",),
)

WORDS = TableSchema(
    "words",
    (
        _text("utterance_id", "the utterance; only recognised ones have words of their own"),
        _count("index", "position in the utterance, from 0"),
        _text("text", "the word with its punctuation"),
        _ms("start_ms", "when it begins"),
        _ms("end_ms", "when it ends"),
        _share("confidence", "the recogniser's probability of it"),
    ),
    key=("utterance_id", "index"),
)

HEARD_LINES = TableSchema(
    "heard_lines",
    (
        _text("utterance_id", "the utterance"),
        _share("speech_share", "share of its time in which speech is heard"),
        _number(
            "onset_distance_ms",
            "its start minus where a cue for the nearest speech usually begins; null where none is near",
            unit="ms",
            nullable=True,
        ),
    ),
    key=("utterance_id",),
)

UNWRITTEN_SPEECH = TableSchema(
    "unwritten_speech",
    (
        _ms("start_ms", "start of a stretch in which speech is heard and no cue is shown"),
        _ms("end_ms", "its end"),
    ),
    key=("start_ms",),
)

TIMES_OF_DAY = ("day", "night", "morning", "afternoon", "evening", "dawn", "dusk")

SCENES = TableSchema(
    "scenes",
    (
        _text("scene_id", "film_id + '.scene' + three-digit index"),
        _text("film_id", "the film"),
        _count("index", "position in the film, from 0"),
        _ms("start_ms", "start of its first shot"),
        _ms("end_ms", "end of its last shot"),
        _text("heading", "screenplay heading", nullable=True),
        _text("setting", "inside or outside, by the heading", nullable=True, allowed=("int", "ext", "int_ext")),
        _text("place", "place, as the heading writes it", nullable=True),
        _text("time_of_day", "time of day, by the heading", nullable=True, allowed=TIMES_OF_DAY),
        _text("method", "what its beginning rests on", allowed=("start", "screenplay", "picture", "sound", "gap")),
        _share("confidence", "probability that a scene begins here; null where there was no choice", nullable=True),
    ),
    key=("scene_id",),
)

UNITS = TableSchema(
    "units",
    (
        _text("unit_id", "utterance_id, scene_id, or the corpus's own id"),
        _text("film_id", "the film, or corpus + '-' + the corpus's film"),
        _text("level", "what the unit is", allowed=[level.value for level in UnitLevel]),
        _ms("start_ms", "start; null where the corpus has no time", nullable=True),
        _ms("end_ms", "end; null where the corpus has no time", nullable=True),
        _text("text", "what is said", nullable=True),
        _text("character_id", "speaker", nullable=True),
        _text("addressee_id", "who is spoken to", nullable=True),
        _text("scene_id", "the scene; null where lines have no neighbours", nullable=True),
        _count("position", "order within the film; null where the corpus has none", nullable=True),
    ),
    key=("unit_id",),
)

UNIT_FEATURES = TableSchema(
    "unit_features",
    (
        _text("unit_id", "the unit"),
        Column("present", "bool", "false where the modality is missing for this unit; its features are then null"),
    ),
    key=("unit_id",),
    open_ended=True,
)

LISTENERS = TableSchema(
    "listeners",
    (
        _text("unit_id", "the unit that is listened to"),
        Column("present", "bool", "false where nobody is seen to listen; the features are then null"),
        _text("character_id", "who is taken to listen", nullable=True),
    ),
    key=("unit_id",),
    open_ended=True,
)

ANNOTATION_SCHEMA_VERSION = 2
"""Raised whenever a column of ANNOTATIONS changes its meaning."""

ANNOTATIONS = TableSchema(
    "annotations",
    (
        _text("annotation_id", "uuid5, see design.md"),
        _text("batch_id", "the accepted batch"),
        Column("schema_version", "int16", "ANNOTATION_SCHEMA_VERSION when the row was written", minimum=1),
        _text("film_id", "the film"),
        _text("cut_id", "the cut that the times are of; null: the catalogue's", nullable=True),
        _text("unit_id", "the unit, when the tool names one", nullable=True),
        _ms("start_ms", "start; null where only a unit is named", nullable=True),
        _ms("end_ms", "end; null where only a unit is named, or a point in time was judged", nullable=True),
        _text("time_basis", "what the tool counts time in", allowed=("ms", "frame", "timecode")),
        _number("fps_used", "pictures a second by which frames became times", unit="1/s", nullable=True, minimum=0),
        _text("annotator_id", "pseudonym"),
        _count("pass_no", "which pass of this annotator, from 1"),
        _text("character_id", "who is judged", nullable=True),
        _text("perspective", "what is judged", allowed=PERSPECTIVES),
        _text("direction", "whether the emotion is towards oneself or another", nullable=True, allowed=("self", "other")),
        _text("dimension", "which dimension", allowed=DIMENSIONS),
        _text("vocabulary_id", "the scheme that the label is of", nullable=True),
        _text("label", "canonical emotion when dimension is category", nullable=True, allowed=EMOTIONS),
        _text("label_raw", "the label as the rater gave it", nullable=True),
        _text("group_id", "ties the rows of one judgement together"),
        _count("rank", "1 for the first emotion named, 2 for the second"),
        _number("value", "intensity 0..1; valence, arousal and dominance -1..1", nullable=True, minimum=-1, maximum=1),
        Column("value_raw", "float64", "the value as the rater gave it", nullable=True),
        Column("scale_min", "float64", "least value of the rater's scale", nullable=True),
        Column("scale_max", "float64", "greatest value of the rater's scale", nullable=True),
        _share("confidence", "how sure the rater was", nullable=True),
        _text(
            "cues",
            "what the judgement rests on, comma-separated: face,voice,verbal,gesture,context,narrator,music,camera",
            nullable=True,
        ),
        _text("modality_seen", "what the rater saw and heard; null where unknown", nullable=True, allowed=MODALITIES_SEEN),
        _text("note", "free text, at most 4000 characters", nullable=True),
        _ms("lead_time_ms", "time the judgement took", nullable=True),
        _text("created_at", "ISO 8601 UTC", nullable=True),
        _text("updated_at", "ISO 8601 UTC of the last change in the tool", nullable=True),
        _text("status", "what the tool says of it", allowed=JUDGEMENT_STATUSES),
        _text("source_tool", "importer and version"),
        _text("source_file_sha256", "the delivered file, without names"),
        _text("source_ref", "row, line or region in that file"),
    ),
    key=("annotation_id",),
)

FAILING_ROWS = TableSchema(
    "failing_rows",
    (
        _text("check", "the check that the row fails"),
        _text("row_id", "its id in the table that was checked"),
    ),
)

TRACES = TableSchema(
    "traces",
    (
        _text("trace_id", "uuid5 of film, rater, pass, character, perspective and dimension"),
        _text("batch_id", "the accepted batch"),
        _text("film_id", "the film"),
        _text("annotator_id", "pseudonym"),
        _count("pass_no", "which pass of this annotator, from 1"),
        _text("character_id", "who is judged", nullable=True),
        _text("perspective", "what is judged", allowed=PERSPECTIVES),
        _text("dimension", "which dimension", allowed=tuple(name for name in DIMENSIONS if name != "category")),
        _ms("t_ms", "time of the sample, as the rater's tool gave it: no delay is taken off"),
        _number("value", "on the dimension's own scale where the trace is bounded, else as given"),
        Column("value_raw", "float64", "the value as the rater gave it"),
        Column("bounded", "bool", "whether the tool's scale has ends; only then is `value` comparable between raters"),
        _number("rate_hz", "samples a second, where the tool says it", unit="Hz", nullable=True, minimum=0),
        _share("confidence", "how sure the rater or tool was", nullable=True),
        _text("source_tool", "importer and version"),
        _text("source_file_sha256", "the delivered file, without names"),
        _text("source_ref", "where it stands in that file"),
    ),
    key=("trace_id", "t_ms"),
)

GOLD_LABELS = TableSchema(
    "gold_labels",
    (
        _text("unit_id", "the unit"),
        _text("film_id", "the film"),
        _text("perspective", "what was judged", allowed=PERSPECTIVES),
        _text("status", "how far the votes can be trusted", allowed=[status.value for status in GoldStatus]),
        _text("label", "top emotion; null unless status is gold", nullable=True, allowed=EMOTIONS),
        *_probabilities("p_", "smoothed vote share"),
        _text(
            "rater_model_label",
            "emotion that a model of every rater's confusions names (pooled Dawid-Skene); null where too few judged",
            nullable=True,
            allowed=EMOTIONS,
        ),
        _count("n_raters", "raters whose category vote counts (weight above 0)"),
        _share("top_share", "weighted share of the top emotion, unsmoothed"),
        _number("entropy_bits", "entropy of the smoothed votes", unit="bits", minimum=0),
        _share("intensity", "reliability-weighted mean", nullable=True),
        _number("valence", "reliability-weighted mean", nullable=True, minimum=-1, maximum=1),
        _number("arousal", "reliability-weighted mean", nullable=True, minimum=-1, maximum=1),
    ),
    key=("unit_id", "perspective"),
)

VOTES = TableSchema(
    "votes",
    (
        _text("unit_id", "the unit"),
        _text("film_id", "the film"),
        _text("perspective", "what was judged", allowed=PERSPECTIVES),
        _text("annotator_id", "pseudonym"),
        _text("group_id", "the judgement"),
        _text("label", "the emotion", allowed=EMOTIONS),
        _share("intensity", "the intensity given with it", nullable=True),
        _share("weight", "the rater's weight in gold, shared among the rater's votes on the unit"),
    ),
    key=("unit_id", "perspective", "group_id", "label"),
)

RATERS = TableSchema(
    "raters",
    (
        _text("annotator_id", "pseudonym"),
        _count("n_judgements", "category judgements"),
        _share("leave_one_out_agreement", "share agreeing with the mode of the others", nullable=True),
        _share("competence", "MACE's probability of not guessing", nullable=True),
        _share("top_label_share", "share of this rater's most used label"),
        _ms("median_lead_time_ms", "median time per judgement", nullable=True),
        Column("flagged", "bool", "taken for a spammer"),
        _text("reason", "why flagged", nullable=True),
        _share("weight", "weight in the gold votes"),
    ),
    key=("annotator_id",),
)

TRAINING_UNITS = TableSchema(
    "training_units",
    (
        *UNITS.columns,
        _text("source", "'film' or the corpus's name"),
        _text("group_id", "films of one group never stand on both sides of a split"),
        _text("licence", "rights of the film or licence of the corpus"),
        _text("declared_use", "widest declared use", allowed=[use.value for use in DeclaredUse]),
        *(Column(f"has_{m}", "bool", f"{m} features are there") for m in MODALITIES),
        _text("status", "gold status; null where nobody judged", nullable=True, allowed=[s.value for s in GoldStatus]),
        _text("label", "gold emotion", nullable=True, allowed=EMOTIONS),
        *_probabilities("p_", "soft label", nullable=True),
        _share("intensity", "gold intensity", nullable=True),
        _number("valence", "gold valence", nullable=True, minimum=-1, maximum=1),
        _number("arousal", "gold arousal", nullable=True, minimum=-1, maximum=1),
    ),
    key=("unit_id",),
)

PREDICTIONS = TableSchema(
    "predictions",
    (
        _text("unit_id", "the unit"),
        _text("film_id", "the film"),
        _text("system", "fused, face, voice, text, or a baseline's name"),
        Column("fold", "int32", "fold in which the film was unseen; -1 where the model is the final one", minimum=-1),
        *_probabilities("p_", "probability"),
        _share("intensity", "predicted intensity", nullable=True),
        _number("valence", "predicted valence", nullable=True, minimum=-1, maximum=1),
        _number("arousal", "predicted arousal", nullable=True, minimum=-1, maximum=1),
        *_probabilities("next_", "probability of the next unit's emotion, the reaction", nullable=True),
    ),
    key=("unit_id", "system"),
)

EXPLANATIONS = TableSchema(
    "explanations",
    (
        _text("unit_id", "the unit"),
        _text("film_id", "the film"),
        Column("fold", "int32", "fold of the networks that are explained; -1 where it is the final model", minimum=-1),
        _text("emotion", "the emotion that they name, which is explained", allowed=EMOTIONS),
        _text("part", "what was left out", allowed=[part.value for part in ExplainedPart]),
        _text("name", "the modality, the line's unit_id, or the frame's number among the unit's crops, from 0"),
        _ms("t_ms", "when the frame is shown; null for modalities and lines", nullable=True),
        _number("probability", "by how much the emotion's probability falls without it (a frame: the face's own)", minimum=-1, maximum=1),
        _number("log_odds", "by how much its log-odds fall without it; below 0: it spoke against the emotion", unit="nat"),
        _number("share", "signed part of what all modalities did; null for lines and frames", nullable=True, minimum=-1, maximum=1),
    ),
    key=("unit_id", "part", "name"),
)

REACTIONS = TableSchema(
    "reactions",
    (
        _text("unit_id", "the unit that is heard"),
        _text("film_id", "the film"),
        _text("character_id", "who is present and will speak again, or may"),
        _text("role", "speaker of the unit, addressee (who spoke last beside them), or present", allowed=ROLES),
        Column("fold", "int32", "fold in which the film was unseen; -1 where the model is the final one", minimum=-1),
        *_probabilities("p_", "probability of what they feel when they speak next"),
    ),
    key=("unit_id", "character_id"),
)

FACE_COURSE = TableSchema(
    "face_course",
    (
        _ms("t_ms", "presentation time"),
        _text("track_id", "the face track"),
        *_probabilities("p_", "packaged expression nets' probability"),
        _share("mouth_open", "lip gap as share of face height", nullable=True),
        _text("character_id", "who the track is taken for, by appearance and speaking turns", nullable=True),
    ),
    key=("track_id", "t_ms"),
)

PEOPLE = TableSchema(
    "people",
    (
        _text("film_id", "the film"),
        _text("track_id", "the face track"),
        _text("person_id", "who it is: film_id + '.person' + two-digit number, whoever is longest on screen first"),
        _ms("start_ms", "first picture of the track"),
        _ms("end_ms", "last picture of the track"),
        _count("n_faces", "pictures in which it was found"),
        _share("likeness", "how surely the track is that person and no other, by appearance"),
        _text("character_id", "for whom the person is taken, by speaking turns", nullable=True),
        _share("certainty", "how surely the person is that character", nullable=True),
    ),
    key=("track_id",),
)

VOICE_COURSE = TableSchema(
    "voice_course",
    (
        _ms("t_ms", "centre of the frame, every 100 ms"),
        _number("pitch_hz", "fundamental frequency; null where unvoiced", unit="Hz", nullable=True, minimum=0),
        _number("loudness_db", "RMS level", unit="dBFS"),
        _share("speech", "speech probability"),
        _share("voice", "share of a voice in the sound", nullable=True),
        _share("music", "share of music in the sound", nullable=True),
        _share("noise", "share of noise in the sound", nullable=True),
    ),
    key=("t_ms",),
)

TEXT_LINES = TableSchema(
    "text_lines",
    (
        _text("unit_id", "the unit"),
        _text(
            "language",
            "language of its words, ISO 639-1 where it has a code there; null without words or where it is unknown",
            nullable=True,
        ),
        Column("read", "bool", "whether text features were made of it"),
        _text("described", "sounds and music that the subtitles describe with it, joined by '; '", nullable=True),
    ),
    key=("unit_id",),
)
