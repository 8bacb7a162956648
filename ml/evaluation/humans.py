"""People on the same units as the model: what a single rater reaches against the others, and whether the model is as good.

Each trusted rater's vote is held against the mode of the other trusted raters on its unit, so that nobody is compared with an answer
that is partly their own. A vote that meets a tie of k modes counts in k parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.contracts import RATERS, VOTES
from corpus.statistics import FloatArray, IntArray, jensen_shannon_bits, label_counts, split_half_noise_bits
from corpus.terms import EMOTIONS, FUSED, PERSPECTIVES
from ml.evaluation import baselines
from ml.evaluation.findings import HumanComparison, Interval, SoftLabelFit
from ml.evaluation.metrics import Judged, score
from ml.evaluation.report import SystemScore
from ml.evaluation.resampling import StrArray, unit_mean_interval
from ml.evaluation.scored import HUMAN, BoolArray, Scored, codes

if TYPE_CHECKING:
    import pandas as pd

SPLITS = 20
"""Random halves that the noise floor is averaged over."""


@dataclass(frozen=True)
class Ballots:
    """The trusted raters' votes on the gold units, one each: `unit` (v,) is the row in the scored table's gold, `rater` (v,) a number,
    `label` (v,) an emotion's number, `intensity` (v,) 0..1 or NaN, and `film` (v,) the film's id.
    """

    unit: IntArray
    rater: IntArray
    label: IntArray
    intensity: FloatArray
    film: StrArray

    def __len__(self) -> int:
        return len(self.unit)

    @cached_property
    def modes(self) -> BoolArray:
        """Which emotions are the most frequent among the other raters' votes on the unit (v, 7); none where nobody else voted."""
        n_units = int(self.unit.max(initial=-1)) + 1
        others = label_counts(self.unit, self.label, n_units, len(EMOTIONS))[self.unit]
        others[np.arange(len(self)), self.label] -= 1
        return (others == others.max(axis=1, keepdims=True)) & (others > 0)


def read_ballots(gold_dir: Path, scored: Scored) -> Ballots | None:
    """The votes on a scored table's gold units, of the perspective that its gold is of; None where there are none."""
    import pandas as pd

    if not (gold_dir / "votes.parquet").is_file():
        return None
    votes, raters = VOTES.read(gold_dir / "votes.parquet"), RATERS.read(gold_dir / "raters.parquet")
    trusted = raters.loc[~raters["flagged"].astype(bool), "annotator_id"]
    kept = votes[votes["unit_id"].isin(scored.gold["unit_id"]) & votes["annotator_id"].isin(trusted) & votes["label"].notna()]
    kept = _one_perspective(kept).drop_duplicates(["unit_id", "annotator_id"])
    if not len(kept):
        return None
    row = pd.Series(np.arange(len(scored.gold)), index=scored.gold["unit_id"].to_numpy())
    rater, _ = pd.factorize(kept["annotator_id"])
    return Ballots(
        row.loc[kept["unit_id"]].to_numpy(np.int64),
        rater.astype(np.int64),
        codes(kept["label"]),
        kept["intensity"].to_numpy(np.float64, na_value=np.nan),
        kept["film_id"].to_numpy(str),
    )


def _one_perspective(votes: pd.DataFrame) -> pd.DataFrame:
    rank = votes["perspective"].map({name: i for i, name in enumerate(PERSPECTIVES)})
    return votes[rank == rank.groupby(votes["unit_id"]).transform("min")]


def human_score(ballots: Ballots) -> SystemScore:
    """The score of the raters, as of a system that answers by single votes."""
    modes = ballots.modes
    vote, truth = np.nonzero(modes)
    return score(
        Judged(
            HUMAN,
            HUMAN,
            baselines.sure(ballots.label[vote]).astype(np.float64),
            truth.astype(np.int64),
            np.zeros((len(vote), len(EMOTIONS))),
            ballots.film[vote],
            1.0 / modes.sum(axis=1)[vote],
        )
    )


def hits(ballots: Ballots, said: IntArray) -> FloatArray:
    """How far one answer a vote (v,) agrees with the mode of the other raters: 1/k for one of k modes, NaN where nobody else voted."""
    modes = ballots.modes
    several = modes.sum(axis=1)
    right = modes[np.arange(len(ballots)), said].astype(np.float64)
    return np.divide(right, several, out=np.full(len(ballots), np.nan), where=several > 0)


def compare_with_humans(ballots: Ballots, top: IntArray) -> HumanComparison | None:
    """The emotions that the model names of the gold units (n,) beside the raters' own; None where no two raters share a unit."""
    model, human = hits(ballots, top[ballots.unit]), hits(ballots, ballots.label)
    known = np.isfinite(human)
    if not known.any():
        return None
    difference = unit_mean_interval((model - human)[known], ballots.film[known])
    return HumanComparison(
        n_films=len(set(ballots.film[known])),
        n_units=len(np.unique(ballots.unit[known])),
        n_votes=int(known.sum()),
        model=float(model[known].mean()),
        human=float(human[known].mean()),
        difference=difference,
        at_human_level=difference.high is not None and difference.high >= 0,
    )


def soft_label_fit(scored: Scored, ballots: Ballots | None) -> SoftLabelFit:
    """The model's distance to the votes beside the raters' own split halves and the prior's."""
    human, units = (None, 0) if ballots is None else _floor_bits(ballots)
    prior = _distance_bits(scored, "prior") if "prior" in scored.systems else None
    return SoftLabelFit(_distance_bits(scored, FUSED), prior, human, units)


def _distance_bits(scored: Scored, system: str) -> Interval:
    judged = scored.judged(system)
    return unit_mean_interval(jensen_shannon_bits(judged.soft, judged.probabilities), judged.film)


def _floor_bits(ballots: Ballots) -> tuple[float | None, int]:
    several = int((np.bincount(ballots.unit) > 1).sum())
    if not several:
        return None, 0
    splits = [split_half_noise_bits(ballots.unit, ballots.label, len(EMOTIONS), seed=seed) for seed in range(SPLITS)]
    return float(np.mean(splits)), several
