"""Dagster on files and on Postgres: the same partitions, events and freshness; settings that follow the environment; no secret anywhere."""

import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import psycopg2
import pytest
import yaml
from dagster_postgres.event_log import PostgresEventLogStorage

from assets.chain import STAGES, read_stamp, run_stage
from assets.workspace import Workspace
from corpus import environment as names
from corpus.environment import Postgres
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import write_catalogue
from corpus.paths import Home
from corpus.sources import PROJECT
from corpus.terms import FeelmError
from orchestration.due import Known
from orchestration.execution import HOST_TAG, PID_TAG, Job, close_dead_runs, execute_all
from orchestration.instance import (
    KEPT_S,
    check_reachable,
    dagster_instance,
    dagster_settings,
    prepare_dagster_home,
    prepare_storage,
    sync_partitions,
)
from tests.conftest import REPOSITORY
from tests.orchestration.serving import counting_film, feelm
from tests.storage import PASSWORD, Server, Storage

pytestmark = pytest.mark.long

FILMS = ("first", "second")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A home with two films in its catalogue, which Dagster does not know yet."""
    for name in ("FEELM_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")  # put back at the end: preparing a home sets them
    home = Home(tmp_path / "root" / ".feelm")
    video = counting_film(tmp_path / "film.mkv")
    write_catalogue(home.catalogue, [Film(film_id, film_id, video, rights="cc0") for film_id in FILMS])
    return Workspace(home)


def test_partitions_follow_the_catalogue(storage: Storage, workspace: Workspace) -> None:
    prepare_dagster_home(workspace)
    with dg.DagsterInstance.get() as instance:
        sync_partitions(workspace, instance)
        assert set(instance.get_dynamic_partitions("films")) == set(FILMS)
        write_catalogue(workspace.home.catalogue, [workspace.film("second")])
        workspace.refresh()
        sync_partitions(workspace, instance)
        assert instance.get_dynamic_partitions("films") == ["second"]


def test_processes_that_start_on_empty_storage_at_once_leave_what_the_next_run_finds_done(storage: Storage, workspace: Workspace) -> None:
    prepare_dagster_home(workspace)
    with dg.DagsterInstance.get() as instance:
        sync_partitions(workspace, instance)
    jobs = [Job(("film", "video"), film_id) for film_id in FILMS] + [Job(("annotations",))]
    assert all(outcome.succeeded for outcome in execute_all(jobs, 2, workspace.home.root / "log"))
    with dg.DagsterInstance.get() as instance:
        assert_no_process_ran_two_at_once(instance)
        known = Known(instance, [(("film",), film_id) for film_id in FILMS])
        for name, key in [("film", "first"), ("film", "second"), ("annotations", "")]:
            stamp = read_stamp(workspace, name, key)
            event = instance.get_latest_data_version_record(dg.AssetKey(name), partition_key=key or None)
            assert stamp is not None and event is not None and event.asset_materialization is not None
            assert (event.asset_materialization.tags or {})["dagster/data_version"] == stamp["outputs"][name]
            assert known.holds(workspace, STAGES[name], key)
        run_stage(workspace, "gold_labels")
        assert not known.holds(workspace, STAGES["gold_labels"], ""), "it was made without Dagster"


def assert_no_process_ran_two_at_once(instance: dg.DagsterInstance) -> None:
    """Two threads that materialise in one process were seen to hang for ever."""
    by_process: dict[str, list[tuple[float, float]]] = {}
    for record in instance.get_run_records():
        assert record.start_time is not None and record.end_time is not None
        by_process.setdefault(record.dagster_run.tags[PID_TAG], []).append((record.start_time, record.end_time))
    assert len(by_process) == 2 and str(os.getpid()) not in by_process
    for times in by_process.values():
        assert all(ended <= started for (_, ended), (started, _) in pairwise(sorted(times)))


def test_on_postgres_nothing_of_dagster_lies_in_files(postgres: Server, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in postgres.fresh().variables.items():
        monkeypatch.setenv(name, value)
    told = prepare_storage(workspace)
    assert (told.environment.value, told.dagster.partition("/")[0]) == ("prod", f"Postgres feelm@127.0.0.1:{postgres.port}")
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
        assert not instance.telemetry_enabled
    assert not list(workspace.home.root.rglob("*.db"))


def sessions(storage: Storage) -> int:
    """How many connections there are to Dagster's database of a storage."""
    host, port, user, password = (storage.variables[name] for name in (names.HOST, names.PORT, names.USER, names.PASSWORD))
    asked = psycopg2.connect(host=host, port=port, user=user, password=password, dbname="postgres")
    with closing(asked), asked.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (storage.variables[names.DAGSTER_DATABASE],))
        return int(cursor.fetchone()[0])


def test_connections_to_postgres_are_used_for_many_events_and_a_server_that_ended_them_is_met_by_new_ones(
    postgres: Server, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = postgres.fresh()
    for name, value in storage.variables.items():
        monkeypatch.setenv(name, value)
    prepare_storage(workspace)
    made: list[float] = []
    connect = psycopg2.connect
    monkeypatch.setattr(psycopg2, "connect", lambda *given, **named: made.append(time.monotonic()) or connect(*given, **named))
    with dagster_instance() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("seen"))
        made.clear()
        for _ in range(20):
            instance.report_runless_asset_event(dg.AssetMaterialization("seen"))
        assert len(made) < 20, "not even one an event"
        postgres.disconnect(storage)
        time.sleep(KEPT_S + 0.1)
        instance.report_runless_asset_event(dg.AssetMaterialization("seen"))
        assert len(instance.fetch_materializations(dg.AssetKey("seen"), limit=100).records) == 22
        assert sessions(storage) > 0
    assert sessions(storage) == 0


