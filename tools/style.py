"""Print how this project's code reads, in figures: `tools/style.py [FOLDER ...]`, by default the packages without tests and benchmarks.

Length of a function is from `def` to its last line, its docstring included. Public is what has no leading underscore, in a module, in a
class or in a public class of it; `self` and `cls` are no arguments. Lines without code (blank, comment, docstring) are no code lines.
"""

import ast
import statistics
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("corpus", "ml", "pages", "quality", "service", "assets", "orchestration")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Figures:
    """Of some folders: lines, functions' lengths, and how many of what there is has a docstring or an annotation."""

    code_lines: int = 0
    comments: int = 0
    lengths: list[int] = field(default_factory=list)
    public: list[bool] = field(default_factory=list)
    arguments: list[bool] = field(default_factory=list)
    longest: list[tuple[int, str]] = field(default_factory=list)

    def add(self, path: Path) -> None:
        """Read one file."""
        tree = ast.parse(path.read_bytes())
        code, comments = _lines(path, tree)
        self.code_lines += code
        self.comments += comments
        self.public += [ast.get_docstring(node) is not None for node in _public(tree)]
        for node in ast.walk(tree):
            if isinstance(node, Function):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                self.lengths.append(length)
                self.longest.append((length, f"{path.relative_to(PROJECT)}:{node.lineno} {node.name}"))
                self.arguments += [argument.annotation is not None for argument in _arguments(node)]

    def __str__(self) -> str:
        deciles = statistics.quantiles(self.lengths, n=10)
        return (
            f"{self.code_lines:,} code lines; functions {statistics.median(self.lengths):g} lines in the median, {deciles[8]:g} at 90 %; "
            f"public docstrings {_share(self.public)}; annotated arguments {_share(self.arguments)}; "
            f"{100 * self.comments / self.code_lines:.1f} comments per 100 lines"
        )


def _share(held: list[bool]) -> str:
    return f"{100 * sum(held) / len(held):.1f} % of {len(held):,}"


def _lines(path: Path, tree: ast.Module) -> tuple[int, int]:
    """Lines with code, and comments."""
    docstrings = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    code, comments = set[int](), 0
    with path.open("rb") as stream:
        for token in tokenize.tokenize(stream.readline):
            if token.type == tokenize.COMMENT:
                comments += not token.string.startswith(("#!", "# noqa", "# type:", "# fmt:"))
            elif token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.ENCODING, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
                code.update(range(token.start[0], token.end[0] + 1))
    return len(code - docstrings), comments


def _public(tree: ast.Module) -> Iterator[ast.Module | ast.ClassDef | Function]:
    yield tree
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, *Function.__args__)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (part for part in node.body if isinstance(part, Function) and not part.name.startswith("_"))


def _arguments(node: Function) -> list[ast.arg]:
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    return [argument for argument in every if argument.arg not in ("self", "cls")]


def main(folders: list[str]) -> None:
    """Print the figures of each folder and of all, and the ten longest functions."""
    every = Figures()
    for folder in folders:
        figures = Figures()
        for path in sorted((PROJECT / folder).rglob("*.py")):
            if path.read_bytes().strip():
                figures.add(path)
                every.add(path)
        sys.stdout.write(f"{folder}: {figures}\n")
    sys.stdout.write(f"all: {every}\n")
    for length, name in sorted(every.longest, reverse=True)[:10]:
        sys.stdout.write(f"{length:5} {name}\n")


if __name__ == "__main__":
    main(sys.argv[1:] or list(PACKAGES))
