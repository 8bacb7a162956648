"""What the backbone's frozen layers see in face crops: computed once a crop, so that an epoch costs only the layers that learn.

Augmentation must come before frozen layers, so each crop is seen in a few views, the first as it is and the others augmented; training
draws one of them each time. Chunks of units are kept in a store by their content, where there is one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from corpus.chunks import ChunkStore, Work, content_digest
from corpus.threads import one_torch_thread
from corpus.weights import FACE_BACKBONE, weight
from ml.models.face import backbone
from ml.models.face.augment import augment_crops

FloatMaps = npt.NDArray[np.float16]

SIDE_PX = 96
"""What crops are resized to."""

VIEWS = 4
UNITS_EACH = 16
VERSION = "1"


def see(crops: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], views: int = 1, store: ChunkStore | None = None) -> FloatMaps:
    """Maps (m, 8, views, channels, h, w) of the crops (m, 8, h, w) in 0..255 of m units; zeros where the mask (m, 8) has no crop.

    Raises:
        WeightError: the backbone's weights are not in the cache, or damaged.
    """
    settings = {"weight": weight(FACE_BACKBONE).archive_sha256, "frozen": backbone.FROZEN, "side_px": SIDE_PX, "views": views}
    work = Work("face backbone", VERSION, settings)
    starts = range(0, max(len(crops), 1), UNITS_EACH)
    return np.concatenate([_kept(crops[at : at + UNITS_EACH], mask[at : at + UNITS_EACH], views, work, store) for at in starts])


def _kept(crops: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], views: int, work: Work, store: ChunkStore | None) -> FloatMaps:
    if store is None:
        return _see(crops, mask, views)
    key = work.key(content_digest(crops, mask))
    found = store.read(key)
    if found is None:
        found = {"maps": _see(crops, mask, views)}
        store.write(key, found)
    return found["maps"]


def _see(crops: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], views: int) -> FloatMaps:
    frozen = backbone.lower()
    plain = torch.from_numpy(crops.astype(np.float32) / 255)
    there = torch.from_numpy(mask)
    with torch.random.fork_rng(devices=[]), one_torch_thread(), torch.no_grad():
        torch.manual_seed(0)
        each = [plain, *(augment_crops(plain) for _ in range(views - 1))]
        seen = [frozen(backbone.standardised(view[there], SIDE_PX)) for view in each]
    maps = torch.zeros(*crops.shape[:2], views, *seen[0].shape[1:], dtype=torch.float16)
    maps[there] = torch.stack(seen, dim=1).to(torch.float16)
    return maps.numpy()
