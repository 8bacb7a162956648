"""Decides whether a batch of annotations may be used.

One function for Dagster's checks, `dvc repro` and `feelm`: run the suite on the batch as it lies there, keep the decision beside the
batches. A refused batch stays in quarantine until its file is replaced or rejected by name, and holds up no other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from corpus.annotations.by_hand import Handful
from corpus.annotations.decisions import Decision, Outcome, accepted_before, accepted_folder, write_decision
from corpus.annotations.sidecars import Rejection
from corpus.contracts import ANNOTATIONS, HEARD_LINES, SHOTS, TRACES, UNIT_FEATURES, UNWRITTEN_SPEECH, UTTERANCES
from corpus.terms import EMOTIONS, FeelmError
from quality.annotation_rules import label_counts_by_film
from quality.runner import SuiteResult, run_suite
from quality.suite import load_suite

OF_THE_HOME = ("film_known", "film_measured", "interval_inside_film", "agreement_kept", "labels_as_before")
"""Checks that need the catalogue or the batches before."""

ALIKE = ["batch_id", "time_basis", "status", "source_tool", "source_file_sha256"]
"""Columns that hold the same few strings in every row, and that no rule reads: kept once each, 150 MB less at a million rows."""

DIALOGUE_FACTS = (
    "n_cues",
    "speech_coverage",
    "speech_ms",
    "screenplay_fault",
    "screenplay_coverage",
    "unmatched_speeches",
    "fault",
    "language",
    "language_found",
    "language_probability",
)


def decide(batch_dir: Path, durations: Mapping[str, int | None], rejected: Rejection | None = None) -> Decision:
    """Check the batch in `batch_dir` against the known films' `durations` (ms; None where not measured) and keep the decision.

    A delivery that people `rejected` is checked all the same, so that it stays visible what was wrong with it.
    """
    found = check_batch(batch_dir, durations)
    return write_decision(batch_dir, found.outcomes, found.failing, rejected)


def check_batch(batch_dir: Path, durations: Mapping[str, int | None]) -> SuiteResult:
    """What the suite `annotations` finds in a batch, held against what was accepted before it.

    Raises:
        FeelmError: there is no batch.
    """
    record = _json(batch_dir / "import.json")
    before = accepted_before(batch_dir)
    context = {
        **_delivery_context(record["fault"], record["unknown_columns"], record["refused"], record["rows_read"]),
        "film_durations": dict(durations),
        "traces": TRACES.read(batch_dir / "traces.parquet"),
        "agreement_before": _agreement_of(before[-1]) if before else {},
        "labels_before": _labels_of(before, batch_dir.parent),
    }
    table = pd.read_parquet(batch_dir / "annotations.parquet", read_dictionary=ALIKE)
    return run_suite(table, load_suite("annotations"), context)


def check_by_hand(handful: Handful) -> tuple[Outcome, ...]:
    """What the suite `annotations` finds in what was read by hand; what needs the catalogue or earlier batches is left out."""
    batch, delivery = handful.batch, handful.delivery
    refused = [asdict(refusal) for refusal in batch.refusals]
    context = {
        **_delivery_context(delivery.fault, list(delivery.unknown_columns), refused, delivery.rows_read),
        "traces": batch.traces,
    }
    suite = load_suite("annotations")
    alone = replace(suite, expectations=tuple(e for e in suite.expectations if e.check not in OF_THE_HOME))
    return run_suite(batch.annotations, alone, context).outcomes


def _delivery_context(fault: str | None, unknown_columns: list[str], refused: list[dict[str, str]], rows_read: int) -> dict[str, Any]:
    return {
        "fault": fault,
        "unknown_columns": unknown_columns,
        "refused": refused,
        "rows_read": rows_read,
        "columns": ANNOTATIONS.names,
        "emotions": list(EMOTIONS),
    }


def _agreement_of(decision: Decision) -> dict[str, float]:
    return next((dict(outcome.figures) for outcome in decision.outcomes if outcome.check == "agreement_floor"), {})


def _labels_of(decisions: Sequence[Decision], batches_dir: Path) -> pd.DataFrame:
    """Counts of the accepted labels by film (n_films, 7)."""
    tables = [
        pd.read_parquet(accepted_folder(batches_dir / decision.batch_id) / "annotations.parquet", columns=["film_id", "dimension", "label"])
        for decision in decisions
    ]
    return label_counts_by_film(pd.concat(tables)) if tables else pd.DataFrame(columns=list(EMOTIONS))


def check_film(film_dir: Path, shots_dir: Path, soundtrack_dir: Path) -> tuple[Outcome, ...]:
    """What the suite `films` finds in one film's file, picture and sound."""
    altered = _json(film_dir / "summary.json")["altered"]
    stream, sound = _json(shots_dir / "stream.json"), _json(soundtrack_dir / "summary.json")
    context = {
        "duration_ms": int(stream["duration_ms"]),
        "declared_ms": stream["declared_duration_ms"],
        "fps": stream["fps"],
        "variable": stream["variable_rate"],
        "damage": [*([altered] if altered else []), *_json(shots_dir / "summary.json")["damage"], *sound["damage"]],
        "checksums": stream["checksums"],
        "sound": sound,
    }
    return run_suite(SHOTS.read(shots_dir / "shots.parquet"), load_suite("films"), context).outcomes


def check_dialogue(dialogue_dir: Path, film_id: str, duration_ms: int) -> tuple[Outcome, ...]:
    """What the suite `dialogue` finds in one film's utterances."""
    summary = _json(dialogue_dir / "summary.json")
    dropped = _json(dialogue_dir / "dropped.json")["dropped"]
    context = {
        **{name: summary[name] for name in DIALOGUE_FACTS},
        "heard": HEARD_LINES.read(dialogue_dir / "heard.parquet"),
        "unwritten": UNWRITTEN_SPEECH.read(dialogue_dir / "unwritten.parquet"),
        "outside": [cue for cue in dropped if cue["reason"] == "outside the film"],
        "missing": summary.get("missing"),
        "verdict": summary.get("verdict"),
        "columns": UTTERANCES.names,
        "film_durations": {film_id: duration_ms},
    }
    return run_suite(pd.read_parquet(dialogue_dir / "utterances.parquet"), load_suite("dialogue"), context).outcomes


def check_features(features_dir: Path, units_path: Path) -> tuple[Outcome, ...]:
    """What the suite `features` finds in one film's features of one modality."""
    units = pd.read_parquet(units_path, columns=["unit_id"])["unit_id"].tolist()
    context = {"missing": _json(features_dir / "summary.json").get("missing"), "unit_ids": units}
    return run_suite(UNIT_FEATURES.read(features_dir / "features.parquet"), load_suite("features"), context).outcomes


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FeelmError(f"nothing at {path}: run the stage that makes it (feelm run)")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
