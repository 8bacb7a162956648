"""Which column comes from which: declared once as data, for Dagster's column lineage and for OpenLineage.

Each entry names the columns of one asset's table and, for each, the columns of the assets directly before it that its values are made
from; what comes from no table (a film's rights, say) is not listed. So a figure of the report can be followed, asset by asset, back to the
words that raters gave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from corpus.contracts import ANNOTATIONS, GOLD_LABELS, PREDICTIONS, UNITS, Column, TableSchema
from corpus.datasets.registry import CORPORA
from corpus.terms import EMOTIONS, LEVELS, MODALITIES, PROBABILITY_COLUMNS
from pages.cards.dataset import CARD_UNITS

SCORES = TableSchema(
    "scores",
    (
        Column("corpus", "string", "the body of data: the films, or a public corpus"),
        Column("system", "string", "fused, a modality, a baseline's name, or the raters"),
        Column("n_units", "int64", "gold units it was tested on, every film unseen", minimum=0),
        Column("accuracy", "float64", "share of gold units named right", minimum=0, maximum=1),
        Column("uar", "float64", "mean recall over the emotions", minimum=0, maximum=1),
        Column("macro_f1", "float64", "mean F1 over the emotions", minimum=0, maximum=1),
        Column("weighted_f1", "float64", "F1 weighted by the emotions' units", minimum=0, maximum=1),
        Column("jsd_bits", "float64", "mean Jensen-Shannon divergence to the soft label", unit="bits", nullable=True, minimum=0),
        Column("ece", "float64", "calibration error, 15 bins of equal mass", nullable=True, minimum=0, maximum=1),
    ),
    key=("corpus", "system"),
)
"""The figures of the validation report, one row a corpus and system."""

LABELLED = TableSchema(
    "labelled", (*GOLD_LABELS.columns, *(column for column in UNITS.columns if column.name not in GOLD_LABELS.names)), key=GOLD_LABELS.key
)
"""A public corpus as Dagster shows it: its labels with the units that they are of."""


@dataclass(frozen=True)
class ColumnSource:
    """A column of an asset's table."""

    asset: str
    column: str


Sources = Mapping[str, tuple[ColumnSource, ...]]
"""By column, what its values are made from."""


def _of(asset: str, *columns: str) -> tuple[ColumnSource, ...]:
    return tuple(ColumnSource(asset, column) for column in columns)


def _same(asset: str, columns: Iterable[str]) -> Sources:
    """Columns taken over under their names."""
    return {column: _of(asset, column) for column in columns}


def _joined(*parts: Sources) -> Sources:
    """What several assets contribute to the same columns."""
    columns = dict.fromkeys(column for part in parts for column in part)
    return {column: tuple(dict.fromkeys(source for part in parts for source in part.get(column, ()))) for column in columns}


_NEXT = tuple(f"next_{emotion}" for emotion in EMOTIONS)
_SEEN = tuple(f"has_{modality}" for modality in MODALITIES)
_VOTE = ("label", "dimension", "annotator_id", "group_id", "status")
"""Whose vote it is, for which emotion, and whether it counts; a rater's weight comes from the same columns."""

_SOFT = ("status", "label", *PROBABILITY_COLUMNS)
_GOLD = (*_SOFT, *LEVELS)
_RAW: Sources = {
    "label": _of("annotation_batches", "label", "label_raw", "vocabulary_id"),
    "value": _of("annotation_batches", "value", "value_raw", "scale_min", "scale_max"),
}
"""An importer makes `label` and `value` of what the rater gave, which stands beside them."""


def _corpora(output: str, columns: Iterable[str]) -> list[Sources]:
    wanted = tuple(columns)
    return [_same(corpus.assets[output], wanted) for corpus in CORPORA.values() if output in corpus.assets]


def _present(modality: str) -> Sources:
    """Whether a unit has a modality: of films, and of corpora that bring it."""
    corpora = [corpus.assets[modality] for corpus in CORPORA.values() if modality in corpus.assets]
    return {f"has_{modality}": tuple(ColumnSource(asset, "present") for asset in (f"{modality}_features", *corpora))}


