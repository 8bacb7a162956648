"""`feelm health`: what it finds in a home whose daemon lives, is dead, or never was."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._daemon.types import DaemonHeartbeat

from assets.workspace import Workspace
from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration import health
from orchestration.alerting.alert import Alert, AlertKind
from orchestration.alerting.outbox import Outbox
from orchestration.instance import prepare_dagster_home
from service.safety.escalation import Escalation, Queue
from tests.conftest import REPOSITORY
from tests.orchestration.alerting.servers import webhook
from tests.storage import Storage

LATE = Alert("run-1", AlertKind.RUN_FAILED, "2026-01-01T00:00:00+00:00", "Job retrain failed", "the disk is full")


@pytest.fixture
def home(storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home with Dagster's storage, of each kind."""
    for name in ("DAGSTER_HOME", "FEELM_HOME"):
        monkeypatch.setenv(name, "")
    found = Home(tmp_path / ".feelm")
    prepare_dagster_home(Workspace(found))
    yield found


def beat(age_s: float, *silent: str) -> None:
    """The daemon's loops showed themselves that long ago, but for `silent` ones, which did an hour ago."""
    with dg.DagsterInstance.get() as instance:
        for daemon in instance.get_required_daemon_types():
            at = time.time() - (3600 if daemon in silent else age_s)
            instance.add_daemon_heartbeat(DaemonHeartbeat(at, daemon, "one", []))


def words(found: health.Health) -> list[str]:
    return [fault.words for fault in found.faults]


def test_a_daemon_that_beats_is_well(home: Home):
    beat(20)
    found = health.read_health(home)
    assert found.faults == ()
    assert {one.daemon for one in found.beats} >= {"SENSOR", "SCHEDULER", "FRESHNESS_DAEMON"}
    assert all(one.silent_s is not None and 15 < one.silent_s < 120 for one in found.beats)
    assert (found.queued, found.running, found.unsent_alerts) == (0, 0, 0)


def test_a_daemon_without_a_sign_is_dead_and_one_silent_loop_is_named(home: Home):
    assert words(health.read_health(home)) == ["the daemon is dead: it has never run; `feelm ui` starts it"]
    beat(1000)
    assert words(health.read_health(home)) == ["the daemon is dead: no sign of it for 17 min; `feelm ui` starts it"]
    beat(10, "SENSOR")
    assert words(health.read_health(home)) == ["the daemon's SENSOR has shown no sign for 60 min"]


def test_a_queue_that_nobody_takes_from_an_unsent_alert_and_a_full_disk_are_told(home: Home, monkeypatch: pytest.MonkeyPatch):
    beat(10)
    Outbox(home).add([LATE])
    with dg.DagsterInstance.get() as instance:
        origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("feelm"), "all").get_job_origin("retrain")
        waits = dg.DagsterRunStatus.QUEUED
        instance.add_run(dg.DagsterRun("retrain", status=waits, remote_job_origin=origin, job_code_origin=None))
    monkeypatch.setattr(health, "STUCK_S", -1)
    monkeypatch.setattr(health, "LEAST_FREE_BYTES", 10**18)
    found = health.read_health(home)
    assert [fault.kind for fault in found.faults] == ["queue", "disk", "alerts"]
    assert (found.queued, found.unsent_alerts) == (1, 1)
    assert "1 runs wait, the oldest for " in words(found)[0]


def test_a_conversation_that_waits_for_a_person_whom_nobody_calls_comes_first(home: Home):
    beat(20)
    queue = Queue(home, None)
    queue.add(Escalation.new("support_companion", "talk-1", "plain words of danger", ["help"], "care", key="1"))
    found = health.read_health(home)
    assert [fault.kind for fault in found.faults] == ["people"] and "1 escalations wait and no target is set" in words(found)[0]
    queue.acknowledge(queue.all()[0].id, "anna")
    assert health.read_health(home).faults == ()


def test_a_home_in_which_nothing_ran_is_told_as_such(tmp_path: Path):
    with pytest.raises(FeelmError, match="nothing has been run in"):
        health.read_health(Home(tmp_path / "none"))


def run_health(home: Home, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestration.cli", "health", *arguments]
    told = {**os.environ, "FEELM_HOME": str(home.root), "PYTHONPATH": f"{REPOSITORY}:{os.environ.get('PYTHONPATH', '')}", **environment}
    return subprocess.run(command, capture_output=True, text=True, env={**told, "COLUMNS": "200"}, check=False, timeout=120)


def test_the_command_ends_with_0_where_all_is_well_and_1_where_not(home: Home):
    beat(5)
    assert run_health(home).returncode == 0
    beat(4000)
    found = run_health(home, "--json")
    assert found.returncode == 1
    assert json.loads(found.stdout)["healthy"] is False
    assert json.loads(found.stdout)["faults"][0]["kind"] == "daemon"


def test_the_command_tells_a_dead_daemon_once_a_day_and_sends_what_waits(home: Home):
    Outbox(home).add([LATE])
    with webhook() as hook:
        for _ in range(2):
            assert run_health(home, "--tell", FEELM_ALERT_WEBHOOK=hook.url).returncode == 1
    assert hook.alert_ids[0] == "run-1" and len(hook.posts) == 2
    assert "the daemon is dead" in hook.posts[1][1]["text"]
