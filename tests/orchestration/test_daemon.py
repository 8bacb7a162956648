"""The real daemon on a home with stand-ins for what takes long: whatever it is killed in, all comes right when it is started again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.chain import STAGES, run_stage
from assets.recorded import first_stale, recorded
from assets.workspace import Workspace
from corpus.annotations.decisions import read_decisions
from corpus.paths import Home
from orchestration.instance import prepare_dagster_home
from orchestration.wanted import GOLD_LINKS, MODEL_LINKS, gold_wanted, pages_wanted
from tests.conftest import REPOSITORY
from tests.ml.artifacts import write_films
from tests.ml.conftest import train
from tests.orchestration.stub_chain import stub_home, work_through_films
from tests.orchestration.stub_gate import LINKS, PROMOTE, put_stand_ins
from tests.simulated_raters import Simulated, write_csv

pytestmark = pytest.mark.slow

FILMS = ("film-000", "film-001", "film-002")
LONGEST_S = 900
"""A limit for what hangs: on a quiet machine of two cores each wait takes two to four minutes."""


@pytest.fixture(scope="module")
def first_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the home `team`, which has learned from one batch (version 1 is champion), and a copy of it, `kept`."""
    root, lessons = tmp_path_factory.mktemp("daemon"), Home(tmp_path_factory.mktemp("lessons"))
    home = stub_home(root / "team", len(FILMS))
    train(lessons, write_films(lessons, 3, 8), [])
    shutil.copytree(lessons.artifact("emotion_model"), home.root / "tiny")
    before = dict(STAGES)
    with pytest.MonkeyPatch.context() as patched:
        put_stand_ins(patched.setattr)
        work_through_films(home)
        write_csv(home.inbox / "first.csv", Simulated(lines=2, films=FILMS).rows())
        for link, key in (
            ("annotation_batches", "first"),
            ("annotation_gate", "first"),
            *((link, "") for link in (*GOLD_LINKS, *MODEL_LINKS)),
        ):
            run_stage(Workspace(home), link, key)
        for film_id in FILMS:
            run_stage(Workspace(home), "film_report", film_id)
        run_stage(Workspace(home), "report")
    STAGES.update(before)
    assert champion(home) == 1
    shutil.copytree(root / "team", root / "kept")
    return root


@pytest.fixture
def home(first_model: Path) -> Iterator[Home]:
    """The home as it was, in the same place: films that were moved would be looked at again."""
    made = Home(first_model / "team" / ".feelm")
    shutil.rmtree(first_model / "team")
    shutil.copytree(first_model / "kept", first_model / "team")
    yield made
    kill_everything(made)


def versions(home: Home) -> dict[int, list[str]]:
    """The registered versions with their aliases, asked for by a new process: this one would go on reading a database that was replaced."""
    command = [sys.executable, "-m", "orchestration.cli", "models", "list", "--json"]
    environment = {**os.environ, "FEELM_HOME": str(home.root), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return {one["version"]: one["aliases"] for one in json.loads(done.stdout)}


def champion(home: Home) -> int | None:
    """The version with the alias; None where there is none."""
    return next((version for version, aliases in versions(home).items() if "champion" in aliases), None)


def start(home: Home) -> None:
    """The daemon with all sensors on; `kill_everything` ends it."""
    prepare_dagster_home(Workspace(home))
    environment = {**os.environ, "FEELM_HOME": str(home.root), "FEELM_AUTOMATION": "on", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "dagster._daemon", "run", "-m", "tests.orchestration.stub_definitions"]
    with (home.root / "daemon.log").open("ab") as log:
        subprocess.Popen(command, cwd=home.root.parent, env=environment, stdout=log, stderr=log, start_new_session=True)


def kill_everything(home: Home) -> None:
    """SIGKILL for every process of this home, as when the power goes."""
    told = f"FEELM_HOME={home.root}".encode()
    for _ in range(3):
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid() and told in _environment(process):
                os.kill(int(process.name), signal.SIGKILL)
        time.sleep(0.2)


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it ended meanwhile
        return []


def wait_for(home: Home, what: Callable[[], bool], told: str) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not what():
        if time.monotonic() > deadline:
            pytest.fail(f"{told} not within {LONGEST_S} s\n{(home.root / 'daemon.log').read_text(errors='replace')[-6000:]}")
        time.sleep(1)


def is_settled(home: Home, accepted: int) -> bool:
    """All delivered batches are decided on, and nothing is wanted any more."""
    decided = read_decisions(home)
    if sum(decision.accepted for decision in decided) != accepted or len(decided) != len(list(home.inbox.glob("*.csv"))):
        return False
    view = recorded(home)
    return not gold_wanted(view) and first_stale(view, MODEL_LINKS) is None and not pages_wanted(view)


def unfinished(home: Home) -> int:
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        return instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.QUEUED]))


def deliver(home: Home, name: str, seed: int, **changes: str) -> None:
    rows = Simulated(lines=2, films=FILMS, seed=seed).rows()
    write_csv(home.inbox / name, [{**row, **changes} for row in rows])


@pytest.mark.parametrize("moment", [*LINKS, PROMOTE])
def test_killed_in_any_moment_each_batch_counts_once_and_there_is_one_new_model(home: Home, moment: str) -> None:
    (home.root / "pause").mkdir()
    (home.root / "pause" / moment).touch()
    for name, seed in (("second.csv", 21), ("third.csv", 22)):
        deliver(home, name, seed)
    deliver(home, "bad.csv", 23, emotion="hunger")
    start(home)
    wait_for(home, (home.root / "paused").is_file, f"{moment} was")
    assert champion(home) == 1  # old until the new one is whole
    kill_everything(home)
    assert champion(home) == 1
    (home.root / "pause" / moment).unlink()
    start(home)
    wait_for(home, lambda: is_settled(home, accepted=3), "settled")
    wait_for(home, lambda: unfinished(home) == 0, "all runs ended")
    assert {decision.batch_id for decision in read_decisions(home) if decision.accepted} == {"first", "second", "third"}
    assert list(versions(home)) == [1, 2]
    assert champion(home) == 2
    in_use = json.loads((home.artifact("champion") / "manifest.json").read_text())
    assert in_use == json.loads((home.artifact("emotion_model") / "manifest.json").read_text())


def test_the_same_file_again_trains_nothing_and_an_edited_one_once(home: Home) -> None:
    start(home)
    content = (home.inbox / "first.csv").read_bytes()
    (home.inbox / "first.csv").write_bytes(content)
    deliver(home, "second.csv", 21)
    wait_for(home, lambda: is_settled(home, accepted=2), "settled")
    assert list(versions(home)) == [1, 2]
    deliver(home, "second.csv", 24)  # other judgements under the same name
    wait_for(home, lambda: is_settled(home, accepted=2) and len(versions(home)) == 3, "the edit learned")
    assert champion(home) in (2, 3)
