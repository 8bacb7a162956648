"""SwiftF0's network in plain torch: a pitch and how sure it is of one, every 16 ms, in speech, noise and under music.

Three short-time spectra (windows of 64, 128 and 32 ms) are laid on one logarithmic frequency axis, where the harmonics of a pitch stand at
fixed distances whatever the pitch is; dilated convolutions along that axis add them up for each of 95 candidates. Published as ONNX by
Nieradzik (arXiv 2508.18440, swift-f0 0.3.0, MIT); this port agrees with onnxruntime within rounding, and in bfloat16 within a few cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from corpus.onnx_tensors import read_tensors
from corpus.weights import weight_path
from ml.features.voice.fourier import parts, power_spectrum

NET_HOP = 256
"""Samples between frames at 16 kHz; frame t is centred on sample 256 t."""

PAST_FRAMES, FUTURE_FRAMES = 11, 10
"""Frames on either side that a frame's answer follows from."""

SILENCE_PEAK = 1e-3
"""A hop that never gets louder than this has no pitch: the network was never shown digital silence."""

CANDIDATES = 95

_WINDOWS = (1024, 2048, 512)
_LONGEST = 1
_BANDS, _CHANNELS = 128, 12
_FLOOR = 1e-8
_LOWEST_HZ, _HIGHEST_HZ = 46.875, 2093.75
_SEGMENT_FRAMES = 400

# Kernel and dilation along frequency, and kernel along time, of the two convolutions of each block.
_BLOCKS = ((7, 1, 3), (7, 17, 1), (5, 27, 1), (3, 40, 1), (3, 48, 1), (7, 2, 3))

# Names of the weights in the published graph.
_FIRST = "v353"
_RESIDUAL = (("v357", "v361"), ("v366", "v370"), ("v375", "v379"), ("v384", "v388"), ("v393", "v397"), ("v402", "v406"))
_HEAD, _SCORE, _STRENGTH, _VOICED_1, _VOICED_2 = "v413", "v425", "v417", "v430", "v434"
_WINDOW_NAMES = ("v41", "v161", "v262")
_FILTERS = (("v123", "v124"), ("v241", "v242"), ("v342", "v343"))


@dataclass(frozen=True)
class Heard:
    """Per frame of the network, float32: `scores` (frames, 95) of the candidates, -inf where not allowed; `confidence` (frames,) 0..1.

    `bands` (frames, 128) are the log magnitudes of the longest window on the logarithmic frequency axis.
    """

    scores: Tensor
    confidence: Tensor
    bands: Tensor


