"""Training and its honest test in one: every labelled film is predicted once by networks that never saw it.

For each pair of folds the experts learn from all others; what they state on the pair serves as test for one fold and as validation
for the other. So 15 runs a modality give six tests, early stopping on unseen films, and the unseen opinions from which the context
network learns whom to trust. The model that is kept learns from everything, for as long as the folds found right.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.chunks import ChunkStore
from corpus.contracts import EXPLANATIONS, PREDICTIONS, REACTIONS, TRAINING_UNITS
from corpus.paths import Home, write_json
from corpus.terms import EMOTIONS, FUSED, MODALITIES, NO_CONTEXT, SHUFFLED, FeelmError
from ml.evaluation import baselines
from ml.models import foresight
from ml.models.calibration import fit_temperature, soft_loss, softmax
from ml.models.context import (
    ContextParams,
    ContextRun,
    Ensemble,
    Joined,
    Opinions,
    character_counts,
    join,
    runs_of,
    shuffled_places,
    transition_counts,
)
from ml.models.dataset import (
    CROPS,
    FACE,
    BoolArray,
    Columns,
    FloatArray,
    IntArray,
    UnitArrays,
    load_training,
    source_names,
    training_columns,
)
from ml.models.experts import (
    ExpertJob,
    ExpertParams,
    ExpertRun,
    State,
    Stated,
    checkpoint_epochs,
    state_without_crops,
    with_maps,
)
from ml.models.explain import Explanation, Reader, calibrated_without_crops, explain, explanation_rows
from ml.models.face.seen import VIEWS
from ml.models.grounds import USES, weight_grounds
from ml.models.networks import NetworkConfig
from ml.models.predict import (
    FOLLOWS,
    EmotionModel,
    ModelFacts,
    TrainedExpert,
    calibrated_opinions,
    prediction_rows,
    reaction_rows,
    save_model,
)
from ml.models.splits import assign_folds
from ml.models.training_set import FILMS, Manifest
from ml.models.workers import ContextJob, Workers

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many of how many steps are finished."""

SUBSETS: tuple[tuple[int, ...], ...] = ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2))
"""Modality subsets that the fused system is tested with."""


@dataclass(frozen=True)
class TrainingParams:
    """How a model is trained. `seeds` is the number of experts a modality in the kept model, `workers` the number of processes."""

    seed: int = 0
    folds: int = 6
    seeds: int = 3
    workers: int = 2
    face: ExpertParams = field(default_factory=lambda: ExpertParams(epochs=20, checkpoints=5, crops_each=2))
    voice: ExpertParams = field(default_factory=lambda: ExpertParams(epochs=32, learning_rate=1e-3))
    text: ExpertParams = field(default_factory=lambda: ExpertParams(epochs=20, checkpoints=5, learning_rate=1e-3))
    context: ContextParams = field(default_factory=ContextParams)
    networks: NetworkConfig = field(default_factory=NetworkConfig)

    @classmethod
    def debug(cls, seed: int = 0, folds: int = 3) -> TrainingParams:
        """Tiny networks and few epochs in this process, for tests."""
        few = ExpertParams(epochs=8, checkpoints=2, learning_rate=1e-2, ema=0.8)
        return cls(seed, folds, 1, 1, few, few, few, ContextParams(steps=20, every=10, ema=0.8), NetworkConfig.debug())

    def expert(self, modality: int) -> ExpertParams:
        """The parameters of one modality's expert."""
        return (self.face, self.voice, self.text)[modality]


@dataclass(frozen=True)
class ModelSummary:
    """What was trained. `accuracy` is by system over gold units of films (or of all corpora where no film is tested), films unseen."""

    n_trained_on: int
    n_tested: int
    n_folds: int
    accuracy: dict[str, float]
    epochs: dict[str, int]
    temperature: float
    trained_on: dict[str, str]
    declared_use: str
    missing: str | None = None


