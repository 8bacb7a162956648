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

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % bootstrap interval over films (null where fewer than two films)."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class SystemScore:
    """One system's scores over all gold units it was tested on, every film unseen.

    `uar` is macro recall, `jsd_bits` the mean Jensen-Shannon divergence to the soft label, `ece` the 15-bin equal-mass calibration
    error. `by_film` maps film_id to accuracy, `recall` an emotion to its recall (null: no such unit), `confusion[i][j]` counts units
    of gold emotion i predicted as j in the order of EMOTIONS.
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


@dataclass(frozen=True)
class PairedTest:
    """Fused against another system, by film: mean difference in accuracy and exact (or 100,000-draw) sign-flip p, one-sided."""

    other: str
    n_films: int
    difference: float
    p_value: float


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of the reliability diagram."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class SliceScore:
    """Accuracy of each system on a slice of the units (contradictory lines, one emotion, one corpus, ...)."""

    name: str
    n_units: int
    accuracy: dict[str, float]


@dataclass(frozen=True)
class CorpusReport:
    """One body of data with its own split: the films of the catalogue ("films"), or a public corpus ("xed")."""

    name: str
    n_films: int
    n_units: int
    n_gold: int
    scores: list[SystemScore]
    tests: list[PairedTest]
    reliability: list[ReliabilityBin]
    slices: list[SliceScore] = field(default_factory=list)


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
    schema_version: int = SCHEMA_VERSION

    def corpus(self, name: str) -> CorpusReport | None:
        """The named corpus's report, or None."""
        return next((corpus for corpus in self.corpora if corpus.name == name), None)

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_json(path, dataclasses.asdict(self))

    @classmethod
    def read(cls, path: Path) -> ValidationReport:
        """Read what `write` wrote."""
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        agreement = raw.pop("agreement")
        return cls(
            **{
                **raw,
                "corpora": [_corpus(item) for item in raw["corpora"]],
                "reaction": [_score(item) for item in raw["reaction"]],
                "agreement": Agreement(**agreement) if agreement else None,
            }
        )


def _corpus(raw: dict[str, Any]) -> CorpusReport:
    return CorpusReport(
        **{
            **raw,
            "scores": [_score(item) for item in raw["scores"]],
            "tests": [PairedTest(**item) for item in raw["tests"]],
            "reliability": [ReliabilityBin(**item) for item in raw["reliability"]],
            "slices": [SliceScore(**item) for item in raw["slices"]],
        }
    )


def _score(raw: dict[str, Any]) -> SystemScore:
    intervals = {name: Interval(**raw[name]) for name in ("accuracy", "uar", "macro_f1")}
    return SystemScore(**{**raw, **intervals})
