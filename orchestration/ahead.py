"""Films that a cluster computes ahead of their Dagster runs.

A run in Dagster costs a process and a second, however much it has to compute; so one process hands many films to the cluster, and each
film's run starts when its links are made: it records their versions and cost, checks them, and fails where the cluster could not go on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from assets.chain import AHEAD
from assets.compute.cluster import Compute
from assets.compute.port import on_cluster
from assets.compute.work import FilmDone, FilmWork
from assets.telling import FAILED_AHEAD_TAG
from assets.workspace import Workspace
from orchestration.execution import Job, Readiness
from orchestration.tags import LINK_OF

Tell = Callable[[FilmDone], None]


def readiness(workspace: Workspace, tell: Tell | None = None) -> Readiness:
    """When jobs of one film each can run: at once where they compute themselves, else when the cluster is done with their links. Who wants
    to be told of each film is shown what workers say, too.

    Raises:
        FeelmError: FEELM_COMPUTE names nothing.
    """
    if Compute.current() is Compute.LOCAL:
        return iter

    def ready(jobs: Sequence[Job]) -> Iterator[Job]:
        of = {job.partition: job for job in jobs}
        works = [FilmWork(film_id, _links(job), dagster_run=AHEAD) for film_id, job in of.items()]
        for done in on_cluster(workspace, works, show_logs=tell is not None):
            if tell is not None:
                tell(done)
            job = of[done.film_id]
            yield replace(job, tags=(*job.tags, (FAILED_AHEAD_TAG, done.failure))) if done.failure else job

    return ready


def _links(job: Job) -> tuple[str, ...]:
    return tuple(dict.fromkeys(LINK_OF[asset] for asset in job.assets))
