"""Whether speech recognition is installed counts for films without subtitles, and for no other."""

from pathlib import Path

import pytest

from assets import chain
from assets.chain import STAGES
from assets.workspace import Workspace
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import write_catalogue
from corpus.paths import Home
from corpus.sources import PROJECT
from corpus.terms import FeelmError

FILMS = ("bare", "titled", "german")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    home = Home(tmp_path / "home")
    video, subtitles = tmp_path / "film.mp4", tmp_path / "film.srt"
    films = [
        Film("bare", "Bare", video),
        Film("titled", "Titled", video, subtitles=subtitles),
        Film("german", "German", video, language="de"),
    ]
    write_catalogue(home.catalogue, films)
    return Workspace(home)


def inputs(workspace: Workspace) -> dict[str, dict[str, str]]:
    return {film_id: STAGES["dialogue"].inputs(workspace, film_id) for film_id in FILMS}


def installed(monkeypatch: pytest.MonkeyPatch, told: str | None) -> None:
    """`unusable` asks the module's own `recogniser`, the chain asks through its name."""
    monkeypatch.setattr("corpus.dialogue.recognise.recogniser", lambda: told)
    monkeypatch.setattr(chain, "recogniser", lambda: told)


def test_installing_or_changing_it_makes_only_films_without_english_subtitles_stale(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    told = []
    for version in (None, "recogniser 1", "recogniser 2"):
        installed(monkeypatch, version)
        told.append(inputs(workspace))
    for film_id, expected in (("bare", 3), ("titled", 1), ("german", 1)):
        assert len({tuple(one[film_id].items()) for one in told}) == expected


def test_switched_off_it_counts_for_no_film(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    settings = (PROJECT / "params.yaml").read_text(encoding="utf-8")
    (workspace.home.root.parent / "params.yaml").write_text(settings.replace("recognition: auto", "recognition: never"))
    installed(monkeypatch, "recogniser 1")
    assert all("recogniser" not in read for read in inputs(workspace).values())


def test_a_setting_that_there_is_not_is_an_error(workspace: Workspace):
    settings = (PROJECT / "params.yaml").read_text(encoding="utf-8")
    (workspace.home.root.parent / "params.yaml").write_text(settings.replace("recognition: auto", "recognition: sometimes"))
    with pytest.raises(FeelmError, match="sometimes"):
        inputs(workspace)
