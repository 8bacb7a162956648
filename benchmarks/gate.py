"""The gate of annotations on a million rows: how long all checks of a batch take, and in how much memory.

Run as `python -m benchmarks.gate`. Half a million judgements of 50,000 spans in 100 films by 200 raters, each with an emotion and an
intensity, are made once, written as a batch and checked in a fresh process, reading and Great Expectations' import included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common import CpuClock, peak_rss_mb, table, write_result
from corpus.contracts import ANNOTATION_SCHEMA_VERSION, ANNOTATIONS, TRACES
from corpus.paths import write_json
from corpus.terms import EMOTIONS

SPANS, VOTES, RATERS, FILMS = 50_000, 10, 200, 100
FILM_MS = 20_000_000
ROUNDS = 3
PACKAGES = ("great-expectations", "pandas", "pyarrow", "numpy")


def main() -> None:
    """Make the batch and check it `ROUNDS` times, or check one that is there (`--batch`) and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=Path)
    batch = parser.parse_args().batch
    if batch is not None:
        sys.stdout.write(json.dumps(_check(batch)) + "\n")
        return
    with tempfile.TemporaryDirectory(prefix="feelm-gate-") as folder:
        rows = make_batch(Path(folder))
        found = [_in_a_fresh_process(Path(folder)) for _ in range(ROUNDS)]
    head = ["round", "wall s", "CPU s", "highest memory, MB", "checks", "could not be carried out", "critical"]
    body = table(head, [_row(number, figures) for number, figures in enumerate(found, start=1)])
    words = f"{rows:,} rows: {SPANS:,} spans, {VOTES} of {RATERS} raters on each, in {FILMS} films. Asked for: at most 15 s and 1.5 GB."
    page = write_result("gate", "The gate on a million rows", words + "\n\n" + body, PACKAGES)
    sys.stdout.write(f"{page}\n")


def _row(number: int, figures: dict[str, float]) -> list[object]:
    measured = [f"{figures['wall_s']:.1f}", f"{figures['cpu_s']:.1f}", f"{figures['memory_mb']:.0f}"]
    return [number, *measured, figures["checks"], figures["errored"], figures["critical"]]


def make_batch(folder: Path) -> int:
    """Write annotations.parquet, traces.parquet and import.json; the number of rows."""
    rng = np.random.default_rng(0)
    span = np.repeat(np.arange(SPANS), VOTES)
    rater = np.tile(np.arange(VOTES), SPANS) + (span % (RATERS // VOTES)) * VOTES
    truth = rng.integers(len(EMOTIONS), size=SPANS)
    label = np.where(rng.random(len(span)) < 0.6, truth[span], rng.integers(len(EMOTIONS), size=len(span)))
    start = span // FILMS * 3000
    emotion = np.array(EMOTIONS, dtype=object)[label]
    common = pd.DataFrame(
        {
            "film_id": np.array([f"film-{i:03d}" for i in range(FILMS)], dtype=object)[span % FILMS],
            "start_ms": start,
            "end_ms": start + 2500,
            "annotator_id": np.array([f"r-{i:08x}" for i in range(RATERS)], dtype=object)[rater],
            "group_id": [f"g{i}" for i in range(len(span))],
            "source_ref": [f"line {i}" for i in range(len(span))],
            "lead_time_ms": rng.integers(900, 9000, len(span)),
            "label": emotion,
            "label_raw": emotion,
        }
    ).assign(**_SAME)
    category = common.assign(annotation_id="c" + common["group_id"], dimension="category")
    value = rng.random(len(span)).round(2)
    intensity = common.assign(annotation_id="i" + common["group_id"], dimension="intensity", value=value, value_raw=value)
    table_of_all = pd.concat([category, intensity], ignore_index=True).reindex(columns=ANNOTATIONS.names)
    ANNOTATIONS.write(table_of_all, folder / "annotations.parquet")
    TRACES.write(TRACES.empty(), folder / "traces.parquet")
    write_json(folder / "import.json", {"fault": None, "unknown_columns": [], "refused": [], "rows_read": len(span)})
    return len(table_of_all)


_SAME = {
    "batch_id": "b",
    "schema_version": ANNOTATION_SCHEMA_VERSION,
    "time_basis": "ms",
    "pass_no": 1,
    "perspective": "portrayed",
    "vocabulary_id": "feelm",
    "rank": 1,
    "modality_seen": "av",
    "created_at": "2026-01-01T00:00:00.000Z",
    "status": "submitted",
    "source_tool": "made/1",
    "source_file_sha256": "0" * 64,
}


def _in_a_fresh_process(batch: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.gate", "--batch", str(batch)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _check(batch: Path) -> dict[str, float]:
    began = time.perf_counter()
    with CpuClock() as clock:
        from quality.gate import check_batch

        outcomes = check_batch(batch, dict.fromkeys((f"film-{i:03d}" for i in range(FILMS)), FILM_MS)).outcomes
    return {
        "wall_s": time.perf_counter() - began,
        "cpu_s": clock.seconds,
        "memory_mb": peak_rss_mb(),
        "checks": len(outcomes),
        "errored": sum(outcome.errored for outcome in outcomes),
        "critical": sum(outcome.blocks for outcome in outcomes),
    }


if __name__ == "__main__":
    main()
