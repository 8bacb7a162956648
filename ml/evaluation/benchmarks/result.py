"""What a benchmark says: figures as means over seeds with their spread, each class, the baselines in the same run, and the protocol.

The protocol tells in words and numbers what was trained on, what chose and what was scored, so that a figure is never read apart from how
it came about. Everything is plain numbers and names, for people and for JSON alike.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field

Metrics = dict[str, float]
"""Figure by name: accuracy, uar, macro_f1, weighted_f1, ece, nll_nats, brier, jsd_bits, or what the set's protocol has instead."""


@dataclass(frozen=True)
class ClassScore:
    """One class: precision, recall and F1 (0..1, means over seeds) and how many items have it."""

    precision: float
    recall: float
    f1: float
    n: int


@dataclass(frozen=True)
class Protocol:
    """How the figures came about: what was trained on, what chose, what was scored, and with which system and settings."""

    trained_on: str
    chosen_on: str
    scored_on: str
    classes: tuple[str, ...]
    seeds: tuple[int, ...]
    n_train: int
    n_scored: int
    system: str
    settings: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BenchmarkResult:
    """One run: `spread` is the standard deviation over seeds, `variants` are other systems of ours, `baselines` must be beaten."""

    benchmark: str
    metrics: Metrics
    spread: Metrics
    per_class: dict[str, ClassScore]
    variants: dict[str, Metrics]
    baselines: dict[str, Metrics]
    protocol: Protocol
    seconds: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """As JSON with sorted keys; figures are rounded to six places."""
        return json.dumps(_rounded(dataclasses.asdict(self)), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _rounded(value: object) -> object:
    match value:
        case float():
            return round(value, 6)
        case dict():
            return {name: _rounded(part) for name, part in value.items()}
        case list() | tuple():
            return [_rounded(part) for part in value]
        case _:
            return value
