"""Films on a Ray cluster: actors that keep their networks loaded, one film in each at a time.

The cluster is the one that RAY_ADDRESS names, else one of this machine that ends with the process and listens on loopback alone. Actors
belong to whoever asked: they end with it, however it ends, and what they had not finished is swept up and made again by the next one.
A film whose worker is lost goes on in another, where its finished links and pieces end.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.compute.work import FilmDone, FilmWork, make_film
from assets.workspace import Workspace
from corpus.paths import Home
from corpus.terms import FeelmError

logger = logging.getLogger("feelm")

ADDRESS = "RAY_ADDRESS"
CPUS, GPUS, MEMORY_GB = "FEELM_RAY_CPUS", "FEELM_RAY_GPUS", "FEELM_RAY_MEMORY_GB"
WORKERS = "FEELM_RAY_WORKERS"
"""How many workers a cluster is asked for that grows when it is asked for more than it has room for; else as many as there is room for."""

ATTEMPTS = 3
"""How often a film is begun whose worker dies: the third may be what kills it."""

CONNECT_S = 10.0
LOOPBACK = "127.0.0.1"
DEFAULTS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "0", "RAY_AUTH_MODE": "token"}
"""No statistics to others, no warning about GPUs, every line of every worker; and nobody without the token of `~/.ray` is let in."""

ON_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""At 0 Ray takes loopback for the machine's own address, which is where it listens; `_node_ip_address` changes nothing (2.60)."""


@dataclass(frozen=True)
class Share:
    """What one actor takes of a machine: CPUs, GPUs (a half: two share one) and memory, beyond which it is not started."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory_gb: float = 0.0

    @classmethod
    def from_environment(cls) -> Share:
        """FEELM_RAY_CPUS, FEELM_RAY_GPUS and FEELM_RAY_MEMORY_GB.

        Raises:
            FeelmError: one is no number, or no actor could ever be started or all at once.
        """
        share = cls(_number(CPUS, 1.0), _number(GPUS, 0.0), _number(MEMORY_GB, 0.0))
        if share.cpus <= 0:
            raise FeelmError(f"{CPUS}={share.cpus:g}: a film needs some of a CPU, or all films would begin at once")
        return share

    def options(self) -> dict[str, Any]:
        """The actor's, as Ray takes them."""
        memory = {"memory": int(self.memory_gb * 1e9)} if self.memory_gb else {}
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "max_restarts": -1, "max_task_retries": ATTEMPTS - 1, **memory}

    def fits(self, resources: dict[str, float]) -> int:
        """How many actors a machine with these resources has room for."""
        asked = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory_gb * 1e9}
        return min(int(resources.get(name, 0.0) / amount) for name, amount in asked.items() if amount)


def _number(name: str, usual: float) -> float:
    value = os.environ.get(name) or str(usual)
    try:
        number = float(value)
    except ValueError:
        raise FeelmError(f"{name}={value} is no number; docs/scaling.md tells what it sets") from None
    if not 0 <= number < float("inf"):
        raise FeelmError(f"{name}={value}: give a number that is not negative")
    return number


class Extractor:
    """What runs in a worker of the cluster: a film at a time, in a process whose networks stay loaded."""

    def __init__(self, home: str) -> None:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        self._home = Home(Path(home))

    def ready(self) -> None:
        """Answered once there is a machine for it."""

    def make(self, work: FilmWork) -> FilmDone:
        """See `assets.compute.work.make_film`."""
        return make_film(Workspace(self._home), work)


def on_ray(home: Home, works: Sequence[FilmWork], extractor: type[Extractor] = Extractor) -> Iterator[FilmDone]:
    """Films as they are done; as many actors as there is room for and work for, each with one film, so that nothing piles up.

    An actor for which the cluster has yet to find a machine gets no film until then.

    Raises:
        FeelmError: Ray is not installed, its cluster cannot be reached, or no machine of it has room for an actor.
    """
    share, wanted = Share.from_environment(), int(_number(WORKERS, 0))
    with connected() as ray:
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        room = sum(share.fits(machine) for machine in machines)
        if not (room or wanted):
            raise FeelmError(f"no machine of the Ray cluster has room for {share}: they have {machines}; set {CPUS}, {GPUS}, {MEMORY_GB}")
        if not room:
            logger.warning("no machine of the Ray cluster has room for %s yet: waiting for one", share)
        actor = ray.remote(**share.options())(extractor)
        workers = [actor.remote(str(home.root)) for _ in range(min(max(room, wanted), len(works)))]
        starting = {worker.ready.remote(): worker for worker in workers}
        waiting: deque[FilmWork] = deque(works)
        flying: dict[Any, tuple[Any, FilmWork]] = {}
        while waiting or flying:
            (done,), _ = ray.wait([*starting, *flying], num_returns=1)
            if done in starting:
                worker = starting.pop(done)
            else:
                worker, work = flying.pop(done)
                yield _outcome(ray, done, work)
            if waiting:
                work = waiting.popleft()
                flying[worker.make.remote(work)] = (worker, work)


def _outcome(ray: Any, done: Any, work: FilmWork) -> FilmDone:
    try:
        made: FilmDone = ray.get(done)
        return made
    except ray.exceptions.RayTaskError as error:  # its trace is in the worker's log, and in the driver's
        return FilmDone(work.film_id, failure=str(error.cause or error).strip().splitlines()[-1])
    except ray.exceptions.RayError as error:
        return FilmDone(work.film_id, failure=f"lost on the cluster, {ATTEMPTS} times at most: {str(error).strip().splitlines()[0]}")


def _check_answers(address: str) -> None:
    """Raises FeelmError where nobody listens; Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise FeelmError(f"{ADDRESS}={address}: give the address of a cluster's head as host:port")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise FeelmError(f"no Ray cluster at {address}: {error}; start it, or unset {ADDRESS}") from None


@contextmanager
def connected() -> Iterator[Any]:
    """Ray, connected for as long as the block lasts; children of this process find the same cluster.

    Raises:
        FeelmError: Ray is not installed, or its cluster cannot be reached.
    """
    address = os.environ.get(ADDRESS)
    os.environ |= {name: os.environ.get(name, value) for name, value in DEFAULTS.items()}
    if address is None or address.partition(":")[0] in ("localhost", LOOPBACK):
        os.environ.setdefault(ON_LOOPBACK, "0")
    if address is not None:
        _check_answers(address)
    try:
        import ray
    except ImportError:
        raise FeelmError("FEELM_COMPUTE=ray needs Ray: `make ray` installs it") from None
    try:
        context = ray.init(address=address or "local", include_dashboard=False if address is None else None, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise FeelmError(f"no Ray cluster at {address}: {str(error).strip().splitlines()[0]}; start it, or unset {ADDRESS}") from error
    try:
        if address is None:
            os.environ[ADDRESS] = context.address_info["address"]
        yield ray
    finally:
        if address is None:
            os.environ.pop(ADDRESS, None)
        ray.shutdown()
