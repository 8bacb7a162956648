"""What a link leaves behind when it is killed, and what the next run makes of it."""

import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import pytest

from assets.chain import is_fresh, read_stamp, run_stage
from assets.workspace import Workspace
from corpus.films.catalogue import store
from corpus.paths import Home, content_version
from corpus.terms import FeelmError
from tests.orchestration.stub_chain import stub_home

FILM = "film-000"


def die_while_it_writes(root: Path) -> None:
    """Be killed when half of the artifact `film` lies there."""

    def write_and_die(_: object, out: Path) -> None:
        (out / "film.json").write_text("{")
        os.kill(os.getpid(), signal.SIGKILL)

    store.build_film = write_and_die
    run_stage(Workspace(Home(root)), "film", FILM)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def cut_off(tmp_path: Path) -> Home:
    """A home in which a link was killed while it wrote."""
    home = stub_home(tmp_path, 2)
    process = multiprocessing.get_context("spawn").Process(target=die_while_it_writes, args=(home.root,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    return home


def looked_through(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that are looked through from now on."""
    found: list[str] = []
    glob = Path.glob
    monkeypatch.setattr(Path, "glob", lambda path, pattern: found.append(path.name) or glob(path, pattern))
    return found


def test_what_a_killed_run_left_is_gone_after_the_next_one_which_alone_looks_for_it(cut_off: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (left,) = names(cut_off.data / "film")
    assert left.startswith(f".{FILM}.")
    run_stage(Workspace(cut_off), "film", FILM)
    assert names(cut_off.data / "film") == {FILM}
    found = looked_through(monkeypatch)
    run_stage(Workspace(cut_off), "film", FILM)
    run_stage(Workspace(cut_off), "film", "film-001")
    assert "film" not in found


def test_what_a_killed_run_left_is_gone_even_when_the_next_one_cannot_begin(cut_off: Home) -> None:
    cut_off.catalogue.unlink()
    with pytest.raises(FeelmError, match="no film"):
        run_stage(Workspace(cut_off), "film", FILM)
    assert names(cut_off.data / "film") == set()


def test_what_a_run_replaced_when_it_was_killed_is_there_again_though_the_next_one_cannot_begin(tmp_path: Path) -> None:
    home = stub_home(tmp_path, 1)
    run_stage(Workspace(home), "film", FILM)
    made = home.artifact("film", FILM)
    version = content_version(made)
    shutil.copytree(made, made.with_name(f".{FILM}.abc.tmp"))
    made.rename(made.with_name(f".{FILM}.abc.old"))  # as the first of two renames leaves it
    (home.root / "locks" / f"film-{FILM}.lock").write_text("held")
    home.catalogue.unlink()
    with pytest.raises(FeelmError, match="no film"):
        run_stage(Workspace(home), "film", FILM)
    assert names(home.data / "film") == {FILM} and content_version(made) == version


def test_a_link_that_finds_the_disk_full_keeps_the_old_artifact_and_succeeds_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = stub_home(tmp_path, 1)
    run_stage(Workspace(home), "film", FILM)
    before, stamp = content_version(home.artifact("film", FILM)), read_stamp(Workspace(home), "film", FILM)

    def write_onto_a_full_disk(_: object, out: Path) -> None:
        (out / "film.json").symlink_to("/dev/full")
        (out / "film.json").write_bytes(b"x" * 100_000)

    with monkeypatch.context() as patch:
        patch.setattr(store, "build_film", write_onto_a_full_disk)
        with pytest.raises(OSError, match="No space left on device"):
            run_stage(Workspace(home), "film", FILM)
    assert names(home.data / "film") == {FILM} and content_version(home.artifact("film", FILM)) == before
    assert read_stamp(Workspace(home), "film", FILM) == stamp
    home.artifact("film", FILM).joinpath("film.json").unlink()
    run_stage(Workspace(home), "film", FILM)
    assert is_fresh(Workspace(home), "film", FILM) and content_version(home.artifact("film", FILM)) == before


def test_a_link_that_failed_leaves_nothing_to_look_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = stub_home(tmp_path, 1)
    with monkeypatch.context() as patch:
        patch.setattr(store, "build_film", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_stage(Workspace(home), "film", FILM)
    assert names(home.data / "film") == set()
    found = looked_through(monkeypatch)
    run_stage(Workspace(home), "film", FILM)
    assert "film" not in found
