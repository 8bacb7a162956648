"""Which of the files that people drop are whole, and which films are new."""

import time
from pathlib import Path

from corpus.arrivals import is_settled, new_films, stamp_of
from corpus.films.catalogue.entries import Film

LATER_S = 60


def dropped(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def names(folder: Path, *known: Film, after_s: float = LATER_S) -> list[str]:
    return [path.name for path in new_films(folder, known, time.time() + after_s)]


def test_films_and_folders_that_describe_theirs_are_new_and_nothing_else_is(tmp_path: Path) -> None:
    dropped(tmp_path, "b.mkv", "a/film.yaml", "a/a.mp4", "notes.txt", "seed-7/one/film.yaml", ".hidden.mkv", "c.mkv.part")
    assert names(tmp_path) == ["a", "b.mkv"]
    assert names(tmp_path / "absent") == []


def test_what_the_catalogue_holds_is_not_new(tmp_path: Path) -> None:
    dropped(tmp_path, "b.mkv", "a/film.yaml", "a/a.mp4")
    held = [Film("a", "A", tmp_path / "a" / "a.mp4"), Film("b", "B", tmp_path / "b.mkv")]
    assert names(tmp_path, *held) == [] and names(tmp_path, held[0]) == ["b.mkv"]


def test_what_the_catalogue_holds_by_another_way_to_it_is_not_new(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "films", tmp_path / "elsewhere"
    dropped(elsewhere, "far.mkv", "set/film.yaml", "set/in/s.mp4")
    folder.mkdir()
    (folder / "near.mkv").symlink_to(elsewhere / "far.mkv")
    (folder / "set").symlink_to(elsewhere / "set")
    dropped(folder, "new.mkv")
    (tmp_path / "other").symlink_to(elsewhere)
    held = [Film("far", "Far", tmp_path / "other" / "far.mkv"), Film("s", "S", tmp_path / "other" / "set" / "in" / "s.mp4")]
    assert names(folder) == ["near.mkv", "new.mkv", "set"]
    assert names(folder, *held) == ["new.mkv"]


def test_what_was_just_written_or_is_named_unfinished_waits(tmp_path: Path) -> None:
    dropped(tmp_path, "b.mkv", "a/film.yaml", "a/a.mp4.part")
    assert names(tmp_path, after_s=0) == []
    assert names(tmp_path) == ["b.mkv"]


def test_a_hidden_file_of_the_system_in_a_folder_holds_nothing_up(tmp_path: Path) -> None:
    dropped(tmp_path, "a/film.yaml", "a/a.mp4", "a/.DS_Store")
    assert names(tmp_path) == ["a"]
    assert not is_settled(tmp_path / "a", time.time())


def test_a_stamp_changes_with_a_file_and_only_then(tmp_path: Path) -> None:
    dropped(tmp_path, "a/film.yaml", "a/a.mp4")
    before = stamp_of(tmp_path / "a")
    assert stamp_of(tmp_path / "a") == before
    (tmp_path / "a" / "a.mp4").write_bytes(b"more than before")
    assert stamp_of(tmp_path / "a") != before
