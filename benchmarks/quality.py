"""How good the models are: `python -m benchmarks.quality [xed meld ravdess made]`, all of them where none is named.

Public sets by their own protocols (`feelm benchmark`), openSMILE with a support vector machine on the same folds of RAVDESS, and the whole
chain on films of three seeds of the maker. Some two hours on two free cores; rows that are there are taken, so an ended run goes on.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import SHARED, table, write_result
from benchmarks.quality_made import SEEDS, made_told
from benchmarks.voice_peer import Peer
from corpus.terms import FeelmError
from ml.evaluation.benchmarks import BenchmarkResult, Options, run_benchmark
from ml.evaluation.benchmarks.ravdess import CLASSES, read_clips

FIGURES = ("accuracy", "uar", "macro_f1", "weighted_f1", "ece", "jsd_bits")
FEATURE_SETS = {"eGeMAPSv02": "openSMILE eGeMAPS + SVM", "ComParE_2016": "openSMILE ComParE + SVM"}
PACKAGES = ("torch", "numpy", "scikit-learn", "tokenizers")


def main() -> None:
    """Run the parts that are asked for and write their pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="xed, meld, ravdess, made; all where none is named")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "feelm-quality")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    for part in options.parts or PARTS:
        title, body = PARTS[part](options.cache, options.workers)
        print(f"# {title}\n\n{body}")
        write_result(f"quality-{part}", title, body, PACKAGES)


def _run(name: str, folder: str, cache: Path, workers: int) -> BenchmarkResult:
    data = SHARED / folder
    if not data.exists():
        raise FeelmError(f"{name} needs the shared material at {data}")
    return run_benchmark(name, data, None, Options(work=cache / "rows", workers=workers))


def _told(found: BenchmarkResult, asked: Sequence[str]) -> str:
    """The systems' figures, each class, what was asked, and how it was measured."""
    own = [found.protocol.system, *(f"{found.metrics[name]:.3f} ± {found.spread[name]:.3f}" for name in FIGURES)]
    others = [[name, *(f"{figures[name]:.3f}" for name in FIGURES)] for name, figures in (found.variants | found.baselines).items()]
    classes = [[name, f"{one.f1:.3f}", f"{one.precision:.3f}", f"{one.recall:.3f}", one.n] for name, one in found.per_class.items()]
    how = found.protocol
    return "\n\n".join(
        [
            table(["system", *FIGURES], [own, *others]),
            "\n".join(f"- {line}" for line in asked),
            table(["class", "F1", "precision", "recall", "n"], classes),
            f"Trained on {how.trained_on} (n {how.n_train}); chosen on {how.chosen_on}; scored on {how.scored_on} (n {how.n_scored}); "
            f"seeds {', '.join(map(str, how.seeds))}. {' '.join(f'{note}.' for note in how.notes)}",
            "Seconds a row: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in found.seconds.items()) + ".",
        ]
    )


def _asked(what: str, value: float, bound: float, at_most: bool = False) -> str:
    held = value <= bound if at_most else value >= bound
    return f"{what}: {value:.3f}, asked {'at most' if at_most else 'at least'} {bound}: {'holds' if held else 'FALLS SHORT'}"


def _xed(cache: Path, workers: int) -> tuple[str, str]:
    found = _run("xed", "xed", cache, workers)
    asked = [_asked("macro-F1", found.metrics["macro_f1"], 0.42), _asked("ECE", found.metrics["ece"], 0.05, at_most=True)]
    return "XED: lines of films never seen", _told(found, asked)


def _meld(cache: Path, workers: int) -> tuple[str, str]:
    found = _run("meld", "meld", cache, workers)
    frozen = found.variants["frozen"]
    asked = [
        _asked("weighted F1, fine-tuned and frozen together, mean of seeds", found.metrics["weighted_f1"], 0.61),
        _asked("weighted F1, frozen", frozen["weighted_f1"], 0.55),
        _asked("seconds of the frozen variant", found.seconds["frozen"], 60, at_most=True),
        _asked("ECE", found.metrics["ece"], 0.05, at_most=True),
    ]
    return "MELD: the development part, from words, speaker and neighbours", _told(found, asked)


def _ravdess(cache: Path, workers: int) -> tuple[str, str]:
    found = _run("ravdess", "ravdess_speech_16k", cache, workers)
    peers = {FEATURE_SETS[name]: _peer(name, cache, found.protocol.seeds) for name in FEATURE_SETS}
    asked = [
        _asked("UAR, each clip alone", found.metrics["uar"], 0.55),
        *(_asked(f"above {name}", found.metrics["uar"], round(uar, 3)) for name, uar in peers.items()),
        _asked("ECE", found.metrics["ece"], 0.05, at_most=True),
    ]
    told = table(["peer, on the same folds", "UAR"], [[name, f"{uar:.3f}"] for name, uar in peers.items()])
    return "RAVDESS: actors never heard", f"{_told(found, asked)}\n\n{told}"


def _peer(feature_set: str, cache: Path, seeds: Sequence[int]) -> float:
    """openSMILE's functionals with the better of two support vector machines, UAR as mean over the same deals of actors."""
    from sklearn.metrics import recall_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    clips = read_clips(SHARED / "ravdess_speech_16k", None)
    columns = Peer.installed(Path(tempfile.gettempdir()) / "feelm-voice").functionals(clips.paths, feature_set)
    best = 0.0
    for machine in (SVC(C=10.0), SVC(kernel="linear", C=0.01)):
        scores = []
        for seed in seeds:
            fold, said = clips.folds(seed), np.zeros(len(clips.label), np.int64)
            for one in np.unique(fold):
                model = make_pipeline(StandardScaler(), machine).fit(columns[fold != one], clips.label[fold != one])
                said[fold == one] = model.predict(columns[fold == one])
            scores.append(recall_score(clips.label, said, average="macro", labels=range(len(CLASSES))))
        best = max(best, float(np.mean(scores)))
    return best


def _made(cache: Path, workers: int) -> tuple[str, str]:
    return f"Made films: {len(SEEDS)} seeds of the maker, every film unseen once", made_told(cache, workers)


PARTS: dict[str, Callable[[Path, int], tuple[str, str]]] = {"xed": _xed, "meld": _meld, "ravdess": _ravdess, "made": _made}

if __name__ == "__main__":
    main()
