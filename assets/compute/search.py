"""A search for better numbers of training: Ray Tune draws them, each trial trains a whole model on the cluster, MLflow keeps what came out.

The first trial is what holds now, so that the best is never worse. A search registers and promotes nothing: whoever likes what it found
writes it into `params.yaml`, and the model that is trained then passes the gate like any other.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assets.compute.cluster import ATTEMPTS, Share, connected, room_for
from assets.training import training_params
from assets.workspace import Workspace
from corpus.paths import Home
from corpus.terms import FUSED, FeelmError

QUIET = {"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_AIR_NEW_OUTPUT": "0"}
"""Tune writes no files of its own, since MLflow keeps what they would say, and prints nothing."""

LOSS, ACCURACY = "validation_loss", "accuracy"


@dataclass(frozen=True)
class Trial:
    """Numbers by "part.name", MLflow's run, and what came out: loss (nats a unit) and accuracy on unseen films; None of one that failed."""

    settings: dict[str, float]
    run_id: str
    loss: float | None
    accuracy: float | None
    failure: str = ""


@dataclass(frozen=True)
class Search:
    """MLflow's run of the search and its trials, the best first, failed ones last; `present` is the trial of what holds now."""

    run_id: str
    trials: list[Trial]
    present: Trial

    @property
    def best(self) -> Trial:
        """That with the least loss; `present` where none is better."""
        return self.trials[0]


def search(workspace: Workspace, n_trials: int, seed: int) -> Search:
    """Train `n_trials` models with numbers drawn from `seed`, each with its share of the cluster, and log them.

    A search that was cut off draws the same numbers again and finds what was trained in the home's store of finished work.

    Raises:
        FeelmError: there is no training set yet, the cluster cannot be reached, or what holds now cannot be trained.
    """
    from ml.models import registry
    from ml.models.search_space import present

    home = workspace.home
    if not (home.artifact("training_set") / "manifest.json").is_file():
        raise FeelmError(f"there is no training set in {home.root} yet: `feelm run` makes one")
    now = present(training_params(workspace.params))
    run_id = registry.begin_search(home, {"feelm.seed": str(seed), "feelm.trials": str(n_trials)})
    best: Trial | None = None
    try:
        trials = _tried(workspace, n_trials, seed, now, run_id)
        first = next(trial for trial in trials if trial.settings == now)
        if first.loss is None:
            raise FeelmError(f"what params.yaml sets cannot be trained: {first.failure}")
        trials.sort(key=lambda trial: (trial.loss is None, trial.loss or 0.0, trial is not first))
        best = trials[0]
    finally:
        registry.end_search(home, run_id, _metrics(best) if best else None)
    return Search(run_id, trials, first)


def _tried(workspace: Workspace, n_trials: int, seed: int, now: Mapping[str, float], run_id: str) -> list[Trial]:
    share, found = Share.from_environment(), _Found(workspace.home, run_id)
    os.environ |= QUIET
    with connected() as ray, tempfile.TemporaryDirectory(prefix="feelm-search-") as folder:
        from ray import tune
        from ray.tune.search.basic_variant import BasicVariantGenerator

        room_for(share, ray)
        tune.Tuner(
            tune.with_resources(_train, {"cpu": share.cpus, "gpu": share.gpus, "memory": share.memory_gb * 1e9}),
            param_space={"home": str(workspace.home.root), "settings": _drawn(workspace)},
            tune_config=tune.TuneConfig(
                num_samples=n_trials,
                search_alg=BasicVariantGenerator(points_to_evaluate=[{"settings": dict(now)}], random_state=seed),
            ),
            run_config=tune.RunConfig(
                storage_path=folder,
                callbacks=[found.callback()],
                failure_config=tune.FailureConfig(max_failures=ATTEMPTS - 1),
                verbose=0,
            ),
        ).fit()
    return found.trials


@dataclass
class _Found:
    """Notes each trial as soon as it is over, so that a search that is cut off has told what it found."""

    home: Home
    run_id: str
    trials: list[Trial] = field(default_factory=list)

    def keep(self, config: dict[str, Any], result: dict[str, Any] | None, failure: str = "") -> None:
        """A trial that is over."""
        from ml.models import registry

        settings = {where: float(value) for where, value in config["settings"].items()}
        metrics = None if result is None else {name: float(result[name]) for name in (LOSS, ACCURACY)}
        run = registry.log_trial(self.home, self.run_id, settings, metrics)
        loss, accuracy = (None, None) if metrics is None else (metrics[LOSS], metrics[ACCURACY])
        self.trials.append(Trial(settings, run, loss, accuracy, failure))

    def callback(self) -> Any:
        """What Tune calls; a class of Tune's is known only once Ray may be imported."""
        from ray import tune

        keep = self.keep

        class Keep(tune.Callback):
            def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
                keep(trial.config, trial.last_result)

            def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
                told = Path(trial.error_file).read_text(encoding="utf-8")
                keep(trial.config, None, told.strip().splitlines()[-1])

        return Keep()


def _drawn(workspace: Workspace) -> dict[str, Any]:
    from ray import tune

    from ml.models.search_space import space

    return {
        where: tune.loguniform(drawn.low, drawn.high) if drawn.by_factor else tune.uniform(drawn.low, drawn.high)
        for where, drawn in space(training_params(workspace.params)).items()
    }


def _train(config: dict[str, Any]) -> None:
    """One trial, in a worker of the cluster: a whole model, in one process."""
    from ray import tune

    from ml.models.search_space import loss_of
    from ml.models.settings import with_settings
    from ml.models.training import build_model

    home = Home(Path(config["home"]))
    params = replace(with_settings(training_params(Workspace(home).params), config["settings"]), workers=1)
    with tempfile.TemporaryDirectory(prefix="feelm-trial-") as folder:
        summary = build_model(home, home.artifact("training_set"), params, Path(folder))
        tune.report({LOSS: loss_of(Path(folder)), ACCURACY: summary.accuracy[FUSED]})


def _metrics(trial: Trial) -> dict[str, float]:
    assert trial.loss is not None and trial.accuracy is not None
    return {LOSS: trial.loss, ACCURACY: trial.accuracy}
