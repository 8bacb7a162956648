"""Charts as SVG drawn by our own code: numbers in, markup out.

Two kinds: charts along a film's time or along a bar stretch with the page (`preserveAspectRatio="none"`, strokes unscaled) and hold
no text, since their labels are HTML that keeps its size on a phone; square charts (`pages.squares`) hold their own text.
Colours are CSS classes (`e-joy`, `k-fused`, ...) so that light, dark and print come from the style sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from corpus.terms import EMOTIONS

WIDTH = 1000.0
"""Units along the x axis of every stretching chart."""

SHORT = {emotion: emotion if len(emotion) <= 6 else emotion[:4] + "." for emotion in EMOTIONS}
"""Names that fit over a narrow column."""

MOST_STEPS = 8
TICK_STEPS_MS = (1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000, 3_600_000)


@dataclass(frozen=True)
class Span:
    """A stretch of the film with its seven probabilities (order of EMOTIONS), or other shares of a whole."""

    start_ms: float
    end_ms: float
    probabilities: tuple[float, ...]

    @property
    def top(self) -> str:
        """The most probable emotion."""
        return EMOTIONS[max(range(len(EMOTIONS)), key=lambda index: self.probabilities[index])]


def binned(spans: Sequence[Span], duration_ms: float, most: int) -> list[Span]:
    """Mean of the spans whose middle lies in each of `most` equal parts of the film, weighted by length; empty parts are left out."""
    size = duration_ms / most
    parts: dict[int, list[Span]] = {}
    for span in spans:
        parts.setdefault(min(int((span.start_ms + span.end_ms) / 2 / size), most - 1), []).append(span)
    return [Span(part * size, (part + 1) * size, _mean_probabilities(parts[part])) for part in sorted(parts)]


def _mean_probabilities(spans: Sequence[Span]) -> tuple[float, ...]:
    weights = [max(span.end_ms - span.start_ms, 1.0) for span in spans]
    columns = zip(*(span.probabilities for span in spans), strict=True)
    return tuple(sum(w * p for w, p in zip(weights, column, strict=True)) / sum(weights) for column in columns)


@dataclass(frozen=True)
class Point:
    """One value at one time; `value` is None where there is none (unvoiced, no face)."""

    t_ms: float
    value: float | None


def number(value: float) -> str:
    """A coordinate with at most two decimals and no trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def x_of(t_ms: float, duration_ms: float) -> float:
    """Horizontal position of a time, 0..WIDTH, clipped to the film."""
    return WIDTH * min(max(t_ms / duration_ms, 0.0), 1.0) if duration_ms > 0 else 0.0


def time_ticks(duration_ms: float) -> list[int]:
    """Round times for an axis from 0 to `duration_ms`, at most MOST_STEPS evenly apart."""
    step = next((step for step in TICK_STEPS_MS if duration_ms / step <= MOST_STEPS), TICK_STEPS_MS[-1])
    return list(range(0, int(duration_ms) + 1, step))


def _svg(height: float, label: str, body: str) -> Markup:
    return Markup(
        f'<svg class="plot" viewBox="0 0 {number(WIDTH)} {number(height)}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}" height="{number(height)}">{body}</svg>'
    )


def stacked_spans(spans: Sequence[Span], duration_ms: float, height: float, label: str) -> Markup:
    """Each span as a column as wide as it lasts, its seven probabilities stacked from the bottom in the order of EMOTIONS."""
    return _svg(height, label, "".join(_column(span, duration_ms, height) for span in spans))


def _column(span: Span, duration_ms: float, height: float) -> str:
    left, right = x_of(span.start_ms, duration_ms), x_of(span.end_ms, duration_ms)
    top, parts = height, []
    for emotion, probability in zip(EMOTIONS, span.probabilities, strict=True):
        top -= probability * height
        if probability * height >= 0.25:
            parts.append(
                f'<rect class="e-{emotion}" x="{number(left)}" y="{number(max(top, 0))}" width="{number(max(right - left, 0.6))}" '
                f'height="{number(probability * height)}"/>'
            )
    return "".join(parts)


EMOTION_CLASSES = tuple(f"e-{emotion}" for emotion in EMOTIONS)


