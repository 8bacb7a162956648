"""Blocks of an extractor as a Parquet file of a film: true times, confidence, one column a dimension, null where nothing was measured.

Rows are written as they come, a group for each chunk, so that memory does not grow with the film; the file appears when the last one is
there. Each column carries its unit and meaning, so the file explains itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ml.features.extractor import Block, Dimension

if TYPE_CHECKING:
    import pyarrow as pa

FRAMES_FILE = "frames.parquet"


def written(blocks: Iterable[Block], dimensions: tuple[Dimension, ...], path: Path) -> Iterator[Block]:
    """The blocks as they come, each written to `path` on its way; the file is whole or not there."""
    import pyarrow.parquet as pq

    schema = _schema(dimensions)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for block in blocks:
                writer.write_batch(_batch(block, schema))
                yield block
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _schema(dimensions: tuple[Dimension, ...]) -> pa.Schema:
    import pyarrow as pa

    measured = [pa.field(d.name, pa.float32(), metadata={"unit": d.unit, "meaning": d.meaning}) for d in dimensions]
    times = [pa.field(name, pa.int64(), nullable=False, metadata={"unit": "ms"}) for name in ("start_ms", "end_ms")]
    return pa.schema([*times, pa.field("confidence", pa.float32(), nullable=False), *measured])


def _batch(block: Block, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    measured = [pa.array(column, pa.float32(), from_pandas=True) for column in block.values.T]
    return pa.record_batch([pa.array(block.start_ms), pa.array(block.end_ms), pa.array(block.confidence), *measured], schema)