@dataclass(frozen=True)
class Folds:
    """The rows' folds: `number` (n,) is -1 for rows that are never left out; `count` folds in all."""

    number: IntArray
    count: int

    def rows(self, *folds: int) -> IntArray:
        """Rows of the given folds."""
        return np.flatnonzero(np.isin(self.number, folds))

    def others(self, *folds: int) -> IntArray:
        """Rows of no given fold."""
        return np.flatnonzero(~np.isin(self.number, folds))


@dataclass(frozen=True)
class UnseenOpinions:
    """A modality's opinions on unseen films. `tested` is each row's when its fold is the test, `inner[f]` those of the other folds' rows
    when fold f is the test; `epochs[f]` where f stopped. `without_crops` (n, 8, 7) are the logits of `tested` with each crop of a face
    left out; NaN where there is none. `experts[f]` are the networks that never saw fold f, as they were at the checkpoint that spoke.
    """

    tested: Stated
    inner: list[Stated]
    epochs: list[int]
    losses: dict[str, list[float]]
    without_crops: FloatArray
    experts: list[list[TrainedExpert]]


def build_model(
    home: Home,
    training_set_dir: Path,
    params: TrainingParams,
    out: Path,
    pool: Executor | None = None,
) -> ModelSummary:
    """Train, test on unseen films, and write the model's folder; networks are trained in `pool` where one is given, whose machines see
    the home.

    Writes weights.safetensors, model.json, manifest.json (sha256), predictions.parquet (PREDICTIONS of all systems, every film unseen),
    reactions.parquet and explanations.parquet (REACTIONS and EXPLANATIONS likewise), curves.json and summary.json into `out`.

    Raises:
        FeelmError: fewer than three films (or groups) have gold labels, or no unit has features.
    """
    taught = _read_taught(home, training_set_dir, params)
    rows, data, folds = taught.rows, taught.data, taught.folds
    with Workers(data, params.workers, params.networks, ChunkStore(home.chunks), pool) as workers:
        unseen = _unseen_opinions(workers, data, folds, params)
        facts = _facts(taught, unseen, params)
        fused = _Fusion(workers, data, folds, unseen, facts, params)
        tested = fused.test()
        experts = _final_experts(workers, data, unseen, params)
        contexts = fused.final_contexts()
    facts = dataclasses.replace(facts, temperatures=tested.temperatures, foresight=_foresight(data, folds, tested))
    save_model(facts, experts, [run.state for run in contexts], out)
    table = _predictions(rows, data, folds, unseen, facts, tested)
    PREDICTIONS.write(table, out / "predictions.parquet")
    REACTIONS.write(reaction_rows(rows, data, folds.number, tested.whole.characters), out / "reactions.parquet")
    EXPLANATIONS.write(_explanations(rows, data, tested), out / "explanations.parquet")
    write_json(out / "curves.json", _curves(unseen, contexts))
    summary = _summary(rows, data, folds, table, unseen, facts)
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


@dataclass(frozen=True)
class UnseenModels:
    """The systems that films were tested with: `models[f]` never saw the units of fold f, nor what was said of them.

    `rows` are TRAINING_UNITS, `data` what the networks read of them, row by row, and `fold` (n,) the fold of each, -1 where it is never
    left out.
    """

    rows: pd.DataFrame
    data: UnitArrays
    fold: IntArray
    models: list[EmotionModel]


def unseen_models(home: Home, training_set_dir: Path, params: TrainingParams, tell: Progress | None = None) -> UnseenModels:
    """The systems of the test that `build_model` made with the same units, settings and code: their networks are in the home's store of
    finished work, and are trained again where they are not.
    """
    taught = _read_taught(home, training_set_dir, params)
    with Workers(taught.data, params.workers, params.networks, ChunkStore(home.chunks)) as workers:
        unseen = _unseen_opinions(workers, taught.data, taught.folds, params, tell)
        fused = _Fusion(workers, taught.data, taught.folds, unseen, _facts(taught, unseen, params), params)
        models = [fused.model(one) for one in fused.learn(tell)]
    return UnseenModels(taught.rows, taught.data, taught.folds.number, models)


