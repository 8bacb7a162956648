import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from corpus.paths import Home, content_version, file_digest, write_json
from corpus.terms import FeelmError
from ml.models import registry
from tests.storage import Storage


def model(folder: Path, content: str) -> Path:
    folder.mkdir()
    write_json(folder / "model.json", {"content": content})
    return folder


def register(root: Path, folder: Path) -> int:
    return registry.log_training(Home(root), folder, {"seed": 1}, {"loss, fold 0": [2.0, 1.0]}, {"dagster.run_id": "r"}).version


@pytest.fixture(scope="module")
def home(module_storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("registry"))


def test_a_model_is_registered_once_and_its_files_are_kept(home: Home, tmp_path: Path) -> None:
    folder = model(tmp_path / "first", "a")
    first = registry.log_training(home, folder, {"seed": 1}, {"loss": [2.0, 1.0]}, {"dagster.run_id": "r"})
    again = registry.log_training(home, folder, {"seed": 1}, {"loss": [2.0, 1.0]}, {"dagster.run_id": "other"})
    assert again == first
    assert first.content_version == content_version(folder)
    assert content_version(registry.model_folder(home, first)) == first.content_version


def test_aliases_name_one_version_at_a_time(home: Home, tmp_path: Path) -> None:
    first, second = register(home.root, model(tmp_path / "b", "b")), register(home.root, model(tmp_path / "c", "c"))
    registry.set_alias(home, first, registry.CHAMPION)
    registry.set_alias(home, second, registry.CHALLENGER)
    assert (registry.champion(home).version, registry.challenger(home).version) == (first, second)
    registry.set_alias(home, second, registry.CHAMPION)
    assert registry.champion(home).version == second


def test_an_unknown_alias_is_refused(home: Home) -> None:
    with pytest.raises(FeelmError, match="champion and challenger"):
        registry.set_alias(home, 1, "favourite")


def test_before_the_first_model_there_is_no_champion(storage: Storage, tmp_path: Path) -> None:
    assert registry.champion(Home(tmp_path)) is None


@pytest.mark.long
def test_four_processes_may_start_a_fresh_registry_at_once(storage: Storage, tmp_path: Path) -> None:
    folders = [model(tmp_path / name, name) for name in ("one", "two", "three", "four")]
    with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as pool:
        versions = list(pool.map(register, [tmp_path / "home"] * 4, folders))
    assert sorted(versions) == [1, 2, 3, 4]


def kept(home: Home, tmp_path: Path, name: str) -> registry.RegisteredVersion:
    """A registered model with a report."""
    registered = registry.log_training(home, model(tmp_path / name, name), {}, {}, {"by": "test"})
    registry.keep(home, registered, {"report": model(tmp_path / f"{name}-report", name)})
    return registered


def test_a_version_keeps_its_report_and_is_as_it_was_registered(home: Home, tmp_path: Path) -> None:
    registered = kept(home, tmp_path, "whole")
    folder = registry.check_files(home, registered)
    assert (folder / "report" / "model.json").read_bytes() == (tmp_path / "whole-report" / "model.json").read_bytes()
    assert content_version(folder / "model") == registered.content_version


def _flip(folder: Path) -> None:
    path = folder / "report" / "model.json"
    path.write_bytes(path.read_bytes().replace(b"content", b"Content"))


def _remove(folder: Path) -> None:
    (folder / "report" / "model.json").unlink()


def _add(folder: Path) -> None:
    (folder / "model" / "extra.pt").write_bytes(b"")


def _alter_with_its_list(folder: Path) -> None:
    _flip(folder)
    write_json(folder / registry.LISTING, {"report/model.json": file_digest(folder / "report" / "model.json")})


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (_flip, r"report/model\.json was changed"),
        (_remove, r"report/model\.json is missing"),
        (_add, r"model/extra\.pt was added"),
        (_alter_with_its_list, "not the list of files that was registered"),
    ],
)
def test_a_version_whose_files_were_altered_is_not_trusted(home: Home, tmp_path: Path, alter: Callable[[Path], None], said: str) -> None:
    registered = kept(home, tmp_path, f"altered-{alter.__name__}")
    alter(registry.version_folder(home, registered))
    with pytest.raises(FeelmError, match=said):
        registry.check_files(home, registered)


def test_registering_the_model_again_brings_back_what_was_altered(home: Home, tmp_path: Path) -> None:
    registered = kept(home, tmp_path, "mended")
    _add(registry.version_folder(home, registered))
    assert registry.log_training(home, tmp_path / "mended", {}, {}, {"by": "test"}) == registered
    registry.check_files(home, registered)


def test_a_version_without_digests_is_not_trusted(home: Home, tmp_path: Path) -> None:
    registered = registry.log_training(home, model(tmp_path / "bare", "bare"), {}, {}, {"by": "test"})
    with pytest.raises(FeelmError, match="train again"):
        registry.check_files(home, registered)


def test_records_tell_aliases_and_when_a_version_became_champion(storage: Storage, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    first, second = kept(home, tmp_path, "first"), kept(home, tmp_path, "second")
    registry.set_alias(home, second.version, registry.CHALLENGER)
    registry.set_champion(home, first.version)
    told = {record.registered.version: record for record in registry.records(home)}
    assert (told[1].aliases, told[2].aliases) == (("champion",), ("challenger",))
    assert told[1].promoted_at is not None and told[2].promoted_at is None
    registry.set_champion(home, first.version)
    assert registry.records(home)[0].promoted_at == told[1].promoted_at, "it was champion already"


def test_a_home_that_was_moved_keeps_its_versions(storage: Storage, tmp_path: Path) -> None:
    registered = kept(Home(tmp_path / "home"), tmp_path, "moved")
    (tmp_path / "home").rename(tmp_path / "elsewhere")
    folder = registry.check_files(Home(tmp_path / "elsewhere"), registered)
    assert folder.is_relative_to(tmp_path / "elsewhere")


def test_before_the_first_model_there_are_no_records(storage: Storage, tmp_path: Path) -> None:
    assert registry.records(Home(tmp_path)) == []


def test_who_finds_the_registry_locked_waits_until_it_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_ENV", "dev")
    home = Home(tmp_path / "home")
    version = register(home.root, model(tmp_path / "a", "a"))
    locked = threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(home.mlflow / "mlflow.db", isolation_level=None)) as base:
            base.execute("BEGIN EXCLUSIVE")
            locked.set()
            time.sleep(0.5)
            base.execute("COMMIT")

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait(5)
    began = time.monotonic()
    registry.set_alias(home, version, registry.CHAMPION)
    assert time.monotonic() - began > 0.3
    holder.join()
    assert registry.champion(home).version == version


PICKLES = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"
SWITCH = f"""
import os, sys
from pathlib import Path
from corpus.paths import Home
from ml.models import registry
registry.server_environment(Home(Path(sys.argv[1])))
from mlflow.environment_variables import {PICKLES}
print({PICKLES}.get(), os.environ["{PICKLES}"])
"""


def test_mlflow_unpickles_nothing_in_feelms_processes_nor_in_the_server_of_its_pages(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != PICKLES} | {"FEELM_ENV": "dev"}
    told = subprocess.run([sys.executable, "-c", SWITCH, str(tmp_path)], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False false", "what it starts inherits it"


def test_mlflow_sends_nobody_word() -> None:
    program = "from ml.models import registry; registry._quieten(); import mlflow.telemetry as t; print(t.get_telemetry_client())"
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK")}
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "None"