_HITS = (*_of("emotion_model", *PROBABILITY_COLUMNS), *_of("training_set", "label"), *_of("gold_labels", "label"))
"""What decides whether a gold unit was named right, by the model and by raters."""

COLUMN_SOURCES: Mapping[str, Sources] = {
    "scenes": _joined(
        _same("dialogue", ("film_id", "start_ms", "end_ms", "text", "character_id")),
        {
            "unit_id": _of("dialogue", "utterance_id"),
            "addressee_id": _of("dialogue", "character_id"),
            "position": _of("dialogue", "index"),
            "scene_id": (*_of("dialogue", "start_ms", "end_ms", "scene_heading"), *_of("shots", "start_ms", "end_ms")),
        },
        _same("shots", ("start_ms", "end_ms")),
    ),
    "face_features": {
        "unit_id": _of("scenes", "unit_id"),
        "present": (*_of("scenes", "start_ms", "end_ms"), *_of("faces", "track_id", "t_ms")),
    },
    "voice_features": {"unit_id": _of("scenes", "unit_id"), "present": _of("scenes", "start_ms", "end_ms")},
    "text_features": {"unit_id": _of("scenes", "unit_id"), "present": _of("scenes", "text")},
    "scene_features": {"unit_id": _of("scenes", "unit_id"), "present": _of("scenes", "start_ms", "end_ms")},
    "annotations": {**_same("annotation_batches", ANNOTATIONS.names), **_RAW},
    "gold_labels": {
        "unit_id": (*_of("scenes", "unit_id", "start_ms", "end_ms"), *_of("annotations", "unit_id", "film_id", "start_ms", "end_ms")),
        **_same("annotations", ("film_id", "perspective")),
        **dict.fromkeys((*_SOFT, "rater_model_label", "n_raters", "top_share", "entropy_bits"), _of("annotations", *_VOTE)),
        **dict.fromkeys(LEVELS, _of("annotations", "value", *_VOTE)),
    },
    "training_set": {
        **_joined(_same("scenes", UNITS.names), *_corpora("corpus", UNITS.names)),
        **{column: sources for modality in MODALITIES for column, sources in _present(modality).items()},
        **_joined(_same("gold_labels", _GOLD), *_corpora("corpus", _GOLD)),
    },
    "emotion_model": {
        **_same("training_set", ("unit_id", "film_id")),
        "fold": _of("training_set", "group_id"),
        **dict.fromkeys(PROBABILITY_COLUMNS, _of("training_set", *PROBABILITY_COLUMNS, *_SEEN, "scene_id", "position")),
        **dict.fromkeys(LEVELS, _of("training_set", *LEVELS, *_SEEN, "scene_id", "position")),
        **dict.fromkeys(_NEXT, _of("training_set", *PROBABILITY_COLUMNS, *_SEEN, "scene_id", "position")),
    },
    "validation_report": {
        "corpus": _of("training_set", "source"),
        "system": _of("emotion_model", "system"),
        "n_units": (*_of("emotion_model", "unit_id"), *_of("training_set", "label")),
        **dict.fromkeys(("accuracy", "uar", "macro_f1", "weighted_f1", "ece"), _HITS),
        "jsd_bits": (*_of("emotion_model", *PROBABILITY_COLUMNS), *_of("training_set", *PROBABILITY_COLUMNS)),
    },
    "dataset_card": _same("training_set", CARD_UNITS.names),
    "champion": _same("emotion_model", PREDICTIONS.names),
    "film_report": _same("champion", PREDICTIONS.names),
    "report": _same("validation_report", SCORES.names),
}
"""By asset, its table's columns and what they are made from."""


def origin(asset: str, column: str) -> str:
    """What a column is made from, as the end of its description: "; from scenes (unit_id), annotations (label)"; '' where not known."""
    by_asset: dict[str, list[str]] = {}
    for source in COLUMN_SOURCES.get(asset, {}).get(column, ()):
        by_asset.setdefault(source.asset, []).append(source.column)
    told = ", ".join(f"{name} ({', '.join(columns)})" for name, columns in by_asset.items())
    return f"; from {told}" if told else ""
