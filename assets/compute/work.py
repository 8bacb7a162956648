"""A film's work as it is handed to whoever computes it, and what comes back.

Both travel between machines, so they hold names and figures alone; what is made lies in the home, which every machine sees.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from assets.chain import StageRun, is_fresh, run_stage
from assets.workspace import Workspace
from corpus.terms import FeelmError


@dataclass(frozen=True)
class FilmWork:
    """Links of a film that run one after another, each if it is stale, or `anew` in any case; `dagster_run` is noted as what ran them."""

    film_id: str
    links: tuple[str, ...]
    anew: bool = False
    dagster_run: str | None = None


@dataclass(frozen=True)
class FilmDone:
    """What came of a film: the links that were run, on which machine, and why it went no further, where it did not.

    What its user must mend is a `fault`; anything else is not.
    """

    film_id: str
    runs: tuple[StageRun, ...] = ()
    machine: str = ""
    failure: str = ""
    is_fault: bool = False


def make_film(workspace: Workspace, work: FilmWork) -> FilmDone:
    """Run a film's links here; the first that cannot use what it is given is the last."""
    runs: list[StageRun] = []
    machine = os.uname().nodename
    for link in work.links:
        if not work.anew and is_fresh(workspace, link, work.film_id):
            continue
        try:
            runs.append(run_stage(workspace, link, work.film_id, work.dagster_run))
        except FeelmError as error:
            return FilmDone(work.film_id, tuple(runs), machine, str(error), is_fault=True)
    return FilmDone(work.film_id, tuple(runs), machine)
