"""MELD and EmoryNLP: each line of a television dialogue is given one of the set's classes from its words, its speaker and its neighbours.

The system is the mean of a few fine-tuned networks and the quick linear one; the development file of DIR chooses the temperature.
With a test file that is what is scored, once; without one the development file is, with its temperature fitted on its other half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.terms import FeelmError
from ml.evaluation import baselines
from ml.evaluation.benchmarks import scores
from ml.evaluation.benchmarks.folds import cross_fitted
from ml.evaluation.benchmarks.options import Options
from ml.evaluation.benchmarks.result import BenchmarkResult, Metrics, Protocol
from ml.evaluation.benchmarks.rows import Job, Rows, data_digest, run_key
from ml.evaluation.benchmarks.systems import text_systems
from ml.features.text.encoder import encoder_facts
from ml.models.calibration import fit_temperature
from ml.models.dataset import FloatArray, IntArray
from ml.models.loop import TellRound
from ml.models.text.frozen import FrozenText
from ml.models.text.training import TextParams, tune
from ml.models.text.turns import Lines

if TYPE_CHECKING:
    from corpus.datasets.dialogues import Format, Line

HALVES = 2

MEMBERS = 3
"""Networks that are fine-tuned for one seed and averaged: they differ by how they began and by what they met when (a deep ensemble,
Lakshminarayanan et al. 2017)."""


@dataclass(frozen=True)
class _Set:
    """The lines of all files in order, their labels (n,), and the rows of each part."""

    lines: Lines
    label: IntArray
    classes: tuple[str, ...]
    train: IntArray
    dev: IntArray
    test: IntArray
    notes: tuple[str, ...]

    @property
    def dev_and_test(self) -> IntArray:
        """Rows that every system gives logits of."""
        return np.concatenate([self.dev, self.test])

    @property
    def scored(self) -> IntArray:
        """Rows that the figures are of."""
        return self.test if len(self.test) else self.dev


def run_dialogues(name: str, data: Path, test: Path | None, options: Options) -> BenchmarkResult:
    """Run the set's protocol on somebody's copy of it.

    Raises:
        FeelmError: a file is not there or not the set's, or no line of a part can be used.
    """
    form = _format(name)
    paths = _paths(form, data, test)
    own, params = _read(form, paths), options.text_params(TextParams())
    key = run_key(data_digest(*paths.values()), repr(params), encoder_facts(params.encoder).digest)
    rows = Rows(options.work / f"{name}-{key}", options.workers, options.tell)
    frozen = Job("frozen", partial(_frozen, own, params))
    seeds = options.seeds if options.fine_tunes else ()
    members = [[Job(f"fine-tuned-{seed}-{k}", partial(_tuned, own, params, seed * MEMBERS + k)) for k in range(MEMBERS)] for seed in seeds]
    jobs = [frozen, *(job for each in members for job in each)]
    made = rows.make(jobs)
    systems = text_systems(made["frozen"], [[made[job.name] for job in each] for each in members])
    main = list(systems)[-1]
    calibrated = {system: [_calibrated(own, logits) for logits in each] for system, each in systems.items()}
    protocol, seconds = _protocol(own, paths, params, main, options), rows.seconds([job.name for job in jobs])
    return scores.result_of(name, calibrated, own.label[own.scored], protocol, _baselines(own), seconds)


def _format(name: str) -> Format:
    from corpus.datasets.emorynlp import EMORYNLP
    from corpus.datasets.meld import MELD

    return {"meld": MELD, "emorynlp": EMORYNLP}[name]


def _paths(form: Format, data: Path, test: Path | None) -> dict[str, Path]:
    paths = {split: data / form.files[split] for split in ("train", "dev")}
    if test is not None:
        paths["test"] = _test_file(form, test)
    for split, path in paths.items():
        if not path.is_file():
            raise FeelmError(f"the {split} part of {form.name} is not at {path}: give the folder that holds {form.files[split]}")
    return paths


def _test_file(form: Format, test: Path) -> Path:
    """The file itself, the test file in a folder, or the one CSV there."""
    if test.is_file() or (test / form.files["test"]).is_file():
        return test if test.is_file() else test / form.files["test"]
    found = sorted(test.glob("*.csv"))
    return found[0] if len(found) == 1 else test / form.files["test"]


def _read(form: Format, paths: dict[str, Path]) -> _Set:
    from corpus.datasets.dialogues import read_lines
    from corpus.datasets.summary import Notes

    notes = Notes()
    lines = read_lines(form, paths, notes)
    classes = tuple(form.emotions)
    split = np.array([line.split for line in lines])
    train, dev, test = (np.flatnonzero(split == part) for part in ("train", "dev", "test"))
    if not len(train) or not len(dev):
        raise FeelmError(f"no usable line in {form.name}'s training or development file: {'; '.join(notes.refused) or 'they are empty'}")
    said = tuple(f"{reason}: {len(places)} rows" for reason, places in sorted(notes.refused.items()))
    return _Set(_lines(lines), np.array([classes.index(line.label) for line in lines]), classes, train, dev, test, said)


def _lines(lines: Sequence[Line]) -> Lines:
    dialogue = np.unique([line.scene_id for line in lines], return_inverse=True)[1].astype(np.int64)
    return Lines([line.text for line in lines], [line.speaker or "" for line in lines], dialogue)


def _frozen(own: _Set, params: TextParams, checkpoint: Path, tell: TellRound) -> FloatArray:
    model = FrozenText.fit(own.lines, own.label, own.train, len(own.classes), params.encoder)
    return model.logits(own.lines, own.dev_and_test)


def _tuned(own: _Set, params: TextParams, seed: int, checkpoint: Path, tell: TellRound) -> FloatArray:
    soft = np.eye(len(own.classes), dtype=np.float32)[own.label]
    tuned = tune(own.lines, soft, own.train, own.dev[:0], params, seed, checkpoint=checkpoint, tell=tell)
    return tuned.logits(own.lines, own.dev_and_test)


def _calibrated(own: _Set, logits: FloatArray) -> FloatArray:
    """Logits of the scored rows, divided by a temperature that did not see them; `logits` are those of dev and test."""
    dev, test = logits[: len(own.dev)], logits[len(own.dev) :]
    if len(own.test):
        return (test / fit_temperature(dev, own.label[own.dev])).astype(np.float32)
    return cross_fitted(dev, own.label[own.dev], own.lines.dialogue[own.dev] % HALVES)


def _baselines(own: _Set) -> dict[str, Metrics]:
    texts, scored, k = own.lines.texts, own.scored, len(own.classes)
    previous = np.full(len(own.label), -1, np.int64)
    follows = own.lines.dialogue[1:] == own.lines.dialogue[:-1]
    previous[1:][follows] = own.label[:-1][follows]
    label = own.label[own.train]
    majority = baselines.majority(label, len(scored), k)
    said = {
        "majority": majority,
        "persistence": baselines.persistence(previous[scored], majority),
        "tfidf_svm": baselines.tfidf_svm([texts[row] for row in own.train], label, [texts[row] for row in scored], majority),
    }
    return {name: scores.figures(np.log(p), own.label[scored]) for name, p in said.items()}


def _protocol(own: _Set, paths: dict[str, Path], params: TextParams, main: str, options: Options) -> Protocol:
    scored = paths["test"].name if "test" in paths else f"{paths['dev'].name} (nobody's test file was given)"
    chosen = paths["dev"].name if "test" in paths else f"{paths['dev'].name}, each half with what the other chose"
    return Protocol(
        trained_on=paths["train"].name,
        chosen_on=f"{chosen}: the temperature, nothing else",
        scored_on=scored,
        classes=own.classes,
        seeds=options.seeds if options.fine_tunes else (0,),
        n_train=len(own.train),
        n_scored=len(own.scored),
        system=main,
        settings={"text": repr(params)},
        notes=("persistence is told the previous line's gold class, which no other system is", *own.notes),
    )
