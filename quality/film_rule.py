"""The rules of this folder as one custom expectation of Great Expectations.

Importing this module imports Great Expectations (4 CPU seconds, 277 MB): only quality/runner.py does, inside a function.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from great_expectations.core.metric_domain_types import MetricDomainTypes  # noqa: TID253
from great_expectations.execution_engine import PandasExecutionEngine  # noqa: TID253
from great_expectations.expectations.expectation import BatchExpectation  # noqa: TID253
from great_expectations.expectations.metrics.metric_provider import metric_value  # noqa: TID253
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider  # noqa: TID253

from quality import annotation_rules, media_rules, rules
from quality.findings import Finding, Rule

MODULES = (rules, annotation_rules, media_rules)
"""Where the rules stand, which suites name by the names of their functions."""


class FilmRuleFinding(TableMetricProvider):
    """The finding of a rule on the whole table."""

    metric_name = "feelm.film_rule"
    value_keys = ("rule", "parameters")

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls,
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> Finding:
        name = metric_value_kwargs["rule"]
        table, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)
        rule: Rule = next(getattr(module, name) for module in MODULES if hasattr(module, name))
        return rule(table, **metric_value_kwargs["parameters"])


class FilmRule(BatchExpectation):
    """Expect the rule named `rule` to hold with `parameters`."""

    rule: str
    parameters: dict[str, Any]

    metric_dependencies = ("feelm.film_rule",)
    success_keys = ("rule", "parameters")

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: dict[str, Any] | None = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        finding: Finding = metrics["feelm.film_rule"]
        return {
            "success": finding.holds,
            "result": {"observed_value": finding.observed, "unexpected_count": len(finding.rows), "details": asdict(finding)},
        }
