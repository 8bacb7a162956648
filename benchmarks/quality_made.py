"""The whole chain on films of several seeds of the maker, judged by what the maker knows: which line's channels mislead.

Each seed is a home of its own, filled by `feelm demo` as a newcomer would; its report and the predictions on unseen films are read.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common import table
from corpus.contracts import PREDICTIONS, TRAINING_UNITS
from corpus.maker.channels import Kind
from corpus.maker.truth import read_truth
from corpus.paths import Home
from corpus.statistics import jensen_shannon_bits, sign_flip_test
from corpus.terms import EMOTIONS, MODALITIES, PROBABILITY_COLUMNS, FeelmError
from ml.evaluation.report import CorpusReport, SystemScore, ValidationReport

SEEDS = (101, 202, 303)
FILMS = 12
SYSTEMS = ("fused", *MODALITIES, "majority", "persistence", "tfidf", "fused_no_context", "fused_shuffled")
WITHOUT = {"face": "fused_voice_text", "voice": "fused_face_text", "text": "fused_face_voice"}
MOST_BELOW_SINGLE, CONTRADICTORY_GAIN, CONSISTENT_LOSS = 0.03, 0.15, 0.03


@dataclass(frozen=True)
class Chain:
    """What one seed's home says: its report, and for each gold unit of a film, its film, its kind, whether each system was right and how
    far it was from the raters' soft label (bits)."""

    seed: int
    whole: ValidationReport
    report: CorpusReport
    film: np.ndarray
    kind: np.ndarray
    right: dict[str, np.ndarray]
    bits: dict[str, np.ndarray]

    def gain(self, of: dict[str, np.ndarray]) -> np.ndarray:
        """What context adds to a figure of each unit, by film."""
        differences = pd.Series(of["fused"].astype(float) - of["fused_no_context"].astype(float))
        return differences.groupby(self.film).mean().to_numpy()

    def accuracy(self, system: str, kinds: tuple[Kind, ...] = tuple(Kind)) -> float:
        """Share right among the lines of these kinds."""
        return float(self.right[system][np.isin(self.kind, [kind.value for kind in kinds])].mean())


def made_told(cache: Path, workers: int) -> str:
    """Run what is not there yet; the tables and what was asked."""
    chains = [_chain(cache, seed, workers) for seed in SEEDS]
    misleads = tuple(kind for kind in Kind if kind is not Kind.CONSISTENT)
    systems = [[name, *(f"{chain.accuracy(name):.3f}" for chain in chains)] for name in (*SYSTEMS, *WITHOUT.values())]
    kinds = [
        [kind.value, *(f"{chain.accuracy('fused', (kind,)):.3f} / {chain.accuracy('text', (kind,)):.3f}" for chain in chains)]
        for kind in Kind
    ]
    head = [f"seed {chain.seed} (n {len(chain.kind)})" for chain in chains]
    asked = [f"- seed {chain.seed}: {said}" for chain in chains for said in _asked(chain, misleads)]
    return "\n\n".join(
        [table(["accuracy", *head], systems), table(["fused / text alone, by kind of line", *head], kinds), "\n".join(asked)]
    )


