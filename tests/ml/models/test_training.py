import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from corpus.contracts import EXPLANATIONS, GOLD_LABELS, PREDICTIONS, TRAINING_UNITS
from corpus.paths import Home, file_digest
from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS, FeelmError
from ml.models import workers
from ml.models.context import shuffled_places
from ml.models.dataset import load_training, training_columns
from ml.models.training import TrainingParams, build_model
from tests.ml.artifacts import write_films
from tests.ml.conftest import FILMS, Trained, train


def predictions(home: Home) -> pd.DataFrame:
    return PREDICTIONS.read(home.artifact("emotion_model") / "predictions.parquet")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("small"))
    train(home, write_films(home, 3, 8), [])
    return home


def test_every_system_predicts_every_unit_of_the_films_once(trained: Trained) -> None:
    rows = TRAINING_UNITS.read(trained.training_set / "manifest.parquet")
    films = set(rows.loc[rows["source"] == "film", "unit_id"])
    by_system = predictions(trained.home).groupby("system")["unit_id"].agg(list)
    for system in (
        "fused",
        "face",
        "voice",
        "text",
        "fused_face_text",
        "fused_no_context",
        "fused_shuffled",
        "majority",
        "prior",
        "persistence",
        "tfidf",
    ):
        said = [unit_id for unit_id in by_system[system] if unit_id in films]
        assert sorted(said) == sorted(films), system


def test_each_film_has_one_fold_and_probabilities_add_to_one(trained: Trained) -> None:
    table = predictions(trained.home)
    assert (table.groupby("film_id")["fold"].nunique() == 1).all()
    assert table["film_id"].nunique() == FILMS + 3
    assert table[list(PROBABILITY_COLUMNS)].sum(axis=1).to_numpy() == pytest.approx(1.0, abs=1e-4)


