"""What every command shares: the two consoles, common options, and results as a table for people or JSON for programs."""

import json
import logging
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

out = Console()
err = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Workers = Annotated[int, typer.Option(min=1, help="Films worked on side by side.")]


def show(value: Any, table: RenderableType, as_json: bool) -> None:
    """Print `value` as JSON or `table` for people."""
    if as_json:
        typer.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str))
    else:
        out.print(table)


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
