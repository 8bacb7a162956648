"""The gate: what it puts into use, what it leaves, and what a step that is killed in the middle leaves behind."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from assets.versions import list_versions, version_in_use
from assets.workspace import Workspace
from corpus.paths import Home, write_json
from ml.models import registry
from ml.models.predict import load_model
from tests.assets.conftest import judge, seed_in_use, teach
from tests.storage import Storage


def aliases(workspace: Workspace) -> dict[str, int]:
    """Which version each alias names."""
    return {alias: one.version for one in list_versions(workspace.home) for alias in one.aliases}


def test_the_champions_folder_holds_model_report_card_and_decision(gate: Workspace) -> None:
    teach(gate, 1, 0.7)
    judge(gate)
    folder = gate.home.artifact("champion")
    assert load_model(folder).facts.seed == 1
    assert (folder / "README.md").read_text() == "# card of seed 1\n"
    assert json.loads((folder / "decision.json").read_text())["promoted"] is True
    assert aliases(gate) == {"champion": 1, "challenger": 1}


def test_a_better_model_takes_the_place_and_a_worse_one_does_not(storage: Storage, gate: Workspace) -> None:
    for seed, accuracy in ((1, 0.7), (2, 0.8), (3, 0.75)):
        teach(gate, seed, accuracy)
        judge(gate)
    assert seed_in_use(gate) == 2
    assert aliases(gate) == {"champion": 2, "challenger": 3}
    decision = json.loads((gate.home.artifact("champion") / "decision.json").read_text())
    assert not decision["promoted"] and "not surely better" in decision["reasons"][0]


def test_the_registry_keeps_every_version_with_report_card_and_decision(gate: Workspace) -> None:
    for seed, accuracy in ((1, 0.7), (2, 0.6)):
        teach(gate, seed, accuracy)
        judge(gate)
    for record, accuracy in zip(registry.records(gate.home), (0.7, 0.6), strict=True):
        folder = registry.check_files(gate.home, record.registered)
        told = {"signature.json", "environment.json", "files.json", "MLmodel", "python_env.yaml", "requirements.txt"}
        assert {path.name for path in folder.iterdir()} == {"model", "report", "card", "decision", "snapshot", "history", *told}
        assert json.loads((folder / "report" / "report.json").read_text())["corpora"][0]["scores"][0]["accuracy"]["value"] == accuracy


def test_a_version_that_comes_out_again_of_other_data_tells_of_the_data_that_are_kept_beside_it(gate: Workspace) -> None:
    teach(gate, 1, 0.7)
    judge(gate)
    write_json(gate.home.artifact("dataset_snapshot") / "snapshot.json", {"revision": "of another lock"})
    gate.versions.forget(gate.home.artifact("dataset_snapshot"))
    judge(gate)
    (record,) = registry.records(gate.home)
    folder = registry.check_files(gate.home, record.registered)
    assert json.loads((folder / "snapshot" / "snapshot.json").read_text()) == {"revision": "of another lock"}
    assert registry.run_tags(gate.home, record.registered)["feelm.data_revision"] == "of another lock"


def test_a_use_that_the_data_do_not_allow_is_refused_by_name(gate: Workspace) -> None:
    settings = gate.home.root.parent / "params.yaml"
    settings.write_text(settings.read_text().replace("declared_use: research", "declared_use: commercial"))
    teach(gate, 1, 0.7)
    judge(gate)
    summary = json.loads((gate.home.artifact("champion") / "summary.json").read_text())
    assert not summary["promoted"] and summary["version"] is None
    assert "corpus meld (research)" in summary["reasons"][0]


def _die_after_the_alias(root: Path) -> None:
    """Judge in a process that is killed when the alias has moved and the folder has not been swapped."""
    moved = registry.set_alias

    def move_and_die(home: Home, version: int, alias: str) -> None:
        moved(home, version, alias)
        if alias == registry.CHAMPION:
            os.kill(os.getpid(), signal.SIGKILL)

    registry.set_alias = move_and_die
    judge(Workspace(Home(root)))


def kill_between(workspace: Workspace) -> None:
    """A judgement that dies between alias and folder."""
    process = multiprocessing.get_context("spawn").Process(target=_die_after_the_alias, args=(workspace.home.root,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    workspace.refresh()


@pytest.fixture
def cut_off(storage: Storage, gate: Workspace) -> Workspace:
    """Seed 1 was in use and seed 2 was being promoted."""
    teach(gate, 1, 0.7)
    judge(gate)
    teach(gate, 2, 0.8)
    kill_between(gate)
    return gate


def test_a_step_killed_between_alias_and_folder_leaves_both_whole(cut_off: Workspace) -> None:
    assert aliases(cut_off)["champion"] == 2
    assert load_model(cut_off.home.artifact("champion")).facts.seed == 1
    assert version_in_use(cut_off.home) == 1
    for record in registry.records(cut_off.home):
        registry.check_files(cut_off.home, record.registered)


def test_running_it_again_completes_it(cut_off: Workspace) -> None:
    judge(cut_off)
    assert seed_in_use(cut_off) == 2
    assert aliases(cut_off)["champion"] == version_in_use(cut_off.home) == 2
    assert not list(cut_off.home.data.glob(".champion.*.old"))


def test_when_another_model_was_trained_meanwhile_the_alias_still_ends_at_what_is_in_use(cut_off: Workspace) -> None:
    teach(cut_off, 3, 0.6)
    judge(cut_off)
    assert seed_in_use(cut_off) == 1
    assert aliases(cut_off) == {"champion": 1, "challenger": 3}
