"""Long work with a bar: which phase, how many of how many, how long."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from assets.workspace import Workspace
from corpus.paths import Home
from orchestration.library import fetch_films
from orchestration.run import RunReport, run_chain

if TYPE_CHECKING:
    from corpus.films.catalogue.add import Addition


def _bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def run_with_progress(workspace: Workspace, film_ids: Sequence[str] | None, workers: int, console: Console) -> RunReport:
    """`run_chain` with one bar a phase; phases with nothing to do show nothing."""
    with _bars(console) as bars:
        tasks: dict[str, int] = {}

        def tell(phase: str, done: int, total: int) -> None:
            if total and phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=total)
            if phase in tasks:
                bars.update(bars.task_ids[list(tasks).index(phase)], completed=done)

        return run_chain(workspace, film_ids, workers, tell)


def make_with_progress(folder: Path, films: int, seed: int, workers: int, console: Console) -> list[Path]:
    """`make_films` with a bar."""
    from corpus.maker.films import make_films

    with _bars(console) as bars:
        task = bars.add_task("making films", total=films)
        made = make_films(folder, films, seed, workers, lambda _: bars.update(task, completed=_complete(folder, seed)))
        bars.update(task, completed=films)
        return made


def _complete(folder: Path, seed: int) -> int:
    return len(list(folder.glob(f"made-{seed}-*/manifest.json")))


def fetch_with_progress(home: Home, film_ids: Sequence[str], console: Console) -> "list[Addition]":
    """`fetch_films` with a bar a file."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(name: str, here: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=here, total=total)

        return fetch_films(home, film_ids, tell)


@contextmanager
def row_bars(console: Console, quiet: bool = False) -> Iterator[Callable[[str, float], None]]:
    """One bar for each row of a benchmark; call it with a row's name and the share of it that is done, 0..1."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=quiet) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(row: str, share: float) -> None:
            if row not in tasks:
                tasks[row] = bars.add_task(row, total=1.0)
            bars.update(tasks[row], completed=share)

        yield tell
