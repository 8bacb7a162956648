"""What one modality's trained network says by itself, such as the words alone: seven emotions, and the valence and arousal they imply.

The emotion model's text expert is the trained head over sentence embeddings; nothing beside it is trained. It is read here, after training,
and is no feature: so no film's gold can come back to that film as what its own words are described by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from corpus import emotions
from corpus.terms import EMOTIONS, MODALITIES, PROBABILITY_COLUMNS, FeelmError
from ml.models.calibration import softmax
from ml.models.dataset import FloatArray, UnitArrays
from ml.models.predict import EmotionModel, model_opinions

if TYPE_CHECKING:
    import pandas as pd

AFFECT: dict[str, tuple[float, float]] = {emotion.name: (emotion.valence, emotion.arousal) for emotion in emotions.ALL}
"""Mean valence and arousal, -1..1, by emotion."""


def modality_reading(model: EmotionModel, unit_ids: pd.DataFrame, data: UnitArrays, modality: str = "text") -> pd.DataFrame:
    """`unit_id`, seven probabilities, `valence` and `arousal` of each unit by one modality's experts; null where the unit lacks it.

    Of a film that the model learned from this is no forecast: its unseen predictions are those of the film's report.

    Raises:
        FeelmError: there is no such modality.
    """
    import pandas as pd

    if modality not in MODALITIES:
        raise FeelmError(f"there is no modality {modality!r}: it must be one of {', '.join(MODALITIES)}")
    opinions, at = model_opinions(model, data), MODALITIES.index(modality)
    there = opinions.present[:, at]
    probabilities = np.full((len(data), len(EMOTIONS)), np.nan, np.float32)
    probabilities[there] = softmax(opinions.log_p[there, at])
    table = pd.DataFrame({"unit_id": unit_ids["unit_id"].to_numpy()})
    table[list(PROBABILITY_COLUMNS)] = probabilities
    table[["valence", "arousal"]] = implied_affect(probabilities)
    return table


def implied_affect(probabilities: FloatArray) -> FloatArray:
    """Valence and arousal (n, 2) that probabilities (n, 7) in the order of EMOTIONS imply: the mean of the emotions' places."""
    return (probabilities @ np.array([AFFECT[name] for name in EMOTIONS], np.float32)).astype(np.float32)
