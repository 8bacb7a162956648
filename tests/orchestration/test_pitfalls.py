"""Pitfalls of Dagster and its neighbours that a source file, a setting or a start falls into, and the tables that name the tests of all."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import dagster as dg
import pytest

import orchestration.ui
from corpus.paths import Home
from orchestration.definitions import ALL_ASSETS, defs
from pages.service.assets import PAGE_POLICY
from tests.conftest import REPOSITORY
from tests.loopback import free_port
from tests.storage import MEMORY

TABLE = (REPOSITORY / "docs" / "pitfalls.md").read_text(encoding="utf-8")
FAULTS = (REPOSITORY / "docs" / "faults.md").read_text(encoding="utf-8")
SOURCES = [path for room in ("assets", "orchestration", "quality") for path in sorted((REPOSITORY / room).rglob("*.py"))]


def named_in(path: Path) -> set[str]:
    """Names of a module's tests, of those in classes too."""
    return {node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_the_table_names_is_there_and_every_pitfall_has_one() -> None:
    rows = [row for row in TABLE.splitlines() if re.match(r"\| [0-9a-c]+ \|", row)]
    assert list(dict.fromkeys(row.split("|")[1].strip() for row in rows)) == [*map(str, range(1, 16)), "a", "b", "c"]
    for row in rows:
        check_tests_named(row)


def test_every_test_that_the_table_of_faults_names_is_there_and_every_fault_has_one_or_says_that_there_is_none() -> None:
    rows = [row for row in FAULTS.splitlines() if re.match(r"\| [0-9A-Z]+ \|", row)]
    assert [row.split("|")[1].strip() for row in rows] == [*map(str, range(1, 47)), *"ABCDEFGHI"]
    for row in rows:
        assert len(row.split(" | ")) == 4, "a bar within a cell parts it"
        if not re.search(r"\| (No test|Does not apply):", row):
            check_tests_named(row)
    assert not re.findall(r"tests/[\w/]+\.py(?!::|`)", FAULTS), "a file alone proves nothing"


def check_tests_named(row: str) -> None:
    """A row names tests, and each is there under its name."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
    assert named, row
    for module, name in named:
        assert name in named_in(REPOSITORY / module), f"{module}::{name}"


def imports(tree: ast.Module) -> set[str]:
    """The modules that a source file imports anywhere."""
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return modules | {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}


def test_no_module_that_speaks_to_dagster_postpones_its_annotations() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
    speaking = {path for path, tree in trees.items() if "dagster" in imports(tree)}
    assert {path.name for path in speaking} >= {"films.py", "checks.py", "sensors.py", "telling.py"}
    assert not {path for path in speaking if "__future__" in imports(trees[path])}


def test_nothing_here_materialises_in_threads() -> None:
    for path in SOURCES:
        used = {node.attr for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Attribute)}
        names = {node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)}
        assert not {"Thread", "ThreadPoolExecutor", "to_thread", "run_in_executor"} & (used | names), path


def test_the_workspace_file_loads_from_any_folder(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DAGSTER_HOME")}
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(REPOSITORY / "workspace.yaml")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Validation successful for code location orchestration.definitions" in done.stdout + done.stderr


def test_the_bridges_that_hold_old_versions_down_are_neither_asked_for_nor_here() -> None:
    bridges = {"dagster-ge", "dagster-mlflow"}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    assert not bridges & {re.split(r"[^\w-]", requirement)[0] for requirement in asked}
    assert not bridges & {found.name.lower().replace("_", "-") for found in distributions()}


def test_no_sensor_is_there_that_is_not_defined_with_its_status() -> None:
    assert not [key for asset in ALL_ASSETS for key in asset.automation_conditions_by_key], "they would bring a sensor that is stopped"
    named = {sensor.name for sensor in defs.sensors or ()}
    assert {sensor.name for sensor in defs.get_repository_def().sensor_defs} == named


STATUSES = """
from orchestration.definitions import defs
print(*sorted(one.name for one in (*defs.sensors, *defs.schedules) if one.default_status.value == "RUNNING"))
"""


def test_a_team_that_switches_automation_on_need_not_switch_anything_on_in_the_pages() -> None:
    environment = {**os.environ, "FEELM_AUTOMATION": "on", "PYTHONPATH": str(REPOSITORY)}
    told = subprocess.run([sys.executable, "-c", STATUSES], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["alerts", "annotation_inbox", "film_library", "nightly_drift", "retraining", "weekly_retraining"]


def test_tests_of_many_runs_wait_for_no_disk(instance: dg.DagsterInstance, memory_folder: Path) -> None:
    assert instance.root_directory == str(memory_folder)
    assert memory_folder.is_relative_to(MEMORY) or not MEMORY.is_dir()


def test_no_page_loads_anything_from_elsewhere() -> None:
    parts = [path for path in sorted((REPOSITORY / "pages").rglob("*")) if path.suffix in (".html", ".css", ".js", ".svg", ".py")]
    assert len(parts) > 20
    for path in parts:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//|@import""", text), path
        if path.parent.name != "service":  # the service's own page asks the service
            assert not re.search(r"\bfetch\(", text), path
    assert "connect-src 'self'" in PAGE_POLICY and "default-src 'none'" in PAGE_POLICY


def test_mlflows_pages_are_served_by_one_worker_without_jobs_and_no_address_is_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(orchestration.ui, "_supervise", lambda commands, *_: started.extend(commands))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    orchestration.ui.serve_registry(Home(tmp_path), "127.0.0.1", free_port())
    (command,) = started
    assert command[command.index("--workers") + 1] == "1" and not [word for word in command if "://" in word]
    assert os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert os.environ["MLFLOW_BACKEND_STORE_URI"].startswith("sqlite:///"), "plain files are refused since 3.13"
