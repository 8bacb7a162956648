"""Going back to an earlier model: what is put back, what is refused, and that it stays."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from assets.versions import list_versions, note_rollback, plan_rollback, read_rollback, show_version
from assets.workspace import Workspace
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import write_catalogue
from corpus.sources import source_digest
from corpus.terms import FeelmError
from ml.models import registry
from tests.assets.conftest import judge, seed_in_use, teach
from tests.conftest import REPOSITORY
from tests.storage import rarely_on_postgres


def put_back(workspace: Workspace, to: int | None = None, reason: str = "it sees joy everywhere") -> None:
    """A rollback without Dagster."""
    note_rollback(workspace.home, plan_rollback(workspace, to, reason))
    judge(workspace)


def test_the_champion_before_comes_back_with_its_report_and_card(two: Workspace) -> None:
    put_back(two)
    folder = two.home.artifact("champion")
    assert seed_in_use(two) == 1
    assert json.loads((folder / "report.json").read_text())["corpora"][0]["scores"][0]["accuracy"]["value"] == 0.7
    assert (folder / "README.md").read_text() == "# card of seed 1\n"
    first, second = list_versions(two.home)
    assert first.in_use and first.aliases == ("champion",)
    assert second.aliases == ("challenger",) and second.withdrawn == "it sees joy everywhere"


def test_the_reason_is_kept_with_the_decision(two: Workspace) -> None:
    put_back(two)
    decision = json.loads((two.home.artifact("champion") / "decision.json").read_text())
    assert any("rolled back to version 1" in reason and "it sees joy everywhere" in reason for reason in decision["reasons"])
    rollback = read_rollback(two.home)
    assert rollback is not None and rollback.reason == "it sees joy everywhere"


def test_a_version_keeps_its_signature_its_environment_and_the_digest_of_the_code(two: Workspace) -> None:
    registered = registry.records(two.home)[0].registered
    folder = registry.check_files(two.home, registered)
    inputs = {one["name"] for one in json.loads(json.loads((folder / "signature.json").read_text())["inputs"])}
    assert {"crops", "face", "voice", "text"} <= inputs
    assert json.loads((folder / "environment.json").read_text())["packages"]["torch"]
    tags = MlflowClient(registry.tracking_uri(two.home)).get_run(registered.run_id).data.tags
    assert tags["feelm.code_sha256"] == source_digest()


def test_judging_again_does_not_undo_it(two: Workspace) -> None:
    put_back(two)
    judge(two)
    assert seed_in_use(two) == 1


def test_a_model_trained_later_is_judged_against_what_was_put_back(two: Workspace) -> None:
    put_back(two)
    teach(two, 3, 0.75)
    judge(two)
    assert seed_in_use(two) == 3, "better than version 1, though not than the one that was withdrawn"


def test_the_withdrawn_model_does_not_come_back_by_being_trained_again(two: Workspace) -> None:
    put_back(two)
    teach(two, 3, 0.6)
    judge(two)
    teach(two, 2, 0.8)
    judge(two)
    assert seed_in_use(two) == 1


def test_a_version_can_be_named_the_withdrawn_one_too(two: Workspace) -> None:
    put_back(two)
    put_back(two, 2, "it was the data after all")
    assert seed_in_use(two) == 2
    assert [one.withdrawn for one in list_versions(two.home)] == [None, None]
    put_back(two)
    assert seed_in_use(two) == 1, "going forward withdraws nothing"


def test_without_an_earlier_champion_it_says_what_to_do(two: Workspace) -> None:
    put_back(two)
    with pytest.raises(FeelmError, match=r"--to.*version 2 was withdrawn \(it sees joy everywhere\)"):
        plan_rollback(two, None, "again")


def test_what_is_in_use_or_unknown_is_refused(two: Workspace) -> None:
    with pytest.raises(FeelmError, match="in use already"):
        plan_rollback(two, 2, "")
    with pytest.raises(FeelmError, match="no model version 9: there are 1, 2"):
        plan_rollback(two, 9, "")


def _flip(folder: Path) -> None:
    content = bytearray((folder / "model" / "weights.safetensors").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model" / "weights.safetensors").write_bytes(content)


def _better_report(folder: Path) -> None:
    path = folder / "report" / "report.json"
    path.write_text(path.read_text().replace("0.7", "0.9"))


def _plant(folder: Path) -> None:
    (folder / "model" / "weights.pt").write_bytes(b"\x80\x04.")


@pytest.mark.parametrize(
    ("alter", "said"), [(_flip, "weights.safetensors was changed"), (_better_report, "report.json was changed"), (_plant, "was added")]
)
def test_a_version_whose_files_were_altered_is_refused_and_nothing_changes(
    two: Workspace, alter: Callable[[Path], None], said: str
) -> None:
    alter(registry.version_folder(two.home, registry.records(two.home)[0].registered))
    with pytest.raises(FeelmError, match=said):
        plan_rollback(two, None, "")
    assert said in (show_version(two.home, 1).fault or "")
    assert seed_in_use(two) == 2 and read_rollback(two.home) is None


def test_a_damaged_report_is_told_and_hides_no_other_version(two: Workspace) -> None:
    folder = registry.version_folder(two.home, registry.records(two.home)[0].registered)
    (folder / "report" / "report.json").write_text("{")
    assert [one.accuracy for one in list_versions(two.home)] == [None, 0.8]
    assert "report.json was changed" in (show_version(two.home, 1).fault or "")


def test_a_version_whose_use_does_not_fit_is_refused_by_name(two: Workspace) -> None:
    settings = two.home.root.parent / "params.yaml"
    settings.write_text(settings.read_text().replace("declared_use: research", "declared_use: internal"))
    two.refresh()
    with pytest.raises(FeelmError, match=r"version 1 may not be used.*corpus meld \(research\)"):
        plan_rollback(two, None, "")


def test_a_version_that_learned_from_a_film_whose_rights_were_withdrawn_is_refused(two: Workspace) -> None:
    write_catalogue(two.home.catalogue, [Film("film-00", "A film", two.home.root / "film.mp4", rights="unknown")])
    two.refresh()
    with pytest.raises(FeelmError, match=r"version 1 may not be used: it learned from film film-00.*not trained on"):
        plan_rollback(two, None, "")


def feelm(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FEELM_HOME": str(workspace.home.root), "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"}
    command = [sys.executable, "-m", "orchestration.cli", *arguments]
    return subprocess.run(command, cwd=workspace.home.root.parent, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@rarely_on_postgres
def test_the_command_lists_shows_and_rolls_back(two: Workspace) -> None:
    listed = json.loads(feelm(two, "models", "list", "--json").stdout)
    assert [(one["version"], one["accuracy"], one["uar"], one["in_use"]) for one in listed] == [(1, 0.7, 0.7, False), (2, 0.8, 0.8, True)]
    assert "not surely better" not in feelm(two, "models", "show").stdout
    done = feelm(two, "models", "rollback", "--reason", "a test")
    assert done.returncode == 0, done.stdout + done.stderr
    two.refresh()
    assert seed_in_use(two) == 1
    shown = feelm(two, "models", "show").stdout
    assert "Model version 1" in shown and "as registered" in shown
    again = feelm(two, "models", "rollback", "--to", "7")
    assert again.returncode == 1 and "no model version 7" in again.stderr
