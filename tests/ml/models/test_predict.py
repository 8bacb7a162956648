import shutil
from pathlib import Path

import numpy as np
import pytest

from corpus.contracts import PREDICTIONS
from corpus.terms import EMOTIONS, MODALITIES, PROBABILITY_COLUMNS, FeelmError
from ml.models.dataset import load_film
from ml.models.predict import load_model, modality_shares, predict
from tests.ml.conftest import Trained


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
def test_a_flipped_byte_is_refused(trained: Trained, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained.model, folder)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(FeelmError, match=name):
        load_model(folder)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="train one"):
        load_model(tmp_path)


def test_a_film_is_predicted_unit_by_unit(trained: Trained) -> None:
    model = load_model(trained.model)
    rows, data = load_film(trained.home, "film-02", model.facts.columns)
    table = predict(model, rows, data)
    PREDICTIONS.to_arrow(table)
    assert table["unit_id"].tolist() == rows["unit_id"].tolist()
    assert set(table["fold"]) == {-1}
    assert table[list(PROBABILITY_COLUMNS)].sum(axis=1).to_numpy() == pytest.approx(1.0, abs=1e-4)


def test_any_subset_of_modalities_is_predicted(trained: Trained) -> None:
    model = load_model(trained.model)
    rows, data = load_film(trained.home, "film-02", model.facts.columns)
    whole = predict(model, rows, data)[list(PROBABILITY_COLUMNS)].to_numpy()
    seen = [whole]
    for modality in MODALITIES:
        without = predict(model, rows, data.without(modality))[list(PROBABILITY_COLUMNS)].to_numpy()
        assert np.isfinite(without).all()
        assert all(not np.allclose(without, other) for other in seen)
        seen.append(without)
    nothing = data.without("face").without("voice").without("text")
    assert predict(model, rows, nothing)[list(PROBABILITY_COLUMNS)].to_numpy().sum(axis=1) == pytest.approx(1.0, abs=1e-4)


def test_words_alone_are_predicted(trained: Trained) -> None:
    model = load_model(trained.model)
    rows, film = load_film(trained.home, "film-02", model.facts.columns)
    data = film.without("face").without("voice")
    assert data.present.tolist() == [[False, False, True]] * len(rows)
    assert predict(model, rows, data)[list(PROBABILITY_COLUMNS)].to_numpy().sum(axis=1) == pytest.approx(1.0, abs=1e-4)


def test_shares_say_what_each_modality_contributed(trained: Trained) -> None:
    model = load_model(trained.model)
    rows, data = load_film(trained.home, "film-02", model.facts.columns)
    shares = modality_shares(model, rows, data.without("voice"))
    assert shares["share_voice"].isna().all() and shares["drop_voice"].isna().all()
    known = shares.dropna(subset=["share_face"])
    assert len(known) > 0
    assert (known["share_face"] + known["share_text"]).to_numpy() == pytest.approx(1.0)
    assert set(shares["label"]) <= set(EMOTIONS)
