"""TensorFlow Lite networks in torch: they answer what LiteRT answers on real pictures, and files that are none are refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from corpus.tflite import TfliteError, load_network, read_graph, same_padding
from corpus.weights import WeightError, weight_path

NETWORKS = {
    "blazeface-full-range": ((16, 1), 192, 3, -1, 1e-3),
    "face-mesh": ((1404, 1), 192, 3, 0, 1e-3),
    "pose-landmarks": ((195, 1), 256, 3, 0, 0.05),
    # LiteRT computes its quantised weights with whole numbers.
    "expression-fer": ((7,), 64, 1, -1, 0.02),
}
"""Each weight's outputs by width, input size, colours, least value of the input, and how far the two may be apart."""


@pytest.fixture(scope="module")
def pictures(shared_data):
    """Four frames of the actress, uint8 (4, 360, 360, 3)."""
    film = cv2.VideoCapture(str(shared_data / "pexels_actress" / "WolfgangLanger_Pexels.mp4"))
    frames = []
    for number in (0, 120, 220, 400):
        film.set(cv2.CAP_PROP_POS_FRAMES, number)
        frames.append(cv2.cvtColor(film.read()[1], cv2.COLOR_BGR2RGB)[:, 200:560])
    return np.stack(frames)


def path_of(name: str) -> Path:
    """Where the weight lies; the test is skipped where it does not."""
    try:
        return weight_path(name)
    except WeightError as error:
        pytest.skip(str(error))


def inputs(pictures: np.ndarray, size: int, colours: int, least: int) -> np.ndarray:
    small = np.stack([cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) for picture in pictures]).astype(np.float32) / 255
    small = small if colours == 3 else small.mean(3, keepdims=True)
    return small if least == 0 else small * 2 - 1


def by_litert(path, pictures: np.ndarray, widths: tuple[int, ...]) -> list[np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    # The first output of a width, as `load_network` takes it: the pose network has a picture of width 1 too.
    places = {int(detail["shape"][-1]): detail["index"] for detail in reversed(interpreter.get_output_details())}
    answers = []
    for picture in pictures:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
        interpreter.invoke()
        answers.append([interpreter.get_tensor(places[width]).copy() for width in widths])
    return [np.concatenate(part) for part in zip(*answers, strict=True)]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_answers_what_litert_answers_and_no_picture_depends_on_its_batch(name, pictures):
    widths, size, colours, least, tolerance = NETWORKS[name]
    path = path_of(name)
    given_pictures = inputs(pictures, size, colours, least)
    network = load_network(path, widths=widths)
    tensor = torch.from_numpy(given_pictures).permute(0, 3, 1, 2)
    with torch.inference_mode():
        together, alone = network(tensor), network(tensor[2:3])
    for ours, single, original in zip(together, alone, by_litert(path, given_pictures, widths), strict=True):
        answer = ours.permute(0, 2, 3, 1) if ours.ndim == 4 else ours
        assert np.ptp(original) > 0.1
        assert np.abs(answer.numpy().reshape(original.shape) - original).max() < tolerance
        assert torch.allclose(ours[2:3], single, atol=1e-3)


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 3))
def test_same_padding_gives_every_output_that_tensorflow_gives_and_puts_the_odd_pixel_at_the_end(side, kernel, stride):
    before, after = same_padding(side, kernel, stride)
    padded = functional.pad(torch.zeros(1, 1, side), (before, after))
    assert after - before in (0, 1)
    windows = (padded.shape[2] - kernel) // stride + 1
    # TensorFlow's own words: out = ceil(in / stride), padded by no more than that needs.
    assert windows == -(-side // stride)
    assert before + after == max((windows - 1) * stride + kernel - side, 0)


def test_a_file_that_is_no_network_is_refused_with_its_name(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(b"\x1c\0\0\0JUNK" + bytes(64))
    with pytest.raises(TfliteError, match=r"net\.tflite is no TensorFlow Lite file"):
        read_graph(path)


def test_an_output_that_is_not_there_is_refused():
    with pytest.raises(TfliteError, match="no output of width 9"):
        load_network(path_of("face-mesh"), widths=(9,))


def test_an_operation_that_is_not_ported_is_told():
    with pytest.raises(TfliteError, match="holds the operation 2, which is not ported"):
        read_graph(path_of("blazeface-short-range"))


def test_operations_that_no_wanted_output_needs_are_left_out():
    path = path_of("pose-landmarks")
    everything, points = load_network(path), load_network(path, widths=(195,))
    assert len(points.steps) < 0.8 * len(everything.steps)
    with torch.inference_mode():
        picture = torch.rand(1, 3, 256, 256)
        whole = everything(picture)
        assert any(torch.equal(points(picture)[0], output) for output in whole)