class PitchNet(nn.Module):
    """Sound (samples,) at 16 kHz to what is heard every 256 samples.

    Candidates outside `lowest_hz`..`highest_hz` are not allowed, and a frame whose best candidate lies there has confidence 0.
    """

    def __init__(self, lowest_hz: float = _LOWEST_HZ, highest_hz: float = _HIGHEST_HZ) -> None:
        super().__init__()
        for index, length in enumerate(_WINDOWS):
            self.register_buffer(f"window{index}", torch.zeros(length))
            self.register_buffer(f"filters{index}", torch.zeros(length // 2 + 1, _BANDS))
        self.first = nn.Conv2d(3, _CHANNELS, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(*sizes) for sizes in _BLOCKS)
        self.head = nn.Conv2d(_CHANNELS, 4, 3)
        self.score = nn.Conv2d(4, 1, 1)
        self.strength = nn.Conv2d(4, 4, (1, 5), padding=(0, 2))
        self.voiced_1 = nn.Conv1d(5, 16, 3, padding=1)
        self.voiced_2 = nn.Conv1d(16, 1, 1)
        candidates = torch.from_numpy(np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, CANDIDATES))
        self.log_hz: Tensor
        self.allowed: Tensor
        self.register_buffer("log_hz", candidates.log().float())
        self.register_buffer("allowed", (candidates >= lowest_hz) & (candidates <= highest_hz))

    def forward(self, samples: Tensor) -> Heard:
        n_frames = max(len(samples) // NET_HOP, 1)
        samples = functional.pad(samples, (0, max(NET_HOP - len(samples), 0)))
        features = torch.stack([self._log_bands(samples, index, n_frames) for index in range(len(_WINDOWS))], dim=-1)
        scores, confidence = self._answers(features)
        loud = samples[: n_frames * NET_HOP].view(n_frames, NET_HOP).abs().amax(1) >= SILENCE_PEAK
        confidence = torch.where(self.allowed[scores.argmax(1)] & loud, confidence, 0.0)
        return Heard(scores.masked_fill(~self.allowed, -torch.inf), confidence, features[..., _LONGEST])

    def pitch_hz(self, scores: Tensor, path: Tensor) -> Tensor:
        """Pitch (frames,) around the candidates `path` (frames,): each and its two neighbours, weighed by how they score."""
        near = path[:, None] + torch.arange(-1, 2, device=path.device)
        weights = functional.pad(scores, (1, 1), value=-torch.inf).gather(1, near + 1).softmax(1)
        return (weights * self.log_hz[near.clamp(0, CANDIDATES - 1)]).sum(1).exp()

    def _log_bands(self, samples: Tensor, index: int, n_frames: int) -> Tensor:
        """Log magnitudes (frames, 128) on the logarithmic axis by one of the windows."""
        window, filters = self.get_buffer(f"window{index}"), self.get_buffer(f"filters{index}")
        half = len(window) // 2
        frames = functional.pad(samples, (half, half + NET_HOP)).unfold(0, len(window), NET_HOP)[:n_frames]
        return torch.cat([torch.log(power_spectrum(part * window).sqrt_() @ filters + _FLOOR) for part in parts(frames)])

    def _answers(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (frames, 95) of the candidates and confidence (frames,) from (frames, 128, 3)."""
        n_frames = len(features)
        answered = []
        step = _SEGMENT_FRAMES if features.device.type == "cpu" else n_frames
        for segment in _segments(n_frames, step):
            scores, confidence = self._segment_answers(features[None, segment.start : segment.stop].permute(0, 3, 1, 2))
            answered.append((scores[segment.own], confidence[segment.own]))
        scores, confidence = (torch.cat(columns) for columns in zip(*answered, strict=True))
        return scores, confidence

    def _segment_answers(self, features: Tensor) -> tuple[Tensor, Tensor]:
        # In memory the channels come last, which a CPU convolves twice as fast; the first sums, of numbers from -18 to 8, stay exact.
        seen = self.first(features).relu_().to(self.head.weight.dtype)
        for block in self.blocks:
            seen = block(seen)
        # Candidates stand beside their fundamental: one band above it is seen, none below the first one.
        seen = self.head(functional.pad(seen[..., : CANDIDATES + 1], (1, 0, 1, 1))).relu_()
        scores = self.score(seen)[0, 0]
        told = torch.cat([self.strength(seen).amax(3), features.mean((1, 3), keepdim=True)[..., 0].to(seen.dtype)], dim=1)
        confidence = torch.sigmoid(self.voiced_2(self.voiced_1(told).relu_()))[0, 0]
        return scores.float(), confidence.float()


class _Block(nn.Module):
    """Two convolutions whose sum with what comes in is rectified."""

    def __init__(self, kernel: int, dilation: int, frames: int) -> None:
        super().__init__()
        size, spread = (frames, kernel), (1, dilation)
        padding = (frames // 2, dilation * (kernel // 2))
        self.inner = nn.Conv2d(_CHANNELS, _CHANNELS, size, padding=padding, dilation=spread)
        self.outer = nn.Conv2d(_CHANNELS, _CHANNELS, size, padding=padding, dilation=spread)

    def forward(self, seen: Tensor) -> Tensor:
        return self.outer(self.inner(seen).relu_()).add_(seen).relu_()


@dataclass(frozen=True)
class _Segment:
    """Frames `start` to `stop` go through the network together; `own` are those of them that are kept."""

    start: int
    stop: int
    own: slice


def _segments(n_frames: int, step: int) -> list[_Segment]:
    found = []
    for first in range(0, n_frames, step):
        start, stop = max(first - PAST_FRAMES, 0), min(first + step + FUTURE_FRAMES, n_frames)
        found.append(_Segment(start, stop, slice(first - start, min(first + step, n_frames) - start)))
    return found


@lru_cache(maxsize=4)
def pitch_net(device: str, exact: bool, lowest_hz: float, highest_hz: float) -> PitchNet:
    """The network with its published weights; unless `exact`, all but its first convolution computes in bfloat16.

    Raises:
        WeightError: the weights are missing or damaged.
    """
    tensors = read_tensors(weight_path("swift-f0"))
    net = PitchNet(lowest_hz, highest_hz)
    net.load_state_dict(_published(tensors), strict=False)
    net = net.eval().requires_grad_(False).to(device)
    if not exact:
        for module in (net.blocks, net.head, net.score, net.strength, net.voiced_1, net.voiced_2):
            module.to(torch.bfloat16)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _published(tensors: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """State of a PitchNet; two-dimensional kernels are turned from (frequency, time) to (time, frequency)."""
    names = {"first": _FIRST, "head": _HEAD, "score": _SCORE, "strength": _STRENGTH, "voiced_1": _VOICED_1, "voiced_2": _VOICED_2}
    for index, pair in enumerate(_RESIDUAL):
        names |= {f"blocks.{index}.{part}": name for part, name in zip(("inner", "outer"), pair, strict=True)}
    state = {}
    for ours, theirs in names.items():
        kernel = torch.from_numpy(tensors[theirs].copy())
        state[f"{ours}.weight"] = kernel.transpose(2, 3).contiguous() if kernel.ndim == 4 else kernel
        state[f"{ours}.bias"] = torch.from_numpy(tensors[f"v{int(theirs[1:]) + 1}"].copy())
    for index, (window, (places, values)) in enumerate(zip(_WINDOW_NAMES, _FILTERS, strict=True)):
        filters = np.zeros((_WINDOWS[index] // 2 + 1) * _BANDS, np.float32)
        filters[tensors[places]] = tensors[values]
        state[f"window{index}"] = torch.from_numpy(tensors[window].copy())
        state[f"filters{index}"] = torch.from_numpy(filters.reshape(-1, _BANDS))
    return state
