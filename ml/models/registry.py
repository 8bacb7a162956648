"""MLflow: one run and one registered version for each trained model, and which version is champion.

MLflow's files lie under FEELM_HOME, and in the store that FEELM_MLFLOW_ARTIFACTS names; its database lies there too or, in staging and
prod, in Postgres. A version keeps the model's folder as it is (safetensors and JSON, no pickle), its report and its card, beside them
what `mlflow models serve` needs, and the digest of all these files is a tag, so that a version is used again only as it was registered.
The content version is a tag too: registering the same model twice gives the version that is there. With `signature` the only importer of
mlflow.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from corpus.environment import Postgres
from corpus.paths import Home, content_version, file_digest, write_json, write_text, writing
from corpus.remote import ENDPOINT, Remote
from corpus.terms import FeelmError

ARTIFACTS = "FEELM_MLFLOW_ARTIFACTS"
"""Variable: the folder of a store in which the files of models that are registered from now on are kept too (`s3://bucket/mlflow`)."""

S3_ENDPOINT = "MLFLOW_S3_ENDPOINT_URL"
EXPERIMENT = "feelm"
MODEL = "feelm-emotion"
CHAMPION = "champion"
CHALLENGER = "challenger"
VERSION_TAG = "feelm.content_version"
FILES_TAG = "feelm.files_sha256"
"""sha256 of the version's files.json."""

PROMOTED_TAG = "feelm.promoted_at"
"""When the version last became champion."""

SCHEMA_LOCK = 0x6665656C6D
"""Key of the advisory lock under which a process brings MLflow's schema in Postgres up to date."""

MODEL_PART, CARD_PART = "model", "card"
LISTING = "files.json"
"""Lists the sha256 of every file of a version."""


@dataclass(frozen=True)
class RegisteredVersion:
    """A model in the registry: MLflow's run and version number, and the content version of the model's folder."""

    run_id: str
    version: int
    content_version: str


@dataclass(frozen=True)
class VersionRecord:
    """What the registry knows of a version: when it was registered and last became champion (ISO 8601), and the aliases it has."""

    registered: RegisteredVersion
    created_at: str
    promoted_at: str | None
    aliases: tuple[str, ...]


def tracking_uri(home: Home) -> str:
    """MLflow's database, with the password where it is in Postgres; MLflow 3.13 and later refuse plain files."""
    postgres = Postgres.from_environment()
    if postgres is None:
        return f"sqlite:///{(home.mlflow / 'mlflow.db').resolve()}"
    from sqlalchemy import URL

    # Without the driver SQLAlchemy 2.1 takes psycopg 3, which is not here.
    url = URL.create("postgresql+psycopg2", postgres.user, postgres.password, postgres.host, postgres.port, postgres.mlflow_database)
    return url.render_as_string(hide_password=False)