@dataclass(frozen=True)
class _Taught:
    """What is learned from: TRAINING_UNITS rows, their arrays, who is left out when, and where all of it comes from."""

    rows: pd.DataFrame
    columns: Columns
    data: UnitArrays
    folds: Folds
    manifest: Manifest


def _read_taught(home: Home, training_set_dir: Path, params: TrainingParams) -> _Taught:
    manifest = Manifest.read(training_set_dir)
    rows = TRAINING_UNITS.read(training_set_dir / "manifest.parquet")
    columns = training_columns(home, rows)
    data = with_maps(load_training(home, rows, columns), params.networks, ChunkStore(home.chunks), VIEWS)
    if not data.present[data.label >= 0].any():
        raise FeelmError("no labelled unit has features of face, voice or text: run the feature stages (feelm run)")
    numbers = assign_folds(rows, params.folds, params.seed)
    return _Taught(rows, columns, data, Folds(numbers, int(numbers.max()) + 1), manifest)


def _modalities(data: UnitArrays) -> list[int]:
    """Modalities that some labelled unit has."""
    return [m for m in range(len(MODALITIES)) if data.present[data.label >= 0, m].any()]


def _unseen_opinions(
    workers: Workers, data: UnitArrays, folds: Folds, params: TrainingParams, tell: Progress | None = None
) -> dict[int, UnseenOpinions]:
    """Train the experts of every pair of folds and gather what they say on the pair."""
    pairs = list(itertools.combinations(range(folds.count), 2))
    jobs = [
        ExpertJob(modality, folds.others(*pair), folds.rows(*pair), params.seed * 10_007 + 101 * number + modality)
        for modality in _modalities(data)
        for number, pair in enumerate(pairs)
    ]
    runs: dict[int, dict[tuple[int, int], ExpertRun]] = {}
    for i, (job, run) in enumerate(zip(jobs, workers.experts(jobs, params.expert), strict=True)):
        runs.setdefault(job.modality, {})[pairs[i % len(pairs)]] = run
        if tell is not None:
            tell(f"{MODALITIES[job.modality]} networks", i + 1, len(jobs))
    return {m: _gather(data, folds, params, m, by_pair) for m, by_pair in runs.items()}


def _gather(
    data: UnitArrays, folds: Folds, params: TrainingParams, modality: int, runs: dict[tuple[int, int], ExpertRun]
) -> UnseenOpinions:
    """Choose each test fold's checkpoint on the other folds, then collect tested and inner opinions."""
    n = len(data)
    tested, inner = Stated.blank(n), []
    without_crops = np.full((n, CROPS, len(EMOTIONS)), np.nan, np.float32)
    epochs, losses, experts = [], {}, []
    for fold in range(folds.count):
        members = [(run, folds.rows(*pair)) for pair, run in runs.items() if fold in pair]
        own, stated = folds.rows(fold), _stated(data, folds, members, fold)
        validation = [_source_loss(data, folds, one.logits, fold) for one in stated]
        best = int(np.argmin(validation))
        inner.append(stated[best])
        tested.put(own, Stated.mean([run.stated(best, np.isin(rows, own)) for run, rows in members]))
        experts.append([TrainedExpert(modality, run.checkpoints[best], run.standardiser) for run, _ in members])
        if modality == FACE:
            without_crops[own] = np.mean([_without_crops(data, params, expert, own) for expert in experts[fold]], axis=0)
        epochs.append(checkpoint_epochs(params.expert(modality))[best])
        losses[f"validation, fold {fold} unseen"] = validation
    return UnseenOpinions(tested, inner, epochs, losses, without_crops, experts)


