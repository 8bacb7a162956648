"""A small learner for the tests of the training loop, and what they run in processes of their own."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ml.models.loop import Fit, LoopParams, Share, fit

CLASSES, WIDTH, TRAIN, BATCH = 3, 6, 29, 7
"""29 rows in batches of 7: the last batch of a round has one row."""


class Points:
    """Points around three middles, one class each; `validate` is their loss on points of its own, or what `script` says by round."""

    def __init__(self, dropout: float = 0.0, script: list[float] | None = None, on_loss: Callable[[], None] | None = None) -> None:
        drawn = torch.Generator().manual_seed(5)
        middles = torch.randn(CLASSES, WIDTH, generator=drawn)
        self.label = torch.arange(TRAIN + 20) % CLASSES
        self.x = middles[self.label] + 0.7 * torch.randn(TRAIN + 20, WIDTH, generator=drawn)
        self.weight = 0.5 + torch.rand(TRAIN + 20, generator=drawn)
        self.script, self.on_loss = script, on_loss
        self.kept: list[dict[str, Tensor]] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            self.network = nn.Sequential(nn.Linear(WIDTH, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, CLASSES))

    def groups(self, params: LoopParams) -> list[dict[str, object]]:
        return [
            {"params": list(self.network[0].parameters()), "lr": params.learning_rate / 2},
            {"params": list(self.network[3].parameters()), "lr": params.learning_rate},
        ]

    @property
    def batches_each(self) -> int:
        return -(-TRAIN // BATCH)

    def batches(self, share: Share) -> Iterator[Tensor]:
        for rows in torch.randperm(TRAIN).split(BATCH):
            yield share.of(rows)

    def loss(self, network: nn.Module, batch: Tensor) -> tuple[Tensor, float]:
        if self.on_loss is not None:
            self.on_loss()
        each = nn.functional.cross_entropy(network(self.x[batch]), self.label[batch], reduction="none")
        return (each * self.weight[batch]).sum(), float(self.weight[batch].sum())

    def validate(self, network: nn.Module) -> float | None:
        assert not network.training
        self.kept.append(weights_of(network))
        if self.script is not None:
            return self.script[len(self.kept) - 1]
        return float(nn.functional.cross_entropy(network(self.x[TRAIN:]), self.label[TRAIN:]))


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """Copies of all weights."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def run_killed(params: LoopParams, checkpoint: Path, after_steps: int) -> None:
    """Train, and kill this process as nobody can prevent, in the middle of a round."""
    steps = iter(range(after_steps))
    train(params, checkpoint, lambda: None if next(steps, None) is not None else os.kill(os.getpid(), signal.SIGKILL))


def train(params: LoopParams, checkpoint: Path | None = None, on_loss: Callable[[], None] | None = None) -> tuple[Points, Fit]:
    """One run with dropout, seed 11."""
    learner = Points(dropout=0.3, on_loss=on_loss)
    return learner, fit(learner, params, 11, checkpoint=checkpoint)


def run_one_of_two(rank: int, params: LoopParams, folder: Path) -> None:
    """Train as one of two gloo processes on this machine, and write the weights and the last loss."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    learner = Points()
    found = fit(learner, params, 11, checkpoint=folder / "run.checkpoint")
    save_file(weights_of(learner.network) | {"losses": torch.tensor(found.losses)}, folder / f"{rank}.safetensors")
    torch.distributed.destroy_process_group()