def server_environment(home: Home) -> dict[str, str]:
    """What `mlflow server` must find in its environment to show this registry: a command line would show the password to everybody."""
    prepare(home)
    return {"MLFLOW_BACKEND_STORE_URI": tracking_uri(home), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def prepare(home: Home) -> None:
    """Have MLflow's schema be that of this version, so that several processes may start at once.

    Raises:
        FeelmError: the database cannot be reached.
    """
    _quieten()
    postgres = Postgres.from_environment()
    if postgres is None:
        _upgrade_sqlite(home)
    else:
        _upgrade_postgres(postgres, tracking_uri(home))


def _is_begun(home: Home) -> bool:
    """Something may be registered: a look does not make a database."""
    return Postgres.from_environment() is not None or (home.mlflow / "mlflow.db").is_file()


def log_training(
    home: Home,
    model_dir: Path,
    params: Mapping[str, object],
    curves: Mapping[str, Sequence[float]],
    tags: Mapping[str, str],
    beside: Mapping[str, object] | None = None,
) -> RegisteredVersion:
    """Log a trained model's folder, parameters and curves (name to values by step), and register it; `beside` are JSON files by name that
    the version keeps.

    A model whose content version is registered already is not logged again.
    """
    from ml.models.signature import Environment, flavour

    version = content_version(model_dir)
    client = _client(home)
    known = _versions(client, f"tags.`{VERSION_TAG}` = '{version}'")
    if known:
        _put(model_dir, version_folder(home, known[0]) / MODEL_PART)
        return known[0]
    run_id = _log_run(client, home, params, curves, {**tags, VERSION_TAG: version})
    _put(model_dir, _run_folder(home, run_id) / MODEL_PART)
    for name, content in (beside or {}).items():
        write_json(_run_folder(home, run_id) / name, content)
    for name, text in flavour(Environment.here()).items():
        write_text(_run_folder(home, run_id) / name, text)
    _send(client, home, run_id)
    client.set_terminated(run_id)
    _make_model(client)
    source = client.get_run(run_id).info.artifact_uri  # the whole version: the flavour's MLmodel lies there
    created = client.create_model_version(MODEL, source, run_id, tags={VERSION_TAG: version})
    return RegisteredVersion(run_id, int(created.version), version)


def _make_model(client: Any) -> None:
    """Have the registry know the model's name; another process may make it at the same moment."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(MODEL)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def begin_search(home: Home, tags: Mapping[str, str]) -> str:
    """A run under which a search's trials stand; its id."""
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME

    client = _client(home)
    return str(client.create_run(_experiment(client, home), tags={MLFLOW_RUN_NAME: "search", **tags}).info.run_id)


def log_trial(home: Home, search: str, params: Mapping[str, object], metrics: Mapping[str, float] | None) -> str:
    """A trial as a child of its search's run, a failed one where it has no `metrics`; its id."""
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    client = _client(home)
    run_id = str(client.create_run(_experiment(client, home), tags={MLFLOW_PARENT_RUN_ID: search}).info.run_id)
    for name, value in params.items():
        client.log_param(run_id, name, value)
    for name, value in (metrics or {}).items():
        client.log_metric(run_id, name, value)
    client.set_terminated(run_id, "FAILED" if metrics is None else "FINISHED")
    return run_id


def end_search(home: Home, search: str, best: Mapping[str, float] | None) -> None:
    """Close a search's run, with what its best trial was worth; as a failed one where there is none."""
    client = _client(home)
    for name, value in (best or {}).items():
        client.log_metric(search, f"best_{name}", value)
    client.set_terminated(search, "FAILED" if best is None else "FINISHED")


def _put(source: Path, target: Path) -> None:
    """Have `target` be a copy of a folder, put there whole; one that is so already stays."""
    if not target.is_dir() or content_version(target) != content_version(source):
        with writing(target) as out:
            shutil.copytree(source, out, dirs_exist_ok=True)


def keep(
    home: Home,
    registered: RegisteredVersion,
    parts: Mapping[str, Path],
    tags: Mapping[str, str] | None = None,
) -> None:
    """Keep folders (report, card) beside a version's model by name, with `tags` of what they are of, and the digest of all.

    A model may come out again of other data: what is kept and what is told of it are then of the last time, both.
    """
    client, folder = _client(home), version_folder(home, registered)
    for name, source in parts.items():
        _put(source, folder / name)
    for name, value in (tags or {}).items():
        client.set_tag(registered.run_id, name, value)
    write_json(folder / LISTING, _digests(folder))
    _send(client, home, registered.run_id)
    client.set_model_version_tag(MODEL, str(registered.version), FILES_TAG, file_digest(folder / LISTING))


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if not path.is_dir() and path != folder / LISTING)
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


def check_files(home: Home, registered: RegisteredVersion) -> Path:
    """The folder of a version, all of whose files are as they were registered.

    Raises:
        FeelmError: a file is changed, missing or was added; the message names it.
    """
    folder, told = version_folder(home, registered), f"model version {registered.version}"
    noted = _client(home).get_model_version(MODEL, str(registered.version)).tags.get(FILES_TAG)
    if noted is None:
        raise FeelmError(f"{told} was registered before reports and digests were kept: train again (feelm run)")
    if not (folder / LISTING).is_file() or file_digest(folder / LISTING) != noted:
        raise FeelmError(f"{told} cannot be trusted: {folder / LISTING} is not the list of files that was registered")
    listed, there = json.loads((folder / LISTING).read_text(encoding="utf-8")), _digests(folder)
    wrong = sorted(name for name in {*listed, *there} if listed.get(name) != there.get(name))
    if wrong:
        how = "was added" if wrong[0] not in listed else "is missing" if wrong[0] not in there else "was changed"
        raise FeelmError(f"{told} cannot be trusted: {folder / wrong[0]} {how} since it was registered; choose another version")
    return folder


def set_alias(home: Home, version: int, alias: str) -> None:
    """Point `champion` or `challenger` at a version, in one transaction; an alias names one version at a time."""
    if alias not in (CHAMPION, CHALLENGER):
        raise FeelmError(f"no alias {alias!r}: there are {CHAMPION} and {CHALLENGER}")
    _client(home).set_registered_model_alias(MODEL, alias, str(version))


def set_champion(home: Home, version: int) -> None:
    """Point the alias `champion` at a version, and note when, unless it has pointed there already."""
    known = next((one for one in records(home) if one.registered.version == version), None)
    if known is None:
        raise FeelmError(f"model version {version} is not in the registry: see `feelm models list`")
    if CHAMPION not in known.aliases:
        set_alias(home, version, CHAMPION)
    if CHAMPION not in known.aliases or known.promoted_at is None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        _client(home).set_model_version_tag(MODEL, str(version), PROMOTED_TAG, now)


def champion(home: Home) -> RegisteredVersion | None:
    """The version that the alias `champion` points at, None before the first promotion."""
    return _aliased(home, CHAMPION)