def _without_crops(data: UnitArrays, params: TrainingParams, expert: TrainedExpert, rows: IntArray) -> FloatArray:
    """Logits (n, 8, 7) of a face expert with each crop left out."""
    network = expert.network(int(data.source.max()) + 1, params.networks, data.speech.shape[1])
    return state_without_crops(network, data, expert.standardiser, rows)


def _stated(data: UnitArrays, folds: Folds, members: list[tuple[ExpertRun, IntArray]], fold: int) -> list[Stated]:
    """What the runs without `fold` say at each checkpoint on the rows of the fold that each left out beside it."""
    stated = []
    for checkpoint in range(len(members[0][0].logits)):
        stated.append(Stated.blank(len(data)))
        for run, rows in members:
            other = folds.number[rows] != fold
            stated[-1].put(rows[other], run.stated(checkpoint, other))
    return stated


def _source_loss(data: UnitArrays, folds: Folds, logits: FloatArray, fold: int) -> float:
    """Cross-entropy on the validation rows, each source counting alike."""
    others = folds.number != fold
    by_source = [soft_loss(logits[others & (data.source == s)], data.soft[others & (data.source == s)]) for s in np.unique(data.source)]
    return float(np.nanmean(by_source))


def _facts(taught: _Taught, unseen: dict[int, UnseenOpinions], params: TrainingParams) -> ModelFacts:
    """Priors and temperatures of the kept model; those of a fold are taken from the other folds in `_Fusion`."""
    data, sources = taught.data, source_names(taught.rows["source"])
    tested = {MODALITIES[m]: opinions.tested.logits for m, opinions in unseen.items()}
    brought = weight_grounds(taught.columns.text_encoder, params.networks.face_network)
    return ModelFacts(
        config=params.networks,
        columns=taught.columns,
        sources=sources,
        priors=_priors(data, sources, np.arange(len(data)), params),
        expert_temperatures={m: _temperatures(data, sources, tested[m]) if m in tested else {} for m in MODALITIES},
        temperatures=dict.fromkeys(sources, 1.0),
        trained_on=_trained_on(taught.manifest),
        declared_use=_narrowest([*taught.manifest.declared_uses.values(), *(weight.declared_use for weight in brought)]),
        seed=params.seed,
        conversation=_conversation(data, sources),
        follows=_follows(data),
        foresight=[],
    )


def _conversation(data: UnitArrays, sources: list[str]) -> str:
    """The source with most labelled units in dialogue, the films where none has any."""
    in_dialogue = np.isfinite(data.soft[:, 0]) & (data.next_row >= 0)
    return sources[int(np.bincount(data.source[in_dialogue], minlength=len(sources)).argmax())]


def _foresight(data: UnitArrays, folds: Folds, tested: Tested) -> list[list[float]]:
    """Learned from what was said of units unseen, by what came up to each alone, with its fold's temperature."""
    scaled = tested.whole.past / tested.fold_temperatures[folds.number, data.source][:, None]
    weights: list[list[float]] = foresight.learn(softmax(scaled).astype(np.float32), data).weights.round(5).tolist()
    return weights


def _follows(data: UnitArrays) -> dict[str, list[list[float]]]:
    rows = np.arange(len(data))
    counts = (transition_counts(data, rows), *character_counts(data, rows))
    return {name: count.tolist() for name, count in zip(FOLLOWS, counts, strict=True)}


def _priors(data: UnitArrays, sources: list[str], rows: IntArray, params: TrainingParams) -> dict[str, list[float]]:
    """Share of each emotion in each source as the experts see it, after balancing; the films' for a source without labels."""
    priors: dict[str, list[float]] = {}
    known = rows[np.isfinite(data.soft[rows, 0])]
    whole = data.soft[known].mean(axis=0)
    for i, source in enumerate(sources):
        own = known[data.source[known] == i]
        share = (data.soft[own].mean(axis=0) if len(own) else whole) + 1e-3
        balanced = share ** (1 - params.context.balance)
        priors[source] = [float(value) for value in balanced / balanced.sum()]
    return priors


