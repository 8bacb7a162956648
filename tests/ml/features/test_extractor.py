"""Running an extractor over chunks: nothing twice, nothing lost, damage mended, progress true."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from corpus.chunks import ChunkStore, content_digest
from ml.features.blocks import written
from ml.features.extractor import Block, Dimension, Progress, extract_all, joined


@dataclass
class Doubling:
    """Doubles numbers that come in threes of 100 ms each, and remembers what it was asked."""

    version: str = "1"
    settings: dict[str, object] = field(default_factory=dict)
    fail_at: float | None = None
    asked: list[float] = field(default_factory=list)
    name = "doubling"

    def digest(self, chunk: np.ndarray) -> str:
        return content_digest(chunk)

    def extract(self, chunk: np.ndarray) -> Block:
        if chunk[0] == self.fail_at:
            raise KeyboardInterrupt
        self.asked.append(float(chunk[0]))
        start = (chunk * 100).astype(np.int64)
        return Block(start, start + 100, 2 * chunk[:, None], np.ones(len(chunk), np.float32), {"picture": chunk.astype(np.uint8)})


CHUNKS = [np.arange(at, at + 3, dtype=np.float32) for at in (0, 3, 6)]


def test_blocks_come_out_whole_and_in_order():
    found = joined(extract_all(Doubling(), CHUNKS), 1)
    assert found.values[:, 0].tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 16]
    assert found.start_ms.tolist() == list(range(0, 900, 100))
    assert found.more["picture"].tolist() == list(range(9))


def test_nothing_is_computed_twice(tmp_path: Path):
    first, again = Doubling(), Doubling()
    whole = joined(extract_all(first, CHUNKS, ChunkStore(tmp_path)), 1)
    stored = joined(extract_all(again, CHUNKS, ChunkStore(tmp_path)), 1)
    assert again.asked == []
    assert all(np.array_equal(a, b) for a, b in zip(whole.arrays().values(), stored.arrays().values(), strict=True))


@pytest.mark.parametrize("changed", [Doubling(version="2"), Doubling(settings={"rate": 5})])
def test_another_version_or_setting_computes_again(tmp_path: Path, changed: Doubling):
    list(extract_all(Doubling(), CHUNKS, ChunkStore(tmp_path)))
    list(extract_all(changed, CHUNKS, ChunkStore(tmp_path)))
    assert changed.asked == [0, 3, 6]


def test_a_run_that_was_killed_goes_on_at_the_chunk_it_was_in(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        list(extract_all(Doubling(fail_at=6), CHUNKS, ChunkStore(tmp_path)))
    second = Doubling()
    assert len(list(extract_all(second, CHUNKS, ChunkStore(tmp_path)))) == 3
    assert second.asked == [6]


def test_a_damaged_piece_is_computed_again(tmp_path: Path):
    list(extract_all(Doubling(), CHUNKS, ChunkStore(tmp_path)))
    broken = sorted(tmp_path.rglob("*.chunk"))[0]
    broken.write_bytes(broken.read_bytes()[:-2])
    second = Doubling()
    assert joined(extract_all(second, CHUNKS, ChunkStore(tmp_path)), 1).values.sum() == 72
    assert len(second.asked) == 1
    assert ChunkStore(tmp_path).read(broken.stem) is not None


def test_progress_tells_how_far_and_what_was_stored(tmp_path: Path):
    told: list[Progress] = []
    list(extract_all(Doubling(), CHUNKS[:2], ChunkStore(tmp_path)))
    list(extract_all(Doubling(), CHUNKS, ChunkStore(tmp_path), 1800, told.append))
    assert [(p.until_ms, p.chunks, p.stored) for p in told] == [(300, 1, 1), (600, 2, 2), (900, 3, 2)]
    assert told[-1].left_s == pytest.approx(told[-1].seconds)


def test_rate_and_time_left_follow_from_what_was_done():
    progress = Progress(until_ms=30_000, total_ms=120_000, seconds=10, chunks=1, stored=0)
    assert progress.rate == 3
    assert progress.left_s == 30
    assert Progress(0, 1000, 0.0, 0, 0).left_s is None


def test_no_chunk_gives_no_row():
    assert joined([], 4).values.shape == (0, 4)


def test_what_is_not_measured_is_masked(tmp_path: Path):
    times = np.array([0, 1], np.int64)
    block = Block(times, times + 1, np.array([[np.nan, 1], [2, 3]], np.float32), np.ones(2, np.float32))
    list(written([block], (Dimension("first", "", ""), Dimension("second", "", "")), tmp_path / "frames.parquet"))
    table = pq.read_table(tmp_path / "frames.parquet", columns=["first", "second"])
    assert table.to_pydict() == {"first": [None, 2.0], "second": [1.0, 3.0]}
