"""Fine-tuning of the text network: soft labels, rare classes counted more, validation lines that stop it.

A batch holds windows of like length, so that little is computed for nothing; where dialogues are cut and which windows meet is drawn anew
each round. The learning rate falls to nothing at the end, and the encoder learns more slowly than the head, which starts from nothing. In
use each dialogue is cut in several ways, and what a line's windows say of it is averaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from corpus.devices import best_device
from ml.features.text.encoder import DEFAULT, SentenceEncoder, number_type, trainable_encoder
from ml.models.dataset import FloatArray, IntArray
from ml.models.loop import Fit, LoopParams, Share, TellRound, fit
from ml.models.text.network import TextNetwork
from ml.models.text.turns import Lines, Reach, Turns, Window

SORTED_TOGETHER = 16
"""Batches' worth of windows that are sorted by length together: more leaves less to compute, and the same windows in one batch again."""

SHORTEST_CUT = 8
"""Tokens of a first window at the least."""

READ_AT_ONCE = 16
"""Windows in a batch that is read, not learnt."""


@dataclass(frozen=True)
class TextParams:
    """How a text network learns. `balance` is the power of inverse class frequency in the loss, `encoder` one of `text.encoder`.

    `smoothing` is the share of each label that is spread over all classes: without it the network is soon surer than it is right. A batch
    has about `batch` windows; in use every dialogue is cut in `cuts` ways.
    """

    encoder: str = DEFAULT
    reach: Reach = field(default_factory=Reach)
    loop: LoopParams = field(default_factory=lambda: LoopParams(rounds=6, learning_rate=1e-4, weight_decay=0.01, warm_up=0.06, decays=True))
    batch: int = 12
    balance: float = 0.25
    head_rate: float = 2e-4
    dropout: float = 0.15
    smoothing: float = 0.1
    cuts: int = 4


@dataclass(frozen=True)
class TunedText:
    """A fine-tuned text network with what it needs to read lines."""

    network: TextNetwork
    encoder: SentenceEncoder
    params: TextParams
    fit: Fit

    def logits(self, lines: Lines, rows: IntArray) -> FloatArray:
        """Log-probabilities (n, classes) of some rows of `lines`, each in its dialogue."""
        return _logits(self.network, Turns.of(lines, self.encoder.tokens, self.params.reach), rows, self.params.cuts)


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
        params = replace(params, reach=params.reach.within(encoder.network.shape.longest))
        network = TextNetwork(encoder.network, soft.shape[1], number_type(device), params.dropout).to(device)
    turns = Turns.of(lines, encoder.tokens, params.reach)
    learner = _Learner(network, turns, soft, train, validation, params)
    found = fit(learner, params.loop, seed, checkpoint=checkpoint, tell=tell)
    return TunedText(network.eval(), encoder, params, found)


class _Learner:
    """Lines and their labels for the common loop."""

    def __init__(
        self, network: TextNetwork, turns: Turns, soft: FloatArray, train: IntArray, validation: IntArray, params: TextParams
    ) -> None:
        self.network, self.turns, self.params = network, turns, params
        self.soft = (1 - params.smoothing) * soft + params.smoothing / soft.shape[1]
        self.dialogues, self.validation = turns.around(train), validation
        self.weight = np.zeros(len(soft), np.float32)
        self.weight[train] = class_weights(soft[train], params.balance)
        whole = sum(len(turns.cut(dialogue, turns.longest)) for dialogue in self.dialogues)
        self.batches_each = -(-whole // params.batch)

    def groups(self, params: LoopParams) -> list[dict[str, object]]:
        """The encoder's layers, and the head with its own rate."""
        return [
            {"params": list(self.network.layers.parameters()), "lr": params.learning_rate},
            {"params": list(self.network.head.parameters()), "lr": max(self.params.head_rate, params.learning_rate)},
        ]

    def batches(self, share: Share) -> Iterator[list[Window]]:
        """Windows of like length; every line of the training dialogues is in one of them."""
        firsts = torch.randint(min(SHORTEST_CUT, self.turns.longest), self.turns.longest + 1, (len(self.dialogues),)).tolist()
        windows = [
            window
            for dialogue, first in zip(self.dialogues, firsts, strict=True)
            for window in self.turns.cut(dialogue, first)
            if self.weight[window.rows].any()
        ]
        order = torch.randperm(len(windows)).numpy()
        heaps = -(-self.batches_each // SORTED_TOGETHER)
        batches: list[IntArray] = []
        for heap, own in zip(np.array_split(order, heaps), np.array_split(np.arange(self.batches_each), heaps), strict=True):
            batches += np.array_split(sorted(heap, key=lambda index: len(windows[index].tokens)), len(own))
        for place in torch.randperm(len(batches)).tolist():
            yield [windows[index] for index in batches[place]][share.rank :: share.count]

    def loss(self, network: nn.Module, batch: list[Window]) -> tuple[Tensor, float]:
        """Cross-entropy against the soft labels; nothing where this process's share of the batch is empty."""
        if not batch:
            return next(network.parameters()).sum() * 0, 0.0
        logits, rows = network(batch), np.concatenate([window.rows for window in batch])
        soft, weight = (torch.from_numpy(array[rows]).to(logits.device) for array in (self.soft, self.weight))
        return (-(soft * logits.log_softmax(1)).sum(1) * weight).sum(), float(weight.sum())

    def validate(self, network: nn.Module) -> float | None:
        """Cross-entropy on the validation lines, each counting alike."""
        if not len(self.validation):
            return None
        logits = torch.from_numpy(_logits(network, self.turns, self.validation, self.params.cuts))
        return float(-(torch.from_numpy(self.soft[self.validation]) * logits).sum(1).mean())


def _logits(network: nn.Module, turns: Turns, rows: IntArray, cuts: int) -> FloatArray:
    """Log-probabilities (n, classes) of some rows, in their order: the mean over what is said of a line in its windows."""
    windows = sorted(_windows(turns, rows, cuts), key=lambda window: len(window.tokens))
    parts = [windows[start : start + READ_AT_ONCE] for start in range(0, len(windows), READ_AT_ONCE)]
    with torch.inference_mode():
        said = np.concatenate([network(part).float().log_softmax(1).cpu().numpy() for part in parts])
    read = np.concatenate([window.rows for window in windows])
    total, count = np.zeros((len(turns.said), said.shape[1])), np.bincount(read, minlength=len(turns.said))
    np.add.at(total, read, said)
    return (total[rows] / count[rows, None]).astype(np.float32)


def _windows(turns: Turns, rows: IntArray, cuts: int) -> list[Window]:
    """The different windows that `cuts` ways of cutting the dialogues of some rows give."""
    firsts = [turns.longest * (cut + 1) // cuts for cut in range(cuts)]
    found: dict[tuple[int, int], Window] = {}
    for dialogue in turns.around(rows):
        for first in firsts:
            found |= {(int(window.rows[0]), len(window.rows)): window for window in turns.cut(dialogue, first)}
    return list(found.values())