def _temperatures(data: UnitArrays, sources: list[str], logits: FloatArray) -> dict[str, float]:
    return {source: fit_temperature(logits[data.source == i], data.label[data.source == i]) for i, source in enumerate(sources)}


def _trained_on(manifest: Manifest) -> dict[str, str]:
    said = {name: f"{manifest.declared_uses[name]}, {manifest.licences[name]}" for name in manifest.corpora}
    if manifest.films:
        uses = _narrowest([manifest.declared_uses[film_id] for film_id in manifest.films])
        licences = sorted({manifest.licences[film_id] for film_id in manifest.films})
        said["films"] = f"{uses}, {' and '.join(licences)} ({len(manifest.films)} films)"
    return said


def _narrowest(uses: list[str]) -> str:
    """The narrowest of some declared uses, of data and of the weights that read them: what a model resting on all may be used for."""
    return min(uses, key=USES.index)


@dataclass(frozen=True)
class Tested:
    """The fused system on unseen films: with all it has, each subset of modalities, no context, shuffled neighbours, the temperatures, and
    by fold why it says so of the units of films.
    """

    whole: Joined
    subsets: dict[tuple[int, ...], Joined]
    alone: Joined
    shuffled: Joined
    singles: dict[int, FloatArray]
    fold_temperatures: FloatArray
    temperatures: dict[str, float]
    explanations: list[Explanation]


@dataclass(frozen=True)
class _Learnt:
    """The context networks that never saw a fold, with the facts that know nothing of it and the temperatures (sources,)."""

    fold: int
    facts: ModelFacts
    states: list[State]
    temperatures: FloatArray


