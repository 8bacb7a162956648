"""Training of the experts: one modality each, deterministic by seed.

A run learns from the training rows and states its logits on the test rows at several checkpoints, so that the caller can stop early on
validation films without a run of its own. Few rows ask for strong regularisation: noise, mixup, augmented crops, weight decay, and
averaged weights (EMA), which also make every checkpoint usable as it stands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from corpus.chunks import Arrays, ChunkStore, content_digest
from corpus.terms import EMOTIONS, FaceNetwork
from corpus.threads import one_torch_thread
from ml.models.dataset import CROP_PX, CROPS, FACE, VOICE, BoolArray, FloatArray, IntArray, OfUnits, Standardiser, UnitArrays
from ml.models.face.augment import augment_crops
from ml.models.face.seen import see
from ml.models.face.track import TrackEncoder, mean_and_peak
from ml.models.loop import LoopParams, Share, by_number, fit, headed, under
from ml.models.networks import LEVEL_COUNT, CropEncoder, Expert, NetworkConfig, squashed

AFFECT_WEIGHT = 0.2
FINE_TUNING = 0.1
"""The learning rate of weights that a backbone brings, as a share of that of new ones."""

MIN_JUDGED = 8
"""A concordance over fewer units says nothing of how a network orders them."""

State = dict[str, npt.NDArray[np.float32]]
"""A network's weights by name."""


@dataclass(frozen=True)
class ExpertParams:
    """How one expert learns. `balance` is the power of inverse class frequency in the loss, `noise` is in standard deviations."""

    epochs: int = 48
    checkpoints: int = 8
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    batch: int = 32
    noise: float = 0.2
    mixup: float = 0.3
    balance: float = 0.5
    crops_each: int = 4
    ema: float = 0.97


@dataclass(frozen=True)
class ExpertJob:
    """One run: which modality, the rows to learn from and to state opinions on, and the seed."""

    modality: int
    train_rows: IntArray
    test_rows: IntArray
    seed: int
    epochs: int | None = None

    @property
    def digest(self) -> str:
        """Of all of it."""
        return content_digest(str((self.modality, self.seed, self.epochs)), self.train_rows, self.test_rows)


@dataclass(frozen=True)
class Stated(OfUnits):
    """What an expert says of n units: logits (n, 7), levels before `squashed` (n, 3), NaN where the modality is absent, and logits (n, 7)
    of the faces of those who listen, NaN where nobody is seen and of other modalities.
    """

    logits: FloatArray
    levels: FloatArray
    listening: FloatArray

    @classmethod
    def blank(cls, n: int) -> Stated:
        """Nothing said of n units."""
        return cls(*(np.full((n, width), np.nan, np.float32) for width in (len(EMOTIONS), LEVEL_COUNT, len(EMOTIONS))))

    @classmethod
    def mean(cls, each: list[Stated]) -> Stated:
        """Of several experts' words."""
        return cls(*(np.mean(parts, axis=0) for parts in zip(*(one.parts() for one in each), strict=True)))


@dataclass(frozen=True)
class ExpertRun:
    """Logits (checkpoints, n, 7) and levels (checkpoints, n, 3) on the test rows, the logits of a face's expert on those who listen to them
    (checkpoints, n, 7), training loss by epoch, and the trained parts.

    `checkpoints` are the weights as they stated their opinions: what they say of the same units without a part, or disturbed, is asked of
    them later.
    """

    logits: FloatArray
    levels: FloatArray
    listening: FloatArray
    losses: list[float]
    state: State
    standardiser: Standardiser
    checkpoints: list[State]

    def stated(self, checkpoint: int, of: BoolArray) -> Stated:
        """What was said at a checkpoint of some of the test rows (n,)."""
        return Stated(*(part[checkpoint, of] for part in (self.logits, self.levels, self.listening)))

    def arrays(self) -> Arrays:
        """All of it by name, as a store keeps it."""
        own = {"logits": self.logits, "levels": self.levels, "listening": self.listening, "losses": np.array(self.losses)}
        scaled = {"mean": self.standardiser.mean, "scale": self.standardiser.scale}
        stated = headed("checkpoint", {f"{i}/{name}": array for i, state in enumerate(self.checkpoints) for name, array in state.items()})
        return own | scaled | stated | headed("state", self.state)

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> ExpertRun:
        """The run that `arrays` made them of."""
        state, losses = under("state", arrays), arrays["losses"].tolist()
        standardiser = Standardiser(arrays["mean"], arrays["scale"])
        stated = [checkpoint for _, checkpoint in sorted(by_number(under("checkpoint", arrays)).items())]
        return cls(arrays["logits"], arrays["levels"], arrays["listening"], losses, state, standardiser, stated)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """One thread and a seeded generator inside, both as before afterwards: the same numbers on every machine of the kind."""
    with torch.random.fork_rng(devices=[]), one_torch_thread():
        torch.manual_seed(seed)
        yield


