"""A film's work in one process: what is fresh is passed over, and a fault ends it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from assets.chain import STAGES
from assets.compute.work import FilmWork, make_film
from assets.workspace import Workspace
from corpus.terms import FeelmError
from tests.orchestration.stub_chain import put_stand_ins, stub_home

LINKS = ("film", "film_scan", "dialogue", "scenes")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    put_stand_ins(monkeypatch)
    return Workspace(stub_home(tmp_path, 1))


def test_links_are_run_in_order_and_not_again(workspace: Workspace) -> None:
    first = make_film(workspace, FilmWork("film-000", LINKS))
    assert tuple(run.stage for run in first.runs) == LINKS and not first.failure
    assert make_film(workspace, FilmWork("film-000", LINKS)).runs == ()


def test_work_that_is_asked_for_anew_gives_the_same_versions(workspace: Workspace) -> None:
    first, again = (make_film(workspace, FilmWork("film-000", LINKS, anew=True)) for _ in range(2))
    assert [run.versions for run in first.runs] == [run.versions for run in again.runs]


def test_a_fault_ends_the_film_and_keeps_what_was_made(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_workspace: Workspace, film_id: str, _outs: dict[str, Path]) -> None:
        raise FeelmError(f"{film_id} has no picture")

    monkeypatch.setitem(STAGES, "film_scan", dataclasses.replace(STAGES["film_scan"], build=refuse))
    done = make_film(workspace, FilmWork("film-000", LINKS))
    assert [run.stage for run in done.runs] == ["film"]
    assert (done.failure, done.is_fault) == ("film-000 has no picture", True)
