"""Code versions: a fixed-width digest of the modules that make an artifact.

The digest covers a stage's module and all of this project's modules that it imports, at any depth, found by reading the sources. It
is taken over the syntax tree without docstrings, so that comments and layout change nothing and behaviour does. Data files that
travel with the code (templates, suites) are taken by their bytes.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
ROOMS = ("corpus", "ml", "pages", "quality", "service")


def code_version(modules: Iterable[str], data: Iterable[str] = ()) -> str:
    """Hex md5 (32 characters) over the import closure of `modules` and the files matching the `data` globs.

    Fixed width, because Dagster joins versions without a delimiter (dagster-io/dagster#34184). A process that runs on keeps what it found
    first, as it keeps the modules that it loaded.
    """
    return _version(frozenset(modules), tuple(data))


@cache
def _version(modules: frozenset[str], data: tuple[str, ...]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for module in sorted(_closure(modules)):
        digest.update(f"{module}:{_module_digest(module)}\n".encode())
    for path in sorted({path for pattern in data for path in PROJECT.glob(pattern)}):
        digest.update(f"{path.relative_to(PROJECT)}:".encode() + path.read_bytes() + b"\n")
    return digest.hexdigest()


@cache
def _closure(modules: frozenset[str]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_imports(module))
    return frozenset(found)


def _source(module: str) -> Path | None:
    base = PROJECT / Path(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


@cache
def _tree(module: str) -> ast.Module:
    path = _source(module)
    if path is None:
        raise ModuleNotFoundError(f"no source for {module} under {PROJECT}")
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _imports(module: str) -> tuple[str, ...]:
    names: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(sorted(name for name in names if name.split(".")[0] in ROOMS and _source(name)))


@cache
def _module_digest(module: str) -> str:
    tree = _tree(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    return hashlib.md5(ast.dump(tree).encode(), usedforsecurity=False).hexdigest()


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
        node.body = node.body[1:] or [ast.Pass()]
