"""What a library of films will cost, from what this home's films did cost: nothing here knows a rate of its own.

Links of films are foretold by a rate a minute of film, and a part a film where it can be told apart (`corpus.rates`), with a range that
comes of the differences between the measured films. Links of the whole were measured once, on the films that are there, which tells no
rate: they are given in proportion to the minutes of film, and as they were measured, for what they cost lies between.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from assets.chain import STAGES, Scope
from assets.costs import Measured, Spent
from corpus.rates import RANGE, Draws, foretold, rate_of
from corpus.statistics import FloatArray
from corpus.terms import FeelmError

LEAST_FILMS = 3
"""From fewer nobody can say how films differ."""

MEASURES: dict[str, Callable[[Spent], float]] = {
    "cpu_s": lambda spent: spent.cpu_s,
    "gpu_s": lambda spent: spent.gpu_s,
    "wall_s": lambda spent: spent.wall_s,
    "artifact_mb": lambda spent: spent.written_bytes / 1e6,
}
"""What is measured of a link."""

BILLED = {"cpu_h": ("cpu_s", 3600.0), "gpu_h": ("gpu_s", 3600.0), "wall_h": ("wall_s", 3600.0), "storage_gb": ("artifact_mb", 1000.0)}
"""What stands on a bill: which measure, and how many of its units make one."""


@dataclass(frozen=True)
class Prices:
    """Of an hour of a CPU core, an hour of a GPU, and a GB for a month, in whatever currency."""

    cpu: float = 0.0
    gpu: float = 0.0
    storage: float = 0.0


@dataclass(frozen=True)
class Amount:
    """What is expected, and between which bounds."""

    expected: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.expected + other.expected, self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> "Amount":
        """All three, so many times."""
        return Amount(self.expected * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Cost:
    """Hours of CPU cores, of GPUs and of one worker's clock, and GB of artifacts."""

    cpu_h: Amount = Amount()
    gpu_h: Amount = Amount()
    wall_h: Amount = Amount()
    storage_gb: Amount = Amount()

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(getattr(self, name) + getattr(other, name) for name in BILLED))


@dataclass(frozen=True)
class FilmRate:
    """What a minute of film takes, how much of it the films took that took least and most, and what a film takes besides (None: it could
    not be told apart, and is part of the minutes).
    """

    per_film_minute: float
    least: float
    most: float
    per_film: float | None


@dataclass(frozen=True)
class FilmLink:
    """A link of films: on how many it was measured, its rates by measure, the most memory, and what it will cost; `cost` is None where it
    was never measured.
    """

    link: str
    measured_films: int = 0
    rates: dict[str, FilmRate] = field(default_factory=dict)
    peak_memory_mb: float | None = None
    cost: Cost | None = None


@dataclass(frozen=True)
class WholeLink:
    """A link of batches, corpora or the whole: how often it stands made, on how many films, and what making each once will cost."""

    link: str
    made: int
    grows: bool
    measured_cpu_s: float
    peak_memory_mb: float | None
    cost: Cost


@dataclass(frozen=True)
class CostPlan:
    """What `films` of `hours` in all will cost; money is None where no price was given, for storage a month's."""

    films: int
    hours: float
    workers: int
    measured_films: int
    measured_minutes: tuple[float, float]
    of_films: tuple[FilmLink, ...]
    of_whole: tuple[WholeLink, ...]
    films_cost: Cost
    whole_cost: Cost
    total: Cost
    besides_gb: dict[str, Amount]
    hours_on_workers: Amount
    computing_price: Amount | None
    storage_price_a_month: Amount | None
    notes: tuple[str, ...]


def cost_plan(found: Measured, films: int, hours: float, workers: int = 2, prices: Prices | None = None) -> CostPlan:
    """Foretell the cost of `films` films (1 or more) of `hours` (above 0) in all, worked on by `workers` side by side.

    Raises:
        FeelmError: too few films were measured.
    """
    known = _known_films(found)
    lengths = np.array([found.minutes[film_id] for film_id in known])
    asked = _Asked(films, 60 * hours, known, lengths, Draws.make(len(known), films))
    links = [_film_link(name, spent, asked) for name, spent in found.of_films.items()]
    of_films = asked.cost(list(found.of_films.values()))
    times = 60 * hours / sum(found.minutes.values())
    wholes = tuple(_whole_link(name, spent, times) for name, spent in found.of_whole.items())
    whole = sum((one.cost for one in wholes), Cost())
    besides = {name: _in_proportion(size / 1e9, times) for name, size in found.besides.items()}
    storage = sum(besides.values(), of_films.storage_gb + whole.storage_gb)
    on_workers = of_films.wall_h.times(math.ceil(films / workers) / films) + whole.wall_h
    total = of_films + whole
    return CostPlan(
        films=films,
        hours=hours,
        workers=workers,
        measured_films=len(known),
        measured_minutes=(float(lengths.min()), float(lengths.max())),
        of_films=tuple(links),
        of_whole=wholes,
        films_cost=of_films,
        whole_cost=whole,
        total=total,
        besides_gb=besides,
        hours_on_workers=on_workers,
        computing_price=total.cpu_h.times(prices.cpu) + total.gpu_h.times(prices.gpu) if prices and (prices.cpu or prices.gpu) else None,
        storage_price_a_month=storage.times(prices.storage) if prices and prices.storage else None,
        notes=tuple(_notes(found, links, lengths, 60 * hours / films)),
    )


