"""Artifacts are written whole or not at all, and hash as DVC hashes them."""

import errno
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.contracts import FAILING_ROWS
from corpus.paths import Home, content_version, write_bytes, write_json, writing
from corpus.terms import FeelmError

names = st.text(st.characters(whitelist_categories=("Ll", "Lu", "Nd"), whitelist_characters=" -_"), min_size=1, max_size=12)


def dvc_hash(path: Path) -> str:
    """What DVC itself records for a folder."""
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.db import HashFileDB
    from dvc_objects.fs.local import localfs

    odb = HashFileDB(localfs, str(path.parent / "odb"))
    return str(build(odb, str(path), localfs, "md5")[2].hash_info.value)


@pytest.mark.parametrize(
    "files",
    [{"a": b"1"}, {"a": b"", "b/c": b"2", "b/ä ö": b"3"}, {"z": b"\x00\xff", "a/b/c/d": b"4", "a/b.c": b"5"}],
    ids=["one", "nested and unicode", "binary"],
)
def test_content_version_is_dvcs_hash_of_the_folder(tmp_path: Path, files: dict[str, bytes]) -> None:
    folder = tmp_path / "artifact"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert content_version(folder) == dvc_hash(folder)


def test_an_error_while_writing_leaves_the_old_artifact_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "artifact"
    with writing(target) as out:
        (out / "f").write_text("old")
    with pytest.raises(RuntimeError), writing(target) as out:
        (out / "f").write_text("new")
        raise RuntimeError
    assert (target / "f").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["artifact"]


def test_a_full_disk_leaves_the_old_artifact_and_no_litter_and_the_next_writing_succeeds(tmp_path: Path) -> None:
    target = tmp_path / "artifact"
    with writing(target) as out:
        (out / "f").write_text("old")
    with pytest.raises(OSError, match="No space left on device") as full, writing(target) as out:
        (out / "f").symlink_to("/dev/full")
        (out / "f").write_bytes(b"new" * 100_000)
    assert full.value.errno == errno.ENOSPC
    assert (target / "f").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["artifact"]
    with writing(target) as out:
        (out / "f").write_text("new")
    assert (target / "f").read_text() == "new"


def test_a_disk_that_is_full_at_the_last_moment_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "decision.json"
    write_bytes(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as until_there_is_room:
        until_there_is_room.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    write_bytes(path, b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["decision.json"] and path.read_bytes() == b"new"


def test_half_a_table_is_refused_by_its_name_and_never_read_as_a_short_one(tmp_path: Path) -> None:
    path = tmp_path / "failing_rows.parquet"
    FAILING_ROWS.write(FAILING_ROWS.frame([{"check": "rows_present", "row_id": str(row)} for row in range(1000)]), path)
    whole = path.read_bytes()
    for length in (0, 4, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(FeelmError, match=r"failing_rows.*is damaged"):
            FAILING_ROWS.read(path)


def test_a_written_artifact_replaces_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "artifact"
    for content in ("old", "new"):
        with writing(target) as out:
            (out / content).write_text(content)
    assert [path.name for path in target.iterdir()] == ["new"]


def test_what_is_replaced_is_never_missing(tmp_path: Path) -> None:
    target, missed, done = tmp_path / "artifact", list[int](), threading.Event()
    with writing(target) as out:
        (out / "f").write_text("0")

    def look() -> None:
        while not done.is_set():
            missed.extend([1] if not (target / "f").exists() else [])

    reader = threading.Thread(target=look)
    reader.start()
    for turn in range(100):
        with writing(target) as out:
            (out / "f").write_text(str(turn))
    done.set()
    reader.join()

    assert not missed and (target / "f").read_text() == "99"


def test_where_folders_cannot_be_exchanged_two_renames_replace_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corpus.paths._exchanged", lambda one, other: False)
    target = tmp_path / "artifact"
    for content in ("old", "new"):
        with writing(target) as out:
            (out / content).write_text(content)
    assert [path.name for path in tmp_path.iterdir()] == ["artifact"] and [path.name for path in target.iterdir()] == ["new"]


@pytest.mark.parametrize("bad", ["../x", "a/b", "A", "", "-a", "a" * 65, "a\n", "ä"])
def test_a_film_id_that_is_no_slug_is_refused_before_it_becomes_a_path(tmp_path: Path, bad: str) -> None:
    with pytest.raises(FeelmError, match="film id"):
        Home(tmp_path).artifact("shots", bad)


@given(st.dictionaries(names, st.integers(), max_size=5))
def test_equal_values_give_equal_json_bytes(tmp_path_factory: pytest.TempPathFactory, value: dict[str, int]) -> None:
    folder = tmp_path_factory.mktemp("json")
    write_json(folder / "a.json", value)
    write_json(folder / "b.json", dict(reversed(value.items())))
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


def test_json_refuses_what_json_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())
