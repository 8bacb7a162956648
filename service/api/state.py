"""What every route shares: one `Service` an application, given to a route that asks for it.

A route's function takes `served: Served` for the service and `asker: Asker` for the name of the key that was used (None without keys).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from service.api.engine import Engine
from service.api.jobs import Jobs
from service.api.keys import KeyRing
from service.api.media import MediaReader
from service.api.metrics import Metrics
from service.api.settings import Settings
from service.api.talking import Talking
from service.streams.reader import StreamReader


@dataclass
class Service:
    """The parts of a running service; `tasks` are pieces of work that go on after their request was answered."""

    settings: Settings
    keys: KeyRing
    metrics: Metrics
    engine: Engine
    jobs: Jobs
    media: MediaReader
    talking: Talking
    streams: StreamReader = field(default_factory=StreamReader)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Have work go on after the request; it is ended with the service."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def end_tasks(self) -> None:
        """End what still goes on."""
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def service_of(connection: HTTPConnection) -> Service:
    """The service that a request or websocket came to."""
    service: Service = connection.app.state.service
    return service


def asker_of(connection: HTTPConnection) -> str | None:
    """The name of the key that was used; None where none is asked for."""
    name: str | None = connection.scope.get("state", {}).get("asker")
    return name


Served = Annotated[Service, Depends(service_of)]
Asker = Annotated[str | None, Depends(asker_of)]
