"""The validation report: what the model is worth on films it never saw, as typed JSON.

One `ValidationReport` holds every system's scores over the same units, the human ceiling on those units, paired tests by film and
what was left out and why. Pages and promotion read it; nobody recomputes.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus.paths import write_json
from corpus.terms import FeelmError
from ml.evaluation.findings import (
    Abstention,
    ArcComparison,
    ContextUse,
    GroupScore,
    HumanComparison,
    Incongruence,
    LevelScore,
    ProbabilityScore,
    ReliabilityBin,
    SoftLabelFit,
    WorstError,
)
from ml.evaluation.findings import (
    Interval as Interval,
)
from ml.evaluation.robustness.report import RobustnessReport
from ml.evaluation.typed import typed

SCHEMA_VERSION = 4


@dataclass(frozen=True)
class SystemScore:
    """One system's scores over all gold units it was tested on, every film unseen.

    `uar` is macro recall, `jsd_bits` the mean Jensen-Shannon divergence to the soft label, `ece` the 15-bin equal-mass calibration
    error. `by_film` maps film_id to accuracy, `recall` an emotion to its recall (null: no such unit), `confusion[i][j]` counts units
    of gold emotion i predicted as j in the order of EMOTIONS. Raters, who state no probabilities, have no `jsd_bits`, `ece`, `probability`.
    """

    system: str
    kind: str  # fused | modality | baseline | human
    n_units: int
    accuracy: Interval
    uar: Interval
    macro_f1: Interval
    weighted_f1: float
    jsd_bits: float | None
    ece: float | None
    by_film: dict[str, float]
    macro_f1_by_film: dict[str, float]
    recall: dict[str, float | None]
    f1: dict[str, float | None]
    confusion: list[list[int]]
    probability: ProbabilityScore | None = None


@dataclass(frozen=True)
class PairedTest:
    """Fused against another system, by film: mean difference in accuracy and exact (or 100,000-draw) sign-flip p, one-sided.

    `low` and `high` bound the difference (95 %, films resampled; null for one film), `p_holm` is Holm's p over the corpus's systems,
    `uar` the difference in macro recall over all units with its interval.
    """

    other: str
    n_films: int
    difference: float
    p_value: float
    low: float | None = None
    high: float | None = None
    p_holm: float | None = None
    uar: Interval | None = None


@dataclass(frozen=True)
class SliceScore:
    """Accuracy of each system on a slice of the units (contradictory lines, one emotion, one corpus, ...)."""

    name: str
    n_units: int
    accuracy: dict[str, float]


@dataclass(frozen=True)
class CorpusReport:
    """One body of data with its own split: the films of the catalogue ("films"), or a public corpus ("xed").

    `n_units` counts tested units with a soft label, `n_gold` those of them with gold, on which all systems are scored.
    `groups_withheld` counts the units of groups too small to be told, by their names.
    """

    name: str
    n_films: int
    n_units: int
    n_gold: int
    scores: list[SystemScore]
    tests: list[PairedTest]
    reliability: list[ReliabilityBin]
    slices: list[SliceScore] = field(default_factory=list)
    abstention: list[Abstention] = field(default_factory=list)
    soft_labels: SoftLabelFit | None = None
    humans: HumanComparison | None = None
    groups: list[GroupScore] = field(default_factory=list)
    groups_withheld: dict[str, int] = field(default_factory=dict)
    context: list[ContextUse] = field(default_factory=list)
    incongruence: Incongruence | None = None
    intensity: LevelScore | None = None
    affect: dict[str, LevelScore] = field(default_factory=dict)
    arcs: ArcComparison | None = None
    errors: list[WorstError] = field(default_factory=list)


@dataclass(frozen=True)
class Agreement:
    """How far the raters agree: Krippendorff's alpha (nominal for category, interval else) and who was flagged."""

    alpha: dict[str, float]
    n_raters: int
    n_judgements: int
    flagged: dict[str, str]


@dataclass(frozen=True)
class ValidationReport:
    """Everything said about one trained model."""

    model_version: str
    trained_on: dict[str, str]  # corpus or "films" -> declared use and licence
    corpora: list[CorpusReport]
    agreement: Agreement | None
    reaction: list[SystemScore]  # next-emotion scores: model, persistence, majority
    left_out: dict[str, str]  # film_id or corpus -> why it could not be used
    notes: list[str]
    characters: dict[str, list[SystemScore]] = field(default_factory=dict)  # next-emotion scores of a character present, by role
    robustness: RobustnessReport | None = None  # what disturbed films cost, where that was measured of this model
    schema_version: int = SCHEMA_VERSION

    def corpus(self, name: str) -> CorpusReport | None:
        """The named corpus's report, or None."""
        return next((corpus for corpus in self.corpora if corpus.name == name), None)

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_json(path, dataclasses.asdict(self))

    @classmethod
    def read(cls, path: Path) -> ValidationReport:
        """Read what `write` wrote; a report of an earlier schema lacks what later ones added.

        Raises:
            FeelmError: a later version wrote it.
        """
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = int(raw.get("schema_version", 1))
        if version > SCHEMA_VERSION:
            raise FeelmError(f"{path} is of schema {version}, this Feelm reads up to {SCHEMA_VERSION}: update it, or make the report again")
        return typed(cls, raw)