def raw_features(data: UnitArrays, modality: int, rows: IntArray) -> FloatArray:
    """Raw features (n, d) of some units in a modality; the voice's measures come before what the speech network hears."""
    if modality == VOICE:
        return np.concatenate([data.voice[rows], data.speech[rows]], axis=1)
    return (data.face if modality == FACE else data.text)[rows]


def make_expert(modality: int, features: int, sources: int, config: NetworkConfig, speech: int) -> Expert:
    """An untrained expert for a modality with `features` columns, of which the voice's last `speech` are the speech network's."""
    if modality == FACE:
        small = config.face_network is FaceNetwork.SMALL
        encoder = CropEncoder(config) if small else TrackEncoder(config.face_width, config.dropout)
        return Expert(features, config.face_width, config.dropout, sources, encoder)
    if modality == VOICE:
        return Expert(features, config.voice_width, config.dropout, sources, wide=speech)
    return Expert(features, config.text_width, config.dropout, sources)


def with_maps(data: UnitArrays, config: NetworkConfig, store: ChunkStore | None = None, views: int = 1) -> UnitArrays:
    """The same units with what the backbone's frozen layers see in the crops, where the configured network reads it."""
    if config.face_network is FaceNetwork.SMALL or len(data.maps):
        return data
    return dataclasses.replace(data, maps=see(data.crops, data.crop_mask, views, store))


def unit_weights(soft: FloatArray, source: IntArray, balance: float) -> FloatArray:
    """Loss weight of each unit, mean 1: rare emotions count more by `balance`, and a source by the square root of its size."""
    weights = np.ones(len(soft), np.float32)
    for one in np.unique(source):
        own = source == one
        share = soft[own].mean(axis=0) + 1e-3
        weights[own] = (soft[own] * (share.mean() / share) ** balance).sum(axis=1)
        weights[own] /= weights[own].mean() * np.sqrt(own.sum())
    return weights / weights.mean()


def train_expert(data: UnitArrays, job: ExpertJob, params: ExpertParams, config: NetworkConfig) -> ExpertRun:
    """Train on the job's labelled rows that have the modality and state opinions on its test rows."""
    rows = job.train_rows[data.present[job.train_rows, job.modality] & np.isfinite(data.soft[job.train_rows, 0])]
    features = raw_features(data, job.modality, rows)
    standardiser = Standardiser.fit(features)
    with seeded(job.seed):
        network = make_expert(job.modality, features.shape[1], int(data.source.max()) + 1, config, data.speech.shape[1])
    learner = _Learner(network, data, job, rows, standardiser, params)
    loop = LoopParams(job.epochs or params.epochs, params.learning_rate, params.weight_decay, ema=params.ema)
    found = fit(learner, loop, job.seed)
    stated = learner.stated or [Stated.blank(len(job.test_rows))]
    logits, levels, listening = (np.stack(parts)[: len(learner.stated)] for parts in zip(*(one.parts() for one in stated), strict=True))
    return ExpertRun(
        logits,
        levels,
        listening,
        found.losses,
        state_of(network),
        standardiser,
        learner.checkpoints,
    )


def state_of(network: torch.nn.Module) -> State:
    """A copy of the weights."""
    return {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}


