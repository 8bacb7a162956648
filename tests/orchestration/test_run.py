"""`feelm run` on films with stand-ins for what takes long, on each kind of storage: what it makes, records, and refuses to learn from.

Its jobs run in this process one after another, because stand-ins do not reach worker processes; those have tests of their own
(`test_storage`).
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator

import quality.gate
from assets.partitions import films
from assets.workspace import Workspace
from corpus.datasets.registry import CORPORA
from corpus.paths import Home
from orchestration.definitions import defs
from orchestration.execution import Job, Outcome, Readiness, execute
from orchestration.instance import prepare_dagster_home
from orchestration.run import RunReport, run_chain
from tests.orchestration.stub_chain import put_stand_ins, stub_home
from tests.simulated_raters import Simulated, write_csv
from tests.storage import FILES, Storage, in_memory, using

FILMS = ("film-000", "film-001")
JOBS = 7
"""Two films, a batch, the model, two pages of films and the page of the whole."""


def one_after_another(jobs: Sequence[Job], _workers: int, _log: Path, ready: Readiness = iter) -> Iterator[Outcome]:
    yield from map(execute, ready(jobs))


@contextmanager
def home_of_stand_ins() -> Iterator[Home]:
    """A home of two films and one delivered batch, in which nothing was run yet."""
    with in_memory() as folder, pytest.MonkeyPatch.context() as patched:
        put_stand_ins(patched)
        patched.setattr("orchestration.run.execute_all", one_after_another)
        made = stub_home(folder, len(FILMS))
        patched.setenv("FEELM_HOME", str(made.root))
        patched.setenv("DAGSTER_HOME", "")  # put back at the end: preparing a home sets it
        write_csv(made.inbox / "first.csv", Simulated(lines=2, films=FILMS).rows())
        yield made


def run(home: Home) -> RunReport:
    return run_chain(Workspace(home))


@pytest.fixture
def home() -> Iterator[Home]:
    """A home before its first run, on files; whether checks fail is asked on both kinds of storage in `test_automation`."""
    with using(FILES), home_of_stand_ins() as made:
        yield made


@pytest.fixture(scope="module")
def ran(module_storage: Storage) -> Iterator[Home]:
    """A home after its first run, on each kind of storage; tests leave it up to date."""
    with home_of_stand_ins() as made:
        report = run(made)
        assert (report.failures, report.refused, report.computed) == ({}, {}, JOBS)
        yield made


@pytest.fixture
def known(ran: Home) -> Iterator[dg.DagsterInstance]:
    """What Dagster knows of it."""
    prepare_dagster_home(Workspace(ran))
    with dg.DagsterInstance.get() as instance:
        yield instance


def test_a_second_run_finds_everything_made_and_recorded(ran: Home) -> None:
    again = run(ran)
    assert (again.failures, again.computed, again.fresh) == ({}, 0, JOBS)


def test_no_run_is_left_to_wait_for_a_daemon_that_is_not_there(known: dg.DagsterInstance) -> None:
    assert isinstance(known.run_coordinator, QueuedRunCoordinator), "what is submitted to it waits for a daemon"
    assert {run.status for run in known.get_runs()} == {dg.DagsterRunStatus.SUCCESS}


def given(instance: dg.DagsterInstance, kind: str) -> set[str]:
    """Dagster's versions of this kind, of every asset and partition."""
    records = [record for key in instance.all_asset_keys() for record in instance.fetch_materializations(key, limit=100).records]
    return {(record.asset_materialization.tags or {})[f"dagster/{kind}"] for record in records if record.asset_materialization}


def test_every_version_that_dagster_is_given_has_one_width_also_of_corpora_that_nobody_added(known: dg.DagsterInstance) -> None:
    corpora = [dg.AssetKey(asset) for corpus in CORPORA.values() for asset in corpus.assets.values()]
    assert defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=known, asset_selection=corpora).success
    assert set(known.all_asset_keys()) == defs.resolve_asset_graph().get_all_asset_keys()
    assert all(re.fullmatch(r"[0-9a-f]{32}\.dir", version) for version in given(known, "data_version"))
    assert all(re.fullmatch(r"[0-9a-f]{32}", version) for version in given(known, "code_version"))


def stale(instance: dg.DagsterInstance) -> set[tuple[str, str]]:
    """The assets of films that Dagster's own pages show as stale, with their films."""
    graph = defs.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    of_films = [key for key in graph.get_all_asset_keys() if graph.get(key).partitions_def == films]
    pairs = [(key, film) for key in of_films for film in FILMS]
    return {(key.to_user_string(), film) for key, film in pairs if resolver.get_status(key, film) is StaleStatus.STALE}


def test_dagster_shows_as_stale_what_follows_from_a_films_subtitles_and_nothing_of_another_film(
    ran: Home, known: dg.DagsterInstance
) -> None:
    assert stale(known) == set()
    subtitles = Workspace(ran).films["film-001"].subtitles
    assert subtitles is not None
    words = subtitles.read_text()
    subtitles.write_text("other words\nin two lines")
    assert execute(Job(("film", "video"), "film-001")).succeeded
    shown = stale(known)
    assert {film for _, film in shown} == {"film-001"}
    assert {asset for asset, _ in shown} >= {"dialogue", "scenes", "text_features"}
    assert not {asset for asset, _ in shown} & {"shots", "faces", "soundtrack"}
    subtitles.write_text(words)
    assert execute(Job(("film", "video"), "film-001")).succeeded
    assert stale(known) == set(), "the same content as before"


def failing_features(film_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the checks of a film's face features fail, whatever they are."""
    passes = quality.gate.check_features

    def check(features: Path, units: Path) -> list[quality.gate.Outcome]:
        outcomes = passes(features, units)
        failed = features.parent.name == "face_features" and features.name == film_id
        return [dataclasses.replace(one, passed=not failed, severity="critical") for one in outcomes]

    monkeypatch.setattr("quality.gate.check_features", check)


@pytest.mark.slow
def test_nothing_is_learned_from_a_film_whose_checks_fail_neither_in_that_run_nor_in_a_later_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as meanwhile:
        failing_features("film-001", meanwhile)
        for _ in range(2):
            report = run(home)
            assert set(report.failures) == {"films film-001", "model"}
            assert report.failures["model"][0].startswith("checks fail of film-001 (face_features: ")
            assert home.artifact("face_features", "film-001").is_dir(), "it stands there all the same"
            assert home.artifact("gold_labels").is_dir() and not home.artifact("training_set").exists()
    assert run(home).failures == {}, "a check that is mended is asked again"
    assert home.artifact("champion").is_dir()


def test_a_film_that_cannot_teach_holds_up_no_other(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = quality.gate.check_dialogue

    def check(dialogue: Path, film_id: str, duration_ms: int) -> list[quality.gate.Outcome]:
        outcomes = passes(dialogue, film_id, duration_ms)
        return [dataclasses.replace(one, passed=film_id != "film-001", severity="critical") for one in outcomes]

    monkeypatch.setattr("quality.gate.check_dialogue", check)
    assert set(run(home).failures) == {"films film-001"}
    assert not home.artifact("scenes", "film-001").exists()
    assert home.artifact("champion").is_dir()
