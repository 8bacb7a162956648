"""What was found beyond scores, for the report page: people, votes, silence, context, courses and groups, each in words and figures.

The figures are the report's own. A sentence says what a figure means and how sure it is, since few readers hold an interval against
nought by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ml.evaluation.findings import (
    LEAST_GROUP,
    Abstention,
    ArcScore,
    ContextUse,
    FilmArc,
    GroupScore,
    HumanComparison,
    Incongruence,
    Interval,
    LevelScore,
    SoftLabelFit,
)
from ml.evaluation.report import CorpusReport
from pages.charts import Bar, courses, interval_bar
from pages.render import figure, percent, plural
from pages.squares import Curve, coverage_curves
from pages.systems import system_name

MOST_COURSES = 12
COURSE_PX = 72.0


@dataclass(frozen=True)
class Distance:
    """A distance to the raters' votes: whose it is, its bar, its figure in bits, and what to know of it."""

    name: str
    bar: Markup
    value: Interval
    note: str


@dataclass(frozen=True)
class Course:
    """One film's course of valence, drawn, with how the model's follows the raters'."""

    title: str
    chart: Markup
    told: str


@dataclass(frozen=True)
class Findings:
    """What a corpus's report has beyond scores; a part is empty or null where the report has none."""

    humans: str | None
    distances: tuple[Distance, ...]
    silence: str | None
    coverage: Markup | None
    context: tuple[ContextUse, ...]
    context_told: str | None
    sides_told: str | None
    intensity: LevelScore | None
    affect: dict[str, LevelScore]
    arcs: tuple[ArcScore, ...]
    arc_ceiling: float | None
    courses: tuple[Course, ...]
    groups: tuple[GroupScore, ...]
    withheld: dict[str, int]
    least_group: int = LEAST_GROUP


def findings(corpus: CorpusReport, titles: Mapping[str, str]) -> Findings:
    """The views of one corpus; `titles` names films by their id."""
    arcs, sides = corpus.arcs, corpus.incongruence
    return Findings(
        humans=humans_told(corpus.humans) if corpus.humans else None,
        distances=_distances(corpus.soft_labels) if corpus.soft_labels else (),
        silence=silence_told(corpus.abstention),
        coverage=_coverage(corpus.abstention),
        context=tuple(corpus.context),
        context_told=context_told(corpus.context[0]) if corpus.context else None,
        sides_told=sides_told(sides) if sides else None,
        intensity=corpus.intensity,
        affect=corpus.affect,
        arcs=tuple(arcs.scores) if arcs else (),
        arc_ceiling=arcs.human_r if arcs else None,
        courses=tuple(_course(film, titles.get(film.film_id, film.film_id)) for film in arcs.films[:MOST_COURSES]) if arcs else (),
        groups=tuple(corpus.groups),
        withheld=corpus.groups_withheld,
    )


def points(difference: Interval) -> str:
    """A difference of shares in points with its 95 % interval: `+2.1 points (95 % −0.4 to +4.5)`."""
    told = f"{100 * difference.value:+.1f} points"
    if difference.low is not None and difference.high is not None:
        told += f" (95\N{NO-BREAK SPACE}% {100 * difference.low:+.1f} to {100 * difference.high:+.1f})"
    return told.replace("-", "−")


def humans_told(found: HumanComparison) -> str:
    """The comparison with a single rater in two sentences; `at human level` only where the interval allows it."""
    verdict = "The model is at human level" if found.at_human_level else "The model is below a single rater"
    if found.difference.low is None:
        verdict = "Too few films to say whether the model is at human level"
    elif found.difference.low > 0:
        verdict = "The model is above a single rater"
    return (
        f"{verdict}: {points(found.difference)}. Held against the mode of the other raters on the same "
        f"{plural(found.n_votes, 'vote')}, the model agrees in {percent(found.model)}, a rater in {percent(found.human)}."
    )


def _distances(found: SoftLabelFit) -> tuple[Distance, ...]:
    rows = [("All together", found.model, "k-fused", "")]
    if found.human is not None:
        told = f"two halves of a line’s votes, {plural(found.n_units_human, 'line')}"
        rows.append(("Raters among themselves", Interval(found.human), "k-human", told))
    if found.prior is not None:
        rows.append(("Average label", found.prior, "k-baseline", "the same for every line"))
    return tuple(Distance(name, _bar(name, value, css), value, note) for name, value, css, note in rows)


def _bar(name: str, value: Interval, css: str) -> Markup:
    return interval_bar(Bar(value.value, value.low, value.high, css), None, f"{name}: {value.value:.2f} bits")


def silence_told(found: Sequence[Abstention]) -> str | None:
    """What silence on a fifth of the lines brings."""
    model = next((one for one in found if one.system == "fused"), None)
    if model is None:
        return None
    whole = percent(model.points[-1].accuracy)
    return f"On the four fifths of which it is surest it is right in {percent(model.accuracy_at_80)}, on all in {whole}."


def _coverage(found: Sequence[Abstention]) -> Markup | None:
    if not found:
        return None
    curves = [
        Curve(system_name(one.system), f"c-{one.system}", tuple((point.coverage, point.accuracy) for point in one.points)) for one in found
    ]
    told = "; ".join(f"{curve.name} {percent(one.accuracy_at_80)} at 80 %" for curve, one in zip(curves, found, strict=True))
    return coverage_curves(curves, f"Accuracy by share of lines answered: {told}")


def sure(difference: Interval) -> str:
    """Whether a difference is one: `surely more`, `surely less`, or `perhaps nothing`."""
    if difference.low is None or difference.high is None or difference.low <= 0 <= difference.high:
        return "perhaps nothing"
    return "surely more than nothing" if difference.low > 0 else "surely a loss"


def context_told(found: ContextUse) -> str | None:
    """What context and its order bring over all lines."""
    parts = []
    if found.gain is not None:
        parts.append(f"The lines around it bring {points(found.gain)}: {sure(found.gain)}.")
    if found.order_gain is not None:
        parts.append(
            f"Against other lines of the same film in their place they bring {points(found.order_gain)}: {sure(found.order_gain)}."
        )
    return " ".join(parts) or None


def sides_told(found: Incongruence) -> str:
    """Whom fusion follows where modalities disagree."""
    follows = ", ".join(f"{system_name(name).lower()} in {percent(share)}" for name, share in found.follows.items())
    return (
        f"On {plural(found.n_units, 'line')} face, voice and words do not say the same. There the model says what is said by {follows}; "
        f"in {percent(found.follows_none)} it says what none of them does. It is right in {percent(found.accuracy['fused'])} of them."
    )


def _course(film: FilmArc, title: str) -> Course:
    r = figure(film.r)
    raters, model = film.raters_shape.replace("_", " "), film.model_shape.replace("_", " ")
    told = f"r {r}; both {raters}" if raters == model else f"r {r}; raters {raters}, model {model}"
    return Course(title, courses(film.raters, film.model, COURSE_PX, f"Valence along {title}: {told}"), told)
