"""How far a model's readings of unseen films fall when the films come disturbed.

The kept model has seen all films, so each is read by the networks of the test that never saw it (`ml.models.training.unseen_models`), clean
and disturbed alike, and only where their clean readings are those that the model was reported with. A condition is a row that is
kept when it is done: an ended run goes on.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.contracts import PREDICTIONS
from corpus.paths import Home
from corpus.statistics import FloatArray
from corpus.terms import EMOTIONS, FUSED, MODALITIES, PROBABILITY_COLUMNS, FeelmError, GoldStatus
from corpus.threads import one_torch_thread
from ml.evaluation.benchmarks.rows import Job, Rows, TellRow, run_key
from ml.evaluation.comparison import uar_difference
from ml.evaluation.findings import Interval
from ml.evaluation.metrics import Judged, resampled, uar
from ml.evaluation.resampling import interval
from ml.evaluation.robustness.conditions import KINDS, Condition
from ml.evaluation.robustness.disturbed import Setting, disturb
from ml.evaluation.robustness.report import REPORT_FILE, ConditionScore, RobustnessReport, SystemChange
from ml.evaluation.robustness.words import vocabulary_of
from ml.evaluation.scored import codes, kind_of
from ml.models.calibration import softmax
from ml.models.context import join
from ml.models.dataset import UnitArrays, load_training
from ml.models.loop import TellRound
from ml.models.predict import EmotionModel, load_model, model_opinions
from ml.models.training import Progress, TrainingParams, UnseenModels, unseen_models
from ml.models.training_set import FILMS

if TYPE_CHECKING:
    import pandas as pd

SYSTEMS = (FUSED, *MODALITIES)
CLEAN = "clean"
LEAST_FILMS = 2
"""Of fewer films no interval is known."""

NEAR = 1e-3
"""The same networks on the same units differ by rounding alone."""

NOTES = [
    "Every film was read by networks that had not seen it, clean and disturbed; the model was taught on clean films alone.",
    "Intervals: 95 % of 10,000 draws of whole films, the same films for clean and disturbed.",
    "Where faces lie, who is in a scene and what subtitles describe was found in the clear film; a worse picture would cost more.",
    "The ratio of sound to bed is taken where lines are spoken, against all that the film itself sounds there.",
]


@dataclass(frozen=True)
class Unseen:
    """The films' rows (TRAINING_UNITS) that somebody may be asked of, the fold of each, and what never saw each fold."""

    rows: pd.DataFrame
    fold: np.ndarray
    models: list[EmotionModel]

    @property
    def gold(self) -> np.ndarray:
        """Which rows are scored."""
        return ((self.rows["status"] == GoldStatus.GOLD.value) & self.rows["label"].notna()).to_numpy(bool) & (self.fold >= 0)

    def sampled(self, most_units: int, seed: int) -> Unseen:
        """Whole films in a seeded order as long as they bring no more than `most_units` units that are scored; two films at least."""
        scored = self.rows.loc[self.gold, "film_id"].value_counts()
        films = np.random.default_rng(seed).permutation(sorted(scored.index))
        total = np.cumsum(scored[films].to_numpy())
        kept = self.rows["film_id"].isin(films[(total <= most_units) | (np.arange(len(films)) < LEAST_FILMS)]).to_numpy(bool)
        return Unseen(self.rows[kept].reset_index(drop=True), self.fold[kept], self.models)

    @classmethod
    def of(cls, models: UnseenModels) -> Unseen:
        """Only the films: corpora have nothing that could be disturbed."""
        films = (models.rows["source"] == FILMS).to_numpy(bool)
        return cls(models.rows[films].reset_index(drop=True), models.fold[films], models.models)


