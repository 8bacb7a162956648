"""The Ray cluster that a team computes on: which it is, who may reach it, and what a worker takes of its machines.

It is the one that RAY_ADDRESS names, else one of this machine that ends with the process and listens on loopback alone. Every machine of
it must have this very Feelm, which is asked before anything is handed over.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from corpus.environment import chosen
from corpus.sources import source_digest
from corpus.terms import FeelmError

ADDRESS = "RAY_ADDRESS"
COMPUTE = "FEELM_COMPUTE"
ATTEMPTS = 3
"""How often a piece of work is begun whose worker dies: the third may be what kills it."""

CPUS, GPUS, MEMORY_GB = "FEELM_RAY_CPUS", "FEELM_RAY_GPUS", "FEELM_RAY_MEMORY_GB"
WORKERS = "FEELM_RAY_WORKERS"
"""How many workers a cluster is asked for that grows when it is asked for more than it has room for; else as many as there is room for."""

CONNECT_S = 10.0
LOOPBACK = "127.0.0.1"
DEFAULTS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "0", "RAY_AUTH_MODE": "token"}
"""No statistics to others, no warning about GPUs, every line of every worker; and nobody without the token of `~/.ray` is let in."""

ON_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""At 0 Ray takes loopback for the machine's own address, which is where it listens; `_node_ip_address` changes nothing (2.60)."""


class Compute(StrEnum):
    """Where films are computed, and networks trained."""

    LOCAL = "local"
    RAY = "ray"

    @classmethod
    def current(cls) -> Compute:
        """FEELM_COMPUTE's, local where it is not set.

        Raises:
            FeelmError: it names none.
        """
        return chosen(COMPUTE, cls.LOCAL, "docs/scaling.md tells about them")


@dataclass(frozen=True)
class Share:
    """What one worker takes of a machine: CPUs, GPUs (a half: two share one) and memory, beyond which it is not started."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory_gb: float = 0.0

    @classmethod
    def from_environment(cls) -> Share:
        """FEELM_RAY_CPUS, FEELM_RAY_GPUS and FEELM_RAY_MEMORY_GB.

        Raises:
            FeelmError: one is no number, or all work would begin at once.
        """
        share = cls(_number(CPUS, 1.0), _number(GPUS, 0.0), _number(MEMORY_GB, 0.0))
        if share.cpus <= 0:
            raise FeelmError(f"{CPUS}={share.cpus:g}: a worker needs some of a CPU, or all work would begin at once")
        return share

    def options(self) -> dict[str, Any]:
        """Of an actor or a task, as Ray takes them."""
        memory = {"memory": int(self.memory_gb * 1e9)} if self.memory_gb else {}
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, **memory}

    def fits(self, resources: dict[str, float]) -> int:
        """How many workers a machine with these resources has room for."""
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
def connected(show_logs: bool = False) -> Iterator[Any]:
    """Ray, connected for as long as the block lasts; children of this process find the same cluster. What workers say is shown here too
    where that is wished for.

    Raises:
        FeelmError: Ray is not installed, its cluster cannot be reached, or a machine of it has another Feelm.
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
        context = ray.init(
            address=address or "local",
            include_dashboard=False if address is None else None,
            logging_level=logging.ERROR,
            log_to_driver=show_logs,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise FeelmError(f"no Ray cluster at {address}: {str(error).strip().splitlines()[0]}; start it, or unset {ADDRESS}") from error
    try:
        if address is None:
            os.environ[ADDRESS] = context.address_info["address"]
        _check_code(ray)
        yield ray
    finally:
        if address is None:
            os.environ.pop(ADDRESS, None)
        ray.shutdown()


def room_for(share: Share, ray: Any) -> int:
    """How many workers to ask the cluster for, at least one: as it has room for, or will have where FEELM_RAY_WORKERS says so.

    Raises:
        FeelmError: no machine of it has room, and none is waited for.
    """
    machines = [node["Resources"] for node in _machines(ray)]
    room, wanted = sum(share.fits(machine) for machine in machines), int(_number(WORKERS, 0))
    if wanted and not room:
        logging.getLogger("feelm").warning("no machine of the Ray cluster has room for %s yet: waiting for one", share)
    if not (room or wanted):
        raise FeelmError(f"no machine of the Ray cluster has room for {share}: they have {machines}; set {CPUS}, {GPUS}, {MEMORY_GB}")
    return max(room, wanted)


def _machines(ray: Any) -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _check_code(ray: Any) -> None:
    """Raises FeelmError where a machine has no Feelm, or another one: its workers would be started again for ever, or make other bytes."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def code_there() -> str:  # inside, so that it travels as it is: what has a module of its own is looked for there
        from corpus.sources import source_digest

        return source_digest()

    ask, here = ray.remote(num_cpus=0, max_retries=0)(code_there), source_digest()
    for node in _machines(ray):
        at = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        try:
            fault = "" if ray.get(ask.options(scheduling_strategy=at).remote()) == here else "its code is another than this process's"
        except ray.exceptions.RayError as error:
            fault = str(error).strip().splitlines()[-1]
        if fault:
            raise FeelmError(f"{node['NodeManagerHostname']} of the Ray cluster cannot work: {fault}; every machine needs this Feelm")
