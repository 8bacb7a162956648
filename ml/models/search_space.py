"""Which numbers of training a search draws, and from where: the rates and the remedies against learning by heart, around what holds now.

A trial is judged by the loss on films that the network in question did not learn from, the one that also decides when networks stop. Every
film is such a film once, so that the best of many trials looks a little better than it is: what it is worth, films yet to come must tell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.models.settings import Settings, value_of
from ml.models.training import TrainingParams


@dataclass(frozen=True)
class Drawn:
    """Values between `low` and `high`, evenly or (`by_factor`) evenly by their logarithms."""

    low: float
    high: float
    by_factor: bool = False


SPREAD = 4.0
"""A rate is drawn from what holds divided by it to what holds times it."""

RATES = ("voice.learning_rate", "text.learning_rate", "face.learning_rate", "context.learning_rate", "context.transformer_rate")
REMEDIES = {
    "voice.mixup": Drawn(0.0, 0.6),
    "text.mixup": Drawn(0.0, 0.6),
    "face.mixup": Drawn(0.0, 0.6),
    "voice.weight_decay": Drawn(0.01, 0.3, by_factor=True),
    "text.weight_decay": Drawn(0.01, 0.3, by_factor=True),
    "context.drop_modality": Drawn(0.0, 0.5),
    "context.weight_decay": Drawn(0.1, 3.0, by_factor=True),
}


def space(params: TrainingParams) -> dict[str, Drawn]:
    """What is drawn, by "part.name"."""
    rates = {where: value_of(params, where) for where in RATES}
    return {where: Drawn(value / SPREAD, value * SPREAD, by_factor=True) for where, value in rates.items()} | REMEDIES


def present(params: TrainingParams) -> Settings:
    """What holds now, of all that is drawn: the first trial, which the others are to beat."""
    return {where: value_of(params, where) for where in space(params)}


def loss_of(model_dir: Path) -> float:
    """Loss of a trained model's context networks on the fold that each did not learn from, where that was least; nats a unit."""
    curves = json.loads((model_dir / "curves.json").read_text(encoding="utf-8"))
    best = [min(values) for name, values in curves.items() if name.startswith("context, validation")]
    return float(np.mean(best))
