"""What disturbed films cost, as typed JSON: the change of macro recall (UAR) of the fused model and of each modality that is met."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from corpus.paths import write_json
from corpus.terms import FeelmError
from ml.evaluation.findings import Interval
from ml.evaluation.robustness.conditions import conditions_of
from ml.evaluation.typed import typed

SCHEMA_VERSION = 1
REPORT_FILE = "robustness.json"
"""In the home's benchmarks."""


@dataclass(frozen=True)
class SystemChange:
    """A system on disturbed films: its UAR (0..1), and by how much that is above (below 0: under) the clean one, the same films drawn for
    both. `present` (0..1) is the share of units in which its modality is still found; 1 for the fused model.
    """

    system: str
    uar: Interval
    change: Interval
    present: float


@dataclass(frozen=True)
class ConditionScore:
    """One dose of a disturbance; `unit` says what the dose means. `seconds` is what reading the films anew took."""

    disturbance: str
    dose: float
    unit: str
    changes: list[SystemChange]
    seconds: float


@dataclass(frozen=True)
class RobustnessReport:
    """All that was tried, on `n_units` gold units of `n_films` films, each read by networks that never saw its film.

    `clean` is the UAR of each system on the films as they are, `clean_present` the share of units with its modality, `without` the fused
    model's UAR where a modality is known to be missing.
    """

    model_version: str
    seed: int
    n_films: int
    n_units: int
    clean: dict[str, Interval]
    clean_present: dict[str, float]
    without: dict[str, Interval]
    conditions: list[ConditionScore]
    notes: list[str]
    schema_version: int = SCHEMA_VERSION

    def beside(self, earlier: RobustnessReport) -> RobustnessReport:
        """With those conditions of an earlier report that were not tried again, where it is of the same readings."""
        same = all(getattr(self, name) == getattr(earlier, name) for name in ("model_version", "seed", "n_films", "n_units", "clean"))
        if not same:
            return self
        found = {(one.disturbance, one.dose): one for one in [*earlier.conditions, *self.conditions]}
        order = [(one.disturbance.value, one.dose) for one in conditions_of()]
        ranked = sorted(found, key=lambda key: order.index(key) if key in order else len(order))
        return dataclasses.replace(self, conditions=[found[key] for key in ranked])

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_json(path, dataclasses.asdict(self))

    @classmethod
    def read(cls, path: Path) -> RobustnessReport:
        """Read what `write` wrote.

        Raises:
            FeelmError: a later version wrote it.
        """
        raw = json.loads(path.read_text(encoding="utf-8"))
        if int(raw["schema_version"]) > SCHEMA_VERSION:
            raise FeelmError(f"{path} is of schema {raw['schema_version']}, this Feelm reads up to {SCHEMA_VERSION}: update it")
        return typed(cls, raw)