def _known_films(found: Measured) -> list[str]:
    known = sorted({film_id for costs in found.of_films.values() for film_id in costs} & set(found.minutes))
    if len(known) < LEAST_FILMS:
        raise FeelmError(
            f"the cost of {len(known)} films is known here, and {LEAST_FILMS} are needed: add some as long as yours with "
            "`feelm films add FILE` (`feelm films make` makes short ones), then `feelm run`, and ask again"
        )
    return known


@dataclass(frozen=True)
class _Asked:
    """How many films of how many minutes in all are asked for, and the films that tell what they cost."""

    films: int
    minutes: float
    known: list[str]
    lengths: FloatArray
    draws: Draws

    def measures(self, spent: Mapping[str, Spent], measure: str) -> FloatArray:
        """Of each known film, NaN where it was not measured."""
        return np.array([MEASURES[measure](spent[film_id]) if film_id in spent else np.nan for film_id in self.known])

    def rate(self, spent: Mapping[str, Spent], measure: str) -> FilmRate:
        """What was measured of a link, by minute of film."""
        costs = self.measures(spent, measure)
        here = ~np.isnan(costs)
        rate, each = rate_of(self.lengths[here], costs[here]), costs[here] / self.lengths[here]
        return FilmRate(rate.per_minute, float(each.min()), float(each.max()), rate.per_film)

    def cost(self, links: Sequence[Mapping[str, Spent]]) -> Cost:
        """Of all these links together: the same films are drawn for each, since what is slow in one is often slow in another."""
        return Cost(**{bill: self._amount([spent for spent in links if spent], *how) for bill, how in BILLED.items()})

    def _amount(self, links: Sequence[Mapping[str, Spent]], measure: str, units: float) -> Amount:
        rates = [self.rate(spent, measure) for spent in links]
        expected = sum(rate.per_film_minute * self.minutes + (rate.per_film or 0.0) * self.films for rate in rates)
        drawn = [foretold(self.lengths, self.measures(spent, measure), self.films, self.minutes, self.draws) for spent in links]
        low, high = np.quantile(np.sum(drawn, axis=0), RANGE)
        return Amount(expected, float(low), float(high)).times(1 / units)


def _film_link(name: str, spent: Mapping[str, Spent], asked: _Asked) -> FilmLink:
    if not spent:
        return FilmLink(name)
    rates = {measure: asked.rate(spent, measure) for measure in MEASURES}
    return FilmLink(name, len(spent), rates, _peak_mb(spent.values()), asked.cost([spent]))


def _whole_link(name: str, spent: Sequence[Spent], times: float) -> WholeLink:
    grows = STAGES[name].scope is not Scope.CORPUS
    taken = {measure: sum(map(of, spent)) for measure, of in MEASURES.items()}
    cost = Cost(**{bill: _in_proportion(taken[measure] / units, times if grows else 1.0) for bill, (measure, units) in BILLED.items()})
    return WholeLink(name, len(spent), grows, taken["cpu_s"], _peak_mb(spent), cost)


def _in_proportion(amount: float, times: float) -> Amount:
    return Amount(amount * times, amount * min(times, 1.0), amount * max(times, 1.0))


def _peak_mb(spent: Iterable[Spent]) -> float | None:
    return max((one.peak_memory_mb for one in spent if one.peak_memory_mb is not None), default=None)


def _notes(found: Measured, links: Sequence[FilmLink], lengths: FloatArray, asked_minutes: float) -> Iterator[str]:
    """What the figures do not say, and what to do about it."""
    if not lengths.min() / 2 <= asked_minutes <= 2 * lengths.max():
        told = f"The measured films are {lengths.min():.1f} to {lengths.max():.1f} minutes long, yours {asked_minutes:.1f}"
        alone = all(link.rates["cpu_s"].per_film is None for link in links if link.rates)
        part = " What a film costs however short it is counts here as part of each minute." if alone else ""
        yield f"{told}: add some as long as yours and `feelm run`.{part}"
    for link in links:
        if link.cost is None and found.resumed[link.link]:
            yield f"{link.link} is left out: every film took up what an earlier run had done. Delete FEELM_HOME/cache and make some anew."
        elif link.cost is None:
            yield f"{link.link} is left out: it stands fresh for no film. `feelm run` computes it."
        elif found.resumed[link.link]:
            yield f"{link.link}: {found.resumed[link.link]} films are left out that took up what an earlier run had done."
    if found.not_made:
        yield f"Not made here, or not up to date, and left out: {', '.join(found.not_made)}. `feelm run` makes them."
