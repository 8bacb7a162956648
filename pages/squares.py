"""Square charts that hold their own text: confusions, confidence against accuracy, accuracy against coverage.

Numbers in, markup out; they keep their proportions at any width, so their text is part of them. Colours are CSS classes as in
`pages.charts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from corpus.terms import EMOTIONS
from pages.charts import SHORT, number

SIDE, LEFT, TOP = 300.0, 58.0, 12.0
"""Length of a square of shares and its place in the drawing."""


@dataclass(frozen=True)
class _Grid:
    left: float = 74.0
    top: float = 30.0
    cell: float = 44.0


def confusion(counts: Sequence[Sequence[int]], label: str) -> Markup:
    """Gold emotions as rows, predictions as columns; a cell's strength is its share of the row, its text the count."""
    grid, size = _Grid(), len(EMOTIONS)
    parts = [f'<text class="axis" x="{grid.left + size * grid.cell / 2:g}" y="10" text-anchor="middle">model says</text>']
    for index, emotion in enumerate(EMOTIONS):
        x, y = grid.left + (index + 0.5) * grid.cell, grid.top + (index + 0.5) * grid.cell
        parts.append(f'<text class="head" x="{x:g}" y="{grid.top - 6:g}" text-anchor="middle">{SHORT[emotion]}</text>')
        parts.append(f'<text class="head" x="{grid.left - 8:g}" y="{y + 4:g}" text-anchor="end">{emotion}</text>')
    parts += [_confusion_row(grid, index, row) for index, row in enumerate(counts)]
    width, height = grid.left + size * grid.cell + 2, grid.top + size * grid.cell + 2
    return Markup(f'<svg class="square" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>')


def _confusion_row(grid: _Grid, index: int, row: Sequence[int]) -> str:
    total, parts = sum(row), []
    for column, count in enumerate(row):
        share = count / total if total else 0.0
        x, y = grid.left + column * grid.cell, grid.top + index * grid.cell
        css = "cell diagonal" if index == column else "cell"
        parts.append(
            f'<rect class="{css}" x="{x + 1:g}" y="{y + 1:g}" width="{grid.cell - 2:g}" height="{grid.cell - 2:g}" rx="3" '
            f'fill-opacity="{cell_strength(share):.2f}"/>'
        )
        css = "strong" if share > 0.5 else "weak" if count else "none"
        middle = x + grid.cell / 2
        parts.append(f'<text class="{css}" x="{middle:g}" y="{y + grid.cell / 2 + 4:g}" text-anchor="middle">{count}</text>')
    return "".join(parts)


def cell_strength(share: float) -> float:
    """Opacity of a confusion cell: below 0.45 for shares up to a half (dark text stays readable), above 0.8 for the rest."""
    return 0.05 + 0.7 * share if share <= 0.5 else 0.8 + 0.4 * (share - 0.5)


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram: mean confidence, accuracy, and share of all units in it."""

    confidence: float
    accuracy: float
    share: float


def reliability(bins: Sequence[Bin], label: str) -> Markup:
    """Accuracy against confidence; a dot's area grows with the bin's share, the diagonal is perfect calibration."""
    parts = _frame("the model’s confidence", "share right")
    parts.append(f'<path class="perfect" d="M{LEFT:g},{TOP + SIDE:g} L{LEFT + SIDE:g},{TOP:g}"/>')
    dots = [(LEFT + SIDE * item.confidence, TOP + SIDE * (1 - item.accuracy), item) for item in bins]
    if dots:
        parts.append(f'<path class="line" d="M{" ".join(f"{number(x)},{number(y)}" for x, y, _ in dots)}"/>')
    parts += [f'<circle class="dot" cx="{number(x)}" cy="{number(y)}" r="{number(3 + 10 * item.share**0.5)}"/>' for x, y, item in dots]
    return _square(parts, label)


@dataclass(frozen=True)
class Curve:
    """A line through points (x, y), both 0..1; `css` names its colour class, `name` stands in the key."""

    name: str
    css: str
    points: tuple[tuple[float, float], ...]


def coverage_curves(curves: Sequence[Curve], label: str) -> Markup:
    """Accuracy among the surest units against their share of all, one line a system, with a key in the lower left."""
    parts = _frame("share of the lines that are answered", "share right")
    for index, curve in enumerate(curves):
        places = " ".join(f"{number(LEFT + SIDE * x)},{number(TOP + SIDE * (1 - y))}" for x, y in curve.points)
        y = TOP + SIDE - 14 - 17 * (len(curves) - 1 - index)
        parts.append(f'<path class="curve {curve.css}" d="M{places}"/>')
        parts.append(f'<path class="curve {curve.css}" d="M{LEFT + 10:g},{y:g} H{LEFT + 34:g}"/>')
        parts.append(f'<text class="head" x="{LEFT + 42:g}" y="{y + 4:g}">{escape(curve.name)}</text>')
    return _square(parts, label)


def _frame(across: str, up: str) -> list[str]:
    """A square with a grid of quarters, 0 to 100 % each way, and the axes' names."""
    parts = [f'<rect class="frame" x="{LEFT:g}" y="{TOP:g}" width="{SIDE:g}" height="{SIDE:g}"/>']
    for step in range(5):
        x, y = LEFT + SIDE * step / 4, TOP + SIDE * (1 - step / 4)
        parts.append(f'<path class="grid" d="M{LEFT:g},{y:g} H{LEFT + SIDE:g} M{x:g},{TOP:g} V{TOP + SIDE:g}"/>')
        parts.append(f'<text class="head" x="{LEFT - 6:g}" y="{y + 4:g}" text-anchor="end">{25 * step} %</text>')
        parts.append(f'<text class="head" x="{x:g}" y="{TOP + SIDE + 17:g}" text-anchor="middle">{25 * step} %</text>')
    parts.append(f'<text class="axis" x="{LEFT + SIDE / 2:g}" y="{TOP + SIDE + 34:g}" text-anchor="middle">{escape(across)}</text>')
    parts.append(f'<text class="axis" transform="translate(10 {TOP + SIDE / 2:g}) rotate(-90)" text-anchor="middle">{escape(up)}</text>')
    return parts


def _square(parts: Sequence[str], label: str) -> Markup:
    return Markup(f'<svg class="square" viewBox="0 0 376 354" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>')
