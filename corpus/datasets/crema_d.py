"""CREMA-D's crowd votes: 7,442 acted clips, each judged from the voice, from the face and from both, with the emotion that was intended.

The published table has counts and no raters, which is all that vote shares, alpha and confusions need. The set has no surprise: its six
labels are six of the platform's seven.

Source: Cao et al., CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, IEEE Transactions on Affective Computing 5 (2014).
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd

from corpus.statistics import FloatArray
from corpus.terms import FeelmError

EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness")
"""In the order of the table's columns A, D, F, H, N, S."""

LETTERS = ("A", "D", "F", "H", "N", "S")
INTENDED = {"ANG": 0, "DIS": 1, "FEA": 2, "HAP": 3, "NEU": 4, "SAD": 5}
MODALITIES = {1: "voice", 2: "face", 3: "both"}


@dataclass(frozen=True)
class Votes:
    """Of one modality: the clips, their votes (n_clips, 6) and the intended emotion (n_clips,), by position in EMOTIONS."""

    clips: list[str]
    counts: FloatArray
    intended: np.ndarray

    def majority_accuracy(self) -> float:
        """Share of clips whose mode is the intended emotion; a tie of k modes counts 1/k."""
        modes = self.counts == self.counts.max(axis=1, keepdims=True)
        return float((modes[np.arange(len(modes)), self.intended] / modes.sum(axis=1)).mean())

    def confusion(self) -> FloatArray:
        """Probability (6, 6) of a vote (column) for a clip of an intended emotion (row), over all votes."""
        sums = np.stack([self.counts[self.intended == emotion].sum(axis=0) for emotion in range(len(EMOTIONS))])
        return sums / sums.sum(axis=1, keepdims=True)


def read_votes(text: str) -> dict[str, Votes]:
    """The votes of tabulatedVotes.csv by modality: voice, face and both.

    Raises:
        FeelmError: the table has other columns, or a clip is not named as CREMA-D's are (1001_IEO_HAP_LO).
    """
    try:
        table = pd.read_csv(io.StringIO(text), index_col=0, usecols=lambda name: name in {"Unnamed: 0", *LETTERS, "fileName"})
        modality = table.index.to_numpy(np.int64) // 100_000
        intended = table["fileName"].str.split("_").str[2].map(INTENDED)
        counts = table[list(LETTERS)].to_numpy(np.float64)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise FeelmError(f"this is not CREMA-D's tabulatedVotes.csv ({error})") from error
    if intended.isna().any():
        raise FeelmError(f"{table['fileName'][intended.isna()].iloc[0]!r} does not name an intended emotion, as 1001_IEO_HAP_LO does")
    chosen = {name: modality == number for number, name in MODALITIES.items()}
    code = intended.to_numpy(np.int64)
    return {name: Votes(table.loc[rows, "fileName"].tolist(), counts[rows], code[rows]) for name, rows in chosen.items()}
