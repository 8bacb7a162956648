"""What every feature extractor shares: the units in, one row per unit out, and a summary that tells what is missing.

A feature is a float32 column; a unit without the modality has `present` false and nulls, never zeros. Columns that end in `_rel` are
the same measure minus its median over the speaker's own units, so that a deep voice or a low brow is not taken for an emotion.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.contracts import UNIT_FEATURES, UNITS
from corpus.paths import write_json

if TYPE_CHECKING:
    import pandas as pd

FEATURES_FILE = "features.parquet"
COURSE_FILE = "course.parquet"
EMBEDDING_FILE = "embedding.safetensors"
SPEECH_FILE = "speech.safetensors"
SUMMARY_FILE = "summary.json"

Columns = dict[str, np.ndarray]

MIN_OWN_UNITS = 3
"""Measured units of a character from which on their own median is what they are compared with."""


@dataclass(frozen=True)
class FeatureSummary:
    """How much of a modality was found. `missing` says in words why a unit or the whole film lacks it; null when nothing does."""

    n_units: int
    n_present: int
    n_features: int
    missing: str | None


def read_units(scenes_dir: Path) -> pd.DataFrame:
    """The film's units, of every level, in the order of the table."""
    return UNITS.read(scenes_dir / "units.parquet")


def write_features(units: pd.DataFrame, columns: Mapping[str, np.ndarray], present: np.ndarray, out: Path) -> pd.DataFrame:
    """Write features.parquet, row-aligned with `units`: float32 columns, null where a unit is not present or the value is NaN."""
    import pandas as pd

    values = {name: np.where(present & np.isfinite(column), column, np.nan).astype(np.float32) for name, column in columns.items()}
    table = pd.DataFrame({"unit_id": units["unit_id"].to_numpy(), "present": present.astype(bool)} | values)
    return UNIT_FEATURES.write(table, out / FEATURES_FILE)


def write_summary(summary: FeatureSummary, out: Path) -> None:
    """Write summary.json beside the features."""
    write_json(out / SUMMARY_FILE, dataclasses.asdict(summary))


def relative_to_film(values: np.ndarray) -> np.ndarray:
    """`values` (n,) minus their median over the film."""
    return values - _median(values)


def relative_to_speaker(values: np.ndarray, units: pd.DataFrame) -> np.ndarray:
    """`values` (n,) minus the median over the same character's units, or over all units where the speaker is unknown.

    A character with fewer than three measured units is compared with the whole film.
    """
    result = relative_to_film(values)
    if len(values) < MIN_OWN_UNITS:
        return result
    for _, rows in units.groupby("character_id", sort=True).indices.items():
        if np.isfinite(values[rows]).sum() >= MIN_OWN_UNITS:
            result[rows] = values[rows] - _median(values[rows])
    return result


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else 0.0


def stack_rows(rows: list[dict[str, float]], names: tuple[str, ...]) -> Columns:
    """Columns in the order of `names` from one mapping a unit; what a unit lacks is NaN."""
    return {name: np.array([row.get(name, np.nan) for row in rows], np.float64) for name in names}
