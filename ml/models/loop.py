"""The one training loop: rounds of batches, averaged weights, early stopping on validation films, and going on after a kill.

Every round draws its chances from a generator seeded by the run's seed and the round's number, so that a run that goes on from its last
checkpoint learns what it would have learned. Under torchrun each process takes its share of every batch and gradients are added up: the
step is that of one process with the whole batch.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from corpus.paths import write_bytes
from corpus.terms import FeelmError
from corpus.threads import torch_threads

Batch = Any
"""What a learner's batches are is its own affair."""
Tensors = dict[str, Tensor]
Value = TypeVar("Value")
TellRound = Callable[[int, int, float], None]
"""Called after each round with the rounds done, all rounds, and the round's training loss."""


@dataclass(frozen=True)
class LoopParams:
    """How a network learns. `rounds` are epochs where a round goes once over the data; `ema` is the decay of the averaged weights.

    `warm_up` is the share of all steps in which the learning rate rises from 0; with `decays` it falls to 0 after that, else it stays.
    `threads` is the number of CPU threads: one where runs stand side by side, more for a single large network; it is part of the seed's
    promise, since sums are rounded otherwise with another number.
    """

    rounds: int
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warm_up: float = 0.0
    decays: bool = False
    ema: float = 0.0
    clip: float = 1.0
    threads: int = 1


class Learner(Protocol):
    """What is learnt: a network with its data. Chances are drawn from torch's global generator, which the loop seeds."""

    @property
    def network(self) -> nn.Module:
        """The network that learns."""

    def groups(self, params: LoopParams) -> list[dict[str, object]]:
        """Parameter groups for AdamW, each with `params`, and `lr` where it is another than the loop's."""

    @property
    def batches_each(self) -> int:
        """How many batches a round has."""

    def batches(self, share: Share) -> Iterator[Batch]:
        """One round's batches, of each this process's share."""

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, float]:
        """Sum of the weighted losses of a batch, and the sum of the weights."""

    def validate(self, network: nn.Module) -> float | None:
        """The loss on validation films, lower is better; None where nothing is validated."""


@dataclass(frozen=True)
class Share:
    """Which part of every batch this process takes: each `count`-th row from `rank` on."""

    rank: int = 0
    count: int = 1

    def of(self, rows: Tensor) -> Tensor:
        """This process's rows."""
        return rows[self.rank :: self.count]


@dataclass(frozen=True)
class Fit:
    """Training loss by round, validation loss by round where it was asked for, and the round (from 0) whose weights were kept."""

    losses: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best: int = -1


def fit(
    learner: Learner,
    params: LoopParams,
    seed: int,
    *,
    checkpoint: Path | None = None,
    tell: TellRound | None = None,
) -> Fit:
    """Train `learner.network` and leave in it the weights of the best round: the last one where nothing is validated.

    With `checkpoint` (a file) each finished round is kept there, and a run with the same settings goes on after it.

    Raises:
        FeelmError: the checkpoint belongs to a run with other settings, or a loss is no number any more.
    """
    with torch.random.fork_rng(devices=[]), torch_threads(params.threads):
        run = _Run(learner, params, seed)
        if checkpoint is not None and checkpoint.is_file():
            run.resume(checkpoint)
        while len(run.fit.losses) < params.rounds:
            run.round()
            if checkpoint is not None and run.share.rank == 0:
                run.save(checkpoint)
            if tell is not None:
                tell(len(run.fit.losses), params.rounds, run.fit.losses[-1])
        _load(learner.network, run.best)
    return run.fit


class Average:
    """A copy of a network whose weights follow the trained ones as an exponential mean; it starts as the first update's weights."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network, self.decay, self.updates = deepcopy(network), decay, 0

    def update(self, network: nn.Module) -> None:
        """Move towards the trained weights."""
        share = 1.0 if self.updates == 0 else 1.0 - self.decay
        with torch.no_grad():
            torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), share)
        self.updates += 1


def world() -> Share:
    """This process's share under torchrun, the whole where there is one process."""
    distributed = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()):
        return Share()
    return Share(distributed.get_rank(), distributed.get_world_size())


