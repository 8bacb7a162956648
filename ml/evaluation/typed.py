"""Typed objects out of JSON: the inverse of `dataclasses.asdict`, by the fields' annotations.

A report has two dozen kinds of parts; reading each by a function of its own would repeat what the annotations say already. Missing keys
take the field's default, so that a report of an earlier version can still be read.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind")


def typed(kind: type[Kind], raw: dict[str, Any]) -> Kind:
    """A dataclass `kind` out of what `dataclasses.asdict` and JSON made of it.

    Raises:
        TypeError: a key is no field of it, or a field without default is missing.
    """
    return cast(Kind, _read(kind, raw))


def _read(kind: Any, raw: Any) -> Any:
    arguments = get_args(kind)
    match get_origin(kind):
        case _ if not _has_parts(kind):
            return raw
        case origin if origin in (Union, UnionType):
            return None if raw is None else _read(next(one for one in arguments if one is not type(None)), raw)
        case origin if origin is list:
            return [_read(arguments[0], item) for item in raw]
        case origin if origin is tuple:
            return tuple(_read(arguments[0], item) for item in raw)
        case origin if origin is dict:
            return {key: _read(arguments[1], value) for key, value in raw.items()}
    return kind(**raw | {name: _read(part, raw[name]) for name, part in _parts(kind).items() if name in raw})


@cache
def _has_parts(kind: Any) -> bool:
    """Whether it is a dataclass or holds some, or a tuple `tuple[X, ...]`, of which JSON makes a list; all else is what JSON gave."""
    is_tuple = get_origin(kind) is tuple and get_args(kind)[-1] is ...
    return is_tuple or (isinstance(kind, type) and dataclasses.is_dataclass(kind)) or any(map(_has_parts, get_args(kind)))


@cache
def _parts(kind: type) -> dict[str, Any]:
    """The fields of a dataclass that are dataclasses or hold some."""
    return {name: hint for name, hint in get_type_hints(kind).items() if _has_parts(hint)}
