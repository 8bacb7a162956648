"""A whole model with EfficientNet-Lite0 on faces: trained in several processes, kept, loaded and asked."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from corpus.paths import Home, file_digest, writing
from corpus.terms import FaceNetwork
from corpus.weights import FACE_BACKBONE, WeightError
from ml.models.dataset import load_film
from ml.models.face import backbone
from ml.models.predict import expert_opinions, load_model
from ml.models.training import TrainingParams, build_model
from ml.models.training_set import build_training_set
from tests.ml.artifacts import write_films

DEBUG = TrainingParams.debug()
PARAMS = replace(DEBUG, networks=replace(DEBUG.networks, face_network=FaceNetwork.LITE0), face=replace(DEBUG.face, epochs=2, checkpoints=1))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, need_weights) -> Home:
    need_weights(FACE_BACKBONE)
    home = Home(tmp_path_factory.mktemp("lite0"))
    film_ids = write_films(home, 3, 4)
    with writing(home.artifact("training_set")) as out:
        build_training_set(home, film_ids, [], frozenset({"cc0"}), out)
    with writing(home.artifact("emotion_model")) as out:
        build_model(home, home.artifact("training_set"), PARAMS, out)
    return home


def test_the_model_says_which_network_sees_faces_and_keeps_the_layers_that_learnt(home: Home) -> None:
    folder = home.artifact("emotion_model")
    assert json.loads((folder / "model.json").read_text())["config"]["face_network"] == "lite0"
    kept = [name for expert in load_model(folder).experts for name in expert.state if ".upper." in name]
    assert kept and all(int(name.split(".")[2]) >= backbone.FROZEN for name in kept)


def test_a_loaded_model_judges_the_faces_of_a_film(home: Home) -> None:
    model = load_model(home.artifact("emotion_model"))
    _, data = load_film(home, "film-00", model.facts.columns)
    face, *others = (said.logits for said in expert_opinions(model, data))
    assert all(np.isfinite(logits).all() for logits in (face, *others))
    dark, *same = (said.logits for said in expert_opinions(model, replace(data, crops=255 - data.crops)))
    assert np.abs(face - dark).max() > 1e-4 and np.array_equal(others, same)


def test_worker_processes_change_nothing(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "home")
    other.data.parent.mkdir(parents=True, exist_ok=True)
    other.data.symlink_to(home.data, target_is_directory=True)
    with writing(tmp_path / "model") as out:
        build_model(other, home.artifact("training_set"), replace(PARAMS, workers=2), out)
    assert file_digest(tmp_path / "model" / "weights.safetensors") == file_digest(home.artifact("emotion_model") / "weights.safetensors")


def test_without_the_weight_a_model_says_how_to_get_it(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_WEIGHTS", str(tmp_path))
    backbone.pretrained.cache_clear()
    with pytest.raises(WeightError, match="feelm weights fetch efficientnet-lite0"):
        load_model(home.artifact("emotion_model"))
