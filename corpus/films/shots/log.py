"""What a shot detector keeps of every frame: a few numbers, in columns that grow, and that are saved and restored in parts."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from corpus.chunks import Arrays


class FrameLog:
    """Columns of one length, one row a frame; `columns` names them with their types, in the order that `add` takes."""

    def __init__(self, columns: Mapping[str, DTypeLike]) -> None:
        self._types = {name: np.dtype(kind) for name, kind in columns.items()}
        self._columns: dict[str, array[Any]] = {name: array("b" if kind == np.bool_ else kind.char) for name, kind in self._types.items()}
        self._saved = 0

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def add(self, *values: float) -> None:
        """One frame's row."""
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)

    def all(self) -> dict[str, np.ndarray]:
        """Every column, (n,)."""
        return self._since(0)

    def new(self) -> dict[str, np.ndarray]:
        """The rows since this was asked for last."""
        begin, self._saved = self._saved, len(self)
        return self._since(begin)

    def restore(self, parts: Sequence[Arrays]) -> None:
        """Take all that `new` gave of another log in place of what is here."""
        for name, column in self._columns.items():
            del column[:]
            for part in parts:
                column.frombytes(np.ascontiguousarray(part[name]).tobytes())
        self._saved = len(self)

    def _since(self, begin: int) -> dict[str, np.ndarray]:
        return {name: np.array(column[begin:], dtype=self._types[name]) for name, column in self._columns.items()}
