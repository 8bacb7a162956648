"""crowd-kit in an environment of its own (it brings transformers and nltk, and is no part of the product), run in its own Python."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.aggregation_raters import Crowd
from corpus.statistics import IntArray
from corpus.terms import FeelmError

VERSION = "1.4.2"
AGGREGATORS = ("MajorityVote", "DawidSkene", "OneCoinDawidSkene", "GLAD", "MACE", "MMSR", "Wawa", "ZeroBasedSkill")
ONE_START: Mapping[str, object] = {"n_restarts": 1}
"""Its MACE starts each of its ten restarts from the same numbers: one gives the same labels in a tenth of the time."""

_SCRIPT = Path(__file__).with_name("aggregation_peer_run.py")


@dataclass(frozen=True)
class Answer:
    """Labels (n_items,) and CPU seconds of an aggregator, or the fault it ended with."""

    labels: IntArray | None
    seconds: float
    fault: str | None = None


@dataclass(frozen=True)
class Peer:
    """The peer's Python in its environment under `home`."""

    home: Path

    @classmethod
    def installed(cls, cache: Path) -> Peer:
        """Make the environment where it is not there yet.

        Raises:
            FeelmError: the package cannot be installed.
        """
        peer = cls(cache / "crowd-kit")
        if not (peer.home / "installed").is_file():
            subprocess.run([sys.executable, "-m", "venv", str(peer.home)], check=True)
            installed = subprocess.run([str(peer.home / "bin" / "pip"), "install", "-q", f"crowd-kit=={VERSION}"], check=False)
            if installed.returncode:
                raise FeelmError(f"crowd-kit {VERSION} cannot be installed: look at pip's message above")
            (peer.home / "installed").touch()
        return peer

    def versions(self) -> str:
        """The versions in its environment that matter."""
        code = "import numpy, pandas, sklearn; print(*(f'{m.__name__} {m.__version__}' for m in (numpy, pandas, sklearn)), sep=', ')"
        done = subprocess.run([str(self.home / "bin" / "python"), "-c", code], check=True, capture_output=True, text=True)
        return f"crowd-kit {VERSION} ({done.stdout.strip()})"

    def aggregate(self, crowd: Crowd, wanted: Mapping[str, Mapping[str, object]]) -> dict[str, Answer]:
        """Labels by each aggregator of `wanted`, which maps its name onto its arguments.

        Raises:
            FeelmError: the peer as a whole ends with a fault.
        """
        with tempfile.TemporaryDirectory() as work:
            votes, out = Path(work) / "votes.csv", Path(work) / "out.json"
            pd.DataFrame({"task": crowd.items, "worker": crowd.raters, "label": crowd.labels}).to_csv(votes, index=False)
            arguments = [f"{name}={json.dumps(given)}" for name, given in wanted.items()]
            command = [str(self.home / "bin" / "python"), str(_SCRIPT), str(votes), str(out), *arguments]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                raise FeelmError(f"crowd-kit ends with {done.returncode}: {done.stderr[-300:]}")
            results = json.loads(out.read_text(encoding="utf-8"))
        return {name: _answer(result, len(crowd.truth)) for name, result in results.items()}


def _answer(result: dict[str, object], n_items: int) -> Answer:
    if "fault" in result:
        return Answer(None, 0.0, str(result["fault"]))
    labels = np.full(n_items, -1, dtype=np.int64)
    given = result["labels"]
    assert isinstance(given, dict)
    labels[[int(task) for task in given]] = list(given.values())
    return Answer(labels, float(str(result["seconds"])))