def checkpoint_epochs(params: ExpertParams) -> list[int]:
    """The number of epochs behind each checkpoint."""
    every = max(params.epochs // params.checkpoints, 1)
    return [every * (i + 1) for i in range(min(params.checkpoints, params.epochs // every))]


@contextmanager
def in_use(network: torch.nn.Module) -> Iterator[None]:
    """Without dropout and gradients inside, as before afterwards."""
    trains = network.training
    if trains:
        network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if trains:
            network.train()


def state_opinions(
    network: Expert, data: UnitArrays, modality: int, standardiser: Standardiser, rows: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Logits (n, 7) and levels before `squashed` (n, 3) of a trained expert on `rows`; NaN where the modality is absent."""
    logits = np.full((len(rows), len(EMOTIONS)), np.nan, np.float32)
    levels = np.full((len(rows), LEVEL_COUNT), np.nan, np.float32)
    there = np.flatnonzero(data.present[rows, modality])
    with in_use(network):
        for chunk in _at_once(there):
            own = rows[chunk]
            features = torch.from_numpy(standardiser.apply(raw_features(data, modality, own)))
            crops, mask = _shown(network, data, own) if modality == FACE else (None, None)
            emotion, level = network(features, torch.from_numpy(data.source[own]), crops, mask)
            logits[chunk], levels[chunk] = emotion.numpy(), level.numpy()
    return logits, levels


def _at_once(rows: IntArray) -> list[IntArray]:
    """Rows in parts of at most 256, none where there is none."""
    return np.array_split(rows, -(-len(rows) // 256)) if len(rows) else []


def state_all(network: Expert, data: UnitArrays, modality: int, standardiser: Standardiser, rows: IntArray) -> Stated:
    """All that a trained expert says of `rows`."""
    logits, levels = state_opinions(network, data, modality, standardiser, rows)
    if modality != FACE:
        return Stated(logits, levels, np.full_like(logits, np.nan))
    return Stated(logits, levels, state_opinions(network, data.listening(), FACE, standardiser, rows)[0])


def _shown(network: Expert, data: UnitArrays, rows: IntArray) -> tuple[Tensor, Tensor]:
    """All crops of some units as the expert takes them, and their mask."""
    if isinstance(network.crops, TrackEncoder):
        every = np.tile(np.arange(CROPS), (len(rows), 1))
        return gather_maps(data, rows, every, np.zeros_like(every))
    return gather_crops(data, rows)


def gather_maps(data: UnitArrays, rows: IntArray, pick: IntArray, view: IntArray) -> tuple[Tensor, Tensor]:
    """Maps (b, k, channels, h, w) of the crops `pick` (b, k) of some units, each in its `view` (b, k), and mask (b, k); zeros without."""
    at = data.crop_row[rows]
    there = at >= 0
    found = np.zeros((*pick.shape, *data.maps.shape[3:]), np.float32)
    found[there] = data.maps[at[there, None], pick[there], view[there]]
    mask = np.zeros(pick.shape, bool)
    mask[there] = data.crop_mask[at[there, None], pick[there]]
    return torch.from_numpy(found), torch.from_numpy(mask)


def state_without_crops(network: Expert, data: UnitArrays, standardiser: Standardiser, rows: IntArray) -> FloatArray:
    """Logits (n, 8, 7) of a trained face expert with each of a unit's crops left out in turn; NaN where there is no such crop.

    A crop is read by itself before all are pooled, so that leaving one out costs a pooling and no convolution. What the face features
    measured of the pictures stays.
    """
    logits = np.full((len(rows), CROPS, len(EMOTIONS)), np.nan, np.float32)
    there = np.flatnonzero(data.present[rows, FACE] & (data.crop_row[rows] >= 0))
    with in_use(network):
        for chunk in _at_once(there):
            logits[chunk] = _without_each(network, data, standardiser, rows[chunk])
    return logits


def _without_each(network: Expert, data: UnitArrays, standardiser: Standardiser, rows: IntArray) -> FloatArray:
    assert network.crops is not None
    features = torch.from_numpy(standardiser.apply(raw_features(data, FACE, rows)))
    source, (crops, mask) = torch.from_numpy(data.source[rows]), _shown(network, data, rows)
    each, logits = network.crops.each(crops), torch.full((len(rows), CROPS, len(EMOTIONS)), torch.nan)
    for place in range(CROPS):
        rest = mask & (torch.arange(CROPS) != place)
        logits[:, place] = network.read(features, source, mean_and_peak(each, rest))[0]
    return np.where(mask[..., None], logits, np.nan).astype(np.float32)


def gather_crops(data: UnitArrays, rows: IntArray) -> tuple[Tensor, Tensor]:
    """Crops (b, 8, 48, 48) in 0..1 and mask (b, 8) of some units; zeros for a unit without."""
    crops = np.zeros((len(rows), CROPS, CROP_PX, CROP_PX), np.float32)
    mask = np.zeros((len(rows), CROPS), bool)
    at = data.crop_row[rows]
    crops[at >= 0] = data.crops[at[at >= 0]].astype(np.float32) / 255
    mask[at >= 0] = data.crop_mask[at[at >= 0]]
    return torch.from_numpy(crops), torch.from_numpy(mask)


Examples = tuple[Tensor, Tensor, Tensor | None, Tensor | None, Tensor, Tensor, Tensor]
"""Features, sources, crops and their mask, soft labels, gold levels and weights of some units."""


class _Learner:
    """Shuffled, augmented batches of the training rows; `stated` are the opinions at the checkpoints so far, `checkpoints` the weights
    there.
    """

    def __init__(
        self, network: Expert, data: UnitArrays, job: ExpertJob, rows: IntArray, standardiser: Standardiser, params: ExpertParams
    ) -> None:
        self.network, self.data, self.job, self.standardiser, self.params = network, data, job, standardiser, params
        self.features = torch.from_numpy(standardiser.apply(raw_features(data, job.modality, rows)))
        self.rows = rows
        self.crops = gather_crops(data, rows) if isinstance(network.crops, CropEncoder) else None
        self.source = torch.from_numpy(data.source[rows])
        self.soft = torch.from_numpy(data.soft[rows])
        self.levels = torch.from_numpy(data.levels[rows])
        self.weight = torch.from_numpy(unit_weights(data.soft[rows], data.source[rows], params.balance))
        self.batch = params.batch if len(rows) < 2000 else params.batch * 4
        self.stated: list[Stated] = []
        self.checkpoints: list[State] = []
        self.epoch = 0

    def groups(self, params: LoopParams) -> list[dict[str, object]]:
        """All weights alike, but for those that a backbone brings: they are moved less."""
        brought = list(self.network.crops.upper.parameters()) if isinstance(self.network.crops, TrackEncoder) else []
        known = {id(parameter) for parameter in brought}
        own = [parameter for parameter in self.network.parameters() if id(parameter) not in known]
        if not brought:
            return [{"params": own}]
        return [{"params": own}, {"params": brought, "lr": params.learning_rate * FINE_TUNING}]

    @property
    def batches_each(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.features) // self.batch)

    def batches(self, share: Share) -> Iterator[Examples]:
        """An epoch's batches."""
        for rows in torch.randperm(len(self.features)).split(self.batch):
            own = share.of(rows)
            features, soft = self._mixed(own)
            crops, mask = (None, None) if self.network.crops is None else self._some_crops(own)
            yield features, self.source[own], crops, mask, soft, self.levels[own], self.weight[own]

    def loss(self, network: torch.nn.Module, batch: Examples) -> tuple[Tensor, float]:
        """Weighted loss of both heads; a batch counts by its units, so that its weights keep their meaning."""
        features, source, crops, mask, soft, gold, weight = batch
        emotion, levels = network(features, source, crops, mask)
        return opinion_loss(emotion, levels, soft, gold, weight) * len(features), float(len(features))

    def validate(self, network: torch.nn.Module) -> None:
        """State opinions where a checkpoint is; the caller judges them."""
        self.epoch += 1
        assert isinstance(network, Expert)
        if self.job.epochs is None and self.epoch in checkpoint_epochs(self.params):
            self.stated.append(state_all(network, self.data, self.job.modality, self.standardiser, self.job.test_rows))
            self.checkpoints.append(state_of(network))

    def _mixed(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Noise, and mixup where no crops are there to contradict it."""
        features = self.features[rows] + self.params.noise * torch.randn_like(self.features[rows])
        if self.network.crops is not None or not self.params.mixup:
            return features, self.soft[rows]
        share = torch.distributions.Beta(self.params.mixup, self.params.mixup).sample((len(rows), 1))
        share = torch.maximum(share, 1 - share)
        other = torch.randperm(len(rows))
        return share * features + (1 - share) * features[other], share * self.soft[rows] + (1 - share) * self.soft[rows][other]

    def _some_crops(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        pick = torch.rand(len(rows), CROPS).argsort(1)[:, : self.params.crops_each]
        if self.crops is None:
            view = torch.randint(self.data.maps.shape[2], pick.shape)
            return gather_maps(self.data, self.rows[rows.numpy()], pick.numpy(), view.numpy())
        crops = self.crops[0][rows].gather(1, pick[:, :, None, None].expand(-1, -1, CROP_PX, CROP_PX))
        return augment_crops(crops), self.crops[1][rows].gather(1, pick)


def opinion_loss(emotion: Tensor, levels: Tensor, soft: Tensor, gold: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy against soft labels (n, 7), and small errors of the levels (n, 3) where gold (n, 3) has them, else NaN.

    Intensity counts by its squared error, valence and arousal by what they lack in concordance, which asks for level and spread too.
    """
    said = squashed(levels)
    cross = -(soft * emotion.log_softmax(-1)).sum(-1)
    error = torch.where(gold[:, 0].isnan(), 0.0, (said[:, 0] - gold[:, 0].nan_to_num()) ** 2)
    lacks = [discord(said[:, i], gold[:, i]) for i in range(1, LEVEL_COUNT)]
    return ((cross + error) * weight).mean() + AFFECT_WEIGHT * torch.stack(lacks).mean()


def discord(said: Tensor, gold: Tensor) -> Tensor:
    """1 minus Lin's concordance correlation of what is said and gold (n,), over units whose gold is known; 0 for fewer than MIN_JUDGED."""
    known = ~gold.isnan()
    if int(known.sum()) < MIN_JUDGED:
        return said.sum() * 0
    a, b = said[known], gold[known]
    together = 2 * ((a - a.mean()) * (b - b.mean())).mean()
    apart = a.var(correction=0) + b.var(correction=0) + (a.mean() - b.mean()) ** 2
    return 1 - together / (apart + 1e-4)
