"""What comes in by the command line: films into the catalogue, annotation files into the inbox and through the gate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from rich.table import Table

from assets.workspace import Workspace
from corpus.annotations.batches import deliver
from corpus.annotations.decisions import Decision, read_decision
from corpus.contracts import FeelmError
from corpus.films.catalogue import Film, add_films
from corpus.paths import Home, content_version
from orchestration.execution import Job, Outcome, execute_all
from orchestration.instance import prepare_dagster_home, sync_partitions
from orchestration.run import log_path


def add_media(home: Home, media: Sequence[Path], given: dict[str, Any]) -> list[Film]:
    """Add film files, and the films in folders, to the catalogue. Nothing is added twice."""
    return [film for path in media for film in add_films(home.catalogue, path, **given)]


def import_annotations(home: Home, files: Sequence[Path]) -> list[Decision]:
    """Deliver each file into the inbox, read it and put it through the gate as a Dagster run; what was decided."""
    delivered = [deliver(path, home) for path in files]
    workspace = Workspace(home)
    prepare_dagster_home(workspace)
    with dg.DagsterInstance.get() as instance:
        sync_partitions(workspace, instance)
    jobs = [Job(("annotation_batches",), entry.batch_id) for entry in delivered]
    return [_decision(home, outcome) for outcome in execute_all(jobs, 1, log_path(workspace))]


def _decision(home: Home, outcome: Outcome) -> Decision:
    batch_id = outcome.job.partition
    decision = read_decision(home.batch(batch_id))
    if decision is None or decision.batch_version != content_version(home.batch(batch_id)):
        raise FeelmError(f"batch {batch_id} could not be checked: {'; '.join(outcome.failures)}")
    return decision


def fetch_and_add(home: Home, film_id: str) -> Film:
    """Fetch a film of the starter catalogue into FEELM_HOME/films and add it."""
    from corpus.films.fetch import fetch_film

    return fetch_film(film_id, home)


def starter_table() -> Table:
    """The starter catalogue as a table."""
    from corpus.films.fetch import starter_films

    table = Table(title="Open films that can be fetched", title_justify="left")
    for column in ("id", "title", "year", "rights"):
        table.add_column(column)
    for film in starter_films():
        table.add_row(film.film_id, film.title, str(film.year or ""), film.rights.value)
    return table
