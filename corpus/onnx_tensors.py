"""The tensors of an ONNX file, read with numpy alone.

An ONNX file is a protobuf message: fields by number, each with its kind and length, one inside another. Networks that are ported to plain
torch need only their weights (the graph's initialisers), so this reads those and passes over the rest; the format is that of onnx.proto3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from corpus.terms import FeelmError

_MODEL_GRAPH = 7
_GRAPH_INITIALISER = 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_DTYPES = {1: "<f4", 6: "<i4", 7: "<i8", 11: "<f8"}


class OnnxError(FeelmError):
    """A file is no ONNX network, or holds a tensor in a form that is not read."""


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The initialisers by name, as float32, float64, int32 or int64 arrays.

    Raises:
        OnnxError: the file is damaged, holds no tensors, or one in another form.
    """
    try:
        graphs = [graph for number, graph in _fields(path.read_bytes()) if number == _MODEL_GRAPH and isinstance(graph, bytes)]
        tensors = dict(_tensor(part) for graph in graphs for number, part in _fields(graph) if number == _GRAPH_INITIALISER)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise OnnxError(f"{path} cannot be read as an ONNX network ({error!r}): fetch the weight again") from error
    if not tensors:
        raise OnnxError(f"{path} holds no tensors: it is no ONNX network")
    return tensors


def _tensor(message: int | bytes) -> tuple[str, np.ndarray]:
    shape: list[int] = []
    name, dtype, raw = "", "", b""
    for number, value in _fields(message):
        if number == _TENSOR_DIMS:
            shape += [value] if isinstance(value, int) else [*_varints(value)]
        elif number == _TENSOR_TYPE and isinstance(value, int):
            dtype = _DTYPES[value]
        elif number == _TENSOR_NAME and isinstance(value, bytes):
            name = value.decode()
        elif number == _TENSOR_RAW and isinstance(value, bytes):
            raw = value
    if len(raw) != math.prod(shape) * np.dtype(dtype).itemsize:
        raise ValueError(f"the tensor {name} of shape {shape} has {len(raw)} raw bytes")
    return name, np.frombuffer(raw, dtype).reshape(shape)


def _fields(message: int | bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field: an integer, or bytes."""
    if isinstance(message, int):
        raise TypeError("a number stands where a message should")
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        length = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(kind)
        if length is None and kind == _LENGTH:
            length, place = _varint(message, place)
        if length is None or place + length > len(message):
            raise ValueError(f"a field of kind {kind} ends behind its message")
        yield key >> 3, message[place : place + length]
        place += length


def _varints(packed: bytes) -> Iterator[int]:
    place = 0
    while place < len(packed):
        value, place = _varint(packed, place)
        yield value


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """An integer of seven bits a byte, and where the next field begins."""
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
