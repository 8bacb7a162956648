"""CREMA-D and studyforrest: how far people agree, which bounds what any model can be asked for.

CREMA-D's crowd is measured on each clip by channel (voice, face, both): Krippendorff's alpha, the share of votes and of modes that are the
emotion the actor was told to play. studyforrest's observers mark episodes of one film: alpha of each emotion's presence on a grid of one
second, and each observer against the others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.annotations.reliability import fleiss_kappa
from corpus.statistics import concordance, nominal_alpha
from corpus.terms import FeelmError
from ml.evaluation.benchmarks.options import Options
from ml.evaluation.benchmarks.result import BenchmarkResult, Metrics, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from corpus.annotations.courses import Courses


def run_crema_d(data: Path, test: Path | None, options: Options) -> BenchmarkResult:
    """Agreement of the crowd in somebody's copy of the votes; a test folder's votes are measured instead where there are any.

    Raises:
        FeelmError: the table is not there or not CREMA-D's.
    """
    from corpus.datasets import crema_d
    from corpus.datasets.crema_d_labels import FILE

    path = (test or data) / FILE
    if not path.is_file():
        raise FeelmError(f"CREMA-D's votes are not at {path}: give the folder that holds {FILE}")
    votes = crema_d.read_votes(path.read_text(encoding="utf-8-sig"))
    metrics: Metrics = {}
    for channel, own in votes.items():
        rows = np.arange(len(own.counts))
        metrics[f"alpha_{channel}"] = nominal_alpha(own.counts)
        metrics[f"kappa_{channel}"] = fleiss_kappa(own.counts)
        metrics[f"vote_accuracy_{channel}"] = float(own.counts[rows, own.intended].sum() / own.counts.sum())
        metrics[f"mode_accuracy_{channel}"] = own.majority_accuracy()
    n_votes = int(sum(own.counts.sum() for own in votes.values()))
    clips = sum(len(own.counts) for own in votes.values())
    baselines = {"chance": {f"vote_accuracy_{channel}": 1 / len(crema_d.EMOTIONS) for channel in votes}}
    return _measured("crema-d", metrics, baselines, f"{n_votes} votes on {clips} clips by channel", crema_d.EMOTIONS, clips)


def run_studyforrest(data: Path, test: Path | None, options: Options) -> BenchmarkResult:
    """Agreement of the film's observers, all whose files lie under the folder (and under the test folder, taken together).

    Raises:
        FeelmError: there is no observer's file, or fewer than two of one kind.
    """
    table = _observers([folder for folder in (data, test) if folder is not None])
    duration_ms = int(table["end_ms"].max())
    metrics: Metrics = {}
    for seen, own in table.groupby("modality_seen", sort=True):
        if own["annotator_id"].nunique() >= 2:
            metrics |= _agreement(str(seen), own, duration_ms)
    if not metrics:
        raise FeelmError("at least two observers of one kind are needed: files such as av1o01.csv and av1o02.csv")
    n_raters = table["annotator_id"].nunique()
    said = f"{n_raters} observers, {len(table)} judgements, every second of {duration_ms // 1000} s"
    return _measured("studyforrest", metrics, {}, said, tuple(sorted(table["label_raw"].dropna().unique())), duration_ms // 1000)


def _observers(folders: Sequence[Path]) -> pd.DataFrame:
    """ANNOTATIONS of all observers' files under the folders."""
    from corpus.annotations.batches import tables_of
    from corpus.annotations.importers.reading import Told
    from corpus.annotations.importers.studyforrest import IMPORTER
    from corpus.annotations.pseudonyms import Pseudonyms

    found = {path.name: path.read_bytes() for folder in folders for path in sorted(folder.rglob("*.csv"))}
    files = {name: content for name, content in found.items() if IMPORTER.recognises({name: content})}
    if not files:
        raise FeelmError(f"no observer's file of studyforrest under {', '.join(map(str, folders))}: files such as av1o01.csv are needed")
    with tempfile.TemporaryDirectory() as scratch:
        delivery = IMPORTER.read(files, Pseudonyms(Path(scratch) / "names.json"), Told(film_id="forrest-gump"))
    if delivery.fault is not None:
        raise FeelmError(f"an observer's file cannot be read: {delivery.fault}")
    return tables_of(delivery, "benchmark").annotations