@dataclass(frozen=True)
class _Fusion:
    """Trains and tests the context networks on unseen opinions."""

    workers: Workers
    data: UnitArrays
    folds: Folds
    unseen: dict[int, UnseenOpinions]
    facts: ModelFacts
    params: TrainingParams

    def _opinions(self, facts: ModelFacts, fold: int | None) -> Opinions:
        """Opinions to learn from (`fold` None: the tested ones; else those of the other folds when `fold` is the test)."""
        said = [Stated.blank(len(self.data)) for _ in MODALITIES]
        for m, opinions in self.unseen.items():
            said[m] = opinions.tested if fold is None else opinions.inner[fold]
        return calibrated_opinions(facts, self.data, said)

    def _fold_facts(self, fold: int) -> ModelFacts:
        """Priors and temperatures that know nothing of the test fold."""
        sources, others = self.facts.sources, self.folds.others(fold)
        return dataclasses.replace(
            self.facts,
            priors=_priors(self.data, sources, others, self.params),
            expert_temperatures={
                name: _temperatures(self.data, sources, self.unseen[m].inner[fold].logits) if m in self.unseen else {}
                for m, name in enumerate(MODALITIES)
            },
        )

    def _jobs(self, opinions: Opinions, without: int | None) -> list[ContextJob]:
        folds = [fold for fold in range(self.folds.count) if fold != without]
        left = () if without is None else (without,)
        seed = self.params.seed * 10_007 + 7_001 + 97 * (self.folds.count if without is None else without)
        tested = self.folds.number >= 0
        return [
            ContextJob(opinions, np.flatnonzero(tested & ~np.isin(self.folds.number, (*left, fold))), self.folds.rows(fold), seed + fold)
            for fold in folds
        ]

    def learn(self, tell: Progress | None = None) -> list[_Learnt]:
        """For every fold context networks that saw neither it nor its opinions."""
        facts = [self._fold_facts(fold) for fold in range(self.folds.count)]
        learnt = [self._opinions(facts[fold], fold) for fold in range(self.folds.count)]
        jobs = [job for fold in range(self.folds.count) for job in self._jobs(learnt[fold], fold)]
        runs = []
        for i, run in enumerate(self.workers.contexts(jobs, self.params.context)):
            runs.append(run)
            if tell is not None:
                tell("context networks", i + 1, len(jobs))
        each = self.folds.count - 1
        parts = [slice(fold * each, (fold + 1) * each) for fold in range(self.folds.count)]
        return [
            _Learnt(fold, facts[fold], [run.state for run in runs[own]], self._validated_temperatures(jobs[own], runs[own]))
            for fold, own in enumerate(parts)
        ]

    def test(self) -> Tested:
        """Every fold once by what never saw it."""
        gathered = _Gathered(len(self.data))
        learnt = self.learn()
        for one in learnt:
            self._test_fold(one, gathered)
            gathered.explanations.append(self._explain_fold(one))
        return gathered.finish(np.stack([one.temperatures for one in learnt]), self.facts.sources)

    def model(self, learnt: _Learnt) -> EmotionModel:
        """What never saw a fold, as a model to use."""
        temperatures = dict(zip(self.facts.sources, map(float, learnt.temperatures), strict=True))
        experts = [expert for opinions in self.unseen.values() for expert in opinions.experts[learnt.fold]]
        facts = dataclasses.replace(learnt.facts, temperatures=temperatures)
        return EmotionModel(facts, experts, learnt.states, f"fold {learnt.fold} unseen")

    def _validated_temperatures(self, jobs: list[ContextJob], runs: list[ContextRun]) -> FloatArray:
        """Temperatures by source, from each network's own validation films."""
        logits = np.full((len(self.data), len(EMOTIONS)), np.nan, np.float32)
        for job, run in zip(jobs, runs, strict=True):
            rows = job.validation_rows
            logits[rows] = join(Ensemble.of([run.state], self.params.networks), self.data, job.opinions, rows).logits
        return np.array(list(_temperatures(self.data, self.facts.sources, logits).values()), np.float32)

    def _test_fold(self, learnt: _Learnt, gathered: _Gathered) -> None:
        rows, networks = self.folds.rows(learnt.fold), Ensemble.of(learnt.states, self.params.networks)
        opinions = self._opinions(learnt.facts, None)
        gathered.put("whole", rows, join(networks, self.data, opinions, rows))
        gathered.put("alone", rows, join(networks, self.data, opinions, rows, alone=True))
        places = shuffled_places(self.data, rows, self.params.seed * 10_007 + 9_001 + learnt.fold)
        gathered.put("shuffled", rows, join(networks, self.data, opinions.placed(rows, places), places))
        for subset in SUBSETS:
            gathered.put(subset, rows, join(networks, self.data, opinions.only(subset), rows))
        for m in self.unseen:
            gathered.put_single(m, rows, np.where(opinions.present[rows, m, None], opinions.log_p[rows, m], opinions.prior[rows]))

    def _explain_fold(self, learnt: _Learnt) -> Explanation:
        """Why the fold's networks say what they say of its films; corpora have no page that would tell it."""
        rows = self.folds.rows(learnt.fold)
        rows = rows[self.data.source[rows] == 0]
        logits = (
            self.unseen[FACE].without_crops if FACE in self.unseen else np.full((len(self.data), CROPS, len(EMOTIONS)), np.nan, np.float32)
        )
        reader = Reader(Ensemble.of(learnt.states, self.params.networks), self.params.networks, learnt.temperatures)
        without = calibrated_without_crops(learnt.facts, self.data, rows, logits[rows])
        return explain(reader, self.data, self._opinions(learnt.facts, None), without, rows)

    def final_contexts(self) -> list[ContextRun]:
        """The kept context networks: one for each fold that stops it, from the tested opinions of the others."""
        return list(self.workers.contexts(self._jobs(self._opinions(self.facts, None), None), self.params.context))