def test_preparing_again_changes_nothing(storage: Storage, workspace: Workspace) -> None:
    told = prepare_storage(workspace)
    written = (workspace.home.dagster / "dagster.yaml").stat().st_mtime_ns
    assert prepare_storage(workspace) == told
    assert (workspace.home.dagster / "dagster.yaml").stat().st_mtime_ns == written


def test_a_change_of_environment_or_of_the_projects_settings_reaches_the_home(
    postgres: Server, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = prepare_dagster_home(workspace) / "dagster.yaml"
    assert path.read_text() == (PROJECT / "dagster.yaml").read_text()
    path.write_text("telemetry: {enabled: true}\n")
    prepare_dagster_home(workspace)
    assert path.read_text() == (PROJECT / "dagster.yaml").read_text()
    for name, value in postgres.fresh().variables.items():
        monkeypatch.setenv(name, value)
    prepare_dagster_home(workspace)
    assert yaml.safe_load(path.read_text())["storage"]["postgres"]["postgres_db"]["scheme"] == "postgresql+psycopg2"
    monkeypatch.delenv("FEELM_ENV")
    prepare_dagster_home(workspace)
    assert "storage" not in yaml.safe_load(path.read_text())


def secrets_in(text: str) -> list[str]:
    """The forms in which the password may stand in an address or a message."""
    return [form for form in (PASSWORD, quote(PASSWORD), quote(PASSWORD, safe=""), "s:w@rd") if form in text]


def test_the_password_is_in_no_file_that_using_the_storage_leaves(storage: Storage, workspace: Workspace) -> None:
    prepare_storage(workspace)
    (outcome,) = execute_all([Job(("film", "video"), "first")], 1, workspace.home.root / "log")
    assert outcome.succeeded
    files = [path for path in workspace.home.root.parent.rglob("*") if path.is_file()]
    assert files and not [path for path in files if secrets_in(path.read_bytes().decode(errors="replace"))]
    with dg.DagsterInstance.get() as instance:
        told = instance.info_str() + "".join(str(entry) for entry in instance.all_logs(outcome.run_id))
        assert "film" in told
        assert not secrets_in(told + dg.serialize_value(instance.get_ref())), "it is handed to every process on its command line"


@pytest.fixture
def refused(postgres: Server, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> str:
    """A password that the server does not take, in an environment that is right but for it."""
    for name, value in postgres.fresh().variables.items():
        monkeypatch.setenv(name, value)
    prepare_dagster_home(workspace)
    monkeypatch.setenv("FEELM_PG_PASSWORD", "wrong-horse-%41-battery")
    return "wrong-horse"


@pytest.mark.parametrize(("command", "database"), [(("run",), "dagster_"), (("models", "list"), "mlflow_")])
def test_a_refused_connection_is_told_in_one_line_without_the_password(
    refused: str, workspace: Workspace, command: tuple[str, ...], database: str
) -> None:
    done = feelm(workspace.home, *command)
    assert done.returncode == 1
    assert done.stdout == ""
    told = done.stderr.strip()
    assert told.startswith(f"feelm: the database {database}") and "\n" not in told
    assert 'password authentication failed for user "feelm"' in done.stderr and refused not in done.stderr
    assert not [path for path in workspace.home.root.rglob("*") if path.is_file() and refused in path.read_text(errors="replace")]


@pytest.mark.parametrize(
    "program",
    [
        "import dagster as dg; dg.DagsterInstance.get().get_runs()",
        "from mlflow import MlflowClient; from ml.models import registry; from corpus.paths import Home; import sys;"
        "from mlflow.store.db import utils; utils.MAX_RETRY_COUNT = 2;"
        "u = registry.tracking_uri(Home('.')); MlflowClient(u, u).search_registered_models()",
    ],
    ids=["dagster", "mlflow"],
)
def test_what_the_libraries_print_of_a_refused_connection_does_not_hold_it_either(refused: str, program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "password authentication failed" in done.stderr
    assert refused not in done.stdout + done.stderr


def test_a_server_that_is_not_there_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FeelmError, match=r"the database dagster at 127.0.0.1:9 cannot be used as u: .*check FEELM_PG_\*"):
        check_reachable(Postgres("127.0.0.1", 9, "u", "secret", "dagster", "mlflow"))


def test_settings_name_the_variable_and_not_the_password() -> None:
    text = dagster_settings(Postgres("db", 5432, "u", "secret", "dagster", "mlflow"))
    assert yaml.safe_load(text)["storage"]["postgres"]["postgres_db"]["password"] == {"env": "FEELM_PG_PASSWORD"}
    assert "secret" not in text


def _die_holding_the_pool(folder: Path, host: str) -> None:
    """Materialise an asset of the pool `dvc` in a process that is killed in the middle of it."""

    @dg.asset(pool="dvc")
    def killed() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with dg.DagsterInstance.from_config(str(folder)) as instance:
        dg.materialize([killed], instance=instance, tags={HOST_TAG: host, PID_TAG: str(os.getpid())})


@pytest.mark.parametrize(("host", "freed"), [(platform.node(), True), ("another-machine", False)])
def test_a_killed_run_of_this_machine_is_closed_and_gives_its_slot_back(
    storage: Storage, workspace: Workspace, host: str, freed: bool
) -> None:
    folder = prepare_dagster_home(workspace)
    process = multiprocessing.get_context("spawn").Process(target=_die_holding_the_pool, args=(folder, host))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with dg.DagsterInstance.get() as instance:
        assert instance.event_log_storage.get_concurrency_info("dvc").active_slot_count == 1
        assert close_dead_runs(instance) == freed
        assert instance.event_log_storage.get_concurrency_info("dvc").active_slot_count == (not freed)
        (run,) = instance.get_runs()
        assert (run.status is dg.DagsterRunStatus.FAILURE) == freed