def measure_robustness(
    home: Home,
    conditions: Sequence[Condition],
    params: TrainingParams,
    seed: int = 0,
    most_units: int | None = None,
    tell_row: TellRow = lambda row, share: None,
    tell_training: Progress | None = None,
) -> RobustnessReport:
    """Read unseen films under every condition and write robustness.json into the home's benchmarks.

    What that file holds of other conditions stays there where it is of the same readings.

    All films are read, or whole films up to `most_units` scored units (`Unseen.sampled`). `params` are those that the home's model was
    trained with; its networks are taken from the home's store or trained again.

    Raises:
        FeelmError: there is no model, it tested no film, or the networks are no longer those that it was tested with.
    """
    training_set, folder = home.artifact("training_set"), home.artifact("emotion_model")
    model = load_model(folder)
    unseen = Unseen.of(unseen_models(home, training_set, params, tell_training))
    if not unseen.gold.any():
        raise FeelmError("no gold unit of a film was read by networks that had not seen it: label at least three films")
    if most_units is not None:
        unseen = unseen.sampled(most_units, seed)
    run = run_key("robustness", model.version, str(seed), *sorted(unseen.rows["film_id"].unique()))
    rows = Rows(home.benchmarks / "robustness" / run, params.workers, tell_row)
    clean = _as_said(rows.make([Job(CLEAN, partial(_read_clean, home, unseen))])[CLEAN])
    _check_reported(clean, unseen, PREDICTIONS.read(folder / "predictions.parquet"))
    vocabulary = tuple(vocabulary_of(unseen.rows["text"].dropna().tolist()))
    settings = [Setting(one, vocabulary, model.facts.columns.text_encoder, seed) for one in conditions]
    said = rows.make([Job(one.condition.name, partial(_read_disturbed, home, unseen, one)) for one in settings])
    seconds = rows.seconds([one.name for one in conditions])
    scores = [_score(unseen, one, clean, _as_said(said[one.name]), seconds[one.name]) for one in conditions]
    report = _report(model.version, seed, unseen, clean, scores, PREDICTIONS.read(folder / "predictions.parquet"))
    path = home.benchmarks / REPORT_FILE
    (report.beside(RobustnessReport.read(path)) if path.is_file() else report).write(path)
    return report


@dataclass(frozen=True)
class Said:
    """What each of SYSTEMS says of the gold units, probabilities (4, n, 7), and which modality is there (3, n)."""

    probabilities: FloatArray
    present: np.ndarray


def _packed(said: Said) -> np.ndarray:
    """As one array (4, n, 8), the last column being presence (1 for the fused model): a row of a benchmark is one."""
    present = np.concatenate([np.ones((1, said.present.shape[1])), said.present])
    return np.concatenate([said.probabilities, present[..., None]], axis=2).astype(np.float32)


def _as_said(row: np.ndarray) -> Said:
    return Said(row[..., : len(EMOTIONS)].astype(np.float64), row[1:, :, -1] > 0)


def read_unseen(unseen: Unseen, data: UnitArrays) -> Said:
    """What the networks that never saw its film say of each gold unit; a modality that is missing says what is usual (the prior)."""
    said = np.full((len(SYSTEMS), len(data), len(EMOTIONS)), np.nan)
    present = np.zeros((len(MODALITIES), len(data)), bool)
    with one_torch_thread():
        for fold, model in enumerate(unseen.models):
            rows = np.flatnonzero(unseen.fold == fold)
            if not len(rows):
                continue
            opinions = model_opinions(model, data, rows)
            joined = join(model.context_networks, data, opinions, rows)
            said[0, rows] = softmax(joined.logits / model.facts.temperatures[FILMS])
            there = opinions.present[rows]
            alone = np.where(there[..., None], opinions.log_p[rows], opinions.prior[rows][:, None])
            said[1:, rows], present[:, rows] = np.exp(alone).transpose(1, 0, 2), there.T
    return Said(said[:, unseen.gold], present[:, unseen.gold])


def _read_clean(home: Home, unseen: Unseen, _: Path, __: TellRound) -> np.ndarray:
    return _packed(read_unseen(unseen, load_training(home, unseen.rows, unseen.models[0].facts.columns)))


