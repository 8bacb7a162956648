"""The reading of one modality: what its experts say, and nothing of the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS, FeelmError
from ml.models.calibration import softmax
from ml.models.dataset import TEXT, UnitArrays, load_film
from ml.models.predict import EmotionModel, expert_opinions, load_model
from ml.models.reading import AFFECT, implied_affect, modality_reading
from tests.ml.conftest import Trained


@pytest.fixture
def read(trained: Trained) -> tuple[EmotionModel, pd.DataFrame, UnitArrays]:
    """A model, and the units and arrays of one of its films."""
    model = load_model(trained.model)
    return model, *load_film(trained.home, "film-02", model.facts.columns)


def test_words_alone_are_read_by_their_own_experts(read: tuple[EmotionModel, pd.DataFrame, UnitArrays]) -> None:
    model, rows, data = read
    found = modality_reading(model, rows, data)
    there = data.present[:, 2]
    assert found["unit_id"].tolist() == rows["unit_id"].tolist()
    assert found[list(PROBABILITY_COLUMNS)].notna().all(axis=1).tolist() == there.tolist()
    temperature = model.facts.expert_temperatures["text"]["film"]
    expected = softmax(expert_opinions(model, data)[TEXT].logits[there] / temperature)
    assert np.allclose(found.loc[there, list(PROBABILITY_COLUMNS)], expected, atol=1e-5)


def test_other_modalities_change_nothing(read: tuple[EmotionModel, pd.DataFrame, UnitArrays]) -> None:
    model, rows, data = read
    alone = modality_reading(model, rows, data.without("face").without("voice"))
    assert alone.equals(modality_reading(model, rows, data))


def test_valence_and_arousal_are_those_of_the_emotions() -> None:
    certain = implied_affect(np.eye(len(EMOTIONS), dtype=np.float32))
    assert np.allclose(certain, [AFFECT[name] for name in EMOTIONS])
    half = np.zeros((1, len(EMOTIONS)), np.float32)
    half[0, [EMOTIONS.index("joy"), EMOTIONS.index("sadness")]] = 0.5
    assert implied_affect(half)[0].tolist() == pytest.approx([0.065, 0.105])


def test_an_unknown_modality_is_refused(read: tuple[EmotionModel, pd.DataFrame, UnitArrays]) -> None:
    model, rows, data = read
    with pytest.raises(FeelmError, match="there is no modality 'smell'"):
        modality_reading(model, rows, data, "smell")
