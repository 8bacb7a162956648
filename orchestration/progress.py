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
from orchestration.console import err
from orchestration.run import RunReport, run_chain

if TYPE_CHECKING:
    from corpus.films.catalogue.add import Addition


def _bars() -> Progress:
    columns = (TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err)


def run_with_progress(workspace: Workspace, film_ids: Sequence[str] | None, workers: int) -> RunReport:
    """`run_chain` with one bar a phase; phases with nothing to do show nothing."""
    with _bars() as bars:
        tasks: dict[str, TaskID] = {}

        def tell(phase: str, done: int, total: int) -> None:
            if total and phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=total)
            if phase in tasks:
                bars.update(tasks[phase], completed=done)

        return run_chain(workspace, film_ids, workers, tell)


def make_with_progress(folder: Path, films: int, seed: int, workers: int) -> list[Path]:
    """`make_films` with a bar."""
    from corpus.maker.films import make_films

    with _bars() as bars:
        task = bars.add_task("making films", total=films)
        made = make_films(folder, films, seed, workers, lambda _: bars.update(task, completed=_complete(folder, seed)))
        bars.update(task, completed=films)
        return made


def _complete(folder: Path, seed: int) -> int:
    return len(list(folder.glob(f"made-{seed}-*/manifest.json")))


def fetch_with_progress(home: Home, film_ids: Sequence[str]) -> "list[Addition]":
    """Fetch films of the catalogue or the starter catalogue into FEELM_HOME/films and add them, with a bar a file."""
    from corpus.films.catalogue.fetch import fetch_film

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(name: str, here: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=here, total=total)

        return [fetch_film(film_id, home, progress=tell) for film_id in film_ids]


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
