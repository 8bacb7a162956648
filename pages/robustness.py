"""What disturbed films cost, for the report page and the model's card: each disturbance by name and dose, in words and figures.

The figures are the report's own. A bar that ends before the dashed mark of the clean films shows the loss at a glance, and a model that had
better not be given what is disturbed is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from corpus.terms import FUSED
from ml.evaluation.findings import Interval
from ml.evaluation.robustness.conditions import Disturbance
from ml.evaluation.robustness.report import ConditionScore, RobustnessReport, SystemChange
from pages.charts import Bar, interval_bar
from pages.render import percent, plural
from pages.systems import system_name


@dataclass(frozen=True)
class PartChange:
    """What is disturbed, alone: its name, its change, and in how many units it is still found where that is fewer than before."""

    name: str
    change: Interval
    found: float | None


@dataclass(frozen=True)
class DoseRow:
    """One dose in words, the bar of what is left, the change of the fused model and of each part, and what is left without the part where
    that is more."""

    dose: str
    bar: Markup
    change: Interval
    parts: tuple[PartChange, ...]
    better_without: float | None


@dataclass(frozen=True)
class KindRows:
    """One kind of disturbance with the doses that were tried."""

    name: str
    rows: tuple[DoseRow, ...]


@dataclass(frozen=True)
class Disturbed:
    """All kinds, and what they were measured on in words."""

    told: str
    kinds: tuple[KindRows, ...]
    notes: tuple[str, ...]


def _over(dose: float) -> str:
    return "as loud as the film" if dose == 0 else f"{abs(dose):g} dB {'below' if dose > 0 else 'above'} the film"


_WORDS: dict[str, tuple[str, Callable[[float], str]]] = {
    Disturbance.NOISE: ("Noise", _over),
    Disturbance.MUSIC: ("Music", _over),
    Disturbance.LAUGHTER: ("Laugh track", _over),
    Disturbance.MISHEARD: ("Misheard words", lambda dose: f"{percent(dose)} of words wrong"),
    Disturbance.TYPOS: ("Typing errors", lambda dose: f"in {percent(dose)} of longer words"),
    Disturbance.BLUR: ("Blurred faces", lambda dose: f"by {dose:g} of 64 pixels"),
    Disturbance.DARK: ("Dark faces", lambda dose: f"{percent(dose)} of the light"),
    Disturbance.SMALL: ("Small faces", lambda dose: f"{dose:g} pixels wide"),
    Disturbance.DESYNC: ("Words out of step", lambda dose: f"{abs(dose):g} s {'late' if dose > 0 else 'early'}"),
}


def in_words(one: ConditionScore) -> tuple[str, str]:
    """A disturbance's name and its dose, for people."""
    name, dose = _WORDS.get(one.disturbance, (one.disturbance, lambda dose: f"{dose:g} ({one.unit})"))
    return name, dose(one.dose)


def fused_change(one: ConditionScore) -> SystemChange:
    """The fused model's change."""
    return next(change for change in one.changes if change.system == FUSED)


def worst(conditions: Sequence[ConditionScore]) -> ConditionScore | None:
    """The condition that costs the fused model most; None where there is none."""
    return min(conditions, key=lambda one: fused_change(one).change.value, default=None)


def better_without(one: ConditionScore, found: RobustnessReport) -> float | None:
    """The fused model's macro recall without the one modality that is disturbed, where that is more than with it."""
    touched = [change.system for change in one.changes if change.system != FUSED]
    without = found.without.get(touched[0]) if len(touched) == 1 else None
    return without.value if without is not None and without.value > fused_change(one).uar.value else None


def disturbed(found: RobustnessReport) -> Disturbed:
    """The views of what was found."""
    told = f"{plural(found.n_units, 'line')} of {plural(found.n_films, 'film')}"
    kinds = [
        KindRows(in_words(group[0])[0], tuple(_row(one, found) for one in group))
        for group in (list(rows) for _, rows in groupby(found.conditions, key=lambda one: one.disturbance))
    ]
    return Disturbed(told, tuple(kinds), tuple(found.notes))


def _row(one: ConditionScore, found: RobustnessReport) -> DoseRow:
    (name, dose), own, clean = in_words(one), fused_change(one), found.clean[FUSED].value
    left = own.uar.value
    bar = interval_bar(Bar(left, css="k-fused"), clean, f"{name}, {dose}: macro recall {percent(left)}, on clean films {percent(clean)}")
    parts = tuple(_part(change, found) for change in one.changes if change.system != FUSED)
    return DoseRow(dose, bar, own.change, parts, better_without(one, found))


def _part(change: SystemChange, found: RobustnessReport) -> PartChange:
    fewer = change.present < found.clean_present.get(change.system, 1.0)
    return PartChange(system_name(change.system), change.change, change.present if fewer else None)