class _Gathered:
    """Collects the folds' results into whole tables."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.joined: dict[str | tuple[int, ...], Joined] = {}
        self.singles: dict[int, FloatArray] = {}
        self.explanations: list[Explanation] = []

    def put(self, name: str | tuple[int, ...], rows: IntArray, joined: Joined) -> None:
        """Store one fold's part of a system."""
        self.joined.setdefault(name, Joined.blank(self.n)).put(rows, joined)

    def put_single(self, modality: int, rows: IntArray, log_p: FloatArray) -> None:
        """Store one fold's part of a single modality's system."""
        self.singles.setdefault(modality, np.full((self.n, len(EMOTIONS)), np.nan, np.float32))[rows] = log_p

    def finish(self, temperatures: FloatArray, sources: list[str]) -> Tested:
        """All folds together; the kept model's temperatures are the folds' means."""
        subsets = {subset: self.joined[subset] for subset in SUBSETS}
        means = {source: float(temperatures[:, i].mean()) for i, source in enumerate(sources)}
        whole, alone, shuffled = (self.joined[name] for name in ("whole", "alone", "shuffled"))
        return Tested(whole, subsets, alone, shuffled, self.singles, temperatures, means, self.explanations)


def _final_experts(workers: Workers, data: UnitArrays, unseen: dict[int, UnseenOpinions], params: TrainingParams) -> list[TrainedExpert]:
    """The kept experts: all rows, as many epochs as the folds' median."""
    everything = np.arange(len(data))
    jobs = [
        ExpertJob(m, everything, everything[:0], params.seed * 10_007 + 5_003 + 31 * number + m, _kept_epochs(opinions))
        for m, opinions in unseen.items()
        for number in range(params.seeds)
    ]
    runs = workers.experts(jobs, params.expert)
    return [TrainedExpert(job.modality, run.state, run.standardiser) for job, run in zip(jobs, runs, strict=True)]


def _kept_epochs(opinions: UnseenOpinions) -> int:
    return int(np.median(opinions.epochs))


def _predictions(
    rows: pd.DataFrame, data: UnitArrays, folds: Folds, unseen: dict[int, UnseenOpinions], facts: ModelFacts, tested: Tested
) -> pd.DataFrame:
    """PREDICTIONS of all systems on every row whose film was left out once."""
    import pandas as pd

    kept = np.flatnonzero(folds.number >= 0)
    by_row = tested.fold_temperatures[folds.number, data.source][:, None]

    def table(system: str, probabilities: FloatArray, of: IntArray, joined: Joined | None = None) -> pd.DataFrame:
        extra = (None, None) if joined is None else (joined.levels[of], softmax(joined.reaction[of]))
        return prediction_rows(rows.iloc[of], system, folds.number[of], probabilities[of], *extra)

    tables = [table(FUSED, softmax(tested.whole.logits / by_row), kept, tested.whole)]
    neighbours = kept[np.isin(data.sequence[kept], np.flatnonzero(np.bincount(data.sequence) > 1))]
    if len(neighbours):
        tables.append(table(NO_CONTEXT, softmax(tested.alone.logits / by_row), neighbours))
        tables.append(table(SHUFFLED, softmax(tested.shuffled.logits / by_row), neighbours))
    for m, log_p in tested.singles.items():
        has = kept[_source_has(data, m)[data.source[kept]]]
        tables.append(table(MODALITIES[m], np.exp(log_p), has))
    films = kept[data.source[kept] == 0]
    for subset, joined in tested.subsets.items():
        if len(films) and set(subset) <= set(unseen):
            tables.append(table(f"{FUSED}_{'_'.join(MODALITIES[m] for m in subset)}", softmax(joined.logits / by_row), films, joined))
    return pd.concat([*tables, *_baseline_tables(rows, data, folds)], ignore_index=True)


