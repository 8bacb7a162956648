"""Training and use of the context network: from the experts' opinions of each unit to the emotion of a unit in its dialogue.

It learns from opinions that experts stated on films they had not seen, so that it knows how far each can be trusted; whole modalities
and single ones are dropped at random, so that any subset works later. The best state on validation films is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from corpus.chunks import Arrays
from corpus.terms import EMOTIONS, MODALITIES
from ml.models.dataset import BoolArray, FloatArray, IntArray, UnitArrays
from ml.models.experts import State, opinion_loss, seeded, state_of, unit_weights
from ml.models.loop import LoopParams, Share, fit
from ml.models.networks import LEVEL_COUNT, ContextBatch, ContextNetwork, NetworkConfig, squashed

LONGEST_RUN = 512
"""Longer runs are cut: a unit at a cut loses its context, in exchange for memory that does not grow with the film."""

HIGHEST_RATE = 2e-3


@dataclass(frozen=True)
class ContextParams:
    """How the context network learns; a step sees all runs of neighbouring units and `singles` of the units that stand alone.

    `transformer_rate` is the learning rate of the transformer at 250 labelled units in dialogue; it grows with the root of their number.
    """

    steps: int = 120
    every: int = 10
    learning_rate: float = 3e-3
    transformer_rate: float = 2e-4
    weight_decay: float = 1.0
    ema: float = 0.95
    balance: float = 0.5
    drop_modality: float = 0.25
    drop_unit: float = 0.15
    reaction_weight: float = 0.5
    singles: int = 512


@dataclass(frozen=True)
class Opinions:
    """What the experts say of n units: calibrated log-probabilities (n, 3, 7), levels (n, 3, 3), which are there (n, 3), and the
    log-shares of the emotions in each unit's source (n, 7).
    """

    log_p: FloatArray
    levels: FloatArray
    present: BoolArray
    prior: FloatArray

    def only(self, modalities: tuple[int, ...]) -> Opinions:
        """The same with no other modality than these."""
        kept = np.isin(np.arange(len(MODALITIES)), modalities)
        return Opinions(self.log_p, self.levels, self.present & kept, self.prior)

    def placed(self, rows: IntArray, places: IntArray) -> Opinions:
        """The same with what is said of `rows` standing at `places`; scene, speaker and neighbourhood of a place stay its own."""
        moved = np.arange(len(self.present))
        moved[places] = rows
        return Opinions(self.log_p[moved], self.levels[moved], self.present[moved], self.prior[moved])


@dataclass(frozen=True)
class ContextRun:
    """The best state by validation loss, and the losses by checkpoint."""

    state: State
    training_loss: list[float]
    validation_loss: list[float]

    def arrays(self) -> Arrays:
        """All of it by name, as a store keeps it."""
        losses = {"training": np.array(self.training_loss), "validation": np.array(self.validation_loss)}
        return losses | {f"state/{name}": array for name, array in self.state.items()}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> ContextRun:
        """The run that `arrays` made them of."""
        state = {name.removeprefix("state/"): array for name, array in arrays.items() if name.startswith("state/")}
        return cls(state, arrays["training"].tolist(), arrays["validation"].tolist())


@dataclass(frozen=True)
class Joined:
    """What the context network says of n units: emotion logits (n, 7), levels (n, 3), logits of the next unit's emotion (n, 7)."""

    logits: FloatArray
    levels: FloatArray
    reaction: FloatArray


def runs_of(data: UnitArrays, rows: IntArray, alone: bool = False) -> list[IntArray]:
    """Rows in runs of neighbours, each in order of place; with `alone` every unit is a run of its own."""
    if alone:
        return [rows[i : i + 1] for i in range(len(rows))]
    order = rows[np.lexsort((data.place[rows], data.sequence[rows]))]
    edges = np.flatnonzero(np.diff(data.sequence[order])) + 1
    return [run[i : i + LONGEST_RUN] for run in np.split(order, edges) for i in range(0, len(run), LONGEST_RUN)]


def shuffled_places(data: UnitArrays, rows: IntArray, seed: int) -> IntArray:
    """For each of `rows` the row of another unit of its run, in a random order: who stands there has other neighbours. Each place is
    taken once; a unit that stands alone keeps its own.
    """
    rng, places = np.random.default_rng(seed), np.arange(len(data))
    for run in runs_of(data, rows):
        order = rng.permutation(run)
        places[order] = np.roll(order, 1)
    return places[rows]


