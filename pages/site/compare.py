"""Two films beside each other: their arcs from the first line to the last and in time, their emotions, characters and raters.

How far apart two arcs are is told by dynamic time warping, so that a turn that comes a little earlier in one film counts little, and beside
it by their correlation; how far apart their emotions are by the Jensen-Shannon divergence of the shares of lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from markupsafe import Markup

from corpus.statistics import jensen_shannon_bits
from corpus.terms import EMOTIONS
from ml.evaluation.arcs import LEAST, POINTS, WARP, warped_distance
from ml.evaluation.levels import pearson
from pages.arcs import SHAPES, Arc, CharacterArc
from pages.charts import Bar, Curve, arcs, interval_bar
from pages.digest import FilmDigest
from pages.film import Fact
from pages.render import clock, figure, percent
from pages.site.places import Places
from pages.site.shelf import Holding
from pages.site.shell import render_site

HEIGHT, CHARACTER_HEIGHT = 170, 44
MOST_CHARACTERS = 6
SIDES = ("of-first", "of-second")
Beside = tuple[Holding, tuple[Holding, ...]]
"""A film, and the films it can be laid beside."""

NEAR, FAR = 0.1, 0.3
"""Mean difference of valence (of at most 2) up to which arcs are called alike, and from which they are called apart."""


@dataclass(frozen=True)
class Teller:
    """The two arcs by one teller: the model, or the raters."""

    name: str
    first: Arc
    second: Arc

    @property
    def courses(self) -> tuple[Sequence[float], Sequence[float]] | None:
        """Both courses; None where a film has too few lines for one."""
        return (self.first.course, self.second.course) if self.first.course and self.second.course else None

    @property
    def distance(self) -> float | None:
        """Mean difference of valence along the best alignment, 0..2."""
        return None if self.courses is None else warped_distance(*map(np.array, self.courses))

    @property
    def correlation(self) -> float | None:
        """Of the courses, -1..1."""
        return None if self.courses is None else pearson(*map(np.array, self.courses))

    @property
    def divergence(self) -> float:
        """Jensen-Shannon divergence of the shares of emotions, in bits, 0..1."""
        return float(jensen_shannon_bits(np.array(self.first.shares), np.array(self.second.shares)))


@dataclass(frozen=True)
class ShareRow:
    """One emotion's share of the lines in both films."""

    emotion: str
    first: float
    second: float

    @property
    def bars(self) -> tuple[Markup, Markup]:
        """Both as bars."""
        return self._bar(self.first), self._bar(self.second)

    def _bar(self, share: float) -> Markup:
        return interval_bar(Bar(share, css=f"e-{self.emotion}"), None, f"{self.emotion}: {percent(share)}")


@dataclass(frozen=True)
class Side:
    """One of the two films."""

    holding: Holding
    digest: FilmDigest
    css: str

    @property
    def characters(self) -> list[tuple[CharacterArc, Markup]]:
        """Those who say most, with their arcs along the film."""
        duration = max(self.digest.duration_ms, 1)
        found = []
        for one in self.digest.characters[:MOST_CHARACTERS]:
            assert one.told is not None
            label = f"Valence of what {one.name} says along the film"
            found.append((one, arcs([one.told.timed(duration, self.css, dots=True)], CHARACTER_HEIGHT, label)))
        return found

    @property
    def agreement(self) -> list[tuple[str, str]]:
        """What is known of its raters, as (name, value)."""
        digest = self.digest
        own = percent(digest.agreeing / digest.compared) if digest.compared else "–"
        return [
            ("Raters", str(digest.raters)),
            ("Their agreement (alpha)", figure(digest.alpha)),
            (f"{digest.level.capitalize()}s they settled", f"{digest.judged} of {digest.units}"),
            (f"{digest.level.capitalize()}s they are split on", str(digest.split)),
            ("The model agrees with them on", own),
        ]


