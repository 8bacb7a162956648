"""What the quality gate decided about a batch, as JSON beside the batches.

A decision names the content version of the batch it judged, so that a replaced file is undecided until it is judged again. `sequence`
counts deliveries: it orders accepted batches where judgements revise each other.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from corpus.contracts import FeelmError
from corpus.paths import Home, content_version, write_json


@dataclass(frozen=True)
class Outcome:
    """What one expectation found.

    `passed` is false both for bad data and for a check that could not be carried out; `errored` tells the latter. `severity` is critical,
    warning or info. `examples` holds at most 50 ids of failing rows, `observed` a figure or a sentence.
    """

    check: str
    passed: bool
    errored: bool
    severity: str
    unexpected_count: int
    examples: tuple[str, ...]
    observed: str
    description: str

    @property
    def blocks(self) -> bool:
        """Whether the batch must not be used."""
        return not self.passed and (self.errored or self.severity == "critical")


@dataclass(frozen=True)
class Decision:
    """Accepted or refused, why, and which content it is about."""

    batch_id: str
    batch_version: str
    accepted: bool
    sequence: int
    outcomes: tuple[Outcome, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the batch is refused, one line each."""
        return tuple(f"{o.check}: {o.observed} ({o.description})" for o in self.outcomes if o.blocks)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should look at though the batch may be used."""
        return tuple(f"{o.check}: {o.observed} ({o.description})" for o in self.outcomes if not o.passed and not o.blocks)


def decision_path(batch_dir: Path) -> Path:
    """Where the decision about the batch in `batch_dir` is kept: `annotation_decisions` beside `annotation_batches`."""
    return batch_dir.parent.parent / "annotation_decisions" / f"{batch_dir.name}.json"


def write_decision(batch_dir: Path, outcomes: tuple[Outcome, ...]) -> Decision:
    """Decide on the batch as it lies there now and keep the decision; the same content keeps its place in the sequence."""
    version = content_version(batch_dir)
    earlier = read_decision(batch_dir)
    if earlier is not None and earlier.batch_version == version:
        sequence = earlier.sequence
    else:
        sequence = 1 + max((decision.sequence for decision in _read_all(decision_path(batch_dir).parent)), default=0)
    decision = Decision(batch_dir.name, version, not any(outcome.blocks for outcome in outcomes), sequence, outcomes)
    write_json(decision_path(batch_dir), dataclasses.asdict(decision))
    return decision


def read_decision(batch_dir: Path) -> Decision | None:
    """The decision about a batch, or None where there is none.

    Raises:
        FeelmError: the file is damaged.
    """
    path = decision_path(batch_dir)
    return _read(path) if path.is_file() else None


def read_decisions(home: Home) -> list[Decision]:
    """All decisions, in order of delivery."""
    return _read_all(home.data / "annotation_decisions")


def _read_all(folder: Path) -> list[Decision]:
    decisions = [_read(path) for path in sorted(folder.glob("*.json"))]
    return sorted(decisions, key=lambda decision: (decision.sequence, decision.batch_id))


def _read(path: Path) -> Decision:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        outcomes = tuple(Outcome(**{**item, "examples": tuple(item["examples"])}) for item in raw.pop("outcomes"))
        return Decision(outcomes=outcomes, **raw)
    except (ValueError, KeyError, TypeError) as error:
        raise FeelmError(f"the decision at {path} is damaged ({error}): delete it and run again") from error
