"""Films on a Ray cluster: actors that keep their networks loaded, one film in each at a time.

Actors belong to whoever asked: they end with it, however it ends, and what they had not finished is swept up and made again by the next.
A film whose worker is lost goes on in another, where its finished links and pieces end.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from assets.compute.cluster import ATTEMPTS, Share, connected, room_for
from assets.compute.work import FilmDone, FilmWork, make_film
from assets.workspace import Workspace
from corpus.paths import Home


class Extractor:
    """What runs in a worker of the cluster: a film at a time, in a process whose networks stay loaded."""

    def __init__(self, home: str) -> None:
        self._home = Home(Path(home))
        self._home.worker_log.parent.mkdir(parents=True, exist_ok=True)
        handlers: list[logging.Handler] = [logging.StreamHandler(), logging.FileHandler(self._home.worker_log)]
        logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=handlers)
        logging.getLogger("feelm").setLevel(logging.INFO)

    def ready(self) -> None:
        """Answered once there is a machine for it."""

    def make(self, work: FilmWork) -> FilmDone:
        """See `assets.compute.work.make_film`."""
        return make_film(Workspace(self._home), work)


def on_ray(home: Home, works: Sequence[FilmWork], extractor: type[Extractor] = Extractor, show_logs: bool = False) -> Iterator[FilmDone]:
    """Films as they are done; as many actors as there is room for and work for, each with one film, so that nothing piles up.

    An actor for which the cluster has yet to find a machine gets no film until then.

    Raises:
        FeelmError: Ray is not installed, its cluster cannot be reached, or no machine of it has room for an actor.
    """
    share = Share.from_environment()
    with connected(show_logs) as ray:
        actor = ray.remote(max_restarts=-1, max_task_retries=ATTEMPTS - 1, **share.options())(extractor)
        workers = [actor.remote(str(home.root)) for _ in range(min(room_for(share, ray), len(works)))]
        starting = {worker.ready.remote(): worker for worker in workers}
        waiting: deque[FilmWork] = deque(works)
        flying: dict[Any, tuple[Any, FilmWork]] = {}
        while waiting or flying:
            (done,), _ = ray.wait([*starting, *flying], num_returns=1)
            worker, made = (starting.pop(done), None) if done in starting else flying.pop(done)
            if waiting:
                work = waiting.popleft()
                flying[worker.make.remote(work)] = (worker, work)
            if made is not None:
                yield _outcome(ray, done, made)


def _outcome(ray: Any, done: Any, work: FilmWork) -> FilmDone:
    try:
        made: FilmDone = ray.get(done)
        return made
    except ray.exceptions.RayTaskError as error:  # its trace is in the worker's log, and in the driver's
        return FilmDone(work.film_id, failure=str(error.cause or error).strip().splitlines()[-1])
    except ray.exceptions.RayError as error:
        return FilmDone(work.film_id, failure=f"lost on the cluster, {ATTEMPTS} times at most: {str(error).strip().splitlines()[0]}")
