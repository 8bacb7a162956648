"""What the networks share about devices: which number type is fast, and how arrays get onto a GPU without holding anything up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor


def native_bfloat16(device: str) -> bool:
    """Whether the device computes bfloat16 by itself; where it only imitates it, float32 is faster."""
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported())


def uploaded(arrays: Iterable[np.ndarray], device: str) -> Iterator[Tensor]:
    """Each array as a tensor on the device.

    On a GPU the next array is copied, out of pinned memory and on a stream of its own, while the caller computes with the one before.
    """
    if torch.device(device).type != "cuda":
        yield from (torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays)
        return
    copying = torch.cuda.Stream(device)
    waiting: Tensor | None = None
    for array in arrays:
        with torch.cuda.stream(copying):
            coming = torch.from_numpy(np.ascontiguousarray(array)).pin_memory().to(device, non_blocking=True)
        if waiting is not None:
            yield waiting
        # What is computed from here on may use the copy, and its memory is not given away before that is done.
        torch.cuda.current_stream(device).wait_stream(copying)
        coming.record_stream(torch.cuda.current_stream(device))
        waiting = coming
    if waiting is not None:
        yield waiting


def best_device() -> str:
    """The GPU where there is one, else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"