def _explanations(rows: pd.DataFrame, data: UnitArrays, tested: Tested) -> pd.DataFrame:
    """EXPLANATIONS of the films' units as they were predicted unseen."""
    import pandas as pd

    tables = [explanation_rows(rows, data, said, fold) for fold, said in enumerate(tested.explanations)]
    return pd.concat(tables, ignore_index=True)


def _source_has(data: UnitArrays, modality: int) -> BoolArray:
    """Which sources have units with the modality."""
    return np.bincount(data.source, weights=data.present[:, modality]) > 0


def _baseline_tables(rows: pd.DataFrame, data: UnitArrays, folds: Folds) -> list[pd.DataFrame]:
    """PREDICTIONS of the baselines, each source and fold by itself."""
    tables = []
    texts = rows["text"].fillna("").to_numpy()
    previous = _previous_labels(data)
    for source, fold in itertools.product(range(int(data.source.max()) + 1), range(folds.count)):
        own = np.flatnonzero((folds.number == fold) & (data.source == source))
        train = np.flatnonzero((folds.number != fold) & (data.source == source) & (data.label >= 0))
        if not len(own) or not len(train):
            continue
        prior = baselines.prior(data.soft[train], len(own))
        majority = baselines.majority(data.label[train], len(own))
        answers = {
            "majority": majority,
            "prior": prior,
            "tfidf": baselines.tfidf_svm(list(texts[train]), data.label[train], list(texts[own]), prior),
        }
        if (previous[own] >= 0).any():
            answers["persistence"] = baselines.persistence(previous[own], majority)
        tables += [prediction_rows(rows.iloc[own], name, fold, p) for name, p in answers.items()]
    return tables


def _previous_labels(data: UnitArrays) -> IntArray:
    """Gold emotion of the unit before, in the same film; -1 where there is none."""
    previous = np.full(len(data), -1, np.int64)
    for run in runs_of(data, np.arange(len(data))):
        previous[run[1:]] = data.label[run[:-1]]
    return previous


def _curves(unseen: dict[int, UnseenOpinions], contexts: list[ContextRun]) -> dict[str, list[float]]:
    """Losses by checkpoint, of the experts on validation films and of the kept context networks."""
    curves = {f"{MODALITIES[m]}, {name}": values for m, opinions in unseen.items() for name, values in opinions.losses.items()}
    for fold, run in enumerate(contexts):
        curves[f"context, training without fold {fold}"] = run.training_loss
        curves[f"context, validation on fold {fold}"] = run.validation_loss
    return curves


def _summary(
    rows: pd.DataFrame, data: UnitArrays, folds: Folds, table: pd.DataFrame, unseen: dict[int, UnseenOpinions], facts: ModelFacts
) -> ModelSummary:
    import pandas as pd

    gold = (folds.number >= 0) & (data.label >= 0)
    films = gold & (data.source == 0)
    scored = films if films.any() else gold
    label = pd.Series(data.label[scored], index=rows["unit_id"].to_numpy()[scored])
    said = table[table["unit_id"].isin(label.index)]
    top = said[[f"p_{emotion}" for emotion in EMOTIONS]].to_numpy().argmax(axis=1)
    right = pd.Series(top == label.loc[said["unit_id"]].to_numpy())
    return ModelSummary(
        n_trained_on=int(np.isfinite(data.soft[:, 0]).sum()),
        n_tested=int(scored.sum()),
        n_folds=folds.count,
        accuracy={str(name): float(share) for name, share in right.groupby(said["system"].to_numpy()).mean().items()},
        epochs={MODALITIES[m]: _kept_epochs(opinions) for m, opinions in unseen.items()},
        temperature=facts.temperatures[FILMS],
        trained_on=facts.trained_on,
        declared_use=facts.declared_use,
        missing=None if len(unseen) == len(MODALITIES) else _absent(unseen),
    )


def _absent(unseen: dict[int, UnseenOpinions]) -> str:
    names = [name for m, name in enumerate(MODALITIES) if m not in unseen]
    return f"no labelled unit has {' or '.join(names)} features"
