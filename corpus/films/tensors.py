"""Arrays written to a safetensors file piece by piece (format: huggingface.co/docs/safetensors), because they may not fit into memory."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from corpus.terms import FeelmError


@dataclass(frozen=True)
class Tensor:
    """One array: its type as the format names it (U8, I64), its shape, and its bytes in pieces, row-major and little-endian."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    pieces: Iterable[bytes]


_WIDTHS = {"U8": 1, "I64": 8}


def write_tensors(path: Path, tensors: Iterable[Tensor]) -> None:
    """Write the arrays in the order given; those of wider types belong first, as the format wants them aligned.

    Raises:
        FeelmError: the pieces of an array are not as many bytes as its shape says.
    """
    arrays = list(tensors)
    header, place = {}, 0
    for array in arrays:
        header[array.name] = {"dtype": array.dtype, "shape": list(array.shape), "data_offsets": [place, place + _size(array)]}
        place += _size(array)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        for array in arrays:
            written = sum(stream.write(piece) for piece in array.pieces)
            if written != _size(array):
                raise FeelmError(f"{path}: {written} bytes of {array.name}, {_size(array)} expected: run again")


def _size(array: Tensor) -> int:
    size = _WIDTHS[array.dtype]
    for side in array.shape:
        size *= side
    return size