@contextmanager
def met() -> Iterator[Share]:
    """Meet the processes that torchrun started beside this one, where it did: until the end of it, what is trained is trained together."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Share()
        return
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group("nccl" if gpu else "gloo")
    try:
        yield world()
    finally:
        torch.distributed.destroy_process_group()


def rate_at(step: int, steps: int, params: LoopParams) -> float:
    """The factor (0..1) on the learning rate at a step (from 0) of all steps."""
    rising = math.ceil(params.warm_up * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return (steps - step) / max(steps - rising, 1) if params.decays else 1.0


class _Run:
    """The state of one training run between rounds."""

    def __init__(self, learner: Learner, params: LoopParams, seed: int) -> None:
        self.learner, self.params, self.seed, self.share = learner, params, seed, world()
        self.network = learner.network
        self.optimiser = torch.optim.AdamW(learner.groups(params), lr=params.learning_rate, weight_decay=params.weight_decay, fused=True)
        self.rates = [float(group["lr"]) for group in self.optimiser.param_groups]
        self.average = Average(self.network, params.ema) if params.ema else None
        self.fit, self.best, self.step = Fit(), _trained(self.network), 0

    @property
    def kept(self) -> nn.Module:
        """The network whose weights count: the averaged one where there is an average."""
        return self.network if self.average is None else self.average.network

    def round(self) -> None:
        """One round of batches, then validation."""
        number = len(self.fit.losses)
        torch.manual_seed(self.seed * 1_000_003 + number)
        total = weight = 0.0
        self.network.train()
        for batch in self.learner.batches(self.share):
            added, own = self._learn(batch)
            total, weight = total + added, weight + own
        loss = total / max(weight, 1e-12)
        _check_number(loss, f"training loss of round {number + 1}")
        self.fit.losses.append(loss)
        self._validate()

    def _learn(self, batch: Batch) -> tuple[float, float]:
        """One step; the sum of losses and of weights over all processes."""
        factor = rate_at(self.step, self.params.rounds * self.learner.batches_each, self.params)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        loss, own = self.learner.loss(self.network, batch)
        told = torch.tensor([float(loss.detach()), own], dtype=torch.float64)
        if self.share.count > 1:
            torch.distributed.all_reduce(told)
        self.optimiser.zero_grad()
        (loss / max(float(told[1]), 1e-12)).backward()
        self._add_up()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.params.clip)
        self.optimiser.step()
        self.step += 1
        if self.average is not None:
            self.average.update(self.network)
        return float(told[0]), float(told[1])

    def _add_up(self) -> None:
        """Gradients of all processes' shares in each of them."""
        if self.share.count > 1:
            for parameter in self.network.parameters():
                if parameter.requires_grad:
                    parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                    torch.distributed.all_reduce(parameter.grad)

    def _validate(self) -> None:
        self.kept.eval()
        with torch.no_grad():
            found = self.learner.validate(self.kept)
        self.kept.train()
        if found is not None:
            _check_number(found, f"validation loss of round {len(self.fit.losses)}")
            self.fit.validation.append(found)
        if found is None or found <= min(self.fit.validation):
            self.best = _trained(self.kept)
            self.fit = Fit(self.fit.losses, self.fit.validation, len(self.fit.losses) - 1)

    def _settings(self) -> str:
        shapes = [(name, tuple(tensor.shape)) for name, tensor in _trained(self.network).items()]
        return hashlib.sha256(repr((self.params, self.seed, self.learner.batches_each, shapes)).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write everything that the next round needs, atomically."""
        tensors = headed("network", _trained(self.network)) | headed("best", self.best)
        if self.average is not None:
            tensors |= headed("average", _trained(self.average.network))
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= headed(f"optimiser/{number}", state)
        told = {"settings": self._settings(), "step": self.step, "fit": vars(self.fit)}
        tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
        write_bytes(path, save(tensors, {"run": json.dumps(told)}))

    def resume(self, path: Path) -> None:
        """Read what `save` wrote."""
        with safe_open(path, "pt") as stored:
            told = json.loads((stored.metadata() or {}).get("run", "{}"))
        if told.get("settings") != self._settings():
            raise FeelmError(f"the checkpoint {path} belongs to a run with other settings: delete it, or train with those settings")
        tensors = load_file(path)
        _load(self.network, under("network", tensors))
        self.best = under("best", tensors)
        if self.average is not None:
            _load(self.average.network, under("average", tensors))
            self.average.updates = told["step"]
        state = by_number(under("optimiser", tensors))
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})
        self.step, self.fit = told["step"], Fit(**told["fit"])


def _check_number(loss: float, name: str) -> None:
    if not math.isfinite(loss):
        raise FeelmError(f"the {name} is {loss}: lower the learning rate, or look for extreme features")


def _trained(network: nn.Module) -> Tensors:
    """Copies of the weights that are learnt; frozen ones come from elsewhere, and no network here has buffers that training changes."""
    named = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    return {name: tensor.detach().clone() for name, tensor in named.items()}


def _load(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    network.load_state_dict(dict(tensors), strict=False)


def headed(head: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """Values as `head/name`."""
    return {f"{head}/{name}": value for name, value in values.items()}


def under(head: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """Those that `headed` named so, by the rest of their names."""
    return {name.removeprefix(f"{head}/"): value for name, value in values.items() if name.startswith(f"{head}/")}


def by_number(values: Mapping[str, Value]) -> dict[int, dict[str, Value]]:
    """Values named `number/name`, by number and then name."""
    found: dict[int, dict[str, Value]] = {}
    for name, value in values.items():
        number, _, part = name.partition("/")
        found.setdefault(int(number), {})[part] = value
    return found
