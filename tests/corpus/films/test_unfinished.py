"""Unfinished work on disk: what was kept is found again, what is damaged is not, and nothing of another film is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.chunks import Work
from corpus.films.unfinished import Saved, Spool, Unfinished
from corpus.terms import FeelmError

WORK = Work("test", "1", {"shots": "fast"})


def _open(folder: Path, content: str = "film", work: Work = WORK) -> Unfinished:
    return Unfinished(folder, work, content, ("big", "small"))


def _work(unfinished: Unfinished, chunks: int) -> None:
    """Chunk k adds k + 1 pieces to one file, one to the other, and the number k to the worker's log."""
    for _ in range(chunks):
        k = unfinished.n_chunks
        for piece in range(k + 1):
            unfinished.spools["big"].add(bytes([k, piece]) * (100 + piece))
        unfinished.spools["small"].add(bytes([k]))
        unfinished.keep({"worker": Saved({"number": np.array([k])}, {"last": np.array([10 * k])})})


def _holds(unfinished: Unfinished, chunks: int) -> bool:
    big = [bytes([k, piece]) * (100 + piece) for k in range(chunks) for piece in range(k + 1)]
    spools = unfinished.spools
    return (
        unfinished.n_chunks == chunks
        and [spools["big"].piece(row) for row in range(len(spools["big"]))] == big
        and [spools["small"].piece(row) for row in range(len(spools["small"]))] == [bytes([k]) for k in range(chunks)]
        and (not chunks or unfinished.log("worker", "number").tolist() == list(range(chunks)))
        and (not chunks or unfinished.now("worker")["last"].tolist() == [10 * (chunks - 1)])
    )


def test_what_was_kept_is_found_again_and_what_was_not_is_cut_off(tmp_path: Path) -> None:
    with _open(tmp_path) as first:
        _work(first, 3)
        first.spools["big"].add(b"of a chunk that was never finished")
    with _open(tmp_path) as second:
        assert _holds(second, 3)
        _work(second, 2)
    with _open(tmp_path) as third:
        assert _holds(third, 5)


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:40] + bytes([b[40] ^ 1]) + b[41:], lambda b: b""])
@pytest.mark.parametrize("chunk", range(4))
def test_a_damaged_chunk_and_all_after_it_are_done_again(tmp_path: Path, chunk: int, damage: Callable[[bytes], bytes]) -> None:
    with _open(tmp_path) as first:
        paths = []
        for _ in range(4):
            before = set(tmp_path.rglob("*.chunk"))
            _work(first, 1)
            paths += set(tmp_path.rglob("*.chunk")) - before
    paths[chunk].write_bytes(damage(paths[chunk].read_bytes()))
    with _open(tmp_path) as second:
        assert _holds(second, chunk)
        _work(second, 4 - chunk)
        assert _holds(second, 4)


@pytest.mark.parametrize("spool", ["big", "small"])
def test_a_damaged_picture_is_found_and_its_chunk_done_again(tmp_path: Path, spool: str) -> None:
    with _open(tmp_path) as first:
        _work(first, 4)
    (path,) = tmp_path.rglob(spool)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with _open(tmp_path) as second:
        assert _holds(second, 3)


@pytest.mark.parametrize("other", [("another film", WORK), ("film", Work("test", "2", WORK.settings)), ("film", Work("test", "1", {}))])
def test_work_on_another_film_or_by_another_version_is_removed(tmp_path: Path, other: tuple[str, Work]) -> None:
    (tmp_path / "somebody's own").mkdir()
    with _open(tmp_path) as first:
        _work(first, 2)
    with _open(tmp_path, *other) as second:
        assert second.n_chunks == 0
    with _open(tmp_path) as third:
        assert third.n_chunks == 0
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2
    assert (tmp_path / "somebody's own").is_dir()


def test_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    with _open(tmp_path) as first:
        _work(first, 2)
        first.forget()
        assert _holds(first, 0)
        _work(first, 1)
    with _open(tmp_path) as second:
        assert _holds(second, 1)


def test_a_piece_that_is_gone_from_the_disk_is_told(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    row = spool.add(b"picture")
    assert spool.piece(row) == b"picture"
    (tmp_path / "spool").write_bytes(b"pic")
    with pytest.raises(FeelmError, match="disk full"):
        spool.piece(row)
    spool.close()


@given(st.lists(st.lists(st.binary(max_size=50), max_size=6), max_size=5))
def test_pieces_of_any_length_come_back_from_what_was_saved(tmp_path_factory: pytest.TempPathFactory, chunks: list[list[bytes]]) -> None:
    path = tmp_path_factory.mktemp("spool") / "spool"
    spool, logs = Spool(path), []
    for pieces in chunks:
        for piece in pieces:
            spool.add(piece)
        logs.append(spool.save().log)
    again = Spool(path)
    for log in logs:
        assert again.holds(log)
        again.take(log)
    pieces = [piece for chunk in chunks for piece in chunk]
    assert [again.piece(row) for row in range(len(again))] == pieces
    assert [again.size(row) for row in range(len(again))] == [len(piece) for piece in pieces]
    spool.close()
    again.close()
