"""Dagster's instance of a home: where it lives, what it keeps its events in, and which films and batches it knows.

The home holds DAGSTER_HOME, whose dagster.yaml is the project's with the storage of the environment: written anew whenever the two
differ, so that an upgrade and a change of FEELM_ENV reach it. Partitions follow the catalogue and the inbox: what is added there becomes a
partition before anything runs.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import yaml

from assets.partitions import annotation_batch_keys, films
from assets.snapshot import write_stage_list
from assets.workspace import Workspace
from corpus.environment import PASSWORD, Environment, Postgres
from corpus.paths import write_text
from corpus.sources import PROJECT
from orchestration.ray_jobs import launcher

SCHEME = "postgresql+psycopg2"
"""SQLAlchemy 2.1 takes `postgresql` for psycopg 3, which dagster-postgres does not bring (dagster-io/dagster#33958)."""

KEPT_S, MOST_MORE = 1, 20
"""How long a connection to Postgres is used again, and how many a thread more than one may open: short, so that a server that was
restarted meanwhile is met by new ones."""


@dataclass(frozen=True)
class Storage:
    """Where an environment keeps what Dagster and MLflow know, in words; no password."""

    environment: Environment
    dagster: str
    mlflow: str


def prepare_dagster_home(workspace: Workspace) -> Path:
    """Have DAGSTER_HOME hold the environment's dagster.yaml, and point this process and its children there.

    Raises:
        FeelmError: the environment's Postgres is not named whole, or cannot be reached.
    """
    folder = workspace.home.dagster
    postgres = Postgres.from_environment()
    if postgres is not None:
        check_reachable(postgres)
    settings, wanted = folder / "dagster.yaml", dagster_settings(postgres)
    if not settings.is_file() or settings.read_text(encoding="utf-8") != wanted:
        write_text(settings, wanted)
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["FEELM_HOME"] = str(workspace.home.root)
    return folder


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The instance of DAGSTER_HOME, using its connections to Postgres again: Dagster opens several for each event else, which is three
    quarters of what a run on Postgres costs.
    """
    with dg.DagsterInstance.get() as instance:
        # Named for the webserver, whose use it was made for; on SQLite it does nothing. A statement_timeout of 0 is none.
        instance.optimize_for_webserver(statement_timeout=0, pool_recycle=KEPT_S, max_overflow=MOST_MORE)
        try:
            yield instance
        finally:
            for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
                if engine := getattr(storage, "_engine", None):  # else kept until garbage is collected; SQLite's have none
                    engine.dispose()


def dagster_settings(postgres: Postgres | None) -> str:
    """The text of dagster.yaml: the project's, with Ray as the launcher of runs and Postgres as the storage where they are asked for."""
    base = (PROJECT / "dagster.yaml").read_text(encoding="utf-8")
    if on_ray := launcher():
        base = yaml.safe_dump(yaml.safe_load(base) | on_ray, sort_keys=False)
    if postgres is None:
        return base
    database = {
        "scheme": SCHEME,
        "hostname": postgres.host,
        "port": postgres.port,
        "username": postgres.user,
        "password": {"env": PASSWORD},
        "db_name": postgres.dagster_database,
    }
    return base + "\n" + yaml.safe_dump({"storage": {"postgres": {"postgres_db": database}}}, sort_keys=False)


def check_reachable(postgres: Postgres) -> None:
    """Raises FeelmError, in one line, where Dagster's database cannot be used; Dagster would take six seconds and a page."""
    import psycopg2

    try:
        psycopg2.connect(
            host=postgres.host,
            port=postgres.port,
            user=postgres.user,
            password=postgres.password,
            dbname=postgres.dagster_database,
            connect_timeout=10,
        ).close()
    except psycopg2.OperationalError as error:
        raise postgres.unreachable(postgres.dagster_database, error) from None


def prepare_storage(workspace: Workspace) -> Storage:
    """Bring settings, both schemas and partitions up to this version; to be done before servers start and after an upgrade."""
    from ml.models import registry

    prepare_dagster_home(workspace)
    with dagster_instance() as instance:
        instance.upgrade()
        sync_partitions(workspace, instance)
    write_stage_list(workspace)
    registry.prepare(workspace.home)
    return _storage(workspace, Postgres.from_environment())


def _storage(workspace: Workspace, postgres: Postgres | None) -> Storage:
    home = workspace.home
    if postgres is None:
        return Storage(Environment.current(), f"SQLite under {home.dagster}", f"SQLite under {home.mlflow}")
    server = f"{postgres.user}@{postgres.host}:{postgres.port}"
    databases = (f"Postgres {server}/{name}" for name in (postgres.dagster_database, postgres.mlflow_database))
    return Storage(Environment.current(), *databases)


def sync_partitions(workspace: Workspace, instance: dg.DagsterInstance) -> None:
    """Make the instance's films and batches those of the catalogue and the inbox."""
    for definition, wanted in ((films, set(workspace.film_ids)), (annotation_batch_keys, set(workspace.inbox))):
        known = set(instance.get_dynamic_partitions(str(definition.name)))
        instance.add_dynamic_partitions(str(definition.name), sorted(wanted - known))
        for gone in sorted(known - wanted):
            instance.delete_dynamic_partition(str(definition.name), gone)
