"""Silero VAD's network in plain torch: how likely somebody speaks in each 32 ms of streams of sound.

A short-time spectrum and four convolutions see each piece by itself, so they run over all pieces of all streams at once; only the
memory (one LSTM) goes through a stream in order. Weights: silero-vad 6 (MIT), see `corpus.weights`.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import nn
from torch.nn import functional

from corpus.onnx_tensors import read_tensors
from corpus.weights import weight_path

PIECE = 512
"""Samples of a piece: 32 ms at 16 kHz."""

_CONTEXT = 64
_FRAME = 256
_FRAME_HOP = 128
_BINS = 129
_MEMORY = 128
_CONVOLUTIONS = {f"conv{n + 1}.{part}": f"encoder.{n}.reparam_conv.{part}" for n in range(4) for part in ("weight", "bias")}
_CELL = {f"lstm.{part}_l0": f"decoder.rnn.{part}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
_PUBLISHED = {
    "spectrum.weight": "stft.forward_basis_buffer",
    **_CONVOLUTIONS,
    **_CELL,
    "final_conv.weight": "decoder.decoder.2.weight",
    "final_conv.bias": "decoder.decoder.2.bias",
}
"""Our names of the weights, and the published ones."""


class SpeechNet(nn.Module):
    """Streams of pieces, float32 (streams, pieces, 512), to the probability of speech in each piece, (streams, pieces)."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = nn.Linear(_FRAME, 2 * _BINS, bias=False)
        self.conv1 = nn.Conv1d(_BINS, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm = nn.LSTM(128, _MEMORY, batch_first=True)
        self.final_conv = nn.Conv1d(_MEMORY, 1, 1)

    def forward(self, streams: torch.Tensor) -> torch.Tensor:
        n_streams, n_pieces = streams.shape[:2]
        before = functional.pad(streams[:, :-1, -_CONTEXT:], (0, 0, 1, 0))
        pieces = torch.cat([before, streams], dim=2).flatten(0, 1)
        # On a CPU a few hundred pieces stay in the cache.
        seen = torch.cat([self._seen(part) for part in pieces.split(512 if pieces.device.type == "cpu" else len(pieces))])
        remembered, _ = self.lstm(seen.view(n_streams, n_pieces, -1))
        return torch.sigmoid(self.final_conv(remembered.relu().transpose(1, 2)))[:, 0]

    def _seen(self, pieces: torch.Tensor) -> torch.Tensor:
        """What is seen of each piece with its context, (pieces, 576) to (pieces, 128)."""
        padded = functional.pad(pieces, (0, _CONTEXT), mode="reflect")
        real, imaginary = self.spectrum(padded.unfold(1, _FRAME, _FRAME_HOP)).transpose(1, 2).split(_BINS, dim=1)
        seen = (real.square() + imaginary.square()).sqrt()
        for convolution in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = convolution(seen).relu()
        return seen[:, :, 0]


@lru_cache(maxsize=2)
def speech_net(device: str = "cpu") -> SpeechNet:
    """The network with its published weights.

    Raises:
        WeightError: the weights are missing or damaged.
    """
    tensors = read_tensors(weight_path("silero-vad"))
    net = SpeechNet()
    published = {ours: torch.from_numpy(tensors[f"model.{theirs}"].copy()) for ours, theirs in _PUBLISHED.items()}
    net.load_state_dict(published | {"spectrum.weight": published["spectrum.weight"][:, 0]})
    return net.eval().requires_grad_(False).to(device)
