"""Gold labels of public corpora, by the same shape as those of films.

Of most corpora one label a unit was published and no rater: it counts as one vote, smoothed as one, and is gold by the corpus's
declaration, since nothing is known of how many agreed. An emotion that an actor was told to play was voted by nobody and has no raters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from corpus import statistics
from corpus.contracts import GOLD_LABELS
from corpus.statistics import FloatArray
from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS, GoldStatus

VOTE = 1
"""`n_raters` of a published label: one vote, behind which an unknown number of raters stands."""

BY_DESIGN = 0
"""`n_raters` of an intended emotion."""


def shares_of(emotions: Sequence[Sequence[str]]) -> FloatArray:
    """Shares (n, 7) of units with one or several labels, which count alike."""
    shares = np.zeros((len(emotions), len(EMOTIONS)))
    for row, own in zip(shares, emotions, strict=True):
        row[[EMOTIONS.index(emotion) for emotion in own]] = 1 / len(own)
    return shares


def declared_gold(units: pd.DataFrame, emotions: Sequence[Sequence[str]], perspective: str, n_raters: int) -> pd.DataFrame:
    """GOLD_LABELS of `units` (unit_id, film_id): gold where a unit has one label, ambiguous where it has several."""
    labels = [own[0] if len(own) == 1 else None for own in emotions]
    status = [GoldStatus.AMBIGUOUS.value if label is None else GoldStatus.GOLD.value for label in labels]
    return gold_of_votes(units, shares_of(emotions), perspective, status, labels, n_raters)


def gold_of_votes(
    units: pd.DataFrame,
    votes: FloatArray,
    perspective: str,
    status: Sequence[str],
    labels: Sequence[str | None],
    n_raters: int | np.ndarray,
    intensity: FloatArray | None = None,
) -> pd.DataFrame:
    """GOLD_LABELS from the votes (n, 7) of each unit; `intensity` (n,) is in 0..1, NaN where nobody gave one."""
    smoothed = statistics.smoothed_shares(votes)
    gold = pd.DataFrame(smoothed, columns=list(PROBABILITY_COLUMNS)).assign(
        unit_id=units["unit_id"].to_numpy(),
        film_id=units["film_id"].to_numpy(),
        perspective=perspective,
        status=list(status),
        label=list(labels),
        rater_model_label=None,
        n_raters=n_raters,
        top_share=votes.max(axis=1) / votes.sum(axis=1),
        entropy_bits=statistics.entropy_bits(smoothed),
        intensity=intensity,
        valence=None,
        arousal=None,
    )
    return gold[GOLD_LABELS.names]
