"""What every command shares: the two consoles, common options, and results as a table for people or JSON for programs."""

import json
import logging
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ml.evaluation.findings import Interval

out = Console()
err = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Workers = Annotated[int, typer.Option(min=1, help="Films worked on side by side.")]


def show(value: Any, table: RenderableType, as_json: bool) -> None:
    """Print `value` as JSON, dataclasses as objects, or `table` for people."""
    if as_json:
        typer.echo(json.dumps(value, indent=1, ensure_ascii=False, default=_plain))
    else:
        out.print(table)


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def warn(words: str, style: str = "yellow") -> None:
    """A line on stderr, as it is: names and messages hold what looks like markup."""
    err.print(words, style=style, highlight=False, soft_wrap=True, markup=False)


def clock(t_ms: int) -> str:
    """As in 1:02:03.456; before the film's beginning with a minus."""
    sign, seconds = "-" if t_ms < 0 else "", abs(t_ms) // 1000
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{abs(t_ms) % 1000:03}"


def interval(figure: "Interval") -> str:
    """As in 0.612 [0.58, 0.65]."""
    spread = f" [{figure.low:.2f}, {figure.high:.2f}]" if figure.low is not None and figure.high is not None else ""
    return f"{figure.value:.3f}{spread}"


def show_progress() -> None:
    """Have long work tell on stderr how far it is."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("feelm").setLevel(logging.INFO)


def rows_table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    """A rich table of strings, shown as they are: a film's `[door slams]` is no markup."""
    table = Table(title=Text(title, style="table.title"), title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=index == 0)
    for row in rows:
        table.add_row(*map(Text, row))
    return table
