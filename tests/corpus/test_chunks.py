"""The store of finished work: what goes in comes out, and what is damaged counts as missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.chunks import ChunkStore, Work, content_digest

ARRAYS = {"values": np.arange(6, dtype=np.float32).reshape(2, 3), "times": np.array([5, 7], np.int64), "none": np.zeros((0, 4), np.uint8)}


def test_what_is_written_is_read_back(tmp_path: Path):
    store = ChunkStore(tmp_path)
    store.write("ab12", ARRAYS)
    found = store.read("ab12")
    assert found is not None
    assert {name: array.tolist() for name, array in found.items()} == {name: array.tolist() for name, array in ARRAYS.items()}
    assert [found[name].dtype for name in ARRAYS] == [array.dtype for array in ARRAYS.values()]


def test_what_was_never_written_is_missing(tmp_path: Path):
    assert ChunkStore(tmp_path).read("ab12") is None


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:20], lambda b: b"", lambda b: b[:-3] + bytes([b[-3] ^ 1]) + b[-2:]])
def test_a_damaged_file_counts_as_missing(tmp_path: Path, damage):
    store = ChunkStore(tmp_path)
    store.write("ab12", ARRAYS)
    path = store.path("ab12")
    path.write_bytes(damage(path.read_bytes()))
    assert store.read("ab12") is None


@given(st.lists(st.text(), min_size=1), st.integers(0, 50))
def test_parts_divided_otherwise_have_another_digest(parts: list[str], place: int):
    together = "".join(parts)
    split = [together[: place % (len(together) + 1)], together[place % (len(together) + 1) :]]
    assert (content_digest(*split) == content_digest(*parts)) == (split == parts)


def test_arrays_of_the_same_bytes_but_another_shape_or_type_differ():
    zeros = np.zeros(4, np.float32)
    assert len({content_digest(part) for part in (zeros, zeros.reshape(2, 2), zeros.view(np.int32), zeros.tobytes())}) == 4


def test_a_key_follows_from_name_version_settings_and_content():
    keys = {
        Work(name, version, {"rate": rate}).key(content) for name in "ab" for version in ("1", "2") for rate in (5, 6) for content in "xy"
    }
    assert len(keys) == 16
    assert Work("a", "1", {"x": 1, "y": 2}).key("c") == Work("a", "1", {"y": 2, "x": 1}).key("c")
