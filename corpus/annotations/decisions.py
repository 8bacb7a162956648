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


def decision_path(home: Home, batch_id: str) -> Path:
    """Where the decision about a batch is kept."""
    home.batch(batch_id)
    return home.data / "annotation_decisions" / f"{batch_id}.json"


def write_decision(home: Home, batch_id: str, outcomes: tuple[Outcome, ...]) -> Decision:
    """Decide on the batch as it lies there now and keep the decision; the same content keeps its place in the sequence."""
    version = content_version(home.batch(batch_id))
    earlier = read_decision(home, batch_id)
    if earlier is not None and earlier.batch_version == version:
        sequence = earlier.sequence
    else:
        sequence = 1 + max((decision.sequence for decision in read_decisions(home)), default=0)
    decision = Decision(batch_id, version, not any(outcome.blocks for outcome in outcomes), sequence, outcomes)
    write_json(decision_path(home, batch_id), dataclasses.asdict(decision))
    return decision


def read_decision(home: Home, batch_id: str) -> Decision | None:
    """The decision about a batch, or None where there is none.

    Raises:
        FeelmError: the file is damaged.
    """
    path = decision_path(home, batch_id)
    if not path.is_file():
        return None
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        outcomes = tuple(Outcome(**{**item, "examples": tuple(item["examples"])}) for item in raw.pop("outcomes"))
        return Decision(outcomes=outcomes, **raw)
    except (ValueError, KeyError, TypeError) as error:
        raise FeelmError(f"the decision at {path} is damaged ({error}): delete it and run again") from error


def read_decisions(home: Home) -> list[Decision]:
    """All decisions, in order of delivery."""
    paths = sorted((home.data / "annotation_decisions").glob("*.json"))
    decisions = [decision for path in paths if (decision := read_decision(home, path.stem)) is not None]
    return sorted(decisions, key=lambda decision: (decision.sequence, decision.batch_id))


def accepted_batches(home: Home) -> list[Path]:
    """Folders of the batches accepted at the content they have now, in order of delivery."""
    accepted = [decision for decision in read_decisions(home) if decision.accepted]
    folders = [(home.batch(decision.batch_id), decision.batch_version) for decision in accepted]
    return [folder for folder, version in folders if folder.is_dir() and content_version(folder) == version]
