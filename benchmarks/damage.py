"""Damaged films: nine kinds of file, seven kinds of damage, seeded; is every change told and dated, does nothing crash or hang?

`python -m benchmarks.damage [--seeds N] [--json FILE]` takes some five minutes of CPU for the ten seeds (630 files) of the results page.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import CpuClock, table, write_result
from benchmarks.damage_judge import Outcome, State, read_content, run_trial
from benchmarks.damaged import DAMAGES, KINDS, Kind, write_kind

SEEDS = 10


@dataclass(frozen=True)
class Trial:
    """One damaged file and what became of it."""

    kind: str
    damage: str
    seed: int
    outcome: Outcome


def trials_of(kind: Kind, seeds: range, folder: Path) -> list[Trial]:
    """All damages of one kind of file; the undamaged file must pass without a word."""
    whole = write_kind(folder, kind)
    clean = read_content(whole)
    if clean.told:
        raise SystemExit(f"the undamaged {kind.name} is called damaged: {clean.told}")
    trials = []
    for number, (name, damage) in enumerate(DAMAGES.items()):
        for seed in seeds:
            path = folder / f"damaged{kind.suffix}"
            path.write_bytes(damage(whole.read_bytes(), np.random.default_rng([seed, number])))
            trials.append(Trial(kind.name, name, seed, run_trial(clean, path)))
    return trials


def counts(trials: list[Trial], by: str) -> str:
    """Table of states, one row per `by` (kind or damage)."""
    rows: dict[str, Counter[State]] = {}
    for trial in [*trials, *(Trial("all", "all", t.seed, t.outcome) for t in trials)]:
        rows.setdefault(getattr(trial, by), Counter())[trial.outcome.state] += 1
    return table([by, *State, "files"], [[name, *(row[state] for state in State), row.total()] for name, row in rows.items()])


def main() -> None:
    """Run the trials and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory() as folder, CpuClock() as clock:
        for kind in KINDS:
            trials += trials_of(kind, range(asked.seeds), Path(folder))
            print(kind.name, dict(Counter(t.outcome.state.value for t in trials if t.kind == kind.name)), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps([asdict(trial) for trial in trials], indent=1), encoding="utf-8")
    print(write_result("damage", "Damaged films", _page(trials, clock.seconds), ["av", "numpy"]))


def _page(trials: list[Trial], seconds: float) -> str:
    silent = [t for t in trials if t.outcome.state in (State.SILENT_PICTURE, State.SILENT_SOUND, State.MISDATED)]
    rows = [[t.kind, t.damage, t.seed, t.outcome.state, t.outcome.changed, "; ".join(t.outcome.told)[:120]] for t in silent]
    parts = [
        "A change is seen from a mean difference of 2 of 255 over a picture or 16 in a cell of 1/9 of its height, heard from -30 dBFS in "
        "100 ms; it is dated right when the first change lies at most 2 s outside of what is told.",
        counts(trials, "kind"),
        counts(trials, "damage"),
        "What passed without a word, or with a wrong time:",
        table(["kind", "damage", "seed", "state", "pictures changed of 250", "told"], rows),
        f"{seconds:.0f} CPU seconds.",
    ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
