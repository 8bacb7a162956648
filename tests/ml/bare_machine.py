"""Imports every module of ml/ as a machine with torch, numpy and safetensors alone would, and tells which can't and through whom.

Run as a program of its own (`python bare_machine.py PROJECT [MODULE ...]`): a line `module: chain: what is missing` for each that
fails. The chain is of this project's modules, from the one that was asked for to the one whose import statement was refused.
"""

from __future__ import annotations

import builtins
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from types import FrameType, ModuleType
from typing import Any, ClassVar

THERE = ("torch", "numpy", "safetensors")
OURS = ("corpus", "ml")


class BarePath(PathFinder):
    """Finds nothing beyond the standard library, this project's two rooms, and THERE with what those need themselves."""

    present: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def find_spec(cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """None for what is not there, as on any machine."""
        top = fullname.partition(".")[0]
        # The interpreter keeps its own figures in a module that is named after the machine.
        return super().find_spec(fullname, path, target) if top in cls.present or top.startswith("_sysconfigdata_") else None


def refuse_the_rest(project: str) -> None:
    """From here on this process is a bare machine with the project at `project`."""
    needed = _with_requirements(THERE)
    packages = {package for package, owners in packages_distributions().items() if needed & {_plain(owner) for owner in owners}}
    BarePath.present = frozenset({*sys.stdlib_module_names, *OURS, *packages})
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter, BarePath]
    sys.path.insert(0, project)
    _refuse_for_our_code()


def _plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _with_requirements(distributions: Sequence[str]) -> set[str]:
    found: set[str] = set()
    waiting = [*distributions]
    while waiting:
        name = _plain(waiting.pop())
        if name in found:
            continue
        found.add(name)
        try:
            wanted = requires(name) or []
        except PackageNotFoundError:
            continue
        waiting.extend(re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in wanted if "extra ==" not in line)
    return found


def _refuse_for_our_code() -> None:
    """This project's own import statements may name the standard library, THERE and OURS: not what torch happens to bring along."""
    allowed = frozenset({*sys.stdlib_module_names, *THERE, *OURS})
    before = builtins.__import__

    def bare(name: str, scope: Mapping[str, Any] | None = None, *rest: Any, **more: Any) -> ModuleType:
        asking = str((scope or {}).get("__name__", ""))
        if asking.partition(".")[0] in OURS and name.partition(".")[0] not in allowed:
            raise ModuleNotFoundError(f"no {name} on a bare machine", name=name)
        return before(name, scope, *rest, **more)

    builtins.__import__ = bare


def chain_of(error: ImportError) -> list[str]:
    """This project's modules that were being imported when `error` was raised, outermost first."""
    return [
        str(frame.f_globals["__name__"])
        for frame in _frames(error)
        if frame.f_code.co_name == "<module>" and str(frame.f_globals["__name__"]).partition(".")[0] in OURS
    ]


def _frames(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace:
        yield trace.tb_frame
        trace = trace.tb_next


def modules_of(room: str) -> list[str]:
    """Every module under a package, by its files."""
    package = importlib.import_module(room)
    return sorted([room, *(found.name for found in pkgutil.walk_packages(package.__path__, f"{room}."))])


def main(project: str, *asked: str) -> None:
    """Import the modules one after another, each without what an earlier one has loaded of this project."""
    refuse_the_rest(project)
    for module in asked or modules_of("ml"):
        for loaded in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[loaded]
        try:
            importlib.import_module(module)
        except ImportError as error:
            sys.stdout.write(f"{module}: {' -> '.join(chain_of(error))}: {error}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
