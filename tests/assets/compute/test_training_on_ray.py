"""A model whose networks are trained by the tasks of a real Ray on loopback."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from assets.compute.tasks import training_pool
from corpus.paths import Home, content_version, writing
from ml.models.training import TrainingParams, build_model
from ml.models.training_set import build_training_set
from tests.ml.artifacts import write_films
from tests.ray_cluster import cluster

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: `make ray`")]


@pytest.fixture(scope="module", autouse=True)
def two_cpus() -> Iterator[None]:
    with cluster(2):
        yield


def trained(home: Home) -> str:
    """Version of the model that is trained in a home of its own."""
    film_ids = write_films(home, 6, 16)
    with writing(home.artifact("training_set")) as out:
        build_training_set(home, film_ids, [], frozenset({"cc0"}), out)
    with training_pool() as pool, writing(home.artifact("emotion_model")) as out:
        build_model(home, home.artifact("training_set"), TrainingParams.debug(3), out, pool=pool)
    return content_version(home.artifact("emotion_model"))


def test_a_model_that_a_cluster_trains_has_the_bytes_of_one_that_this_process_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = trained(Home(tmp_path / "local"))
    monkeypatch.setenv("FEELM_COMPUTE", "ray")
    assert trained(Home(tmp_path / "ray")) == here
    left = [path.name for path in Home(tmp_path / "ray").chunks.iterdir() if path.name.startswith("feelm-training")]
    assert left == [], "the units are kept as long as they are learned from"


def process_once_killed(marker: Path) -> int:
    """Kills the first worker that it comes to."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def test_a_task_whose_worker_dies_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_COMPUTE", "ray")
    with training_pool() as pool:
        assert pool is not None
        assert pool.submit(process_once_killed, tmp_path / "marker").result(60) != os.getpid()


def test_what_goes_wrong_in_a_task_is_raised_where_its_result_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_COMPUTE", "ray")
    with training_pool() as pool:
        assert pool is not None
        with pytest.raises(ValueError, match="invalid literal"):
            pool.submit(int, "seven").result(60)


def test_without_a_cluster_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEELM_COMPUTE", raising=False)
    with training_pool() as pool:
        assert pool is None
