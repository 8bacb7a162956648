"""MediaPipe's mesh of 468 points of a face (Kartynnik et al., arXiv 1907.06724), read from aligned crops.

On a CPU LiteRT runs the network, 1.1 ms a face where torch takes 3.4; on a GPU torch does, many faces at once, in float32: rounded to
bfloat16 points would move by up to 0.7 of 192 pixels. Both read the same TensorFlow Lite file and see the same input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from corpus.devices import uploaded
from corpus.tflite import load_network
from corpus.weights import weight_path
from ml.features.extractor import batches
from ml.features.face.expressions import fitted
from ml.features.face.litert import LiteRt

WEIGHT = "face-mesh"
MESH_SIZE = 192
POINTS = 468
BATCH = 256
_WIDTHS = (3 * POINTS, 1)


@dataclass(frozen=True)
class Mesh:
    """Points float32 (n, 468, 3) in pixels of 192x192: x to the right, y downwards, z away from the viewer; and how surely each picture
    holds a face at all, float32 (n,) in 0..1."""

    points: np.ndarray
    confidence: np.ndarray


def read_mesh(crops: np.ndarray, *, device: str = "cpu") -> Mesh:
    """The mesh of each face.

    Args:
        crops: uint8 (n, h, w, 3) RGB, upright faces.
        device: torch device.

    Raises:
        WeightError: the mesh's weights are missing or damaged.
    """
    if not len(crops):
        return Mesh(np.zeros((0, POINTS, 3), np.float32), np.zeros(0, np.float32))
    network = _network(device)
    with torch.inference_mode():
        answers = [network(part) for part in uploaded(batches(crops, BATCH), device)]
        points, logits = (torch.cat(part).reshape(len(crops), -1) for part in zip(*answers, strict=True))
        return Mesh(points.reshape(-1, POINTS, 3).cpu().numpy(), torch.sigmoid(logits[:, 0]).cpu().numpy())


_Network = Callable[[Tensor], tuple[Tensor, Tensor]]
"""uint8 (n, h, w, 3) to points (n, ...) and logits (n, ...)."""


@lru_cache(maxsize=2)
def _network(device: str) -> _Network:
    if torch.device(device).type == "cpu":
        return _LiteRt()
    network = load_network(weight_path(WEIGHT), device, widths=_WIDTHS)

    def run(crops: Tensor) -> tuple[Tensor, Tensor]:
        # Rounded, as OpenCV's resized bytes are.
        pictures = fitted(crops.permute(0, 3, 1, 2).float(), MESH_SIZE).round() / 255
        points, logits = network(pictures.contiguous(memory_format=torch.channels_last))
        return points, logits

    return run


class _LiteRt:
    """The network in LiteRT, face by face."""

    def __init__(self) -> None:
        self._network = LiteRt(weight_path(WEIGHT))

    def __call__(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        answers = [self._run(crop) for crop in crops.numpy()]
        points, logits = (torch.from_numpy(np.stack(part)) for part in zip(*answers, strict=True))
        return points, logits

    def _run(self, crop: np.ndarray) -> list[np.ndarray]:
        import cv2

        picture = cv2.resize(crop, (MESH_SIZE, MESH_SIZE), interpolation=cv2.INTER_LINEAR)
        found = {len(values): values for values in self._network(picture.astype(np.float32) / 255)}
        return [found[width] for width in _WIDTHS]
