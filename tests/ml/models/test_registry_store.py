"""Models whose files are kept on a server that speaks S3."""

import shutil
from pathlib import Path

import pytest

from corpus.paths import Home, content_version, write_json
from corpus.terms import FeelmError
from ml.models import registry
from tests.storage import FILES, using
from tests.stores import Place


@pytest.fixture
def home(s3_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose models are kept there."""
    monkeypatch.setenv("FEELM_MLFLOW_ARTIFACTS", f"{s3_place.url}/mlflow")
    monkeypatch.delenv("FEELM_STORE")
    monkeypatch.setenv(registry.S3_ENDPOINT, s3_place.variables["FEELM_STORE_ENDPOINT"])  # taken back after the test
    return Home(tmp_path / "home")


def register(home: Home, folder: Path, content: bytes) -> registry.RegisteredVersion:
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(content)
    write_json(folder / "model.json", {"seed": 1})
    return registry.log_training(home, folder, {"seed": 1}, {"loss": [2.0, 1.0]}, {"dagster.run_id": "r"})


def test_a_model_comes_back_byte_for_byte_from_the_server(home: Home, s3_place: Place, tmp_path: Path) -> None:
    with using(FILES):
        version = register(home, tmp_path / "model", bytes(range(256)) * 5000)
        registry.keep(home, version, {"report": tmp_path / "model"}, {"promoted": "yes"})
        there = [path for path in s3_place.paths() if "/mlflow/" in path]
        assert {path.rpartition("artifacts/")[2] for path in there} >= {
            "model/weights.safetensors", "report/model.json", "files.json", "MLmodel",
        }  # fmt: skip
        shutil.rmtree(home.mlflow / "artifacts")
        folder = registry.check_files(home, version)
        assert content_version(folder / registry.MODEL_PART) == content_version(tmp_path / "model") == version.content_version
        assert content_version(registry.model_folder(home, version)) == version.content_version


def test_mlflow_itself_finds_the_model_there(home: Home, tmp_path: Path) -> None:
    """Asked as `mlflow models serve` does, by name and version."""
    import mlflow

    with using(FILES):
        version = register(home, tmp_path / "model", b"weights")
        shutil.rmtree(home.mlflow / "artifacts")
        mlflow.set_tracking_uri(registry.tracking_uri(home))
        got = mlflow.artifacts.download_artifacts(f"models:/{registry.MODEL}/{version.version}", dst_path=str(tmp_path / "got"))
    assert content_version(Path(got) / registry.MODEL_PART) == version.content_version


def test_versions_of_before_stay_where_they_are(home: Home, s3_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with using(FILES):
        with monkeypatch.context() as patch:
            patch.delenv("FEELM_MLFLOW_ARTIFACTS")
            first = register(home, tmp_path / "first", b"first")
        second = register(home, tmp_path / "second", b"second")
        assert [one.registered for one in registry.records(home)] == [first, second]
        assert all(second.run_id in path for path in s3_place.paths())
        assert all(content_version(registry.model_folder(home, one)) == one.content_version for one in (first, second))


def test_what_is_changed_on_the_server_is_not_used(home: Home, s3_place: Place, tmp_path: Path) -> None:
    with using(FILES):
        version = register(home, tmp_path / "model", b"weights")
        registry.keep(home, version, {})
        shutil.rmtree(home.mlflow / "artifacts")
        s3_place.files().pipe_file(next(path for path in s3_place.paths() if path.endswith("model/weights.safetensors")), b"altered")
        with pytest.raises(FeelmError, match=r"model version 1 cannot be trusted: .*weights.safetensors was changed"):
            registry.check_files(home, version)
