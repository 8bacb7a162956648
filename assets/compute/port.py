"""Where the links of films are computed: in this process, or on a Ray cluster (`FEELM_COMPUTE=local | ray`).

A link is a function of what lies in the home (`assets.chain.run_stage`), so it does not matter which machine that sees the home runs it,
or how often: the same bytes come out, whole or not at all, under the same stamp. Whatever starts a film's links asks here, so that no
asset knows where it is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assets.chain import STAGES, Scope, StageRun, run_stage
from assets.compute.cluster import Compute
from assets.compute.on_ray import on_ray
from assets.compute.work import FilmDone, FilmWork
from assets.workspace import Workspace
from corpus.terms import FeelmError


def make_link(workspace: Workspace, name: str, key: str, dagster_run: str) -> StageRun:
    """Run one link wherever it is to be computed: films' on the cluster where there is one, all others here.

    Raises:
        FeelmError: what the link was given cannot be used, or FEELM_COMPUTE names nothing.
        ComputeError: the cluster could not do it.
    """
    if STAGES[name].scope is not Scope.FILM or Compute.current() is Compute.LOCAL:
        return run_stage(workspace, name, key, dagster_run)
    (done,) = on_cluster(workspace, [FilmWork(key, (name,), anew=True, dagster_run=dagster_run)], show_logs=True)
    if done.failure:
        raise FeelmError(done.failure) if done.is_fault else ComputeError(f"{name} {key}: {done.failure}")
    workspace.refresh()
    return done.runs[0]


def on_cluster(workspace: Workspace, works: Sequence[FilmWork], show_logs: bool) -> Iterator[FilmDone]:
    """Films as the cluster is done with them, in whatever order; those that it could not do are told, not raised. What workers say stands
    in the home's log, and is shown here where that is wished for.

    Raises:
        FeelmError: the cluster cannot be reached, or Ray is not installed.
    """
    return on_ray(workspace.home, by_size(workspace, works), show_logs=show_logs)


def by_size(workspace: Workspace, works: Sequence[FilmWork]) -> list[FilmWork]:
    """The largest first, so that no worker is left with a long one when the others have nothing to do any more."""
    return sorted(works, key=lambda work: -_size(workspace, work.film_id))


def _size(workspace: Workspace, film_id: str) -> int:
    """Bytes of the film's file, which is all that is known of how long it will take before it was read."""
    video = workspace.film(film_id).video
    return video.stat().st_size if video.is_file() else 0


class ComputeError(RuntimeError):
    """A machine of the cluster was lost, ran out of memory or met a bug, each time that it was tried."""
