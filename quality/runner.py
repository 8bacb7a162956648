"""Runs a suite on a table through an ephemeral context of Great Expectations.

Results come back in another order than the suite and are matched by the check's name. A check that crashes is told apart from data that
fail: the library reports both as `success=False`. An expectation that no result answers is an error too, so that nothing passes unseen.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from corpus.annotations.decisions import Example, Outcome
from corpus.contracts import FAILING_ROWS
from quality.suite import Expectation, Suite, resolve

EXAMPLES = 50
"""Ids of failing rows that an outcome keeps."""


@dataclass(frozen=True)
class SuiteResult:
    """What a suite found: an outcome an expectation in the suite's order, and the table FAILING_ROWS of every row that fails one."""

    outcomes: tuple[Outcome, ...]
    failing: pd.DataFrame


def run_suite(table: pd.DataFrame, suite: Suite, context: Mapping[str, Any]) -> SuiteResult:
    """Validate `table`; `context` holds the values that the suite's `$name`s stand for.

    Nothing is raised for bad data or a check that crashes.
    """
    table = table.reset_index(drop=True)
    ids = table[suite.id_column].astype("str") if suite.id_column in table else table.index.to_series().astype("str")
    results = _validate(table, suite, dict(context))
    rows = {expectation.check: ids.iloc[_rows(results.get(expectation.check))] for expectation in suite.expectations}
    outcomes = tuple(_outcome(expectation, results.get(expectation.check), rows[expectation.check]) for expectation in suite.expectations)
    failing = [pd.DataFrame({"check": check, "row_id": found.to_numpy()}) for check, found in rows.items() if len(found)]
    return SuiteResult(outcomes, pd.concat(failing, ignore_index=True) if failing else FAILING_ROWS.empty())


def _rows(result: Any) -> list[int]:
    """Positions of the rows that fail, as rules or the library's own expectations tell them."""
    found = {} if result is None else dict(result.result or {})
    return list((found.get("details") or {}).get("rows") or found.get("unexpected_index_list") or [])


def _validate(table: pd.DataFrame, suite: Suite, context: dict[str, Any]) -> dict[str, Any]:
    """Great Expectations' results by check."""
    # It would send usage statistics on import.
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    session = gx.get_context(mode="ephemeral")
    session.variables.progress_bars = ProgressBarsConfig(globally=False)
    whole = session.data_sources.add_pandas("tables").add_dataframe_asset(suite.name).add_batch_definition_whole_dataframe("whole")
    expectations = [_expectation(expectation, context) for expectation in suite.expectations]
    result = whole.get_batch(batch_parameters={"dataframe": table}).validate(
        gx.ExpectationSuite(name=suite.name, expectations=expectations),
        result_format={"result_format": "COMPLETE", "partial_unexpected_count": 0},
    )
    return {item.expectation_config.meta["check"]: item for item in result.results}


def _expectation(expectation: Expectation, context: dict[str, Any]) -> Any:
    import great_expectations.expectations as core

    from quality.film_rule import FilmRule

    own = expectation.type == "film_rule"
    kind = FilmRule if own else getattr(core, "".join(part.capitalize() for part in expectation.type.split("_")))
    return kind(**resolve(expectation.kwargs, context), severity=expectation.severity, meta={"check": expectation.check})


def _outcome(expectation: Expectation, result: Any, failing: pd.Series) -> Outcome:
    fault = "no result came back" if result is None else _fault(result)
    found = {} if result is None else dict(result.result or {})
    details = found.get("details") or {}
    return Outcome(
        check=expectation.check,
        passed=fault is None and bool(result.success),
        errored=fault is not None,
        severity=expectation.severity,
        unexpected_count=int(found.get("unexpected_count") or 0),
        examples=tuple(failing.iloc[:EXAMPLES]),
        observed=fault or _observed(found),
        description=expectation.description,
        figures=dict(details.get("figures", {})),
        worst=tuple(Example(**example) for example in details.get("worst", ())),
    )


def _fault(result: Any) -> str | None:
    """Why a check could not be carried out; the library keys the exceptions of metrics by their id, others not at all."""
    info = result.exception_info or {}
    nested = [item for item in info.values() if isinstance(item, dict)] or [info]
    raised = next((item for item in nested if item.get("raised_exception")), None)
    return None if raised is None else f"the check could not be carried out: {raised.get('exception_message', '').strip()}"


def _observed(found: dict[str, Any]) -> str:
    if isinstance(found.get("observed_value"), list):
        return f"{len(found['observed_value'])} as declared, otherwise: {found.get('details', {}).get('mismatched') or 'none'}"
    if "observed_value" in found:
        return str(found["observed_value"])
    return f"{found.get('unexpected_count', 0)} of {found.get('element_count', 0)} rows fail"
