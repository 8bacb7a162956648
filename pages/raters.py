"""The raters in figures: how far they agree about what, who agrees with whom, and how much of each film they judged.

Views for showing, made from the tables beside the gold labels; nothing is drawn here but the bars that stand beside a figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from corpus.annotations.agreement import PairAgreement
from corpus.contracts import RATERS
from corpus.paths import Home
from corpus.terms import EMOTIONS, GoldStatus, UnitLevel
from pages.charts import WIDTH, Bar, interval_bar, number
from pages.render import figure, percent, plural

MOST_RATERS = 30
"""Raters of whom the page shows who agrees with whom: those who share most pairs."""

CROWD = 5
"""From this many raters on a unit is counted as `5 or more`."""

UNIT_WORDS = {UnitLevel.UTTERANCE.value: "line", UnitLevel.SPAN.value: "span", UnitLevel.SCENE.value: "scene"}


@dataclass(frozen=True)
class RaterRow:
    """One rater as judged by the others."""

    name: str
    judgements: int
    agreement: float | None
    competence: float | None
    seconds: float | None
    weight: float
    reason: str | None


@dataclass(frozen=True)
class AlphaRow:
    """Agreement about one thing; `votes` is null where they are not counted, `css` names the bar's colour."""

    name: str
    alpha: float | None
    votes: int | None
    interval: tuple[float, float] | None = None
    css: str = "k-fused"

    @property
    def words(self) -> str:
        """Alpha in two decimals."""
        return figure(self.alpha)

    @property
    def bar(self) -> Markup:
        """Alpha from 0 to 1; below 0 the bar is empty."""
        low, high = self.interval or (None, None)
        bar = Bar(_unit(self.alpha or 0.0), None if low is None else _unit(low), None if high is None else _unit(high), self.css)
        return interval_bar(bar, None, f"{self.name}: alpha {self.words}")


@dataclass(frozen=True)
class AgreementView:
    """How far the raters agree over the `units` of one level; everything but `with_flagged` is without the flagged raters."""

    judgements: int
    n_raters: int
    units: int
    level: str
    ceiling: float | None
    noise_bits: float | None
    overall: AlphaRow
    with_flagged: float | None
    emotions: tuple[AlphaRow, ...]
    scales: tuple[AlphaRow, ...]


@dataclass(frozen=True)
class ShownFilm:
    """A film as the page names it; `href` is null where it has no page."""

    film_id: str
    title: str
    href: str | None


@dataclass(frozen=True)
class Cell:
    """How often two raters agree; `strength` 0..1 runs over the shown pairs; null where they share too few units."""

    share: float | None
    strength: float
    title: str
    own: bool = False


@dataclass(frozen=True)
class Matrix:
    """Who agrees with whom, the most agreeing raters first; `hidden` further raters are not shown."""

    names: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    means: tuple[float, ...]
    low: float
    high: float
    hidden: int


@dataclass(frozen=True)
class Coverage:
    """How much of one film is judged under one perspective: `spread` counts units by the raters who count, from 0 to CROWD or more."""

    film: ShownFilm
    perspective: str | None
    level: str
    units: int
    judged: int
    spread: tuple[int, ...]
    gold: int
    ambiguous: int
    insufficient: int
    alpha: float | None

    @property
    def bar(self) -> Markup:
        """The spread as a thin bar, the stronger the more raters; an ornament to the words beside it."""
        total, left, parts = max(sum(self.spread), 1), 0.0, []
        for raters, count in enumerate(self.spread):
            width = WIDTH * count / total
            if raters and count:
                opacity = f"{(raters + 1) / (CROWD + 1):.2f}"
                parts.append(f'<rect class="k-fused" x="{number(left)}" width="{number(width)}" height="1" fill-opacity="{opacity}"/>')
            left += width
        track = f'<rect class="track" width="{number(WIDTH)}" height="1"/>'
        start = f'<svg class="plot bar" viewBox="0 0 {number(WIDTH)} 1" preserveAspectRatio="none" aria-hidden="true">'
        return Markup(f"{start}{track}{''.join(parts)}</svg>")

    @property
    def spread_words(self) -> str:
        """How many units have how many raters."""
        names = [f"{raters} or more raters" if raters == CROWD else plural(raters, "rater") for raters in range(len(self.spread))]
        return ", ".join(f"{name}: {count:,}" for name, count in zip(names, self.spread, strict=True) if count)


def read_agreement(told: dict[str, Any], votes: pd.DataFrame) -> AgreementView:
    """The view of agreement.json (corpus.annotations.gold.Agreement; empty where there is none), and of the votes that it is about."""
    interval, alpha = told.get("alpha_interval"), dict(told.get("alpha_unflagged", {}))
    return AgreementView(
        judgements=int(told.get("n_judgements", 0)),
        n_raters=int(told.get("n_raters", 0)),
        units=int(told.get("units", 0)),
        level=UNIT_WORDS.get(str(told.get("level", "")), "unit"),
        ceiling=told.get("human_ceiling"),
        noise_bits=told.get("noise_floor_bits"),
        overall=AlphaRow("All emotions", alpha.pop("category", None), None, (interval[0], interval[1]) if interval else None),
        with_flagged=told.get("alpha", {}).get("category"),
        emotions=_emotion_rows(dict(told.get("alpha_by_emotion", {})), votes),
        scales=tuple(AlphaRow(name.capitalize(), value, None, css="k-modality") for name, value in sorted(alpha.items())),
    )


