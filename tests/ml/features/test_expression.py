"""The expression networks: ports equal their originals; a face reads alike lit, mirrored or batched otherwise; wrong ones are refused."""

import base64
import json

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from corpus.devices import native_bfloat16
from corpus.terms import FeelmError
from corpus.tfjs import read_tfjs
from corpus.weights import weight_path
from ml.features.face import expression
from ml.features.face.expressions import (
    FACE_API_ORDER,
    FACE_API_TEMPERATURE,
    FER_ORDER,
    KNOWN,
    QUICK,
    WEIGHTS,
    Conv,
    Looks,
    View,
    in_films,
    lit,
    networks,
    pooled,
)
from ml.features.face.expressions import expression as read
from tests.emotions import N_EMOTIONS, shares

IN_FER_ORDER = [FER_ORDER.index(emotion) for emotion in KNOWN]


@pytest.fixture
def nets(need_weights):
    need_weights(*WEIGHTS)
    return networks("cpu")


@pytest.fixture
def pictures():
    noise = np.random.default_rng(3).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    blurred = np.stack([cv2.GaussianBlur(picture, (0, 0), 2.5) for picture in noise]).astype(np.float32)
    return np.clip((blurred - 127) * 6 + 127, 0, 255).astype(np.uint8)


def grey_input(picture: np.ndarray) -> np.ndarray:
    """What the two networks of FER2013 read of a grey 64x64 picture."""
    return picture.astype(np.float32) / 127.5 - 1


def test_mini_xception_in_torch_gives_what_the_tflite_gives(nets, pictures):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(weight_path("expression-fer")))
    interpreter.allocate_tensors()
    inlet, outlet = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    for picture in pictures[..., 1]:
        interpreter.set_tensor(inlet, grey_input(picture)[None, :, :, None])
        interpreter.invoke()
        original = interpreter.get_tensor(outlet)[0][IN_FER_ORDER]
        with torch.inference_mode():
            ours = nets.mini(torch.from_numpy(grey_input(picture))[None, None])[0].numpy()
        # The original quantises its activations as it goes.
        assert np.abs(ours - original).max() < 0.02


