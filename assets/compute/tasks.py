"""Training on a Ray cluster: the networks of all folds and seeds are tasks of their own, each with its share of a machine or a GPU.

A model is many small networks, of which each trains in seconds to minutes and none needs another's gradients; so machines and GPUs are
filled with whole networks, and the same bytes come out as of one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

from assets.compute.cluster import ATTEMPTS, Compute, Share, connected, room_for


class RayTasks(Executor):
    """Calls as tasks of a cluster; one whose worker dies is made again, ATTEMPTS times in all."""

    def __init__(self, ray: Any, share: Share) -> None:
        self._ray, self._call = ray, ray.remote(max_retries=ATTEMPTS - 1, **share.options())(_call)
        self._asked: list[Any] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See `Executor`; arguments and result travel between machines."""
        asked = self._call.remote(fn, *args, **kwargs)
        self._asked.append(asked)
        future: Future[Any] = asked.future()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End what was asked for; whoever wants a result has it by now."""
        for asked in self._asked:
            self._ray.cancel(asked, force=True)


def _call(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return fn(*args, **kwargs)


@contextmanager
def training_pool() -> Iterator[Executor | None]:
    """What networks are trained by; None where FEELM_COMPUTE leaves that to processes of this machine.

    Raises:
        FeelmError: the cluster cannot be reached, has no room or another Feelm, or FEELM_COMPUTE names nothing.
    """
    if Compute.current() is Compute.LOCAL:
        yield None
        return
    share = Share.from_environment()
    with connected() as ray:
        room_for(share, ray)
        with RayTasks(ray, share) as tasks:
            yield tasks
