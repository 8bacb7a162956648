"""What a look at the stamps finds is the same whether the process looked before or not, and looking again costs next to nothing."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from assets import recorded as looking
from assets import stamps
from assets.chain import STAGES, run_stage
from assets.recorded import recorded
from assets.workspace import Workspace
from corpus.films.catalogue.store import write_catalogue
from corpus.paths import Home
from orchestration.wanted import FILM_LINKS, PAGE_OF_WHOLE, Wanted, films_wanted
from tests.orchestration.stub_chain import put_stand_ins, stub_home, work_through_films

FILM = "film-001"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Three films that are up to date, at which this process has looked."""
    put_stand_ins(monkeypatch)
    made = stub_home(tmp_path, 3)
    work_through_films(made)
    assert films_wanted(recorded(made)) == []
    return made


def in_a_new_process(home: Home) -> list[Wanted]:
    """The same question, nothing remembered."""
    looking._STAMPS.clear()
    looking._JUDGED.clear()
    return films_wanted(recorded(home))


def _source(home: Home, kind: str) -> Path:
    path = Workspace(home).source_path(FILM, kind)
    assert path is not None
    return path


def _change_entry(home: Home, **changes: object) -> None:
    films = Workspace(home).films
    write_catalogue(home.catalogue, [dataclasses.replace(films[FILM], **changes), *(films[key] for key in films if key != FILM)])


def _add_screenplay(home: Home) -> None:
    path = _source(home, "video").with_suffix(".fountain")
    path.write_text("INT. ROOM - DAY\n")
    _change_entry(home, screenplay=path)


def _scan_anew(home: Home) -> None:
    stage = STAGES["film_scan"]

    def build(workspace: Workspace, key: str, outs: dict[str, Path]) -> Path:
        made: Path = stage.build(workspace, key, outs)
        (outs["shots"] / "more.txt").write_text("other shots")
        return made

    STAGES["film_scan"] = dataclasses.replace(stage, build=build)
    run_stage(Workspace(home), "film_scan", FILM)
    STAGES["film_scan"] = stage


ALTERATIONS: dict[str, tuple[Callable[[Home], object], str]] = {
    "other subtitles": (lambda home: _source(home, "subtitles").write_text("other words"), "film"),
    "another film under its name": (lambda home: _source(home, "video").write_bytes(b"another film"), "film"),
    "subtitles that are gone": (lambda home: _source(home, "subtitles").unlink(), "film"),
    "another title": (lambda home: _change_entry(home, title="another"), "film"),
    "a screenplay": (_add_screenplay, "film"),
    "an upstream that came out otherwise": (_scan_anew, "dialogue"),
    "a stamp that is gone": (lambda home: home.stamp("scenes", FILM).unlink(), "scenes"),
    "an output that is gone": (lambda home: shutil.rmtree(home.artifact("text_features", FILM)), "text_features"),
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_whatever_changes_of_a_film_is_found_by_a_process_that_looked_before(home: Home, what: str) -> None:
    alter, link = ALTERATIONS[what]
    alter(home)
    found = films_wanted(recorded(home))
    assert [(one.partition, one.link) for one in found] == [(FILM, link)]
    assert found == films_wanted(recorded(home)) == in_a_new_process(home)


def test_other_settings_and_other_code_make_every_film_stale(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = home.root.parent / "params.yaml"
    before = settings.read_text()
    settings.write_text(before.replace("recognition: never", "recognition: auto"))
    assert [one.link for one in films_wanted(recorded(home))] == ["dialogue"] * 3
    settings.write_text(before)
    assert films_wanted(recorded(home)) == []
    monkeypatch.setitem(STAGES, "scenes", dataclasses.replace(STAGES["scenes"], modules=("corpus.terms",)))
    assert [one.link for one in films_wanted(recorded(home))] == ["scenes"] * 3


def test_a_film_whose_link_was_run_is_no_longer_wanted(home: Home) -> None:
    _source(home, "subtitles").write_text("other words")
    for link in ("film", "dialogue", "scenes"):
        assert films_wanted(recorded(home))[0].link == link
        run_stage(Workspace(home), link, FILM)


def test_only_films_of_which_something_changed_are_judged_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    judge, judged, read = looking.first_stale, [], []
    monkeypatch.setattr(looking, "first_stale", lambda view, links, key: judged.append(key) or judge(view, links, key))
    reads = stamps._read
    monkeypatch.setattr(stamps, "_read", lambda path, facts: read.append(path.stem) or reads(path, facts))
    films_wanted(recorded(home))
    assert judged == read == []
    run_stage(Workspace(home), "film", FILM)
    films_wanted(recorded(home))
    assert judged == read == [FILM]


def test_a_look_knows_of_everything_that_a_films_links_and_its_page_read(home: Home) -> None:
    """A film is judged anew when one of these changed: what a link reads beside them would never be noticed."""
    of_film = {"entry", "video", "subtitles", "screenplay", "recogniser", *(out for link in FILM_LINKS for out in STAGES[link].outputs)}
    view = recorded(home)
    for link in FILM_LINKS:
        assert STAGES[link].inputs(view, FILM).keys() <= of_film, link
    assert STAGES["film_report"].inputs(view, FILM).keys() <= of_film | set(PAGE_OF_WHOLE)
