"""Many films in one Dagster run, for a cluster: it hands them over, follows them, and has each recorded by a run of its own.

The run's log says of each film what was made of it, where, and what it cost; the films' own runs say what their checks found. So a batch
succeeds when all its films were dealt with, and a film that failed is told by its own run, as ever.
"""

import dagster as dg

from assets.compute.work import FilmDone
from assets.resources import FeelmWorkspace
from orchestration.launching import BATCH_TAG, FILM_BATCH_JOB, NEEDS_TAG


class FilmBatch(dg.Config):
    """What a batch is about: by film id, the digest of what it is to be made of ('' where a person starts it)."""

    films: dict[str, str]


@dg.op
def make_films(context: dg.OpExecutionContext, config: FilmBatch, workspace: FeelmWorkspace) -> None:
    """Films up to their features, on the cluster of FEELM_COMPUTE=ray or in two processes here, each recorded as soon as it is made."""
    from orchestration.ahead import readiness
    from orchestration.due import assets_of_film
    from orchestration.execution import Job, execute_all

    def tell(done: FilmDone) -> None:
        links = ", ".join(f"{run.stage} {run.wall_s:.1f} s" for run in done.runs)
        context.log.info(f"{done.film_id} on {done.machine or 'no machine'}: {links or 'nothing was stale'}{_ended(done)}")

    opened = workspace.open()
    tags = {film_id: ((NEEDS_TAG, needs), (BATCH_TAG, context.run.run_id)) for film_id, needs in config.films.items()}
    jobs = [Job(assets_of_film(), film_id, own) for film_id, own in tags.items()]
    for outcome in execute_all(jobs, 2, opened.home.worker_log, readiness(opened, tell)):
        for line in outcome.failures:
            context.log.warning(f"{outcome.job.partition}, run {outcome.run_id}: {line}")


def _ended(done: FilmDone) -> str:
    return f"; then {done.failure}" if done.failure else ""


@dg.job(name=FILM_BATCH_JOB, description="Many films from their sources to their features, handed to a cluster by one run.")
def film_batch_job() -> None:
    """See `make_films`."""
    make_films()
