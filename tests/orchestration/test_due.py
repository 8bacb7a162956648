"""`feelm run --dry-run`: what is due, why, and how it failed; nothing is run."""

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from assets.chain import STAGES, Cause, Reason, run_stage
from assets.telling import assets_of
from assets.workspace import Workspace
from benchmarks.lineage import make_home
from corpus.paths import Home, content_version, write_json
from corpus.terms import FeelmError
from orchestration.cli import app
from orchestration.due import Due, DueLink, Plan, State, plan
from orchestration.execution import Job, execute
from orchestration.instance import prepare_dagster_home, sync_partitions
from orchestration.wanted import FILM_LINKS
from tests.orchestration.stub_chain import put_stand_ins, record_in_dagster, stub_home, work_through, work_through_films

FILM = "film-001"
ASSETS = tuple(asset for link in FILM_LINKS for asset in assets_of(STAGES[link], FILM).values())


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """Two films, of which nothing was made, in memory where the machine has a folder there: SQLite waits for disks."""
    put_stand_ins(monkeypatch)
    for name in ("FEELM_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")  # put back at the end: preparing a home sets them
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        made = stub_home(Path(folder), 2)
        monkeypatch.setenv("FEELM_HOME", str(made.root))
        yield made


@pytest.fixture
def made(home: Home) -> Home:
    """The same, whose second film was made, as Dagster knows."""
    work_through(home, FILM_LINKS, [FILM])
    prepare_dagster_home(Workspace(home))
    with dg.DagsterInstance.get() as instance:
        sync_partitions(Workspace(home), instance)
        record_in_dagster(home, instance, FILM_LINKS, [FILM])
    return home


def due(home: Home) -> list[Due]:
    return list(plan(Workspace(home), [FILM]).due)


def links(home: Home) -> list[DueLink]:
    (one,) = due(home)
    assert (one.phase, one.key, one.failure) == ("films", FILM, ())
    return list(one.links)


def test_of_a_new_home_everything_never_ran(home: Home) -> None:
    found = plan(Workspace(home))
    assert [(one.phase, one.key) for one in found.due] == [("films", "film-000"), ("films", FILM), ("model", "")]
    assert {link.state for one in found.due for link in one.links} == {State.MISSING}
    assert {reason for one in found.due for link in one.links for reason in link.reasons} == {Reason(Cause.NEVER_RAN)}


def test_of_a_film_that_ran_nothing_is_due(made: Home) -> None:
    assert plan(Workspace(made), [FILM]) == Plan((), 1, {})


def _subtitles(home: Home) -> Path:
    path = Workspace(home).source_path(FILM, "subtitles")
    assert path is not None
    return path


def _other_settings(home: Home) -> None:
    settings = home.root.parent / "params.yaml"
    settings.write_text(settings.read_text().replace("shots: fast", "shots: best"))


ALTERATIONS: dict[str, tuple[Callable[[Home], object], DueLink]] = {
    "an input": (
        lambda home: _subtitles(home).write_text("other words"),
        DueLink("film", State.STALE, (Reason(Cause.INPUTS, ("subtitles",)),)),
    ),
    "settings": (_other_settings, DueLink("film_scan", State.STALE, (Reason(Cause.SETTINGS, ("scan",)),))),
    "an output by hand": (
        lambda home: (home.artifact("text_features", FILM) / "more.txt").write_text("mine"),
        DueLink("text_features", State.STALE, (Reason(Cause.OUTPUT_ALTERED, ("text_features",)),)),
    ),
    "an output that is gone": (
        lambda home: shutil.rmtree(home.artifact("text_features", FILM)),
        DueLink("text_features", State.MISSING, (Reason(Cause.OUTPUT_GONE, ("text_features",)),)),
    ),
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_what_changed_is_told_with_the_link_and_by_name(made: Home, what: str) -> None:
    alter, expected = ALTERATIONS[what]
    alter(made)
    assert links(made) == [expected]


def test_other_code_is_told(made: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STAGES, "scenes", dataclasses.replace(STAGES["scenes"], modules=("corpus.terms",)))
    assert links(made) == [DueLink("scenes", State.STALE, (Reason(Cause.CODE),))]


def test_what_ran_without_dagster_is_to_be_recorded(made: Home) -> None:
    _subtitles(made).write_text("other words")
    run_stage(Workspace(made), "film", FILM)
    first, *rest = links(made)
    assert first == DueLink("film", State.UNRECORDED, ())
    assert [one.link for one in rest] == ["dialogue", "scenes", "text_features"]


def test_how_the_last_run_failed_is_told_until_it_is_mended(made: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(made.artifact("dialogue", FILM))
    whole = STAGES["dialogue"]

    def fails(*_: object) -> object:
        raise FeelmError("the disk is full: make room")

    with monkeypatch.context() as full:
        full.setitem(STAGES, "dialogue", dataclasses.replace(whole, build=fails))
        assert not execute(Job(ASSETS, FILM)).succeeded
    (one,) = due(made)
    assert one.failure == ("dialogue: the disk is full: make room",)
    assert (one.links[0].link, one.links[0].state) == ("dialogue", State.MISSING)
    assert execute(Job(ASSETS, FILM)).succeeded
    assert due(made) == []


def test_the_command_tells_it_to_people_and_programs_and_writes_nothing(home: Home) -> None:
    work_through_films(home)
    _subtitles(home).write_text("other words")
    before = {path: path.stat().st_mtime_ns for path in home.root.rglob("*") if "sources" not in path.parts}
    told = CliRunner().invoke(app, ["run", "--dry-run", "--film", FILM], env={"COLUMNS": "200"})
    assert told.exit_code == 0 and "inputs: subtitles" in told.output and "Due: 1 of 1 jobs" in told.output
    read = json.loads(CliRunner().invoke(app, ["run", "--dry-run", "--film", FILM, "--json"]).output)
    assert read["due"][0]["links"][0] == {"link": "film", "state": "stale", "reasons": [{"cause": "inputs", "names": ["subtitles"]}]}
    assert {path: path.stat().st_mtime_ns for path in home.root.rglob("*") if "sources" not in path.parts} == before


def test_a_film_that_is_not_in_the_catalogue_is_an_error(home: Home) -> None:
    with pytest.raises(FeelmError, match="no film 'absent'"):
        plan(Workspace(home), ["absent"])


def test_asking_for_one_film_hashes_no_other_and_yet_tells_what_the_page_of_the_whole_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, hashed = make_home(tmp_path / "taught", 3), []
    monkeypatch.setattr("assets.workspace.content_version", lambda path: hashed.append(path) or content_version(path))

    def page() -> list[DueLink]:
        return [link for one in plan(Workspace(home), [FILM]).due if one.phase == "report" for link in one.links]

    assert page() == [DueLink("report", State.UNRECORDED, ())]  # it was made without Dagster
    stamp = home.stamp("film_report", "film-000")
    told = json.loads(stamp.read_text())
    write_json(stamp, {**told, "outputs": {"film_report": "0123456789abcdef0123456789abcdef.dir"}})
    assert page() == [DueLink("report", State.STALE, (Reason(Cause.INPUTS, ("film-000/film_report",)),))]
    assert hashed and not any("film-000" in path.parts for path in hashed)
