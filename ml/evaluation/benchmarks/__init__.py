"""Benchmarks on anyone's copy of public data: each runs its set's protocol and says how its figures came about.

`run_benchmark` is the way in; `dialogues` (MELD, EmoryNLP), `xed` and `ravdess` train and score, `raters` measures people (CREMA-D,
studyforrest), `faces` scores the packaged networks. What is trained is kept row by row (`rows`), so that an ended run goes on.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from corpus.terms import FeelmError
from ml.evaluation.benchmarks.dialogues import run_dialogues
from ml.evaluation.benchmarks.faces import run_faces
from ml.evaluation.benchmarks.options import Options
from ml.evaluation.benchmarks.raters import run_crema_d, run_studyforrest
from ml.evaluation.benchmarks.ravdess import run_ravdess
from ml.evaluation.benchmarks.result import BenchmarkResult, Metrics
from ml.evaluation.benchmarks.xed import run_xed

Run = Callable[[Path, Path | None, Options], BenchmarkResult]

BENCHMARKS: dict[str, Run] = {
    "meld": partial(run_dialogues, "meld"),
    "emorynlp": partial(run_dialogues, "emorynlp"),
    "xed": run_xed,
    "ravdess": run_ravdess,
    "crema-d": run_crema_d,
    "studyforrest": run_studyforrest,
    "faces": run_faces,
}


def run_benchmark(name: str, data: Path, test: Path | None, options: Options) -> BenchmarkResult:
    """Run a benchmark's protocol on the data in the folder `data`, scored on `test` where it is given.

    Raises:
        FeelmError: there is no such benchmark, or the data are not its set's.
    """
    if name not in BENCHMARKS:
        raise FeelmError(f"there is no benchmark {name!r}: it must be one of {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name](data, test, options)


__all__ = ["BENCHMARKS", "BenchmarkResult", "Metrics", "Options", "run_benchmark"]
