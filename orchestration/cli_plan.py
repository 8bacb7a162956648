"""`feelm plan`: what a library of films will cost, from what films cost here."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Group
from rich.table import Table

from corpus.paths import Home
from orchestration.console import Json, show

if TYPE_CHECKING:
    from orchestration.costing import Cost, CostPlan, FilmLink

Films = Annotated[int, typer.Option(min=1, help="How many films.")]
Hours = Annotated[float, typer.Option(min=0.01, help="How many hours of film they are in all.")]
PlanWorkers = Annotated[int, typer.Option(min=1, help="Films worked on side by side, on machines like those that measured.")]
CpuPrice = Annotated[float, typer.Option(min=0, help="Price of an hour of one CPU core that is computed on.")]
GpuPrice = Annotated[float, typer.Option(min=0, help="Price of an hour of one GPU that is held.")]
StoragePrice = Annotated[float, typer.Option(min=0, help="Price of a GB for a month.")]


def plan(
    films: Films,
    hours: Hours,
    workers: PlanWorkers = 2,
    cpu_price: CpuPrice = 0.0,
    gpu_price: GpuPrice = 0.0,
    storage_price: StoragePrice = 0.0,
    as_json: Json = False,
) -> None:
    """Say what so many films will cost, stage by stage, from what films cost that were computed here."""
    from assets.costs import measured
    from orchestration.costing import Prices, cost_plan

    found = cost_plan(measured(Home.from_environment()), films, hours, workers, Prices(cpu_price, gpu_price, storage_price))
    show(found, cost_tables(found), as_json)


HOW_READ = (
    "From-to of films: nine times of ten between. The links below them are of the whole, each made once and measured once: "
    "in proportion to the minutes of film (corpora: as they are), and from or to as measured."
)


def cost_tables(found: "CostPlan") -> Group:
    """The plan for people."""
    return Group(_measured(found), _foretold(found), HOW_READ, "", _in_all(found), *(f"- {note}" for note in found.notes))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE, collapse_padding=True, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    return table


def _measured(found: "CostPlan") -> Table:
    low, high = found.measured_minutes
    title = f"A minute of film takes; measured on {found.measured_films} films of {low:.1f} to {high:.1f} minutes"
    table = _table(title, "stage", "films", "CPU s", "least-most", "and a film", "GPU s", "wall s", "MB")
    for link in found.of_films:
        table.add_row(link.link, str(link.measured_films), *_rates(link))
    return table


def _rates(link: "FilmLink") -> list[str]:
    if not link.rates:
        return ["-"] * 6
    cpu, gpu, wall, size = (link.rates[name] for name in ("cpu_s", "gpu_s", "wall_s", "artifact_mb"))
    return [
        _number(cpu.per_film_minute),
        f"{_number(cpu.least)}-{_number(cpu.most)}",
        _number(cpu.per_film),
        *(_number(rate.per_film_minute) for rate in (gpu, wall, size)),
    ]


def _foretold(found: "CostPlan") -> Table:
    table = _table(f"{found.films} films, {found.hours:g} hours in all", "stage", "CPU h", "from-to", "GPU h", "wall h", "GB", "peak MB")
    for link in found.of_films:
        table.add_row(link.link, *_figures(link.cost), _number(link.peak_memory_mb))
    table.add_row("every film", *_figures(found.films_cost), style="bold", end_section=True)
    for whole in found.of_whole:
        table.add_row(whole.link, *_figures(whole.cost), _number(whole.peak_memory_mb))
    table.add_row("all of the whole", *_figures(found.whole_cost), style="bold")
    return table


def _in_all(found: "CostPlan") -> Table:
    table = _table("In all", "what", "expected", "from", "to")
    rows = {
        "CPU hours": found.total.cpu_h,
        "GPU hours": found.total.gpu_h,
        f"hours on {found.workers} workers": found.hours_on_workers,
        "GB of artifacts": found.total.storage_gb,
        **{f"GB: {name}": amount for name, amount in found.besides_gb.items()},
    }
    if found.computing_price:
        rows["price of computing"] = found.computing_price
    if found.storage_price_a_month:
        rows["price of storage, a month"] = found.storage_price_a_month
    for name, amount in rows.items():
        table.add_row(name, *map(_number, (amount.expected, amount.low, amount.high)))
    return table


def _figures(cost: "Cost | None") -> list[str]:
    if cost is None:
        return ["-"] * 5
    between = f"{_number(cost.cpu_h.low)}-{_number(cost.cpu_h.high)}"
    expected = [_number(one.expected) for one in (cost.cpu_h, cost.gpu_h, cost.wall_h, cost.storage_gb)]
    return [expected[0], between, *expected[1:]]


def _number(value: float | None) -> str:
    """No more than hundredths; a dash where it is not known."""
    if value is None:
        return "-"
    if value < 0.01:
        return "0" if value == 0 else "<0.01"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
