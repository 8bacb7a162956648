"""Arrays get onto a device in their order and unchanged."""

import numpy as np
import pytest
import torch

from corpus.devices import best_device, native_bfloat16, uploaded


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_arrays_come_in_their_order_as_they_were(device):
    arrays = [np.random.default_rng(n).integers(0, 256, (n + 1, 700, 700), dtype=np.uint8)[:, ::2] for n in range(5)]
    sums = [(part.to(torch.int64) * 3).sum() for part in uploaded(iter(arrays), device)]
    assert [int(total) for total in sums] == [3 * int(array.sum()) for array in arrays]
    assert list(uploaded([], device)) == []


def test_the_best_device_is_one_that_torch_has():
    assert best_device() == ("cuda" if torch.cuda.is_available() else "cpu")
    assert native_bfloat16("cpu") in (True, False)
