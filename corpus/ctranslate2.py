"""Reads the tensors of a CTranslate2 model file (`model.bin`), so that a network in it can be run by torch and looked into.

The file is a list: for each tensor its name, shape, number type and bytes. Layout: `ModelSpec.serialize` in CTranslate2's
python/ctranslate2/specs/model_spec.py, binary version 6.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from corpus.terms import FeelmError

VERSION = 6
NUMBERS = (np.dtype("<f4"), np.dtype("i1"), np.dtype("<i2"), np.dtype("<i4"), np.dtype("<f2"))


def read_ctranslate2(path: Path, prefix: str) -> dict[str, npt.NDArray[np.generic]]:
    """The tensors whose names begin with `prefix`, by the rest of their names, in the number types of the file.

    Raises:
        FeelmError: it is not such a file, is cut short or damaged, or holds a number type that numpy does not have.
    """
    reader = _Reader(path)
    version = reader.number("I")
    if version != VERSION:
        raise FeelmError(f"{path} is no CTranslate2 model of binary version {VERSION} (it says {version}): fetch the weight again")
    reader.text()
    reader.number("I")
    found = {}
    for _ in range(reader.number("I")):
        name = reader.text()
        shape = [reader.number("I") for _ in range(reader.number("B"))]
        kind, content = reader.number("B"), reader.bytes(reader.number("I"))
        if name.startswith(prefix):
            found[name.removeprefix(prefix)] = _array(path, name, content, kind, shape)
    return found


def _array(path: Path, name: str, content: bytes, kind: int, shape: list[int]) -> npt.NDArray[np.generic]:
    if kind >= len(NUMBERS):
        raise FeelmError(f"{path} holds {name} in a number type ({kind}) that is not read")
    if len(content) != math.prod(shape) * NUMBERS[kind].itemsize:
        raise FeelmError(f"{path} is damaged ({name} has not as many numbers as its shape): fetch the weight again")
    return np.frombuffer(content, NUMBERS[kind]).reshape(shape)


class _Reader:
    """Little-endian values one after the other."""

    def __init__(self, path: Path) -> None:
        self.path, self.content, self.at = path, path.read_bytes(), 0

    def bytes(self, count: int) -> bytes:
        """The next bytes."""
        end = self.at + count
        if end > len(self.content):
            raise FeelmError(f"{self.path} is cut short: fetch the weight again")
        part, self.at = self.content[self.at : end], end
        return part

    def number(self, kind: str) -> int:
        """The next whole number: B, H or I as in `struct`."""
        return int(struct.unpack(f"<{kind}", self.bytes(struct.calcsize(f"<{kind}")))[0])

    def text(self) -> str:
        """The next name: its length, and characters that end in a zero."""
        try:
            return self.bytes(self.number("H"))[:-1].decode()
        except UnicodeDecodeError as error:
            raise FeelmError(f"{self.path} is damaged (a name that is no text): fetch the weight again") from error