def challenger(home: Home) -> RegisteredVersion | None:
    """The version that the alias `challenger` points at."""
    return _aliased(home, CHALLENGER)


def records(home: Home) -> list[VersionRecord]:
    """Every registered version, the oldest first; empty before the first model."""
    if not _is_begun(home):
        return []
    client = _client(home)
    aliases = _aliases(client)
    versions = sorted(client.search_model_versions(f"name = '{MODEL}'"), key=lambda version: int(version.version))
    return [_record(version, aliases) for version in versions]


def _record(version: Any, aliases: Mapping[str, int]) -> VersionRecord:
    created = datetime.fromtimestamp(version.creation_timestamp / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    own = tuple(sorted(name for name, number in aliases.items() if number == int(version.version)))
    return VersionRecord(_registered(version), created, version.tags.get(PROMOTED_TAG), own)


def run_tags(home: Home, registered: RegisteredVersion) -> dict[str, str]:
    """What was noted when a version was trained (`feelm.*`): revision of the data, training set, code."""
    tags: dict[str, str] = _client(home).get_run(registered.run_id).data.tags
    return {name: value for name, value in tags.items() if name.startswith("feelm.")}


def version_folder(home: Home, registered: RegisteredVersion) -> Path:
    """Where a version's files lie, in this home wherever that was moved; fetched where they are in a store alone."""
    folder = _run_folder(home, registered.run_id)
    if not folder.is_dir() and _is_away(client := _client(home), registered.run_id):
        with writing(folder) as out:
            client.download_artifacts(registered.run_id, "", str(out))
    return folder


def _send(client: Any, home: Home, run_id: str) -> None:
    """Have the store hold a run's files, where it is one and not the folder here."""
    if _is_away(client, run_id):
        client.log_artifacts(run_id, str(_run_folder(home, run_id)))


def _is_away(client: Any, run_id: str) -> bool:
    return urlsplit(client.get_run(run_id).info.artifact_uri).scheme not in ("", "file")


def _run_folder(home: Home, run_id: str) -> Path:
    """Where MLflow keeps a run's files."""
    return home.mlflow / "artifacts" / run_id / "artifacts"


def model_folder(home: Home, registered: RegisteredVersion) -> Path:
    """The registered model's files.

    Raises:
        FeelmError: they were deleted.
    """
    folder = version_folder(home, registered) / MODEL_PART
    if not folder.is_dir():
        raise FeelmError(f"the files of model version {registered.version} are gone from {folder}: train again (feelm run)")
    return folder


def _aliases(client: Any) -> dict[str, int]:
    models = client.search_registered_models(f"name = '{MODEL}'")
    return {name: int(number) for model in models for name, number in model.aliases.items()}


def _aliased(home: Home, alias: str) -> RegisteredVersion | None:
    if not _is_begun(home):
        return None
    client = _client(home)
    aliases = _aliases(client)
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
    name, location = _location(home)
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(name, artifact_location=location))


def _location(home: Home) -> tuple[str, str]:
    """An experiment's name and where its files are kept: MLflow lets an experiment keep to the place that it began with.

    Raises:
        FeelmError: the place is in S3, and what speaks it is not installed.
    """
    remote = Remote.from_environment(ARTIFACTS)
    if remote is None:
        return EXPERIMENT, (home.mlflow / "artifacts").resolve().as_uri()
    if remote.url.startswith("s3://") and find_spec("boto3") is None:
        raise FeelmError(f"{ARTIFACTS}={remote.url} needs the packages of feelm[s3]: `make s3` installs them")
    return f"{EXPERIMENT} at {remote.url}", remote.url


def _client(home: Home) -> Any:
    """An MLflow client on an up-to-date database."""
    prepare(home)
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri(home), tracking_uri(home))


def _quieten() -> None:
    """No telemetry, no chatter, nothing unpickled, and the server that speaks S3: read by MLflow from the environment."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    if endpoint := os.environ.get(ENDPOINT):
        os.environ.setdefault(S3_ENDPOINT, endpoint)


def _upgrade_sqlite(home: Home) -> None:
    """Under a lock, since four processes on a fresh database kill each other."""
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


@cache
def _upgrade_postgres(postgres: Postgres, uri: str) -> None:
    """Once a process, under a lock that the server holds and gives up with the connection, however that ends."""
    from mlflow.store.db.utils import _get_latest_schema_revision, _get_schema_version, create_sqlalchemy_engine
    from mlflow.store.db.utils import _initialize_tables as create
    from mlflow.store.db.utils import _upgrade_db as upgrade
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    engine = create_sqlalchemy_engine(uri)
    try:
        with engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_lock({SCHEMA_LOCK})"))
            known = _get_schema_version(engine)
            if known != _get_latest_schema_revision():
                (create if known is None else upgrade)(engine)
    except OperationalError as error:
        raise postgres.unreachable(postgres.mlflow_database, error) from None
    finally:
        engine.dispose()