def _read_disturbed(home: Home, unseen: Unseen, setting: Setting, _: Path, tell: TellRound) -> np.ndarray:
    """Make the features anew in a folder that is taken away afterwards, and read them."""
    films = sorted(unseen.rows["film_id"].unique())
    work = Path(tempfile.mkdtemp(prefix="feelm-robustness-"))
    try:
        for number, film_id in enumerate(films):
            disturbed = disturb(home, [film_id], setting, work)
            tell(number + 1, len(films), 0.0)
        return _packed(read_unseen(unseen, load_training(disturbed, unseen.rows, unseen.models[0].facts.columns)))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _check_reported(clean: Said, unseen: Unseen, predictions: pd.DataFrame) -> None:
    """The clean readings must be those that the model was reported with, or the figures would be another model's."""
    reported = predictions[predictions["system"] == FUSED].set_index("unit_id")[list(PROBABILITY_COLUMNS)]
    reported = reported.reindex(unseen.rows["unit_id"][unseen.gold]).to_numpy(np.float64)
    if not np.allclose(clean.probabilities[0], reported, atol=NEAR):
        raise FeelmError(
            "the networks of the test are not those that the model was tested with, since units, settings or code changed:"
            " train again (feelm run), then repeat"
        )


def _judged(unseen: Unseen, system: str, probabilities: FloatArray) -> Judged:
    gold = unseen.rows[unseen.gold]
    soft = gold[list(PROBABILITY_COLUMNS)].to_numpy(np.float64)
    return Judged(system, kind_of(system), probabilities, codes(gold["label"]), soft, gold["film_id"].to_numpy(str))


def _score(unseen: Unseen, condition: Condition, clean: Said, said: Said, seconds: float) -> ConditionScore:
    changes = []
    for system in (FUSED, *condition.touches):
        at = SYSTEMS.index(system)
        now, before = (_judged(unseen, system, one.probabilities[at]) for one in (said, clean))
        present = 1.0 if system == FUSED else float(said.present[at - 1].mean())
        changes.append(SystemChange(system, uar_interval(now), uar_difference(now, before), present))
    return ConditionScore(condition.disturbance.value, condition.dose, KINDS[condition.disturbance].dose, changes, seconds)


def uar_interval(judged: Judged) -> Interval:
    """UAR with its interval over films."""
    films, by_film = judged.by_film()
    return interval(uar(by_film.sum(axis=0)), uar(resampled(by_film)), len(films))


def _report(
    version: str, seed: int, unseen: Unseen, clean: Said, scores: list[ConditionScore], predictions: pd.DataFrame
) -> RobustnessReport:
    gold = unseen.rows[unseen.gold]
    return RobustnessReport(
        model_version=version,
        seed=seed,
        n_films=int(gold["film_id"].nunique()),
        n_units=len(gold),
        clean={name: uar_interval(_judged(unseen, name, clean.probabilities[at])) for at, name in enumerate(SYSTEMS)},
        clean_present={name: float(clean.present[at].mean()) for at, name in enumerate(MODALITIES)},
        without={name: _without(unseen, name, predictions) for name in MODALITIES if _subset(name) in set(predictions["system"])},
        conditions=scores,
        notes=list(NOTES),
    )


def _subset(gone: str) -> str:
    """The fused system without a modality, as the model's test names it."""
    return f"{FUSED}_{'_'.join(name for name in MODALITIES if name != gone)}"


def _without(unseen: Unseen, gone: str, predictions: pd.DataFrame) -> Interval:
    table = predictions[predictions["system"] == _subset(gone)].set_index("unit_id").reindex(unseen.rows["unit_id"][unseen.gold])
    return uar_interval(_judged(unseen, FUSED, table[list(PROBABILITY_COLUMNS)].to_numpy(np.float64)))
