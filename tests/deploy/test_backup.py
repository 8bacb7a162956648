"""What was backed up comes back as it was: both databases and the home, by the scripts that the guide names."""

import os
import shutil
import subprocess
from pathlib import Path

import dagster as dg
import psycopg2
import pytest

from assets.workspace import Workspace
from corpus.paths import Home, write_json
from ml.models import registry
from orchestration.instance import prepare_storage
from tests.conftest import REPOSITORY
from tests.storage import PASSWORD, USER, Server

pytestmark = pytest.mark.long


@pytest.fixture
def home(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home in prod, prepared."""
    for name, value in {**postgres.fresh().variables, "FEELM_HOME": "", "DAGSTER_HOME": ""}.items():
        monkeypatch.setenv(name, value)
    made = Home(tmp_path / "root" / ".feelm")
    prepare_storage(Workspace(made))
    return made


def script(server: Server, name: str, folder: Path, *part: str) -> subprocess.CompletedProcess[str]:
    """One of deploy's scripts, reaching the server's programs and the home without containers."""
    here = {"PATH": f"{server.programs}:{os.environ['PATH']}", "IN_POSTGRES": "", "IN_HOME": ""}
    libpq = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGPASSWORD": PASSWORD}
    command = ["bash", str(REPOSITORY / "deploy" / name), str(folder), *part]
    return subprocess.run(command, env={**os.environ, **here, **libpq}, capture_output=True, text=True, check=False)


def use(home: Home, folder: Path, content: str) -> int:
    """Train, so to speak: a model of this content becomes champion, and Dagster hears of it."""
    write_json(folder / "model.json", {"content": content})
    version = registry.log_training(home, folder, {}, {}, {"by": "test"}).version
    registry.set_champion(home, version)
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("champion", tags={"dagster/data_version": content}))
    return version


def state(home: Home) -> tuple[int, str, bool]:
    """The champion, the version of it that Dagster knows, and whether its files are as registered."""
    champion = registry.champion(home)
    assert champion is not None
    with dg.DagsterInstance.get() as instance:
        (record,) = instance.fetch_materializations(dg.AssetKey("champion"), limit=1).records
    tags = record.asset_materialization.tags if record.asset_materialization else None
    return champion.version, (tags or {})["dagster/data_version"], registry.model_folder(home, champion).is_dir()


def asked_of_mlflow(server: Server, statement: str) -> str:
    """What MLflow's database says to a statement."""
    database = os.environ["FEELM_PG_MLFLOW_DB"]
    connection = psycopg2.connect(host="127.0.0.1", port=server.port, user=USER, password=PASSWORD, dbname=database)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return str(cursor.statusmessage)
    finally:
        connection.close()


def test_a_backup_brings_back_champion_events_and_files(postgres: Server, home: Home, tmp_path: Path) -> None:
    use(home, tmp_path / "model", "first")
    saved = script(postgres, "backup.sh", tmp_path / "backup")
    assert saved.returncode == 0 and saved.stdout == "", saved.stderr
    before = state(home)
    assert before == (1, "first", True)
    assert use(home, tmp_path / "model", "second") == 2
    shutil.rmtree(home.mlflow)
    asked_of_mlflow(postgres, "CREATE TABLE of_a_newer_version AS SELECT 1")
    in_use = script(postgres, "restore.sh", tmp_path / "backup")
    assert in_use.returncode != 0 and "being accessed by other users" in in_use.stderr, "the servers must be stopped first"
    # What stopping the servers does.
    clients = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    postgres.execute(f"{clients} AND datname = '{os.environ['FEELM_PG_MLFLOW_DB']}'")
    back = script(postgres, "restore.sh", tmp_path / "backup")
    assert back.returncode == 0, back.stderr
    assert state(home) == before
    assert asked_of_mlflow(postgres, "CREATE TABLE of_a_newer_version AS SELECT 1") == "SELECT 1", "it was gone"
    assert PASSWORD not in saved.stderr + back.stderr


def test_in_parts_as_containers_of_kubernetes_make_it_a_backup_brings_back_the_same(postgres: Server, home: Home, tmp_path: Path) -> None:
    use(home, tmp_path / "model", "first")
    for part in ("databases", "home"):
        assert script(postgres, "backup.sh", tmp_path / "backup", part).returncode == 0
    assert {path.name for path in (tmp_path / "backup").iterdir()} == {"dagster.dump", "mlflow.dump", "home.tar"}
    before = state(home)
    use(home, tmp_path / "model", "second")
    shutil.rmtree(home.mlflow)
    clients = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    postgres.execute(f"{clients} AND datname = '{os.environ['FEELM_PG_MLFLOW_DB']}'")
    for part in ("databases", "home"):
        back = script(postgres, "restore.sh", tmp_path / "backup", part)
        assert back.returncode == 0, back.stderr
    assert state(home) == before


def test_half_a_backup_restores_nothing(postgres: Server, home: Home, tmp_path: Path) -> None:
    use(home, tmp_path / "model", "first")
    assert script(postgres, "backup.sh", tmp_path / "backup").returncode == 0
    (tmp_path / "backup" / "mlflow.dump").write_bytes(b"")
    refused = script(postgres, "restore.sh", tmp_path / "backup")
    assert refused.returncode == 1 and "mlflow.dump is missing or empty" in refused.stderr
    assert state(home) == (1, "first", True)
