"""CTranslate2's model files: what their layout says is read, and a file that is none, or is cut short, is refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from corpus.ctranslate2 import read_ctranslate2
from corpus.terms import FeelmError

TYPES = ("<f4", "i1", "<i2", "<i4", "<f2")
"""Number types by CTranslate2's own numbers for them."""

one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def text(name: str) -> bytes:
    return struct.pack("<H", len(name.encode()) + 1) + name.encode() + b"\0"


def variable(name: str, values: np.ndarray, kind: int | None = None) -> bytes:
    number = TYPES.index(values.dtype.str.replace("|", "")) if kind is None else kind
    shape = struct.pack("<B", values.ndim) + b"".join(struct.pack("<I", side) for side in values.shape)
    return text(name) + shape + struct.pack("<BI", number, values.nbytes) + values.tobytes()


def model(*variables: bytes, version: int = 6) -> bytes:
    """A file up to its last tensor; the aliases that follow are nothing that is read."""
    return struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(variables)) + b"".join(variables)


tensors = st.sampled_from(TYPES).flatmap(
    lambda kind: arrays.arrays(np.dtype(kind), arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@one_folder
@given(st.dictionaries(names, tensors, max_size=5))
def test_tensors_of_any_shape_and_number_type_read_back(tmp_path: Path, written: dict[str, np.ndarray]):
    path = tmp_path / "model.bin"
    path.write_bytes(model(*(variable(name, values) for name, values in written.items())) + struct.pack("<I", 0))
    found = read_ctranslate2(path, "")
    assert found.keys() == written.keys()
    for name, values in written.items():
        assert (found[name].dtype, found[name].shape) == (values.dtype, values.shape)
        assert found[name].tobytes() == values.tobytes()


def test_only_names_with_the_prefix_are_read_and_lose_it(tmp_path: Path):
    path = tmp_path / "model.bin"
    one, other = np.arange(6, dtype="<f4").reshape(2, 3), np.zeros(2, "i1")
    path.write_bytes(model(variable("encoder/conv1/weight", one), variable("decoder/x", other), variable("the encoder/x", other)))
    found = read_ctranslate2(path, "encoder/")
    assert list(found) == ["conv1/weight"] and (found["conv1/weight"] == one).all()


def test_what_ctranslate2_itself_writes_reads_back(tmp_path: Path):
    specs = pytest.importorskip("ctranslate2.specs", reason="the asr extra is not installed")
    values = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)

    class Spec(specs.ModelSpec):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = values, np.full(3, 0.25, np.float16)

        @property
        def name(self) -> str:
            return "TestSpec"

    spec = Spec()
    spec.validate()
    spec._serialize(str(tmp_path / "model.bin"))
    found = read_ctranslate2(tmp_path / "model.bin", "")
    assert (found["weight"] == values).all() and found["bias"].tolist() == [0.25] * 3


WHOLE = model(variable("encoder/weight", np.arange(4, dtype="<f4")), variable("encoder/bias", np.arange(3, dtype="<i2")))


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_file_cut_short_at_any_byte_is_refused(tmp_path: Path, length: int):
    path = tmp_path / "model.bin"
    path.write_bytes(WHOLE)
    assert len(read_ctranslate2(path, "encoder/")) == 2
    path.write_bytes(WHOLE[:length])
    with pytest.raises(FeelmError, match=r"model\.bin is cut short: fetch the weight again"):
        read_ctranslate2(path, "encoder/")


@pytest.mark.parametrize("version", [0, 5, 7, 2**32 - 1])
def test_another_version_is_refused_with_its_number(tmp_path: Path, version: int):
    (tmp_path / "model.bin").write_bytes(model(version=version))
    with pytest.raises(FeelmError, match=rf"no CTranslate2 model of binary version 6 \(it says {version}\)"):
        read_ctranslate2(tmp_path / "model.bin", "")


def test_a_number_type_that_numpy_lacks_is_refused_only_where_it_is_wanted(tmp_path: Path):
    (tmp_path / "model.bin").write_bytes(model(variable("brain", np.zeros(2, "<i2"), kind=5), variable("x", np.ones(1, "<f4"))))
    with pytest.raises(FeelmError, match=r"holds brain in a number type \(5\) that is not read"):
        read_ctranslate2(tmp_path / "model.bin", "b")
    assert read_ctranslate2(tmp_path / "model.bin", "x")[""].tolist() == [1.0]


@one_folder
@given(st.binary(max_size=60))
def test_whatever_follows_the_head_is_read_or_refused_in_one_line(tmp_path: Path, rest: bytes):
    path = tmp_path / "model.bin"
    path.write_bytes(model()[:-4] + struct.pack("<I", 2) + rest)
    try:
        read_ctranslate2(path, "")
    except FeelmError as error:
        assert "model.bin" in str(error)


@pytest.mark.parametrize(
    "damaged",
    [
        text("x") + struct.pack("<BIBI", 1, 3, 0, 8) + bytes(8),
        text("x") + struct.pack("<BIBI", 1, 3, 0, 7) + bytes(7),
        struct.pack("<H", 3) + b"\xff\xfe\0" + struct.pack("<BIBI", 1, 1, 0, 4) + bytes(4),
    ],
    ids=["fewer numbers than its shape has", "half a number", "a name that is no text"],
)
def test_a_damaged_tensor_is_refused(tmp_path: Path, damaged: bytes):
    (tmp_path / "model.bin").write_bytes(model(damaged))
    with pytest.raises(FeelmError, match=r"model\.bin is damaged"):
        read_ctranslate2(tmp_path / "model.bin", "")
