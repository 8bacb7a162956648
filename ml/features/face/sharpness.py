"""How sharp a face is: the variance of its Laplacian over its own variance.

Blur takes the fine structure away first, contrast and light drop out (Pech-Pacheco et al., ICPR 2000, normalised). Some 0.5 is sharp for
an aligned crop, below 0.05 expressions can hardly be read.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from corpus.devices import uploaded
from ml.features.extractor import Dimension, batches
from ml.features.face.expressions import LUMA

SHARPNESS = Dimension("sharpness", "", "variance of the crop's Laplacian over its variance: low where the face is blurred or tiny", 0)
_LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
_BATCH = 256
_FLAT = 1.0
"""A variance that a picture without any face has too: sensor noise of one grey level."""


def sharpness(crops: np.ndarray, *, device: str = "cpu") -> np.ndarray:
    """float32 (n,) for uint8 (n, h, w, 3) RGB crops."""
    if not len(crops):
        return np.zeros(0, np.float32)
    kernel = torch.tensor(_LAPLACIAN, device=device)[None, None]
    with torch.inference_mode():
        found = []
        for part in uploaded(batches(crops, _BATCH), device):
            grey = (part.float() @ torch.tensor(LUMA, device=part.device))[:, None]
            edges = functional.conv2d(grey, kernel)
            found.append(edges.var((1, 2, 3)) / (grey.var((1, 2, 3)) + _FLAT))
        return torch.cat(found).cpu().numpy()
