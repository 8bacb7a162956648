"""MLflow: one run and one registered version for each trained model, and which version is champion.

MLflow's database and files lie under FEELM_HOME. A model's folder is logged as it is (safetensors and JSON, no pickle), and its content
version is a tag, so that registering the same model twice gives the version that is there. The only importer of mlflow.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus.paths import Home, content_version
from corpus.terms import FeelmError

EXPERIMENT = "feelm"
MODEL = "feelm-emotion"
CHAMPION = "champion"
CHALLENGER = "challenger"
VERSION_TAG = "feelm.content_version"


@dataclass(frozen=True)
class RegisteredVersion:
    """A model in the registry: MLflow's run and version number, and the content version of the model's folder."""

    run_id: str
    version: int
    content_version: str


def tracking_uri(home: Home) -> str:
    """MLflow's database; MLflow 3.13 and later refuse plain files."""
    return f"sqlite:///{(home.mlflow / 'mlflow.db').resolve()}"


def log_training(
    home: Home,
    model_dir: Path,
    params: Mapping[str, object],
    curves: Mapping[str, Sequence[float]],
    tags: Mapping[str, str],
) -> RegisteredVersion:
    """Log a trained model's folder, parameters and curves (name to values by step), and register it.

    A model whose content version is registered already is not logged again.
    """
    version = content_version(model_dir)
    client = _client(home)
    known = _versions(client, f"tags.`{VERSION_TAG}` = '{version}'")
    if known:
        return known[0]
    run_id = _log_run(client, home, params, curves, {**tags, VERSION_TAG: version})
    client.log_artifacts(run_id, str(model_dir), "model")
    client.set_terminated(run_id)
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL)
    source = f"{client.get_run(run_id).info.artifact_uri}/model"
    created = client.create_model_version(MODEL, source, run_id, tags={VERSION_TAG: version})
    return RegisteredVersion(run_id, int(created.version), version)


def set_alias(home: Home, version: int, alias: str) -> None:
    """Point `champion` or `challenger` at a version; an alias names one version at a time."""
    if alias not in (CHAMPION, CHALLENGER):
        raise FeelmError(f"no alias {alias!r}: there are {CHAMPION} and {CHALLENGER}")
    _client(home).set_registered_model_alias(MODEL, alias, str(version))


def champion(home: Home) -> RegisteredVersion | None:
    """The version that the alias `champion` points at, None before the first promotion."""
    return _aliased(home, CHAMPION)


def challenger(home: Home) -> RegisteredVersion | None:
    """The version that the alias `challenger` points at."""
    return _aliased(home, CHALLENGER)


def model_folder(home: Home, registered: RegisteredVersion) -> Path:
    """The registered model's files.

    Raises:
        FeelmError: they were deleted.
    """
    uri = str(_client(home).get_run(registered.run_id).info.artifact_uri)
    folder = Path(uri.removeprefix("file://")) / "model"
    if not folder.is_dir():
        raise FeelmError(f"the files of model version {registered.version} are gone from {folder}: train again (feelm run)")
    return folder


def _aliased(home: Home, alias: str) -> RegisteredVersion | None:
    if not (home.mlflow / "mlflow.db").is_file():
        return None
    client = _client(home)
    aliases = {name: number for model in client.search_registered_models(f"name = '{MODEL}'") for name, number in model.aliases.items()}
    return _registered(client.get_model_version(MODEL, str(aliases[alias]))) if alias in aliases else None


def _registered(version: Any) -> RegisteredVersion:
    return RegisteredVersion(str(version.run_id), int(version.version), str(version.tags.get(VERSION_TAG, "")))


def _versions(client: Any, condition: str) -> list[RegisteredVersion]:
    found = client.search_model_versions(f"name = '{MODEL}' and {condition}")
    return sorted((_registered(version) for version in found), key=lambda registered: registered.version)


def _log_run(client: Any, home: Home, params: Mapping[str, object], curves: Mapping[str, Sequence[float]], tags: Mapping[str, str]) -> str:
    from mlflow.entities import Metric, Param, RunTag

    run = client.create_run(_experiment(client, home), run_name=tags[VERSION_TAG][:12])
    run_id = str(run.info.run_id)
    metrics = [Metric(_metric_name(name), float(v), 0, step) for name, values in curves.items() for step, v in enumerate(values)]
    for start in range(0, len(metrics), 900):  # MLflow takes at most 1000 a call
        client.log_batch(run_id, metrics=metrics[start : start + 900])
    client.log_batch(run_id, params=[Param(k, str(v)) for k, v in params.items()], tags=[RunTag(k, str(v)) for k, v in tags.items()])
    return run_id


def _metric_name(name: str) -> str:
    """MLflow allows letters, digits, `_`, `-`, `.`, space and `/`."""
    return "".join(c if c.isalnum() or c in "_-./ " else "_" for c in name)


def _experiment(client: Any, home: Home) -> str:
    known = client.get_experiment_by_name(EXPERIMENT)
    if known is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(EXPERIMENT, artifact_location=(home.mlflow / "artifacts").resolve().as_uri()))


def _client(home: Home) -> Any:
    """An MLflow client on an up-to-date database. Creating it under a lock: four processes on a fresh one kill each other."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow import MlflowClient

    _upgrade(home)
    return MlflowClient(tracking_uri(home), tracking_uri(home))


def _upgrade(home: Home) -> None:
    import fcntl

    import mlflow

    home.mlflow.mkdir(parents=True, exist_ok=True)
    stamp = home.mlflow / "schema.version"
    with (home.mlflow / "schema.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (home.mlflow / "mlflow.db").is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == mlflow.__version__:
            return
        from mlflow.store.db.utils import _initialize_tables, _safe_initialize_tables, _upgrade_db, create_sqlalchemy_engine

        engine = create_sqlalchemy_engine(tracking_uri(home))
        if (home.mlflow / "mlflow.db").is_file():
            _safe_initialize_tables(engine)
            _upgrade_db(engine)
        else:
            _initialize_tables(engine)
        engine.dispose()
        stamp.write_text(mlflow.__version__, encoding="utf-8")
