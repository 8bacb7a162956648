"""Whose face it is: an embedding in which pictures of one person lie close together, whatever the film's light and colour.

The network is dlib's face descriptor (a residual network of 29 layers) as face-api carries it, here in plain torch. It was trained on
aligned photographs of 150x150 with the eyes at fixed places, so a crop of the scan, which is aligned otherwise and smaller, is cut and
enlarged to that. On photographs and on rendered people it tells two persons apart; on drawn faces it hardly does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from corpus.chunks import ChunkStore, content_digest
from corpus.devices import uploaded
from corpus.terms import FeelmError
from corpus.tfjs import read_tfjs
from corpus.weights import weight, weight_path
from ml.features.extractor import Block, batches, extract_all

WEIGHT = "face-identity"
MANIFEST = "face_recognition_model-weights_manifest.json"
SIZE, DIMENSIONS = 150, 128
MEAN_RGB = (122.782, 117.001, 104.298)
BATCH = 32
CHUNK = 500
"""Crops in a chunk of the extractor."""

CUT = (0.061, 0.087, 0.878)
"""Left edge, top edge and side of what is cut out of a crop of the scan (eyes 0.31 of the side apart at 0.36 of its height), so that
they lie where dlib's chip has them: 0.353 apart at 0.311, the means of its face shape with a padding of 0.25."""

_LAYERS = (
    *(f"conv32_{layer}" for layer in (1, 2, 3)),
    *(f"conv64_{layer}" for layer in ("down", 1, 2, 3)),
    *(f"conv128_{layer}" for layer in ("down", 1, 2)),
    *(f"conv256_{layer}" for layer in ("down", 1, 2, "down_out")),
)


