"""What goes to the store, when, and what never does."""

import logging
from pathlib import Path

import pytest

from assets.chain import run_stage
from assets.store.objects import Store
from assets.store.places import stored_artifacts
from assets.store.pushing import push, stamped, unsent
from assets.store.standing import fetch_all, standing
from assets.workspace import Workspace
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import read_catalogue, write_catalogue
from corpus.paths import Home, content_version
from corpus.terms import Rights
from tests.stores import Place

KINDS = {"film", "video", "shots", "faces", "soundtrack", "dialogue", "scenes"}
FEATURES = {"face_features", "voice_features", "text_features", "scene_features"}


@pytest.fixture
def later(home: Home, place: Place, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The home, with a store from now on."""
    for name, value in place.variables.items():
        monkeypatch.setenv(name, value)
    return home


def test_a_push_sends_what_links_made_and_a_second_one_nothing(later: Home) -> None:
    workspace, store = Workspace(later), Store.required()
    done = push(workspace, store)
    assert set(done.artifacts) == {f"{kind}/film-{number:03d}" for kind in KINDS | FEATURES for number in range(3)}
    assert done.sent_bytes > 0 and not done.held_back and not done.altered
    assert {name for name, _ in store.manifests()} == set(done.artifacts) == set(stored_artifacts(later))
    again = push(Workspace(later), store)
    assert again.artifacts == [] and again.sent_bytes == 0


def test_what_was_lost_here_comes_back_as_it_was_made(later: Home) -> None:
    import shutil

    push(Workspace(later), Store.required())
    before = {one.folder: one.version for one in stamped(Workspace(later))}
    for kind in ("faces", "scenes", "voice_features"):
        shutil.rmtree(later.data / kind)
    fetched = fetch_all(Workspace(later), Store.required())
    assert len(fetched) == 9
    assert {folder: content_version(folder) for folder in before} == before


def test_a_link_sends_what_it_made(later: Home, place: Place) -> None:
    run_stage(Workspace(later), "film_scan", "film-001")
    assert set(stored_artifacts(later)) == {"shots/film-001", "faces/film-001", "soundtrack/film-001"}
    assert sorted(name for name, _ in Store.required().manifests()) == ["faces/film-001", "shots/film-001", "soundtrack/film-001"]


def test_a_store_that_does_not_answer_fails_no_link_and_gets_it_later(
    home: Home, file_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "elsewhere").write_text("a file where a folder should be")
    for name, value in file_place.variables.items():
        monkeypatch.setenv(name, value)
    with caplog.at_level(logging.WARNING, logger="feelm.store"):
        made = run_stage(Workspace(home), "voice_features", "film-001")
    assert "voice_features film-001 is made, but not yet safe in the store" in caplog.text
    assert content_version(home.artifact("voice_features", "film-001")) == made.versions["voice_features"]
    assert [one.folder for _, one in unsent(home)] == [home.artifact("voice_features", "film-001")]
    assert standing(Workspace(home)).failed_to_send == 1
    (tmp_path / "elsewhere").unlink()
    run_stage(Workspace(home), "voice_features", "film-002")
    assert set(stored_artifacts(home)) == {"voice_features/film-001", "voice_features/film-002"} and list(unsent(home)) == []


def test_a_film_that_may_not_be_exported_stays_here_and_is_told(later: Home) -> None:
    def withdrawn(film: Film) -> Film:
        import dataclasses

        return dataclasses.replace(film, rights=Rights.UNKNOWN) if film.film_id == "film-001" else film

    write_catalogue(later.catalogue, [withdrawn(film) for film in read_catalogue(later.catalogue)])
    done = push(Workspace(later), Store.required())
    assert not any(name.endswith("/film-001") for name, _ in Store.required().manifests())
    assert set(done.held_back) == {f"{kind}/film-001" for kind in KINDS | FEATURES}
    assert all("not exported" in reason for reason in done.held_back.values())
    told = standing(Workspace(later))
    assert (told.stored, told.held_back, told.to_send) == (22, 11, 0)


def test_what_was_altered_by_hand_is_not_sent_as_what_the_link_made(later: Home) -> None:
    (later.artifact("scenes", "film-002") / "units.parquet").write_bytes(b"by hand")
    done = push(Workspace(later), Store.required())
    assert done.altered == ["scenes/film-002"]
    assert "scenes/film-002" not in {name for name, _ in Store.required().manifests()}


def test_another_store_is_sent_everything_too(home: Home, file_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_STORE", file_place.url)
    first = push(Workspace(home), Store.required())
    monkeypatch.setenv("FEELM_STORE", f"file://{tmp_path / 'other'}")
    assert standing(Workspace(home)).stored == 0
    second = push(Workspace(home), Store.required())
    assert (second.artifacts, second.sent_bytes) == (first.artifacts, first.sent_bytes) and len(second.artifacts) == 33


def test_a_push_sends_what_could_not_be_sent_before(home: Home, file_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").write_text("a file where a folder should be")
    monkeypatch.setenv("FEELM_STORE", file_place.url)
    run_stage(Workspace(home), "voice_features", "film-001")
    (tmp_path / "elsewhere").unlink()
    push(Workspace(home), Store.required())
    assert standing(Workspace(home)).failed_to_send == 0
