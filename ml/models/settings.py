"""What of training can be set: numbers of the experts and the context network by part and name, as `params.yaml` and a search give them.

Everything that is not given stays as the code has it. A name that does not exist, or a value of another kind, is told, never passed over.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from corpus.terms import FeelmError
from ml.models.training import TrainingParams

PARTS = ("face", "voice", "text", "context")

Settings = Mapping[str, float]
"""By "part.name" (`voice.learning_rate`)."""


def with_settings(params: TrainingParams, given: Settings) -> TrainingParams:
    """The parameters with the given numbers instead of their own.

    Raises:
        FeelmError: there is no such part or name, or the number is of another kind.
    """
    for where, value in given.items():
        part, _, name = where.partition(".")
        changed: dict[str, Any] = {part: _with(_part(params, part, where), name, value, where)}
        params = dataclasses.replace(params, **changed)
    return params


def value_of(params: TrainingParams, where: str) -> float:
    """The number that holds."""
    part, _, name = where.partition(".")
    return float(getattr(_part(params, part, where), name))


def _part(params: TrainingParams, part: str, where: str) -> object:
    if part not in PARTS:
        raise FeelmError(f"training: {where}: there is no part {part!r}; there are {', '.join(PARTS)}")
    return getattr(params, part)


def _with(part: object, name: str, value: float, where: str) -> object:
    assert dataclasses.is_dataclass(part) and not isinstance(part, type)
    known = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    if name not in known:
        raise FeelmError(f"training: {where}: there is no {name!r}; there are {', '.join(known)}")
    if isinstance(value, bool) or not isinstance(value, int | float) or (isinstance(known[name], int) and not isinstance(value, int)):
        raise FeelmError(f"training: {where}: {value!r} is no {'whole ' if isinstance(known[name], int) else ''}number")
    return dataclasses.replace(part, **{name: type(known[name])(value)})