@dataclass(frozen=True)
class Comparison:
    """Two films and what lies between them; `tellers` are those who speak of both."""

    first: Side
    second: Side
    tellers: tuple[Teller, ...]

    @property
    def lead(self) -> str:
        """What the comparison says, in a sentence or two."""
        teller = self.tellers[0]
        a, b = (f"“{side.holding.name}”" for side in (self.first, self.second))
        distance = teller.distance
        if distance is None:
            return f"{a} or {b} has fewer than {LEAST} lines: that is too little for an arc, so the lines stand alone."
        near = "much alike" if distance <= NEAR else "far apart" if distance >= FAR else "partly alike"
        shapes = [SHAPES.get(arc.shape or "") for arc in (teller.first, teller.second)]
        told = f"Both arcs run {near}" if near == "much alike" else f"The arcs are {near}"
        if all(shapes):
            told += f": both {_plainly(shapes[0])}" if shapes[0] == shapes[1] else f": {a} {shapes[0]}, {b} {shapes[1]}"
        return f"{told}. Their lines are apart by {distance:.2f} of 2 in valence once small shifts in time are forgiven."

    @property
    def facts(self) -> list[Fact]:
        """The tiles."""
        found = []
        for teller in self.tellers:
            distance, r = teller.distance, teller.correlation
            found.append(Fact(f"Arcs apart, {teller.name}", figure(distance), f"of 2, moved by at most {percent(WARP)} of the film"))
            found.append(Fact(f"Arcs go together, {teller.name}", figure(r), "correlation, −1 to 1"))
            found.append(Fact(f"Emotions apart, {teller.name}", f"{teller.divergence:.2f}", "Jensen-Shannon, 0 the same to 1"))
        return found

    @property
    def by_place(self) -> list[tuple[str, Markup]]:
        """By teller, both arcs from the first line (0) to the last (1)."""
        how = "from the first line to the last"
        pairs = [(teller, [teller.first.curve(SIDES[0]), teller.second.curve(SIDES[1])]) for teller in self.tellers]
        return [(teller.name, arcs(curves, HEIGHT, self._label(teller, how))) for teller, curves in pairs]

    @property
    def duration_ms(self) -> int:
        """Of the longer film."""
        return max(self.first.digest.duration_ms, self.second.digest.duration_ms, 1)

    @property
    def by_time(self) -> list[tuple[str, Markup]]:
        """By teller, both arcs over the same minutes."""
        return [(teller.name, arcs(self._timed(teller), HEIGHT, self._label(teller, "in time"))) for teller in self.tellers]

    def _timed(self, teller: Teller) -> list[Curve]:
        return [arc.timed(self.duration_ms, css) for arc, css in zip((teller.first, teller.second), SIDES, strict=True)]

    def _label(self, teller: Teller, how: str) -> str:
        pairs = ((self.first, teller.first), (self.second, teller.second))
        told = [f"{side.holding.name} {SHAPES[arc.shape]}" for side, arc in pairs if arc.shape]
        return f"Valence of both films {how}, by the {teller.name}" + (f": {'; '.join(told)}" if told else "")

    @property
    def times(self) -> list[str]:
        """Five even times of the longer film."""
        return [clock(self.duration_ms * part / 4) for part in range(5)]

    @property
    def shares(self) -> list[tuple[str, list[ShareRow]]]:
        """By teller, each emotion's share of the lines."""
        return [
            (teller.name, [ShareRow(*row) for row in zip(EMOTIONS, teller.first.shares, teller.second.shares, strict=True)])
            for teller in self.tellers
        ]

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both films."""
        return self.first, self.second


@dataclass(frozen=True)
class ComparePage:
    """Everything the template shows; without a comparison, what can be chosen. `first` and `second` are the chosen ids."""

    films: tuple[Holding, ...]
    first: str
    second: str
    found: Comparison | None
    trouble: str | None
    pairs: tuple[Beside, ...] = ()

    @property
    def known(self) -> str:
        """The pairs that were written, as one word each."""
        return " ".join(
            sorted({"/".join(sorted((one.film.film_id, other.film.film_id))) for one, others in self.pairs for other in others})
        )


def compared(first: Holding, second: Holding) -> Comparison:
    """Two films of which something is told."""
    sides = [Side(one, one.digest, css) for one, css in zip((first, second), SIDES, strict=True) if one.digest]
    a, b = (side.digest for side in sides)
    told = (("model", a.model, b.model), ("raters", a.gold, b.gold))
    tellers = tuple(Teller(name, one, other) for name, one, other in told if one is not None and other is not None)
    return Comparison(sides[0], sides[1], tellers)


def compare_page(films: Sequence[Holding], places: Places, first: str = "", second: str = "", pairs: Sequence[Beside] = ()) -> str:
    """The page of two films of `films`, all of which can be compared; with fewer than two chosen it offers the choice."""
    by_id = {one.film.film_id: one for one in films}
    found, trouble = None, None
    if first and second:
        found, trouble = _chosen(by_id[first], by_id[second])
    page = ComparePage(tuple(films), first, second, found, trouble, tuple(pairs))
    return render_site("compare.html", page, places, "Compare")


def _chosen(first: Holding, second: Holding) -> tuple[Comparison | None, str | None]:
    if first is second:
        return None, "That is the same film twice: choose two."
    found = compared(first, second)
    if not found.tellers:
        return None, "The model read one of them and raters judged the other, so there is nothing to lay side by side."
    return found, None


@cache
def warm_up() -> None:
    """Load what aligns courses, which takes seconds the first time in a process."""
    warped_distance(np.zeros(POINTS), np.ones(POINTS))


def nearest(films: Sequence[Holding], most_pairs: int) -> list[Beside]:
    """By film, those to compare it with: all others where no more than `most_pairs` pairs come of it, else those whose arcs are nearest."""
    if len(films) * (len(films) - 1) // 2 <= most_pairs:
        return [(one, tuple(other for other in films if other is not one)) for one in films]
    kept = max(most_pairs // len(films), 1)
    arcs_of = np.array([_course(one) for one in films])
    found = []
    for at, one in enumerate(films):
        order = np.argsort(np.abs(arcs_of - arcs_of[at]).mean(axis=1), kind="stable")
        found.append((one, tuple(films[other] for other in order if other != at)[:kept]))
    return found


def _course(holding: Holding) -> np.ndarray:
    """The film's course, a flat one at its mean where it has none."""
    told = holding.digest.told if holding.digest else None
    assert told is not None
    return np.array(told.course) if told.course else np.full(POINTS, told.valence)


def _plainly(shape: str | None) -> str:
    """`rises, then falls` of several things."""
    return (shape or "").replace("rises", "rise").replace("falls", "fall")