def _emotion_rows(alpha: dict[str, float | None], votes: pd.DataFrame) -> tuple[AlphaRow, ...]:
    """Agreement about each emotion against the rest, beside how many of `votes` that count name it."""
    counts = Counter(votes.loc[votes["weight"] > 0, "label"])
    return tuple(AlphaRow(name, alpha[name], counts[name], css=f"e-{name}") for name in EMOTIONS if name in alpha)


def read_raters(home: Home) -> tuple[RaterRow, ...]:
    """The raters, flagged ones last; empty where nobody judged."""
    path = home.artifact("gold_labels") / "raters.parquet"
    if not path.is_file():
        return ()
    table = RATERS.read(path).astype(object)
    table = table.where(table.notna(), None).sort_values(["flagged", "annotator_id"])
    return tuple(
        RaterRow(
            name=row["annotator_id"],
            judgements=row["n_judgements"],
            agreement=row["leave_one_out_agreement"],
            competence=row["competence"],
            seconds=None if row["median_lead_time_ms"] is None else row["median_lead_time_ms"] / 1000,
            weight=row["weight"],
            reason=(row["reason"] or "flagged") if row["flagged"] else None,
        )
        for row in table.to_dict("records")
    )


def read_coverage(film: ShownFilm, judged: pd.DataFrame, units: pd.DataFrame, alpha: float | None) -> list[Coverage]:
    """A row per perspective under which the film was judged, one row where nobody judged it; from its own gold and units."""
    level = _level(units, judged)
    of_level = units.loc[units["level"] == level, "unit_id"]
    judged = judged[judged["unit_id"].isin(of_level)]
    perspectives: list[str | None] = sorted(judged["perspective"].unique()) or [None]
    word, n_units = UNIT_WORDS.get(level, "unit"), len(of_level)
    return [_covered(film, asked, judged[judged["perspective"] == asked], word, n_units, alpha) for asked in perspectives]


def _covered(film: ShownFilm, asked: str | None, told: pd.DataFrame, level: str, n_units: int, alpha: float | None) -> Coverage:
    status, raters = Counter(told["status"]), Counter(told["n_raters"].clip(upper=CROWD))
    return Coverage(
        film=film,
        perspective=asked,
        level=level,
        units=n_units,
        judged=len(told),
        spread=(raters[0] + n_units - len(told), *(raters[n] for n in range(1, CROWD + 1))),
        gold=status[GoldStatus.GOLD],
        ambiguous=status[GoldStatus.AMBIGUOUS],
        insufficient=status[GoldStatus.INSUFFICIENT],
        alpha=alpha if len(told) else None,
    )


def _level(units: pd.DataFrame, judged: pd.DataFrame) -> str:
    """The finest level of the film that was judged, else the finest that it has."""
    levels = set(units.loc[units["unit_id"].isin(judged["unit_id"]), "level"]) or set(units["level"])
    return next((level for level in UNIT_WORDS if level in levels), UnitLevel.UTTERANCE.value)


def matrix(pairs: Sequence[PairAgreement]) -> Matrix:
    """The table of who agrees with whom, both ways; `pairs` is not empty."""
    of = {ends: pair for pair in pairs for ends in ((pair.first, pair.second), (pair.second, pair.first))}
    met = Counter(name for name, _ in of)
    kept = sorted(met, key=lambda name: (-met[name], name))[:MOST_RATERS]
    shown = [pair for pair in pairs if pair.first in kept and pair.second in kept]
    mean = {name: _mean([pair.agreement for pair in shown if name in (pair.first, pair.second)]) for name in kept}
    names = sorted(kept, key=lambda name: (-mean[name], name))
    shares = [pair.agreement for pair in shown]
    low, high = min(shares, default=0.0), max(shares, default=0.0)
    rows = tuple(tuple(_cell(a, b, of.get((a, b)), low, high) for b in names) for a in names)
    return Matrix(tuple(names), rows, tuple(mean[name] for name in names), low, high, len(met) - len(kept))


def _cell(first: str, second: str, pair: PairAgreement | None, low: float, high: float) -> Cell:
    if pair is None:
        return Cell(None, 0.0, "" if first == second else f"{first} and {second} share too few units", first == second)
    strength = (pair.agreement - low) / (high - low) if high > low else 0.5
    words = f"{first} and {second}: the same emotion on {percent(pair.agreement)} of {plural(pair.units, 'unit')}"
    return Cell(pair.agreement, round(strength, 3), words)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)
