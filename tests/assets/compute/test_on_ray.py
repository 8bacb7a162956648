"""A real Ray on loopback: films in its workers, workers that die, and whoever asked that goes away."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

from assets.compute.cluster import ATTEMPTS, connected
from assets.compute.on_ray import on_ray
from assets.compute.work import FilmDone, FilmWork
from corpus.paths import Home
from corpus.terms import FeelmError
from tests.assets.compute.extractors import ALWAYS, BUG, LONG, ONCE, Eventful, begun
from tests.ports import listening_elsewhere
from tests.ray_cluster import cluster, within

# Not imported here: Ray reads where to listen when it is imported.
pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: `make ray`")]

ASKING = """
import sys
from pathlib import Path
from assets.compute.on_ray import on_ray
from assets.compute.work import FilmWork
from corpus.paths import Home
from tests.assets.compute.extractors import LONG, Eventful
list(on_ray(Home(Path(sys.argv[1])), [FilmWork(LONG, ())], Eventful))
"""


@pytest.fixture(scope="module", autouse=True)
def two_cpus() -> Iterator[None]:
    with cluster(2):
        yield


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def asked(home: Home, *films: str) -> dict[str, FilmDone]:
    return {done.film_id: done for done in on_ray(home, [FilmWork(film_id, ()) for film_id in films], Eventful)}


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_each_film_is_made_once_in_two_workers_that_stay(home: Home) -> None:
    films = [f"film-{number}" for number in range(8)]
    assert set(asked(home, *films)) == set(films)
    assert Counter(film_id for film_id, _ in begun(home.root)) == dict.fromkeys(films, 1)
    assert len({pid for _, pid in begun(home.root)}) == 2


def test_workers_that_no_machine_has_come_for_yet_get_no_film(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_RAY_WORKERS", "5")
    films = [f"film-{number}" for number in range(8)]
    assert set(asked(home, *films)) == set(films)
    assert len({pid for _, pid in begun(home.root)}) == 2, "the cluster has two CPUs"


def test_a_worker_that_dies_costs_its_film_a_repeat_and_no_other(home: Home) -> None:
    done = asked(home, "first", ONCE, "second", "third")
    assert not any(one.failure for one in done.values())
    assert Counter(film_id for film_id, _ in begun(home.root)) == {"first": 1, ONCE: 2, "second": 1, "third": 1}


def test_a_film_that_kills_every_worker_is_given_up_and_told(home: Home) -> None:
    done = asked(home, "first", ALWAYS, "second", "third")
    assert done[ALWAYS].failure.startswith("lost on the cluster")
    assert [film_id for film_id, one in done.items() if not one.failure] == ["first", "second", "third"]
    assert Counter(film_id for film_id, _ in begun(home.root))[ALWAYS] == ATTEMPTS


def test_a_bug_is_told_and_not_tried_again(home: Home) -> None:
    done = asked(home, BUG, "first")
    assert done[BUG].failure == "no such colour" and not done[BUG].is_fault
    assert Counter(film_id for film_id, _ in begun(home.root)) == {BUG: 1, "first": 1}


def test_who_stops_listening_stops_the_work(home: Home) -> None:
    with closing(on_ray(home, [FilmWork("first", ()), FilmWork(LONG, ())], Eventful)) as films:
        assert next(iter(films)).film_id == "first"
    assert within(20, lambda: not any(is_alive(pid) for _, pid in begun(home.root)))


def test_the_work_ends_with_the_process_that_asked_for_it_even_when_it_is_killed(home: Home) -> None:
    asking = subprocess.Popen([sys.executable, "-c", ASKING, str(home.root)])
    assert within(60, lambda: bool(begun(home.root)))
    asking.send_signal(signal.SIGKILL)
    asking.wait()
    assert within(30, lambda: not any(is_alive(pid) for _, pid in begun(home.root)))


def test_a_cluster_without_room_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_RAY_GPUS", "1")
    with pytest.raises(FeelmError, match="no machine of the Ray cluster has room"):
        asked(home, "first")


def test_a_machine_with_other_code_is_told_before_a_film_is_begun(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.compute.cluster.source_digest", lambda: "another")
    with pytest.raises(FeelmError, match="cannot work: its code is another than this process's"):
        asked(home, "first")
    assert begun(home.root) == []


def test_a_machine_without_feelm_is_told_and_not_tried_for_ever(home: Home, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text('import sys; sys.modules["corpus"] = None')
    with cluster(1, path=tmp_path), pytest.raises(FeelmError, match=r"cannot work: ModuleNotFoundError"):
        asked(home, "first")


def test_a_cluster_that_is_not_there_is_told_in_a_line(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(FeelmError, match=r"no Ray cluster at 127\.0\.0\.1:1: "):
        asked(home, "first")


def test_a_cluster_that_feelm_starts_listens_on_loopback_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS")
    with connected() as ray:
        assert ray.cluster_resources()["CPU"] >= 1
        assert listening_elsewhere(lambda command: "ray" in command) == []
