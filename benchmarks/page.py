"""One page of all results: tables and plots, beside the peers where there are any: `python -m benchmarks.page`.

It reads what the benchmarks wrote to `benchmarks/results/`, so it shows nothing that is not there with its date, machine and versions; a
plot whose table is absent is left out and named. Written to `benchmarks/results/index.html`, which is not kept in version control.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.common import RESULTS
from pages.render import environment, policy

OURS, PEER = "#234fa3", "#b9b3a5"
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")

TEMPLATE = """{% extends "base.html" %}
{% block title %}Benchmarks{% endblock %}
{% block content %}
<section class="title"><h1>Benchmarks</h1>
<p class="lead">What {{ page.sections | length }} benchmarks found, each with its date, machine and versions. Blue is Feelm, grey are others
or what needs no model. Speeds are ratios of one run, both sides taking turns.</p></section>
<section><h2>At a glance</h2>
<ul class="glance">{% for plot in page.plots %}<li class="figure"><h3>{{ plot.title }}</h3><p class="quiet">{{ plot.what }}</p>
<img src="{{ plot.source }}" alt="{{ plot.told }}"><p class="quiet"><a href="#{{ plot.result }}">{{ plot.result }}</a></p></li>
{% endfor %}</ul>
{% for missing in page.missing %}<p class="quiet">No plot of {{ missing }}: its table is not among the results.</p>{% endfor %}</section>
{% for section in page.sections %}<section class="result" id="{{ section.name }}">{{ section.body }}</section>
{% endfor %}
<style>
.glance { list-style: none; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); gap: 1rem;
  align-items: start }
