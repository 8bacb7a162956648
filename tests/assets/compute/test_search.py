"""A search by Ray Tune on a real Ray on loopback, with MLflow's own client asked what was kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from assets.compute import search as searching
from assets.compute.search import Search, search
from assets.workspace import Workspace
from corpus.paths import Home, writing
from corpus.terms import FeelmError
from ml.models import registry
from ml.models.training_set import build_training_set
from tests.ml.artifacts import write_films
from tests.ray_cluster import cluster

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: `make ray`")]

TRIALS = 3
SETTINGS = """
rights: {train: [cc0], export: [cc0]}
declared_use: research
training:
  seed: 0
  folds: 3
  face_network: small
  face: {epochs: 2, checkpoints: 1}
  voice: {epochs: 2, checkpoints: 1}
  text: {epochs: 2, checkpoints: 1}
  context: {steps: 10, every: 5}
retrain: {min_new_gold: 1}
scan: {shots: fast}
dialogue: {recognition: auto}
gold: {trace_lag_ms: 3000}
text: {encoder: minilm}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a training set of six small films, where training is quick."""
    root = tmp_path_factory.mktemp("search")
    (root / "params.yaml").write_text(SETTINGS)
    made = Home(root / ".feelm")
    film_ids = write_films(made, 6, 8)
    with writing(made.artifact("training_set")) as out:
        build_training_set(made, film_ids, [], frozenset({"cc0"}), out)
    return made


@pytest.fixture(scope="module")
def found(home: Home) -> Iterator[Search]:
    with cluster(2):
        yield search(Workspace(home), TRIALS, seed=4)


def runs(home: Home) -> dict[str, Any]:
    """MLflow's runs by id."""
    from mlflow import MlflowClient

    client = MlflowClient(registry.tracking_uri(home))
    experiment = client.get_experiment_by_name(registry.EXPERIMENT)
    of = [experiment.experiment_id] if experiment is not None else []
    return {run.info.run_id: run for run in client.search_runs(of)}


def test_what_holds_is_tried_too_so_that_the_best_is_never_worse(found: Search) -> None:
    assert len(found.trials) == TRIALS and found.present in found.trials
    losses = [trial.loss for trial in found.trials]
    assert losses == sorted(losses) and len({tuple(trial.settings.values()) for trial in found.trials}) == TRIALS  # type: ignore[type-var]


def test_every_trial_is_a_child_of_the_searchs_run_with_its_numbers_and_worth(home: Home, found: Search) -> None:
    kept = runs(home)
    children = {name: run for name, run in kept.items() if run.data.tags.get("mlflow.parentRunId") == found.run_id}
    assert set(children) == {trial.run_id for trial in found.trials} and kept[found.run_id].info.status == "FINISHED"
    for trial in found.trials:
        run = children[trial.run_id]
        assert {name: float(value) for name, value in run.data.params.items()} == pytest.approx(trial.settings)
        assert run.data.metrics == {"validation_loss": trial.loss, "accuracy": trial.accuracy}
    assert kept[found.run_id].data.metrics["best_validation_loss"] == found.best.loss


def test_a_search_registers_no_model(home: Home, found: Search) -> None:
    assert found.trials and registry.records(home) == []


def test_the_same_seed_draws_the_same_numbers_and_finds_what_was_trained(
    home: Home, found: Search, capfd: pytest.CaptureFixture[str]
) -> None:
    with cluster(2):
        again = search(Workspace(home), TRIALS, seed=4)
    assert capfd.readouterr().out == "", "what is printed is the command's own"
    assert [(one.settings, one.loss) for one in again.trials] == [(one.settings, one.loss) for one in found.trials]


def failing(config: dict[str, Any]) -> None:
    raise ValueError(f"no such colour as that of {os.getpid()}")


def test_what_cannot_be_trained_is_told_and_kept_as_a_failed_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(runs(home))
    monkeypatch.setattr(searching, "_train", failing)
    with cluster(1), pytest.raises(FeelmError, match=r"what params.yaml sets cannot be trained: .*no such colour"):
        search(Workspace(home), 1, seed=0)
    assert [run.info.status for name, run in runs(home).items() if name not in before] == ["FAILED", "FAILED"], "the trial and the search"


def test_without_a_training_set_nothing_is_begun(tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="there is no training set"):
        search(Workspace(Home(tmp_path)), 1, seed=0)
