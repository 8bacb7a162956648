import multiprocessing
from pathlib import Path

import pytest

from corpus.paths import Home, content_version, write_json
from corpus.terms import FeelmError
from ml.models import registry


def model(folder: Path, content: str) -> Path:
    folder.mkdir()
    write_json(folder / "model.json", {"content": content})
    return folder


def register(root: Path, folder: Path) -> int:
    return registry.log_training(Home(root), folder, {"seed": 1}, {"loss, fold 0": [2.0, 1.0]}, {"dagster.run_id": "r"}).version


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
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


def test_before_the_first_model_there_is_no_champion(tmp_path: Path) -> None:
    assert registry.champion(Home(tmp_path)) is None


def test_two_processes_may_start_a_fresh_registry_at_once(tmp_path: Path) -> None:
    folders = [model(tmp_path / name, name) for name in ("one", "two")]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        versions = pool.starmap(register, [(tmp_path / "home", folder) for folder in folders])
    assert sorted(versions) == [1, 2]