def _asked(chain: Chain, misleads: tuple[Kind, ...]) -> list[str]:
    """Every line of what is asked of made films, with its figures."""
    tests = {test.other: test for test in chain.report.tests}
    lost = [
        name for name in (*MODALITIES, "majority", "persistence", "tfidf") if tests[name].p_value >= 0.05 or tests[name].difference <= 0
    ]
    worst = max(test.p_value for name, test in tests.items() if name in (*MODALITIES, "majority", "persistence", "tfidf"))
    said = [f"beats each modality and baseline by films (largest p {worst:.4f}): {_held(not lost)}{' ' + ', '.join(lost) if lost else ''}"]
    for gone, rest in WITHOUT.items():
        best = max(chain.accuracy(name) for name in MODALITIES if name != gone)
        held = chain.accuracy(rest) >= best - MOST_BELOW_SINGLE and chain.accuracy(rest) <= chain.accuracy("fused")
        said.append(f"without {gone} {chain.accuracy(rest):.3f}, best single left {best:.3f}: {_held(held)}")
    gain = chain.accuracy("fused", misleads) - chain.accuracy("text", misleads)
    loss = chain.accuracy("text", (Kind.CONSISTENT,)) - chain.accuracy("fused", (Kind.CONSISTENT,))
    said.append(f"contradictory lines {100 * gain:+.1f} points against text alone (asked 15): {_held(gain >= CONTRADICTORY_GAIN)}")
    said.append(f"consistent lines lose {100 * loss:+.1f} points against text alone (at most 3): {_held(loss <= CONSISTENT_LOSS)}")
    context = chain.accuracy("fused") - chain.accuracy("fused_no_context")
    said.append(f"context on against off {100 * context:+.1f} points: {_held(context > 0)}")
    nearer = -chain.gain(chain.bits)
    p_value = sign_flip_test(nearer)
    held = _held(nearer.mean() > 0 and p_value < 0.05)
    said.append(f"context on is {nearer.mean():+.4f} bits nearer to the raters than off, film by film (p {p_value:.4f}): {held}")
    return said + _foreseen("next line", chain.whole.reaction) + _foreseen("addressee", chain.whole.characters.get("addressee", []))


def _foreseen(what: str, scores: Sequence[SystemScore]) -> list[str]:
    """How well the next emotion is foreseen, beside the best that needs no model."""
    if not scores:
        return []
    own, *others = scores
    best = max(others, key=lambda other: other.accuracy.value)
    told = f"{own.accuracy.value:.3f} of {own.n_units} right, {own.jsd_bits:.3f} bits; {best.system} {best.accuracy.value:.3f}"
    return [f"next emotion, {what}: {told}: {_held(own.accuracy.value > best.accuracy.value)}"]


def _held(held: bool) -> str:
    return "holds" if held else "FALLS SHORT"


def _chain(cache: Path, seed: int, workers: int) -> Chain:
    home = Home(cache / f"made-{seed}" / ".feelm")
    if not (home.artifact("validation_report") / "report.json").is_file():
        command = [
            str(Path(sys.executable).with_name("feelm")),
            "demo",
            "--films",
            str(FILMS),
            "--seed",
            str(seed),
            "--workers",
            str(workers),
        ]
        done = subprocess.run(command, env={**os.environ, "FEELM_HOME": str(home.root)}, check=False)
        if done.returncode:
            raise FeelmError(f"the chain failed on seed {seed}: look at its messages above")
    whole = ValidationReport.read(home.artifact("validation_report") / "report.json")
    report = whole.corpus("films")
    if report is None:
        raise FeelmError(f"the report of seed {seed} has no films")
    rows = TRAINING_UNITS.read(home.artifact("training_set") / "manifest.parquet")
    gold = rows[(rows["source"] == "film") & rows["label"].notna()].reset_index(drop=True)
    predictions = PREDICTIONS.read(home.artifact("emotion_model") / "predictions.parquet")
    label = gold["label"].map({name: i for i, name in enumerate(EMOTIONS)}).to_numpy()
    said = {str(name): own.set_index("unit_id").reindex(gold["unit_id"]) for name, own in predictions.groupby("system")}
    stated = {name: own[list(PROBABILITY_COLUMNS)].to_numpy() for name, own in said.items()}
    right = {name: each.argmax(axis=1) == label for name, each in stated.items()}
    soft = gold[list(PROBABILITY_COLUMNS)].to_numpy()
    bits = {name: jensen_shannon_bits(each, soft) for name, each in stated.items()}
    return Chain(seed, whole, report, gold["film_id"].to_numpy(str), _kinds(home, gold, seed), right, bits)


def _kinds(home: Home, gold: pd.DataFrame, seed: int) -> np.ndarray:
    """The kind of the line of truth that shares most time with each unit."""
    truths = {path.parent.name: read_truth(path) for path in (home.made_films / f"seed-{seed}").rglob("truth.json")}
    kinds = []
    for film_id, start_ms, end_ms in zip(gold["film_id"], gold["start_ms"], gold["end_ms"], strict=True):
        shared = [min(line.end_ms, end_ms) - max(line.start_ms, start_ms) for line in truths[film_id].lines]
        kinds.append(truths[film_id].lines[int(np.argmax(shared))].kind.value)
    return np.array(kinds)
