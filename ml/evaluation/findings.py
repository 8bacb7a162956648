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


@dataclass(frozen=True)
class CoveragePoint:
    """The accuracy (0..1) among the share `coverage` (0..1) of units on which a system is surest: those of at least `confidence` (0..1)."""

    coverage: float
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Abstention:
    """What a system gains by saying "uncertain": its risk-coverage curve in 20 points.

    `accuracy_at_80` (0..1) is that on the surest four fifths, `aurc` (0..1, lower is better) the error rate averaged over all coverages.
    """

    system: str
    points: list[CoveragePoint]
    accuracy_at_80: float
    aurc: float


@dataclass(frozen=True)
class SoftLabelFit:
    """How far predictions are from the raters' votes, beside what nobody can be better than and what everybody can be.

    All in bits of Jensen-Shannon divergence (0..1) on the gold units: the model's and the training films' mean label (`prior`) against
    the smoothed votes; `human` between two random halves of a unit's votes, over the `n_units_human` units with two votes or more.
    """

    model: Interval
    prior: Interval | None
    human: float | None
    n_units_human: int


@dataclass(frozen=True)
class HumanComparison:
    """The model beside a single rater, both held against the mode of the other trusted raters on the same votes.

    `model` and `human` are shares of votes right (0..1; a tie of k modes counts in parts), `difference` is model less human with its
    interval over films; `at_human_level` is true only where that interval includes or exceeds 0.
    """

    n_films: int
    n_units: int
    n_votes: int
    model: float
    human: float
    difference: Interval
    at_human_level: bool


@dataclass(frozen=True)
class GroupScore:
    """The model on one group of units (`kind` genre, language, ...; `value` comedy, en, ...), with what people reach on the same units.

    `ece` (0..1) has one bin of equal mass for each ten units, 15 at most, and its interval leans upwards, as every one of an absolute
    gap; no figure has an interval from fewer than five films. `human` (0..1) is the raters' agreement with each other's mode on these
    units. `recall` is by emotion (null: no such unit), `false_distress` (0..1) the share of the units of neither fear nor sadness that the
    model takes for one of them. `difference` (-1..1) is the group's accuracy less that of all other units, `p_value` that of a two-sided
    permutation by film (within the films that have units of both, where there are such), `p_holm` Holm's over all groups; null where
    nothing is outside the group, or nothing can be permuted.
    """

    kind: str
    value: str
    n_units: int
    n_films: int
    accuracy: Interval
    uar: Interval
    ece: Interval
    human: float | None
    recall: dict[str, float | None]
    false_distress: float | None
    difference: float | None
    p_value: float | None
    p_holm: float | None

    @property
    def name(self) -> str:
        """Kind and value, such as `genre: comedy`: no two groups of a report have the same."""
        return f"{self.kind}: {self.value}"


LEAST_GROUP = 30
"""Fewer units of a group are counted and not told."""


@dataclass(frozen=True)
class ContextUse:
    """What neighbours bring: accuracy (0..1) with the neighbours as they are, without any, and with others of the same film in their place.

    `gain` is what context brings over none, `order_gain` what the true neighbours bring over shuffled ones (-1..1, intervals over
    films); null where the model was tested without that. `units` says which ones count.
    """

    units: str
    n_units: int
    n_films: int
    with_context: Interval
    without: Interval | None
    shuffled: Interval | None
    gain: Interval | None
    order_gain: Interval | None


@dataclass(frozen=True)
class Incongruence:
    """Units whose single modalities name different emotions, and whose side the fused system takes.

    `accuracy` (0..1) is that of the fused system and each modality on them, `follows` (0..1) the share of the units that have the modality
    on which the fused system names what it names; two that agree are followed together, and `follows_none` is the share where none is.
    """

    n_units: int
    n_films: int
    accuracy: dict[str, float]
    follows: dict[str, float]
    follows_none: float


@dataclass(frozen=True)
class LevelScore:
    """A predicted level (intensity 0..1, valence or arousal -1..1) against gold's, by film, then averaged.

    Only the `n_films` with `least` units or more count. `ccc` and `pearson` are -1..1 (films where either is constant have no Pearson),
    `mae` is in the level's own units. `human_ccc` is the same of each single rater against the mean of the others on the same units.
    """

    least: int
    n_films: int
    n_units: int
    ccc: Interval
    pearson: Interval | None
    mae: Interval
    human_ccc: float | None


@dataclass(frozen=True)
class ArcScore:
    """A system's courses of valence against the raters', by film, then averaged: `r` and `ccc` -1..1.

    `warped` (0..2) is how far apart in valence the courses are once their turns may come up to 5 % of the film early or late; null in a
    report of before that was measured.
    `turning_f1` (0..1) is that of the turning points of all films, matched within 2 % of the film; null where there are none.
    `same_shape` (0..1) is the share of films whose course has the same of six shapes, by chance 0.17.
    """

    system: str
    n_films: int
    r: Interval
    ccc: Interval
    turning_f1: float | None
    same_shape: float
    warped: Interval | None = None


@dataclass(frozen=True)
class FilmArc:
    """One film's course of valence (-1..1) at 100 times from its first line to its last, as the raters and as the fused system have it.

    The shapes are values of `corpus.terms.ArcShape`; `r` is null where a course never changes.
    """

    film_id: str
    n_units: int
    raters: list[float]
    model: list[float]
    r: float | None
    raters_shape: str
    model_shape: str


@dataclass(frozen=True)
class ArcComparison:
    """The films' courses of valence. `human_r` is what the raters' halves agree on, stepped up to all of them (Spearman-Brown)."""

    scores: list[ArcScore]
    films: list[FilmArc]
    human_r: float | None


@dataclass(frozen=True)
class Said:
    """What one system says of a unit: its emotion with its probability, and the probability of the gold emotion (both 0..1)."""

    system: str
    emotion: str
    probability: float
    gold_probability: float


@dataclass(frozen=True)
class WorstError:
    """A unit on which the fused system loses most: `loss_nats` (0..) against `gold`, and what everybody said of it.

    `votes` counts the trusted raters by emotion; times are null for a unit of a corpus without them. The unit's words stay where they are:
    a report may leave this place, a film's words may not.
    """

    unit_id: str
    film_id: str
    start_ms: int | None
    end_ms: int | None
    gold: str
    loss_nats: float
    votes: dict[str, int]
    said: list[Said]