def test_a_film_is_predicted_without_its_own_labels(small: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    film_ids = write_films(home, 3, 8)
    path = home.artifact("gold_labels") / "gold.parquet"
    gold = GOLD_LABELS.read(path)
    own = (gold["film_id"] == film_ids[1]).to_numpy()
    gold.loc[own, list(PROBABILITY_COLUMNS)] = gold.loc[own, list(PROBABILITY_COLUMNS)].to_numpy()[:, ::-1]
    gold.loc[own, "label"] = [EMOTIONS[-1 - EMOTIONS.index(label)] for label in gold.loc[own, "label"]]
    GOLD_LABELS.write(gold, path)
    train(home, film_ids, [])
    said, before = (
        table[(table["film_id"] == film_ids[1]) & (table["system"] != "persistence")].set_index(["unit_id", "system"])
        for table in (predictions(home), predictions(small))
    )
    columns = list(PROBABILITY_COLUMNS)
    assert np.array_equal(said[columns].to_numpy(), before.loc[said.index, columns].to_numpy())
    other = predictions(home).query("film_id == @film_ids[0] and system == 'fused'")[columns].to_numpy()
    assert not np.array_equal(other, predictions(small).query("film_id == @film_ids[0] and system == 'fused'")[columns].to_numpy())


def test_the_same_seed_gives_the_same_bytes(small: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "again")
    train(home, write_films(home, 3, 8), [])
    for name in ("weights.safetensors", "model.json", "predictions.parquet", "explanations.parquet", "curves.json", "summary.json"):
        assert file_digest(home.artifact("emotion_model") / name) == file_digest(small.artifact("emotion_model") / name), name


@pytest.mark.long
def test_worker_processes_change_nothing(small: Home, tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    shutil.rmtree(small.chunks)  # or what one process made would be taken
    build_model(small, small.artifact("training_set"), replace(TrainingParams.debug(), workers=2), out)
    assert file_digest(out / "weights.safetensors") == file_digest(small.artifact("emotion_model") / "weights.safetensors")


KILLED = """
import os, signal, sys
from itertools import count
from pathlib import Path
from corpus.paths import Home
from ml.models import workers
from ml.models.training import TrainingParams, build_model

train_context, done = workers.train_context, count()

def train_two(*given):
    if next(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return train_context(*given)

workers.train_context = train_two
home = Home(Path(sys.argv[1]))
build_model(home, home.artifact("training_set"), TrainingParams.debug(), Path(sys.argv[2]))
"""


@pytest.mark.long
def test_a_training_that_was_killed_goes_on_where_it_was_and_gives_the_same_weights(
    small: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, out = Home(tmp_path / "home"), tmp_path / "model"
    shutil.copytree(small.root, home.root)
    shutil.rmtree(home.chunks)
    out.mkdir()
    ended = subprocess.run([sys.executable, "-c", KILLED, str(home.root), str(out)], cwd=Path(__file__).parents[3], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not any(out.iterdir())
    trained_anew = []
    train_expert = workers.train_expert
    monkeypatch.setattr(workers, "train_expert", lambda data, job, *rest: trained_anew.append(job) or train_expert(data, job, *rest))
    build_model(home, home.artifact("training_set"), TrainingParams.debug(), out)
    assert all(not len(job.test_rows) for job in trained_anew), "the folds' experts were finished before the kill"
    assert file_digest(out / "weights.safetensors") == file_digest(small.artifact("emotion_model") / "weights.safetensors")


def test_a_kept_job_is_not_taken_for_units_or_settings_that_changed(small: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class EndedError(Exception):
        """What comes after the experts of the folds is not looked at."""

    def end(*_: object) -> None:
        raise EndedError

    count = []
    train_expert = workers.train_expert
    monkeypatch.setattr(workers, "train_expert", lambda data, job, *rest: count.append(job) or train_expert(data, job, *rest))
    monkeypatch.setattr(workers, "train_context", end)
    out = tmp_path / "model"
    out.mkdir()
    debug = TrainingParams.debug()
    build_model(small, small.artifact("training_set"), debug, out)
    assert not count
    with pytest.raises(EndedError):
        build_model(small, small.artifact("training_set"), replace(debug, voice=replace(debug.voice, noise=0.3)), out)
    assert {job.modality for job in count} == {1}


def test_a_modality_without_any_features_is_told(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    film_ids = write_films(home, 3, 6)
    for film_id in film_ids:
        for name in ("features.parquet", "crops.safetensors"):
            (home.artifact("face_features", film_id) / name).unlink()
    summary = train(home, film_ids, [])
    assert summary.missing == "no labelled unit has face features"
    assert set(predictions(home)["system"]) >= {"fused", "voice", "text"}
    assert "face" not in set(predictions(home)["system"])


def test_two_films_cannot_be_tested_unseen(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(FeelmError, match="at least 3 films"):
        train(home, write_films(home, 2, 6), [])


def test_the_model_says_what_it_was_trained_on(trained: Trained) -> None:
    facts = json.loads((trained.model / "model.json").read_text())
    assert facts["trained_on"] == {"films": "commercial, cc0 (6 films)", "lines": "commercial, CC-BY 4.0"}
    assert facts["declared_use"] == "research"  # the films allow more, the expression weights do not


def test_shuffled_neighbours_change_what_is_said_and_not_for_whom(trained: Trained) -> None:
    table = predictions(trained.home).set_index("unit_id")
    whole, shuffled = (table[table["system"] == name] for name in ("fused", "fused_shuffled"))
    p, q = (one.loc[shuffled.index, list(PROBABILITY_COLUMNS)].to_numpy() for one in (whole, shuffled))
    assert np.abs(p - q).max() > 1e-3
    assert (p.argmax(axis=1) == q.argmax(axis=1)).mean() > 0.6


def test_in_shuffled_order_each_unit_of_a_run_takes_anothers_place_once(small: Home) -> None:
    rows = TRAINING_UNITS.read(small.artifact("training_set") / "manifest.parquet")
    data = load_training(small, rows, training_columns(small, rows))
    own = np.flatnonzero(data.sequence < 2)
    places = shuffled_places(data, own, seed=3)
    assert sorted(places) == sorted(own) and (places != own).all()
    assert (data.sequence[places] == data.sequence[own]).all()
    assert np.array_equal(places, shuffled_places(data, own, seed=3)) and not np.array_equal(places, shuffled_places(data, own, seed=4))


def test_what_was_said_of_unseen_films_is_explained_by_the_networks_that_said_it(trained: Trained) -> None:
    table = EXPLANATIONS.read(trained.model / "explanations.parquet")
    said = predictions(trained.home).set_index(["system", "unit_id"])
    columns = list(PROBABILITY_COLUMNS)
    fused = said.loc["fused"]
    assert set(table["unit_id"]) == {unit_id for unit_id in fused.index if unit_id.startswith("film-")}
    assert (table["fold"].to_numpy() == fused.loc[table["unit_id"], "fold"].to_numpy()).all()
    top = fused.loc[table["unit_id"], columns].to_numpy().argmax(axis=1)
    assert table["emotion"].tolist() == [EMOTIONS[index] for index in top]
    for name, others in (("face", "voice_text"), ("voice", "face_text"), ("text", "face_voice")):
        own = table[(table["part"] == "modality") & (table["name"] == name)]
        at, column = own["unit_id"], [f"p_{emotion}" for emotion in own["emotion"]]
        fell = [fused.at[unit, p] - said.at[(f"fused_{others}", unit), p] for unit, p in zip(at, column, strict=True)]
        assert own["probability"].to_numpy() == pytest.approx(np.array(fell), abs=2e-4)
    # Each line is explained by lines of its own film.
    lines = table.query("part == 'line'")
    assert len(lines) and (lines["name"].str[:7] == lines["film_id"]).all()
