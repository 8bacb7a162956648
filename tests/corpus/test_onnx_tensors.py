"""Tensors of an ONNX file: what is written by the format's rules is read back, damage is told."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from corpus.onnx_tensors import OnnxError, read_tensors
from corpus.weights import verify, weight_path

KINDS = {"float32": 1, "int32": 6, "int64": 7, "float64": 11}

tensors = st.dictionaries(
    st.text(max_size=20),
    st.sampled_from(sorted(KINDS)).flatmap(lambda kind: arrays(kind, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))),
    min_size=1,
    max_size=4,
)


def varint(value: int) -> bytes:
    """An integer as protobuf writes it."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name: str, array: np.ndarray, packed: bool) -> bytes:
    sizes = field(1, b"".join(map(varint, array.shape))) if packed else b"".join(varint(1 << 3) + varint(side) for side in array.shape)
    return sizes + varint(2 << 3) + varint(KINDS[array.dtype.name]) + field(8, name.encode()) + field(9, array.tobytes())


def model(named: dict[str, np.ndarray], packed: bool = False) -> bytes:
    """A model with initialisers between a version (a number), a name (text) and, in the graph, a node."""
    graph = field(1, b"\x22\x04Relu") + b"".join(field(5, tensor(name, array, packed)) for name, array in named.items())
    return varint(1 << 3) + varint(10) + field(2, b"a test") + field(7, graph)


@given(tensors, st.booleans())
def test_what_is_written_by_the_format_is_read_back(tmp_path_factory, named, packed):
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    path.write_bytes(model(named, packed))
    found = read_tensors(path)
    assert found.keys() == named.keys()
    for name, array in named.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


@given(st.data())
def test_a_shortened_file_is_told_and_never_read_as_something_else(tmp_path_factory, data):
    content = model({"a": np.arange(6, dtype=np.float32).reshape(2, 3)})
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(OnnxError, match=r"net\.onnx"):
        read_tensors(path)


def test_a_tensor_of_a_kind_that_is_not_read_is_told(tmp_path: Path):
    text = varint(2 << 3) + varint(8) + field(8, b"words") + field(9, b"")
    (tmp_path / "net.onnx").write_bytes(field(7, field(5, text)))
    with pytest.raises(OnnxError, match="fetch the weight again"):
        read_tensors(tmp_path / "net.onnx")


@pytest.mark.parametrize(("name", "count"), [("swift-f0", 64), ("silero-vad", 15)])
def test_published_networks_are_read(name: str, count: int):
    if verify(name).state != "present":
        pytest.skip(f"weight {name} is not there: run `feelm weights fetch {name}`")
    found = read_tensors(weight_path(name))
    assert len(found) >= count and all(np.isfinite(array).all() for array in found.values() if array.size > 1)
