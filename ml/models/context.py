"""Training and use of the context network: from the experts' opinions of each unit to the emotion of a unit in its dialogue.

It learns from opinions that experts stated on films they had not seen, so that it knows how far each can be trusted; whole modalities
and single ones are dropped at random, so that any subset works later. The best state on validation films is kept.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from corpus.chunks import Arrays
from corpus.statistics import label_counts
from corpus.terms import EMOTIONS, MODALITIES
from ml.models.cast import PRESENT
from ml.models.dataset import FACE, BoolArray, FloatArray, IntArray, OfUnits, UnitArrays
from ml.models.experts import State, opinion_loss, seeded, state_of, unit_weights
from ml.models.loop import LoopParams, Share, fit, headed, under
from ml.models.networks import LEVEL_COUNT, ContextBatch, ContextNetwork, NetworkConfig, squashed

LONGEST_RUN = 512
"""Longer runs are cut: a unit at a cut loses its context, in exchange for memory that does not grow with the film."""

HIGHEST_RATE = 2e-3


@dataclass(frozen=True)
class ContextParams:
    """How the context network learns; a step sees of each source's runs of neighbouring units so many that their pairs of units are at
    most `pairs` (64 runs of 64, one of 512; all where there are fewer), and `singles` of the units that stand alone.

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
    pairs: int = 512 * 512
    singles: int = 512


@dataclass(frozen=True)
class Opinions(OfUnits):
    """What the experts say of n units: calibrated log-probabilities (n, 3, 7), levels (n, 3, 3), which are there (n, 3), and the
    log-shares of the emotions in each unit's source (n, 7); log-probabilities of the face that listens to it (n, 7), and whether one is
    seen (n,).
    """

    log_p: FloatArray
    levels: FloatArray
    present: BoolArray
    prior: FloatArray
    listening: FloatArray
    listened: BoolArray

    def only(self, modalities: tuple[int, ...]) -> Opinions:
        """The same with no other modality than these."""
        kept = np.isin(np.arange(len(MODALITIES)), modalities)
        return dataclasses.replace(self, present=self.present & kept, listened=self.listened & kept[FACE])

    def placed(self, rows: IntArray, places: IntArray) -> Opinions:
        """The same with what is said of `rows` standing at `places`; scene, speaker and neighbourhood of a place stay its own."""
        moved = np.arange(len(self.present))
        moved[places] = rows
        return self.part(moved)


@dataclass(frozen=True)
class ContextRun:
    """The best state by validation loss, and the losses by checkpoint."""

    state: State
    training_loss: list[float]
    validation_loss: list[float]

    def arrays(self) -> Arrays:
        """All of it by name, as a store keeps it."""
        losses = {"training": np.array(self.training_loss), "validation": np.array(self.validation_loss)}
        return losses | headed("state", self.state)

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> ContextRun:
        """The run that `arrays` made them of."""
        return cls(under("state", arrays), arrays["training"].tolist(), arrays["validation"].tolist())


@dataclass(frozen=True)
class Joined(OfUnits):
    """What the context network says of n units: emotion logits (n, 7), levels (n, 3), logits of the next unit's emotion (n, 7), and of what
    each character present feels when they speak next (n, PRESENT, 7), NaN for nobody; `past` (n, 7) are logits of the emotion as told by
    what came up to the unit alone.
    """

    logits: FloatArray
    levels: FloatArray
    reaction: FloatArray
    characters: FloatArray
    past: FloatArray

    @classmethod
    def blank(cls, n: int) -> Joined:
        """Nothing said of n units."""
        seven = (len(EMOTIONS),)
        shapes = (seven, (LEVEL_COUNT,), seven, (PRESENT, *seven), seven)
        return cls(*(np.full((n, *shape), np.nan, np.float32) for shape in shapes))


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


def context_batch(data: UnitArrays, opinions: Opinions, table: IntArray) -> ContextBatch:
    """Runs as the network takes them: rows (b, t), -1 in the padding."""
    present, listened = opinions.present[table] & (table >= 0)[..., None], opinions.listened[table] & (table >= 0)
    prior = opinions.prior[table]
    return ContextBatch(
        opinions=torch.from_numpy(np.where(present[..., None], np.nan_to_num(opinions.log_p[table]), prior[..., None, :])),
        levels=torch.from_numpy(np.where(present[..., None], np.nan_to_num(opinions.levels[table]), 0).astype(np.float32)),
        present=torch.from_numpy(present.astype(np.float32)),
        prior=torch.from_numpy(prior),
        listening=torch.from_numpy(np.where(listened[..., None], np.nan_to_num(opinions.listening[table]), prior)),
        listened=torch.from_numpy(listened),
        listener=torch.from_numpy(data.listener[table]),
        speaker=torch.from_numpy(data.speaker[table]),
        scene=torch.from_numpy(data.scene[table]),
        when=torch.from_numpy(data.when[table]),
        spoke=torch.from_numpy(_spoke(data, table)),
        real=torch.from_numpy(table >= 0),
    )


