"""What a speech network hears in a voice: states of the encoder of Whisper tiny, in which the tone of speech stands beside its sounds.

The encoder was trained to write down speech; in its middle layers it still holds how something is said, and a linear reading of them tells
acted emotions of unseen speakers better than hand-made features do (RAVDESS, see docs/limits). A state covers 20 ms; a unit is described by
the mean and the deviation of its states in each layer that is kept.

Source: Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision, 2022; weights out of the package's CTranslate2 file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from corpus.chunks import content_digest
from corpus.ctranslate2 import read_ctranslate2
from corpus.weights import weight, weight_path
from ml.features.extractor import Block, computing
from ml.features.voice.fourier import power_spectrum
from ml.features.voice.grid import RATE_HZ, Floats

if TYPE_CHECKING:
    import soundfile

Affine = tuple[Tensor, Tensor]

WEIGHT = "whisper-tiny-en"
WINDOW, HOP, MELS = 400, 160, 80
STATE_SAMPLES = 2 * HOP
HEADS = 6
LAYERS = (0, 1, 2)
"""Layers whose states are kept: the last one has turned to words (UAR on RAVDESS' unseen actors 0.74 with these, 0.65 with the last)."""

LONGEST_S = 25
"""A longer sound is heard in parts of so many seconds: the encoder's places end at 30."""

SILENCE_AFTER_S = 1.0
"""Silence that the encoder hears after a sound's end, as it was used to; its states are not kept."""


WIDTH = len(LAYERS) * 2 * 384
"""Numbers in a unit's description."""

LONGEST_UNIT_S = 60
"""Of a longer unit the first minute is described."""

UNITS_AT_ONCE = 32
_VERSION = 1


@dataclass(frozen=True)
class _Layer:
    """One layer's weights: norms, query, key and value in one, the way out, and the two steps after."""

    attention_norm: Affine
    mixed: Affine
    attended: Affine
    norm: Affine
    up: Affine
    down: Affine


class SpeechEncoder:
    """Whisper's encoder up to the last layer that is kept."""

    def __init__(self, tensors: dict[str, Tensor], device: str = "cpu") -> None:
        weights = {name: tensor.to(device) for name, tensor in tensors.items()}
        self.device = device
        self.first, self.second = (_affine(weights, name, "weight", "bias") for name in ("conv1", "conv2"))
        self.places = weights["position_encodings/encodings"].reshape(-1, self.first[0].shape[0])
        self.layers = [_layer(weights, f"layer_{number}") for number in range(max(LAYERS) + 1)]
        self.window = torch.hann_window(WINDOW, device=device)
        self.filters = _mel_filters().to(device)

    @property
    def width(self) -> int:
        """Numbers in a state."""
        return self.places.shape[1]

    @torch.inference_mode()
    def states(self, samples: Floats) -> Floats:
        """States (layers kept, n, width) of a sound at 16 kHz, one for each begun 20 ms."""
        parts = [self._part(samples[start : start + LONGEST_S * RATE_HZ]) for start in range(0, len(samples), LONGEST_S * RATE_HZ)]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(LAYERS), 0, self.width), np.float32)

    def _part(self, samples: Floats) -> Floats:
        count = -(-len(samples) // STATE_SAMPLES)
        sound = torch.from_numpy(np.pad(samples, (0, count * STATE_SAMPLES - len(samples) + int(SILENCE_AFTER_S * RATE_HZ)))).to(
            self.device
        )
        x = functional.gelu(functional.conv1d(self._log_mel(sound)[None], *self.first, padding=1))
        x = functional.gelu(functional.conv1d(x, *self.second, stride=2, padding=1)).transpose(1, 2)
        x = x + self.places[: x.shape[1]]
        kept = []
        for number, layer in enumerate(self.layers):
            x = _through(x, layer)
            if number in LAYERS:
                kept.append(x[0, :count])
        return torch.stack(kept).cpu().numpy()

    def _log_mel(self, samples: Tensor) -> Tensor:
        """Whisper's log-mel spectrum (80, rows of 10 ms): ten powers below the loudest at most, scaled to about -1..1."""
        padded = functional.pad(samples[None], (WINDOW // 2, WINDOW // 2), "reflect")[0]
        power = power_spectrum(padded.unfold(0, WINDOW, HOP)[:-1] * self.window)
        logs = (self.filters @ power.T).clamp(min=1e-10).log10()
        return (torch.maximum(logs, logs.max() - 8.0) + 4.0) / 4.0


@lru_cache(maxsize=1)
def speech_encoder(device: str = "cpu") -> SpeechEncoder:
    """The packaged encoder, loaded once in a process.

    Raises:
        WeightError: the weight is missing or damaged.
    """
    tensors = read_ctranslate2(weight_path(WEIGHT, "model.bin"), "encoder/")
    return SpeechEncoder({name: torch.from_numpy(array.astype(np.float32)) for name, array in tensors.items()}, device)


def pooled(states: Floats) -> Floats:
    """One description (layers x 2 x width,) of states (layers, n, width): of each layer the mean and the deviation over time."""
    return np.concatenate([states.mean(axis=1), states.std(axis=1)], axis=1).ravel()


def describe_speech(sounds: Sequence[Floats], device: str = "cpu") -> Floats:
    """Descriptions (n, layers x 2 x width) of sounds at 16 kHz, float32 -1..1, each long enough for one state.

    Raises:
        WeightError: the weight is missing or damaged.
    """
    encoder = speech_encoder(device)
    return np.stack([pooled(encoder.states(samples)) for samples in sounds])


@dataclass(frozen=True)
class UnitSounds:
    """Some units' times and sounds at 16 kHz."""

    start_ms: npt.NDArray[np.int64]
    end_ms: npt.NDArray[np.int64]
    sounds: tuple[Floats, ...]


class SpeechExtractor:
    """Descriptions of units for the store: no dimensions of their own, `speech` (n, WIDTH) beside them."""

    name = "speech"
    settings: Mapping[str, object] = {"layers": list(LAYERS)}

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    @property
    def version(self) -> str:
        """The code's number and the network's digest."""
        return f"{_VERSION}-{weight(WEIGHT).member('model.bin').sha256[:16]}"

    def digest(self, chunk: UnitSounds) -> str:
        """Of times and sounds."""
        return content_digest(chunk.start_ms, chunk.end_ms, *chunk.sounds)

    def extract(self, chunk: UnitSounds) -> Block:
        """The units' descriptions.

        Raises:
            WeightError: the network's weight is missing or damaged.
        """
        n = len(chunk.sounds)
        with computing(self.device):
            speech = describe_speech(chunk.sounds, self.device)
        return Block(chunk.start_ms, chunk.end_ms, np.zeros((n, 0), np.float32), np.ones(n, np.float32), {"speech": speech})


def unit_sounds(sound: Path, spans: Sequence[tuple[int, int]]) -> Iterator[UnitSounds]:
    """The sounds of spans [start_ms, end_ms) of a 16 kHz mono file, some units at a time; a span past its end gives one silent state."""
    import soundfile

    with soundfile.SoundFile(str(sound)) as stream:
        for start in range(0, len(spans), UNITS_AT_ONCE):
            part = spans[start : start + UNITS_AT_ONCE]
            sounds = tuple(_cut(stream, start_ms, end_ms) for start_ms, end_ms in part)
            times = np.array(part, np.int64).reshape(-1, 2)
            yield UnitSounds(times[:, 0], times[:, 1], sounds)


def _cut(stream: soundfile.SoundFile, start_ms: int, end_ms: int) -> Floats:
    stream.seek(min(start_ms * RATE_HZ // 1000, stream.frames))
    samples = stream.read(min((end_ms - start_ms) * RATE_HZ // 1000, LONGEST_UNIT_S * RATE_HZ), dtype="float32")
    return samples if len(samples) else np.zeros(STATE_SAMPLES, np.float32)


def _through(x: Tensor, layer: _Layer) -> Tensor:
    """A layer with norms before its parts, (1, n, width) in and out."""
    query, key, value = functional.linear(_norm(x, layer.attention_norm), *layer.mixed).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
    attended = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    x = x + functional.linear(attended, *layer.attended)
    return x + functional.linear(functional.gelu(functional.linear(_norm(x, layer.norm), *layer.up)), *layer.down)


def _norm(x: Tensor, affine: Affine) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], *affine)


def _layer(weights: dict[str, Tensor], name: str) -> _Layer:
    attention, ffn = f"{name}/self_attention", f"{name}/ffn"
    return _Layer(
        _affine(weights, f"{attention}/layer_norm", "gamma", "beta"),
        _affine(weights, f"{attention}/linear_0", "weight", "bias"),
        _affine(weights, f"{attention}/linear_1", "weight", "bias"),
        _affine(weights, f"{ffn}/layer_norm", "gamma", "beta"),
        _affine(weights, f"{ffn}/linear_0", "weight", "bias"),
        _affine(weights, f"{ffn}/linear_1", "weight", "bias"),
    )


def _affine(weights: dict[str, Tensor], name: str, first: str, second: str) -> Affine:
    return weights[f"{name}/{first}"], weights[f"{name}/{second}"]


def _mel_filters() -> Tensor:
    from librosa.filters import mel

    return torch.from_numpy(mel(sr=RATE_HZ, n_fft=WINDOW, n_mels=MELS).astype(np.float32))