def _agreement(seen: str, own: pd.DataFrame, duration_ms: int) -> Metrics:
    """Alpha and leave-one-rater-out of one kind of observers, names beginning with what they perceived."""
    from corpus.annotations.courses import presence_course, value_course

    found: Metrics = {}
    words = own.assign(label=own["label_raw"])
    f1 = []
    for word in sorted(words["label"].dropna().unique()):
        course = presence_course(words, word, duration_ms)
        found[f"{seen}_alpha_{word.lower()}"] = course.nominal_alpha()
        found[f"{seen}_leave_one_out_f1_{word.lower()}"] = left_out(course, _presence_f1)
        f1.append(found[f"{seen}_leave_one_out_f1_{word.lower()}"])
    for dimension, names in (("valence", {-0.5: "neg", 0.5: "pos"}), ("arousal", {0.5: "high"})):
        for value, name in names.items():
            course = presence_course(_marked(own, dimension, value, name), name, duration_ms)
            found[f"{seen}_alpha_{dimension}_{name}"] = course.nominal_alpha()
        values = value_course(own, dimension, duration_ms)
        found[f"{seen}_alpha_{dimension}_interval"] = values.interval_alpha()
        found[f"{seen}_leave_one_out_ccc_{dimension}"] = left_out(values, _both_said)
    found[f"{seen}_leave_one_out_f1"] = float(np.nanmean(f1))
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _marked(own: pd.DataFrame, dimension: str, value: float, name: str) -> pd.DataFrame:
    """The judgements with `dimension` at `value` as if they were episodes of an emotion; all observers stay, whoever marked none."""
    marks = own["dimension"].eq(dimension) & own["value"].eq(value)
    return own.assign(label=marks.map({True: name, False: None}), dimension=own["dimension"].mask(marks, "category"))


def left_out(course: Courses, compare: Callable[[np.ndarray, np.ndarray], float]) -> float:
    """Mean over raters of `compare(own values, mean of the others')`, over what both say; NaN where nothing can be compared."""
    scores = []
    for rater in range(len(course.raters)):
        others = np.delete(course.values, rater, axis=0)
        said = ~np.isnan(others)
        count = said.sum(axis=0)
        mean = np.divide(np.nansum(others, axis=0), count, out=np.full(course.values.shape[1], np.nan), where=count > 0)
        both = ~np.isnan(course.values[rater]) & ~np.isnan(mean)
        scores.append(compare(course.values[rater][both], mean[both]))
    return float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")


def _presence_f1(own: np.ndarray, others: np.ndarray) -> float:
    """F1 of one rater's presence against what at least half of the others say; NaN where nobody says anything."""
    said, gold = own > 0.5, others >= 0.5
    total = said.sum() + gold.sum()
    return float(2 * (said & gold).sum() / total) if total else float("nan")


def _both_said(own: np.ndarray, others: np.ndarray) -> float:
    return concordance(own, others) if len(own) > 1 else float("nan")


def _measured(
    name: str, metrics: Metrics, baselines: dict[str, Metrics], scored: str, classes: tuple[str, ...], n_scored: int
) -> BenchmarkResult:
    protocol = Protocol(
        trained_on="nothing: people are measured",
        chosen_on="nothing",
        scored_on=scored,
        classes=classes,
        seeds=(0,),
        n_train=0,
        n_scored=n_scored,
        system="people",
    )
    return BenchmarkResult(name, metrics, dict.fromkeys(metrics, 0.0), {}, {}, baselines, protocol)
