"""What a validation report finds out beyond plain scores, as typed parts: calibration, abstention, people, groups, context, arcs, errors.

Each part is a frozen dataclass that `ml.evaluation.report` writes as JSON and that pages show as it stands. A figure is null where it
could not be computed, and says in its docstring in what unit and range it is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % bootstrap interval over films (null where fewer than two films)."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of the reliability diagram."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class ProbabilityScore:
    """How good a system's seven probabilities are, beyond which of them is the greatest.

    `nll_nats` (0..) is the mean negative log-likelihood of gold, `brier` (0..2) the squared distance to it summed over emotions,
    `classwise_ece` (0..1) the calibration error of each emotion's probability in 15 bins of equal mass, averaged over emotions.
    `cross_entropy_nats` (0..) is taken against the soft label, `entropy_correlation` (-1..1; null where either is constant) is Pearson's
    between both entropies, `vote_weighted_accuracy` (0..1) the mean share of the smoothed votes that the named emotion has.
    """

    nll_nats: float
    brier: float
    classwise_ece: float
    cross_entropy_nats: float
    entropy_correlation: float | None
    vote_weighted_accuracy: float
