"""People on the same units as the model: what a single rater reaches against the others.

Each trusted rater's vote is held against the mode of the other trusted raters on its unit, so that nobody is compared with an answer
that is partly their own. A vote that meets a tie of k modes counts in k parts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from corpus.contracts import RATERS, VOTES
from corpus.terms import EMOTIONS
from ml.evaluation import baselines
from ml.evaluation.metrics import Judged, confusions, score
from ml.evaluation.report import SystemScore
from ml.evaluation.scored import HUMAN, Scored, codes


def human_score(gold_dir: Path, scored: Scored) -> SystemScore | None:
    """Each trusted rater's votes against the mode of the other trusted raters on the same gold units; a tie counts in parts."""
    import pandas as pd

    if not (gold_dir / "votes.parquet").is_file():
        return None
    votes, raters = VOTES.read(gold_dir / "votes.parquet"), RATERS.read(gold_dir / "raters.parquet")
    trusted = raters.loc[~raters["flagged"].astype(bool), "annotator_id"]
    kept = votes[votes["unit_id"].isin(scored.gold["unit_id"]) & votes["annotator_id"].isin(trusted) & votes["label"].notna()]
    kept = kept.drop_duplicates(["unit_id", "annotator_id"])
    if not len(kept):
        return None
    item, units = pd.factorize(kept["unit_id"])
    said = codes(kept["label"])
    others = confusions(said, said, item.astype(np.int64), len(units)).diagonal(axis1=1, axis2=2)[item]
    others[np.arange(len(kept)), said] -= 1
    modes = (others == others.max(axis=1, keepdims=True)) & (others > 0)
    vote, truth = np.nonzero(modes)
    return score(
        Judged(
            HUMAN,
            HUMAN,
            baselines.sure(said[vote]).astype(np.float64),
            truth.astype(np.int64),
            np.zeros((len(vote), len(EMOTIONS))),
            kept["film_id"].to_numpy(str)[vote],
            1.0 / modes.sum(axis=1)[vote],
        )
    )
