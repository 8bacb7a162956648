"""`/health` for whoever keeps the service running, `/metrics` for whoever watches it."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from service.api.metrics import CONTENT_TYPE
from service.api.models.health import LiveAnswer, ReadyAnswer
from service.api.problems import Problem
from service.api.state import Served

router = APIRouter(tags=["health"])


@router.get("/health/live", summary="Whether the process lives")
async def live() -> LiveAnswer:
    """It does, where this is answered."""
    return LiveAnswer(live=True)


@router.get("/health/ready", summary="Whether the champion answers")
async def ready(served: Served) -> ReadyAnswer:
    """503 before the champion is loaded; `trouble` tells why the last look for another failed, with the present one still answering."""
    champion = served.engine.standing
    if champion is None:
        raise Problem(503, "not-ready", "The service is not ready", str(served.engine.trouble), 2)
    return ReadyAnswer(ready=True, model_version=champion.origin.model_version, trouble=served.engine.trouble)


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(served: Served) -> Response:
    """Requests by route and status with their times, the model, what waits, what was escalated."""
    await asyncio.to_thread(served.talking.count)
    return Response(served.metrics.text(), media_type=CONTENT_TYPE)
