"""BlazeFace in torch, for a GPU: many pictures are letterboxed and read at once on the device.

The network is read out of the same TensorFlow Lite file that LiteRT runs. Pictures are brought to the network's size there too, averaged
and then sampled as OpenCV does it for LiteRT, so that only the picture itself goes over the bus, from pinned memory, and both runtimes
see the same input to within a grey level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby, repeat
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from corpus.devices import uploaded
from corpus.films.faces import INPUT, Answer, letterbox_place, shrinking
from corpus.tflite import load_network

BATCH = 64
"""Pictures that go through the network together: at 640 x 360 they take 44 MB."""
_WIDTHS = (16, 1)


class TorchNetwork:
    """The network on a device of torch's, in float32: rounded to bfloat16 its boxes would move by up to 2.5 pixels of 192."""

    def __init__(self, model: Path, device: str) -> None:
        self._network = load_network(model, device, widths=_WIDTHS)
        self._device = device

    def run(self, pictures: Sequence[np.ndarray]) -> Iterator[Answer]:
        """The answer for each uint8 RGB picture (height, width, 3); those of one size that follow each other go together."""
        for _, group in groupby(pictures, key=lambda picture: picture.shape):
            alike = list(group)
            yield from self._run_alike([np.stack(alike[start : start + BATCH]) for start in range(0, len(alike), BATCH)])

    @torch.inference_mode()
    def _run_alike(self, batches: list[np.ndarray]) -> Iterator[Answer]:
        place = letterbox_place(batches[0].shape[2], batches[0].shape[1])
        shares = np.array(place, np.float32) / INPUT
        # All of it is queued before the first answer is fetched.
        answers = [self._network(_letterboxed(batch, place)) for batch in uploaded(batches, self._device)]
        for regressors, logits in answers:
            yield from zip(regressors.cpu().numpy(), logits[..., 0].cpu().numpy(), repeat(shares))


def _letterboxed(pictures: Tensor, place: tuple[int, int, int, int]) -> Tensor:
    """uint8 (n, height, width, 3) to the network's input (n, 3, 192, 192), -1..1, on black."""
    left, top, w, h = place
    height, width = pictures.shape[1:3]
    small, factor = pictures.permute(0, 3, 1, 2).float(), shrinking(width / w)
    if factor > 1:
        rows, columns = (area_weights(side, side // factor).to(pictures.device) for side in (height, width))
        # Rounded as the bytes of a resized picture are.
        small = (rows @ small @ columns.T).round()
    small = functional.interpolate(small, (h, w), mode="bilinear", align_corners=False).round()
    square = torch.full((len(pictures), 3, INPUT, INPUT), -1.0, device=pictures.device)
    square[:, :, top : top + h, left : left + w] = small / 127.5 - 1
    return square.contiguous(memory_format=torch.channels_last)


@lru_cache(maxsize=16)
def area_weights(before: int, after: int) -> Tensor:
    """Matrix (after, before) that averages `before` pixels into `after`, fewer, by the area they share: its rows sum to 1."""
    edges = np.linspace(0, before, after + 1)
    low, high = np.maximum(edges[:-1, None], np.arange(before)), np.minimum(edges[1:, None], np.arange(1, before + 1))
    shared = np.clip(high - low, 0, None)
    return torch.from_numpy((shared / shared.sum(1, keepdims=True)).astype(np.float32))
