"""A team's day on Postgres, an object store and Ray: what arrives is learned from, promoted, served and restored.

Nothing is started by hand but the servers: Dagster's daemon finds the films and the judgements, hands the films to the cluster in one
batch, trains, and promotes; the service takes the new model while it is asked.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psutil
import pytest

from corpus.paths import Home
from tests.conftest import REPOSITORY
from tests.loopback import free_port
from tests.ray_cluster import cluster
from tests.storage import PASSWORD, Server, using
from tests.stores import Place

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: `make ray`"),
]

FILMS, SEED = 10, 31
FILM_IDS = [f"made-{SEED}-{number:02d}" for number in range(1, FILMS + 1)]
MORNING, LINES_BY_NOON = FILM_IDS[:5], 18
"""The films that are judged in the morning, and how many lines of each."""

LONGEST_S = 1800.0
ASKED_EVERY_S = 0.2
SETTINGS = """
rights: {train: [cc0], export: [cc0]}
declared_use: research
training: {seed: 0, folds: 3, face_network: small}
retrain: {min_new_gold: 1}
scan: {shots: fast}
dialogue: {recognition: auto}
gold: {trace_lag_ms: 3000}
text: {encoder: minilm}
"""


@dataclass(frozen=True)
class Answers:
    """What somebody who asked all the time was answered: status and model version, in order."""

    got: list[tuple[int, str]]

    @property
    def failed(self) -> list[int]:
        return [status for status, _ in self.got if status != 200]

    @property
    def versions(self) -> list[str]:
        """Those that answered, in order."""
        return list(dict.fromkeys(version for status, version in self.got if status == 200))


@dataclass
class Team:
    """A team's folder with its home, and the environment that all its servers and commands share."""

    root: Path
    environment: dict[str, str]

    @property
    def home(self) -> Home:
        return Home(self.root / ".feelm")

    def feelm(self, *arguments: str) -> str:
        """What a command prints; it must succeed."""
        command = [sys.executable, "-m", "orchestration.cli", *arguments]
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"feelm {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def told(self, *arguments: str) -> Any:
        """The same for programs."""
        return json.loads(self.feelm(*arguments, "--json"))

    @contextmanager
    def server(self, name: str, *arguments: str) -> Iterator[None]:
        """A server of the team's, which is ended with whatever it started."""
        with (self.root / f"{name}.log").open("ab") as log:
            process = psutil.Popen([sys.executable, "-m", *arguments], cwd=self.root, env=self.environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            family = [*process.children(recursive=True), process]
            process.send_signal(signal.SIGTERM)
            _, left = psutil.wait_procs(family, timeout=30)
            for one in left:
                one.kill()

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """Dagster's daemon with all sensors on."""
        with self.server("daemon", "dagster._daemon", "run", "-m", "orchestration.definitions"):
            yield

    @contextmanager
    def service(self) -> Iterator[str]:
        """`feelm serve`, ready; its address."""
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        with self.server("service", "orchestration.cli", "serve", "--port", str(port), "--rate", "10000"):
            self.wait_for(lambda: version_at(address) is not None, "the service")
            yield address

    def wait_for(self, what: Callable[[], bool], told: str) -> None:
        """Until something is so."""
        until = time.monotonic() + LONGEST_S
        while not what():
            if time.monotonic() > until:
                pytest.fail(f"{told}: not within {LONGEST_S:.0f} s\n{(self.root / 'daemon.log').read_text(errors='replace')[-6000:]}")
            time.sleep(5)

    def champion(self) -> int | None:
        """The version in use, as the registry says."""
        return next((one["version"] for one in self.told("models", "list") if "champion" in one["aliases"]), None)

    def due(self) -> list[dict[str, Any]]:
        """What a run would have to do."""
        found: list[dict[str, Any]] = self.told("run", "--dry-run")["due"]
        return found

    def at_rest(self) -> bool:
        """Whether Dagster has no unfinished run, and nothing is due."""
        return all(run["status"] in ("SUCCESS", "FAILURE", "CANCELED") for run in self.runs()) and not self.due()

    def runs(self) -> list[dict[str, Any]]:
        """Dagster's runs: job, status, tags."""
        told = subprocess.run([sys.executable, "-c", RUNS], env=self.environment, capture_output=True, text=True, check=True)
        found: list[dict[str, Any]] = json.loads(told.stdout)
        return found


RUNS = """
import json, dagster as dg
with dg.DagsterInstance.get() as instance:
    print(json.dumps([{"job": run.job_name, "status": run.status.value, "tags": run.tags} for run in instance.get_runs()]))
"""


def version_at(address: str) -> str | None:
    """Which model answers there; None before one does."""
    try:
        answer = httpx.get(f"{address}/health/ready")
    except httpx.TransportError:
        return None
    return str(answer.json()["model_version"]) if answer.status_code == 200 else None


@contextmanager
def asked_all_the_time(address: str) -> Iterator[Answers]:
    """Somebody asks the service again and again while the block lasts."""
    answers, stop = Answers([]), threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            while not stop.wait(ASKED_EVERY_S):
                answer = client.post("/v1/detect", json={"text": f"How dare you, number {len(answers.got)}!"})
                answers.got.append((answer.status_code, answer.json().get("origin", {}).get("model_version", answer.text)))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def team(postgres: Server, s3_place: Place, tmp_path: Path) -> Iterator[Team]:
    """A team with nothing yet: empty databases, an empty folder of an object store, a cluster of two workers."""
    with ExitStack() as stack:
        root = tmp_path / "team"
        root.mkdir()
        (root / "params.yaml").write_text(SETTINGS)
        storage = postgres.fresh()
        stack.callback(postgres.disconnect, storage)
        stack.enter_context(using(storage))
        stack.enter_context(cluster(2))
        ours = {
            "FEELM_HOME": str(root / ".feelm"),
            "DAGSTER_HOME": str(root / ".feelm" / "dagster"),
            "FEELM_AUTOMATION": "on",
            "FEELM_COMPUTE": "ray",
            "PYTHONPATH": str(REPOSITORY),
            "FEELM_DVC_REMOTE": f"{s3_place.url}-dvc",
            "FEELM_DVC_ENDPOINT": s3_place.variables["FEELM_STORE_ENDPOINT"],
            "FEELM_MLFLOW_ARTIFACTS": f"{s3_place.url}-mlflow",
        }
        yield Team(root, {**os.environ, **ours})


def delivered(team: Team) -> dict[str, pd.DataFrame]:
    """What raters said of the made films, by the batch that brings it."""
    told = pd.read_csv(team.root / "made" / "annotations.csv", dtype=str, keep_default_na=False)
    line = told.groupby("film_id")["start_ms"].transform(lambda starts: starts.astype(int).rank(method="dense"))
    early = told["film_id"].isin(MORNING) & (line <= LINES_BY_NOON)
    return {"morning": told[early], "afternoon": told[~early]}


def deliver(team: Team, batch: str) -> None:
    """A batch arrives in the inbox."""
    team.home.inbox.mkdir(parents=True, exist_ok=True)
    delivered(team)[batch].to_csv(team.home.inbox / f"{batch}.csv", index=False)


def script(postgres: Server, team: Team, name: str, folder: Path) -> None:
    """One of deploy's scripts, without containers."""
    libpq = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGPASSWORD": PASSWORD}
    here = {"PATH": f"{postgres.programs}:{os.environ['PATH']}", "IN_POSTGRES": "", "IN_HOME": ""}
    command = ["bash", str(REPOSITORY / "deploy" / name), str(folder)]
    done = subprocess.run(command, env={**team.environment, **here, **libpq}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_teams_day(team: Team, postgres: Server, tmp_path: Path) -> None:
    team.feelm("films", "make", "--films", str(FILMS), "--seed", str(SEED), "--out", "made")
    team.feelm("prepare")
    with team.daemon():
        # Morning: ten films arrive, and judgements of most lines of half of them.
        for film_id in FILM_IDS:
            shutil.copytree(team.root / "made" / film_id, team.home.root / "films" / film_id)
        deliver(team, "morning")
        team.wait_for(lambda: team.champion() == 1, "the first model")
        batches = [run for run in team.runs() if run["job"] == "film_batch"]
        recorded = [run for run in team.runs() if "feelm/batch" in run["tags"]]
        assert {run["status"] for run in batches} == {"SUCCESS"} and {run["status"] for run in recorded} == {"SUCCESS"}
        assert {run["tags"]["dagster/partition"] for run in recorded} == set(FILM_IDS), "every film was computed by the cluster"

        # Afternoon: the other judgements; the service is asked all the time.
        with team.service() as address, asked_all_the_time(address) as answers:
            first = version_at(address)
            deliver(team, "afternoon")
            team.wait_for(lambda: version_at(address) != first, "the second model in the service")
            second = version_at(address)
            time.sleep(3)
        assert answers.failed == [] and answers.versions == [first, second]
        assert team.champion() == 2
        team.wait_for(team.at_rest, "the pages")

    # Evening: what the model came of, to the bytes of films and the raters' files; and a backup.
    lineage = json.dumps(team.told("lineage", "model:champion"))
    assert all(name in lineage for name in (*FILM_IDS, "morning", "afternoon"))
    touched = team.told("lineage", f"film:{FILM_IDS[-1]}", "--impact")["models"]
    assert {one["version"]: one["learned"] for one in touched} == {1: False, 2: True}, "nobody had judged the last film in the morning"
    script(postgres, team, "backup.sh", tmp_path / "backup")
    models, report = team.told("models", "list"), team.told("report")

    # Night: the machine is lost.
    shutil.rmtree(team.root)
    team.root.mkdir()
    for name in ("FEELM_PG_DAGSTER_DB", "FEELM_PG_MLFLOW_DB"):
        postgres.execute(f"DROP DATABASE {team.environment[name]} WITH (FORCE)")
    script(postgres, team, "restore.sh", tmp_path / "backup")
    assert team.told("models", "list") == models and team.told("report") == report
    assert json.dumps(team.told("lineage", "model:champion")) == lineage
    assert team.due() == []
    # What is safe in the object store may go, counts as there, and comes back.
    gone = team.told("store", "evict", "--to-gb", "0")["artifacts"]
    assert any(name.startswith("soundtrack/") for name in gone) and team.due() == []
    assert sorted(team.told("store", "fetch")) == sorted(gone)
    with team.service() as address:
        assert version_at(address) == second
