import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from corpus.contracts import PREDICTIONS
from corpus.paths import file_digest, write_json
from corpus.terms import MODALITIES, PROBABILITY_COLUMNS, FeelmError
from ml.models.dataset import load_film
from ml.models.predict import load_model, predict
from tests.ml.artifacts import without
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


class _Marked:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


def planted(trained: Trained, tmp_path: Path, name: str, content: bytes) -> Path:
    """A copy of the model with a file put into it."""
    folder = tmp_path / "model"
    shutil.copytree(trained.model, folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", ["extra.pt", "weights.pkl", "curves.json", "deep/model.bin"])
def test_a_pickle_in_the_folder_is_refused_and_not_read(trained: Trained, tmp_path: Path, name: str) -> None:
    mark = tmp_path / "run"
    folder = planted(trained, tmp_path, name, pickle.dumps(_Marked(mark)))
    with pytest.raises(FeelmError, match=rf"{name} is a pickle.*remove it"):
        load_model(folder)
    assert not mark.exists()


def test_torchs_own_file_is_refused(trained: Trained, tmp_path: Path) -> None:
    folder = planted(trained, tmp_path, "README.md", b"")
    torch.save({"a": torch.zeros(2)}, folder / "README.md")
    with pytest.raises(FeelmError, match="is a pickle"):
        load_model(folder)


def test_a_pickle_in_the_weights_place_is_refused_though_its_digest_is_listed(trained: Trained, tmp_path: Path) -> None:
    mark = tmp_path / "run"
    folder = planted(trained, tmp_path, "weights.safetensors", pickle.dumps(_Marked(mark)))
    digests = {name: file_digest(folder / name) for name in ("weights.safetensors", "model.json")}
    write_json(folder / "manifest.json", digests)
    with pytest.raises(FeelmError, match="no safetensors"):
        load_model(folder)
    assert not mark.exists()


def test_a_file_that_no_model_has_is_refused(trained: Trained, tmp_path: Path) -> None:
    folder = planted(trained, tmp_path, "hook.py", b"print('hello')")
    with pytest.raises(FeelmError, match=r"hook.py is no file of a model"):
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
        rest = predict(model, rows, without(data, modality))[list(PROBABILITY_COLUMNS)].to_numpy()
        assert np.isfinite(rest).all()
        assert all(not np.allclose(rest, other) for other in seen)
        seen.append(rest)
    nothing = without(data, *MODALITIES)
    assert predict(model, rows, nothing)[list(PROBABILITY_COLUMNS)].to_numpy().sum(axis=1) == pytest.approx(1.0, abs=1e-4)


def test_words_alone_are_predicted(trained: Trained) -> None:
    model = load_model(trained.model)
    rows, film = load_film(trained.home, "film-02", model.facts.columns)
    data = without(film, "face", "voice")
    assert data.present.tolist() == [[False, False, True]] * len(rows)
    assert predict(model, rows, data)[list(PROBABILITY_COLUMNS)].to_numpy().sum(axis=1) == pytest.approx(1.0, abs=1e-4)
