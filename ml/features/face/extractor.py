"""Everything that is measured of each face crop: expression, the face's shape, the head's pose, sharpness.

A chunk is some 500 crops in the order of time; what a row follows from is the crop alone, so a film that is cut elsewhere gives the same
rows. The networks read a chunk batch by batch, on a CPU or a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from corpus.chunks import content_digest
from corpus.devices import native_bfloat16
from corpus.terms import EMOTIONS
from ml.features.extractor import Block, Dimension, computing, version_of
from ml.features.face import expressions, mesh
from ml.features.face.geometry import HEAD_DIMENSIONS, SHAPE_DIMENSIONS, head_pose, measure
from ml.features.face.sharpness import SHARPNESS, sharpness

CODE_VERSION = 2
"""To be raised whenever the same crops give other numbers."""

CHUNK = 500
"""Crops in a chunk."""

EXPRESSION_DIMENSIONS: tuple[Dimension, ...] = tuple(
    Dimension(f"p_{emotion}", "", f"the expression networks' probability of {emotion}", 0, 1) for emotion in EMOTIONS
)
FACE_DIMENSIONS: tuple[Dimension, ...] = (*EXPRESSION_DIMENSIONS, *SHAPE_DIMENSIONS, *HEAD_DIMENSIONS, SHARPNESS)


@dataclass(frozen=True)
class FaceChunk:
    """Aligned crops in the order of time: their times (n,), uint8 (n, h, w, 3) RGB, and by how many degrees each head leant before it was
    turned upright (n,), NaN where nobody knows."""

    t_ms: np.ndarray
    crops: np.ndarray
    turn: np.ndarray


def face_chunks(t_ms: np.ndarray, crops: np.ndarray, turn: np.ndarray) -> Iterator[FaceChunk]:
    """All crops of a film in chunks of CHUNK; `crops` may lie on disk, one chunk is read at a time."""
    for start in range(0, len(t_ms), CHUNK):
        rows = slice(start, start + CHUNK)
        yield FaceChunk(t_ms[rows], np.array(crops[rows]), turn[rows])


@dataclass(frozen=True)
class FaceExtractor:
    """Rows of FACE_DIMENSIONS for chunks of crops.

    The expression networks compute in bfloat16 where the device does so by itself (probabilities within 0.02), the mesh in float32.
    """

    device: str = "cpu"
    name: ClassVar[str] = "face"

    @property
    def version(self) -> str:
        """Version of the code and of the networks' weights."""
        return version_of(CODE_VERSION, *expressions.WEIGHTS, mesh.WEIGHT)

    @property
    def settings(self) -> Mapping[str, object]:
        """Whether the expression networks compute in float32."""
        return {"exact": not native_bfloat16(self.device)}

    def digest(self, chunk: FaceChunk) -> str:
        """Digest of the crops, their times and turns."""
        return content_digest(chunk.t_ms, chunk.crops, chunk.turn)

    def extract(self, chunk: FaceChunk) -> Block:
        """One row a crop; confidence is the mesh network's, that the crop holds a face.

        Raises:
            WeightError: a network's weights are missing or damaged.
        """
        with computing(self.device):
            said = expressions.expression(chunk.crops, device=self.device, looks=expressions.QUICK, exact=False)
            found = mesh.read_mesh(chunk.crops, device=self.device)
            sharp = sharpness(chunk.crops, device=self.device)
        head = head_pose(found.points)
        head[:, 2] += chunk.turn
        values = np.concatenate([expressions.in_films(said), measure(found.points), head, sharp[:, None]], axis=1)
        t_ms = chunk.t_ms.astype(np.int64)
        return Block(t_ms, t_ms + 1, values.astype(np.float32), found.confidence)
