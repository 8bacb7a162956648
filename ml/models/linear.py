"""Softmax regression over few named features, kept as JSON that people can read.

What it learns is small enough to be looked at: a weight for each feature and class. The loss is convex, and scipy's L-BFGS solves it from
the same start, so that the same examples give the same file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from corpus.paths import write_text
from corpus.terms import FeelmError
from ml.models.calibration import log_softmax
from ml.models.dataset import FloatArray

MOST_STEPS = 5000
BIAS = "bias"


@dataclass(frozen=True)
class Linear:
    """Weights (features + 1, classes), the last row being the bias, of `features` and for `classes` by name."""

    features: tuple[str, ...]
    classes: tuple[str, ...]
    weights: FloatArray

    def logits(self, rows: FloatArray) -> FloatArray:
        """Logits (n, classes) of features (n, f)."""
        return (rows @ self.weights[:-1] + self.weights[-1]).astype(np.float32)

    def reasons(self, row: FloatArray, chosen: int, most: int) -> tuple[str, ...]:
        """The features of a row (f,) that raised a class above the mean of all most, the strongest first."""
        gain = row * (self.weights[:-1, chosen] - self.weights[:-1].mean(axis=1))
        return tuple(self.features[i] for i in np.argsort(-gain)[:most] if gain[i] > 0)

    def write(self, path: Path) -> None:
        """Keep it as JSON: by class, the weight of each feature."""
        names = (*self.features, BIAS)
        columns = zip(self.classes, self.weights.T, strict=True)
        table = {name: dict(zip(names, (round(float(w), 4) for w in column), strict=True)) for name, column in columns}
        write_text(path, json.dumps(table, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Linear:
        """What a file keeps.

        Raises:
            FeelmError: its classes are not weighed by the same features.
        """
        table: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
        columns = {tuple(column) for column in table.values()}
        if len(columns) != 1 or BIAS not in (names := columns.pop()):
            raise FeelmError(f"{path} does not weigh each class by the same features: fit it again")
        weights = np.array([[column[name] for column in table.values()] for name in names], np.float32)
        return cls(names[:-1], tuple(table), weights)


def fit(
    rows: FloatArray,
    labels: Sequence[str],
    features: Sequence[str],
    classes: Sequence[str],
    ridge: float,
    evenly: float = 1.0,
    around: FloatArray | float = 0.0,
) -> Linear:
    """Learn from examples: features (n, f) and the class of each.

    `ridge` weighs the squares of how far the weights are from `around` (features, classes); `evenly` goes from 0 (every example alike) to 1
    (every class alike).
    """
    from scipy.optimize import minimize  # training alone needs it

    target = np.eye(len(classes))[[list(classes).index(label) for label in labels]]
    weight = (target / np.maximum(target.sum(axis=0), 1) ** evenly).sum(axis=1)
    weight *= len(labels) / weight.sum()
    given = np.column_stack([rows.astype(np.float64), np.ones(len(rows))])
    penalty = np.append(np.full(rows.shape[1], ridge), 0)[:, None]
    centre = np.zeros((given.shape[1], len(classes)))
    centre[:-1] = around

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        away, log_p = flat.reshape(centre.shape) - centre, log_softmax(given @ flat.reshape(centre.shape))
        value = 0.5 * float((penalty * away**2).sum()) - float(weight @ (target * log_p).sum(axis=1))
        slope = given.T @ ((np.exp(log_p) - target) * weight[:, None]) + penalty * away
        return value, slope.ravel()

    found = minimize(loss, centre.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS, "ftol": 1e-12, "gtol": 1e-6})
    weights = found.x.reshape(centre.shape)
    return Linear(tuple(features), tuple(classes), weights.astype(np.float32))