def _spoke(data: UnitArrays, table: IntArray) -> IntArray:
    """Where in its run each character present spoke last (b, t, PRESENT); -1 for nobody, and for who spoke before the run was cut."""
    run, place = (np.full(len(data), -1, np.int64) for _ in range(2))
    there = table >= 0
    run[table[there]], place[table[there]] = np.nonzero(there)
    last = np.where(there[..., None], data.last_of[table], -1)
    known = (last >= 0) & (run[last] == np.arange(len(table))[:, None, None])
    return np.where(known, place[last], -1)


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
    network.characters.start_from(*(torch.from_numpy(counts) for counts in character_counts(data, train_rows)))
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
        """The few figures of the hidden Markov model learn fast; the transformer slowly and kept small, since films are few; what the
        characters' tables begin with, counted, hardly changes, since each of their cells is met a few times.
        """
        network, own = self.network, self.params
        quick = [network.trust, network.bias, network.heed, network.transitions.logits, network.carried.logits]
        counted = [network.characters.own, network.characters.heard, network.characters.heed]
        slow = [p for p in network.parameters() if all(p is not other for other in (*quick, *counted))]
        rate = min(own.transformer_rate * (self.in_dialogue / 250) ** 0.5, HIGHEST_RATE)
        return [
            {"params": quick, "lr": params.learning_rate, "weight_decay": 0.0},
            {"params": counted, "lr": rate, "weight_decay": 0.0},
            {"params": slow, "lr": rate, "weight_decay": own.weight_decay},
        ]

    @property
    def batches_each(self) -> int:
        """Steps between two looks at the validation films."""
        return self.params.every

    def batches(self, share: Share) -> Iterator[list[_Table]]:
        """The tables of each step, whole in every process: films are too few to be shared out."""
        for _ in range(self.params.every):
            yield list(self.feed.tables())

    def loss(self, network: torch.nn.Module, batch: list[_Table]) -> tuple[Tensor, float]:
        """The step's loss, whole as it is."""
        return torch.stack([self.feed.loss(network, table, augment=True) for table in batch]).sum(), 1.0

    def validate(self, network: torch.nn.Module) -> float:
        """Loss on the validation rows with all that they have."""
        feed = self.validation
        return sum(float(feed.loss(network, table, augment=False)) for table in feed.whole())


def transition_counts(data: UnitArrays, rows: IntArray) -> FloatArray:
    """How often a gold emotion (row) is followed by another (column) within a scene, (7, 7): soft labels would blur what follows what."""
    return _counted(data, rows, data.next_row[rows])


