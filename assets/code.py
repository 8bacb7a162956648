"""Code versions: a fixed-width digest of the modules that make an artifact.

The digest covers a stage's module and all of this project's modules that it imports, at any depth, found by reading the sources. It
is taken over the syntax tree without docstrings, so that comments and layout change nothing and behaviour does. What was read of a
source is kept beside the environment, as Python keeps bytecode: every process needs all versions, and trees take most of a second.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from corpus.paths import write_json
from corpus.sources import PROJECT

ROOMS = ("corpus", "ml", "pages", "quality", "service")
KEPT = Path(sys.prefix) / "share" / "feelm" / f"code-{sys.implementation.cache_tag}.json"
"""By source its facts, its digest and the names that it imports; Python's version is in the name, since trees differ with it."""

SETTLED_S = 2.0
"""A source that was written so lately may be written again within a tick of its clock: it is not kept."""


def code_version(modules: Iterable[str], data: Iterable[str] = ()) -> str:
    """Hex md5 (32 characters) over the import closure of `modules` and the files matching the `data` globs.

    Data files that travel with the code (templates, suites) are taken by their bytes. Fixed width, because Dagster joins versions without
    a delimiter (dagster-io/dagster#34184). A process that runs on keeps what it found first, as it keeps the modules that it loaded.
    """
    return _version(frozenset(modules), tuple(data))


@cache
def _version(modules: frozenset[str], data: tuple[str, ...]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for module in sorted(_closure(modules)):
        digest.update(f"{module}:{_read(module).digest}\n".encode())
    for path in sorted({path for pattern in data for path in PROJECT.glob(pattern)}):
        digest.update(f"{path.relative_to(PROJECT)}:".encode() + path.read_bytes() + b"\n")
    return digest.hexdigest()


@dataclass(frozen=True)
class _Read:
    """What is kept of a source: a tree of syntax takes forty times its memory. `names` may be modules or what is in them."""

    digest: str
    names: tuple[str, ...]


@cache
def _closure(modules: frozenset[str]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(filter(_source, _read(module).names))
    _keep()
    return frozenset(found)


@cache
def _source(module: str) -> Path | None:
    base = PROJECT / Path(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


@cache
def _read(module: str) -> _Read:
    path = _source(module)
    if path is None:
        raise ModuleNotFoundError(f"no source for {module} under {PROJECT}")
    stat = path.stat()
    facts = f"{stat.st_size}-{stat.st_mtime_ns}-{stat.st_ino}"
    known = _kept().get(str(path))
    if known is not None and known[0] == facts:
        return _Read(known[1], tuple(known[2]))
    read = _without_cycles(lambda: _digested(ast.parse(path.read_text(encoding="utf-8"))))
    if time.time() - stat.st_mtime > SETTLED_S:
        _new()[str(path)] = (facts, read.digest, read.names)
    return read


_Known = dict[str, tuple[str, str, tuple[str, ...]]]


@cache
def _kept() -> _Known:
    """What was read before; nothing where there is no such file, or none that can be read: all is read again then."""
    try:
        known: _Known = json.loads(KEPT.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known


@cache
def _new() -> _Known:
    """What this process has read and not kept."""
    return {}


def _keep() -> None:
    """Add what was read to what is kept; an environment that nobody may write to goes without."""
    if new := _new():
        _kept().update(new)
        new.clear()
        with suppress(OSError):
            write_json(KEPT, {path: known for path, known in _kept().items() if Path(path).is_file()})


def _digested(tree: ast.Module) -> _Read:
    names: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    ours = tuple(sorted(name for name in names if name.split(".")[0] in ROOMS))
    return _Read(hashlib.md5(ast.dump(tree).encode(), usedforsecurity=False).hexdigest(), ours)


def _without_cycles(make: Callable[[], _Read]) -> _Read:
    """What `make` gives, without a search for cycles meanwhile: a tree has none, and to search its nodes takes a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        return make()
    finally:
        if was_on:
            gc.enable()


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """The node and every statement in it: expressions, nine tenths of a tree, hold none."""
    yield node
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        block = getattr(node, name, None)
        # `body` of a lambda or of `a if b else c` is an expression.
        for inner in block if isinstance(block, list) else ():
            yield from _statements(inner)


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
        node.body = node.body[1:] or [ast.Pass()]
