"""RAVDESS: the emotion of a spoken sentence among the set's eight, by actors whom the system never heard; each clip is judged alone.

The actors of DIR are dealt to folds whole; with a test folder they all train and its actors, none of whom may stand in DIR, are scored.
What an actor's own clips tell of their usual voice, without labels, is a variant that stands apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from corpus.terms import FeelmError
from ml.evaluation import baselines
from ml.evaluation.benchmarks import scores
from ml.evaluation.benchmarks.folds import FOLDS, cross_fitted, group_folds
from ml.evaluation.benchmarks.options import Options
from ml.evaluation.benchmarks.result import BenchmarkResult, Metrics, Protocol
from ml.evaluation.benchmarks.rows import Job, Rows, data_digest, run_key
from ml.models.calibration import fit_temperature
from ml.models.dataset import FloatArray, IntArray
from ml.models.loop import TellRound
from ml.models.voice.clips import Clips, LinearVoice, Part, describe_clips, relative_to_speaker

CLASSES = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
"""RAVDESS' own names, in the order of its numbers from 1."""

SYSTEM = "speech_and_measured"
MEASURED_STRENGTH = 0.03
"""Of 110 measured columns each may say more than of 2,400."""


@dataclass(frozen=True)
class Actors:
    """The clips of DIR and then of the test folder: label, actor, and whether it is to be scored alone (n,)."""

    paths: tuple[Path, ...]
    label: IntArray
    actor: tuple[str, ...]
    is_test: np.ndarray
    notes: tuple[str, ...]

    def folds(self, seed: int) -> IntArray:
        """Fold (n,) of each clip by its actor, dealt anew for each seed; -1 for the test folder's."""
        names = sorted({name for name, test in zip(self.actor, self.is_test, strict=True) if not test})
        dealt = {name: f"{place:03d}" for place, name in enumerate(np.random.default_rng(seed).permutation(names).tolist())}
        own = np.full(len(self.label), -1, np.int64)
        own[~self.is_test] = group_folds([dealt[name] for name, test in zip(self.actor, self.is_test, strict=True) if not test], FOLDS)
        return own


def run_ravdess(data: Path, test: Path | None, options: Options) -> BenchmarkResult:
    """Run the protocol on somebody's copy of RAVDESS' speech.

    Raises:
        FeelmError: there are no recordings or too few actors, or an actor of the test stands in the training data too.
    """
    own = read_clips(data, test)
    key = run_key(data_digest(*own.paths), f"{int(own.is_test.sum())} of the test")
    rows = Rows(options.work / f"ravdess-{key}", options.workers, options.tell)
    parts: tuple[Part, Part] = ("speech", "measured")
    described = rows.make([Job(part, partial(_described, own.paths, part)) for part in parts])
    clips = Clips(described["speech"], described["measured"])
    columns = {
        SYSTEM: (clips.both, None),
        "speech": (clips.speech, None),
        "measured": (clips.measured, MEASURED_STRENGTH),
        "per_speaker": (relative_to_speaker(clips.both, own.actor), None),
    }
    seeds = options.seeds
    jobs = {
        (name, seed): Job(f"{name}-{seed}", partial(_answered, own, table, strength, seed))
        for name, (table, strength) in columns.items()
        for seed in seeds
    }
    made = rows.make(list(jobs.values()))
    scored = own.is_test if own.is_test.any() else np.ones(len(own.label), bool)
    systems = {name: [_calibrated(own, made[jobs[name, seed].name], seed)[scored] for seed in seeds] for name in columns}
    seconds = rows.seconds(["speech", "measured", *(job.name for job in jobs.values())])
    return scores.result_of("ravdess", systems, own.label[scored], _protocol(own, options), _baselines(own, scored), seconds)


def read_clips(data: Path, test: Path | None) -> Actors:
    """The clips of DIR and, after them, of the test folder.

    Raises:
        FeelmError: there are no recordings or too few actors, or an actor of the test stands in the training data too.
    """
    from corpus.datasets.ravdess import Name, read_name, recordings

    paths, names, refused, is_test = [], [], dict[str, int](), []
    for folder in [data] if test is None else [data, test]:
        for path in recordings(folder):
            name = read_name(path.stem)
            if isinstance(name, Name):
                paths.append(path)
                names.append(name)
                is_test.append(folder is test)
            else:
                refused[name] = refused.get(name, 0) + 1
    actors = {flag: {name.actor for name, own in zip(names, is_test, strict=True) if own is flag} for flag in (False, True)}
    if len(actors[False]) < FOLDS:
        raise FeelmError(f"{data} has speech of {len(actors[False])} actors of RAVDESS: at least {FOLDS} are needed")
    if shared := sorted(actors[False] & actors[True]):
        raise FeelmError(f"leak: actor {shared[0]} speaks in the test and in the training data ({len(shared)} such actors)")
    return Actors(
        tuple(paths),
        np.array([name.emotion - 1 for name in names], np.int64),
        tuple(f"actor-{name.actor:02d}" for name in names),
        np.array(is_test, bool),
        tuple(f"{reason}: {count} files" for reason, count in sorted(refused.items())),
    )


def _described(paths: tuple[Path, ...], part: Part, checkpoint: Path, tell: TellRound) -> FloatArray:
    return describe_clips(paths, part, lambda done, total: tell(done, total, 0.0) if done % 50 == 0 else None)


def _answered(own: Actors, columns: FloatArray, strength: float | None, seed: int, checkpoint: Path, tell: TellRound) -> FloatArray:
    """Logits (n, 8): each fold's by the others, the test's by all of DIR."""
    fold, found = own.folds(seed), np.zeros((len(own.label), len(CLASSES)), np.float32)
    for one in np.unique(fold):
        train = (fold >= 0) & (fold != one)
        model = LinearVoice.fit(columns[train], own.label[train], len(CLASSES), *(() if strength is None else (strength,)))
        found[fold == one] = model.logits(columns[fold == one])
    return found


def _calibrated(own: Actors, logits: FloatArray, seed: int) -> FloatArray:
    fold = own.folds(seed)
    if not own.is_test.any():
        return cross_fitted(logits, own.label, fold)
    return (logits / fit_temperature(logits[fold >= 0], own.label[fold >= 0])).astype(np.float32)


def _baselines(own: Actors, scored: np.ndarray) -> dict[str, Metrics]:
    said = baselines.majority(own.label[~own.is_test], int(scored.sum()), len(CLASSES))
    return {"majority": scores.figures(np.log(said), own.label[scored])}


def _protocol(own: Actors, options: Options) -> Protocol:
    n_actors = len({name for name, test in zip(own.actor, own.is_test, strict=True) if not test})
    has_test = bool(own.is_test.any())
    return Protocol(
        trained_on="all actors of DIR" if has_test else f"{FOLDS - 1} of {FOLDS} folds of {n_actors} actors, dealt anew for each seed",
        chosen_on="the temperature, on actors of DIR not trained on" if has_test else "the temperature, on other folds",
        scored_on=f"{len({n for n, t in zip(own.actor, own.is_test, strict=True) if t})} actors of the test folder"
        if has_test
        else "every actor once, unheard",
        classes=CLASSES,
        seeds=options.seeds,
        n_train=int((~own.is_test).sum()),
        n_scored=int(own.is_test.sum()) if has_test else len(own.label),
        system=SYSTEM,
        notes=("each clip is judged alone; per_speaker is told which clips are of one actor", *own.notes),
    )
