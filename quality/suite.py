"""Suites of expectations as data.

A suite is a YAML file beside this module: per expectation a check's name, the expectation's type and arguments, its severity and one
sentence for people. Names and severities are known without Great Expectations, so that Dagster's definitions load without its four seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from corpus.terms import FeelmError

SEVERITIES = ("critical", "warning", "info")

_FOLDER = Path(__file__).parent / "suites"


@dataclass(frozen=True)
class Expectation:
    """One expectation: `type` is `film_rule` or Great Expectations' own name; in `kwargs` a `$name` stands for the context's value.

    `stops` is false where data that fail are a fault, but what follows can do without them.
    """

    check: str
    type: str
    severity: str
    description: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    stops: bool = True


@dataclass(frozen=True)
class Suite:
    """Named expectations over one table; failing rows are told by `id_column`."""

    name: str
    id_column: str
    expectations: tuple[Expectation, ...]


@cache
def load_suite(name: str) -> Suite:
    """Read quality/suites/<name>.yaml.

    Raises:
        FeelmError: there is no such suite, a severity is unknown, or two checks share a name.
    """
    path = _FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise FeelmError(f"no suite {name!r} in {_FOLDER}")
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    expectations = tuple(Expectation(**item) for item in raw["expectations"])
    names = [expectation.check for expectation in expectations]
    if len(set(names)) < len(names) or any(expectation.severity not in SEVERITIES for expectation in expectations):
        raise FeelmError(f"suite {path}: check names must differ and severities be one of {', '.join(SEVERITIES)}")
    return Suite(name, raw["id_column"], expectations)


def resolve(value: Any, context: dict[str, Any]) -> Any:
    """`value` with every `$name` replaced by the context's value; KeyError names one that the context lacks."""
    if isinstance(value, str) and value.startswith("$"):
        return context[value[1:]]
    if isinstance(value, dict):
        return {key: resolve(item, context) for key, item in value.items()}
    return value
