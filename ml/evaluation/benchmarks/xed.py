"""XED: lines of films' subtitles with one of seven emotions, scored on films that the system never saw.

Lines with a single label count. Without a test file the films are dealt to five folds; with one, everything in DIR trains and the test
file's films, none of which may stand in DIR, are scored. Lines are tidied first: in XED spaces before the signs tell an emotional line
from a neutral one, which no film's subtitles do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.terms import EMOTIONS, FeelmError
from ml.evaluation import baselines
from ml.evaluation.benchmarks import scores
from ml.evaluation.benchmarks.folds import FOLDS, cross_fitted, group_folds
from ml.evaluation.benchmarks.options import Options
from ml.evaluation.benchmarks.result import BenchmarkResult, Metrics, Protocol
from ml.evaluation.benchmarks.rows import Job, Rows, data_digest, run_key
from ml.evaluation.benchmarks.systems import text_systems
from ml.features.text.cues import tidied
from ml.features.text.encoder import encoder_facts
from ml.models.calibration import fit_temperature
from ml.models.dataset import FloatArray, IntArray
from ml.models.loop import LoopParams, TellRound
from ml.models.text.frozen import FrozenText
from ml.models.text.training import TextParams, tune
from ml.models.text.turns import Lines, Reach

if TYPE_CHECKING:
    from corpus.datasets.summary import Notes

PARAMS = TextParams(
    reach=Reach(longest=96, line=96),
    loop=LoopParams(rounds=4, learning_rate=1e-4, weight_decay=0.01, warm_up=0.06, decays=True),
    batch=32,
    balance=0.4,
)
FROZEN_STRENGTH = 2.0


@dataclass(frozen=True)
class _Films:
    """Single-label lines: their texts, label (n,), film and fold (n,); fold -1 is the test file."""

    lines: Lines
    label: IntArray
    film: tuple[str, ...]
    fold: IntArray
    notes: tuple[str, ...]

    @property
    def has_test(self) -> bool:
        """Whether there is a test file."""
        return bool((self.fold < 0).any())

    def parts(self) -> list[tuple[str, IntArray, IntArray]]:
        """Name, rows to train on and rows to answer for, of each training run."""
        known = self.fold >= 0
        folds = [(f"fold{k}", np.flatnonzero(known & (self.fold != k)), np.flatnonzero(self.fold == k)) for k in range(FOLDS)]
        # With a test file one fold is enough, for the temperature.
        return [*folds[:1], ("test", np.flatnonzero(known), np.flatnonzero(~known))] if self.has_test else folds


def run_xed(data: Path, test: Path | None, options: Options) -> BenchmarkResult:
    """Run the protocol on somebody's copy of XED's table with films.

    Raises:
        FeelmError: the table is not there or not XED's, has too few films, or a film of the test stands in the training data too.
    """
    own, params = _read(data, test), options.text_params(PARAMS)
    paths = [data] if test is None else [data, test]
    key = run_key(data_digest(*paths), repr(params), encoder_facts(params.encoder).digest)
    rows = Rows(options.work / f"xed-{key}", options.workers, options.tell)
    seeds = options.seeds if options.fine_tunes else ()
    frozen = {name: Job(f"frozen-{name}", partial(_frozen, own, train, to, params)) for name, train, to in own.parts()}
    tuned = {
        (name, seed): Job(f"fine-tuned-{name}-{seed}", partial(_tuned, own, train, to, params, seed))
        for name, train, to in own.parts()
        for seed in seeds
    }
    made = rows.make([*frozen.values(), *tuned.values()])
    of_frozen = _gathered(own, {name: made[job.name] for name, job in frozen.items()})
    of_tuned = [_gathered(own, {name: made[tuned[name, seed].name] for name, _, _ in own.parts()}) for seed in seeds]
    systems = text_systems(of_frozen, [[one] for one in of_tuned])
    main = list(systems)[-1]
    scored = np.flatnonzero(own.fold < 0) if own.has_test else np.arange(len(own.label))
    calibrated = {name: [_calibrated(own, logits)[scored] for logits in each] for name, each in systems.items()}
    seconds = rows.seconds([job.name for job in (*frozen.values(), *tuned.values())])
    protocol = _protocol(own, main, options, params, scored)
    return scores.result_of("xed", calibrated, own.label[scored], protocol, _baselines(own, scored), seconds)


def _read(data: Path, test: Path | None) -> _Films:
    from corpus.datasets.summary import Notes

    notes = Notes()
    parts = [(0, _single(data, notes))] + ([(-1, _single(test, notes))] if test is not None else [])
    texts, label, film, fold = [], [], [], []
    for number, lines in parts:
        films = [name for _, _, name in lines]
        if number == 0 and len(set(films)) < FOLDS:
            raise FeelmError(f"{data} has single-label lines of {len(set(films))} films: at least {FOLDS} are needed")
        texts += [text for text, _, _ in lines]
        label += [emotion for _, emotion, _ in lines]
        film += films
        fold.append(group_folds(films, FOLDS) if number == 0 else np.full(len(films), -1, np.int64))
    _refuse_shared(film, np.concatenate(fold))
    n, said = len(texts), tuple(f"{reason}: {len(places)} rows" for reason, places in sorted(notes.refused.items()))
    alone = Lines(texts, [""] * n, np.arange(n, dtype=np.int64))
    return _Films(alone, np.array(label, np.int64), tuple(film), np.concatenate(fold), said)


def _single(source: Path, notes: Notes) -> list[tuple[str, int, str]]:
    """Text, class and film of each line with one label, which has a place among the seven."""
    from corpus.datasets.xed import PLACED, read_lines

    lines = [line for line in read_lines(source, notes) if len(line.labels) == 1]
    return [(tidied(line.text), EMOTIONS.index(str(PLACED[line.labels[0]])), line.film_id) for line in lines]


def _refuse_shared(film: Sequence[str], fold: IntArray) -> None:
    shared = sorted(
        {name for name, k in zip(film, fold, strict=True) if k < 0} & {name for name, k in zip(film, fold, strict=True) if k >= 0}
    )
    if shared:
        raise FeelmError(f"leak: the test has films that the training data has too, such as {shared[0]} ({len(shared)} in all)")


def _frozen(own: _Films, train: IntArray, to: IntArray, params: TextParams, checkpoint: Path, tell: TellRound) -> FloatArray:
    model = FrozenText.fit(own.lines, own.label, train, len(EMOTIONS), params.encoder, FROZEN_STRENGTH)
    return model.logits(own.lines, to)


def _tuned(own: _Films, train: IntArray, to: IntArray, params: TextParams, seed: int, checkpoint: Path, tell: TellRound) -> FloatArray:
    soft = np.eye(len(EMOTIONS), dtype=np.float32)[own.label]
    return tune(own.lines, soft, train, train[:0], params, seed, checkpoint=checkpoint, tell=tell).logits(own.lines, to)


def _gathered(own: _Films, made: dict[str, FloatArray]) -> FloatArray:
    """Logits (n, 7) of all rows that a run answered for, NaN elsewhere."""
    found = np.full((len(own.label), len(EMOTIONS)), np.nan, np.float32)
    for name, _, to in own.parts():
        found[to] = made[name]
    return found


def _calibrated(own: _Films, logits: FloatArray) -> FloatArray:
    """Divided by a temperature that other films chose."""
    if not own.has_test:
        return cross_fitted(logits, own.label, own.fold)
    return (logits / fit_temperature(logits[own.fold == 0], own.label[own.fold == 0])).astype(np.float32)


def _baselines(own: _Films, scored: IntArray) -> dict[str, Metrics]:
    said = {name: np.full((len(own.label), len(EMOTIONS)), np.nan, np.float32) for name in ("majority", "tfidf_svm")}
    for _, train, to in own.parts():
        majority = baselines.majority(own.label[train], len(to))
        texts = [[own.lines.texts[row] for row in rows] for rows in (train, to)]
        said["majority"][to] = majority
        said["tfidf_svm"][to] = baselines.tfidf_svm(texts[0], own.label[train], texts[1], majority)
    return {name: scores.figures(np.log(p[scored]), own.label[scored]) for name, p in said.items()}


def _protocol(own: _Films, main: str, options: Options, params: TextParams, scored: IntArray) -> Protocol:
    n_films = len(set(own.film))
    by_fold = f"{FOLDS} folds of {n_films} films, each film in one fold"
    return Protocol(
        trained_on="all films of DIR" if own.has_test else f"the films of four of {by_fold}",
        chosen_on="the temperature, on films of DIR that a run of its own had not seen"
        if own.has_test
        else "the temperature, on other folds",
        scored_on="the test file's films" if own.has_test else "the films of the fifth fold, every film once",
        classes=EMOTIONS,
        seeds=options.seeds if options.fine_tunes else (0,),
        n_train=int((own.fold >= 0).sum()),
        n_scored=len(scored),
        system=main,
        settings={"text": repr(params)},
        notes=("lines are tidied of the spaces that XED writes before signs", *own.notes),
    )
