"""What the quality gate decided about a batch, kept beside the batches together with the content that is in use.

A decision names the content version of the batch it judged, so that a replaced file is undecided until it is judged again; until a good
one comes, the content accepted last stays in use, and a refused delivery waits, or is rejected by name. `sequence` counts deliveries: it
orders batches where judgements revise each other.
"""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from corpus.annotations.sidecars import Rejection
from corpus.contracts import FAILING_ROWS
from corpus.paths import Home, content_version, read_json, write_json, writing
from corpus.terms import FeelmError

ACCEPTED = "accepted"
CONTENT = ("annotations.parquet", "traces.parquet")
"""What of a batch comes into use."""


@dataclass(frozen=True)
class Example:
    """One of the worst cases: where it is, and what is wrong there, in words."""

    where: str
    what: str


@dataclass(frozen=True)
class Outcome:
    """What one expectation found.

    `passed` is false both for bad data and for a check that could not be carried out; `errored` tells the latter. `severity` is critical,
    warning or info. `examples` holds at most 50 ids of failing rows, `observed` a figure or a sentence, `figures` what was measured,
    `worst` the worst cases first.
    """

    check: str
    passed: bool
    errored: bool
    severity: str
    unexpected_count: int
    examples: tuple[str, ...]
    observed: str
    description: str
    figures: dict[str, float] = field(default_factory=dict)
    worst: tuple[Example, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether the batch must not be used."""
        return not self.passed and (self.errored or self.severity == "critical")


@dataclass(frozen=True)
class Decision:
    """Accepted or refused, why, and which content it is about; `in_use_sequence` is the delivery whose content is in use, if any.

    A delivery that was `rejected` by name is never accepted, whatever the checks find.
    """

    batch_id: str
    batch_version: str
    accepted: bool
    sequence: int
    in_use_sequence: int | None
    outcomes: tuple[Outcome, ...]
    rejected: Rejection | None = None

    @property
    def verdict(self) -> str:
        """`accepted`, `refused` (it waits for people) or `rejected` (people will not mend it)."""
        if self.accepted:
            return "accepted"
        return "refused" if self.rejected is None else "rejected"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the batch is refused, one line each."""
        return tuple(f"{o.check}: {o.observed} ({o.description})" for o in self.outcomes if o.blocks)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should look at though the batch may be used."""
        return tuple(f"{o.check}: {o.observed} ({o.description})" for o in self.outcomes if not o.passed and not o.blocks)


def decision_folder(batch_dir: Path) -> Path:
    """Where the decision about the batch in `batch_dir` is kept: `annotation_decisions` beside `annotation_batches`."""
    return batch_dir.parent.parent / "annotation_decisions" / batch_dir.name


def failing_rows_path(batch_dir: Path) -> Path:
    """Every row of the batch in `batch_dir` that fails a check, as the table FAILING_ROWS."""
    return decision_folder(batch_dir) / "failing_rows.parquet"


def write_decision(batch_dir: Path, outcomes: tuple[Outcome, ...], failing: pd.DataFrame, rejected: Rejection | None = None) -> Decision:
    """Decide on the batch as it lies there now, and keep the decision with every failing row and the content that is in use.

    `failing` is the table FAILING_ROWS. An accepted batch is copied there and is in use from now on; beside a refused one, or one that
    people `rejected`, the content accepted before stays in use. The same content keeps its place in the sequence.
    """
    folder, version, earlier = decision_folder(batch_dir), content_version(batch_dir), read_decision(batch_dir)
    if earlier is not None and earlier.batch_version == version:
        sequence = earlier.sequence
    else:
        sequence = 1 + max((decision.sequence for decision in _read_all(folder.parent)), default=0)
    accepted = rejected is None and not any(outcome.blocks for outcome in outcomes)
    in_use = sequence if accepted else earlier.in_use_sequence if earlier else None
    decision = Decision(batch_dir.name, version, accepted, sequence, in_use, outcomes, rejected)
    source = batch_dir if accepted else folder / ACCEPTED
    with writing(folder) as out:
        write_json(out / "decision.json", dataclasses.asdict(decision))
        FAILING_ROWS.write(failing, out / "failing_rows.parquet")
        if in_use is not None:
            (out / ACCEPTED).mkdir()
            for table in CONTENT:
                shutil.copyfile(source / table, out / ACCEPTED / table)
    return decision


def read_decision(batch_dir: Path) -> Decision | None:
    """The decision about a batch, or None where there is none.

    Raises:
        FeelmError: the file is damaged.
    """
    path = decision_folder(batch_dir) / "decision.json"
    return _read(path) if path.is_file() else None


def read_decisions(home: Home) -> list[Decision]:
    """All decisions, in order of delivery."""
    return _read_all(home.data / "annotation_decisions")


def accepted_folders(home: Home) -> list[Path]:
    """Folders of the content in use, one a batch that was ever accepted, in order of delivery of that content."""
    in_use = [decision for decision in read_decisions(home) if decision.in_use_sequence is not None]
    in_use.sort(key=lambda decision: (decision.in_use_sequence or 0, decision.batch_id))
    return [accepted_folder(home.batch(decision.batch_id)) for decision in in_use]


def accepted_folder(batch_dir: Path) -> Path:
    """Where the content of a batch lies that is in use."""
    return decision_folder(batch_dir) / ACCEPTED


def accepted_before(batch_dir: Path) -> list[Decision]:
    """The other batches accepted before the one in `batch_dir` was delivered, in that order; all of them where it was never decided on."""
    known = read_decision(batch_dir)
    own = known is not None and known.batch_version == content_version(batch_dir)
    return [
        decision
        for decision in _read_all(decision_folder(batch_dir).parent)
        if decision.accepted and decision.batch_id != batch_dir.name and not (own and known and decision.sequence > known.sequence)
    ]


def _read_all(folder: Path) -> list[Decision]:
    decisions = [_read(path) for path in sorted(folder.glob("[!.]*/decision.json"))]
    return sorted(decisions, key=lambda decision: (decision.sequence, decision.batch_id))


def _read(path: Path) -> Decision:
    try:
        raw = read_json(path)
        outcomes = tuple(_outcome(item) for item in raw.pop("outcomes"))
        rejected = raw.pop("rejected", None)
        return Decision(outcomes=outcomes, rejected=Rejection(**rejected) if rejected else None, **raw)
    except (ValueError, KeyError, TypeError) as error:
        raise FeelmError(f"the decision at {path} is damaged ({error}): delete it and run again") from error


def _outcome(item: dict[str, Any]) -> Outcome:
    worst = tuple(Example(**example) for example in item.get("worst", ()))
    return Outcome(**{**item, "examples": tuple(item["examples"]), "worst": worst})
