"""Dagster's steps, or its runs, as jobs of Ray: what is asked for by the environment, and that it runs on a real cluster."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.workspace import Workspace
from orchestration.instance import dagster_instance, dagster_settings, prepare_dagster_home, sync_partitions
from orchestration.ray_jobs import HERE, RUNS, STEPS, executor
from tests.loopback import free_port
from tests.orchestration.stub_chain import stub_home
from tests.ray_cluster import cluster

ADDRESS = "http://127.0.0.1:8265"


def test_without_ray_steps_are_processes_of_this_machine_and_runs_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STEPS, raising=False)
    monkeypatch.delenv(RUNS, raising=False)
    assert executor() is HERE
    assert yaml.safe_load(dagster_settings(None))["run_launcher"]["class"] == "WatchedRunLauncher"


def test_a_job_is_told_where_the_home_is_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNS, ADDRESS)
    monkeypatch.setenv("FEELM_PG_PASSWORD", "hush")
    settings = dagster_settings(None)
    launcher = yaml.safe_load(settings)["run_launcher"]
    assert (launcher["class"], launcher["config"]["ray"]["address"]) == ("RayRunLauncher", ADDRESS)
    assert launcher["config"]["ray"]["env_vars"] == ["DAGSTER_HOME", "FEELM_HOME"] and "hush" not in settings
    before = {name: told for name, told in yaml.safe_load(settings).items() if name != "run_launcher"}
    monkeypatch.delenv(RUNS)
    assert before == {name: told for name, told in yaml.safe_load(dagster_settings(None)).items() if name != "run_launcher"}


@pytest.mark.slow
def test_every_step_of_a_films_run_is_a_job_of_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dagster_ray", reason="the ray extra is not installed: `make ray`")
    home = stub_home(tmp_path, 1)
    monkeypatch.setenv("FEELM_HOME", str(home.root))
    prepare_dagster_home(Workspace(home))
    with dagster_instance() as instance:
        sync_partitions(Workspace(home), instance)
    port = free_port()
    with cluster(2, jobs_port=port):
        command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "benchmarks.stub_definitions", "-j", "film_chain"]
        tags = json.dumps({"dagster/partition": "film-000"})
        subprocess.run([*command, "--tags", tags], env={**os.environ, STEPS: f"http://127.0.0.1:{port}"}, check=True, cwd=tmp_path)
    with dagster_instance() as instance:
        (run,) = instance.get_runs()
        told = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event is not None]
    assert run.status is dg.DagsterRunStatus.SUCCESS
    jobs = {event.step_key for event in told if "in Ray job" in (event.message or "")}
    assert jobs == {event.step_key for event in told if event.is_step_success} and len(jobs) > 10
    assert home.artifact("text_features", "film-000").is_dir()
