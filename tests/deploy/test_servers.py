"""The deployment's servers without containers: code server, webserver and daemon on one Postgres, and a film asked for through them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from assets.workspace import Workspace
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import write_catalogue
from corpus.paths import Home
from orchestration.instance import prepare_dagster_home, sync_partitions
from tests.conftest import REPOSITORY
from tests.loopback import free_port
from tests.orchestration.serving import counting_film
from tests.storage import PASSWORD, Server

pytestmark = pytest.mark.long

LIMIT_S = 900.0
"""On a machine that does many other things."""

LAUNCH = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""


@pytest.fixture
def home(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home in prod, prepared, with one film."""
    for name, value in {**postgres.fresh().variables, "FEELM_HOME": "", "DAGSTER_HOME": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    made = Home(tmp_path / "root" / ".feelm")
    write_catalogue(made.catalogue, [Film("film", "Film", counting_film(tmp_path / "film.mkv"), rights="cc0")])
    workspace = Workspace(made)
    prepare_dagster_home(workspace)
    with dg.DagsterInstance.get() as instance:
        sync_partitions(workspace, instance)
    return made


@contextmanager
def running(log: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A server as a session of its own, ended with what it started."""
    with log.open("w") as stream:
        process = subprocess.Popen([sys.executable, "-m", *arguments], stdout=stream, stderr=stream, start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def until(done: Callable[[], Any], told: Path) -> Any:
    deadline = time.monotonic() + LIMIT_S
    while not (result := done()):
        assert time.monotonic() < deadline, "".join(path.read_text() for path in told.glob("*.log"))
        time.sleep(0.3)
    return result


def asked(port: int, query: str, **variables: Any) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read())["data"]
    except (urllib.error.URLError, ConnectionError):
        return None


def healthy(port: int) -> bool:
    check = [sys.executable, "-m", "dagster", "api", "grpc-health-check", "--port", str(port)]
    return subprocess.run(check, capture_output=True, check=False).returncode == 0


def test_a_film_is_materialised_through_the_servers_and_none_of_them_tells_the_password(home: Home, tmp_path: Path) -> None:
    code, web = free_port(), free_port()
    workspace = tmp_path / "workspace.yaml"
    served = yaml.safe_load((REPOSITORY / "deploy" / "workspace.yaml").read_text())
    served["load_from"][0]["grpc_server"] |= {"host": "127.0.0.1", "port": code}
    workspace.write_text(yaml.safe_dump(served))
    start = ["dagster", "code-server", "start", "--host", "127.0.0.1", "--port", str(code), "--module-name", "orchestration.definitions"]
    with ExitStack() as stack:
        stack.enter_context(running(tmp_path / "code.log", *start))
        until(lambda: healthy(code), tmp_path)
        where = ["--workspace", str(workspace)]
        stack.enter_context(running(tmp_path / "web.log", "dagster_webserver", "--host", "127.0.0.1", "--port", str(web), *where))
        stack.enter_context(running(tmp_path / "daemon.log", "dagster._daemon", "run", *where))
        until(lambda: asked(web, "{ version }"), tmp_path)
        run_id = launch(web)
        with dg.DagsterInstance.get() as instance:
            until(lambda: (run := instance.get_run_by_id(run_id)) and run.is_finished, tmp_path)
            record = instance.get_run_by_id(run_id)
            assert record is not None and record.status is dg.DagsterRunStatus.SUCCESS
            assert instance.fetch_materializations(dg.AssetKey("film"), limit=1).records
    assert home.artifact("film", "film").is_dir()
    shown = "".join(
        path.read_text(errors="replace") for path in [*tmp_path.glob("*.log"), *home.dagster.rglob("*.out"), *home.dagster.rglob("*.err")]
    )
    assert "film" in shown and PASSWORD not in shown and "s:w@rd" not in shown


def launch(port: int) -> str:
    params = {
        "selector": {
            "repositoryName": "__repository__",
            "repositoryLocationName": "orchestration.definitions",
            "jobName": "__ASSET_JOB",
            "assetSelection": [{"path": ["film"]}, {"path": ["video"]}],
        },
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": "film"}]},
    }
    launched = asked(port, LAUNCH, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])
