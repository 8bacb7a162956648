"""The crops of bodies that a scan leaves beside the faces, and how each is held: posture row by row, gestures from one to the next.

`bodies.parquet` says whose each crop is, when, and what part of the picture it shows; `bodies.safetensors` holds the pictures as JPEG
files one after the other. Both stay on disk, and a chunk is read at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.chunks import ChunkStore
from corpus.terms import FeelmError
from corpus.weights import WeightError
from ml.features.blocks import written
from ml.features.extractor import Block, extract_all, joined
from ml.features.face.pose import GESTURE, POSTURE, POSTURE_DIMENSIONS, Bodies, BodyChunk, PostureExtractor, gesture

if TYPE_CHECKING:
    import pandas as pd

BODIES_TABLE, BODIES_FILE = "bodies.parquet", "bodies.safetensors"
BODY_COLUMNS = ("track_id", "t_ms", "row", "x", "y", "width", "height")
"""`row` is the place of the JPEG in the file's `offsets`; x, y, width and height are shares of the picture, below 0 and above 1 where the
crop reaches over its edge."""
POSTURE_FILE = "posture.parquet"
CHUNK = 200
"""Crops in a chunk."""


@dataclass(frozen=True)
class Posture:
    """Track and time of each crop of a body in the order of time, POSTURE and GESTURE float32 (n, 11), and why there is none."""

    table: pd.DataFrame
    held: np.ndarray
    missing: str | None


def no_posture(why: str) -> Posture:
    """None, and why."""
    import pandas as pd

    table = pd.DataFrame({"track_id": pd.Series(dtype=str), "t_ms": pd.Series(dtype=np.int64)})
    return Posture(table, np.zeros((0, len(POSTURE) + len(GESTURE)), np.float32), why)


def read_posture(faces_dir: Path, out: Path, *, device: str = "cpu", store: ChunkStore | None = None) -> Posture:
    """The posture of each crop of a scan, also written row by row to posture.parquet in the folder `out`.

    Raises:
        FeelmError: the files contradict each other.
    """
    import pandas as pd

    if not (faces_dir / BODIES_TABLE).is_file():
        return no_posture("the scan left no crops of bodies: scan the film again")
    bodies = pd.read_parquet(faces_dir / BODIES_TABLE, columns=list(BODY_COLUMNS)).sort_values(["t_ms", "row"], ignore_index=True)
    if not len(bodies):
        return no_posture("no body found")
    try:
        blocks = extract_all(PostureExtractor(device), _chunks(bodies, mapped(faces_dir / BODIES_FILE)), store)
        block = joined(written(blocks, POSTURE_DIMENSIONS, out / POSTURE_FILE), len(POSTURE_DIMENSIONS))
    except WeightError as error:
        return no_posture(str(error))
    return posture_of(bodies, block)


def posture_of(bodies: pd.DataFrame, block: Block) -> Posture:
    """The posture of crops of bodies, `track_id` and `t_ms` in the order of time, from what PostureExtractor found of each."""
    points = Bodies(block.more["points"], block.more["depth"], block.more["seen"], block.confidence)
    track = np.unique(bodies["track_id"].to_numpy(str), return_inverse=True)[1]
    moves = gesture(points, bodies["t_ms"].to_numpy(), track)
    return Posture(bodies[["track_id", "t_ms"]], np.concatenate([block.values, moves], axis=1), None)


def _chunks(bodies: pd.DataFrame, files: Mapping[str, np.ndarray]) -> Iterator[BodyChunk]:
    jpeg, offsets = files["jpeg"], np.asarray(files["offsets"])
    if bodies["row"].max() + 1 >= len(offsets) or offsets[-1] > len(jpeg):
        raise FeelmError(f"{BODIES_FILE} holds fewer pictures than {BODIES_TABLE} names: the film must be scanned again")
    for start in range(0, len(bodies), CHUNK):
        part = bodies.iloc[start : start + CHUNK]
        pictures = tuple(jpeg[offsets[row] : offsets[row + 1]].tobytes() for row in part["row"])
        yield BodyChunk(part["t_ms"].to_numpy(), pictures, part[["x", "y", "width", "height"]].to_numpy(np.float64))


_KINDS = {"U8": np.uint8, "I64": np.int64}


def mapped(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file by name, left on disk until they are read (format: huggingface.co/docs/safetensors)."""
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(size))
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    return {
        name: np.memmap(path, _KINDS[entry["dtype"]], "r", 8 + size + entry["data_offsets"][0], tuple(entry["shape"]))
        if np.prod(entry["shape"])
        else np.zeros(entry["shape"], _KINDS[entry["dtype"]])
        for name, entry in entries.items()
    }