def character_counts(data: UnitArrays, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """How often a character's next gold emotion (column) follows their own (row), and how often an addressee's answers the speaker's."""
    last, following = data.last_of[rows], data.next_of[rows]
    return _counted(data, last.ravel(), following.ravel()), _counted(data, rows, following[:, 1])


def _counted(data: UnitArrays, rows: IntArray, following: IntArray) -> FloatArray:
    there = (rows >= 0) & (following >= 0)
    pairs = np.stack([data.label[rows[there]], data.label[following[there]]])
    first, second = pairs[:, (pairs >= 0).all(axis=0)]
    return label_counts(first, second, len(EMOTIONS), len(EMOTIONS)).astype(np.float32)


@dataclass(frozen=True)
class _Table:
    """Rows (b, t) of runs, -1 in the padding, each of which stands for `scale` runs."""

    rows: IntArray
    scale: float = 1.0


class _Feed:
    """Training runs, and the loss on a table of them."""

    def __init__(self, data: UnitArrays, opinions: Opinions, rows: IntArray, params: ContextParams) -> None:
        self.data, self.opinions, self.params = data, opinions, params
        rows = rows[opinions.present[rows].any(axis=1)]
        runs = runs_of(data, rows)
        by_source: dict[int, list[IntArray]] = {}
        for run in runs:
            if len(run) > 1:
                by_source.setdefault(int(data.source[run[0]]), []).append(run)
        self.runs = [by_source[source] for source in sorted(by_source)]
        self.singles = np.array([run[0] for run in runs if len(run) == 1], np.int64)
        labelled = rows[np.isfinite(data.soft[rows, 0])]
        self.weight = np.zeros(len(data), np.float32)
        self.weight[labelled] = unit_weights(data.soft[labelled], data.source[labelled], params.balance) / max(len(labelled), 1)

    def tables(self) -> Iterator[_Table]:
        """The tables of one step: runs and units drawn by source, since one with many would hold up every step."""
        for own in self.runs:
            pick = self._drawn(own)
            yield _Table(padded(pick), len(own) / len(pick))
        if len(self.singles):
            alone = self.singles[torch.randperm(len(self.singles))[: self.params.singles].numpy()]
            yield _Table(alone[:, None], len(self.singles) / len(alone))

    def _drawn(self, runs: list[IntArray]) -> list[IntArray]:
        """Some runs, or all where they are not too much for a step: attention costs by pairs."""
        if len(runs) * max(map(len, runs)) ** 2 <= self.params.pairs:
            return runs
        longest, drawn = 0, list[IntArray]()
        for i in torch.randperm(len(runs)).tolist():
            longest = max(longest, len(runs[i]))
            if drawn and (len(drawn) + 1) * longest**2 > self.params.pairs:
                break
            drawn.append(runs[i])
        return drawn

    def whole(self) -> list[_Table]:
        """All that there is."""
        alone = [_Table(self.singles[:, None])] if len(self.singles) else []
        return [_Table(padded(own)) for own in self.runs] + alone

    def loss(self, network: torch.nn.Module, of: _Table, augment: bool) -> Tensor:
        """Weighted loss of all heads over a table."""
        table = of.rows
        opinions = _dropped(self.opinions, table, self.params) if augment else self.opinions
        output = network(context_batch(self.data, opinions, table))
        weight = torch.from_numpy(np.where(table >= 0, self.weight[table], 0) * np.float32(of.scale)).flatten()
        soft = torch.from_numpy(np.nan_to_num(self.data.soft[table])).flatten(0, 1)
        gold = torch.from_numpy(np.where(table[..., None] >= 0, self.data.levels[table], np.nan).astype(np.float32)).flatten(0, 1)
        loss = opinion_loss(output.emotion.flatten(0, 1), output.levels.flatten(0, 1), soft, gold, weight * weight.numel())
        there = table >= 0
        reaction = self._foreseen(output.reaction, np.where(there, self.data.next_row[table], -1))
        known = there[..., None] & (_spoke(self.data, table) >= 0)
        characters = self._foreseen(output.characters, np.where(known, self.data.next_of[table], -1))
        return loss + self.params.reaction_weight * (reaction + characters)

    def _foreseen(self, logits: Tensor, rows: IntArray) -> Tensor:
        """Mean cross-entropy of logits (..., 7) against the soft labels of `rows` (...), where there is one with a label."""
        soft = self.data.soft[rows]
        there = (rows >= 0) & np.isfinite(soft[..., 0])
        target = torch.from_numpy(np.where(there[..., None], soft, 0).astype(np.float32))
        return -(target * logits.log_softmax(-1)).sum() / max(int(there.sum()), 1)


def _dropped(opinions: Opinions, table: IntArray, params: ContextParams) -> Opinions:
    """Without whole modalities of a run and single ones of a unit, never all that a unit has; and without some of those who listen."""
    present, listened = opinions.present.copy(), opinions.listened.copy()
    b, t = table.shape
    whole = torch.rand(b, 1, len(MODALITIES)) < params.drop_modality
    single = torch.rand(b, t, len(MODALITIES)) < params.drop_unit
    kept = present[table] & ~(whole | single).numpy()
    empty = ~kept.any(axis=2)
    kept[empty] = present[table][empty]
    present[table[table >= 0]] = kept[table >= 0]
    unseen = (whole[..., FACE] | (torch.rand(b, t) < params.drop_unit)).numpy()
    listened[table[(table >= 0) & unseen]] = False
    return dataclasses.replace(opinions, present=present, listened=listened)


class Ensemble:
    """Several context networks of one shape that are asked together: their weights lie side by side, and one pass answers for all, in a
    third of the time. For any number of threads, one at a time.
    """

    def __init__(self, networks: Sequence[ContextNetwork]) -> None:
        self.networks = [network.eval() for network in networks]
        self._weights = stack_module_state(list(self.networks))
        self._shape = copy.deepcopy(self.networks[0]).to("meta")
        self._lock = Lock()

    @classmethod
    def of(cls, states: Sequence[State], config: NetworkConfig) -> Ensemble:
        """Networks with these weights; RuntimeError where they are of another shape."""
        networks = [ContextNetwork(config) for _ in states]
        for network, state in zip(networks, states, strict=True):
            network.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
        return cls(networks)

    def answer(self, batch: ContextBatch) -> list[FloatArray]:
        """The parts of `Joined` that the networks say of a batch in the mean, (b, t, ...) each."""

        def ask(parameters: dict[str, Tensor], buffers: dict[str, Tensor]) -> tuple[Tensor, ...]:
            output = functional_call(self._shape, (parameters, buffers), (batch,))
            logits = [part.log_softmax(-1) for part in (output.emotion, output.reaction, output.characters, output.past)]
            return logits[0], squashed(output.levels), *logits[1:]

        with self._lock, torch.no_grad():
            return [part.mean(0).numpy() for part in vmap(ask)(*self._weights)]


def join(networks: Ensemble, data: UnitArrays, opinions: Opinions, rows: IntArray, alone: bool = False) -> Joined:
    """The mean opinion of several context networks on `rows`; with `alone` each unit is seen without its neighbours."""
    runs = sorted(runs_of(data, rows, alone), key=len)
    said = Joined.blank(len(data))
    for table in [padded(runs[i : i + 64]) for i in range(0, len(runs), 64)]:
        batch, real = context_batch(data, opinions, table), table >= 0
        mean = Joined(*(part[real] for part in networks.answer(batch)))
        mean.characters[batch.spoke.numpy()[real] < 0] = np.nan
        said.put(table[real], mean)
    return said.part(rows)
