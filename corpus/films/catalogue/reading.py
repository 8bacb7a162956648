"""Reads what people write in YAML, strictly: without aliases or tags, of a sane size, every key known and every value of its kind.

A wrong key is answered with the nearest right one, a wrong value with what it must be, both with the place in the file.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from corpus.terms import FeelmError

NODE_LIMIT = 200_000
DEPTH_LIMIT = 20
SIZE_LIMIT_BYTES = 20 * 1024 * 1024

KEYS = {"id": "film_id", "cut": "cut_id"}
"""Keys whose name in the file differs from the field's."""
WRITTEN = {field: key for key, field in KEYS.items()}


class CatalogueError(FeelmError):
    """The catalogue, or an entry in it, cannot be used."""


# libyaml's parser and writer are ten times faster where PyYAML has them.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def load_yaml(path: Path) -> Any:
    """Parse a YAML file that people write.

    Raises:
        CatalogueError: not readable, not YAML, with aliases (they expand without end), or beyond 20 MiB, 200,000 nodes or 20 levels.
    """
    return parse_yaml(yaml_text(path), path)


def yaml_text(path: Path) -> str:
    """What stands in a YAML file that people write; CatalogueError where it cannot be read or is larger than 20 MiB."""
    with _told(path):
        if path.stat().st_size > SIZE_LIMIT_BYTES:
            raise CatalogueError(f"{path} is larger than {SIZE_LIMIT_BYTES} bytes: it is no catalogue")
        return path.read_text(encoding="utf-8-sig")


def parse_yaml(content: str, path: Path) -> Any:
    """The value of what `yaml_text` read at `path`; CatalogueError as `load_yaml` raises it."""
    with _told(path):
        _check_events(content)
        return yaml.load(content, Loader=_LOADER)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (yaml.YAMLError, UnicodeDecodeError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CatalogueError(f"{path} cannot be read as YAML ({reason}): mend it by hand or restore it") from error


def _check_events(content: str) -> None:
    """Look through the flat events before anything recursive sees them."""
    depth = nodes = 0
    for event in yaml.parse(content, Loader=_LOADER):
        nodes += isinstance(event, yaml.events.NodeEvent)
        depth += isinstance(event, yaml.events.CollectionStartEvent)
        depth -= isinstance(event, yaml.events.CollectionEndEvent)
        if nodes > NODE_LIMIT or depth > DEPTH_LIMIT or isinstance(event, yaml.events.AliasEvent):
            raise ValueError("aliases, or more or deeper entries than a catalogue has")


def dump_yaml(value: object) -> str:
    """YAML as people read it: keys in their order, signs as they are."""
    return str(yaml.dump(value, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=120))


def check_keys(values: Collection[str], known: Collection[str], where: str) -> None:
    """Raise CatalogueError at a key that is not known, with the nearest that is."""
    shown = sorted(WRITTEN.get(name, name) for name in known)
    for name in sorted(set(values) - set(known)):
        near = difflib.get_close_matches(name, shown, n=1, cutoff=0.5)
        hint = f"do you mean {near[0]}?" if near else f"keys are {', '.join(shown)}"
        raise CatalogueError(f"{where}: unknown keys: {name} ({hint})")


def text(value: object, where: str) -> str:
    """The value, which must be text; CatalogueError names `where` otherwise."""
    if not isinstance(value, str):
        raise CatalogueError(f"{where} must be text, not {value!r} (put it in quotes)")
    return value


def texts(value: object, where: str) -> tuple[str, ...]:
    """The values, which must be a list of texts; CatalogueError names `where` otherwise."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise CatalogueError(f"{where} must be a list of texts, not {value!r}")
    return tuple(value)


def choice(kind: type[StrEnum], value: object, where: str) -> Any:
    """The member of `kind` that has this value.

    Raises:
        CatalogueError: there is none.
    """
    try:
        return kind(str(value))
    except ValueError as error:
        raise CatalogueError(f"{where}: {value!r} is not one of {', '.join(kind)}") from error


def mappings(value: object, where: str) -> list[tuple[dict[str, Any], str]]:
    """Mappings of a list, each with its place for messages; CatalogueError where it is no such list."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise CatalogueError(f"{where} must be a list of mappings, not {value!r}")
    return [({str(key): one for key, one in item.items()}, f"{where} {n}") for n, item in enumerate(value, start=1)]
