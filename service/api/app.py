"""The application: guard, routes, errors and the service behind them.

Every module of `service.api.routes` that has a `router` is a part of it; `UPLOADS` in such a module names the paths that take large bodies.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from fastapi import FastAPI

from service.api import problems, routes
from service.api.engine import Engine
from service.api.guard import Guard
from service.api.jobs import Jobs
from service.api.keys import KeyRing
from service.api.media import MediaReader
from service.api.metrics import Metrics
from service.api.openapi import describe
from service.api.settings import Settings, check_reach
from service.api.state import Service
from service.api.talking import Talking
from service.threads import share_heaps

TOLD_BY = "FEELM_SERVICE"
"""The variable by which a process of `feelm serve` is told its settings."""

VERSION = "1.0.0"


def create_app(settings: Settings) -> FastAPI:
    """The application on a home; the champion is loaded when it is started.

    Raises:
        FeelmError: others could reach it, and there is no API key.
    """
    keys, metrics = KeyRing(settings.folder), Metrics()
    check_reach(settings, bool(keys.keys()))
    limits = settings.limits
    jobs = Jobs(settings.folder, limits.job_kept_s, limits.jobs_kept)
    talking = Talking(settings, metrics)
    service = Service(settings, keys, metrics, Engine(settings, metrics, talking.prepare), jobs, MediaReader(settings, metrics), talking)
    app = FastAPI(title="Feelm", version=VERSION, openapi_url=None, docs_url=None, redoc_url=None, lifespan=_lifespan)
    app.state.service = service
    modules = list(_modules())
    for module in modules:
        app.include_router(module.router)
    uploads = frozenset(path for module in modules for path in getattr(module, "UPLOADS", ()))
    app.add_middleware(Guard, service=service, uploads=uploads)
    problems.install(app)
    describe(app)
    return app


def from_environment() -> FastAPI:
    """The application that `feelm serve` described in the environment."""
    share_heaps()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("feelm").setLevel(logging.INFO)
    return create_app(Settings.from_json(os.environ[TOLD_BY]))


def _modules() -> Iterator[ModuleType]:
    for found in iter_modules(routes.__path__):
        yield import_module(f"{routes.__name__}.{found.name}")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    service.jobs.open()
    service.engine.start()
    service.talking.start()
    if service.settings.workers > 1:
        await service.engine.settled()  # the others answer meanwhile
    try:
        yield
    finally:
        await service.end_tasks()
        service.engine.stop()
        service.talking.stop()
        service.streams.stop()
        service.jobs.close()