class IdentityNet(nn.Module):
    """The descriptor with its scale layers folded into the convolutions.

    Input float (n, 3, 150, 150) RGB in 0..255, the eyes at dlib's places; output (n, 128), of two photographs of one person usually less
    than 0.5 apart (Euclidean), of two persons more than 0.6.
    """

    def __init__(self, shards: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.mean: Tensor
        self.register_buffer("mean", torch.tensor(MEAN_RGB)[:, None, None])
        self.stem = _folded(shards, "conv32_down")
        self.layers = nn.ModuleList(nn.ModuleList(_folded(shards, f"{name}/{part}") for part in ("conv1", "conv2")) for name in _LAYERS)
        self.head = nn.Parameter(shards["fc"], requires_grad=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embeddings (n, 128)."""
        x = ((pixels - self.mean) / 255).contiguous(memory_format=torch.channels_last)
        x = functional.max_pool2d(torch.relu(_convolved(x, self.stem, stride=2, padding=0)), 3, 2)
        for name, layer in zip(_LAYERS, self.layers, strict=True):
            x = _residual(x, layer, down="down" in name)
        return x.mean((2, 3)) @ self.head


def _folded(shards: Mapping[str, Tensor], name: str) -> nn.ParameterList:
    scale = shards[f"{name}/scale/weights"]
    kernel = shards[f"{name}/conv/filters"].permute(3, 2, 0, 1) * scale[:, None, None, None]
    bias = shards[f"{name}/conv/bias"] * scale + shards[f"{name}/scale/biases"]
    parts = (kernel.contiguous(memory_format=torch.channels_last), bias)
    return nn.ParameterList([nn.Parameter(part, requires_grad=False) for part in parts])


def _convolved(x: Tensor, layer: nn.Module, stride: int = 1, padding: int = 1) -> Tensor:
    kernel, bias = layer.parameters()
    return functional.conv2d(x, kernel, bias, stride, padding)


def _residual(x: Tensor, layer: nn.Module, down: bool) -> Tensor:
    first, second = layer.children()
    if not down:
        return torch.relu(_convolved(torch.relu(_convolved(x, first)), second) + x)
    changed = _convolved(torch.relu(_convolved(x, first, stride=2, padding=0)), second)
    beside = functional.avg_pool2d(x, 2, 2)
    # An even side loses one pixel in the convolution, and half the channels are new: both are made up with zeros, as in dlib.
    height, width = (beside.shape[axis] - changed.shape[axis] for axis in (2, 3))
    changed = functional.pad(changed, (0, width, 0, height))
    return torch.relu(changed + functional.pad(beside, (0, 0, 0, 0, 0, changed.shape[1] - beside.shape[1])))


@lru_cache(maxsize=4)
def network(device: str) -> IdentityNet:
    """The network on a device, loaded once in a process.

    Raises:
        WeightError: the weight is missing or damaged.
    """
    shards = read_tfjs(weight_path(WEIGHT), weight_path(WEIGHT, MANIFEST))
    return IdentityNet(shards).to(device).eval()


def embed_faces(crops: np.ndarray, *, device: str = "cpu") -> np.ndarray:
    """Embeddings of aligned faces.

    Args:
        crops: uint8 (n, side, side, 3) RGB as the scan aligns them; a grey film has three equal channels.
        device: torch device.

    Returns:
        float32 (n, 128); Euclidean distance is what counts.

    Raises:
        FeelmError: another shape or type.
        WeightError: the weight is missing or damaged.
    """
    if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[3] != 3 or crops.shape[1] != crops.shape[2]:
        raise FeelmError(f"faces must be square uint8 (n, side, side, 3), not {crops.dtype} {crops.shape}")
    with torch.inference_mode():
        pictures = (part.permute(0, 3, 1, 2).float() for part in uploaded(batches(crops, BATCH), device))
        parts = [network(device)(_cut(part)).cpu().numpy() for part in pictures]
    return np.concatenate(parts) if parts else np.zeros((0, DIMENSIONS), np.float32)


def _cut(pixels: Tensor) -> Tensor:
    """The part of each crop that the network was trained on, enlarged with cubic interpolation: (n, 3, 150, 150)."""
    left, top, side = CUT
    across = torch.tensor([[side, 0, 2 * left + side - 1], [0, side, 2 * top + side - 1]], device=pixels.device)
    grid = functional.affine_grid(across.expand(len(pixels), 2, 3), [len(pixels), 3, SIZE, SIZE], align_corners=False)
    return functional.grid_sample(pixels, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 255)


@dataclass(frozen=True)
class Faces:
    """Faces of one chunk: times int64 (n,) in ms, aligned crops uint8 (n, side, side, 3) RGB."""

    t_ms: np.ndarray
    crops: np.ndarray


class IdentityExtractor:
    """The embedding as an extractor: a block's `more["embedding"]` is float32 (n, 128), its `values` have no columns."""

    name = "identity"
    settings: Mapping[str, object] = {}

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    @property
    def version(self) -> str:
        """The code's number and what the weight is."""
        return f"1 {weight(WEIGHT).member(None).sha256}"

    def digest(self, chunk: Faces) -> str:
        """Digest of the times and pictures."""
        return content_digest(chunk.t_ms, chunk.crops)

    def extract(self, chunk: Faces) -> Block:
        """The chunk's embeddings."""
        embedding = embed_faces(chunk.crops, device=self.device)
        nothing = np.zeros((len(embedding), 0), np.float32)
        return Block(chunk.t_ms, chunk.t_ms + 1, nothing, np.ones(len(embedding), np.float32), {"embedding": embedding})


def embed_chosen(
    t_ms: np.ndarray, crops: np.ndarray, rows: Sequence[int] | np.ndarray, *, device: str = "cpu", store: ChunkStore | None = None
) -> np.ndarray:
    """Embeddings of the faces at `rows`, in chunks, from the store where it has them: float32 (len(rows), 128).

    Raises:
        WeightError: the weight is missing or damaged.
    """

    def chunks() -> Iterator[Faces]:
        for start in range(0, len(rows), CHUNK):
            chosen = np.asarray(rows[start : start + CHUNK], np.int64)
            yield Faces(t_ms[chosen].astype(np.int64), crops[chosen])

    found = [block.more["embedding"] for block in extract_all(IdentityExtractor(device), chunks(), store)]
    return np.concatenate(found) if found else np.zeros((0, DIMENSIONS), np.float32)
