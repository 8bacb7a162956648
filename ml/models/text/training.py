"""Fine-tuning of the text network: soft labels, rare classes counted more, validation lines that stop it.

A batch holds lines of like length, so that little is computed twice; which lines meet in it is drawn anew each round. The learning rate
falls from the head down to nothing at the end, and the encoder learns more slowly than the head, which starts from nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from corpus.devices import best_device
from ml.features.text.encoder import DEFAULT, SentenceEncoder, number_type, trainable_encoder
from ml.models.loop import Fit, LoopParams, Share, TellRound, fit
from ml.models.text.network import TextNetwork
from ml.models.text.turns import IntArray, Laid, Lines, Reach, lay_out

FloatArray = npt.NDArray[np.float32]

SORTED_TOGETHER = 16
"""Batches' worth of lines that are sorted by length together: more leaves less to compute, and the same lines in one batch again."""


@dataclass(frozen=True)
class TextParams:
    """How a text network learns. `balance` is the power of inverse class frequency in the loss, `encoder` one of `text.encoder`.

    `smoothing` is the share of each label that is spread over all classes: without it the network is soon surer than it is right.
    """

    encoder: str = DEFAULT
    reach: Reach = field(default_factory=Reach)
    loop: LoopParams = field(default_factory=lambda: LoopParams(rounds=3, learning_rate=1e-4, weight_decay=0.01, warm_up=0.06, decays=True))
    batch: int = 32
    balance: float = 0.25
    head_rate: float = 2e-4
    dropout: float = 0.15
    smoothing: float = 0.1


@dataclass(frozen=True)
class TunedText:
    """A fine-tuned text network with what it needs to read lines."""

    network: TextNetwork
    encoder: SentenceEncoder
    params: TextParams
    fit: Fit

    def logits(self, lines: Lines, rows: IntArray) -> FloatArray:
        """Logits (n, classes) of some rows of `lines`, each in its dialogue."""
        return _logits(self.network, lay_out(lines, self.encoder.tokens, self.params.reach), rows)


def class_weights(soft: FloatArray, balance: float) -> FloatArray:
    """Weight of each line, mean 1, from soft labels (n, classes): rare classes count more by the power `balance`."""
    share = soft.mean(axis=0) + 1e-3
    weights = (soft * (share.mean() / share) ** balance).sum(axis=1)
    return (weights / weights.mean()).astype(np.float32)


def tune(
    lines: Lines,
    soft: FloatArray,
    train: IntArray,
    validation: IntArray,
    params: TextParams,
    seed: int,
    *,
    checkpoint: Path | None = None,
    tell: TellRound | None = None,
    device: str | None = None,
) -> TunedText:
    """Fine-tune on the rows `train` of `lines` against soft labels (n, classes); `validation` rows stop it, none leaves the last weights.

    Raises:
        WeightError: the encoder's weights are missing or damaged.
        FeelmError: the checkpoint is of another run, or training diverges.
    """
    device = device or best_device()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = trainable_encoder(params.encoder, device)
        network = TextNetwork(encoder.network, soft.shape[1], number_type(device), params.dropout).to(device)
    laid = lay_out(lines, encoder.tokens, params.reach)
    learner = _Learner(network, laid, soft, train, validation, params)
    found = fit(learner, params.loop, seed, checkpoint=checkpoint, tell=tell)
    return TunedText(network.eval(), encoder, params, found)


class _Learner:
    """Lines and their labels for the common loop."""

    def __init__(
        self, network: TextNetwork, laid: Laid, soft: FloatArray, train: IntArray, validation: IntArray, params: TextParams
    ) -> None:
        self.network, self.laid, self.params = network, laid, params
        self.soft = (1 - params.smoothing) * soft + params.smoothing / soft.shape[1]
        self.train, self.validation = train, validation
        self.weight = np.zeros(len(soft), np.float32)
        self.weight[train] = class_weights(soft[train], params.balance)
        self.length = np.array([len(tokens) for tokens in laid.tokens])

    def groups(self, params: LoopParams) -> list[dict[str, object]]:
        """The encoder's layers, and the head with its own rate."""
        return [
            {"params": list(self.network.layers.parameters()), "lr": params.learning_rate},
            {"params": list(self.network.head.parameters()), "lr": max(self.params.head_rate, params.learning_rate)},
        ]

    @property
    def batches_each(self) -> int:
        """Batches in a round."""
        return -(-len(self.train) // self.params.batch)

    def batches(self, share: Share) -> Iterator[IntArray]:
        """Rows of lines of like length."""
        order = torch.from_numpy(self.train)[torch.randperm(len(self.train))].numpy()
        together = self.params.batch * SORTED_TOGETHER
        batches: list[IntArray] = []
        for start in range(0, len(order), together):
            part = order[start : start + together]
            part = part[np.argsort(self.length[part], kind="stable")]
            batches += [part[i : i + self.params.batch] for i in range(0, len(part), self.params.batch)]
        for index in torch.randperm(len(batches)).tolist():
            yield batches[index][share.rank :: share.count]

    def loss(self, network: nn.Module, batch: IntArray) -> tuple[Tensor, float]:
        """Cross-entropy against the soft labels; nothing where this process's share of the batch is empty."""
        if not len(batch):
            return next(network.parameters()).sum() * 0, 0.0
        logits = network([self.laid.tokens[row] for row in batch], self.laid.own[batch])
        soft, weight = (torch.from_numpy(array[batch]).to(logits.device) for array in (self.soft, self.weight))
        return (-(soft * logits.log_softmax(1)).sum(1) * weight).sum(), float(weight.sum())

    def validate(self, network: nn.Module) -> float | None:
        """Cross-entropy on the validation lines, each counting alike."""
        if not len(self.validation):
            return None
        logits = torch.from_numpy(_logits(network, self.laid, self.validation))
        return float(-(torch.from_numpy(self.soft[self.validation]) * logits.log_softmax(1)).sum(1).mean())


def _logits(network: nn.Module, laid: Laid, rows: IntArray) -> FloatArray:
    """Logits (n, classes) of some rows, in their order."""
    order = rows[np.argsort([len(laid.tokens[row]) for row in rows], kind="stable")]
    found: dict[int, npt.NDArray[np.float32]] = {}
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            part = order[start : start + 64]
            logits = network([laid.tokens[row] for row in part], laid.own[part]).float().cpu().numpy()
            found |= dict(zip(part.tolist(), logits, strict=True))
    return np.stack([found[row] for row in rows.tolist()])


def mean_logits(tuned: Sequence[FloatArray]) -> FloatArray:
    """The mean of several networks' log-probabilities (n, classes)."""
    shifted = [logits - np.logaddexp.reduce(logits, axis=1, keepdims=True) for logits in tuned]
    return np.mean(shifted, axis=0).astype(np.float32)
