"""Factories of Dagster asset checks: one check per expectation of a suite, all from one run of Great Expectations.

Definitions load from the suites' names alone. Every check is a blocking one unless its expectation does not stop what follows, and its
severity says whether it blocks: ERROR where the expectation is critical or could not be carried out, WARN elsewhere, which lets the
asset pass.
"""

# No `from __future__ import annotations` here: Dagster refuses check functions whose context is annotated by a string.

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dagster as dg

from corpus.annotations.decisions import Decision, Outcome, failing_rows_path
from corpus.annotations.sidecars import Rejection
from corpus.contracts import ANNOTATIONS
from quality.suite import Suite, load_suite


def annotation_checks(
    asset_key: dg.AssetKey | str,
    partitions_def: dg.PartitionsDefinition,
    decide: Callable[[str, str], Decision],
    folder: Callable[[str], Path],
) -> dg.AssetChecksDefinition:
    """Checks of the suite `annotations` on a batch.

    `decide` gets the batch id and the id of Dagster's run and keeps what it decides, `folder` tells where the batch lies.
    """

    def results(batch_id: str, run_id: str) -> Iterator[dg.AssetCheckResult]:
        decision, batch = decide(batch_id, run_id), folder(batch_id)
        rows = FailingRows(failing_rows_path(batch), _places(batch, decision.outcomes))
        return (check_result(outcome, asset_key, rows, decision.rejected) for outcome in decision.outcomes)

    return _checks("annotations", "annotation_batch_checks", asset_key, partitions_def, results)


def _places(batch: Path, outcomes: Sequence[Outcome]) -> Mapping[str, str]:
    """By the ids of failing rows that are shown, where each stands in the delivered file."""
    shown = {row for outcome in outcomes for row in outcome.examples}
    if not shown:
        return {}
    table = ANNOTATIONS.read(batch / "annotations.parquet")
    failing = table[table["annotation_id"].isin(shown)]
    return dict(zip(failing["annotation_id"], failing["source_ref"], strict=True))


def dialogue_checks(
    asset_key: dg.AssetKey | str, partitions_def: dg.PartitionsDefinition, check: Callable[[str], Sequence[Outcome]]
) -> dg.AssetChecksDefinition:
    """Checks of the suite `dialogue` on one film; `check` gets the film id."""
    return _checks("dialogue", "dialogue_checks", asset_key, partitions_def, partial(_results, asset_key, check))


def film_checks(
    asset_key: dg.AssetKey | str, partitions_def: dg.PartitionsDefinition, check: Callable[[str], Sequence[Outcome]]
) -> dg.AssetChecksDefinition:
    """Checks of the suite `films` on one film's picture and sound; `check` gets the film id."""
    return _checks("films", "film_checks", asset_key, partitions_def, partial(_results, asset_key, check))


def feature_checks(
    asset_key: dg.AssetKey | str, partitions_def: dg.PartitionsDefinition, check: Callable[[str], Sequence[Outcome]]
) -> dg.AssetChecksDefinition:
    """Checks of the suite `features` on one film and modality; `check` gets the film id."""
    name = dg.AssetKey.from_coercible(asset_key).to_python_identifier()
    return _checks("features", f"{name}_checks", asset_key, partitions_def, partial(_results, asset_key, check))


def _results(
    asset_key: dg.AssetKey | str, check: Callable[[str], Sequence[Outcome]], partition: str, _: str
) -> Iterator[dg.AssetCheckResult]:
    return (check_result(outcome, asset_key) for outcome in check(partition))


def _checks(
    suite_name: str,
    name: str,
    asset_key: dg.AssetKey | str,
    partitions_def: dg.PartitionsDefinition,
    results: Callable[[str, str], Iterator[dg.AssetCheckResult]],
) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name=name, specs=_specs(load_suite(suite_name), asset_key, partitions_def))
    def run_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        yield from results(context.partition_key, context.run.run_id)

    return run_checks


def _specs(suite: Suite, asset_key: dg.AssetKey | str, partitions_def: dg.PartitionsDefinition) -> list[dg.AssetCheckSpec]:
    with warnings.catch_warnings():
        # Partitioned checks are a preview of Dagster's; `multi_asset_check` takes the partitions through the specs only.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(e.check, asset=asset_key, description=e.description, blocking=e.stops, partitions_def=partitions_def)
            for e in suite.expectations
        ]


@dataclass(frozen=True)
class FailingRows:
    """The file that holds all failing rows of a batch (FAILING_ROWS), and by id where some of them stand in the delivered file."""

    path: Path
    places: Mapping[str, str]


def check_result(
    outcome: Outcome, asset_key: dg.AssetKey | str, failing: FailingRows | None = None, rejected: Rejection | None = None
) -> dg.AssetCheckResult:
    """An outcome as Dagster shows it: severity, what was observed and measured, the worst cases, and the failing rows.

    What was `rejected` by name holds up nothing, since nothing of it goes
    on: what would stop it passes, and says why.
    """
    serious = outcome.errored or outcome.severity == "critical"
    lifted = rejected is not None and outcome.blocks
    metadata: dict[str, dg.MetadataValue] = {
        "observed": dg.MetadataValue.text(outcome.observed),
        "unexpected_count": dg.MetadataValue.int(outcome.unexpected_count),
        "errored": dg.MetadataValue.bool(outcome.errored),
    }
    if rejected is not None:
        metadata["rejected"] = dg.MetadataValue.text(rejected.words)
    metadata |= {name: dg.MetadataValue.float(float(f"{value:.6g}")) for name, value in outcome.figures.items()}
    if outcome.worst:
        metadata["worst"] = dg.MetadataValue.table([dg.TableRecord({"where": w.where, "what": w.what}) for w in outcome.worst])
    if outcome.examples:
        places = failing.places if failing is not None else {}
        records = [dg.TableRecord({"where": places[row], "id": row} if row in places else {"id": row}) for row in outcome.examples]
        metadata["failing_rows"] = dg.MetadataValue.table(records)
    if failing is not None and outcome.unexpected_count:
        metadata["all_failing_rows"] = dg.MetadataValue.path(failing.path)
    return dg.AssetCheckResult(
        asset_key=asset_key,
        check_name=outcome.check,
        passed=outcome.passed or lifted,
        severity=dg.AssetCheckSeverity.ERROR if serious else dg.AssetCheckSeverity.WARN,
        description=f"{rejected.words}; it was: {outcome.observed}" if rejected is not None and lifted else outcome.observed,
        metadata=metadata,
    )