def windows(x: np.ndarray, kernel: int, stride: int, same: bool, fill: float) -> np.ndarray:
    """Every window of a picture (h, w, c) as TensorFlow slides it: (h', w', kernel, kernel, c)."""
    if same:
        total = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[:2]]
        x = np.pad(x, [(t // 2, t - t // 2) for t in total] + [(0, 0)], constant_values=fill)
    slid = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(0, 1))
    return slid[::stride, ::stride].transpose(0, 1, 3, 4, 2)


def by_graph(picture: np.ndarray) -> np.ndarray:
    """The larger network's own graph, node by node in numpy, on a picture (64, 64, 1)."""
    model = json.loads(weight_path("expression-xception", "emotion.json").read_text())
    constants = read_tfjs(weight_path("expression-xception"), weight_path("expression-xception", "emotion.json"))
    values = {name: tensor.numpy() for name, tensor in constants.items()}

    def attribute(node, name):
        return node["attr"][name]

    for node in model["modelTopology"]["node"]:
        kind, name = node["op"], node["name"]
        if kind == "Const":
            continue
        taken = [values.get(source) for source in node.get("input", [])]
        if "strides" in node.get("attr", {}):
            stride = int(attribute(node, "strides")["list"]["i"][1])
            same = base64.b64decode(attribute(node, "padding")["s"]) == b"SAME"
        if kind == "Placeholder":
            values[name] = picture
        elif kind == "_FusedConv2D":
            slid = windows(taken[0], taken[1].shape[0], stride, same, 0.0)
            made = np.einsum("hwklc,klco->hwo", slid, taken[1]) + taken[2]
            relu = base64.b64encode(b"Relu").decode() in attribute(node, "fused_ops")["list"]["s"]
            values[name] = np.maximum(made, 0) if relu else made
        elif kind == "DepthwiseConv2dNative":
            values[name] = np.einsum("hwklc,klc->hwc", windows(taken[0], 3, stride, same, 0.0), taken[1][..., 0])
        elif kind == "MaxPool":
            values[name] = windows(taken[0], 3, stride, same, -np.inf).max((2, 3))
        elif kind in ("AddV2", "Relu", "Mean", "Identity", "Softmax"):
            done = {"AddV2": lambda a, b=0: a + b, "Relu": lambda a: np.maximum(a, 0), "Identity": lambda a: a}
            done |= {"Mean": lambda a, _: a.mean((0, 1)), "Softmax": lambda a: np.exp(a - a.max()) / np.exp(a - a.max()).sum()}
            values[name] = done[kind](*taken)
        else:
            raise AssertionError(kind)
    return values["Identity"]


def test_the_larger_xception_gives_what_its_own_graph_gives(nets, pictures):
    for picture in pictures[:3, ..., 1]:
        original = by_graph(grey_input(picture)[..., None].astype(np.float64))[IN_FER_ORDER]
        with torch.inference_mode():
            ours = nets.big(torch.from_numpy(grey_input(picture))[None, None])[0].numpy()
        assert original.max() - original.min() > 0.05
        assert np.abs(ours - original).max() < 1e-4


def by_face_api_words(colour: np.ndarray) -> np.ndarray:
    """face-api's network as its source says it (denseBlock4), in numpy, on a picture (112, 112, 3): its seven logits."""
    shards = weight_path("expression-face-api")
    manifest = weight_path("expression-face-api", "face_expression_model-weights_manifest.json")
    values = {name: tensor.numpy().astype(np.float64) for name, tensor in read_tfjs(shards, manifest).items()}

    def layer(x: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
        if f"{name}/filters" in values:
            made = np.einsum("hwklc,klco->hwo", windows(x, 3, stride, True, 0.0), values[f"{name}/filters"])
        else:
            deep = np.einsum("hwklc,klc->hwc", windows(x, 3, stride, True, 0.0), values[f"{name}/depthwise_filter"][..., 0])
            made = deep @ values[f"{name}/pointwise_filter"][0, 0]
        return made + values[f"{name}/bias"]

    x = colour
    for block in range(4):
        out1 = np.maximum(layer(x, f"dense{block}/conv0", 2), 0)
        out2 = layer(out1, f"dense{block}/conv1")
        out3 = layer(np.maximum(out1 + out2, 0), f"dense{block}/conv2")
        out4 = layer(np.maximum(out1 + out2 + out3, 0), f"dense{block}/conv3")
        x = np.maximum(out1 + out2 + out3 + out4, 0)
    logits: np.ndarray = x.mean((0, 1)) @ values["fc/weights"] + values["fc/bias"]
    return logits


def test_face_api_in_torch_gives_what_its_source_says_softened_by_its_temperature(nets, pictures):
    colour = cv2.resize(pictures[1], (112, 112)).astype(np.float64) / 255 - 0.45
    logits = by_face_api_words(colour)[[FACE_API_ORDER.index(emotion) for emotion in KNOWN]] / FACE_API_TEMPERATURE
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    with torch.inference_mode():
        ours = nets.face_api(torch.from_numpy(colour).float().permute(2, 0, 1)[None])[0].numpy()
    assert expected.max() < 0.999 and np.abs(ours - expected).max() < 1e-4


@given(st.integers(4, 12), st.integers(1, 2), st.booleans())
def test_convolution_pads_as_tensorflow_does(size, stride, same):
    rng = np.random.default_rng(size)
    x, kernel = rng.normal(size=(size, size, 2)), rng.normal(size=(3, 3, 2, 3))
    expected = np.einsum("hwklc,klco->hwo", windows(x, 3, stride, same, 0.0), kernel)
    ours = Conv(torch.tensor(kernel), stride=stride, same=same)(torch.tensor(x).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    assert np.allclose(ours, expected)
    if same:
        assert np.allclose(pooled(torch.tensor(x).permute(2, 0, 1)[None])[0].permute(1, 2, 0), windows(x, 3, 2, True, -np.inf).max((2, 3)))


def test_probabilities_do_not_depend_on_the_batch_or_on_colour_that_is_not_there(nets, pictures):
    together = expression(pictures)
    alone = np.concatenate([expression(picture[None]) for picture in pictures])
    assert together.dtype == np.float32 and together.shape == (6, N_EMOTIONS)
    assert np.allclose(together.sum(1), 1, atol=1e-5) and (together >= 0).all()
    assert np.abs(together - alone).max() < 1e-4
    grey = pictures[..., 0]
    assert np.allclose(expression(grey), expression(np.repeat(grey[..., None], 3, axis=3)), atol=1e-5)


def test_mirrored_face_reads_the_same(nets, pictures):
    assert np.allclose(expression(pictures), expression(pictures[:, :, ::-1]), atol=1e-5)


def test_brothers_together_count_as_much_as_face_api(nets, pictures):
    as_it_is = (View(),)
    mini, big, face_api = (
        read(pictures, looks=Looks(mini, big, as_it_is)) for mini, big in ((as_it_is, ()), ((), as_it_is), (as_it_is, as_it_is))
    )
    # (mini + f)/2 and (big + f)/2 average to ((mini + big)/2 + f)/2.
    assert np.allclose((mini + big) / 2, face_api, atol=1e-5)


def test_quick_reading_resembles_the_thorough_one_on_real_faces(nets, actress):
    thorough, quick = in_films(expression(actress)), in_films(read(actress, looks=QUICK, exact=False))
    assert (thorough.argmax(1) == quick.argmax(1)).mean() >= 0.75


def test_bfloat16_moves_probabilities_of_real_faces_by_less_than_a_fiftieth(nets, actress):
    if not native_bfloat16("cpu"):
        pytest.skip("this CPU does not compute bfloat16 by itself")
    assert np.abs(read(actress, looks=QUICK) - read(actress, looks=QUICK, exact=False)).max() < 0.02


def test_a_real_face_keeps_its_expression_in_the_dark(nets, actress):
    dark = (actress * 0.25).astype(np.uint8)
    assert (expression(dark).argmax(1) == expression(actress).argmax(1)).mean() >= 0.85


def test_only_dark_or_flat_faces_are_stretched(pictures):
    pixels = torch.from_numpy(pictures[..., :1]).permute(0, 3, 1, 2).float().expand(-1, 3, -1, -1)
    assert pixels.std((1, 2, 3)).min() > 40
    assert torch.allclose(lit(pixels), pixels, atol=1e-3)
    flat = lit(pixels * 0.1 + 10)
    assert (flat.std((1, 2, 3)) > 30).all() and ((flat.mean((1, 2, 3)) - 128).abs() < 25).all()


def test_fear_counts_half_in_films_and_the_rest_keeps_its_proportions():
    said = np.array([shares(0, neutral=0.1, joy=0.2, fear=0.4, sadness=0.3)], np.float32)
    assert in_films(said)[0] == pytest.approx(np.array(shares(0, neutral=0.1, joy=0.2, fear=0.2, sadness=0.3)) / 0.8)


@pytest.mark.gpu
def test_a_gpu_reads_what_the_cpu_reads(nets, actress):
    assert np.abs(expression(actress) - read(actress, device="cuda")).max() < 0.01
    assert np.abs(expression(actress) - read(actress, device="cuda", exact=False)).max() < 0.03


def test_no_faces_give_no_rows_and_wrong_pictures_are_refused(nets):
    assert expression(np.zeros((0, 48, 48), np.uint8)).shape == (0, N_EMOTIONS)
    with pytest.raises(FeelmError, match=r"not float64 \(2, 48, 48\)"):
        expression(np.zeros((2, 48, 48)))
    with pytest.raises(FeelmError, match=r"uint8 \(n, h, w\)"):
        expression(np.zeros((2, 48, 48, 4), np.uint8))


def test_weights_that_are_longer_than_their_manifest_tells_are_refused(tmp_path):
    manifest = [{"weights": [{"name": "a", "shape": [2], "dtype": "float32"}]}]
    (tmp_path / "m.json").write_text(json.dumps(manifest))
    (tmp_path / "w.bin").write_bytes(bytes(12))
    with pytest.raises(FeelmError, match=r"holds 12 bytes where m\.json tells of 8"):
        read_tfjs(tmp_path / "w.bin", tmp_path / "m.json")
