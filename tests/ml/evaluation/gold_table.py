"""Scored tables made up from arrays, for tests that need no trained model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS
from ml.evaluation.scored import Scored
from tests.emotions import N_EMOTIONS


def one_hot(label: np.ndarray, share: float = 0.7) -> np.ndarray:
    """Probabilities with `share` on each unit's emotion, the rest spread evenly."""
    p = np.full((len(label), N_EMOTIONS), (1 - share) / (N_EMOTIONS - 1))
    p[np.arange(len(label)), label] = share
    return p


def scored_table(soft: np.ndarray, film: np.ndarray, systems: dict[str, np.ndarray], **columns: object) -> Scored:
    """Gold units with the given soft labels (n, emotions), films (n,), systems' probabilities, and further columns of TRAINING_UNITS."""
    n = len(soft)
    gold = pd.DataFrame({"unit_id": [f"u{i:04d}" for i in range(n)], "film_id": film, "character_id": None, "text": "words"})
    gold["label"] = [EMOTIONS[i] for i in soft.argmax(axis=1)]
    gold[list(PROBABILITY_COLUMNS)] = soft
    gold = gold.assign(has_face=True, has_voice=True, has_text=True, level="utterance").assign(**columns)
    tables = {name: pd.DataFrame(p, columns=list(PROBABILITY_COLUMNS), index=gold["unit_id"]).assign(fold=0) for name, p in systems.items()}
    return Scored("films", gold, tables, gold, tables)
