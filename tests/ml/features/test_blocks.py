"""Blocks on disk: what was measured comes back, what was not is null, and half a film leaves no file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ml.features.blocks import written
from ml.features.extractor import Block, Dimension, joined
from tests.ml.features.conftest import read_blocks

DIMENSIONS = (Dimension("pitch_hz", "Hz", "how high the voice is"), Dimension("speech", "", "how surely somebody speaks", 0, 1))


def blocks(n: int) -> Iterator[Block]:
    for i in range(n):
        start = np.array([2 * i, 2 * i + 1], np.int64) * 10
        yield Block(start, start + 10, np.array([[100 + i, 0.5], [np.nan, 0]], np.float32), np.full(2, 0.25, np.float32))


def test_what_is_written_is_read_back_with_its_gaps(tmp_path: Path):
    passed = joined(written(blocks(3), DIMENSIONS, tmp_path / "frames.parquet"), 2)
    found = read_blocks(tmp_path / "frames.parquet")
    for name, array in passed.arrays().items():
        assert np.array_equal(found.arrays()[name], array, equal_nan=True), name
    assert np.isfinite(found.values).tolist() == [[True, True], [False, True]] * 3


def test_the_file_explains_itself(tmp_path: Path):
    list(written(blocks(1), DIMENSIONS, tmp_path / "frames.parquet"))
    schema = pq.read_schema(tmp_path / "frames.parquet")
    assert schema.field("pitch_hz").metadata == {b"unit": b"Hz", b"meaning": b"how high the voice is"}
    assert schema.field("start_ms").metadata == {b"unit": b"ms"}


def test_a_run_that_ends_in_the_middle_leaves_nothing(tmp_path: Path):
    def failing() -> Iterator[Block]:
        yield from blocks(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(written(failing(), DIMENSIONS, tmp_path / "frames.parquet"))
    assert list(tmp_path.iterdir()) == []


def test_a_film_without_a_chunk_is_a_file_without_a_row(tmp_path: Path):
    list(written([], DIMENSIONS, tmp_path / "frames.parquet"))
    assert read_blocks(tmp_path / "frames.parquet").values.shape == (0, 2)


def test_the_same_blocks_give_the_same_bytes(tmp_path: Path):
    for name in "ab":
        list(written(blocks(4), DIMENSIONS, tmp_path / name))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