def padded(runs: list[IntArray]) -> IntArray:
    """Rows (b, t), -1 in the padding."""
    table = np.full((len(runs), max(len(run) for run in runs)), -1, np.int64)
    for i, run in enumerate(runs):
        table[i, : len(run)] = run
    return table


def context_batch(data: UnitArrays, opinions: Opinions, table: IntArray, present: BoolArray | None = None) -> ContextBatch:
    """Runs as the network takes them: rows (b, t), -1 in the padding, with other presence (n, 3) than the opinions' own where given."""
    present = (opinions.present if present is None else present)[table] & (table >= 0)[..., None]
    return ContextBatch(
        opinions=torch.from_numpy(np.where(present[..., None], np.nan_to_num(opinions.log_p[table]), opinions.prior[table][..., None, :])),
        levels=torch.from_numpy(np.where(present[..., None], np.nan_to_num(opinions.levels[table]), 0).astype(np.float32)),
        present=torch.from_numpy(present.astype(np.float32)),
        prior=torch.from_numpy(opinions.prior[table]),
        speaker=torch.from_numpy(data.speaker[table]),
        scene=torch.from_numpy(data.scene[table]),
        real=torch.from_numpy(table >= 0),
    )


def train_context(
    data: UnitArrays,
    opinions: Opinions,
    train_rows: IntArray,
    validation_rows: IntArray,
    params: ContextParams,
    config: NetworkConfig,
    seed: int,
) -> ContextRun:
    """Learn on the runs of the training rows and keep the state that is best on the validation rows."""
    with seeded(seed):
        network = ContextNetwork(config)
    network.transitions.start_from(torch.from_numpy(transition_counts(data, train_rows)))
    feed, validation = (_Feed(data, opinions, rows, params) for rows in (train_rows, validation_rows))
    learner = _Learner(network, feed, validation, params, _in_dialogue(data, train_rows))
    found = fit(learner, LoopParams(params.steps // params.every, params.learning_rate, ema=params.ema), seed)
    return ContextRun(state_of(network), found.losses, found.validation)


def _in_dialogue(data: UnitArrays, rows: IntArray) -> int:
    """How many labelled units have a neighbour."""
    return int((np.isfinite(data.soft[rows, 0]) & (data.next_row[rows] >= 0)).sum())


class _Learner:
    """The context network with its feeds for the common loop; a batch is all that one step sees."""

    def __init__(self, network: ContextNetwork, feed: _Feed, validation: _Feed, params: ContextParams, in_dialogue: int) -> None:
        self.network, self.feed, self.validation, self.params, self.in_dialogue = network, feed, validation, params, in_dialogue

    def groups(self, params: LoopParams) -> list[dict[str, object]]:
        """The few figures of the hidden Markov model learn fast; the transformer slowly and kept small, since films are few."""
        network, own = self.network, self.params
        quick = [network.trust, network.bias, network.heed, network.transitions.logits]
        slow = [p for p in network.parameters() if all(p is not other for other in quick)]
        rate = min(own.transformer_rate * (self.in_dialogue / 250) ** 0.5, HIGHEST_RATE)
        return [
            {"params": quick, "lr": params.learning_rate, "weight_decay": 0.0},
            {"params": slow, "lr": rate, "weight_decay": own.weight_decay},
        ]

    @property
    def batches_each(self) -> int:
        """Steps between two looks at the validation films."""
        return self.params.every

    def batches(self, share: Share) -> Iterator[list[IntArray]]:
        """The tables of each step, whole in every process: films are too few to be shared out."""
        for _ in range(self.params.every):
            yield list(self.feed.tables())

    def loss(self, network: torch.nn.Module, batch: list[IntArray]) -> tuple[Tensor, float]:
        """The step's loss, whole as it is."""
        return torch.stack([self.feed.loss(network, table, augment=True) for table in batch]).sum(), 1.0

    def validate(self, network: torch.nn.Module) -> float:
        """Loss on the validation rows with all that they have."""
        feed = self.validation
        tables = ([padded(feed.runs)] if feed.runs else []) + ([feed.singles[:, None]] if len(feed.singles) else [])
        return sum(float(feed.loss(network, table, augment=False)) for table in tables)


def transition_counts(data: UnitArrays, rows: IntArray) -> FloatArray:
    """How often a gold emotion (row) is followed by another (column) within a scene, (7, 7): soft labels would blur what follows what."""
    here = rows[data.next_row[rows] >= 0]
    pairs = np.stack([data.label[here], data.label[data.next_row[here]]])
    first, second = pairs[:, (pairs >= 0).all(axis=0)]
    counts = np.zeros((len(EMOTIONS), len(EMOTIONS)), np.float32)
    np.add.at(counts, (first, second), 1)
    return counts


class _Feed:
    """Training runs, and the loss on a table of them."""

    def __init__(self, data: UnitArrays, opinions: Opinions, rows: IntArray, params: ContextParams) -> None:
        self.data, self.opinions, self.params = data, opinions, params
        rows = rows[opinions.present[rows].any(axis=1)]
        runs = runs_of(data, rows)
        self.runs = [run for run in runs if len(run) > 1]
        self.singles = np.array([run[0] for run in runs if len(run) == 1], np.int64)
        labelled = rows[np.isfinite(data.soft[rows, 0])]
        self.weight = np.zeros(len(data), np.float32)
        self.weight[labelled] = unit_weights(data.soft[labelled], data.source[labelled], params.balance) / max(len(labelled), 1)

    def tables(self) -> Iterator[IntArray]:
        """The tables of one step."""
        if self.runs:
            yield padded(self.runs)
        if len(self.singles):
            pick = torch.randperm(len(self.singles))[: self.params.singles].numpy()
            yield self.singles[pick][:, None]

    def loss(self, network: torch.nn.Module, table: IntArray, augment: bool) -> Tensor:
        """Weighted loss of all heads over a table of rows (b, t)."""
        present = _dropped(self.opinions.present, table, self.params) if augment else None
        output = network(context_batch(self.data, self.opinions, table, present))
        scale = len(self.singles) / len(table) if table.shape[1] == 1 and len(self.singles) else 1.0
        weight = torch.from_numpy(np.where(table >= 0, self.weight[table], 0) * np.float32(scale)).flatten()
        soft = torch.from_numpy(np.nan_to_num(self.data.soft[table])).flatten(0, 1)
        gold = torch.from_numpy(np.where(table[..., None] >= 0, self.data.levels[table], np.nan).astype(np.float32)).flatten(0, 1)
        loss = opinion_loss(output.emotion.flatten(0, 1), output.levels.flatten(0, 1), soft, gold, weight * weight.numel())
        following, there = _following(self.data, table)
        cross = -(torch.from_numpy(following) * output.reaction.log_softmax(-1)).sum(-1)
        reaction = (cross * torch.from_numpy(there)).sum() / max(float(there.sum()), 1.0)
        return loss + self.params.reaction_weight * reaction


def _dropped(present: BoolArray, table: IntArray, params: ContextParams) -> BoolArray:
    """Presence with whole modalities of a run and single ones of a unit taken away, never all that a unit has."""
    dropped = present.copy()
    b, t = table.shape
    whole = torch.rand(b, 1, len(MODALITIES)) < params.drop_modality
    single = torch.rand(b, t, len(MODALITIES)) < params.drop_unit
    kept = present[table] & ~(whole | single).numpy()
    empty = ~kept.any(axis=2)
    kept[empty] = present[table][empty]
    dropped[table[table >= 0]] = kept[table >= 0]
    return dropped


def _following(data: UnitArrays, table: IntArray) -> tuple[FloatArray, npt.NDArray[np.float32]]:
    """Soft labels (b, t, 7) of the following units and 1 where there is one."""
    after = np.where(table >= 0, data.next_row[table], -1)
    soft = data.soft[after]
    there = (after >= 0) & np.isfinite(soft[..., 0])
    return np.where(there[..., None], np.nan_to_num(soft), 0).astype(np.float32), there.astype(np.float32)


def join(states: list[State], data: UnitArrays, opinions: Opinions, rows: IntArray, config: NetworkConfig, alone: bool = False) -> Joined:
    """The mean opinion of several context networks on `rows`; with `alone` each unit is seen without its neighbours."""
    network = ContextNetwork(config).eval()
    emotion, reaction = (np.zeros((len(data), len(EMOTIONS)), np.float32) for _ in range(2))
    levels = np.zeros((len(data), LEVEL_COUNT), np.float32)
    runs = sorted(runs_of(data, rows, alone), key=len)
    tables = [padded(runs[i : i + 64]) for i in range(0, len(runs), 64)]
    for state in states:
        network.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
        for table in tables:
            with torch.no_grad():
                output = network(context_batch(data, opinions, table))
            real = table >= 0
            emotion[table[real]] += output.emotion.log_softmax(-1).numpy()[real] / len(states)
            levels[table[real]] += squashed(output.levels).numpy()[real] / len(states)
            reaction[table[real]] += output.reaction.log_softmax(-1).numpy()[real] / len(states)
    return Joined(emotion[rows], levels[rows], reaction[rows])