def stacked_course(
    spans: Sequence[Span], duration_ms: float, height: float, label: str, classes: Sequence[str] = EMOTION_CLASSES
) -> Markup:
    """Shares over time as stacked areas through the spans' middles; a gap between spans breaks the areas.

    Args:
        spans: each with one share per class.
        duration_ms: length of the film.
        height: pixels.
        label: what the chart says, in words.
        classes: CSS class of each share, from the bottom.
    """
    body = "".join(_areas(run, duration_ms, height, classes) for run in contiguous(spans))
    return _svg(height, label, body)


def contiguous(spans: Sequence[Span]) -> list[list[Span]]:
    """Runs of spans of which each begins where the one before ends."""
    runs: list[list[Span]] = []
    for span in spans:
        if runs and span.start_ms - runs[-1][-1].end_ms <= 1.0:
            runs[-1].append(span)
        else:
            runs.append([span])
    return runs


def _areas(run: Sequence[Span], duration_ms: float, height: float, classes: Sequence[str]) -> str:
    times = [run[0].start_ms, *((span.start_ms + span.end_ms) / 2 for span in run), run[-1].end_ms]
    xs = [x_of(t, duration_ms) for t in times]
    rows = [run[0].probabilities, *(span.probabilities for span in run), run[-1].probabilities]
    floor, paths = [0.0] * len(rows), []
    for index, css in enumerate(classes):
        ceiling = [low + row[index] for low, row in zip(floor, rows, strict=True)]
        if max(row[index] for row in rows) >= 0.005:
            upper = " ".join(f"{number(x)},{number(height * (1 - share))}" for x, share in zip(xs, ceiling, strict=True))
            lower = " ".join(f"{number(x)},{number(height * (1 - share))}" for x, share in zip(reversed(xs), reversed(floor), strict=True))
            paths.append(f'<path class="{css}" d="M{upper} L{lower} Z"/>')
        floor = ceiling
    return "".join(paths)


