from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from corpus.films.tensors import Tensor, write_tensors
from corpus.terms import FeelmError


def test_arrays_written_in_pieces_are_read_as_whole_ones(tmp_path: Path) -> None:
    offsets, pictures = np.array([0, 3, 2**40], "<i8"), np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    arrays = [
        Tensor("offsets", "I64", (3,), [offsets.tobytes()]),
        Tensor("pictures", "U8", (4, 3, 2), (picture.tobytes() for picture in pictures)),
        Tensor("none", "U8", (0, 5), []),
    ]
    write_tensors(tmp_path / "file.safetensors", arrays)
    read = load_file(tmp_path / "file.safetensors")
    assert read["offsets"].tolist() == offsets.tolist()
    assert read["pictures"].tolist() == pictures.tolist()
    assert read["none"].shape == (0, 5)


def test_too_few_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="3 bytes of pictures, 4 expected"):
        write_tensors(tmp_path / "file.safetensors", [Tensor("pictures", "U8", (4,), [b"abc"])])