.glance img { width: 100%; background: #fff; border-radius: 6px; margin-top: .5rem }
.result h1 { font-size: 1.6rem } .result h2 { margin-top: 1.6rem; font-size: 1.1rem } .result > * + * { margin-top: .9rem }
.result table { border-collapse: collapse; font-size: .8125rem; background: var(--paper); display: block; overflow-x: auto }
.result th, .result td { border: 1px solid var(--rule); padding: .25rem .55rem; text-align: left; overflow-wrap: normal; min-width: 4rem }
.result th { background: var(--sunk) } .result ul { padding-left: 1.2rem }
</style>
{% endblock %}
{% block foot %}<p>Made by <code>python -m benchmarks.page</code> from benchmarks/results/.</p>{% endblock %}
"""


@dataclass(frozen=True)
class Table:
    """A Markdown table under a heading: column names, and rows of as many cells."""

    heading: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(text: str) -> Iterator[Table]:
    """Tables of a results page, in their order."""
    heading, block = "", list[tuple[str, ...]]()
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            block.append(tuple(cell.strip() for cell in line.strip().strip("|").split("|")))
        elif block:
            yield Table(heading, block[0], tuple(block[2:]))
            block = []
        if line.startswith("#"):
            heading = line.lstrip("# ")


@dataclass(frozen=True)
class Value:
    """A figure with the least and the most of its rounds or seeds, where the cell tells them."""

    middle: float
    low: float
    high: float


def value_of(cell: str) -> Value | None:
    """Figure of a cell, as in `2.39 (2.21 to 2.65)`, `0.732 ± 0.013`, `**0.998** (0.997)`, `79.3 (78.7, 79.0)`; None where it has none."""
    numbers = [float(found.replace(",", "")) for found in NUMBER.findall(cell)]
    if not numbers or not NUMBER.match(cell.lstrip("*")):
        return None
    middle, rest = numbers[0], numbers[1:]
    if "±" in cell:
        return Value(middle, middle - rest[0], middle + rest[0])
    bracket = re.search(r"\(([^)]*)\)", cell)
    within = [float(found) for found in NUMBER.findall(bracket[1])] if bracket else []
    return Value(middle, min([middle, *within]), max([middle, *within]))


@dataclass(frozen=True)
class Bars:
    """A bar for each row, of the tables with that column, whose label matches `rows`; those that match `ours` are in our colour."""

    title: str
    what: str
    result: str
    column: str
    ours: str
    heading: str = ""
    rows: str = ""
    labels: tuple[int, ...] = (0,)

    def draw(self, text: str) -> tuple[str, bytes]:
        """What is shown in words, and the picture (SVG); KeyError where the results hold no such table."""
        bars = [bar for table in tables(text) if table.heading.startswith(self.heading) for bar in self._of(table)]
        if not bars:
            raise KeyError(self.column)
        return "; ".join(f"{label}: {value.middle:g}" for label, value in bars), _bars(bars, self.ours)

    def _of(self, table: Table) -> Iterator[tuple[str, Value]]:
        for at in (at for at, name in enumerate(table.head) if name.lower() == self.column.lower()):
            for row in table.rows:
                label, value = ", ".join(row[index] for index in self.labels), value_of(row[at])
                if value is not None and re.search(self.rows, label):
                    yield label, value


@dataclass(frozen=True)
class Curves:
    """A line for each row that matches `rows`, over columns called `10 films`, `100 films` and so on; both axes are logarithmic."""

    title: str
    what: str
    result: str
    heading: str
    rows: str

    def draw(self, text: str) -> tuple[str, bytes]:
        """What is shown in words, and the picture (SVG); KeyError where the results hold no such table."""
        table = next((t for t in tables(text) if t.heading == self.heading), None)
        if table is None:
            raise KeyError(self.heading)
        sized = [
            (int(match[1].replace(",", "")), at) for at, name in enumerate(table.head) if (match := re.fullmatch(r"([\d,]+) films", name))
        ]
        lines = dict[str, list[tuple[int, float]]]()
        for row in table.rows:
            label = f"{row[0]} ({row[1]})"
            if re.search(self.rows, label):
                lines[label] = [(films, value.middle) for films, at in sized if (value := value_of(row[at]))]
        return "; ".join(f"{label}: {points[-1][1]:g} s at {points[-1][0]:,}" for label, points in lines.items()), _curves(lines)


PLOTS: Sequence[Bars | Curves] = (
    Bars("Voice: speed", "rate over openSMILE's functionals, one thread", "voice", "rate over openSMILE's", "^here"),
    Bars("Pitch under a film's music", "voiced rows within 50 cents of known pitch", "voice", "music 5 dB, film", "^here"),
    Bars("Faces: speed", "frames a second by the clock, every frame read", "faces", "frames per second by the clock", "^Feelm"),
    Bars("Sentences embedded", "lines a CPU second", "text", "lines per CPU second", "^ours"),
    Bars("Late subtitles put right", "% of cues within 250 ms", "sync", "within 250 ms", "here", rows="break.*(ffsub|same)", labels=(0, 1)),
    Bars("Speaker of a cue", "recall by how far the screenplay is from the film", "screenplay", "recall", "this", labels=(0, 1)),
    Bars("Speech recognised", "word error rate, old film sound", "asr", "word error rate", "^ours", heading="Ways"),
    Bars("Shots: F1", "on known transitions", "shots", "F1", "best", labels=(0, 1)),
    Bars("Scenes: F1 within 2 s", "made films", "scenes", "F1 ±2 s", "^(screenplay|picture)", rows="^(screenplay|picture|coherence)"),
    Bars("Raters of whom 40 % copy", "right labels, %", "aggregation", "40% copy", "^[^c]", heading="Items are r", rows="^(?!of|sh|sp|h)"),
    Bars("RAVDESS: actors never heard", "UAR, three seeds; peers on the same folds", "quality-ravdess", "uar", "^(speech|measured|per)"),
    Bars("MELD", "weighted F1, three seeds", "quality-meld", "weighted_f1", "^(fine|frozen)"),
    Bars("XED: films never seen", "macro-F1, three seeds", "quality-xed", "macro_f1", "^(fine|frozen)"),
    Bars("The next speaker's emotion", "macro-F1 on MELD", "reaction", "macro-F1", "^model", heading="The 783"),
    Bars("Signs of distress", "recall by kind, conversations never seen", "distress", "recall", ".", heading="distress-test"),
    Bars("Films on Ray", "times one worker", "compute", "times one worker", "."),
    Curves("Ten thousand films: questions", "seconds", "catalogue", "Reports and lineage", "."),
    Curves("Ten thousand films: Dagster's pages", "seconds, Postgres", "catalogue", "Pages of Dagster's webserver", "postgres"),
)  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A results page as HTML."""

    name: str
    body: Markup


@dataclass(frozen=True)
class Drawn:
    """A plot on the page: `source` is its picture as a data URI, `told` what it shows in words."""

    title: str
    what: str
    result: str
    told: str
    source: str


@dataclass(frozen=True)
class Page:
    """All that stands on the page."""

    plots: list[Drawn]
    missing: list[str]
    sections: list[Section]


def build_page(folder: Path) -> str:
    """HTML of all results in `folder`."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    plots, missing = list[Drawn](), list[str]()
    for plot in PLOTS:
        try:
            told, picture = plot.draw(texts.get(plot.result, ""))
        except KeyError:
            missing.append(plot.title)
        else:
            source = "data:image/svg+xml;base64," + base64.b64encode(picture).decode()
            plots.append(Drawn(plot.title, plot.what, plot.result, told, source))
    page = Page(plots, missing, [Section(name, Markup(reader.render(text))) for name, text in texts.items()])
    return environment().from_string(TEMPLATE).render(page=page, script=Markup(""), policy=policy(""))


def _bars(bars: Sequence[tuple[str, Value]], ours: str) -> bytes:
    figure = Figure(figsize=(7, 0.6 + 0.3 * len(bars)), layout="constrained")
    axes = figure.subplots()
    places = range(len(bars) - 1, -1, -1)
    values = [value.middle for _, value in bars]
    axes.barh(places, values, color=[OURS if re.search(ours, label) else PEER for label, _ in bars], height=0.7)
    spread = [(place, value) for place, (_, value) in zip(places, bars, strict=True) if value.high > value.low]
    for place, value in spread:
        axes.plot([value.low, value.high], [place, place], color="#1b1d22", linewidth=1.2)
    most = max(max(value.high for _, value in bars), 1e-9)
    for place, (_, value) in zip(places, bars, strict=True):
        axes.text(value.high + most * 0.015, place, f"{value.middle:g}", va="center", fontsize=9)
    axes.set_yticks(list(places), [label if len(label) <= 52 else label[:51] + "…" for label, _ in bars], fontsize=9)
    axes.set_xlim(0, most * 1.12)
    return _svg(figure, axes)


def _curves(lines: dict[str, list[tuple[int, float]]]) -> bytes:
    figure = Figure(figsize=(7, 3 + 0.2 * len(lines)), layout="constrained")
    axes = figure.subplots()
    for label, points in lines.items():
        axes.loglog([films for films, _ in points], [seconds for _, seconds in points], marker="o", markersize=3, label=label)
    axes.axhline(2, color="#a8321f", linewidth=0.8, linestyle="--")
    axes.set_xlabel("films", fontsize=9)
    figure.legend(loc="outside lower center", fontsize=7.5, frameon=False)
    return _svg(figure, axes)


def _svg(figure: Figure, axes: Axes) -> bytes:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    written = io.BytesIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()


def write_page(folder: Path = RESULTS) -> Path:
    """Write the page beside the results and return its path."""
    path = folder / "index.html"
    path.write_text(build_page(folder), encoding="utf-8")
    return path


if __name__ == "__main__":
    print(write_page())