def thin(points: Sequence[Point], most: int) -> list[Point]:
    """At most `most` points, each the mean of its neighbours; a bucket without values stays without."""
    if len(points) <= most:
        return list(points)
    size = -(-len(points) // most)
    return [_mean(points[start : start + size]) for start in range(0, len(points), size)]


def _mean(bucket: Sequence[Point]) -> Point:
    values = [point.value for point in bucket if point.value is not None]
    middle = bucket[len(bucket) // 2].t_ms
    return Point(middle, sum(values) / len(values)) if values else Point(middle, None)


def line(points: Sequence[Point], duration_ms: float, height: float, low: float, high: float, label: str) -> Markup:
    """A curve whose values `low`..`high` fill the height; it breaks where a value is missing, a lone value is a dot."""
    drawn = "".join(_stroke(run, duration_ms, height, low, high) for run in _present(thin(points, 1200)))
    return _svg(height, label, f'<path class="line" d="{drawn}"/>' if drawn else "")


def courses(first: Sequence[float], second: Sequence[float], height: float, label: str) -> Markup:
    """Two courses of values -1..1 over the same time, the first drawn as the raters', the second as the model's, and the line at 0."""
    parts = [f'<path class="base" d="M0,{number(height / 2)} H{number(WIDTH)}"/>']
    for values, css in ((first, "line raters"), (second, "line")):
        run = list(zip(range(len(values)), values, strict=True))
        parts += [f'<path class="{css}" d="{_stroke(run, len(values) - 1, height, -1.0, 1.0)}"/>'] if run else []
    return _svg(height, label, "".join(parts))


@dataclass(frozen=True)
class Curve:
    """Values -1..1 at rising places 0..1, drawn with the colour of a CSS class; with `dots` each value is marked."""

    places: tuple[float, ...]
    values: tuple[float, ...]
    css: str
    dots: bool = False


def arcs(curves: Sequence[Curve], height: float, label: str) -> Markup:
    """Several courses of values -1..1 over one axis 0..1, and the line at 0."""
    parts = [f'<path class="base" d="M0,{number(height / 2)} H{number(WIDTH)}"/>']
    for curve in curves:
        run = list(zip(curve.places, curve.values, strict=True))
        if run:
            parts.append(f'<path class="line arc {curve.css}" d="{_stroke(run, 1.0, height, -1.0, 1.0)}"/>')
        if run and curve.dots:
            marks = "".join(f"M{number(x_of(at, 1.0))},{number(y_of(value, height, -1.0, 1.0))}h0" for at, value in run)
            parts.append(f'<path class="dots {curve.css}" d="{marks}"/>')
    return _svg(height, label, "".join(parts))


def _present(points: Sequence[Point]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point.value is None:
            runs.append([])
        else:
            runs[-1].append((point.t_ms, point.value))
    return [run for run in runs if run]


def _stroke(run: Sequence[tuple[float, float]], duration_ms: float, height: float, low: float, high: float) -> str:
    coordinates = [(x_of(t, duration_ms), y_of(value, height, low, high)) for t, value in run]
    if len(coordinates) == 1:
        coordinates *= 2
    return "M" + " ".join(f"{number(x)},{number(y)}" for x, y in coordinates)


def y_of(value: float, height: float, low: float, high: float) -> float:
    """Vertical position of a value, `low` at the bottom (height) and `high` at the top (0), clipped."""
    share = (value - low) / (high - low) if high > low else 0.5
    return height * (1 - min(max(share, 0.0), 1.0))


def distribution(probabilities: Sequence[float]) -> Markup:
    """A thin bar whose seven parts are the probabilities, an ornament to the name and the figure beside it."""
    parts, left = [], 0.0
    for emotion, probability in zip(EMOTIONS, probabilities, strict=True):
        if probability >= 0.01:
            parts.append(f'<rect class="e-{emotion}" x="{round(left * 100, 1):g}" width="{round(probability * 100, 1):g}" height="1"/>')
        left += probability
    return Markup(f'<svg class="plot bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>')


@dataclass(frozen=True)
class Bar:
    """A share 0..1 with its interval; `css` names its colour class."""

    value: float
    low: float | None = None
    high: float | None = None
    css: str = "k-baseline"


def interval_bar(bar: Bar, ceiling: float | None, label: str) -> Markup:
    """A horizontal bar from 0 to 1 with a whisker for its interval and a dashed mark at `ceiling` (the raters' own score)."""
    height, middle = 22.0, 11.0
    parts = [f'<rect class="track" x="0" y="5" width="{number(WIDTH)}" height="12"/>']
    parts.append(f'<rect class="{bar.css}" x="0" y="5" width="{number(WIDTH * bar.value)}" height="12"/>')
    if bar.low is not None and bar.high is not None:
        left, right = number(WIDTH * bar.low), number(WIDTH * bar.high)
        parts.append(f'<path class="whisker" d="M{left},{middle:g} H{right} M{left},7 V15 M{right},7 V15"/>')
    if ceiling is not None:
        parts.append(f'<path class="ceiling" d="M{number(WIDTH * ceiling)},0 V{height:g}"/>')
    return _svg(height, label, "".join(parts))


@dataclass(frozen=True)
class Run:
    """A stretch in which one emotion leads."""

    start_ms: float
    end_ms: float
    emotion: str


def leading_runs(spans: Sequence[Span]) -> list[Run]:
    """Neighbouring spans with the same most probable emotion, joined; a gap ends a run."""
    runs = [Run(span.start_ms, span.end_ms, span.top) for span in spans]
    joined: list[Run] = runs[:1]
    for before, after in pairwise(runs):
        last = joined[-1]
        if after.emotion == last.emotion and after.start_ms <= before.end_ms:
            joined[-1] = Run(last.start_ms, after.end_ms, last.emotion)
        else:
            joined.append(after)
    return joined


def dot_strip(values: Sequence[float], middle: float, css: str, label: str) -> Markup:
    """Each value 0..1 as a thin upright mark on one line, the `middle` as a taller one."""
    base = f'<path class="base" d="M0,16 H{number(WIDTH)}"/>'
    marks = "".join(f'<path class="film {css}" d="M{number(WIDTH * value)},8 V24"/>' for value in values)
    return _svg(32, label, f'{base}{marks}<path class="middle" d="M{number(WIDTH * middle)},1 V31"/>')
